from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from enricher.model import Backlog
from enricher.ports import DeadLetters
from enricher.telemetry import exposition
from enricher.wiring import dead_by_reason

NOTHING = Backlog(alerts_waiting=0, oldest_alert_s=0, deliveries_waiting={}, dead_alerts=0, dead_deliveries=0)
LONG_AGO = datetime(2026, 11, 24, tzinfo=UTC)


def letters(kind: str, reason: str, count: int, destination: str | None = None) -> DeadLetters:
    return DeadLetters(kind=kind, reason=reason, destination=destination, count=count, since=LONG_AGO)


def gauge(name: str, *found: DeadLetters, mark: str | None = None) -> dict[tuple[str, ...], float]:
    text = exposition(NOTHING, 0, dead=dead_by_reason(found), mark=mark)[0].decode()
    [family] = [family for family in text_string_to_metric_families(text) if family.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in family.samples}


def test_dead_letters_are_added_up_over_destinations_by_kind_and_reason() -> None:
    found = (
        letters("delivery", "auth", 2, "jira"),
        letters("delivery", "auth", 3, "slack"),
        letters("alert", "no_rows", 1),
    )
    assert gauge("enricher_dead_letters", *found) == {("alert", "no_rows"): 1, ("delivery", "auth"): 5}
    assert gauge("enricher_dead_letters") == {}


def test_what_is_no_fixed_word_becomes_no_label() -> None:
    strange = (letters("alert", 'a"b\n', 1), letters("alert", "x" * 41, 2), letters("alert", "Host ws-1", 4))
    assert gauge("enricher_dead_letters", *strange) == {("alert", "other"): 7}


def test_one_mark_at_most_is_reached() -> None:
    assert gauge("enricher_backpressure") == {("disk",): 0, ("inbox",): 0}
    assert gauge("enricher_backpressure", mark="disk") == {("disk",): 1, ("inbox",): 0}
