"""More tables: what became of alerts and of their rows, and how much came from where."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table

from enricher.store.schema import MONITOR, NAME, TEXT, metadata
from enricher.store.types import Moment

repeats = Table(
    "repeats",
    metadata,
    Column("alert_id", TEXT, primary_key=True),
    Column("times", BigInteger, nullable=False),
    Column("last_at", Moment, nullable=False),
)
"""Alerts that were sent again with nothing new in them, beside `alerts` so that accepting waits for no settlement."""

row_accounts = Table(
    "row_accounts",
    metadata,
    Column("alert_id", TEXT, primary_key=True),
    Column("monitor", MONITOR, nullable=False),
    Column("received", Integer),
    Column("total", BigInteger),
    Column("cut", Boolean, nullable=False),
    Column("in_cases", Integer, nullable=False),
    Column("repeats", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),
    Column("set_aside", Integer, nullable=False),
)
"""What became of each settled alert's rows; `received` is NULL for those settled before rows were counted."""

intake_hours = Table(
    "intake_hours",
    metadata,
    Column("source", NAME, primary_key=True),
    Column("hour", Moment, primary_key=True),
    Column("process", TEXT, primary_key=True),
    Column("accepted", BigInteger, nullable=False),
    Column("repeated", BigInteger, nullable=False),
    Column("forgotten", BigInteger, nullable=False),
    Column("last_at", Moment, nullable=False),
)

monitor_hours = Table(
    "monitor_hours",
    metadata,
    Column("source", NAME, primary_key=True),
    Column("monitor", MONITOR, primary_key=True),
    Column("kind", NAME, primary_key=True),
    Column("hour", Moment, primary_key=True),
    Column("process", TEXT, primary_key=True),
    Column("alerts", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("last_at", Moment, nullable=False),
)
