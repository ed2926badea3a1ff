"""Several machines on one PostgreSQL: two web halves, two workers, and one worker that dies for good."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness import DESTINATIONS, Program, Standins, serving
from tests.e2e.judge import held, problems
from tests.e2e.storm import SLOW, Senders, lost, settle

pytestmark = pytest.mark.slow

LEASE_S = 2


def test_a_dead_workers_work_is_taken_over(postgres: str, tmp_path: Path) -> None:
    """Both web halves are sent the same alerts, so that each is offered everything twice."""
    with ExitStack() as stack:
        standins = stack.enter_context(Standins(tmp_path / "standins", "--no-limits", "--search-lag=0.5"))
        for name in DESTINATIONS:
            standins.fail(name, SLOW)
        environment = standins.environment() | {
            "ENRICHER_DATABASE_URL": postgres,
            "ENRICHER_LEASE_SECONDS": str(LEASE_S),
            "ENRICHER_JIRA_QUIET_SECONDS": "2",
        }
        upgrade = Program(["enricher", "db", "upgrade"], environment, tmp_path / "upgrade.log")
        upgrade.start()
        assert upgrade.wait() == 0
        webs = [stack.enter_context(serving(environment, tmp_path / f"web-{n}.log", "web")) for n in range(2)]
        workers = [
            Program(["enricher", "work"], environment | {"ENRICHER_LOOKUPS": "off"}, tmp_path / f"work-{n}.log")
            for n in range(2)
        ]
        for worker in workers:
            stack.enter_context(worker)
            worker.await_logged("worker_started")
        senders = [stack.enter_context(Senders(web.url, threads=2, pause_s=0.1)) for web in webs]

        dead, living = workers
        dead.await_logged("case_delivered", more=20)
        dead.kill()
        living.await_logged("case_delivered", more=20)
        for sender in senders:
            sender.finish()
        cases = settle(webs[0], senders[0])
        gone = lost(webs[0], senders[0]) + lost(webs[1], senders[1])
        found = held(standins)

    assert gone == []
    assert list(problems(cases, found)) == []
    assert living.logged("ticket_adopted") > 0  # some of what the dead one had begun
