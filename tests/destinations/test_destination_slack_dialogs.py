"""What a person who has pressed a button in Slack is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from enricher import standins
from enricher.destinations.slack_dialogs import SlackDialogs
from enricher.errors import DeliveryError
from tests.standins.standin_client import transport


class Ticking:
    """A clock that is moved."""

    def __init__(self) -> None:
        self.now = 1_795_485_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def service(clock: Ticking) -> Iterator[standins.Slack]:
    made = standins.Slack(rate=0, clock=clock)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def dialogs(service: standins.Slack) -> Iterator[SlackDialogs]:
    made = SlackDialogs(service.token, f"{service.url}/api", transport=transport())
    yield made
    made.close()


def test_the_form_opens_once_for_each_press(service: standins.Slack, dialogs: SlackDialogs) -> None:
    trigger = service.interactions.trigger()
    dialogs.ask_why(trigger, "enricher-1", "C1")
    [opened] = service.interactions.views
    assert opened["view"]["private_metadata"] == "C1 enricher-1"
    with pytest.raises(DeliveryError, match="exchanged_trigger_id"):
        dialogs.ask_why(trigger, "enricher-1", "C1")


def test_a_press_is_good_for_three_seconds(service: standins.Slack, dialogs: SlackDialogs, clock: Ticking) -> None:
    trigger = service.interactions.trigger()
    clock.now += 3.1
    with pytest.raises(DeliveryError, match="expired_trigger_id"):
        dialogs.ask_why(trigger, "enricher-1", "C1")
    with pytest.raises(DeliveryError, match="invalid_trigger_id"):
        dialogs.ask_why("made up", "enricher-1", "C1")
    assert service.interactions.views == []


def test_what_is_whispered_is_no_markup(service: standins.Slack, dialogs: SlackDialogs) -> None:
    dialogs.tell(service.channel, "U1", "no <!channel>")
    assert service.interactions.whispers == [{"channel": service.channel, "user": "U1", "text": "no &lt;!channel&gt;"}]
    with pytest.raises(DeliveryError, match="channel_not_found"):
        dialogs.tell("C0", "U1", "no")
