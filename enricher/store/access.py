"""The database as the rest of the store uses it: opened by each process on first use.

Gunicorn may load the application before it forks; no connection and no thread may cross that line. So a store that was
not used before a fork opens in each child, and one that was stays its parent's: SQLite cannot be used on both sides.
"""

from __future__ import annotations

import os
import platform
import secrets
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from enricher.errors import StoreUnavailable
from enricher.store.database import ALERTS, Backend, Transaction
from enricher.store.health import Healths
from enricher.store.upgrade import upgrade
from enricher.store.wake import Bell, Watcher, next_due
from enricher.store.writer import Writer

Item = TypeVar("Item")
Result = TypeVar("Result")

LONGEST_SLEEP_S = 2.0
"""A wake-up that was lost (a pooler that drops LISTEN) costs no more than this."""


@dataclass(frozen=True, slots=True)
class _Process:
    """What one process has open. `holder` names it in the rows it claims."""

    backend: Backend
    writer: Writer
    bell: Bell
    holder: str


class Access:
    """Reads and writes for everything in the store."""

    def __init__(self, connect: Callable[[], Backend], healths: Healths) -> None:
        self._connect, self._healths = connect, healths
        self._process: _Process | None = None
        self._watcher: Watcher | None = None
        self._making = threading.Lock()
        self._closed: str | None = None
        self._loop = threading.local()
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (found := forget()) and found())

    @property
    def holder(self) -> str:
        return self._here().holder

    def write(self, do: Callable[[Transaction], Result], locks: Sequence[str] = ()) -> Result:
        return self._here().writer.write(do, locks)

    def write_together(self, handler: Callable[[Transaction, list[Item]], Sequence[Result]], item: Item) -> Result:
        return self._here().writer.write_together(handler, item)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._here().backend.read() as conn:
            yield conn

    def now(self, conn: Connection) -> datetime:
        """The time by the clock that due times are compared with."""
        return self._here().backend.now(conn)

    def upgrade(self) -> None:
        """Bring the tables to this version, over a connection of its own."""
        backend = self._connect()
        try:
            with backend.creating() as conn:
                upgrade(conn)
        finally:
            backend.close()

    def claims(self, topic: str) -> None:
        """Remember what the calling thread claims, so that it waits for that: `ALERTS`, `FOLLOW_UPS`, or a destination."""
        self._loop.topic = topic

    def wait_for_work(self, timeout_s: float) -> None:
        """Return when there may be work of the sort that this thread claims, not offered to it yet; or after `timeout_s`.

        For a loop of "claim, and if there was nothing, wait": whatever is committed or falls due after the last return is
        not missed. A database in trouble is not reported here: the claim that follows will.
        """
        bell, topic = self._here().bell, getattr(self._loop, "topic", ALERTS)
        self._watch()
        if not bell.wait(topic, 0.0):
            bell.wait(topic, min(timeout_s, LONGEST_SLEEP_S, self._until_due(topic)))

    def close(self) -> None:
        with self._making:
            self._closed = "the store is closed"
            if self._watcher is not None:
                self._watcher.close()
            if self._process is not None:
                self._process.writer.close()
                self._process.backend.close()
                self._process.bell.ring()
            self._watcher = self._process = None

    def _here(self) -> _Process:
        if self._process is not None:
            return self._process
        with self._making:
            if self._closed:
                raise StoreUnavailable(self._closed)
            if self._process is None:
                self._process = self._make()
            return self._process

    def _make(self) -> _Process:
        backend, bell = self._connect(), Bell()
        holder = f"{platform.node()}:{os.getpid()}:{secrets.token_hex(4)}"
        return _Process(backend=backend, writer=Writer(backend.begin, bell.ring), bell=bell, holder=holder)

    def _watch(self) -> None:
        if self._watcher is None:
            process = self._here()
            with self._making:
                if self._watcher is None and not self._closed:
                    self._watcher = Watcher(process.backend.watch, process.bell)

    def _until_due(self, topic: str) -> float:
        """Seconds until something falls due that had not when this thread last asked."""
        try:
            with self.read() as conn:
                now = self.now(conn)
                asked: datetime = getattr(self._loop, "offered_until", now)
                due = next_due(conn, topic, asked, self._healths)
        except StoreUnavailable:
            return LONGEST_SLEEP_S
        self._loop.offered_until = now
        return LONGEST_SLEEP_S if due is None else max(0.0, (due - now).total_seconds())

    def _forget(self) -> None:
        """In a child process."""
        if self._process is not None:
            self._process.backend.forget()
            self._closed = "the store was in use before this process was forked"
        self._process = self._watcher = None
        self._making = threading.Lock()
        self._loop = threading.local()
