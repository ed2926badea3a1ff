"""What `test_split.py` shows of a shelf, of the real store: SQLite and PostgreSQL, one process or several, follow-ups and all."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from enricher.core.document import CaseDocument, Json
from enricher.core.merge import merge
from enricher.lookups import NoLookups
from enricher.model import Alert, Kind, Row
from enricher.ports import Settlement
from enricher.store import Store
from enricher.wiring.flow import Flow
from enricher.worker.alerts import AlertJob
from enricher.worker.followups import FollowUpJob
from tests.fakes import POWERSHELL, corpus_alert, packaged_programs
from tests.store.fakes import Clock, Estate, submission
from tests.test_split import WAYS, after, columns_of_query, each_alone, judged, mixed

pytestmark = pytest.mark.slow

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


def work_off(job: AlertJob) -> None:
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


def by_place(documents: Iterable[CaseDocument]) -> dict[tuple[str, str, str], Json]:
    return {(d["host"], d["tenant"] or d["platform"]["family"], d["process"]["class"]): said(d) for d in documents}


def said(document: CaseDocument) -> Json:
    """What the case says, also of other hosts: what is left to be learnt of them has been."""
    of_others = {"prevalence": document["prevalence"], "shared_hosts": document["shared_hosts"]}
    return judged(document) | of_others


def cases(store: Store) -> list[CaseDocument]:
    return [record.document for record in store.reader.cases(limit=100).items]


@cache
def of_the_whole(case: str) -> dict[tuple[str, str, str], Json]:
    """What a shelf holds when the alert has come in one piece."""
    alert = corpus_alert(case)
    return by_place(after([alert.rows], alert).cases.values())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_however_it_is_split(estate: Estate, case: str, way: str) -> None:
    store, alert = estate.stores[0], corpus_alert(case)
    work_off(alert_job(store, accept(store, WAYS[way](alert.rows), alert)))
    follow_up(estate, store)
    assert by_place(cases(store)) == of_the_whole(case)


@pytest.mark.parametrize("case", ["dns-anomalies/rotation", "test1-powershell-workers", "test4-curl-cloudfunctions"])
def test_threads_of_two_processes_that_settle_one_case_at_once(estate: Estate, case: str) -> None:
    """All judge before any of them settles, so that at first only one of them may."""
    stores, alert = [estate.stores[0], estate.open(merge)], corpus_alert(case)
    alerts = accept(stores[0], each_alone(mixed(alert.rows, 9)), alert)
    together, judgements = threading.Barrier(THREADS), list[bytes]()

    def work(store: Store) -> None:
        judge = flow(store)

        def judge_together(body: bytes, at: datetime) -> Settlement:
            judgement = judge.settlement_of(alerts[body], at)
            judgements.append(body)
            if len(judgements) <= THREADS:
                together.wait()
            return judgement

        work_off(AlertJob(store.inbox, judge_together, lambda: 0.0))

    with ThreadPoolExecutor(THREADS) as pool:
        for ended in [pool.submit(work, stores[number % 2]) for number in range(THREADS)]:
            ended.result()
    follow_up(estate, stores[0])

    assert len(judgements) >= len(alerts) + THREADS - 1
    assert by_place(cases(stores[0])) == of_the_whole(case)


# --- hosts that share a tenant --------------------------------------------------------------------------------------

HOSTS = tuple(f"ws-{number}.corp.example" for number in range(3))


def queries(now: datetime) -> list[Row]:
    """One query of each host for names of one tenant, an hour apart."""
    moments = [now - timedelta(hours=1 + number) for number in range(len(HOSTS))]
    columns = [columns_of_query("relay.example-lab.workers.dev", moment) for moment in moments]
    return [
        Row(index=number, columns=of_host | {"computer": host, "image": POWERSHELL})
        for number, (of_host, host) in enumerate(zip(columns, HOSTS, strict=True))
    ]


@pytest.mark.parametrize("way", WAYS)
def test_hosts_that_share_a_tenant_learn_of_each_other(estate: Estate, way: str) -> None:
    store = estate.stores[0]
    with store.access.read() as conn:
        rows = queries(store.access.now(conn))
    alert = Alert(kind=Kind.MONITOR, rows=tuple(rows), rows_total=len(rows))
    work_off(alert_job(store, accept(store, WAYS[way](rows), alert)))
    follow_up(estate, store)

    documents = {document["host"]: document for document in cases(store)}
    assert {host: document["prevalence"] for host, document in documents.items()} == dict.fromkeys(HOSTS, 3)
    others = {host: [other for other in reversed(HOSTS) if other != host] for host in HOSTS}
    assert {host: document["shared_hosts"] for host, document in documents.items()} == others
