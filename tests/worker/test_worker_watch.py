"""No silence stays silent: one message for each, whatever fails, judged by what the channel holds in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from enricher import standins
from enricher.core.silence import Silence, Vital
from enricher.destinations.slack_notice import SlackNotices
from enricher.errors import DeliveryError, Reason
from enricher.ports import ClaimedChore, Settlement
from enricher.standins.faults import Fault, FaultKind
from enricher.store import Store
from enricher.telemetry import SilenceCollector
from enricher.worker.watch import Watcher
from tests.standins.standin_client import transport
from tests.store.fakes import Clock, Estate, submission

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
LOOK = ClaimedChore(name="silence", kind="silence", subject={}, every_s=60.0, tries=1, fence=1)


class House:
    """A store, a workspace, and the watch over both; `minutes` lets time pass, with a look each."""

    def __init__(self, estate: Estate, faults: list[Fault]) -> None:
        self.estate, self.store, self.sent = estate, estate.open(), 0
        self.service = standins.Slack(rate=0, clock=lambda: estate.clock.now.timestamp())  # noqa: PLW0108 - the clock moves
        self.service.fail(*faults)
        self.service.start()
        self.opened: list[SlackNotices] = []
        self.watcher = self.another(self.store)

    def another(self, store: Store) -> Watcher:
        self.notices = SlackNotices(
            self.service.token,
            self.service.channel,
            url=f"{self.service.url}/api",
            mention="S012ONCALL",
            transport=transport(),
        )
        self.opened.append(self.notices)
        return Watcher(watch=store.watch, every_s={"sumo": 600.0}, notices=self.notices, paused=store.canaries.paused)

    def hear(self, vital: Vital | None = None, source: str = "sumo") -> None:
        self.sent += 1
        self.store.inbox.accept(submission(f"a{self.sent}", source=source))
        (claim,) = self.store.inbox.claim(1)
        self.store.inbox.settle(claim, Settlement(kind="monitor", vital=vital))

    def minutes(self, count: int) -> None:
        for _ in range(count):
            self.estate.advance(60)
            self.watcher.look(LOOK)

    @property
    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.service.store()["messages"]
        return found

    def metric(self) -> dict[str, float]:
        silent, _ = SilenceCollector(self.store.reader.sources(monitors=False), self.store.watch.open()).collect()
        return {sample.labels["source"]: sample.value for sample in silent.samples}


@pytest.fixture
def house(tmp_path: Path, tables_in_sqlite: Callable[[Path], str], request: pytest.FixtureRequest) -> Iterator[House]:
    estate = Estate(tables_in_sqlite(tmp_path / "enricher.db"), Clock(START))
    made = House(estate, getattr(request, "param", []))
    yield made
    made.service.stop()
    for notices in made.opened:
        notices.close()
    estate.close()


def test_a_silence_is_one_message_and_its_end_a_reply(house: House) -> None:
    house.hear()
    house.minutes(25)
    assert (house.messages, house.metric()) == ([], {"sumo": 0.0})
    house.minutes(20)
    [message] = house.messages
    assert "nothing from sumo" in message["text"]
    assert message["text"].startswith("<!subteam^S012ONCALL> ")
    assert house.metric() == {"sumo": 1.0}
    house.hear()
    house.minutes(3)
    [message] = house.messages
    assert "silent 2026-11-24 00:00–00:45 UTC, 45 min" in message["text"]
    assert [reply["text"] for reply in message["thread"]] == ["Heard again: silent 2026-11-24 00:00–00:45 UTC, 45 min"]
    assert house.metric() == {"sumo": 0.0}
    house.minutes(40)
    assert len(house.messages) == 2, "the next silence is another message"


POST = "/api/chat.postMessage"


@pytest.mark.parametrize(
    "house",
    [
        pytest.param([Fault(kind=FaultKind.DROP, path=POST, calls=(1,))], id="answer lost"),
        pytest.param([Fault(kind=FaultKind.DROP, path=POST, calls=(1, 2))], id="answers lost"),
        pytest.param([Fault(kind=FaultKind.ERROR, path=POST, calls=(1,))], id="posted, and 500"),
        pytest.param([Fault(kind=FaultKind.REFUSE, path=POST, calls=(1,))], id="not posted"),
        pytest.param([Fault(kind=FaultKind.LIMIT, path=POST, calls=(1,), retry_after=300.0)], id="too fast"),
        pytest.param([Fault(kind=FaultKind.DROP, path="/api/chat.update", calls=(1,))], id="edit lost"),
        pytest.param(
            [
                Fault(kind=FaultKind.DROP, path=POST, calls=(1,)),
                Fault(kind=FaultKind.LIMIT, path="/api/conversations.history", calls=(1,), retry_after=120.0),
            ],
            id="answer lost, then history too fast",
        ),
    ],
    indirect=True,
)
def test_whatever_fails_it_is_one_message_and_one_reply(house: House) -> None:
    house.hear()
    house.minutes(60)
    assert len(house.messages) == 1
    house.hear()
    house.minutes(20)
    [message] = house.messages
    assert len(message["thread"]) == 1


class Killed(BaseException):
    """The process ends here."""


def test_killed_after_posting_it_is_found(house: House) -> None:
    begun = house.notices.begun

    def dies(silence: Any) -> str:
        begun(silence)
        raise Killed

    house.hear()
    house.notices.begun = dies  # type: ignore[method-assign] # dies there, once
    with pytest.raises(Killed):
        house.minutes(40)
    house.watcher = house.another(house.estate.open())
    house.minutes(5)
    assert len(house.messages) == 1


def test_two_replicas_are_one_message(house: House) -> None:
    other = house.another(house.estate.open())
    house.hear()
    for _ in range(40):
        house.minutes(1)
        other.look(LOOK)
    assert len(house.messages) == 1


def test_two_that_look_at_the_same_time_are_one_message(house: House) -> None:
    house.hear()
    house.minutes(25)
    house.estate.advance(240)
    watchers = [house.another(house.estate.open()) for _ in range(4)]
    at_once = threading.Barrier(len(watchers))

    def look(watcher: Watcher) -> str:
        at_once.wait(30)
        return watcher.look(LOOK)

    with ThreadPoolExecutor(len(watchers)) as pool:
        said = sorted(pool.map(look, watchers))
    assert said == ["0 begun, 0 ended"] * 3 + ["1 begun, 0 ended"]
    assert len(house.messages) == 1
    house.hear()
    house.estate.advance(60)
    with ThreadPoolExecutor(len(watchers)) as pool:
        list(pool.map(look, watchers))
    [message] = house.messages
    assert len(message["thread"]) == 1


def refusing(silence: Silence) -> str:
    if silence.name == "Refused":
        raise DeliveryError("slack", Reason.NOT_FOUND, detail="channel_not_found")
    return f"C1:{silence.name}"


def test_what_is_refused_keeps_no_other_and_is_given_up(house: House) -> None:
    for name in ("Refused", "Taken"):
        house.hear(Vital(what="logs", name=name), source="other")
    asked: list[str] = []

    def begun(silence: Silence) -> str:
        asked.append(silence.name)
        return refusing(silence)

    house.notices.begun = begun  # type: ignore[method-assign] # as a channel that is gone for one of them
    with capture_logs() as lines:
        house.minutes(300)
    assert (asked.count("Taken"), asked.count("Refused")) == (1, 10)
    [given_up] = [line for line in lines if line["event"] == "silence_not_told"]
    assert (given_up["log_level"], given_up["why"], given_up["detail"]) == ("error", "not_found", "channel_not_found")
    assert len([line for line in lines if line["event"] == "silence_told_later"]) == 9

    house.hear(Vital(what="logs", name="Refused", ended=True), source="other")
    house.minutes(1)
    assert asked.count("Refused") == 11, "when it ends it is tried again"


def test_what_keeps_all_is_asked_once_a_look(house: House) -> None:
    for name in ("A", "B", "C"):
        house.hear(Vital(what="logs", name=name), source="other")
    asked: list[str] = []

    def begun(silence: Silence) -> str:
        asked.append(silence.name)
        raise DeliveryError("slack", Reason.CONNECT)

    house.notices.begun = begun  # type: ignore[method-assign] # nobody answers
    house.minutes(1)
    assert asked == ["A"]


def test_logs_that_stop_and_heartbeats_without_an_interval_are_in_the_log(house: House) -> None:
    house.hear(Vital(what="logs", name="Sysmon"), source="other")
    house.hear(Vital(what="heartbeat", name="Odd"), source="other")
    with capture_logs() as lines:
        house.minutes(5)
        house.hear(Vital(what="logs", name="Sysmon", ended=True), source="other")
        house.minutes(5)
    assert [(line["event"], line["name"]) for line in lines] == [
        ("source_silent", "Sysmon"),
        ("heartbeat_not_watched", "Odd"),
        ("source_heard_again", "Sysmon"),
    ]


def test_at_the_end_the_connection_is_let_go(house: House) -> None:
    closed: list[str] = []
    house.notices.close = lambda: closed.append("slack")  # type: ignore[method-assign] # to see it
    house.watcher.close()
    Watcher(watch=house.store.watch, every_s={}, notices=None, paused=lambda _: None).close()
    assert closed == ["slack"]


def test_a_watch_that_is_over_says_so(house: House) -> None:
    house.hear()
    house.minutes(40)
    house.watcher = replace(house.watcher, every_s={})
    house.minutes(2)
    [message] = house.messages
    assert "silent since 2026-11-24 00:00 UTC, and watched no more" in message["text"]
    assert [reply["text"] for reply in message["thread"]] == ["Watched no more: silent since 2026-11-24 00:00 UTC"]


def test_our_own_outage_is_no_silence_of_others(house: House) -> None:
    house.hear()
    house.minutes(5)
    house.estate.advance(7_200)
    house.minutes(20)
    assert house.messages == []
    house.minutes(10)
    assert len(house.messages) == 1, "but it does not excuse it for ever"


def test_a_restart_in_silence_ends_nothing(house: House) -> None:
    house.hear()
    house.minutes(40)
    house.estate.advance(3_600)
    house.watcher = house.another(house.estate.open())
    house.minutes(60)
    [message] = house.messages
    assert message["thread"] == []
    assert house.metric() == {"sumo": 1.0}


def test_a_heartbeat_is_watched_by_its_own_interval_and_its_name_is_text(house: House) -> None:
    name = "<!channel> *evil* <https://evil.example|ok> " + "x" * 10_000
    house.hear(Vital(what="heartbeat", name=name, every_s=900.0), source="other")
    house.minutes(40)
    [message] = house.messages
    assert "<!channel>" not in message["text"]
    assert "<https" not in message["text"]
    assert len(message["text"]) < 1_000


def test_missing_data_is_an_alarm_until_it_is_resolved(house: House) -> None:
    house.hear(Vital(what="logs", name="Sysmon"), source="other")
    house.minutes(1)
    [message] = house.messages
    assert "logs do not reach Sumo Logic" in message["text"]
    house.hear(Vital(what="logs", name="Sysmon", ended=True), source="other")
    house.minutes(1)
    [message] = house.messages
    assert len(message["thread"]) == 1


def test_without_slack_the_metric_says_it(house: House) -> None:
    house.watcher = Watcher(watch=house.store.watch, every_s={"sumo": 600.0}, notices=None, paused=lambda _: None)
    house.hear()
    house.minutes(40)
    assert (house.messages, house.metric()) == ([], {"sumo": 1.0})


def test_what_is_not_watched_is_never_silent(house: House) -> None:
    house.hear(source="other")
    house.minutes(120)
    assert house.messages == []
