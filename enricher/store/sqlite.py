"""SQLite: one file on a local disk, any number of processes of one host.

WAL with synchronous=FULL, so that a commit survives a power cut. SQLite's own way to wait for a writer is to sleep and try
again, which starves some; so writers of all processes queue at a file lock, which is fair and which the kernel drops when
its holder dies. Connections never create the file (`mode=rw`): a database that vanished must be an error, not an empty one.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event, Lock
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

from enricher.errors import StoreUnavailable
from enricher.store.database import Clock, Transaction, trouble_as_unavailable
from enricher.store.hosts import HostClaim

BUSY_TIMEOUT_S = 30
WATCH_S = 0.025
"""How often other processes' commits are looked for; a look costs about 5 µs."""
READERS = 16

_inherited: list[object] = []
"""What a parent process opened. Closing it here would pull the rug from under the parent, so it is kept until exit."""


class Sqlite:
    """One process's connections to the file at `path`; `clock` gives due times and leases."""

    def __init__(self, path: Path, clock: Clock, host: HostClaim) -> None:
        self._path, self._clock, self._host = path, clock, host
        self._lock_file: int | None = None
        self._file: tuple[int, int] | None = None
        self._kept: tuple[tuple[int, int] | None, Connection] | None = None
        self._checking = Lock()
        self._writing = _engine(lambda: self._connect("rw"), pool_size=1)
        self._reading = _engine(lambda: self._connect("rw", query_only=True), pool_size=READERS)
        event.listen(self._writing, "begin", _begin_immediate)

    @contextmanager
    def begin(self, locks: Sequence[str]) -> Iterator[Transaction]:  # noqa: ARG002 - the file lock excludes everybody already
        with trouble_as_unavailable(), self._turn():
            self._host.check()
            self._check_file()
            conn = self._writer()
            try:
                with conn.begin():
                    yield Transaction(conn, self._clock())
            except BaseException:
                self._let_go()  # whatever state it is in, nobody has to find out
                raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with trouble_as_unavailable():
            self._check_file()
            with self._reading.connect() as conn:
                yield conn

    def now(self, conn: Connection) -> datetime:  # noqa: ARG002 - the port's signature
        return self._clock()

    def watch(self, stop: Event, changed: Callable[[None], None]) -> None:
        """Look at `PRAGMA data_version`, which another connection's commit changes."""
        with trouble_as_unavailable(), closing(self._connect("rw", query_only=True)) as raw:
            seen = _data_version(raw)
            while not stop.wait(WATCH_S):
                self._check_file()
                if (version := _data_version(raw)) != seen:
                    seen = version
                    changed(None)

    @contextmanager
    def creating(self) -> Iterator[Connection]:
        """A transaction in which tables are made; the one place where the file may come into being."""
        with trouble_as_unavailable():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._turn():
                with closing(self._connect("rwc")) as raw:
                    raw.execute("PRAGMA journal_mode=WAL")
                with self._writing.begin() as conn:
                    yield conn

    def forget(self) -> None:
        self._host.forget()
        _inherited.extend((self._kept, self._writing.pool, self._reading.pool))
        if self._lock_file is not None:
            os.close(self._lock_file)  # a lock belongs to the open file; a copy kept here would outlive the parent

    def close(self) -> None:
        self._host.release()
        self._let_go()
        self._writing.dispose()
        self._reading.dispose()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def _connect(self, mode: str, *, query_only: bool = False) -> sqlite3.Connection:
        raw = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,  # sqlite3 begins nothing on its own
            check_same_thread=False,  # a pool hands connections from thread to thread, one at a time
        )
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA foreign_keys=ON")
        raw.execute(f"PRAGMA query_only={'ON' if query_only else 'OFF'}")
        return raw

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the file lock: first come, first served among all processes. Only the committer thread comes here."""
        if self._lock_file is None:
            self._lock_file = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def _writer(self) -> Connection:
        """The committer's connection, kept from one transaction to the next as long as the file is the same."""
        if self._kept is not None and self._kept[0] != self._file:
            self._let_go()
        if self._kept is None:
            self._kept = self._file, self._writing.connect()
        return self._kept[1]

    def _let_go(self) -> None:
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None

    def _check_file(self) -> None:
        """See that the file is still the one that is open. SQLite itself would go on writing into a deleted file."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._reopen(None)
            raise StoreUnavailable("the database file is not there") from None
        if (status.st_dev, status.st_ino) != self._file:
            self._reopen((status.st_dev, status.st_ino))

    def _reopen(self, file: tuple[int, int] | None) -> None:
        with self._checking:
            if file != self._file:
                self._writing.dispose()
                self._reading.dispose()
                self._file = file


def _engine(connect: Callable[[], sqlite3.Connection], *, pool_size: int) -> Engine:
    return create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=pool_size, pool_timeout=BUSY_TIMEOUT_S
    )


def _begin_immediate(conn: Connection) -> None:
    """Take the write lock at once: a transaction that reads first and writes later could be refused half-way."""
    conn.connection.cursor().execute("BEGIN IMMEDIATE")


def _data_version(raw: sqlite3.Connection) -> Any:
    return raw.execute("PRAGMA data_version").fetchone()[0]
