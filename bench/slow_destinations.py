"""Cases a second to a destination that is well, with none, one and two beside it that take two seconds for every answer.

Slack is the one that is well; Jira, then ServiceNow too, are the slow ones. They are added rather than slowed down: where they
were quick before, the processor time that they no longer use would make up for what is to be seen. Rounds take turns, and the
ratio is the median of those measured in one round.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from statistics import median

import httpx2

from bench import bodies, servers
from bench.end_to_end import CREATE, DRAIN_S, done, environment_of, standins_in
from bench.load import drive, request

ALERTS, WARM_UP = 500, 100
ROUNDS = 3
SLOW_S = 2.0
CONNECTIONS = 16
WELL = "slack"
SLOW = ("jira", "servicenow")
GOAL = 0.9


def run() -> dict[str, object]:
    """Cases a second with 0, 1 and 2 slow destinations beside the one that is well, and the ratios to none."""
    rates: dict[int, list[float]] = {number: [] for number in range(len(SLOW) + 1)}
    for _ in range(ROUNDS):
        for number, each in rates.items():
            each.append(_round(SLOW[:number]))
    ratios = {
        number: median(one / none for one, none in zip(each, rates[0], strict=True))
        for number, each in rates.items()
        if number
    }
    return {
        "cases_per_s": {f"{number} slow": round(median(each), 1) for number, each in rates.items()},
        "each_round": {f"{number} slow": [round(one, 1) for one in each] for number, each in rates.items()},
        "ratio": {f"{number} slow": round(ratio, 3) for number, ratio in ratios.items()},
        "wanted": GOAL,
    }


def _round(slow: tuple[str, ...]) -> float:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name, standins_in(Path(name)) as standins:
        folder = Path(name)
        for one in slow:
            plan = {"faults": [{"kind": "trickle", "seconds": SLOW_S}]}
            httpx2.post(f"{standins[one]}/_faults", json=plan).raise_for_status()
        with servers.ours("serve", f"sqlite:///{folder}/e.db", folder, _environment(standins, slow)) as port:
            _through(port, standins[WELL], WARM_UP, tickets=WARM_UP)
            began = time.perf_counter()
            _through(port, standins[WELL], ALERTS, tickets=WARM_UP + ALERTS)
            return ALERTS / (time.perf_counter() - began)


def _environment(standins: Mapping[str, str], slow: tuple[str, ...]) -> dict[str, str]:
    """Only the destination that is well, and these."""
    wanted = tuple(f"ENRICHER_{name.upper()}_" for name in (WELL, *slow))
    others = tuple(f"ENRICHER_{name.upper()}_" for name in standins)
    every = environment_of(standins)
    return {name: value for name, value in every.items() if name.startswith(wanted) or not name.startswith(others)}


def _through(port: int, well: str, alerts: int, *, tickets: int) -> None:
    """Send so many alerts, and wait until the destination that is well has so many tickets in all."""
    requests = (request("/webhooks/sumo", body) for body in islice(bodies.alerts(rows=2), alerts))
    result = drive(port, requests, connections=CONNECTIONS, seconds=DRAIN_S)
    if result.statuses != {202: alerts}:
        raise RuntimeError(f"answers other than 202: {result.statuses}")
    until = time.perf_counter() + DRAIN_S
    while done(well).get(CREATE[WELL], 0) < tickets:
        if time.perf_counter() > until:
            raise RuntimeError("the tickets did not all arrive")
        time.sleep(0.05)
