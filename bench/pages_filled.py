"""A store with as many cases as wanted, filled in by SQL: Python says what is different of each, the database writes it out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, create_engine, make_url, select

from enricher.store import Store
from enricher.store.ids import new_id
from enricher.store.schema import MOMENT, cases
from enricher.store.schema_people import case_terms
from enricher.store.terms import words_of

PER_DAY = 1_000
CASES_A_HOST, CASES_A_TENANT = 20, 10
OLD = 20
"""One in so many cases is of a user who is long gone: the oldest."""
DEAD_CASES = 40
"""Cases whose deliveries are dead letters, and alerts that are: as many in every store, for people have to see to each of them."""
KEPT_DAYS = 30
"""Of what is added up or forgotten after that."""
AT_ONCE = 50_000
CHECKED = 50

_CASES = """
INSERT INTO cases (key, id, state, severity, score, host, tenant, title, document, last_news_seq, opened_at, updated_at,
                   target, last_at, ledger, contacts, events, told_at)
SELECT key, id, state, severity, score, replace(host, '@SHORT@', short), tenant || suffix,
       replace(replace(title, '@SHORT@', short), '@TENANT@', tenant || suffix),
       replace(replace(replace(replace(document, '@SHORT@', short), '@TENANT@', tenant || suffix), '@USER@', account),
               '@KEY@', key),
       1, at, at, tenant || suffix, at, NULL, 1, 1, at
FROM wanted JOIN templates ON templates.template = wanted.template ORDER BY n
"""
_ALERTS = """
INSERT INTO alerts (id, identity, content, row_digests, source, kind, state, attempts, claims, due_at, reason, received_at,
                    settled_at, size, body)
SELECT id, {blob}, {blob}, {blob}, 'sumo', 'monitor', 'done', 1, 1, at, NULL, at, at, 2, {body} FROM wanted ORDER BY n
"""
_DEAD_ALERTS = """
INSERT INTO alerts (id, identity, content, row_digests, source, kind, state, attempts, claims, due_at, reason, received_at,
                    settled_at, size, body)
SELECT id || 'D', {dead}, {dead}, {dead}, 'sumo', 'monitor', 'dead', 1, 1, at, 'not_json: line 1', at, NULL, 2, {body}
FROM wanted WHERE n % {every} = 2 ORDER BY n
"""
_DELIVERIES = """
INSERT INTO deliveries (id, case_key, destination, state, external_id, label, sent_seq, want_seq, attempts, claims,
                        settled_claims, due_at, reason, updated_at, generation)
SELECT id || place, key, name,
       CASE WHEN n % {every} = 1 THEN 'dead' WHEN n % 1000 = 3 THEN 'discarded' ELSE 'delivered' END,
       CASE WHEN n % {every} = 1 THEN NULL ELSE name || n END, name || n, 1, 1, 1, 1, 1, at,
       CASE WHEN n = 1 THEN 'gone' WHEN n % {every} = 1 THEN 'rejected' END, at, 1
