"""What cases wait for, written down in the transaction that finds it out: once for each (case, kind, subject)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from sqlalchemy import Insert, null, text
from sqlalchemy import case as sql_case
from sqlalchemy.dialects import postgresql, sqlite

from enricher.ports import FollowUp
from enricher.store.database import FOLLOW_UPS, Transaction
from enricher.store.schema import CASE_KEY, SUBJECT, follow_ups
from enricher.store.statements import add

ONCE = "lineage"
"""Sumo Logic is asked once for one process; everything else may be wanted again."""


def follow_up_id(case_key: str, kind: str, subject: str) -> str:
    """The same for the same case, kind and subject."""
    return sha256(f"{case_key}\x00{kind}\x00{subject}".encode()).hexdigest()[:32]


def ask(tx: Transaction, wanted: Iterable[FollowUp]) -> None:
    """Open follow-ups. One that has ended is opened again, unless it is of the kind asked `ONCE`; one that is worked on will be
    due again when that has ended; one that waits goes on waiting.
    """
    rows = {row["id"]: row for row in (_row(tx, one) for one in wanted)}
    if rows and add(tx.conn, _open(tx.conn.dialect.name), [rows[name] for name in sorted(rows)]):
        tx.wakes.add(FOLLOW_UPS)


def _row(tx: Transaction, one: FollowUp) -> dict[str, Any]:
    case_key, subject = CASE_KEY.storable(one.case_key) or "", SUBJECT.storable(one.subject) or ""
    return {
        "id": follow_up_id(case_key, one.kind, subject),
        "case_key": case_key,
        "kind": one.kind,
        "subject": subject,
        "state": "waiting",
        "opened_at": tx.now,
        "due_at": tx.now + timedelta(seconds=one.after_s),
        "attempts": 0,
        "claims": 0,
    }


_WANTED_AGAIN = text(f"follow_ups.kind <> '{ONCE}' AND follow_ups.state <> 'waiting'")
"""Spelled out: an INSERT of several rows has room for their values only."""


@cache
def _open(dialect: str) -> Insert:
    insert = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(follow_ups)
    new, working = insert.excluded, text("follow_ups.state = 'working'")

    def unless_working(name: str, value: Any) -> Any:
        return sql_case((working, follow_ups.c[name]), else_=value)

    statement: Insert = insert.on_conflict_do_update(
        index_elements=[follow_ups.c.id],
        set_={
            "state": unless_working("state", new.state),
            "reason": unless_working("reason", null()),
            "opened_at": unless_working("opened_at", new.opened_at),
            "due_at": unless_working("due_at", new.due_at),
            "attempts": unless_working("attempts", new.attempts),
            "again_at": sql_case((working, new.due_at), else_=null()),
        },
        where=_WANTED_AGAIN,
    ).returning(follow_ups.c.id)
    return statement
