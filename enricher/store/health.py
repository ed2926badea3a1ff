"""How each destination fares, in one row for all processes: until when it is left alone, and the tokens of its rate limit.

Claims read it in their own transaction, outcomes change it in theirs. While all is well and no rate is set, nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, select, text, update

from enricher.core.breaker import WELL, Health, Trouble, after_answer, after_failure
from enricher.model import Pause
from enricher.store.database import Transaction, insert_new
from enricher.store.schema import MOMENT, OPEN_DELIVERIES, deliveries, news
from enricher.store.schema_upkeep import destination_health
from enricher.store.statements import add, change, fetch

SET_BACK_S = 60.0
_A_HAIR = 1e-6
"""Sums of fractions may fall short of a whole token by so much."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A rate limit: claims a second, 0 without limit, and how many may follow each other at once after a rest."""

    per_second: float = 0.0
    burst: float = 1.0

    def tokens(self, left: float, passed_s: float) -> float:
        """What has become of the tokens that were left so many seconds ago; a clock that was set back makes no one wait for it."""
        return self.burst if passed_s < -SET_BACK_S else min(self.burst, left + self.per_second * max(0.0, passed_s))


UNPACED = Pace()


def paces(rates: Mapping[str, float], bursts: Mapping[str, float]) -> dict[str, Pace]:
    """The limits that are set. Where no burst is given, two seconds' worth."""
    return {name: Pace(rate, max(1.0, bursts.get(name, 2.0 * rate))) for name, rate in rates.items() if rate > 0}


@dataclass(frozen=True, slots=True)
class Turn:
    """What a claim may take now: `room` units of work. `probing`: the destination is tried again after a pause; `paced`: its rate
    allows less than was asked for, so that it matters who comes first.
    """

    room: int
    probing: bool = False
    paced: bool = False
    tokens: float = 0.0
    """What the rate allows, before anything is taken."""


class Healths:
    """Reads and writes of those rows."""

    def __init__(self, paces: Mapping[str, Pace]) -> None:
        self._paces = paces

    def locks(self, destination: str) -> list[str]:
        """Names of the locks that whoever claims there asks the committer for, so that two never wait for each other's rows."""
        return [f"destination {destination}"] if destination in self._paces else []

    def turn(self, tx: Transaction, destination: str, limit: int) -> Turn:
        """How much may be claimed now. Others' claims there wait until this transaction ends."""
        pace = self._paces.get(destination)
        row = self._claimers_row(tx, destination)
        health = _health(row)
        if health.paused(tx.now):
            return Turn(0)
        probing = health.half_open(tx.now)
        if probing:
            limit = min(limit, 0 if fetch(tx.conn, _UNDER_WAY, {"to": destination, "now": tx.now}) else 1)
        if pace is None:
            return Turn(limit, probing)
        tokens = pace.tokens(row.tokens, (tx.now - row.tokens_at).total_seconds())
        allowed = int(tokens + _A_HAIR)
        return Turn(min(limit, allowed), probing, paced=allowed < limit, tokens=tokens)

    def spend(self, tx: Transaction, destination: str, turn: Turn, units: int) -> None:
        """Take the tokens of what was claimed in that turn, in the same transaction."""
        if units and destination in self._paces:
            change(tx.conn, _CHANGED, {"to": destination, "tokens": max(0.0, turn.tokens - units), "tokens_at": tx.now})

    def failed(self, tx: Transaction, destination: str, trouble: Trouble) -> bool:
        """Note a failure of the destination itself; whether it is left alone now, or being tried again."""
        health = after_failure(_health(self._own_row(tx, destination)), trouble, tx.now)
        change(tx.conn, _CHANGED, {"to": destination, **_columns(health)})
        return health.paused_until is not None

    def answered(self, tx: Transaction, destination: str) -> None:
        """Note that it works. While all is well, that costs a statement that finds nothing to change."""
        row = _row(tx.conn, _ILL, destination)
        if row is not None and (health := after_answer(_health(row), tx.now)) == WELL:
            change(tx.conn, _CHANGED, {"to": destination, **_columns(health)})

    def open_at(self, conn: Connection, destination: str) -> datetime | None:
        """The earliest moment, as far as is known, at which something may be claimed; None: there is no such bound."""
        row = _row(conn, _READ, destination)
        if row is None:
            return None
        moments = [row.paused_until] if row.paused_until else []
        pace = self._paces.get(destination)
        if pace is not None and row.tokens < 1 - _A_HAIR:
            moments.append(row.tokens_at + timedelta(seconds=(1 - row.tokens) / pace.per_second))
        return max(moments, default=None)

    def _claimers_row(self, tx: Transaction, destination: str) -> Any:
        """The row, kept from others where two claims must not both go by it."""
        if destination in self._paces:
            return self._own_row(tx, destination)
        row = _row(tx.conn, _READ, destination)
        return row if row is None or row.paused_until is None else _row(tx.conn, _LOCKED, destination)

    def _own_row(self, tx: Transaction, destination: str) -> Any:
        """The destination's row, kept from others; it is made where there is none."""
        row = _row(tx.conn, _LOCKED, destination)
        if row is None:
            full = {"tokens": self._paces.get(destination, UNPACED).burst, "tokens_at": tx.now}
            add(
                tx.conn,
                insert_new(tx.conn.dialect.name, destination_health),
                [{"name": destination, **full, **_columns(WELL)}],
            )
            row = _row(tx.conn, _LOCKED, destination)
        return row


def pauses(conn: Connection, now: datetime) -> dict[str, Pause | None]:
    """Which destinations are left alone, or tried again after that, among all that have a row."""
    return {row.name: _pause(row, now) for row in conn.execute(select(destination_health).order_by("name"))}


def _pause(row: Any, now: datetime) -> Pause | None:
    if row.paused_until is None:
        return None
    return Pause(row.reason or "", max(0.0, (now - row.since).total_seconds()) if row.since else 0.0)


def oldest_untold(conn: Connection, now: datetime) -> dict[str, float]:
    """By destination, the age in seconds of the oldest news that an open delivery has still to tell."""
    next_news = and_(news.c.case_key == deliveries.c.case_key, news.c.seq == deliveries.c.sent_seq + 1)
    oldest = (
        select(deliveries.c.destination, func.min(news.c.at).label("at"))
        .join(news, next_news)
        .where(OPEN_DELIVERIES)
        .group_by(deliveries.c.destination)
    )
    found = {row.destination: datetime.fromisoformat(row.at) for row in conn.execute(oldest)}
    return {name: max(0.0, (now - at).total_seconds()) for name, at in found.items()}


# --- its statements, built once ---------------------------------------------------------------------------------------

_ONE = destination_health.c.name == bindparam("to")
_READ = select(destination_health).where(_ONE)
_LOCKED = _READ.with_for_update()
_ILL = _LOCKED.where(destination_health.c.failures > text("0"))
_CHANGED = update(destination_health).where(_ONE)
_UNDER_WAY = (
    select(deliveries.c.id)
    .where(
        OPEN_DELIVERIES,
        deliveries.c.destination == bindparam("to"),
        deliveries.c.state == "sending",
        deliveries.c.due_at > bindparam("now", type_=MOMENT),
    )
    .limit(1)
)


def _row(conn: Connection, statement: Any, destination: str) -> Any:
    return next(iter(fetch(conn, statement, {"to": destination})), None)


def _health(row: Any) -> Health:
    return WELL if row is None else Health(row.failures, row.reason, row.since, row.paused_until)


def _columns(health: Health) -> dict[str, Any]:
    fields = ("failures", "reason", "since", "paused_until")
    return {name: getattr(health, name) for name in fields}
