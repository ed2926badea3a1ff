"""Statements handed to the driver as they are: the same values in and out, and the same errors, as through SQLAlchemy."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from enricher.store import Store
from enricher.store.database import Transaction
from enricher.store.schema import audit
from enricher.store.statements import ROWS_AT_ONCE, add, change, fetch, fetch_of

ADD = insert(audit)
ADD_AND_SAY = ADD.returning(audit.c.id)
ALL = select(audit).order_by(audit.c.id)
SOME = select(audit.c.id).where(audit.c.id.in_(bindparam("ids", expanding=True))).order_by(audit.c.id)
ONE = update(audit).where(audit.c.id == bindparam("one"))
DISCARDED = select(audit.c.id).where(audit.c.action == "100 % discarded")


def notes(tx: Transaction, count: int, **values: Any) -> list[dict[str, Any]]:
    note = {"at": tx.now, "by": "anna", "action": "retry", "item_id": "a-1", "detail": None}
    return [{"id": f"n-{i:02d}", **note, **values} for i in range(count)]


@pytest.mark.parametrize("count", [0, 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 3 * ROWS_AT_ONCE + 2])
def test_every_row_goes_in_and_is_returned(store: Store, count: int) -> None:
    def write(tx: Transaction) -> tuple[list[str], list[Any]]:
        rows = notes(tx, count)
        returned = [row.id for row in add(tx.conn, ADD_AND_SAY, rows)]
        return returned, [row._asdict() == given for row, given in zip(fetch(tx.conn, ALL, {}), rows, strict=True)]

    returned, same = store.access.write(write)

    assert returned == [f"n-{i:02d}" for i in range(count)]
    assert same == [True] * count


def test_values_are_made_storable_on_their_way_in(store: Store) -> None:
    def write(tx: Transaction) -> str:
        add(tx.conn, ADD, notes(tx, 1, detail="a\x00b \ud800 %s"))
        return str(fetch(tx.conn, ALL, {})[0].detail)

    assert store.access.write(write) == "ab \ufffd %s"


def test_a_change_says_how_many_rows_it_met(store: Store) -> None:
    def write(tx: Transaction) -> tuple[list[int], list[str]]:
        add(tx.conn, ADD, notes(tx, 2))
        met = [change(tx.conn, ONE, {"one": name, "action": "100 % discarded"}) for name in ("n-01", "n-07")]
        return met, [row.id for row in fetch(tx.conn, DISCARDED, {})]

    assert store.access.write(write) == ([1, 0], ["n-01"])


@pytest.mark.parametrize("wanted", [["n-02"], ["n-02", "n-00"], ["n-01", "nobody", "n-00"]])
def test_rows_are_found_by_a_list(store: Store, wanted: list[str]) -> None:
    def write(tx: Transaction) -> list[str]:
        add(tx.conn, ADD, notes(tx, 3))
        return [row.id for row in fetch_of(tx.conn, SOME, "ids", wanted)]

    assert store.access.write(write) == sorted({*wanted} - {"nobody"})


def test_a_refused_row_is_an_integrity_error_and_shows_no_values(store: Store) -> None:
    def write(tx: Transaction) -> None:
        add(tx.conn, ADD, notes(tx, 1, detail="secret") + notes(tx, 1))

    with pytest.raises(IntegrityError) as refused:
        store.access.write(write)

    assert "secret" not in str(refused.value)
