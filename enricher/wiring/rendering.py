"""A case as a destination would get it, nothing sent: for `explain --render` and for checking templates."""

from __future__ import annotations

from enricher.core.document import CaseDocument, Json
from enricher.core.layout import PLAIN, Layouts
from enricher.destinations import jira_body, servicenow, slack_body
from enricher.destinations.jira_fields import PRIORITIES, SiteFields
from enricher.destinations.jira_flavour import FLAVOURS
from enricher.destinations.servicenow import Form
from enricher.settings import Settings


def jira_fields(settings: Settings) -> SiteFields:
    """What a site wants in its issues, by the settings. A severity that they do not name keeps Jira's default priority."""
    return SiteFields(
        priorities={**PRIORITIES, **settings.jira_priorities} if settings.jira_priorities else PRIORITIES,
        components=settings.jira_components or (),
        security=settings.jira_security,
        assignee=settings.jira_assignee,
        custom=settings.jira_fields or {},
    )


def servicenow_form(settings: Settings) -> Form:
    """How ServiceNow's records are filled in, by the settings."""
    return Form(
        table=settings.servicenow_table,
        weights=settings.servicenow_priorities,
        fields=settings.servicenow_fields,
        send_risk_score=settings.servicenow_risk_score == "case",
    )


def render(case: CaseDocument, destination: str, settings: Settings, templates: Layouts = PLAIN) -> Json:
    """The body of the create call by these templates; settings that are not set are shown by their variable's name."""
    if destination == "jira":
        return jira_body.render(
            case,
            project=settings.jira_project or "ENRICHER_JIRA_PROJECT",
            issue_type=settings.jira_issue_type,
            fields=jira_fields(settings),
            flavour=FLAVOURS[settings.jira_flavour],
            layout=templates.jira,
            base_url=settings.base_url,
        )
    if destination == "servicenow":
        form = servicenow_form(settings)
        named = {"assignment_group": settings.servicenow_assignment_group, form.caller_field: settings.servicenow_caller}
        shown = {field: name for field, name in named.items() if name}
        return servicenow.render(case, form, found=shown, layout=templates.servicenow, base_url=settings.base_url)
    return slack_body.render(
        case,
        channel=settings.slack_channel or "ENRICHER_SLACK_CHANNEL",
        base_url=settings.base_url,
        layout=templates.slack,
    )
