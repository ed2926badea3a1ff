"""`make soak`: the service killed in mid-load for minutes, its destinations failing at random; then the reckoning.

On SQLite one service, killed with all its processes. On PostgreSQL two replicas of it: at random one of them is killed, or put to sleep
beyond its lease and woken again. Before the storm, what it costs when nothing happens, how soon a delivery follows an alert, and how
soon a dead worker's call is taken over. One JSON object a database; exit 1 when an alert was lost, a ticket doubled or a comment told twice.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from statistics import median

import click

from bench.machine import describe
from bench.postgres import database
from enricher.core.document import Json
from enricher.standins.faults import random_faults
from tests.e2e import alerts
from tests.e2e.harness import CREATE, DESTINATIONS, UNPACED, Service, Standins, memory, serving, until
from tests.e2e.judge import Held, doubles, held, problems
from tests.e2e.storm import Senders, lost, settle

SINGLE_ALERTS = 20
IDLE_S = 10.0
LEASE_S = 2
QUIET_S = 5
SEARCH_LAG_S = 1.0
UP_S = (0.5, 6.0)
"""How long they are left alone between two blows."""
ASLEEP_S = (1.5 * LEASE_S, 3.0 * LEASE_S)
SLEEPS = 0.25
"""How many of the blows put one of several replicas to sleep, rather than kill it."""
REPLICAS = {"sqlite": 1, "postgresql": 2}
CALM_S = 900.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the storm is to be like. `paced`: with the rates and digests that are shipped. `storm_only`: measure nothing before it."""

    minutes: float
    fault_rate: float
    seed: int
    paced: bool
    storm_only: bool


@click.command()
@click.option("--minutes", default=30.0, show_default=True, help="How long each storm lasts.")
@click.option("--database", "kinds", type=click.Choice(list(REPLICAS)), multiple=True, help="Both by default.")
@click.option("--together", is_flag=True, help="Both at the same time.")
@click.option("--fault-rate", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="How many writes fail.")
@click.option("--seed", type=int, help="Of faults, kills and sleeps; by default another one each time.")
@click.option("--paced", is_flag=True, help="With the rates and digests that are shipped.")
@click.option("--storm-only", is_flag=True, help="Without the measurements before it.")
def main(
    *,
    minutes: float,
    kinds: tuple[str, ...],
    together: bool,
    fault_rate: float,
    seed: int | None,
    paced: bool,
    storm_only: bool,
) -> None:
    """Kill and fail for minutes, then count."""
    plan = Plan(minutes, fault_rate, SystemRandom().randrange(10**6) if seed is None else seed, paced, storm_only)
    print(json.dumps({"machine": describe(), "seed": plan.seed}, indent=2), flush=True)
    kinds = kinds or tuple(REPLICAS)
    with ThreadPoolExecutor(len(kinds) if together else 1) as pool:
        sound = list(pool.map(lambda kind: _soak(kind, plan), kinds))
    sys.exit(0 if all(sound) else 1)


def _soak(kind: str, plan: Plan) -> bool:
    """Measure, storm and print; whether all was as promised."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".soak-") as name, _database(kind, Path(name)) as url:
        report: Json = {}
        if not plan.storm_only:
            report |= {"idle": _idle(url, Path(name)), "takeover": _takeover(url, Path(name))}
        report |= _storm(url, Path(name), plan, REPLICAS[kind])
    print(json.dumps({kind: report}, indent=2), flush=True)
    return not report["problems"]


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


def _storm(url: str, folder: Path, plan: Plan, replicas: int) -> Json:
    with Standins(folder / "storm", "--no-limits", f"--search-lag={SEARCH_LAG_S}") as standins, ExitStack() as stack:
        services = []
        for number in range(replicas):
            services.append(Service(_stormy(standins, url, plan), folder / f"storm-{number}.log"))
            stack.callback(services[-1].close)
        _fail_at_random(standins, plan)
        for service in services:
            service.start()
            service.await_ready()
        senders = [stack.enter_context(Senders(service.url, pause_s=0.2 * replicas)) for service in services]
        blows = _strike(services, plan)
        for sender in senders:
            sender.finish()
        for name in DESTINATIONS:
            standins.fail(name)
        calm_at = time.monotonic()
        for service, sender in zip(services, senders, strict=True):
            cases = settle(service, sender, CALM_S)
        figures: Json = {"calm_after_s": round(time.monotonic() - calm_at, 1)}
        gone = [what for service, sender in zip(services, senders, strict=True) for what in lost(service, sender)]
        largest = max(memory(pid) for service in services for pid in service.program.processes())
        figures |= {"lost": len(gone), "largest_process_mib": round(largest / 2**20)}
        figures |= {"adopted_after_a_doubt": sum(service.program.logged("ticket_adopted") for service in services)}
        figures |= {"failed_writes": _failed(standins)}
        found = held(standins)
    ids = {what: alert_id for sender in senders for what, alert_id in sender.accepted.items()}
    stormed = {what.partition(" ")[0] for what in ids}
    ours = [case for case in cases if case["host"].partition(".")[0] in stormed]
    wrong = [*problems(ours, found), *(f"{what} is in no case" for what in gone)]
    answers = sum(len(sender.accepted) for sender in senders)
    counted = {"replicas": replicas, **blows, "answered": answers, "alerts": len(ids), "cases": len(ours)}
    return {
        "storm": {"minutes": plan.minutes, "seed": plan.seed, **counted, **_tickets(found), **figures},
        "problems": wrong,
    }


def _stormy(standins: Standins, url: str, plan: Plan) -> dict[str, str]:
    return {name: value for name, value in _settings(standins, url).items() if not (plan.paced and name in UNPACED)}


def _failed(standins: Standins) -> dict[str, int]:
    """How many requests failed on purpose, by how. The stand-ins remember the last 20,000 each."""
    failed = Counter(one["fault"] for name in DESTINATIONS for one in standins.store(name)["requests"] if one["fault"])
    return dict(sorted(failed.items()))


def _tickets(found: dict[str, Held]) -> Json:
    return {
        "tickets": {name: sum(map(len, one.tickets.values())) for name, one in found.items()},
        "comments": {name: sum(len(told) for each in one.tickets.values() for told in each) for name, one in found.items()},
        "doubled_tickets": doubles(found),
    }


def _fail_at_random(standins: Standins, plan: Plan) -> None:
    for name in DESTINATIONS:
        faults = [
            {"kind": fault.kind, "method": fault.method, "rate": fault.rate, "seconds": fault.seconds}
            for fault in random_faults(plan.fault_rate)
        ]
        standins.fail(name, *faults, seed=plan.seed)


def _strike(services: Sequence[Service], plan: Plan) -> dict[str, int]:
    """Kill one and start it again, or let one of several sleep, until the time is over; how often. All are up afterwards."""
    chance, ends_at, blows = Random(plan.seed), time.monotonic() + 60 * plan.minutes, {"kills": 0, "sleeps": 0}
    while time.monotonic() < ends_at:
        time.sleep(chance.uniform(*UP_S))
        service = chance.choice(services)
        if len(services) > 1 and chance.random() < SLEEPS:
            service.program.pause()
            time.sleep(chance.uniform(*ASLEEP_S))
            service.program.resume()
            blows["sleeps"] += 1
            continue
        service.kill()
        blows["kills"] += 1
        service.start()
        service.await_ready()
    return blows


if __name__ == "__main__":
    main()
