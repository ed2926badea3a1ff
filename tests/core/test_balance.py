from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from enricher.core.accounts import RowAccount
from enricher.core.balance import Audited, Balance, SourceBodies
from enricher.core.document import Json

GOOD = Audited(
    alert_id="A1",
    state="done",
    kind="monitor",
    reason=None,
    held=frozenset({0, 1, 2, 3}),
    in_cases=frozenset({0, 1, 2}),
    dropped=({"row": 3, "reason": "no_match: not in the catalog"},),
    account=RowAccount(received=4, total=4, cut=False, in_cases=2, repeats=1, dropped=1, set_aside=0),
)
RECOVERY = replace(
    GOOD,
    kind="recovery",
    in_cases=frozenset(),
    dropped=(),
    account=RowAccount(received=4, total=None, cut=False, in_cases=0, repeats=0, dropped=0, set_aside=4),
)
BODIES = SourceBodies(source="sumo", accepted=9, forgotten=2, done=4, open=2, dead=1)


def drawn(*alerts: Audited, bodies: SourceBodies = BODIES) -> Json:
    balance = Balance()
    balance.add_source(bodies)
    for alert in alerts:
        balance.add_alert(alert)
    return balance.document()


def account(**more: int) -> RowAccount:
    assert GOOD.account is not None
    changes: dict[str, Any] = dict(more)
    return replace(GOOD.account, **changes)


def test_what_adds_up_is_balanced_and_every_row_stands_in_one_place() -> None:
    waiting, crashed = replace(GOOD, state="working"), replace(GOOD, state="dead", reason="crashed: KeyError")
    unread = replace(GOOD, state="dead", reason="not_json: line 1", held=None)
    earlier, discarded = replace(GOOD, counted=False, account=None), replace(GOOD, reason="discarded by x", account=None)

    found = drawn(GOOD, RECOVERY, waiting, crashed, unread, earlier, discarded)

    assert found["balanced"]
    assert found["problems"] == []
    assert found["bodies"] == {
        "accepted": 9,
        "done": 4,
        "open": 2,
        "dead": 1,
        "forgotten": 2,
        "unaccounted": 0,
        "quarantined": {"crashed": 1, "not_json": 1},
    }
    rows = found["rows"]
    assert rows["dropped"] == {"no_match": 1}
    assert rows["set_aside"] == {"recovery": 4}
    places = ("in_cases", "repeats", "open", "dead", "discarded", "not_counted", "unaccounted")
    assert [rows[place] for place in places] == [2, 1, 4, 4, 4, 4, 0]
    assert sum(rows[place] for place in places) + 1 + 4 == rows["received"] == 24


@pytest.mark.parametrize(
    ("alert", "says", "unaccounted"),
    [
        pytest.param(replace(GOOD, account=None), "no account of its rows", 4, id="no account"),
        pytest.param(
            replace(GOOD, in_cases=frozenset({0}), account=account(in_cases=1, repeats=0)),
            "rows 1, 2 are in no case, and not dropped",
            2,
            id="rows in neither",
        ),
        pytest.param(
            replace(GOOD, in_cases=frozenset({0, 1})),
            "3 rows were put into cases, and its cases name 2",
            1,
            id="a link that lost a row",
        ),
        pytest.param(replace(GOOD, dropped=()), "1 rows were dropped, and 0 are named", 1, id="a dropped row forgotten"),
        pytest.param(
            replace(GOOD, in_cases=frozenset({0, 1, 2, 3}), account=account(in_cases=3)),
            "row 3 is both in a case and dropped",
            0,
            id="a row counted twice",
        ),
        pytest.param(
            replace(GOOD, held=frozenset(range(15))),
            "rows 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 1 more are in no case",
            11,
            id="more rows in the bytes than were settled",
        ),
        pytest.param(
            replace(GOOD, held=frozenset({0, 1, 2})), "its bytes hold 3 rows, and 4 were settled", 0, id="fewer rows"
        ),
        pytest.param(replace(GOOD, held=None), "its bytes cannot be read", 0, id="done and unreadable"),
        pytest.param(
            replace(RECOVERY, held=frozenset({0})), "its bytes hold 1 rows, and 4 were settled", 0, id="a recovery too"
        ),
    ],
)
def test_what_does_not_add_up_is_named(alert: Audited, says: str, unaccounted: int) -> None:
    found = drawn(alert)
    assert not found["balanced"]
    assert {problem["alert"] for problem in found["problems"]} == {"A1"}
    assert any(says in problem["problem"] for problem in found["problems"])
    assert found["rows"]["unaccounted"] == unaccounted


@pytest.mark.parametrize(
    ("accepted", "says"),
    [
        pytest.param(11, "2 accepted bodies are not in the store", id="bodies that are gone"),
        pytest.param(8, "1 bodies more are in the store than were accepted", id="bodies that were never accepted"),
    ],
)
def test_bodies_that_do_not_add_up_are_named_by_source(accepted: int, says: str) -> None:
    found = drawn(GOOD, bodies=replace(BODIES, accepted=accepted))
    assert found["problems"] == [{"source": "sumo", "problem": says}]
    assert found["bodies"]["unaccounted"] == abs(accepted - 9)
