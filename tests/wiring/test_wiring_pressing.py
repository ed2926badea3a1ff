"""Who may press buttons in Slack, by the settings."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from enricher.core.people import Role
from enricher.settings import Settings
from enricher.wiring.pressing import dialogs_of, half_set, has_buttons, slack_door

SECRET = SecretStr("made up")


def test_buttons_need_a_secret_and_somebody_who_may_press_them() -> None:
    roles = {"analyst": "*"}
    assert not has_buttons(Settings())
    assert not has_buttons(Settings(slack_signing_secret=SECRET))
    assert has_buttons(Settings.model_validate({"slack_signing_secret": SECRET, "slack_roles": roles}))
    assert half_set(Settings()) == []
    assert half_set(Settings(slack_signing_secret=SECRET)) == [
        "ENRICHER_SLACK_SIGNING_SECRET is set and ENRICHER_SLACK_ROLES is not: messages in Slack have no buttons"
    ]
    [line] = half_set(Settings.model_validate({"slack_roles": roles}))
    assert line.startswith("ENRICHER_SLACK_ROLES is set")


def test_the_higher_of_two_roles_counts() -> None:
    given = {"slack_signing_secret": SECRET, "slack_roles": '{"analyst": ["U01", "U02"], "viewer": ["U01"]}'}
    door = slack_door(Settings.model_validate(given))
    assert door is not None
    assert door.roles == {"U01": Role.ANALYST, "U02": Role.ANALYST}
    assert "made up" not in repr(door)
    assert slack_door(Settings()) is None
    assert dialogs_of(Settings()) is None


@pytest.mark.parametrize(
    "given",
    [
        {"slack_roles": '{"owner": ["U01"]}'},
        {"slack_roles": '{"analyst": ["m.alvarez"]}'},
        {"slack_roles": "analyst"},
        {"slack_mentions": '{"critical": "<!channel>"}'},
        {"slack_mentions": '{"urgent": "S0123"}'},
        {"slack_mentions": '{"critical": "@here"}'},
        {"slack_team": "soc"},
        {"slack_app": "T0123"},
    ],
)
def test_what_is_no_id_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(given)
