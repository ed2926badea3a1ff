"""`make bench`: everything in one run, ratios first, the machine beside them; JSON to docs/performance.json."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

from bench import (
    accept,
    catalog_speed,
    core_speed,
    end_to_end,
    growth,
    lookups_speed,
    machine,
    memory,
    pages,
    rules_speed,
    slow_destinations,
)

PARTS = {
    "accept": accept.run,
    "end_to_end": end_to_end.run,
    "core": core_speed.run,
    "catalog": catalog_speed.run,
    "rules": rules_speed.run,
    "lookups": lookups_speed.run,
    "slow": slow_destinations.run,
    "memory": memory.run,
    "sightings": growth.run,
    "pages": pages.run,
}
ALONE = {"pages-sqlite": partial(pages.run, "SQLite"), "pages-postgresql": partial(pages.run, "PostgreSQL")}
"""Halves of a part that takes long."""
KEPT = Path(__file__).parents[1] / "docs" / "performance.json"


def main(names: list[str]) -> None:
    """Measure the named parts, or all; only a whole run is kept."""
    report: dict[str, object] = {"measured_at": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine.describe()}
    print(json.dumps(report, indent=2), flush=True)
    for name in names or PARTS:
        report[name] = (PARTS | ALONE)[name]()
        print(json.dumps({name: report[name]}, indent=2), flush=True)
    if not names:
        KEPT.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
