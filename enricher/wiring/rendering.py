"""A case as a destination would get it, nothing sent: for `explain --render` and for checking templates."""

from __future__ import annotations

from enricher.core.document import CaseDocument, Json
from enricher.destinations import jira_body, servicenow, slack_body
from enricher.settings import Settings


def render(case: CaseDocument, destination: str, settings: Settings) -> Json:
    """The body of the create call; settings that are not set are shown by their variable's name."""
    if destination == "jira":
        return jira_body.render(
            case,
            project=settings.jira_project or "ENRICHER_JIRA_PROJECT",
            issue_type=settings.jira_issue_type,
            base_url=settings.base_url,
        )
    if destination == "servicenow":
        return servicenow.render(case, base_url=settings.base_url)
    return slack_body.render(case, channel=settings.slack_channel or "ENRICHER_SLACK_CHANNEL", base_url=settings.base_url)
