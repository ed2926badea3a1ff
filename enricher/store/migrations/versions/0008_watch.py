"""Heartbeats, silences, and when somebody last looked for them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=primary_key)


def upgrade() -> None:
    op.create_table(
        "heartbeats",
        _text("source", primary_key=True),
        _text("name", primary_key=True),
        sa.Column("every_s", sa.Float, nullable=False),
        _moment("last_at"),
    )
    op.create_table(
        "heartbeat_faults",
        _text("source", primary_key=True),
        _text("fault", primary_key=True),
        _text("name"),
        _moment("at"),
        _moment("said_at", nullable=True),
    )
    op.create_table(
        "silences",
        _text("id", primary_key=True),
        _text("what"),
        _text("source"),
        _text("name"),
        _moment("since"),
        _moment("begun_at"),
        _moment("ended_at", nullable=True),
        _text("ticket", nullable=True),
        sa.Column("told", sa.Integer, nullable=False),
        _moment("tried_at", nullable=True),
        sa.Column("tries", sa.Integer, nullable=False),
        _moment("due_at"),
        sa.Column("refusals", sa.Integer, nullable=False),
        sa.Column("logged", sa.Integer, nullable=False),
    )
    is_open = sa.text("ended_at IS NULL")
    op.create_index(
        "silences_open",
        "silences",
        ["what", "source", "name"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table("watch_looks", _text("name", primary_key=True), _moment("looked_at"), _moment("up_since"))
