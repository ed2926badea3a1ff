"""From alert to ticket while calls fail: what was accepted is in a case, a duplicate, or a dead letter; and each case has its ticket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, select

from enricher.core.merge import merge
from enricher.errors import PayloadError
from enricher.lookups import NoLookups
from enricher.ports import Submission
from enricher.standins import Fault, FaultKind
from enricher.store import Store
from enricher.store.schema import alerts, case_alerts, cases
from enricher.wiring.flow import Flow, submission
from enricher.worker.alerts import AlertJob
from tests import mutations
from tests.fakes import packaged_programs
from tests.faults.cells import served
from tests.faults.world import World

pytestmark = pytest.mark.slow

SENT = (
    "monitor-alert",
    "scheduled-search",
    "monitor-resolution",
    "cloud-siem-insight",
    "monitor-alert",
    "cloud-siem-insight",
)
UNREADABLE = (b"{", b'{"rows": ')
KINDS = (FaultKind.DROP, FaultKind.RESET, FaultKind.ERROR, FaultKind.TRUNCATE, FaultKind.LIMIT)
SECONDS = 5.0
ROUNDS = 20


def taken(body: bytes) -> Submission:
    """What the inbox is given of a body, as the web half gives it."""
    try:
        sent = submission(body, "sumo")
    except PayloadError as error:
        return Submission(
            body=body,
            source="sumo",
            kind="unreadable",
            identity=body.hex(),
            row_digests=frozenset(),
            dead_reason=str(error),
        )
    assert sent is not None
    return sent


def investigate(w: World, store: Store) -> None:
    """Settle every alert; a recovery waits for its alert."""
    flow = Flow(packaged_programs, NoLookups(), store.history, owner=False)
    job = AlertJob(store.inbox, flow.settlement, Random(6).random)  # noqa: S311 - repeatable
    for _ in range(ROUNDS):
        for claim in job.claim(10):
            job.do(claim)
        w.estate.advance(SECONDS)


@pytest.mark.parametrize("destination", ["jira", "servicenow", "slack"])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_was_accepted_is_lost_or_doubled(
    destination: str, seed: int, tables_in_sqlite: Callable[[Path], str], tmp_path: Path
) -> None:
    bodies = [mutations.originals()[name] for name in SENT] + list(UNREADABLE)
    with served(destination, "500 after commit", tables_in_sqlite(tmp_path / "enricher.db")) as w:
        store = w.estate.open(merge)
        duplicates = sum(store.inbox.accept(taken(body)).duplicate for body in bodies)
        investigate(w, store)
        w.target.service.fail(*(Fault(kind=kind, method="P*", rate=0.15) for kind in KINDS), seed=seed)
        w.finish(w.now)

        with store.access.read() as conn:
            in_cases = conn.execute(select(func.count(case_alerts.c.alert_id.distinct()))).scalar_one()
            dead = conn.execute(select(func.count()).where(alerts.c.state == "dead")).scalar_one()
            keys = conn.execute(select(cases.c.key)).scalars().all()
        assert (duplicates, dead) == (2, 2)
        assert in_cases + duplicates + dead == len(bodies)
        assert keys
        assert [len(w.target.tickets(key)) for key in keys] == [1] * len(keys)
        assert {exchange.fault for exchange in w.target.service.front.exchanges} > {None}
