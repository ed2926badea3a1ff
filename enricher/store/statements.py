"""Statements that are built with SQLAlchemy, spelled once, and from then on handed to the driver as they are.

So tables, types and both databases' dialects stay in one place, and running a statement costs little more than the driver takes:
Core works out anew with each execution what never changes, which was most of what the committer did. Only statements that are built
once, at import, may come here, for their spelling is kept for good.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Float, Insert, Select, Update, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

Values = Mapping[str, Any]
_Process = Callable[[Any], Any] | None

ROWS_AT_ONCE = 8
"""Rows of one INSERT: each number of them is a spelling of its own, and more at once would gain little."""

LISTED_AT_ONCE = 128
"""Items of one condition."""

_DIALECTS: Mapping[str, Dialect] = {
    "sqlite": sqlite.dialect(),
    "postgresql": postgresql.psycopg.dialect(paramstyle="format"),  # type: ignore[no-untyped-call] # as above
}


@dataclass(frozen=True, slots=True)
class _Spelled:
    """A statement as a driver takes it: where its values go, what makes them storable, and what makes rows of an answer."""

    sql: str
    constants: Mapping[str, Any]
    places: Sequence[tuple[str, _Process]]
    row: Callable[..., Any]
    columns: Sequence[_Process]

    def bound(self, values: Values) -> list[Any]:
        given = {**self.constants, **values}
        return [process(given[name]) if process else given[name] for name, process in self.places]

    def read(self, found: Sequence[Sequence[Any]]) -> list[Any]:
        columns, row = self.columns, self.row
        return [row(*[p(value) if p else value for p, value in zip(columns, each, strict=True)]) for each in found]


def fetch(conn: Connection, statement: Select[Any] | Update, values: Values) -> list[Any]:
    """The rows of an answer, their columns by name. Raises DBAPIError, as Core does."""
    spelled = _spelled(statement, conn.dialect.name, tuple(values))
    return spelled.read(run(conn, spelled.sql, spelled.bound(values)).fetchall())


def fetch_of(conn: Connection, statement: Select[Any], name: str, items: Sequence[Any]) -> list[Any]:
    """Like `fetch`, for a statement whose one value is the expanding `name`."""
    spelled = _spelled_for(statement, conn.dialect.name, name, len(items))
    return spelled.read(
        run(conn, spelled.sql, spelled.bound({f"{name}_{i}": v for i, v in enumerate(items, 1)})).fetchall()
    )


def fetch_listed(conn: Connection, statement: Select[Any], name: str, items: Collection[Any]) -> list[Any]:
    """Like `fetch_of`, for a list of any length. Its last is repeated up to a round number, so that there are few spellings."""
    wanted, rows = list(items), []
    for start in range(0, len(wanted), LISTED_AT_ONCE):
        some = wanted[start : start + LISTED_AT_ONCE]
        size = 1 << (len(some) - 1).bit_length()
        rows += fetch_of(conn, statement, name, some + some[-1:] * (size - len(some)))
    return rows


def change(conn: Connection, statement: Update, values: Values) -> int:
    """How many rows were changed. Values that are no parameters of the statement are columns to be set."""
    spelled = _spelled(statement, conn.dialect.name, tuple(values))
    return cast("int", run(conn, spelled.sql, spelled.bound(values)).rowcount)


def add(conn: Connection, statement: Insert, rows: Sequence[Values]) -> list[Any]:
    """Insert rows, all with the same columns, in their order; what the statement returns."""
    returned: list[Any] = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        spelled = _spelled_insert(statement, conn.dialect.name, tuple(some[0]), len(some))
        cursor = run(conn, spelled.sql, [value for row in some for value in spelled.bound(row)])
        if spelled.columns:
            returned += spelled.read(cursor.fetchall())
    return returned


def run(conn: Connection, sql: str, values: Sequence[Any]) -> Any:
    """Run it, as the driver wants it, on the driver's own connection; its errors are raised as Core would raise them."""
    driver: Any = conn.connection.driver_connection
    try:
        return driver.execute(sql, values)
    except (sqlite3.Error, psycopg.Error) as error:
        gone = conn.dialect.is_disconnect(error, driver, None)  # type: ignore[arg-type] # a driver's error, of either driver
        if gone:
            conn.invalidate(error)
        base = sqlite3.Error if isinstance(error, sqlite3.Error) else psycopg.Error
        raise DBAPIError.instance(
            sql, None, error, base, hide_parameters=True, connection_invalidated=gone, dialect=conn.dialect
        ) from error


@cache
def _spelled(statement: Select[Any] | Update, dialect: str, names: tuple[str, ...]) -> _Spelled:
    return _spell(statement, dialect, names)


@lru_cache(maxsize=256)
def _spelled_for(statement: Select[Any], dialect: str, name: str, count: int) -> _Spelled:
    return _spell(statement.params({name: [None] * count}), dialect, (name,))


@cache
def _spelled_insert(statement: Insert, dialect: str, names: tuple[str, ...], count: int) -> _Spelled:
    """Its places are those of one row: those of the others follow in the same order."""
    types = statement.table.columns
    rows = [{name: bindparam(f"{name}_{i}", type_=types[name].type) for name in names} for i in range(count)]
    spelled = _spell(statement.values(rows), dialect, ())
    one = [(name.rpartition("_")[0], process) for name, process in spelled.places[: len(names)]]
    return _Spelled(spelled.sql, {}, one, spelled.row, spelled.columns)


def _reader(kind: Any, dialect: Dialect) -> _Process:
    """What makes values of an answer; both drivers give fractions as they are."""
    if isinstance(kind, Float):
        return None
    process: _Process = kind.dialect_impl(dialect).result_processor(dialect, None)
    return process


def _spell(statement: Any, dialect_name: str, names: tuple[str, ...]) -> _Spelled:
    dialect = _DIALECTS[dialect_name]
    compiled = statement.compile(dialect=dialect, column_keys=list(names), compile_kwargs={"render_postcompile": True})
    answer = statement.column_descriptions if isinstance(statement, Select) else statement.returning_column_descriptions
    constants: dict[str, Any] = {}
    places: list[tuple[str, _Process]] = []
    for name in compiled.positiontup:
        bind = compiled.binds[name] if name in compiled.binds else compiled.binds[name.rpartition("_")[0]]  # was expanding
        process = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if bind.required or bind.expanding:
            places.append((name, process))
        else:
            constants[name] = process(bind.value) if process else bind.value
            places.append((name, None))
    return _Spelled(
        sql=compiled.string,
        constants=constants,
        places=places,
        row=namedtuple("Row", [column["name"] for column in answer]),  # noqa: PYI024 - columns differ
        columns=[_reader(column["type"], dialect) for column in answer],
    )
