"""What the service holds of the machine's memory: idle, and at its peak under hostile bodies.

The bodies: the mutated payloads of the tests, and bodies at the limit of size, plain and as gzip, all from sixteen clients at
once. The peak is the kernel's own high-water mark of each process (`VmHWM`), so that nothing between two looks is missed.
"""

from __future__ import annotations

import gzip
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import orjson

from tests import mutations
from tests.e2e.harness import PATIENCE_S, Service, serving

CLIENTS = 16
MIB = 1024 * 1024
LIMIT = 5 * MIB
LARGE_EACH = 4


def run() -> dict[str, object]:
    """MiB of the largest process and of all together, idle and at the peak; the answers by status."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        environment = {"ENRICHER_DATABASE_URL": f"sqlite:///{folder}/m.db"}
        with serving(environment, folder / "service.log") as service:
            idle = _held(service, "VmRSS")
            bodies = [*_mutated(), *_large()]
            with ThreadPoolExecutor(CLIENTS) as clients:
                heard = clients.map(lambda n: _send(service.url, bodies[n::CLIENTS]), range(CLIENTS))
                statuses = sum(heard, Counter[int]())
            _settle(service)
            peak = _held(service, "VmHWM")
    return {
        "bodies": len(bodies),
        "largest_body_mib": LIMIT / MIB,
        "statuses": dict(sorted(statuses.items())),
        "idle_mib": _summary(idle),
        "peak_mib": _summary(peak),
    }


def _mutated() -> Iterator[tuple[bytes, Mapping[str, str]]]:
    for body in mutations.corpus().values():
        yield body, {}


def _large() -> Iterator[tuple[bytes, Mapping[str, str]]]:
    """At the limit: one row of text, many rows, brackets, blanks; and a gzip bomb."""
    row = {"Message": "x" * (LIMIT - 200)}
    rows = [{"event_id": "22", "process_image": "C:\\a.exe", "dest_hostname": f"t{i}.workers.dev"} for i in range(9_000)]
    for _ in range(LARGE_EACH):
        yield orjson.dumps({"searchName": "m", "fireTime": "1772524800000", "results": [row]}), {}
        yield orjson.dumps({"searchName": "m", "fireTime": "1772524800000", "results": orjson.dumps(rows).decode()}), {}
        yield b"[" * LIMIT, {}
        yield b" " * LIMIT, {}
        yield gzip.compress(b" " * 50 * MIB), {"Content-Encoding": "gzip"}


def _send(url: str, bodies: list[tuple[bytes, Mapping[str, str]]]) -> Counter[int]:
    with httpx2.Client(base_url=url, timeout=4 * PATIENCE_S) as client:
        return Counter(client.post("/webhooks/sumo", content=body, headers=dict(more)).status_code for body, more in bodies)


def _settle(service: Service) -> None:
    """Wait for the worker, which has its own peak."""
    with httpx2.Client(base_url=service.url, timeout=PATIENCE_S) as client:
        accepted = client.post("/webhooks/sumo", content=next(iter(mutations.originals().values())))
    if "alert_id" in accepted.json():
        service.settled(accepted.json()["alert_id"], 10 * PATIENCE_S)


def _held(service: Service, what: str) -> list[float]:
    """MiB of each process."""
    lines = (line for pid in service.program.processes() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return [int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:")]


def _summary(mib: list[float]) -> dict[str, float]:
    return {"largest_process": round(max(mib)), "all_processes": round(sum(mib)), "processes": len(mib)}
