"""The folder in which all processes of a service keep their counters."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class SharedCounters:
    """A folder for the length of a service; an inherited one is left alone.

    The metrics library looks for it when it is loaded, and never again: so this comes before what loads it. A process that was
    forked meanwhile leaves the folder to the one that made it.
    """

    def __enter__(self) -> None:
        self._made, self._maker = None, os.getpid()
        if FOLDER not in os.environ:
            self._made = os.environ[FOLDER] = tempfile.mkdtemp(prefix="enricher-metrics-")

    def __exit__(self, *_: object) -> None:
        if self._made and os.getpid() == self._maker:
            shutil.rmtree(self._made, ignore_errors=True)


def forget_process(_server: object, process: Any) -> None:
    """What gunicorn calls when one of its processes has ended: its gauges end too, its counters stay."""
    from prometheus_client import multiprocess

    if FOLDER in os.environ:
        multiprocess.mark_process_dead(process.pid)  # type: ignore[no-untyped-call] # the library's own gap
