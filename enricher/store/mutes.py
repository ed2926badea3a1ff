"""What people do about cases, as it is stored: read for many at once, and a mute that a rising severity ends."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select, update

from enricher.core.document import CaseDocument, News
from enricher.core.work import NOBODY, CaseWork
from enricher.model import Severity
from enricher.store.database import Transaction
from enricher.store.schema_people import case_work
from enricher.store.statements import fetch, fetch_of

_ONE = case_work.c.case_key == bindparam("case")
_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
_OF_CASES = select(case_work).where(case_work.c.case_key.in_(_KEYS))
_OF_CASE = select(case_work).where(_ONE)
_RANKS = {severity.value: severity.rank for severity in Severity}


def work_of(conn: Connection, keys: Collection[str], now: datetime | None = None) -> dict[str, CaseWork]:
    """The work on each of these cases that somebody has touched. With `now`, a mute that has run out is none."""
    if not keys:
        return {}
    return {row.case_key: _work(row, now) for row in fetch_of(conn, _OF_CASES, "keys", list(keys))}


def work_on(tx: Transaction, key: str) -> CaseWork:
    """The work on one case, in a transaction that holds its lock."""
    return next((_work(row, tx.now) for row in fetch(tx.conn, _OF_CASE, {"case": key})), NOBODY)


def end_mute(tx: Transaction, key: str) -> None:
    """The case is not muted from now on."""
    none = {"muted_by": None, "muted_until": None, "mute_reason": None}
    tx.conn.execute(update(case_work).where(case_work.c.case_key == key).values(none))


def ended_by(tx: Transaction, key: str, before: CaseDocument, merged: CaseDocument) -> list[News]:
    """End the mute of a case that has become more severe than it was, and say so; nothing where it is not muted."""
    if _RANKS.get(merged["severity"], 0) <= _RANKS.get(before["severity"], 0) or work_on(tx, key).muted_until is None:
        return []
    end_mute(tx, key)
    text = f"No longer muted: the severity rose from {before['severity']} to {merged['severity']}"
    return [News(seq=0, kind="unmuted", at=f"{tx.now:%Y-%m-%dT%H:%M:%SZ}", text=text, lines=[])]


def _work(row: Any, now: datetime | None) -> CaseWork:
    muted = row.muted_until is not None and (now is None or now < row.muted_until)
    return CaseWork(
        acknowledged_by=row.acknowledged_by,
        acknowledged_at=row.acknowledged_at,
        assignee=row.assignee,
        assigned_at=row.assigned_at,
        muted_by=row.muted_by if muted else None,
        muted_until=row.muted_until if muted else None,
        mute_reason=row.mute_reason if muted else None,
    )
