"""Judgement: how often tuning rules match, drift by day, versions of queries, and what people say of cases.

Nothing is there to be carried over: what was not counted before is not known.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _moment(name: str, *, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, primary_key=primary_key)


def _key(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Text, primary_key=True) for name in names]


def _count(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    _rules()
    _drift()
    _feedback()


def _rules() -> None:
    op.create_table("known_rules", *_key("rule"), _moment("first_at"))
    op.create_table(
        "rule_days",
        *_key("rule", "mode"),
        _moment("day", primary_key=True),
        *_key("process"),
        _count("matches"),
        _moment("last_at"),
    )


def _drift() -> None:
    op.create_table(
        "drift_days",
        _moment("day", primary_key=True),
        *_key("field", "sumo", "ours", "reason", "process"),
        _count("cases"),
        _count("rows"),
        _moment("last_at"),
    )
    op.create_table("query_versions", *_key("source", "monitor", "digest"), _moment("first_at"), _moment("last_at"))


def _feedback() -> None:
    has_ticket = sa.text("external_id IS NOT NULL")
    op.create_index(
        "deliveries_by_ticket", "deliveries", ["external_id"], sqlite_where=has_ticket, postgresql_where=has_ticket
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("case_key", sa.Text, sa.ForeignKey("cases.key"), nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        _moment("said_at"),
        _moment("at"),
    )
    op.create_index("feedback_by_case", "feedback", ["case_key", "said_at"])