FROM wanted
CROSS JOIN (SELECT '1' AS place, 'jira' AS name UNION ALL SELECT '2', 'servicenow' UNION ALL SELECT '3', 'slack') AS places
WHERE state <> 'suppressed' ORDER BY id, place
"""
_TERMS = """
INSERT INTO case_terms (term, case_id)
SELECT DISTINCT term, id FROM (
    SELECT key AS term, id FROM wanted
    UNION ALL SELECT short || '.corp.example', id FROM wanted
    UNION ALL SELECT 'corp.example', id FROM wanted
    UNION ALL SELECT 'example', id FROM wanted
    UNION ALL SELECT tenant || suffix, id FROM joined
    UNION ALL SELECT replace(hostname, '@TENANT@', tenant || suffix), id FROM joined
    UNION ALL SELECT part, id FROM joined JOIN parts ON parts.template = joined.template
    UNION ALL SELECT process, id FROM joined
    UNION ALL SELECT replace(name, '@USER@', account), id FROM joined
    UNION ALL SELECT account, id FROM wanted
) AS words ORDER BY term, id
"""
_REST = (
    "INSERT INTO case_alerts (case_key, alert_id, rows) SELECT key, id, '[0]' FROM wanted ORDER BY n",
    """INSERT INTO news (case_key, seq, kind, at, text, lines)
       SELECT key, 1, 'opened', '2026-11-24T08:00:00Z', 'A new case.', '[]' FROM wanted ORDER BY n""",
    """INSERT INTO feedback (id, case_key, said, by, source, note, said_at, at)
       SELECT id, key, 'false_positive', 'anna', 'jira', '', at, at FROM wanted WHERE n % 100 = 3""",
    "INSERT INTO audit (id, at, by, action, item_id) SELECT id, at, 'anna', 'assign', key FROM wanted WHERE n % 50 = 4",
    "INSERT INTO case_aliases (alias, case_key) SELECT 'enricher-alias-' || n, key FROM wanted WHERE n % 50 = 5",
    """INSERT INTO case_work (case_key, acknowledged_by, acknowledged_at)
       SELECT key, 'anna', at FROM wanted WHERE n % 50 = 4""",
    "INSERT INTO repeats (alert_id, times, last_at) SELECT id, 1, at FROM wanted WHERE n % 20 = 6",
)


def fill(store: Store, url: str, count: int, documents: list[dict[str, Any]]) -> None:
    """Fill an empty store. Raises RuntimeError where what it holds is not what the service itself would have stored."""
    parsed = make_url(url)
    is_postgres = parsed.get_backend_name() == "postgresql"
    engine = create_engine(parsed.set(drivername="postgresql+psycopg") if is_postgres else parsed)
    now = datetime.now(UTC)  # noqa: TID251 - the service's own clock is the real one here
    with engine.begin() as conn:
        if is_postgres:
            conn.exec_driver_sql("SET session_replication_role = replica")  # rows that fit: no look-up for each
        else:
            conn.exec_driver_sql("PRAGMA cache_size = -1000000")
        _prepare(conn, now, count, [_template(one) for one in _chosen(documents)])
        for statement in _statements(count // DEAD_CASES, is_postgres=is_postgres):
            conn.exec_driver_sql(statement.replace("%", "%%") if is_postgres else statement)
        _count_intake(conn, now, count)
    if is_postgres:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()
    _check(store)
    os.sync()  # what was loaded is not to be written out while something is measured


def new_database(url: str, name: str) -> str:
    """The URL of a new database beside another."""
    with closing(psycopg.connect(url, autocommit=True)) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return url.replace("/postgres?", f"/{name}?")


def _statements(every: int, *, is_postgres: bool) -> Iterator[str]:
    """What is written, and around it what makes it quick: indexes that are made when all is in."""
    as_blob = "convert_to({}, 'UTF8')" if is_postgres else "CAST({} AS BLOB)"
    parts = {name: as_blob.format(text) for name, text in (("blob", "id"), ("dead", "id || 'D'"), ("body", "'{}'"))}
    yield _CASES
    yield _ALERTS.format(**parts)
    yield _DEAD_ALERTS.format(**parts, every=every)
    yield _DELIVERIES.format(every=every)
    yield from _REST
    for index in case_terms.indexes:
        yield f"DROP INDEX {index.name}"
    if is_postgres:
        yield "ALTER TABLE case_terms DROP CONSTRAINT case_terms_pkey"
    yield _TERMS
    if is_postgres:
        yield "ALTER TABLE case_terms ADD PRIMARY KEY (term, case_id)"
    for index in case_terms.indexes:
        yield f"CREATE INDEX {index.name} ON case_terms ({', '.join(column.name for column in index.columns)})"


def _chosen(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that have a tenant, a host in the domain and a user; first one that is critical, and no other."""
    whole = [one for one in documents if one["tenant"] and one["host"].endswith(".corp.example") and one["user"]]
    critical = [one for one in whole if one["severity"] == "critical"]
    return critical[:1] + [one for one in whole if one["severity"] != "critical"]


