"""What both databases have in common: the transaction, the errors, and the statements SQLAlchemy spells per dialect."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from threading import Event
from typing import Any, Protocol

import psycopg
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from enricher.errors import StoreUnavailable
from enricher.store.statements import add

Clock = Callable[[], datetime]

ALERTS, FOLLOW_UPS, CHORES = "", "*follow-ups", "*chores"
"""The inbox, what cases wait for, and chores, where a topic of work is named; every other topic is a destination."""

_CONTENTION = frozenset({"40001", "40P01"})
_OUR_FAULT = frozenset({"22", "23", "54"})
"""SQLSTATE classes that name a bad value: data exception, integrity, program limit. Trying again would not help."""
_DETAIL_LIMIT = 200


@dataclass(slots=True)
class Transaction:
    """One transaction of the committer. `now` is the database's idea of it.

    `wakes` says for whom there is something to do when it is committed: `ALERTS`, `FOLLOW_UPS`, `CHORES`, or a destination.
    """

    conn: Connection
    now: datetime
    wakes: set[str] = field(default_factory=set)


class Backend(Protocol):
    """One database as one process sees it. Everything raises StoreUnavailable when the database cannot be had."""

    def begin(self, locks: Sequence[str]) -> AbstractContextManager[Transaction]:
        """A transaction that commits at the end. `locks` are names held until then, against all processes."""
        ...

    def read(self) -> AbstractContextManager[Connection]:
        """A connection for reading; every statement sees the latest commit."""
        ...

    def now(self, conn: Connection) -> datetime:
        """The time that due times are compared with."""
        ...

    def watch(self, stop: Event, changed: Callable[[Collection[str] | None], None]) -> None:
        """Call `changed` whenever another process has committed something, until `stop`: for which topics, None for any."""
        ...

    def creating(self) -> AbstractContextManager[Connection]:
        """A transaction in which tables are made, by one process at a time."""
        ...

    def forget(self) -> None:
        """After a fork: let go of what the parent still uses, without closing it."""
        ...

    def close(self) -> None: ...


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's error code; empty on SQLite."""
    return getattr(error.orig, "sqlstate", None) or ""


def is_contention(error: BaseException) -> bool:
    """Two transactions got in each other's way, and this one was sacrificed: it may simply run again."""
    return isinstance(error, DBAPIError) and sqlstate(error) in _CONTENTION


@contextmanager
def trouble_as_unavailable() -> Iterator[None]:
    """Turn what a database, a driver or the disk says into StoreUnavailable; let our own mistakes through as they are."""
    try:
        yield
    except (IntegrityError, DataError, NotSupportedError):
        raise
    except DBAPIError as error:
        if is_contention(error) or sqlstate(error)[:2] in _OUR_FAULT:
            raise
        raise StoreUnavailable(_brief(error.orig or error)) from error
    except (PoolTimeout, sqlite3.Error, psycopg.Error, OSError) as error:
        raise StoreUnavailable(_brief(error)) from error


def _brief(error: BaseException) -> str:
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return first_line[:_DETAIL_LIMIT]


@cache
def insert_new(dialect: str, table: Table, *unique: str) -> Any:
    """INSERT … ON CONFLICT (these columns, else the primary key) DO NOTHING. A conflict elsewhere is an error."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing(index_elements=list(unique) or list(table.primary_key.columns))


@cache
def insert_or_replace(dialect: str, table: Table) -> Any:
    """INSERT … ON CONFLICT (primary key) DO UPDATE with the new values."""
    insert = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table)
    keys = list(table.primary_key.columns)
    values = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
    return insert.on_conflict_do_update(index_elements=keys, set_=values)


def add_new(conn: Connection, table: Table, rows: Sequence[dict[str, Any]], *unique: str) -> set[Any]:
    """Insert those rows that are not there yet by `unique`; the first primary key column of each that went in."""
    return {key for (key,) in add(conn, _insert_new_and_say(conn.dialect.name, table, *unique), rows)}


@cache
def _insert_new_and_say(dialect: str, table: Table, *unique: str) -> Any:
    return insert_new(dialect, table, *unique).returning(next(iter(table.primary_key.columns)))
