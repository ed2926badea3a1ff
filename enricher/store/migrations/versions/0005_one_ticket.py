"""One ticket: how destinations fare, tickets that follow closed ones, chores, canaries.

What is there keeps its first ticket; nothing else is carried over.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = True, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=nullable and not primary_key, primary_key=primary_key)


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("generation", sa.Integer, nullable=False, server_default="1"))
    op.add_column("deliveries", _text("previous"))
    op.add_column("cases", _moment("told_at", nullable=True))
    op.create_table(
        "destination_health",
        _text("name", primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        _text("reason"),
        _moment("since", nullable=True),
        _moment("paused_until", nullable=True),
        sa.Column("tokens", sa.Float, nullable=False),
        _moment("tokens_at"),
    )
    op.create_table(
        "chores",
        _text("name", primary_key=True),
        _text("kind", nullable=False),
        _text("subject"),
        sa.Column("every_s", sa.Float),
        _moment("due_at"),
        sa.Column("claims", sa.Integer, nullable=False),
        _text("holder"),
        _moment("ended_at", nullable=True),
        _text("outcome"),
    )
    op.create_index("chores_due", "chores", ["due_at"])
    op.create_table("canaries", _text("id", primary_key=True), _moment("sent_at"), _moment("settled_at", nullable=True))
    op.create_table(
        "canary_proofs",
        _text("canary", primary_key=True),
        _text("destination", primary_key=True),
        _text("state", nullable=False),
        _text("detail", nullable=False),
        _moment("at"),
    )
