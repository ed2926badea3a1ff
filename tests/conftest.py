"""What all tests share: a PostgreSQL server, and databases that have their tables already, to be copied for each test.

Importing `tests.plugins.properties` gives property tests the time that a shared machine needs, however pytest was started.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

import tests.plugins.properties  # noqa: F401 - importing it loads the profile
from enricher.store import open_store
from tests import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server of this test run's own; the URL of its `postgres` database."""
    with postgres.server() as url:
        yield url


def _make_tables(url: str) -> str:
    store = open_store(url, clock=lambda: datetime.now(UTC), merge=_no_merge, deliver_to=lambda _: ())  # noqa: TID251 - unused
    with closing(store):
        store.upgrade()
    return url


def _no_merge(*_: object) -> tuple[object, list[object]]:
    raise NotImplementedError


@pytest.fixture(scope="session")
def tables_in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Makes a SQLite file that has all tables and nothing in them; its URL."""
    template = tmp_path_factory.mktemp("tables") / "enricher.db"
    _make_tables(f"sqlite:///{template}")

    def copy(to: Path) -> str:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(template, to)
        return f"sqlite:///{to}"

    return copy


@pytest.fixture(scope="session")
def tables_in_postgres(postgres_server: str) -> Iterator[str]:
    """The name of a database that has all tables and nothing in them, to be copied."""
    with postgres.database(postgres_server) as url:
        yield postgres.name_of(_make_tables(url))
