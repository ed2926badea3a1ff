from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from enricher.core.feedback import Said
from enricher.core.memory import Group
from enricher.errors import ConfigurationError
from enricher.model import NO_ROW, Connection, ProcessCreate
from enricher.store import open_store, schema
from enricher.store.types import JsonText, Moment, Words
from enricher.store.upgrade import MIGRATIONS
from tests.store.fakes import Clock, Estate, counting_merge, submission, to_all_if_open

AT = datetime(2026, 11, 24, tzinfo=UTC)


def test_the_migrations_make_the_tables_that_the_code_expects(estate: Estate) -> None:
    def same_type(_context: Any, _inspected: Any, column: Any, _found: Any, expected: Any) -> bool | None:
        return None if not isinstance(expected, Words | Moment | JsonText) else False

    with estate.stores[0].access.read() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": same_type})
        differences = compare_metadata(context, schema.metadata)

    assert differences == []


def test_partial_indexes_are_partial(estate: Estate) -> None:
    with estate.stores[0].access.read() as conn:
        inspector = inspect(conn)
        partial = {
            index["name"]
            for table in inspector.get_table_names()
            for index in inspector.get_indexes(table)
            if index.get("dialect_options", {}).get(f"{conn.dialect.name}_where") is not None
        }

    assert partial == {
        "alerts_open",
        "alerts_dead",
        "alerts_by_ref",
        "events_by_process",
        "events_telling",
        "events_by_parent",
        "events_by_case",
        "follow_ups_open",
        "follow_ups_asked",
        "deliveries_open",
        "deliveries_due",
        "deliveries_dead",
        "deliveries_by_ticket",
        "deliveries_dead_by_reason",
        "silences_open",
    }


@pytest.mark.parametrize(
    ("query", "index"),
    [
        pytest.param(
            "SELECT id FROM alerts WHERE state IN ('stored', 'working') AND due_at <= 'x'", "alerts_open", id="claim"
        ),
        pytest.param(
            "SELECT min(due_at) FROM alerts WHERE state IN ('stored', 'working') AND due_at > 'x'", "alerts_open", id="due"
        ),
        pytest.param("SELECT id FROM alerts WHERE state = 'dead' ORDER BY id DESC", "alerts_dead", id="dead letters"),
        pytest.param(
            "SELECT id FROM deliveries WHERE state IN ('pending', 'sending', 'unknown') AND destination = 'x' AND due_at <= 'x'",
            "deliveries_open",
            id="delivery",
        ),
    ],
)
def test_finished_work_is_never_looked_at(tmp_path: Path, clock: Clock, query: str, index: str) -> None:
    """SQLite's plan; PostgreSQL chooses by size, and an empty table needs no index."""
    path = tmp_path / "enricher.db"
    store = open_store(f"sqlite:///{path}", clock=clock, merge=counting_merge, deliver_to=to_all_if_open)
    store.upgrade()
    store.close()

    with closing(sqlite3.connect(path)) as conn:
        plan = " ".join(row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {query}"))

    assert index in plan


def test_upgrading_again_changes_nothing(estate: Estate) -> None:
    receipt = estate.stores[0].inbox.accept(submission())

    estate.open().upgrade()

    assert estate.stores[0].inbox.get(receipt.alert_id) is not None


def test_tables_of_a_newer_version_are_refused(estate: Estate) -> None:
    estate.stores[0].access.write(
        lambda tx: tx.conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'").rowcount
    )

    with pytest.raises(ConfigurationError, match="newer version"):
        estate.open().upgrade()


_OLD = (
    "INSERT INTO alerts (id, identity, content, row_digests, source, kind, state, attempts, claims, due_at, received_at, size,"
    " body) VALUES ({places})"
)


def test_what_was_there_before_there_were_accounts_begins_with_one(url: str, clock: Clock) -> None:
    """Tables of the first version, with two alerts of one source in them: one done, one dead."""
    estate = Estate(url, clock)
    store = estate.open()
    with closing(store.access._connect()) as backend, backend.creating() as conn:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        places = ", ".join(["?" if conn.dialect.name == "sqlite" else "%s"] * 13)
        at = "2026-11-24 07:00:00.000000"
        for name, state in (("A", "done"), ("B", "dead")):
            row = (name, name.encode(), b"", b"", "sumo", "monitor", state, 1, 1, at, at, 2, b"{}")
            conn.exec_driver_sql(_OLD.format(places=places), row)

    store.upgrade()

    [source] = store.reader.sources()
    assert (source.alerts, source.dead, source.last_at) == (2, 1, datetime(2026, 11, 24, 7, tzinfo=UTC))
    done, dead = store.auditor.alerts(lambda _: frozenset({0}))
    assert (done.counted, done.account, dead.counted, dead.account) == (False, None, True, None)
    [bodies] = store.auditor.bodies()
    assert bodies.missing == 0
    record = store.inbox.get("A")
    assert record is not None
    assert record.rows is None
    estate.close()


def insert(conn: Any, table: str, **row: Any) -> None:
    """Put a row into a table of an older version."""
    places = ", ".join(["?" if conn.dialect.name == "sqlite" else "%s"] * len(row))
    statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})"  # noqa: S608 - names of columns, and places
    conn.exec_driver_sql(statement, tuple(row.values()))


