"""Every test of the store runs on SQLite and on a real PostgreSQL, each with a database of its own and a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from enricher.store import Store
from tests import postgres
from tests.store.fakes import Clock, Estate

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new database: empty, or with its tables where the test wants an `estate`."""
    with_tables = "estate" in request.fixturenames
    if request.param == "sqlite":
        path = tmp_path / "data" / "enricher.db"
        yield request.getfixturevalue("tables_in_sqlite")(path) if with_tables else f"sqlite:///{path}"
    elif with_tables:
        yield request.getfixturevalue("tables_in_postgres")
    else:
        with postgres.database(request.getfixturevalue("postgres_server")) as empty:
            yield empty


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def estate(url: str, clock: Clock) -> Iterator[Estate]:
    """Opens stores on the one database, and closes them at the end."""
    opened = Estate(url, clock)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def store(estate: Estate) -> Store:
    return estate.stores[0]
