"""`make soak`: the service killed in mid-load for minutes, its destinations failing at random; then the reckoning.

First what it costs when nothing happens, and how soon a delivery follows an alert; then how soon a dead worker's call is taken
over; then the storm. One JSON object a database; exit 1 when an alert was lost, a ticket doubled or a comment told twice.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

import click

from bench.machine import describe
from bench.postgres import database
from enricher.core.document import Json
from enricher.standins.faults import random_faults
from tests.e2e import alerts
from tests.e2e.harness import DESTINATIONS, Service, Standins, memory, serving, until
from tests.e2e.judge import doubles, held, problems
from tests.e2e.storm import Senders, lost, settle

SINGLE_ALERTS = 20
IDLE_S = 10.0
LEASE_S = 2
QUIET_S = 5
SEARCH_LAG_S = 1.0
UP_S = (0.5, 6.0)
"""How long the service is left alone between two kills."""
CALM_S = 300.0
CREATE = {"jira": "/rest/api/3/issue", "servicenow": "/api/now/v2/table/incident", "slack": "/api/chat.postMessage"}
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the storm is to be like."""

    minutes: float
    fault_rate: float
    seed: int


@click.command()
@click.option("--minutes", default=3.0, show_default=True, help="How long each storm lasts.")
@click.option("--database", "kinds", type=click.Choice(["sqlite", "postgresql"]), multiple=True, help="Both by default.")
@click.option("--fault-rate", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="How many writes fail.")
@click.option("--seed", default=1, show_default=True)
def main(*, minutes: float, kinds: tuple[str, ...], fault_rate: float, seed: int) -> None:
    """Kill and fail for minutes, then count."""
    plan = Plan(minutes, fault_rate, seed)
    print(json.dumps({"machine": describe()}, indent=2), flush=True)
    sound = True
    for kind in kinds or ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".soak-") as name, _database(kind, Path(name)) as url:
            report = {
                "idle": _idle(url, Path(name)),
                "takeover": _takeover(url, Path(name)),
                **_storm(url, Path(name), plan),
            }
        print(json.dumps({kind: report}, indent=2), flush=True)
        sound &= not report["problems"]
    sys.exit(0 if sound else 1)


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/enricher.db"
        return
    with database() as url:
        if url is None:
            raise click.ClickException("there is no PostgreSQL here; make .venv/tools installs one")
        yield url


# --- nothing happens ------------------------------------------------------------------------------------------------


def _idle(url: str, folder: Path) -> Json:
    """One alert at a time, each when everything is done; then none at all. With the settings that are shipped."""
    with (
        Standins(folder / "idle", "--no-limits") as standins,
        serving(standins.environment() | {"ENRICHER_DATABASE_URL": url}, folder / "idle.log") as service,
    ):
        waits = [_single(service, standins, f"single-{number}") for number in range(SINGLE_ALERTS)]
        before = _cpu_s(service)
        time.sleep(IDLE_S)
        spent = _cpu_s(service) - before
        processes = service.program.processes()
        shares = [_share(pid) for pid in processes]
    return {
        "accept_to_first_ticket_ms": _milliseconds([min(wait) for wait in waits]),
        "accept_to_last_ticket_ms": _milliseconds([max(wait) for wait in waits]),
        "cpu_percent_of_a_core": round(100 * spent / IDLE_S, 2),
        "processes": len(processes),
        "memory_mib": round(sum(shares) / 2**20),
    }


def _share(pid: int) -> int:
    """What a process holds of the memory, its part of what is shared included, in bytes."""
    return 1024 * sum(
        int(line.split()[1])
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Pss:")
    )


def _single(service: Service, standins: Standins, name: str) -> list[float]:
    """Seconds from before the POST until each destination was asked to make the ticket."""
    began = time.time()
    case = service.case(service.accept(alerts.trigger(name)))
    service.delivered(case["key"])
    made = [
        next(one["at"] for one in reversed(standins.store(destination)["requests"]) if one["path"] == path)
        for destination, path in CREATE.items()
    ]
    return [at - began for at in made]


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    return {"median": round(1000 * median(seconds), 1), "worst": round(1000 * max(seconds), 1)}


