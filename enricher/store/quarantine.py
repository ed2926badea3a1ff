"""What lies in quarantine: alerts that could not be read, or that no attempt got through. The bytes are kept whole."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from enricher.store.schema import DEAD, alerts


def reason_word(dialect: str) -> ColumnElement[str]:
    """The fixed word that a reason begins with: `not_json` of `not_json: line 1`."""
    reason = func.coalesce(alerts.c.reason, "")
    position = func.instr if dialect == "sqlite" else func.strpos
    return func.substr(reason, 1, position(reason + ":", ":") - 1)


def only(query: Select[Any], dialect: str, *, reason: str | None, source: str | None) -> Select[Any]:
    """`query` of dead alerts, narrowed down."""
    if reason is not None:
        query = query.where(reason_word(dialect) == reason)
    return query if source is None else query.where(alerts.c.source == source)


def counts(conn: Connection) -> dict[str, int]:
    """How many by reason."""
    word = reason_word(conn.dialect.name)
    query = select(word, func.count()).where(DEAD).group_by(word).order_by(word)
    return {reason or "unknown": count for reason, count in conn.execute(query)}
