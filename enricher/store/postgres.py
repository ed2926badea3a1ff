"""PostgreSQL: any number of processes on any number of machines.

READ COMMITTED, `synchronous_commit` on, and the database's clock for due times and leases. Named locks are advisory locks
taken in one order at the start of a transaction, so that batches of several processes cannot block each other for good.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from hashlib import blake2b
from threading import Event
from typing import cast

import psycopg
from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, create_engine
from sqlalchemy.exc import DBAPIError

from enricher.store.database import Transaction, trouble_as_unavailable
from enricher.store.statements import run

CHANNEL = "enricher"
CONNECT_TIMEOUT_S = 5
READERS = 5
LISTEN_S = 0.2
"""How long one wait for notifications lasts: bounds how long closing takes, not how soon one is heard."""
UPGRADE_LOCK = "enricher upgrade"

_OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "timezone=UTC",
        "synchronous_commit=on",
        "lock_timeout=10s",
        "statement_timeout=30s",
        "idle_in_transaction_session_timeout=60s",
    )
)
_LOCK = "SELECT pg_advisory_xact_lock(key), clock_timestamp() FROM unnest(%s::bigint[]) AS key"
_NOW = "SELECT clock_timestamp()"
_NOTIFY = f"SELECT pg_notify('{CHANNEL}', %s)"
_BETWEEN = "\x1f"

_inherited: list[object] = []
"""What a parent process opened; closing it here would end the parent's sessions."""


class Postgres:
    """One process's connections to the database at `url`."""

    def __init__(self, url: URL) -> None:
        self._writing = _engine(url, pool_size=1)
        self._reading = _engine(url, pool_size=READERS, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._kept: Connection | None = None
        self._own_session = 0

    @contextmanager
    def begin(self, locks: Sequence[str]) -> Iterator[Transaction]:
        with trouble_as_unavailable():
            try:
                transaction = self._started(locks)
                yield transaction
                if transaction.wakes:
                    run(transaction.conn, _NOTIFY, [_BETWEEN.join(transaction.wakes)])
                transaction.conn.commit()
            except BaseException:
                self._let_go()  # whatever state it is in, nobody has to find out
                raise

    def _started(self, locks: Sequence[str]) -> Transaction:
        """Begin on the connection kept from the last time; a server restarted since costs a reconnect, not a failed write."""
        try:
            return self._start(locks)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            self._let_go()
            return self._start(locks)

    def _start(self, locks: Sequence[str]) -> Transaction:
        if self._kept is None:
            self._kept = self._writing.connect()
            self._own_session = _driver(self._kept.connection).info.backend_pid
        self._kept.begin()
        return Transaction(self._kept, _lock(self._kept, locks) if locks else self.now(self._kept))

    def _let_go(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with trouble_as_unavailable(), self._reading.connect() as conn:
            yield conn

    def now(self, conn: Connection) -> datetime:
        return cast("datetime", run(conn, _NOW, ()).fetchone()[0])

    def watch(self, stop: Event, changed: Callable[[Collection[str]], None]) -> None:
        """Listen on a connection of its own. This process has rung for its own commits already."""
        with trouble_as_unavailable(), closing(self._reading.raw_connection()) as pooled:
            listening = _driver(pooled)
            pooled.detach()
            listening.autocommit = True
            listening.execute(f"LISTEN {CHANNEL}")
            while not stop.is_set():
                for notice in listening.notifies(timeout=LISTEN_S, stop_after=1):
                    if notice.pid != self._own_session:
                        changed(notice.payload.split(_BETWEEN))

    @contextmanager
    def creating(self) -> Iterator[Connection]:
        """A transaction in which tables are made, one process at a time."""
        with self.begin([UPGRADE_LOCK]) as transaction:
            yield transaction.conn

    def forget(self) -> None:
        _inherited.extend((self._kept, self._writing.pool, self._reading.pool))

    def close(self) -> None:
        self._let_go()
        self._writing.dispose()
        self._reading.dispose()


def _engine(url: URL, *, pool_size: int, isolation_level: str = "READ COMMITTED", pool_pre_ping: bool = False) -> Engine:
    given = url.query.get("options", "")
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=READERS,
        pool_timeout=CONNECT_TIMEOUT_S,
        pool_pre_ping=pool_pre_ping,  # a restarted server costs a reconnect, not a failed read
        isolation_level=isolation_level,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"{given} {_OPTIONS}".strip(),
            "keepalives_idle": 10,
            "tcp_user_timeout": 15_000,
            "application_name": "enricher",
        },
    )


def _driver(pooled: PoolProxiedConnection) -> psycopg.Connection[object]:
    return cast("psycopg.Connection[object]", pooled.driver_connection)


def _lock(conn: Connection, names: Sequence[str]) -> datetime:
    """Take the locks one by one, lowest number first; the time when all were had."""
    numbers = sorted({_lock_number(name) for name in names})
    return cast("datetime", run(conn, _LOCK, [numbers]).fetchall()[-1][1])


def _lock_number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), signed=True)
