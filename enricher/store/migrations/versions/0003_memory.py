"""Memory: every event whole, contacts by target, and what cases wait for.

What is there already is carried over: the starts of processes that were kept become events that can be read back, contacts
are filed under their tenant (else family), and the hosts of each target are added up from them. Other events of before have
no document, and are not read back.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

from enricher.core.paths import path_form
from enricher.store.types import Moment, Words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CHUNK = 1_000
NAME = Words(300)


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def _index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    condition = sa.text(where) if where else None
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    _events()
    _contacts()
    _cases()
    _waiting()


def _events() -> None:
    op.drop_index("events_processes", "events")
    op.add_column("events", sa.Column("parent_guid", sa.Text))
    op.add_column("events", sa.Column("searched", sa.Boolean, nullable=False, server_default=sa.false()))
    _carry_over("events", ["digest"], ["document"], _whole, where="document IS NOT NULL")
    _index("events_by_process", "events", ["guid", "computer", "seen_at"], "guid IS NOT NULL")
    _index("events_telling", "events", ["guid", "computer", "event_id", "seen_at"], "event_id IN (1, 22)")
    _index("events_by_parent", "events", ["parent_guid", "computer", "seen_at"], "parent_guid IS NOT NULL")
    _index("events_by_time", "events", ["computer", "at"])
    _index("events_by_case", "events", ["case_key", "seen_at"], "case_key IS NOT NULL")
    _index("events_by_age", "events", ["seen_at"])
    op.create_table(
        "hosts",
        sa.Column("computer", sa.Text, primary_key=True),
        sa.Column("mark", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO hosts (computer, mark) SELECT DISTINCT computer, 1 FROM events")


def _contacts() -> None:
    op.create_table(
        "target_hosts",
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("first_at", _moment(), nullable=False),
        sa.Column("last_at", _moment(), nullable=False),
    )
    op.drop_index("sightings_by_host", "sightings")
    op.drop_index("sightings_by_tenant", "sightings")
    op.rename_table("sightings", "sightings_before")
    op.create_table(
        "sightings",
        sa.Column("event", sa.LargeBinary, primary_key=True),
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("image", sa.Text, nullable=False),
        sa.Column("at", _moment(), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
    )
    before = ["account", "image", "tenant", "host", "at", "kind"]
    for rows in _chunks("sightings_before", ["event", "family"], before):
        _add_sightings([_sighting(row) for row in rows])
    op.drop_table("sightings_before")
    _index("sightings_by_host", "sightings", ["host", "target", "at"])
    op.execute(
        "INSERT INTO target_hosts (target, host, first_at, last_at)"
        " SELECT target, host, min(at), max(at) FROM sightings GROUP BY target, host"
    )
    _index("target_hosts_earliest", "target_hosts", ["target", "first_at", "host"])
    op.create_table(
        "rotations",
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("family", sa.Text, primary_key=True),
        sa.Column("since", _moment(), nullable=False),
    )


def _cases() -> None:
    op.add_column("cases", sa.Column("target", sa.Text))
    op.add_column("cases", sa.Column("last_at", _moment()))
    op.add_column("cases", sa.Column("ledger", sa.Text))
    op.add_column("cases", sa.Column("contacts", sa.BigInteger))
    op.add_column("cases", sa.Column("events", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("UPDATE cases SET events = (SELECT count(*) FROM events WHERE events.case_key = cases.key)")
    _carry_over("cases", ["key"], ["document", "updated_at"], _filed)
    _index("cases_by_target", "cases", ["target", "last_at"])
    op.create_table(
        "case_aliases",
        sa.Column("alias", sa.Text, primary_key=True),
        sa.Column("case_key", sa.Text, nullable=False),
    )


def _waiting() -> None:
    op.create_table(
        "follow_ups",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("case_key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("opened_at", _moment(), nullable=False),
        sa.Column("due_at", _moment(), nullable=False),
        sa.Column("again_at", _moment()),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("holder", sa.Text),
    )
    _index("follow_ups_open", "follow_ups", ["due_at", "id"], "state IN ('waiting', 'working')")
    _index("follow_ups_asked", "follow_ups", ["subject"], "kind = 'lineage'")
    op.create_table(
        "search_jobs",
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("cookies", sa.Text, nullable=False),
        sa.Column("opened_at", _moment(), nullable=False),
    )


# --- what is there already --------------------------------------------------------------------------------------------


def _whole(row: Any) -> dict[str, Any] | None:
    """The kept start of a process, as an event of this version."""
    document = orjson.loads(row.document)
    if document.get("event_id", 1) != 1:
        return None
    whole = {name: value for name, value in document.items() if name not in {"event_id", "row"}} | {"kind": "ProcessCreate"}
    parent = document.get("parent_guid")
    return {"document": orjson.dumps(whole).decode(), "parent_guid": NAME.storable(parent) if parent else None}


def _filed(row: Any) -> dict[str, Any] | None:
    document = orjson.loads(row.document)
    platform = document.get("platform") or {}
    last = document.get("last_seen")
    seen = datetime.fromisoformat(last) if last else row.updated_at
    return {
        "target": NAME.storable(document.get("tenant") or platform.get("family")),
        "last_at": min(seen, row.updated_at),
        "ledger": document.get("ledger_digest"),
        "contacts": document.get("count"),
    }


def _sighting(row: Any) -> dict[str, Any]:
    return {
        "event": row.event,
        "target": row.tenant or row.family,
        "host": row.host,
        "account": (row.account or "").lower(),
        "image": path_form(row.image or ""),
        "at": row.at,
        "kind": row.kind,
    }


def _add_sightings(rows: Sequence[dict[str, Any]]) -> None:
    """Two families of one event may have named the same tenant: that is one contact now."""
    names = list(rows[0])
    places = ", ".join(f":{name}" for name in names)
    statement = sa.text(f"INSERT INTO sightings ({', '.join(names)}) VALUES ({places}) ON CONFLICT DO NOTHING")  # noqa: S608 - names of columns
    op.get_bind().execute(statement.bindparams(sa.bindparam("at", type_=Moment())), rows)


def _carry_over(
    table: str, key: list[str], names: list[str], change: Callable[[Any], dict[str, Any] | None], where: str = "1 = 1"
) -> None:
    """Set in each row what `change` says of it."""
    for rows in _chunks(table, key, names, where):
        for row in rows:
            if values := change(row):
                changed = sa.table(table, *(_column(name) for name in (*key, *values)))
                op.execute(sa.update(changed).where(*(changed.c[k] == getattr(row, k) for k in key)).values(values))


def _chunks(table: str, key: list[str], names: list[str], where: str = "1 = 1") -> Iterator[Sequence[Any]]:
    """All rows of a table by key, a bounded number at a time."""
    source = sa.table(table, *(_column(name) for name in dict.fromkeys([*key, *names])))
    keys = [source.c[name] for name in key]
    query = sa.select(source).where(sa.text(where)).order_by(*keys).limit(CHUNK)
    rows = op.get_bind().execute(query).all()
    while rows:
        yield rows
        last = sa.tuple_(*(sa.literal(getattr(rows[-1], name), source.c[name].type) for name in key))
        rows = op.get_bind().execute(query.where(sa.tuple_(*keys) > last)).all()


def _column(name: str) -> sa.ColumnClause[Any]:
    if name in {"digest", "event"}:
        return sa.column(name, sa.LargeBinary)
    if name == "contacts":
        return sa.column(name, sa.BigInteger)
    return sa.column(name, Moment() if name == "at" or name.endswith("_at") else sa.Text())
