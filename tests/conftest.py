"""What all tests share: a PostgreSQL server, and databases that have their tables already, to be copied for each test.

Importing `tests.plugins.properties` gives property tests the time that a shared machine needs, however pytest was started.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

import tests.plugins.properties  # noqa: F401 - importing it loads the profile
from enricher.store import open_store
from tests import postgres
from tests.faults import table
from tests.faults.columns import COLUMNS
from tests.plugins import agreement
from tests.store.fakes import Clock, counting_merge, to_all_if_open

LONGEST = ("tests/e2e/test_e2e_kill.py", "tests/e2e/")
"""Where the tests are that take longest, the longest first. Begun last, one of them would keep one core while the other idles."""


MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes. A run needs at most a tenth, and the disk that a test fills is one of its own."""


def pytest_configure() -> None:
    """A test that wants a terminal of some width says so: where tests run in several processes, each is given one of 80 columns.

    What tests write lies in memory where there is room: they end processes, never the machine, so nothing need wait for a disk.
    """
    os.environ.pop("COLUMNS", None)
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end, so nobody need look for garbage in it: not meanwhile, and not afterwards."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: next((at for at, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST))
    )


def pytest_terminal_summary(terminalreporter: object) -> None:
    """Here and not beside the matrix: where tests run in several processes, the one that prints loads only this file."""
    table.show(terminalreporter, {name: column.short for name, column in COLUMNS.items()})
    agreement.show(terminalreporter)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server of this test run's own; the URL of its `postgres` database."""
    with postgres.server() as url:
        yield url


def _make_tables(url: str) -> str:
    clock = Clock(datetime(2026, 11, 24, tzinfo=UTC))
    with closing(open_store(url, clock=clock, merge=counting_merge, deliver_to=to_all_if_open)) as store:
        store.upgrade()
    return url


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
def reused_postgres(postgres_server: str) -> Iterator[postgres.Reused]:
    """One database with all tables, for one test after another."""
    with postgres.database(postgres_server) as url:
        yield postgres.Reused(_make_tables(url))


@pytest.fixture
def tables_in_postgres(reused_postgres: postgres.Reused) -> Iterator[str]:
    """A PostgreSQL database that has all tables and nothing in them; its URL."""
    yield reused_postgres.url
    reused_postgres.restore()
