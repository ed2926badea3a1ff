"""Two judgements side by side: what is otherwise is said, and nothing else is."""

from __future__ import annotations

from typing import Any, cast

import pytest

from enricher.core.comparison import CaseChange, Moved, changed, moved_to, pairs, rows_changed, stand_of
from enricher.core.document import CaseDocument
from tests.fakes import asked, grouped, started

CASE = grouped(started(), asked()).cases[0].document


def otherwise(**values: Any) -> CaseDocument:
    return cast("CaseDocument", {**CASE, **values})


def step(rule: str, points: float, *, taken: bool = True) -> dict[str, Any]:
    return {"step": "s", "rule": rule, "evidence": "any", "points": points, "from": 0, "to": points, "taken": taken}


@pytest.mark.parametrize(
    "same",
    [
        pytest.param({}, id="the same"),
        pytest.param({"summary": "other words"}, id="other words"),
        pytest.param(
            {"ledger": [s | {"evidence": "other words", "from": 1, "to": 2} for s in CASE["ledger"]]}, id="evidence"
        ),
    ],
)
def test_what_is_no_change(same: dict[str, Any]) -> None:
    assert changed(CASE, otherwise(**same)) is None


@pytest.mark.parametrize(
    "name", ["severity", "score", "raw_score", "verdict", "disposition", "hostname", "tenant", "detection"]
)
def test_each_decision_counts(name: str) -> None:
    change = changed(CASE, otherwise(**{name: "another"}))
    assert change is not None
    assert change.fields == (Moved(name, cast("dict[str, Any]", CASE)[name], "another"),)


def test_steps_are_told_by_rule_and_whether_they_were_taken() -> None:
    before = otherwise(ledger=[step("a", 10), step("b", 5), step("c", 3), step("d", 2), step("d", 1)])
    now = otherwise(ledger=[step("a", 10), step("b", 5, taken=False), step("d", 2), step("d", 4), step("e", -1.5)])
    change = changed(before, now)
    assert change is not None
    assert change.steps == (
        Moved("b", "+5", "(+5)"),
        Moved("c", "+3", None),
        Moved("d (2)", "+1", "+4"),
        Moved("e", None, "-1.5"),
    )


def test_what_a_person_reopened_may_be_suppressed() -> None:
    now = otherwise(disposition="suppressed")
    assert changed(CASE, now) is not None
    assert changed(CASE, now, reopened=True) is None
    assert changed(CASE, otherwise(disposition="informational"), reopened=True) is not None


def gone(**values: Any) -> CaseChange:
    return CaseChange(kind="gone", before=stand_of(otherwise(**values)))


def opened(**values: Any) -> CaseChange:
    return CaseChange(kind="opened", now=stand_of(otherwise(**values)))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([gone(key="1"), opened(key="2")], [("1", "2")], id="one of each"),
        pytest.param([gone(key="1"), opened(key="2", host="other")], [], id="another host"),
        pytest.param([gone(key="1"), opened(key="2", tenant="b.workers.dev")], [], id="another tenant"),
        pytest.param([gone(key="1"), opened(key="2"), opened(key="3")], [], id="one of two, nobody knows which"),
        pytest.param([gone(key="1")], [], id="only gone"),
    ],
)
def test_one_case_under_another_key(changes: list[CaseChange], expected: list[tuple[str, str]]) -> None:
    assert [(before.about.key, now.about.key) for before, now in pairs(changes)] == expected


def test_a_case_under_another_key_is_one_change() -> None:
    change = moved_to(CASE, otherwise(key="enricher-2", score=3))
    assert change.kind == "changed"
    assert change.fields == (Moved("key", CASE["key"], "enricher-2"), Moved("score", CASE["score"], 3))


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param("no_match: a", "no_match: b", [], id="other words"),
        pytest.param("no_match: a", "excluded: a", [("no_match: a", "excluded: a")], id="another reason"),
        pytest.param("no_match: a", None, [("no_match: a", None)], id="in a case now"),
        pytest.param(None, "no_match: a", [(None, "no_match: a")], id="in no case any more"),
    ],
)
def test_rows(before: str | None, now: str | None, expected: list[tuple[str | None, str | None]]) -> None:
    sides = ([{"row": 4, "reason": reason}] if reason else [] for reason in (before, now))
    found = rows_changed("A1", *sides)
    assert [(row.before, row.now) for row in found] == expected
    assert {(row.alert_id, row.row) for row in found} <= {("A1", 4)}


def test_a_change_of_no_case_is_none() -> None:
    with pytest.raises(ValueError, match="of no case"):
        _ = CaseChange(kind="changed").about
