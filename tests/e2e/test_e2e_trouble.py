"""A database that is gone, read-only or full under the running service: it says so, stays up, and goes on when it is back."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which

import pytest

from tests.e2e import alerts
from tests.e2e.databases import PostgresDatabase, SmallDisk, SqliteFile
from tests.e2e.harness import DESTINATIONS, Service, Standins, serving, until
from tests.e2e.holding import ONE_EACH, await_creates, hold_creates, release_all, tickets

pytestmark = pytest.mark.slow

SETTINGS = {"ENRICHER_LEASE_SECONDS": "2", "ENRICHER_JIRA_QUIET_SECONDS": "1"}
BEATS_OF_A_LEASE = 3
LARGE = {"description": "x" * 2_000_000}
"""Two alerts of this size are more than the small disk has left."""
NO_MARK = {"ENRICHER_DISK_FREE_MIB": "0"}
"""Below the usual mark nothing would be taken on so small a disk from the start."""

Database = SqliteFile | PostgresDatabase


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
    settings = SETTINGS | NO_MARK | {"ENRICHER_DATABASE_URL": SqliteFile(small_disk.folder).url}
    with serving(settings, tmp_path / "service.log", entering=small_disk.entering) as service:
        processes = service.program.processes()

        with SqliteFile(small_disk.seen_by(service.program.pid)).full():
            assert_refuses(service, alerts.trigger("large", **LARGE))
            assert_refuses(service, alerts.trigger("large", **LARGE))
            assert service.client.get("/healthz").status_code == 200

        assert_goes_on(service, processes, "large")


# --- and with calls on their way ------------------------------------------------------------------------------------


def test_outcomes_that_could_not_be_stored_are_looked_up(troubled: Database, tmp_path: Path) -> None:
    """All three have made the ticket, and while their answers come the database goes, for longer than a lease. The claims
    must come back, and find the tickets.
    """
    with (
        Standins(tmp_path / "standins", "--no-limits") as standins,
        serving(
            standins.environment() | SETTINGS | {"ENRICHER_DATABASE_URL": troubled.url}, tmp_path / "service.log"
        ) as service,
    ):
        hold_creates(standins)
        case = service.case(service.accept(alerts.trigger("unheard")))
        await_creates(standins, case["key"])

        with troubled.gone():
            service.program.await_logged("heartbeat_failed", more=BEATS_OF_A_LEASE)
            release_all(standins)
            until(lambda: service.program.logged("claim_left_to_its_lease") >= len(DESTINATIONS), "the claims left")

        service.delivered(case["key"])
        assert service.program.logged("ticket_adopted") == len(DESTINATIONS)
        assert tickets(standins, case["key"]) == ONE_EACH


def test_outcomes_that_did_not_fit_on_the_disk_are_looked_up(small_disk: SmallDisk, tmp_path: Path) -> None:
    """The same with a disk that fills up while the answers come."""
    settings = SETTINGS | NO_MARK | {"ENRICHER_DATABASE_URL": SqliteFile(small_disk.folder).url}
    with (
        Standins(tmp_path / "standins", "--no-limits") as standins,
        serving(standins.environment() | settings, tmp_path / "service.log", entering=small_disk.entering) as service,
    ):
        hold_creates(standins)
        case = service.case(service.accept(alerts.trigger("unheard")))
        await_creates(standins, case["key"])

        with SqliteFile(small_disk.seen_by(service.program.pid)).full():
            until(lambda: service.post(alerts.trigger("large", **LARGE)).status_code == 503, "a full disk")
            service.program.await_logged("heartbeat_failed")
            release_all(standins)
            until(lambda: service.program.logged("claim_left_to_its_lease") > 0, "a claim left to its lease")

        service.delivered(case["key"])
        assert service.program.logged("ticket_adopted") > 0
        assert tickets(standins, case["key"]) == ONE_EACH
