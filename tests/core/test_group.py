"""Findings → cases: what shares a case, and where every row ends up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enricher.core.classify import classify
from enricher.core.distinct import distinct
from enricher.core.finding import tune
from enricher.core.gather import Context, gather
from enricher.core.grade import Asked, grade
from enricher.core.group import Grouped, group
from enricher.core.join import join
from enricher.model import Alert, Dropped, Event, Kind, Row
from tests.fakes import (
    CMD,
    CURL,
    RELAY,
    TENANT,
    TODAY,
    asked,
    connected,
    grouped,
    guid,
    packaged_programs,
    script,
    started,
)

URL = f"https://{RELAY}/x"


def keys(*events: Event) -> list[str]:
    return [case.document["key"] for case in grouped(*events).cases]


def test_the_key_stays_the_same_for_ever() -> None:
    """Tickets are found again by it: a change here makes a second ticket for every open case."""
    assert keys(asked(), connected()) == ["enricher-2412d6c5edbed00f"]


@pytest.mark.parametrize(
    ("other", "cases"),
    [
        pytest.param(connected(9, guid=guid(2), pid=2, hostname=RELAY), 1, id="another process of the class"),
        pytest.param(asked(f"second.{TENANT}", 9), 1, id="another host of the tenant"),
        pytest.param(connected(9, user="CORP\\other", guid=guid(2), pid=2, hostname=RELAY), 1, id="another user"),
        pytest.param(connected(9, guid=guid(2), pid=2, hostname=RELAY, image=CURL), 2, id="another class"),
        pytest.param(asked("a.other.workers.dev", 9), 2, id="another tenant"),
        pytest.param(asked(RELAY, 9, computer="other"), 2, id="another host"),
    ],
)
def test_what_shares_a_case(other: Event, cases: int) -> None:
    found = grouped(asked(), connected(), other)
    assert len(found.cases) == cases
    assert sorted(row for case in found.cases for row in case.document["rows"]) == [0, 1, 2]


def test_without_a_tenant_the_family_is_the_key() -> None:
    assert len(set(keys(asked("script.google.com")))) == 1
    assert keys(asked("script.google.com")) == keys(asked("script.googleusercontent.com"))


def test_counts_add_up_over_the_findings() -> None:
    case = grouped(*(connected(n, guid=guid(n), pid=n, hostname=RELAY) for n in range(1, 5))).cases[0]
    assert case.document["count"] == 4
    assert len(case.findings) == 4


def test_a_case_has_its_processes_and_ancestors_events() -> None:
    parent = started(CMD, "cmd", guid=guid(2), pid=2)
    child = started(CURL, f"curl {URL}", parent_guid=guid(2), parent=CMD)
    elsewhere = asked("a.example", 5, guid=guid(2), pid=2, image=CMD)
    found = grouped(parent, child, script("x", pid=2), asked(image=CURL), connected(image=CURL), elsewhere)
    assert found.cases[0].document["rows"] == [0, 1, 2, 3, 4]
    assert found.dropped == (Dropped(row=5, reason="no_match"),), "what the parent asked of somebody else"


def outcome(*events: Event, unreadable: tuple[Dropped, ...] = ()) -> Grouped:
    """Of events that all came in row 0."""
    rules, programs = packaged_programs().rules, packaged_programs()
    seen = distinct(replace(event, row=0) for event in events)
    activity = join(seen.events)
    found = classify(activity, rules)
    judged = grade(gather(found.signals, activity, Context(), rules, programs), programs, Asked())
    alert = Alert(kind=Kind.SYSMON, rows=(Row(index=0, name="0.xml"),))
    return group(tune(judged, rules, TODAY), found, activity, seen, unreadable, alert, rules)


def test_of_several_reasons_for_a_row_the_most_telling_stays() -> None:
    for events in ([connected(ip="10.0.0.1"), asked("a.example")], [asked("a.example"), connected(ip="10.0.0.1")]):
        assert outcome(*events).dropped == (Dropped(row=0, reason="not_public", name="0.xml"),)


def test_an_unreadable_row_keeps_its_reason() -> None:
    gone = Dropped(row=0, reason="unreadable: no record", name="0.xml")
    assert outcome(unreadable=(gone,)).dropped == (gone,)


def test_a_row_in_a_case_is_not_dropped_as_well() -> None:
    """One row with two records: one in a case, the other nobody's."""
    found = outcome(asked(), asked("a.example", 3))
    assert found.cases[0].document["rows"] == [0]
    assert found.dropped == ()
