"""What one more alert costs in a store that remembers a million contacts, against one that remembers only its own.

Both stores hold all that the measured alerts ask for: fifty contacts of each process, its case, and the hosts of its target. The full
one holds 20,000 such processes, each on a host of its own, towards 5,000 targets. So what is read and written is the same row for row,
and only what lies around it differs. The alerts are paired, the one that begins alternates, and each is timed from the question what is
remembered to the durable end, without accept and claim.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Table, create_engine, make_url
from sqlalchemy.engine import Dialect

from bench.postgres import database
from enricher.core.memory import Group, kept
from enricher.core.normalise import digest
from enricher.model import Connection as Contact
from enricher.model import Event
from enricher.ports import ClaimedAlert, Sighting
from enricher.store import Store, open_store
from enricher.store.schema import MOMENT, cases, events, hosts, sightings, target_hosts
from tests.store.fakes import counting_merge, document, seen, settlement, take

PROCESSES, CONTACTS = 20_000, 50
TARGETS = 5_000
MEASURED, WARM_UP = 200, 20
"""Alerts, each of a process of its own."""
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVERY = timedelta(minutes=25)
AT_ONCE = 50_000


def run() -> dict[str, object]:
    """Milliseconds an alert in both stores and their ratio, medians, for each database."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd()))
        urls = {"SQLite": (f"sqlite:///{folder}/small.db", f"sqlite:///{folder}/full.db")}
        if url := stack.enter_context(database()):
            urls["PostgreSQL"] = (_new_database(url, "small"), _new_database(url, "full"))
        return {name: _measured(*pair) for name, pair in urls.items()}


def _measured(small: str, full: str) -> dict[str, object]:
    began = time.perf_counter()
    stores = {"small": _filled(small, MEASURED + WARM_UP), "full": _filled(full, TARGETS)}
    loaded_s = time.perf_counter() - began
    asked: dict[str, list[float]] = {name: [] for name in stores}
    stored: dict[str, list[float]] = {name: [] for name in stores}
    for number in range(MEASURED + WARM_UP):
        for name in sorted(stores, reverse=number % 2 == 0):
            times = _one_more(stores[name], number)
            if number >= WARM_UP:
                asked[name].append(times[0])
                stored[name].append(times[1])
    for store in stores.values():
        store.close()
    both = {name: [sum(pair) for pair in zip(asked[name], stored[name], strict=True)] for name in stores}
    return {
        "contacts": PROCESSES * CONTACTS,
        "loaded_s": round(loaded_s),
        "asking": _compared(asked),
        "settling": _compared(stored),
        "together": _compared(both),
    }


def _compared(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    small, full = (median(times[name]) * 1000 for name in ("small", "full"))
    return {"small_ms": round(small, 3), "full_ms": round(full, 3), "ratio": round(full / small, 2)}


def _one_more(store: Store, number: int) -> tuple[float, float]:
    """Seconds to ask for what is remembered of one more contact of a process, and to settle it."""
    event = _contact(number, CONTACTS)
    claim: ClaimedAlert = take(store, f"{number}")
    group = _group(number)
    began = time.perf_counter()
    memory = store.history.around([event])
    past = store.history.contacts({group: NOW})[group]
    asked = time.perf_counter()
    case = document(_key(number), host=group.host, tenant=group.target, last_seen=None)
    sighting = Sighting(event=digest(event), group=group, at=NOW, kind="connection")
    what = settlement(case, events=[seen(event, _key(number))], sightings=(sighting,), marks=memory.marks)
    if not store.inbox.settle(claim, what) or len(past.connections) < CONTACTS or len(memory.events) < CONTACTS:
        raise RuntimeError("the stores do not hold what is measured")
    return asked - began, time.perf_counter() - asked


# --- what is remembered -----------------------------------------------------------------------------------------------


def _key(number: int) -> str:
    return f"serverless|host-{number}|target-{number % TARGETS}"


def _group(number: int) -> Group:
    return Group.of(f"host-{number}", f"CORP\\user{number}", r"C:\Temp\a.exe", f"target-{number % TARGETS}.workers.dev")


def _contact(number: int, turn: int) -> Contact:
    """The contacts of a process: all but the last, which is of now, in the day before."""
    group = _group(number)
    at = NOW - EVERY * (CONTACTS - turn)
    return Contact(computer=group.host, row=0, guid=_guid(number), image=group.image, at=at, ip="192.0.2.1", port=443)


def _guid(number: int) -> str:
    return f"{number * 2_654_435_761 % 2**32:08X}-0000-0000-0000-{number:012X}"


def _filled(url: str, targets: int) -> Store:
    """A store that remembers all processes of the first so many targets; indexes are made when all is in."""
    store = open_store(url, clock=lambda: NOW, merge=counting_merge, deliver_to=lambda _: ())
    store.upgrade()
    parsed = make_url(url)
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg") if parsed.get_backend_name() == "postgresql" else parsed
    )
    with engine.begin() as conn:
        for table, rows in _tables(targets):
            for index in table.indexes:
                index.drop(conn)
            while some := list(islice(rows, AT_ONCE)):
                _load(conn, table, [_storable(row, conn.dialect) for row in some])
            for index in table.indexes:
                index.create(conn)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()
    os.sync()  # what was loaded is not to be written out while something is measured
    return store


def _tables(targets: int) -> Iterator[tuple[Table, Iterator[tuple[Any, ...]]]]:
    """Every table that is filled, and its rows in the order of its columns."""
    known = [(number, _group(number), _key(number)) for number in range(PROCESSES) if number % TARGETS < targets]
    yield events, (_event(key, _contact(number, turn)) for turn in range(CONTACTS) for number, _, key in known)
    yield sightings, (_sighting(group, _contact(number, turn)) for turn in range(CONTACTS) for number, group, _ in known)
    pairs = dict.fromkeys((group.target, group.host) for _, group, _ in known)
    yield target_hosts, ((*pair, NOW - EVERY * CONTACTS, NOW - EVERY) for pair in pairs)
    yield hosts, ((host, CONTACTS) for host in dict.fromkeys(group.host for _, group, _ in known))
    yield cases, (_case(number, group, key) for number, group, key in known)


def _event(key: str, event: Event) -> tuple[Any, ...]:
    whole = orjson.dumps(kept(event)).decode()
    return digest(event), "A", key, event.computer, event.guid, 3, event.at, 1, whole, event.at, None, False


def _sighting(group: Group, event: Event) -> tuple[Any, ...]:
    return digest(event), group.target, group.host, group.user, group.image, event.at, "connection"


def _case(number: int, group: Group, key: str) -> tuple[Any, ...]:
    case = document(key, host=group.host, tenant=group.target, last_seen=None, count=CONTACTS)
    shown = ("open", "high", 70, group.host, group.target, case["title"], orjson.dumps(case).decode())
    return key, f"{number:026d}", *shown, 0, NOW, NOW, group.target, NOW, None, CONTACTS, CONTACTS


def _load(conn: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    driver: Any = conn.connection.driver_connection
    names = ", ".join(column.name for column in table.columns)
    if conn.dialect.name == "sqlite":
        places = ", ".join("?" * len(table.columns))
        driver.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({places})", rows)
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _storable(row: tuple[Any, ...], dialect: Dialect) -> tuple[Any, ...]:
    return tuple(MOMENT.storable(value, dialect) if isinstance(value, datetime) else value for value in row)


def _new_database(url: str, name: str) -> str:
    with closing(psycopg.connect(url, autocommit=True)) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return url.replace("/postgres?", f"/{name}?")
