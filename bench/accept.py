"""Durable accept against bare Flask: the same gunicorn, the same requests, in many short turns, so that noise hits all alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench import bodies, servers
from bench.load import Result, drive, request
from bench.postgres import database

ROUNDS = 15
SECONDS = 1.0
WARM_UP = 1.0


def run(connections: int = 16) -> dict[str, object]:
    """Requests a second and p99 of each, and the ratio to bare Flask: the median of paired rounds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd())))
        ports = {"bare Flask": stack.enter_context(servers.bare(folder))}
        ports["ours, SQLite"] = stack.enter_context(servers.ours("web", f"sqlite:///{folder}/a.db", folder))
        if (url := stack.enter_context(database())) is not None:
            ports["ours, PostgreSQL"] = stack.enter_context(servers.ours("web", url, folder))
        alerts = (request("/webhooks/sumo", body) for body in bodies.alerts(rows=6))
        results: dict[str, list[Result]] = {name: [] for name in ports}
        for port in ports.values():
            drive(port, alerts, connections=connections, seconds=WARM_UP)
        for _ in range(ROUNDS):
            for name, port in ports.items():
                results[name].append(_round(port, alerts, connections))
    bare = results["bare Flask"]
    return {name: _summary(rounds, bare) for name, rounds in results.items()}


def _round(port: int, alerts: Iterator[bytes], connections: int) -> Result:
    result = drive(port, alerts, connections=connections, seconds=SECONDS)
    if set(result.statuses) != {202}:
        raise RuntimeError(f"answers other than 202: {result.statuses}")
    return result


def _summary(rounds: list[Result], bare: list[Result]) -> dict[str, float]:
    ratios = [one.per_second / other.per_second for one, other in zip(rounds, bare, strict=True)]
    return {
        "ratio": round(median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "per_s": round(median(r.per_second for r in rounds)),
        "p50_ms": median(r.percentile_ms(0.5) for r in rounds),
        "p99_ms": median(r.percentile_ms(0.99) for r in rounds),
    }
