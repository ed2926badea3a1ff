"""How the service and its destinations fare, for probes and people: read only, and cheap."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Select, and_, exists, func, literal, or_, select

from enricher.ports import Condition, DestinationHealth
from enricher.store.schema import DEAD, OPEN_ALERTS, OPEN_DELIVERIES, alerts, deliveries
from enricher.store.schema_upkeep import destination_health


def condition(conn: Connection, now: datetime) -> Condition:
    """As the port says."""
    return Condition(
        alerts_waiting=_count(conn, select(func.count()).select_from(alerts).where(OPEN_ALERTS)),
        dead_alerts=_count(conn, select(func.count()).select_from(alerts).where(DEAD)),
        dead_deliveries=_count(conn, select(func.count()).select_from(deliveries).where(DEAD)),
        destinations=tuple(destinations(conn, now)),
    )


def destinations(conn: Connection, now: datetime) -> list[DestinationHealth]:
    """Those that are left alone now, and those that have failed since they last took something and are to take more.

    Of one for which nothing waits, nobody knows whether it still fails; it may not even be set up any more.
    """
    columns = destination_health.c
    waits = exists().where(OPEN_DELIVERIES, deliveries.c.destination == columns.name)
    failing = select(destination_health).where(or_(columns.paused_until > now, and_(columns.failures > 0, waits)))
    return [
        DestinationHealth(
            destination=row.name,
            failures=row.failures,
            reason=row.reason,
            since=row.since,
            paused_until=row.paused_until,
            paused=row.paused_until is not None and row.paused_until > now,
        )
        for row in conn.execute(failing.order_by(columns.name))
    ]


def waiting(conn: Connection, at_most: int) -> int:
    """How many alerts are not settled, counted no further than asked for."""
    some = select(literal(1)).select_from(alerts).where(OPEN_ALERTS).limit(at_most)
    return _count(conn, select(func.count()).select_from(some.subquery()))


def _count(conn: Connection, query: Select[int]) -> int:
    return conn.execute(query).scalar_one()
