"""The buttons of Slack: who may press them, what is shown to who does, and how the answers of the webhooks are counted."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter as Metric

from enricher.core.people import Role
from enricher.ports import Dialogs
from enricher.settings import Settings
from enricher.telemetry import FEEDBACK, PRESSES, WEBHOOKS
from enricher.web.services import SlackDoor


def has_buttons(settings: Settings) -> bool:
    """Buttons are shown where somebody may press them, and the press can be proved."""
    return settings.slack_signing_secret is not None and bool(settings.slack_roles)


def half_set(settings: Settings) -> list[str]:
    """A line for what is set and leads to nothing."""
    both = "ENRICHER_SLACK_SIGNING_SECRET", "ENRICHER_SLACK_ROLES"
    given = settings.slack_signing_secret is not None, bool(settings.slack_roles)
    if given in {(True, False), (False, True)}:
        there, lacking = both if given[0] else reversed(both)
        return [f"{there} is set and {lacking} is not: messages in Slack have no buttons"]
    return []


def slack_door(settings: Settings) -> SlackDoor | None:
    """Who may press the buttons; None where no press can be proved. Somebody named for two roles has the higher one."""
    secret = settings.slack_signing_secret
    if secret is None:
        return None
    given = settings.slack_roles or {}
    roles = {user: role for role in Role for user in given.get(role, ())}
    return SlackDoor(secret=secret.get_secret_value(), roles=roles, team=settings.slack_team, app=settings.slack_app)


def dialogs_of(settings: Settings) -> Dialogs | None:
    """What shows forms in Slack; None where Slack is off."""
    if settings.slack_token is None:
        return None
    from enricher.destinations.slack_dialogs import SlackDialogs

    return SlackDialogs(settings.slack_token.get_secret_value(), settings.slack_url)


def counted_answers() -> Callable[[str, str], None]:
    """Counts what the webhooks answered. The children are kept: `labels` costs more than counting."""
    children: dict[tuple[str, str], Metric] = {}

    def count(event: str, answer: str) -> None:
        child = children.get((event, answer))
        if child is None:
            child = children[event, answer] = _labelled(event, answer)
        child.inc()

    return count


def _labelled(event: str, answer: str) -> Metric:
    if event == "webhook":
        return WEBHOOKS.labels(answer)
    return PRESSES.labels(answer) if event == "slack" else FEEDBACK.labels(event, answer)
