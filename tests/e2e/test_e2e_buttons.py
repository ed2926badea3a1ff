"""A case from its message in Slack: every button pressed, and what all three services and the case then hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from enricher.core.document import Json
from enricher.standins import KEY, Slack, running
from enricher.standins.slack.pressing import App, Outcome
from tests.e2e import alerts
from tests.e2e.harness import CHANNEL, Service, Standins, serving, until

pytestmark = pytest.mark.slow

WHOM = {"informational": "S0INFO", "low": "S0LOW", "medium": "S0MED", "high": "S0HIGH", "critical": "S0CRIT"}
SETTINGS = {
    "ENRICHER_SLACK_SIGNING_SECRET": KEY,
    "ENRICHER_SLACK_ROLES": '{"analyst": ["U0ANALYST1"]}',
    "ENRICHER_SLACK_MENTIONS": str(WHOM).replace("'", '"'),
    "ENRICHER_JIRA_QUIET_SECONDS": "1",
}
NAME = "pressed"


class Desk:
    """Somebody in front of the case's message."""

    def __init__(self, slack: Slack, service: Service, key: str) -> None:
        self.slack, self._service, self._key = slack, service, key

    @property
    def message(self) -> Json:
        [only] = [one for one in self.slack.holdings()["messages"] if one["channel"] == CHANNEL]
        return dict(only)

    @property
    def work(self) -> Json:
        return dict(self._service.get(f"cases/{self._key}")["work"])

    def press(self, action: str) -> Outcome:
        return self.slack.pressing.press(CHANNEL, self.message["ts"], action)

    def labels(self) -> list[str]:
        rows = [block["elements"] for block in self.message["blocks"] if block["type"] == "actions"]
        return [one["text"]["text"] for elements in rows for one in elements]

    def replies(self) -> list[str]:
        return [one["text"] for one in self.message["thread"]]

    def reads(self, text: str) -> None:
        """Wait until the message says so."""
        until(lambda: text in str(self.message["blocks"]), f"{text!r} in the message")

    def calls(self) -> list[str]:
        """Whom the message and its replies have called, in the order in which they were posted."""
        posted = [one["metadata"]["event_payload"] for one in (self.message, *self.message["thread"])]
        return [one["severity"] for one in posted if one.get("called")]


@pytest.fixture
def slack() -> Iterator[Slack]:
    with running(Slack(rate=0.0)) as standin:
        yield standin


@pytest.fixture
def standins(tmp_path: Path) -> Iterator[Standins]:
    with Standins(tmp_path / "standins", "--no-limits") as running_standins:
        yield running_standins


def test_every_button_of_a_case_does_what_it_says(slack: Slack, standins: Standins, tmp_path: Path) -> None:
    where = {
        "ENRICHER_SLACK_URL": f"{slack.url}/api",
        "ENRICHER_DATABASE_URL": f"sqlite:///{tmp_path}/enricher.db",
    }
    with serving(standins.environment() | SETTINGS | where, tmp_path / "service.log") as service:
        slack.pressing.app = App(url=f"{service.url}/webhooks/slack", secret=KEY)
        case = service.case(service.accept(alerts.trigger(NAME)))
        key = case["key"]
        service.delivered(key)
        desk = Desk(slack, service, key)
        assert desk.labels() == ["Acknowledge", "Assign to me", "False positive", "Mute 24 h"]
        _take(desk)
        _mute(desk)
        assert desk.calls() == ["medium"]
        _worsen(desk, service)
        assert desk.press("case_false_positive").status == 200
        feedback = service.get(f"cases/{key}")["feedback"]
        assert (feedback["said"], feedback["source"], feedback["by"]) == (
            "false_positive",
            "slack",
            "@analyst (U0ANALYST1)",
        )
        service.delivered(key)
        _holds_each_once(standins)


def _take(desk: Desk) -> None:
    """Acknowledged and assigned: one reply each, and the button that has done its work is gone."""
    for action, word in (("case_ack", "Acknowledged by"), ("case_assign", "Assigned to")):
        assert desk.press(action).status == 200
        desk.reads(word)
    until(lambda: len(desk.replies()) == 2, "both replies")
    assert [text.partition(" by ")[0].partition(" to ")[0] for text in desk.replies()] == ["Acknowledged", "Assigned"]
    assert desk.labels() == ["Assign to me", "False positive", "Mute 24 h"]
    assert {desk.work["acknowledged_by"], desk.work["assignee"]} == {"@analyst (slack)"}


def _mute(desk: Desk) -> None:
    """Only with a reason; shown in the message and replied by nobody."""
    form = desk.press("case_mute").view
    assert desk.slack.pressing.submit(form, {"why": ""}).errors.keys() == {"why"}
    assert desk.work["muted_until"] is None
    assert desk.slack.pressing.submit(form, {"why": "patch night"}).errors == {}
    desk.reads("patch night")
    assert desk.labels() == ["Assign to me", "False positive", "Unmute"]
    assert (desk.work["muted_by"], desk.work["mute_reason"]) == ("@analyst (slack)", "patch night")
    assert len(desk.replies()) == 2


def _worsen(desk: Desk, service: Service) -> None:
    """A higher severity ends the mute, and calls whom it is set to call, once."""
    events = [alerts.creation(NAME, "powershell -enc SQBFAFgA"), *alerts.contact(NAME)]
    worse = service.case(service.accept(alerts.trigger(f"{NAME}-2", events)))
    service.delivered(worse["key"])
    until(lambda: len(desk.replies()) == 4, "the replies to the rise")
    assert worse["severity"] == "critical"
    assert desk.work["muted_until"] is None
    assert desk.labels() == ["Assign to me", "False positive", "Mute 24 h"]
    assert desk.calls() == ["medium", "critical"]
    assert [one["mentions"] for one in desk.message["thread"]].count(["!subteam^S0CRIT"]) == 1


def _holds_each_once(standins: Standins) -> None:
    """What was done stands in the other two services as well, each once."""
    [issue] = standins.store("jira")["issues"]
    [incident] = standins.store("servicenow")["incidents"]
    for text in (str(issue["comments"]), str(incident)):
        for done in ("Acknowledged by @analyst", "Assigned to @analyst", "No longer muted"):
            assert text.count(done) == 1, (done, text)
