"""What the figures were measured on: processor, Python, and what one durable flush costs on this disk."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from pathlib import Path
from statistics import median

FLUSHES = 300


def describe() -> dict[str, object]:
    """The machine, with the raw cost of a durable write beside which every durable figure must be read."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "fdatasync_per_s": round(1 / flush_s()),
    }


def flush_s() -> float:
    """Median seconds of one 4 KiB append with fdatasync, in the folder that databases of this run use."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        descriptor = os.open(Path(folder) / "flush", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        try:
            times = []
            for _ in range(FLUSHES):
                began = time.perf_counter()
                os.write(descriptor, b"x" * 4096)
                os.fdatasync(descriptor)
                times.append(time.perf_counter() - began)
        finally:
            os.close(descriptor)
    return median(times)