def test_what_was_there_before_there_was_memory_is_carried_over(url: str, clock: Clock) -> None:
    """Tables of the first version with two starts of a process, one contact of two families, one of another host, and a case."""
    estate = Estate(url, clock)
    store = estate.open()
    at = "2026-11-24 07:00:00.000000"
    kept = orjson.dumps(
        {"event_id": 1, "computer": "ws-1", "row": 4, "guid": "G1", "parent_guid": "G0", "at": AT, "observed": True}
    )
    case = orjson.dumps(
        {"key": "case-1", "tenant": None, "platform": {"family": "cf"}, "last_seen": "2026-11-23T00:00:00Z", "count": 3}
    )
    with closing(store.access._connect()) as backend, backend.creating() as conn:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        event = {"alert_id": "A", "case_key": "case-1", "computer": "ws-1", "count": 1, "at": at, "seen_at": at}
        insert(conn, "events", digest=b"1", guid="G1", event_id=1, document=kept.decode(), **event)
        insert(conn, "events", digest=b"2", guid="G1", event_id=3, document=None, **event)
        contact = {"at": at, "kind": "connection", "image": "C:/Temp/A.EXE", "account": "CORP\\Anna"}
        for number, host, tenant in ((2, "ws-1", None), (2, "ws-1", "t.example"), (3, "ws-2", "t.example")):
            row = {"event": str(number).encode(), "family": f"cf {tenant}", "host": host, "tenant": tenant}
            insert(conn, "sightings", **row, **contact)
        insert(conn, "sightings", event=b"2", family="cf", host="ws-1", tenant="t.example", **contact)
        first = {"state": "open", "severity": "low", "score": 1, "host": "ws-1", "title": "", "last_news_seq": 0}
        insert(conn, "cases", key="case-1", id="C", document=case.decode(), opened_at=at, updated_at=at, **first)

    store.upgrade()

    memory = store.history.around([Connection(computer="ws-1", row=0, guid="G1")])
    [start] = memory.events
    assert start.event == ProcessCreate(computer="ws-1", row=NO_ROW, guid="G1", parent_guid="G0", at=AT, origin="history")
    assert (memory.marks, memory.sizes, memory.whole, memory.counts) == (
        {"ws-1": 1},
        {"case-1": 2},
        frozenset(),
        {"case-1": 3},
    )
    assert [one.event for one in store.history.around([ProcessCreate(computer="ws-1", row=0, guid="G0")]).events] == [
        start.event
    ]
    group = Group.of("ws-1", r"corp\anna", r"c:\temp\a.exe", "t.example")
    past = store.history.contacts({group: datetime(2026, 11, 24, 7, tzinfo=UTC)})[group]
    assert (len(past.connections), list(past.hosts)) == (1, ["ws-1", "ws-2"])
    assert sorted(estate.rows("SELECT target, host FROM target_hosts")) == [
        ("cf None", "ws-1"),
        ("t.example", "ws-1"),
        ("t.example", "ws-2"),
    ]
    assert estate.rows("SELECT target, contacts FROM cases") == [("cf", 3)]
    estate.close()


def _upgrade(url: str, start: Any, results: Any) -> None:
    store = open_store(url, clock=lambda: AT, merge=counting_merge, deliver_to=to_all_if_open)
    start.wait(20)
    store.upgrade()
    store.inbox.accept(submission(str(multiprocessing.current_process().pid)))
    store.close()
    results.put("upgraded")


@pytest.mark.slow
def test_two_processes_upgrade_at_once(url: str, clock: Clock) -> None:
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(2), context.Queue()
    processes = [context.Process(target=_upgrade, args=(url, start, results)) for _ in range(2)]
    for process in processes:
        process.start()

    assert [results.get(timeout=30) for _ in processes] == ["upgraded"] * 2
    for process in processes:
        process.join(10)
    estate = Estate(url, clock)
    estate.open()
    accepted = estate.count(schema.alerts)
    estate.close()
    assert accepted == 2


def test_a_case_of_before_there_was_feedback_can_be_spoken_of(url: str, clock: Clock) -> None:
    """Tables of the third version with a case and its ticket."""
    estate = Estate(url, clock)
    store = estate.open()
    at = "2026-11-24 07:00:00.000000"
    with closing(store.access._connect()) as backend, backend.creating() as conn:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = conn
        command.upgrade(config, "0003")
        case = {"state": "open", "severity": "low", "score": 1, "host": "ws-1", "title": "", "last_news_seq": 0}
        insert(
            conn,
            "cases",
            key="case-1",
            id="C",
            tenant="t.example",
            document="{}",
            opened_at=at,
            updated_at=at,
            events=1,
            **case,
        )
        sent = {"state": "delivered", "sent_seq": 0, "want_seq": 0, "attempts": 1, "claims": 1, "settled_claims": 1}
        insert(
            conn,
            "deliveries",
            id="D",
            case_key="case-1",
            destination="jira",
            external_id="SEC-1",
            due_at=at,
            updated_at=at,
            **sent,
        )

    store.upgrade()

    assert (store.reader.rule_uses(), store.reader.drift(AT), store.reader.queries(AT)) == ({}, [], [])
    key = store.reader.case_of_ticket("jira", ["SEC-1"], [])
    assert key == "case-1"
    assert store.operator.note_feedback(key, Said.TRUE_POSITIVE, "ana", "jira")
    assert store.reader.protected_tenants() == {"t.example"}
    estate.close()