def _cpu_s(service: Service) -> float:
    """Processor time that its processes have used so far."""
    used = 0
    for pid in service.program.processes():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / TICKS


# --- somebody dies --------------------------------------------------------------------------------------------------


def _settings(standins: Standins, url: str) -> dict[str, str]:
    return standins.environment() | {
        "ENRICHER_DATABASE_URL": url,
        "ENRICHER_LEASE_SECONDS": str(LEASE_S),
        "ENRICHER_JIRA_QUIET_SECONDS": str(QUIET_S),
    }


def _takeover(url: str, folder: Path) -> Json:
    """A call to Jira under way, all processes killed, started again: until the case has its ticket, which was there already."""
    with Standins(folder / "takeover", "--no-limits") as standins:
        service = Service(_settings(standins, url), folder / "takeover.log")
        try:
            service.start()
            service.await_ready()
            standins.fail("jira", {"kind": "trickle", "path": CREATE["jira"], "calls": [1], "seconds": 60})
            case = service.case(service.accept(alerts.trigger("takeover")))
            until(lambda: standins.store("jira")["issues"], "the issue")
            killed_at = time.monotonic()
            service.kill()
            service.start()
            service.await_ready()
            ready_s = time.monotonic() - killed_at
            service.delivered(case["key"])
            over_s = time.monotonic() - killed_at
        finally:
            service.close()
    return {"lease_s": LEASE_S, "ready_again_s": round(ready_s, 2), "delivered_s": round(over_s, 2)}


# --- everything at once ---------------------------------------------------------------------------------------------


def _storm(url: str, folder: Path, plan: Plan) -> Json:
    with Standins(folder / "storm", "--no-limits", f"--search-lag={SEARCH_LAG_S}") as standins:
        service = Service(_settings(standins, url), folder / "storm.log")
        try:
            _fail_at_random(standins, plan)
            with Senders(service.url, pause_s=0.2) as senders:
                kills = _kill_for(service, plan)
                senders.finish()
            for name in DESTINATIONS:
                standins.fail(name)
            calm_at = time.monotonic()
            cases = settle(service, senders, CALM_S)
            calm_s = time.monotonic() - calm_at
            gone = lost(service, senders)
            largest = max(memory(pid) for pid in service.program.processes())
        finally:
            service.close()
        found = held(standins)
        failed = Counter(one["fault"] for name in DESTINATIONS for one in standins.store(name)["requests"] if one["fault"])
    stormed = {what.partition(" ")[0] for what in senders.accepted}
    ours = [case for case in cases if case["host"].partition(".")[0] in stormed]
    wrong = [*problems(ours, found), *(f"{what} is in no case" for what in gone)]
    return {
        "storm": {
            "minutes": plan.minutes,
            "seed": plan.seed,
            "kills": kills,
            "accepted": len(senders.accepted),
            "cases": len(ours),
            "tickets": {name: sum(map(len, one.tickets.values())) for name, one in found.items()},
            "comments": {
                name: sum(len(told) for each in one.tickets.values() for told in each) for name, one in found.items()
            },
            "lost": len(gone),
            "doubled_tickets": doubles(found),
            "adopted_after_a_doubt": service.program.logged("ticket_adopted"),
            "failed_writes": dict(sorted(failed.items())),
            "calm_after_s": round(calm_s, 1),
            "largest_process_mib": round(largest / 2**20),
        },
        "problems": wrong,
    }


def _fail_at_random(standins: Standins, plan: Plan) -> None:
    for name in DESTINATIONS:
        faults = [
            {"kind": fault.kind, "method": fault.method, "rate": fault.rate, "seconds": fault.seconds}
            for fault in random_faults(plan.fault_rate)
        ]
        standins.fail(name, *faults, seed=plan.seed)


def _kill_for(service: Service, plan: Plan) -> int:
    """Kill and start again until the time is over; how often. It is up afterwards."""
    chance, ends_at, kills = Random(plan.seed), time.monotonic() + 60 * plan.minutes, 0
    service.start()
    service.await_ready()
    while time.monotonic() < ends_at:
        time.sleep(chance.uniform(*UP_S))
        service.kill()
        kills += 1
        service.start()
        service.await_ready()
    return kills


if __name__ == "__main__":
    main()