def _template(document: dict[str, Any]) -> dict[str, Any]:
    """A document with marks where each case has names of its own."""
    short, tenant = document["host"].partition(".")[0], document["tenant"]
    user = document["user"].rpartition("\\")[2]
    text = orjson.dumps(document | {"key": "@KEY@"}).decode()
    for name, mark in ((tenant, "@TENANT@"), (short, "@SHORT@"), (user, "@USER@")):
        text = text.replace(orjson.dumps(name).decode()[1:-1], mark)
    marked = orjson.loads(text)
    return {
        "document": text,
        "suffix": "." + tenant.partition(".")[2],
        **{name: marked[name] for name in ("severity", "score", "host", "title", "hostname")},
        "process": marked["process"]["name"].casefold(),
        "name": marked["user"].casefold().replace("@user@", "@USER@"),
    }


def _prepare(conn: Connection, now: datetime, count: int, templates: list[dict[str, Any]]) -> None:
    """The temporary tables that the statements read: what is different of each case, and what is not."""
    names = list(templates[0])
    at = "timestamptz" if conn.dialect.name == "postgresql" else "text"
    conn.exec_driver_sql(
        f"CREATE TEMPORARY TABLE wanted (n integer, id text, key text, at {at}, state text, template integer, short text,"
        " tenant text, account text)"
    )
    columns = ", ".join(f"{name} {'integer' if name == 'score' else 'text'}" for name in names)
    conn.exec_driver_sql(f"CREATE TEMPORARY TABLE templates (template integer, {columns})")
    conn.exec_driver_sql("CREATE TEMPORARY TABLE parts (template integer, part text)")
    conn.exec_driver_sql(
        "CREATE TEMPORARY VIEW joined AS SELECT wanted.*, suffix, hostname, process, name FROM wanted"
        " JOIN templates ON templates.template = wanted.template"
    )
    _load(conn, "templates", [(number, *one.values()) for number, one in enumerate(templates)])
    _load(conn, "parts", [(n, part) for n, one in enumerate(templates) for part in _suffixes(one["suffix"][1:])])
    rows: list[tuple[Any, ...]] = []
    for number in range(count):
        template = 1 + number % (len(templates) - 1) if number % 100 else 0
        rows.append(_wanted(conn, now, count, number, template))
        if len(rows) == AT_ONCE or number == count - 1:
            _load(conn, "wanted", rows)
            rows.clear()


def _suffixes(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.partition(".")[2]


def _wanted(conn: Connection, now: datetime, count: int, n: int, template: int) -> tuple[Any, ...]:
    at = now - timedelta(days=1) / PER_DAY * (count - n)
    state = "suppressed" if n % 7 == 0 else "recovered" if n % 3 == 1 else "open"
    account = "oldtimer" if n < count // OLD else "seldom" if n % 100 == 7 else f"user{n % 997}"
    short, tenant = f"ws-{n * 7919 % (count // CASES_A_HOST):06}", f"lab{n * 7907 % (count // CASES_A_TENANT):06}"
    moment = MOMENT.storable(at, conn.dialect)
    return (
        n,
        new_id(at),
        f"enricher-{n:016x}",
        moment,
        state,
        template or (0 if n % 100 == 0 else 5),
        short,
        tenant,
        account,
    )


def _load(conn: Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    driver: Any = conn.connection.driver_connection
    if conn.dialect.name == "sqlite":
        driver.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _count_intake(conn: Connection, now: datetime, count: int) -> None:
    """The counts of each hour, as far back as they are kept apart."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    for back in range(24 * min(KEPT_DAYS, max(1, count // PER_DAY))):
        at = MOMENT.storable(hour - timedelta(hours=back), conn.dialect)
        _load(conn, "intake_hours", [("sumo", at, "p", PER_DAY // 24, 2, 0, at)])
        _load(conn, "monitor_hours", [("sumo", "Serverless C2", "monitor", at, "p", PER_DAY // 24, PER_DAY // 24, at)])


def _check(store: Store) -> None:
    """That the words are those which the service would have written."""
    with store.access.read() as conn:
        for row in conn.execute(select(cases).order_by(cases.c.id.desc()).limit(CHECKED)).all():
            stored = set(conn.execute(select(case_terms.c.term).where(case_terms.c.case_id == row.id)).scalars())
            if stored != words_of(row.document, row.key):
                raise RuntimeError(f"other words than {sorted(words_of(row.document, row.key))}: {sorted(stored)}")
