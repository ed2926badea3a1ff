"""People: who is logged in, what they do about cases, and by which words they find them.

The words of cases that are there already are no part of this: a million of them would hold everything up. A chore of the worker
fills them in afterwards, see `store/terms.py`, and those that an older version stores beside this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = True, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=nullable and not primary_key, primary_key=primary_key)


def upgrade() -> None:
    op.create_table(
        "sessions",
        _text("digest", primary_key=True),
        _text("name", nullable=False),
        _moment("began_at", nullable=False),
        _moment("ends_at", nullable=False),
    )
    op.create_index("sessions_by_end", "sessions", ["ends_at"])
    op.create_table(
        "case_work",
        sa.Column("case_key", sa.Text, sa.ForeignKey("cases.key"), primary_key=True),
        _text("acknowledged_by"),
        _moment("acknowledged_at"),
        _text("assignee"),
        _moment("assigned_at"),
        _text("muted_by"),
        _moment("muted_until"),
        _text("mute_reason"),
    )
    op.create_table("interactions", _text("digest", primary_key=True), _moment("at", nullable=False))
    bytewise = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "case_terms",
        sa.Column("term", bytewise, primary_key=True),
        _text("case_id", primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("case_terms_by_case", "case_terms", ["case_id", "term"])
    op.create_index("cases_by_rank", "cases", ["severity", "state", "id"])
    op.create_index("case_aliases_by_case", "case_aliases", ["case_key"])
    op.create_index("audit_by_item", "audit", ["item_id", "id"])
    op.execute('UPDATE audit SET "by" = substr("by", 1, 300) WHERE length("by") > 300')  # an index holds no more
    op.create_index("audit_by_person", "audit", ["by", "id"])
    op.create_index("deliveries_by_state", "deliveries", ["state", "destination", "id"])
    op.create_index("deliveries_told", "deliveries", ["state", "updated_at", "destination"])
    dead = sa.text("state = 'dead'")
    op.create_index("deliveries_dead_by_reason", "deliveries", ["reason", "id"], sqlite_where=dead, postgresql_where=dead)
