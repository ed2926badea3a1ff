"""Rows a second through the core in one process: bytes to case documents, everything on but the network."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from statistics import median

from bench import bodies
from enricher.content import load
from enricher.core.grade import Asked
from enricher.core.payload import read
from enricher.core.programs import Programs
from enricher.lookups import NoLookups
from enricher.pipeline import World, investigate

ALERTS = 40
ROWS = 100
ROUNDS = 7
NOW = datetime(2026, 3, 12, tzinfo=UTC)


def run() -> dict[str, object]:
    """Rows a second from parsed columns and from event XML, 100 rows an alert."""
    programs = Programs(load(None))
    made = {
        "columns": [bodies.alert(bodies.columns(ROWS, s), s) for s in range(1, ALERTS + 1)],
        "xml": [bodies.alert(bodies.xml(ROWS, s), s) for s in range(1, ALERTS + 1)],
    }
    return {name: {"rows_per_s": round(_rate(partial(_all, alerts, programs)))} for name, alerts in made.items()}


def _all(alerts: list[bytes], programs: Programs) -> None:
    world = World(programs=programs, lookups=NoLookups(), history=None, asked=Asked())
    for body in alerts:
        found = investigate(read(body), world, NOW)
        if not found.cases:
            raise RuntimeError("the alert made no case")


def _rate(run_all: Callable[[], None]) -> float:
    run_all()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run_all()
        times.append(time.perf_counter() - began)
    return ALERTS * ROWS / median(times)
