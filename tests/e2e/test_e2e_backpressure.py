"""Too much waits, or the disk is nearly full: senders are told to come again, and are let in when there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest

from enricher.core.merge import merge
from enricher.store import open_store
from enricher.wiring import clock
from tests.e2e import alerts
from tests.e2e.databases import SmallDisk, SqliteFile
from tests.e2e.harness import Program, Service, serving, until

pytestmark = pytest.mark.slow

LIMIT = 3
ONE_PROCESS = {"ENRICHER_WEB_PROCESSES": "1", "ENRICHER_CONFIG_DIR": "none", "ENRICHER_LOOKUPS": "off"}
"""It knows at once what it has accepted; several find out within a second."""


def make_tables(database: str) -> None:
    store = open_store(database, clock=clock, merge=merge, deliver_to=lambda _: ())
    store.upgrade()
    store.close()


@contextmanager
def web_half(settings: dict[str, str], log: Path) -> Iterator[Service]:
    service = Service(settings, log, "web")
    service.start()
    try:
        service.await_ready()
        yield service
    finally:
        service.close()


def assert_busy(service: Service, name: str, mark: str) -> None:
    answer = service.post(alerts.trigger(name))
    assert (answer.status_code, answer.json()["error"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    ready = service.client.get("/readyz")
    assert (ready.status_code, ready.json()["busy"]) == (200, mark)
    assert f'enricher_backpressure{{mark="{mark}"}} 1.0' in service.client.get("/metrics").text


def test_with_nobody_at_work_no_more_than_the_limit_are_taken_until_somebody_is(database: str, tmp_path: Path) -> None:
    make_tables(database)
    settings = ONE_PROCESS | {"ENRICHER_DATABASE_URL": database, "ENRICHER_INBOX_LIMIT": str(LIMIT)}
    with web_half(settings, tmp_path / "web.log") as service:
        taken = [service.accept(alerts.trigger(f"host-{number}")) for number in range(LIMIT)]
        assert_busy(service, "one-more", "inbox")
        assert service.client.get("/readyz").json()["inbox"] == LIMIT

        with Program(["enricher", "work"], settings, tmp_path / "worker.log"):
            for alert_id in taken:
                assert service.settled(alert_id)["state"] == "done"
            until(lambda: service.post(alerts.trigger("one-more")).status_code == 202, "room for one more")

    log = (tmp_path / "web.log").read_text()
    assert log.count("backpressure_began") == log.count("backpressure_ended") == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> SmallDisk:
    disk = SmallDisk(tmp_path / "disk")
    disk.folder.mkdir()
    if not which("unshare") or subprocess.run([*disk.entering, "true"], check=False, capture_output=True).returncode:
        pytest.skip("a file system of one's own takes the right to mount one")
    return disk


def test_a_disk_that_is_nearly_full_takes_nothing_until_there_is_room(small_disk: SmallDisk, tmp_path: Path) -> None:
    settings = {"ENRICHER_DATABASE_URL": SqliteFile(small_disk.folder).url, "ENRICHER_DISK_FREE_MIB": "1"}
    with serving(settings, tmp_path / "service.log", entering=small_disk.entering) as service:
        service.settled(service.accept(alerts.trigger("before")))

        with SqliteFile(small_disk.seen_by(service.program.pid)).full():
            until(lambda: service.post(alerts.trigger("during")).status_code == 503, "the mark")
            until(lambda: service.post(alerts.trigger("during")).json()["error"] == "busy", "the word for it")

        until(lambda: service.post(alerts.trigger("during")).status_code == 202, "room again")
