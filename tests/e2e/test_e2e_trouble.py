"""A database that is gone, read-only or full under the running service: it says so, stays up, and goes on when it is back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.e2e import alerts
from tests.e2e.harness import Service, Standins, serving, until
from tests.e2e.judge import held

pytestmark = pytest.mark.slow

SETTINGS = {"ENRICHER_LEASE_SECONDS": "2", "ENRICHER_JIRA_QUIET_SECONDS": "1"}
LARGE = {"description": "x" * 2_000_000}
"""Two alerts of this size are more than the small disk has left."""


class SqliteFile:
    """A file that can be moved away, on a file system that can be filled."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/enricher.db"
        self.path = folder / "enricher.db"

    @contextmanager
    def gone(self) -> Iterator[None]:
        away = self.path.with_suffix(".away")
        self.path.rename(away)
        try:
            yield
        finally:
            away.rename(self.path)

    @contextmanager
    def full(self) -> Iterator[None]:
        filler = self.path.with_suffix(".filler")
        try:
            with filler.open("wb") as file:
                free = os.statvfs(self.path.parent)
                os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
            yield
        finally:
            filler.unlink()


class PostgresDatabase:
    """A database whose server can refuse it connections, or writes."""

    def __init__(self, url: str, server: str) -> None:
        self.url = url
        self._server, self._name = server, urlsplit(url).path.removeprefix("/")

    @contextmanager
    def gone(self) -> Iterator[None]:
        with self._altered("ALLOW_CONNECTIONS false", "ALLOW_CONNECTIONS true"):
            yield

    @contextmanager
    def read_only(self) -> Iterator[None]:
        setting = "SET default_transaction_read_only = "
        with self._altered(setting + "on", setting + "off"):
            yield

    @contextmanager
    def _altered(self, how: str, back: str) -> Iterator[None]:
        with closing(psycopg.connect(self._server, autocommit=True)) as admin:
            self._alter(admin, how)
            try:
                yield
            finally:
                self._alter(admin, back)

    def _alter(self, admin: psycopg.Connection, how: str) -> None:
        admin.execute(SQL("ALTER DATABASE {} ").format(Identifier(self._name)) + SQL(how))
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self._name])


Database = SqliteFile | PostgresDatabase


@dataclass(frozen=True)
class SmallDisk:
    """A file system with room for little, that only the programs started by `entering` see, and that ends with them."""

    folder: Path

    @property
    def entering(self) -> list[str]:
        owning = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        mounting = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'
        return ["unshare", *owning, "--mount", "sh", "-c", mounting, str(self.folder)]

    def seen_by(self, pid: int) -> Path:
        return Path(f"/proc/{pid}/root{self.folder}")


@pytest.fixture
def small_disk(tmp_path: Path) -> SmallDisk:
    disk = SmallDisk(tmp_path / "disk")
    disk.folder.mkdir()
    if not which("unshare") or subprocess.run([*disk.entering, "true"], check=False, capture_output=True).returncode:
        pytest.skip("a file system of one's own takes the right to mount one")
    return disk


@pytest.fixture(params=["sqlite", "postgresql"])
def troubled(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        (tmp_path / "data").mkdir()
        return SqliteFile(tmp_path / "data")
    return PostgresDatabase(request.getfixturevalue("postgres"), request.getfixturevalue("postgres_server"))


def assert_refuses(service: Service, content: bytes) -> None:
    answer = service.post(content)
    assert answer.status_code == 503
    assert answer.json()["error"] == "unavailable"
    assert int(answer.headers["Retry-After"]) > 0


def assert_goes_on(service: Service, processes: list[int], name: str) -> None:
    """In the same processes, with what it refused, and to the end."""
    assert service.program.processes() == processes
    until(service.is_ready, "readiness")
    assert len(service.settled(service.accept(alerts.trigger(name)))["cases"]) == 1


def test_gone(troubled: Database, tmp_path: Path) -> None:
    with serving(SETTINGS | {"ENRICHER_DATABASE_URL": troubled.url}, tmp_path / "service.log") as service:
        before = service.case(service.accept(alerts.trigger("before")))
        processes = service.program.processes()

        with troubled.gone():
            assert_refuses(service, alerts.trigger("during"))
            assert service.client.get("/readyz").status_code == 503
            assert service.client.get("/healthz").status_code == 200
            for path in (f"/api/v1/cases/{before['key']}", "/", "/cases"):
                assert service.client.get(path).status_code == 503
            assert b"enricher_store_up 0.0" in service.client.get("/metrics").content

        assert_goes_on(service, processes, "during")
        assert service.get(f"cases/{before['key']}")["key"] == before["key"]


def test_postgres_read_only(postgres: str, postgres_server: str, tmp_path: Path) -> None:
    database = PostgresDatabase(postgres, postgres_server)
    with serving(SETTINGS | {"ENRICHER_DATABASE_URL": postgres}, tmp_path / "service.log") as service:
        before = service.case(service.accept(alerts.trigger("before")))
        processes = service.program.processes()

        with database.read_only():
            assert_refuses(service, alerts.trigger("during"))
            assert service.client.get("/readyz").status_code == 503
            assert service.get(f"cases/{before['key']}")["key"] == before["key"]

        assert_goes_on(service, processes, "during")


def test_disk_full(small_disk: SmallDisk, tmp_path: Path) -> None:
    settings = SETTINGS | {"ENRICHER_DATABASE_URL": SqliteFile(small_disk.folder).url}
    with serving(settings, tmp_path / "service.log", entering=small_disk.entering) as service:
        processes = service.program.processes()

        with SqliteFile(small_disk.seen_by(service.program.pid)).full():
            assert_refuses(service, alerts.trigger("large", **LARGE))
            assert_refuses(service, alerts.trigger("large", **LARGE))
            assert service.client.get("/healthz").status_code == 200

        assert_goes_on(service, processes, "large")


def test_an_outcome_that_could_not_be_stored_is_looked_up(troubled: Database, tmp_path: Path) -> None:
    """Jira has made the issue, and while its answer comes the database goes. The claim must come back, and find the issue."""
    with (
        Standins(tmp_path / "standins") as standins,
        serving(
            standins.environment() | SETTINGS | {"ENRICHER_DATABASE_URL": troubled.url}, tmp_path / "service.log"
        ) as service,
    ):
        standins.fail(
            "jira", {"kind": "trickle", "method": "POST", "path": "/rest/api/3/issue", "calls": [1], "seconds": 20}
        )
        case = service.case(service.accept(alerts.trigger("unheard")))
        until(lambda: standins.store("jira")["issues"], "the issue")
        service.delivered(case["key"], "servicenow", "slack")

        with troubled.gone():
            standins.release("jira")
            until(lambda: service.program.logged("claim_left_to_its_lease"), "a claim left to its lease")

        service.delivered(case["key"])
        assert service.program.logged("ticket_adopted") == 1
        assert {name: len(one.tickets[case["key"]]) for name, one in held(standins).items()} == {
            "jira": 1,
            "servicenow": 1,
            "slack": 1,
        }
