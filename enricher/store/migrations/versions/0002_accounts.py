"""Accounts of bodies and rows, and what each source and monitor sends.

What is there already begins with an account of its own, so that the balance can tell it from what goes missing later.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("case_alerts", sa.Column("rows", sa.Text))
    op.create_table(
        "repeats",
        sa.Column("alert_id", sa.Text, primary_key=True),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("last_at", _moment(), nullable=False),
    )
    op.create_table(
        "row_accounts",
        sa.Column("alert_id", sa.Text, primary_key=True),
        sa.Column("monitor", sa.Text, nullable=False),
        sa.Column("received", sa.Integer),
        sa.Column("total", sa.BigInteger),
        sa.Column("cut", sa.Boolean, nullable=False),
        sa.Column("in_cases", sa.Integer, nullable=False),
        sa.Column("repeats", sa.Integer, nullable=False),
        sa.Column("dropped", sa.Integer, nullable=False),
        sa.Column("set_aside", sa.Integer, nullable=False),
    )
    op.create_table(
        "intake_hours",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("hour", _moment(), primary_key=True),
        sa.Column("process", sa.Text, primary_key=True),
        sa.Column("accepted", sa.BigInteger, nullable=False),
        sa.Column("repeated", sa.BigInteger, nullable=False),
        sa.Column("forgotten", sa.BigInteger, nullable=False),
        sa.Column("last_at", _moment(), nullable=False),
    )
    op.create_table(
        "monitor_hours",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("monitor", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("hour", _moment(), primary_key=True),
        sa.Column("process", sa.Text, primary_key=True),
        sa.Column("alerts", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("last_at", _moment(), nullable=False),
    )
    _open_accounts()


def _open_accounts() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    hour = sa.literal(LONG_AGO.replace(tzinfo=None) if on_sqlite else LONG_AGO, _moment())
    no = sa.false()
    none = sa.literal(0)
    alerts = sa.table("alerts", *(sa.column(name) for name in ("id", "source", "state", "received_at")))
    counted = sa.select(
        alerts.c.source, hour, sa.literal(""), sa.func.count(), none, none, sa.func.max(alerts.c.received_at)
    ).group_by(alerts.c.source)
    intake = ("source", "hour", "process", "accepted", "repeated", "forgotten", "last_at")
    op.execute(_into("intake_hours", intake, counted))
    settled = sa.select(alerts.c.id, sa.literal(""), no, none, none, none, none).where(alerts.c.state == "done")
    accounts = ("alert_id", "monitor", "cut", "in_cases", "repeats", "dropped", "set_aside")
    op.execute(_into("row_accounts", accounts, settled))


def _into(table: str, names: tuple[str, ...], rows: sa.Select[Any]) -> sa.Insert:
    return sa.table(table, *(sa.column(name) for name in names)).insert().from_select(names, rows)
