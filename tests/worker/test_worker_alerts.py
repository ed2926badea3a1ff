"""One alert: investigated and settled, given back, or set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import cast

import pytest

from enricher.core.document import CaseDocument
from enricher.errors import PayloadError, StoreUnavailable, TriggerPending
from enricher.ports import Settlement
from enricher.telemetry import CASES
from enricher.worker.alerts import MAX_CRASHES, TRIES_AT_ONCE, AlertJob
from tests.worker.fakes import NO_STORE, NOW, FakeInbox, alert, settlement

SETTLED = settlement("case-1", dropped=1)


def job(inbox: FakeInbox, investigate: Callable[[bytes, datetime], Settlement] = lambda _body, _at: SETTLED) -> AlertJob:
    return AlertJob(inbox, investigate, lambda: 0.5)


def test_an_alert_is_investigated_and_settled() -> None:
    inbox, seen = FakeInbox(), list[tuple[bytes, datetime]]()

    def investigate(body: bytes, at: datetime) -> Settlement:
        seen.append((body, at))
        return SETTLED

    job(inbox, investigate).do(alert())

    assert seen == [(b"A1", NOW)]
    assert inbox.calls == [("settle", "A1", SETTLED)]


def test_what_is_not_ours_any_more_is_left_alone() -> None:
    inbox = FakeInbox(ours=False)

    job(inbox).do(alert())

    assert inbox.names() == ["settle"]


def test_a_payload_that_cannot_be_read_is_a_dead_letter() -> None:
    inbox = FakeInbox()

    def unreadable(_body: bytes, _at: datetime) -> Settlement:
        raise PayloadError("not_json", "line 1")

    job(inbox, unreadable).do(alert())

    assert inbox.calls == [("bury", "A1", "not_json: line 1")]


def test_a_recovery_that_is_too_early_comes_again() -> None:
    inbox = FakeInbox(errors={"settle": TriggerPending("the alert is still waiting", retry_after=3)})

    job(inbox).do(alert())

    assert inbox.calls == [("retry", "A1", "the alert is still waiting", 3)]


def test_what_came_meanwhile_is_investigated_with_it() -> None:
    """Events of the host were settled between reading what is remembered and settling: once more, with those too."""
    inbox, seen = FakeInbox(outdated=2), list[bytes]()

    def investigate(body: bytes, _at: datetime) -> Settlement:
        seen.append(body)
        return SETTLED

    job(inbox, investigate).do(alert())

    assert seen == [b"A1"] * 3
    assert inbox.calls == [("settle", "A1", SETTLED)]


def test_a_host_that_never_rests_is_settled_all_the_same_and_looked_at_again() -> None:
    inbox = FakeInbox(outdated=TRIES_AT_ONCE - 1)
    marked = replace(SETTLED, marks={"h": 3})

    job(inbox, lambda _body, _at: marked).do(alert())

    ((_, _, stored),) = inbox.calls
    assert stored.marks == {}, "unchecked"
    assert [(f.case_key, f.kind) for f in stored.follow_ups] == [("case-1", "again")]


@pytest.mark.parametrize("method", ["settle", "retry", "bury"])
def test_a_store_that_refuses_leaves_it_to_the_lease(method: str) -> None:
    """Nothing is counted against the alert: neither given back, nor set aside."""
    early = {"settle": TriggerPending("early")} if method == "retry" else {}
    inbox = FakeInbox(errors={**early, method: NO_STORE})

    def investigate(_body: bytes, _at: datetime) -> Settlement:
        if method == "bury":
            raise PayloadError("not_json", "line 1")
        return SETTLED

    with pytest.raises(StoreUnavailable):
        job(inbox, investigate).do(alert())

    assert inbox.calls == []


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        pytest.param(1, ("retry", "A1", "crashed: KeyError", 1.0), id="the first crash"),
        pytest.param(MAX_CRASHES - 1, ("retry", "A1", "crashed: KeyError", 8.0), id="the last that is forgiven"),
        pytest.param(MAX_CRASHES, ("bury", "A1", "crashed: KeyError"), id="one too many"),
    ],
)
def test_a_crash_delays_and_at_last_sets_aside(attempts: int, expected: tuple[object, ...]) -> None:
    inbox = FakeInbox()

    job(inbox).crashed(alert(attempts=attempts), KeyError("a bug, with a payload in it"))

    assert inbox.calls == [expected]


def test_an_alert_that_takes_its_process_along_is_set_aside_unread() -> None:
    """No attempt ever ended, so no crash was ever noted: only the attempts tell."""
    inbox = FakeInbox()

    def never(_body: bytes, _at: datetime) -> Settlement:
        raise AssertionError("it was investigated again")

    job(inbox, never).do(alert(attempts=2 * MAX_CRASHES + 1))
    job(inbox).do(alert("A2", attempts=2 * MAX_CRASHES))

    assert inbox.calls == [("bury", "A1", "crashed: every attempt ended without a result"), ("settle", "A2", SETTLED)]


def test_what_was_not_begun_is_given_back() -> None:
    inbox = FakeInbox()

    job(inbox).release(alert())

    assert inbox.calls == [("retry", "A1", "released", 0.0)]


def test_a_case_that_was_only_judged_anew_is_not_counted_as_the_alerts() -> None:
    before = CASES.labels("high")._value.get()
    anew = cast("CaseDocument", {**SETTLED.cases[0], "rows": []})
    both = replace(SETTLED, cases=(*SETTLED.cases, anew))

    job(FakeInbox(), lambda _body, _at: both).do(alert())

    assert CASES.labels("high")._value.get() == before + 1
