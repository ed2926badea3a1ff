"""The first tables. Types are spelled out: a migration must not change when the code does."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def _index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    condition = sa.text(where) if where else None
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    _alerts()
    _evidence()
    _cases()
    _deliveries()
    _others()


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("identity", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("row_digests", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("alert_ref", sa.Text),
        sa.Column("trigger_type", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("holder", sa.Text),
        sa.Column("due_at", _moment(), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("dropped", sa.Text),
        sa.Column("received_at", _moment(), nullable=False),
        sa.Column("settled_at", _moment()),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("identity", "content", name="alerts_identity_content"),
    )
    _index("alerts_open", "alerts", ["due_at", "id"], "state IN ('stored', 'working')")
    _index("alerts_dead", "alerts", ["id"], "state = 'dead'")
    _index("alerts_by_ref", "alerts", ["alert_ref"], "alert_ref IS NOT NULL")
    _index("alerts_by_source", "alerts", ["source", "received_at"])


def _evidence() -> None:
    op.create_table(
        "events",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("alert_id", sa.Text, nullable=False),
        sa.Column("case_key", sa.Text),
        sa.Column("computer", sa.Text, nullable=False),
        sa.Column("guid", sa.Text),
        sa.Column("event_id", sa.Integer, nullable=False),
        sa.Column("at", _moment()),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text),
        sa.Column("seen_at", _moment(), nullable=False),
    )
    _index("events_processes", "events", ["guid", "computer"], "document IS NOT NULL")
    op.create_table(
        "sightings",
        sa.Column("event", sa.LargeBinary, primary_key=True),
        sa.Column("family", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("account", sa.Text),
        sa.Column("image", sa.Text),
        sa.Column("tenant", sa.Text),
        sa.Column("at", _moment(), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
    )
    _index("sightings_by_host", "sightings", ["host", "family", "at"])
    _index("sightings_by_tenant", "sightings", ["tenant", "at"])


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("last_news_seq", sa.Integer, nullable=False),
        sa.Column("opened_at", _moment(), nullable=False),
        sa.Column("updated_at", _moment(), nullable=False),
    )
    op.create_table(
        "case_alerts",
        sa.Column("case_key", sa.Text, sa.ForeignKey("cases.key"), primary_key=True),
        sa.Column("alert_id", sa.Text, sa.ForeignKey("alerts.id"), primary_key=True),
    )
    _index("case_alerts_by_alert", "case_alerts", ["alert_id"])
    op.create_table(
        "news",
        sa.Column("case_key", sa.Text, sa.ForeignKey("cases.key"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("lines", sa.Text, nullable=False),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("case_key", sa.Text, sa.ForeignKey("cases.key"), nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("label", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("sent_seq", sa.Integer, nullable=False),
        sa.Column("want_seq", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("settled_claims", sa.Integer, nullable=False),
        sa.Column("claimed_at", _moment()),
        sa.Column("doubt_since", _moment()),
        sa.Column("holder", sa.Text),
        sa.Column("due_at", _moment(), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("updated_at", _moment(), nullable=False),
        sa.UniqueConstraint("case_key", "destination", name="deliveries_case_destination"),
    )
    is_open = "state IN ('pending', 'sending', 'unknown')"
    _index("deliveries_open", "deliveries", ["destination", "due_at"], is_open)
    _index("deliveries_due", "deliveries", ["due_at"], is_open)
    _index("deliveries_dead", "deliveries", ["id"], "state = 'dead'")


def _others() -> None:
    op.create_table(
        "lookups",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("about", sa.Text, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("fetched_at", _moment(), nullable=False),
        sa.Column("expires_at", _moment(), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", _moment(), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("item_id", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
    )
    op.create_table(
        "pulse",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", _moment(), nullable=False),
    )
