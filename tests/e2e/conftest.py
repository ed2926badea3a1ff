"""Where the end-to-end tests keep their databases, and the stand-ins beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import postgres as postgresql
from tests.e2e.harness import DESTINATIONS, Service, Standins, serving


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """A new, empty database."""
    with postgresql.database(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
def module_postgres(postgres_server: str) -> Iterator[str]:
    """One for all tests of a module."""
    with postgresql.database(postgres_server) as url:
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
    with Standins(tmp_path_factory.mktemp("standins"), "--no-limits", "--search-lag=0.25") as running:
        yield running


@pytest.fixture(scope="module")
def service(standins: Standins, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`enricher serve` on SQLite, with all destinations and a Jira that is believed after one second."""
    folder = tmp_path_factory.mktemp("service")
    settings = {"ENRICHER_JIRA_QUIET_SECONDS": "1", "ENRICHER_DATABASE_URL": f"sqlite:///{folder}/enricher.db"}
    with serving(standins.environment() | settings, folder / "service.log") as running:
        yield running


@pytest.fixture
def faults(standins: Standins) -> Iterator[Callable[..., None]]:
    """Lets a stand-in fail for the length of a test."""
    yield standins.fail
    for name in DESTINATIONS:
        standins.fail(name)
        standins.release(name)
