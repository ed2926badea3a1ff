"""`kill -9` of the whole service in mid-load, again and again: no alert is lost, no ticket doubled, no row unaccounted for."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from enricher.cli import main
from enricher.core.document import Json
from tests.e2e.harness import DESTINATIONS, Service, Standins
from tests.e2e.judge import held, problems
from tests.e2e.storm import SLOW, Senders, lost, rage, settle

pytestmark = pytest.mark.slow

KILLS = 10
SETTINGS = {"ENRICHER_LEASE_SECONDS": "1", "ENRICHER_JIRA_QUIET_SECONDS": "2"}


def balance() -> Json:
    """As `enricher balance` prints it, whether the service runs or not."""
    found: Json = json.loads(CliRunner().invoke(main, ["balance", "--json"]).stdout_bytes)
    return found


def test_kill_9_loses_nothing_and_doubles_nothing(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENRICHER_DATABASE_URL", database)
    log = tmp_path / "service.log"
    meanwhile: list[tuple[int, Json]] = []
    with Standins(tmp_path / "standins", "--no-limits", "--search-lag=0.5") as standins:
        for name in DESTINATIONS:
            standins.fail(name, SLOW)
        service = Service(standins.environment() | SETTINGS | {"ENRICHER_DATABASE_URL": database}, log)
        try:
            with Senders(service.url, pause_s=0.4) as senders:
                rage(
                    service,
                    kills=KILLS,
                    chance=Random(7),  # noqa: S311 - no secret
                    deliveries=(1, 9),
                    after_each=lambda: meanwhile.append((len(senders.accepted), balance())),
                )
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
    for accepted, dead in meanwhile:
        assert dead["balanced"], dead["problems"]
        assert dead["bodies"]["accepted"] >= accepted  # more: what was stored, and killed before it was answered
    assert any(dead["bodies"]["open"] for _, dead in meanwhile)
    end = balance()
    assert end["balanced"], end["problems"]
    assert end["bodies"]["done"] == end["bodies"]["accepted"] == len(senders.accepted)
    assert end["rows"]["in_cases"] == sum(
        {"": 2, "again": 1, "recovers": 0}[what.partition(" ")[2]] for what in senders.accepted
    )
