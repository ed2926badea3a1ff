"""`kill -9` of the whole service in mid-load, again and again: no alert is lost, no ticket is doubled."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.e2e.harness import DESTINATIONS, Service, Standins
from tests.e2e.judge import held, problems
from tests.e2e.storm import SLOW, Senders, lost, rage, settle

pytestmark = pytest.mark.slow

KILLS = 10
SETTINGS = {"ENRICHER_LEASE_SECONDS": "1", "ENRICHER_JIRA_QUIET_SECONDS": "2"}


def test_kill_9_loses_nothing_and_doubles_nothing(database: str, tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with Standins(tmp_path / "standins", "--no-limits", "--search-lag=0.5") as standins:
        for name in DESTINATIONS:
            standins.fail(name, SLOW)
        service = Service(standins.environment() | SETTINGS | {"ENRICHER_DATABASE_URL": database}, log)
        try:
            with Senders(service.url, pause_s=0.4) as senders:
                rage(service, kills=KILLS, chance=Random(7), deliveries=(1, 9))  # noqa: S311 - no secret
                senders.finish()
                cases = settle(service, senders)
                gone = lost(service, senders)
        finally:
            service.close()
        found = held(standins)

    assert gone == []
    assert len(cases) == len({what.partition(" ")[0] for what in senders.accepted})
    assert list(problems(cases, found)) == []
    assert log.read_text().count("ticket_adopted") > 0  # else no kill met a ticket on its way, and this proved nothing
