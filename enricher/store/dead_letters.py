"""Dead letters: alerts and deliveries that we have stopped trying. Counted, opened again by a person, or discarded by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, case, func, null, or_, select, update

from enricher.errors import Reason
from enricher.ports import DeadLetters, Reopened
from enricher.store.audit import note
from enricher.store.database import ALERTS, Transaction
from enricher.store.quarantine import reason_word
from enricher.store.schema import DEAD, alerts, deliveries

MOST_AT_ONCE = 500
"""How many are opened again in one transaction, which everybody else's writes wait for."""
UNKNOWN = "unknown"
"""The reason of those that have none."""
_ALERT, _DELIVERY = "alert", "delivery"


def counted(conn: Connection) -> list[DeadLetters]:
    """All there are, by kind, reason and destination."""
    word = reason_word(conn.dialect.name)
    of_alerts = select(word, null(), func.count(), func.min(alerts.c.received_at)).where(DEAD).group_by(word).order_by(word)
    by = (_word, deliveries.c.destination)
    of_deliveries = select(*by, func.count(), func.min(deliveries.c.updated_at)).where(DEAD).group_by(*by).order_by(*by)
    return [
        DeadLetters(kind=kind, reason=reason or UNKNOWN, destination=destination, count=count, since=since)
        for kind, query in ((_ALERT, of_alerts), (_DELIVERY, of_deliveries))
        for reason, destination, count, since in conn.execute(query)
    ]


def reopen(tx: Transaction, item_id: str, by: str) -> bool:
    """Open one again, whichever it is."""
    return bool(_reopen_alerts(tx, [item_id], by) or _reopen_deliveries(tx, [item_id], by))


def reopen_all(tx: Transaction, reason: str, *, destination: str | None, kind: str | None, by: str) -> Reopened:
    """Open the oldest of a reason again, at most 500: alerts first, for what is in one may well be in a ticket by then."""
    count = left = 0
    if kind != _DELIVERY and destination is None:
        done = _reopen_alerts(tx, _oldest(tx, _dead_alerts(tx.conn, reason), MOST_AT_ONCE), by)
        count, left = done, _count(tx.conn, _dead_alerts(tx.conn, reason))
    if kind != _ALERT:
        done = _reopen_deliveries(tx, _oldest(tx, _dead_deliveries(reason, destination), MOST_AT_ONCE - count), by)
        count, left = count + done, left + _count(tx.conn, _dead_deliveries(reason, destination))
    return Reopened(count=count, left=left)


def discard(tx: Transaction, item_id: str, by: str, why: str) -> bool:
    """No dead letter any more. An alert is done then, a delivery stays `discarded`; both name who said so."""
    reason = f"discarded by {by}"
    given = {alerts: {"state": "done", "settled_at": tx.now}, deliveries: {"state": "discarded", "updated_at": tx.now}}
    for table, values in given.items():
        dead = (table.c.id == item_id, table.c.state == "dead")
        if tx.conn.execute(update(table).where(*dead).values(reason=reason, **values)).rowcount:
            note(tx, by=by, action="discard", item_id=item_id, detail=why or None)
            return True
    return False


# --- finding them -----------------------------------------------------------------------------------------------------

_word = func.coalesce(deliveries.c.reason, UNKNOWN)


def _dead_alerts(conn: Connection, reason: str) -> Select[Any]:
    word = "" if reason == UNKNOWN else reason
    return select(alerts.c.id).where(DEAD, reason_word(conn.dialect.name) == word)


def _dead_deliveries(reason: str, destination: str | None) -> Select[Any]:
    query = select(deliveries.c.id).where(DEAD, _word == reason)
    return query if destination is None else query.where(deliveries.c.destination == destination)


def _oldest(tx: Transaction, query: Select[Any], most: int) -> Sequence[str]:
    """Their ids. What somebody else is just changing is left for the next time."""
    (column,) = query.selected_columns
    return tx.conn.execute(query.order_by(column).limit(most).with_for_update(skip_locked=True)).scalars().all()


def _count(conn: Connection, query: Select[Any]) -> int:
    return conn.execute(select(func.count()).select_from(query.subquery())).scalar_one()


# --- opening them again -----------------------------------------------------------------------------------------------


def _reopen_alerts(tx: Transaction, ids: Sequence[str], by: str) -> int:
    dead = (alerts.c.id.in_(ids), DEAD)
    fresh = {"state": "stored", "attempts": 0, "due_at": tx.now, "reason": None}
    opened = tx.conn.execute(update(alerts).where(*dead).values(**fresh).returning(alerts.c.id)).scalars().all()
    for alert_id in opened:
        note(tx, by=by, action="retry", item_id=alert_id)
    if opened:
        tx.wakes.add(ALERTS)
    return len(opened)


def _reopen_deliveries(tx: Transaction, ids: Sequence[str], by: str) -> int:
    dead = (deliveries.c.id.in_(ids), DEAD)
    found = tx.conn.execute(select(deliveries).where(*dead).order_by(deliveries.c.id).with_for_update()).all()
    tx.conn.execute(update(deliveries).where(*dead).values(**_fresh(tx.now)))
    for row in found:
        note(tx, by=by, action="retry", item_id=row.id, detail=_forgotten(row))
    tx.wakes.update(row.destination for row in found)
    return len(found)


_IS_GONE = and_(deliveries.c.reason == Reason.GONE.value, deliveries.c.external_id.is_not(None))
_IS_HELD = deliveries.c.reason == Reason.HELD.value
_IN_DOUBT = or_(
    _IS_GONE, and_(or_(deliveries.c.reason.is_(None), ~_IS_HELD), deliveries.c.claims > deliveries.c.settled_claims)
)


def _fresh(now: datetime) -> dict[str, Any]:
    """What a delivery begins anew with.

    A ticket that is gone is forgotten, and there is doubt: somebody may have put it back, so it is looked up by its key
    before another is opened, which then is told everything. Of one that is held a person says that there is no ticket.
    """
    columns = deliveries.c
    forgotten = {name: case((_IS_GONE, null()), else_=columns[name]) for name in ("external_id", "label", "url")}
    unsettled = and_(_IS_GONE, columns.settled_claims >= columns.claims)
    return {
        **forgotten,
        "state": case((_IN_DOUBT, "unknown"), else_="pending"),
        "sent_seq": case((_IS_GONE, 0), else_=columns.sent_seq),
        "settled_claims": case((_IS_HELD, columns.claims), (unsettled, columns.claims - 1), else_=columns.settled_claims),
        "doubt_since": case((_IS_HELD, null()), else_=columns.doubt_since),
        "attempts": 0,
        "due_at": now,
        "reason": None,
        "detail": None,
        "updated_at": now,
    }


def _forgotten(row: Row[Any]) -> str | None:
    """The ticket that is forgotten with this, for the audit table: nobody else knows it any more."""
    if row.reason != Reason.GONE.value or row.external_id is None:
        return None
    return " ".join(filter(None, ("forgot", row.destination, row.label, row.external_id, row.url)))
