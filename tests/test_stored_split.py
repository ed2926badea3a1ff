"""What `test_split.py` shows of a shelf, of the real store: SQLite and PostgreSQL, one process or several, follow-ups and all."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from enricher.core.document import CaseDocument, Json
from enricher.core.merge import merge
from enricher.lookups import NoLookups
from enricher.model import Alert, Kind, Row
from enricher.ports import ClaimedAlert
from enricher.store import Store
from enricher.wiring.flow import Flow
from enricher.worker.alerts import AlertJob
from enricher.worker.followups import FollowUpJob
from tests.fakes import POWERSHELL, corpus_alert, packaged_programs
from tests.store.fakes import Clock, Estate, submission
from tests.test_split import WAYS, after, columns_of_query, each_alone, judged, mixed, told

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
CASES = (
    "dns-anomalies/rotation",
    "dns-anomalies/busy-benign",
    "test1-powershell-workers",
    "test4-curl-cloudfunctions",
    "extra-malicious/office-mshta",
    "extra-malicious/renamed-powershell-task",
    "benign/node-vite-dev-server",
    "edge-cases/zero-guid",
    "variants/pid-reuse",
)
LATER_S = 3600.0
MOST_ROUNDS = 20
THREADS = 4


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def estate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Estate]:
    """A database with its tables; every store that is opened on it merges as the service does."""
    if request.param == "sqlite":
        url = request.getfixturevalue("tables_in_sqlite")(tmp_path / "enricher.db")
    else:
        url = request.getfixturevalue("tables_in_postgres")
    opened = Estate(url, Clock(START))
    opened.open(merge)
    yield opened
    opened.close()


def flow(store: Store) -> Flow:
    return Flow(packaged_programs, NoLookups(), store.history, owner=False)


def accept(store: Store, parts: Sequence[Sequence[Row]], alert: Alert) -> dict[bytes, Alert]:
    """Put the alert's rows into the inbox in these parts; what each body stands for."""
    alerts = {}
    for number, rows in enumerate(parts):
        sent = submission(str(number), rows=(str(number),))
        store.inbox.accept(sent)
        renumbered = tuple(replace(row, index=index) for index, row in enumerate(rows))
        alerts[sent.body] = replace(alert, rows=renumbered, rows_total=len(rows))
    return alerts


def alert_job(store: Store, alerts: dict[bytes, Alert]) -> AlertJob:
    judge = flow(store)
    return AlertJob(store.inbox, lambda body, at: judge.settlement_of(alerts[body], at), lambda: 0.0)


def work_off(job: AlertJob, only: int | None = None) -> None:
    """Settle what waits, as the alert lane does."""
    while claims := job.claim(1):
        job.do(claims[0])


def follow_up(estate: Estate, store: Store) -> None:
    """Let time pass until no case waits for anything."""
    job = FollowUpJob(store.follow_ups, flow(store).amendment, None, estate.clock)
    for _ in range(MOST_ROUNDS):
        estate.advance(LATER_S)
        claims = job.claim(100)
        for claim in claims:
            job.do(claim)
        if not claims:
            return
    raise AssertionError("follow-ups go on and on")


def stored(store: Store) -> list[CaseDocument]:
    return [record.document for record in store.reader.cases(limit=100).items if record.state != "joined"]


