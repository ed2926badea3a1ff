"""Cost of a catalog look-up as the catalog grows: it must not."""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median

from enricher.content import load
from enricher.core.catalog import Catalog
from enricher.core.rules import Platform

SIZES = (174, 10_000, 100_000)
NAMES = 20_000
ROUNDS = 7


def run() -> dict[str, object]:
    """Nanoseconds a look-up at each size, names never seen before (nothing remembered), rounds interleaved."""
    shipped = list(load(None).catalog.platforms.values())
    catalogs = {
        size: Catalog([*shipped, *_made(shipped[0], size - len(shipped))], lambda _: None, remembered=0) for size in SIZES
    }
    names = [f"a{i}.tenant-{i}.workers.dev" if i % 2 else f"www{i}.ordinary-{i}.example" for i in range(NAMES)]
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size, catalog in catalogs.items():
            began = time.perf_counter()
            for name in names:
                catalog.lookup(name)
            times[size].append((time.perf_counter() - began) / NAMES)
    cost = {size: median(each) for size, each in times.items()}
    return {
        "ns": {str(size): round(1e9 * each) for size, each in cost.items()},
        "ratio_100000_to_174": round(cost[SIZES[-1]] / cost[SIZES[0]], 3),
    }


def _made(like: Platform, count: int) -> list[Platform]:
    return [
        replace(like, id=f"made-{i}", family=f"made-{i}", pattern=f"**.made-{i}.example", tenant="label:1")
        for i in range(max(0, count))
    ]
