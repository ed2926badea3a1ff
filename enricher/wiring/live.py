"""Content that follows its files: read again when they change or on SIGHUP; a bad file keeps the last good content."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import structlog

from enricher import content
from enricher.core.programs import Programs
from enricher.errors import ConfigurationError
from enricher.wiring.corpus import hidden_by

log = structlog.get_logger()

LOOK_EVERY_S = 2.0


def load_content(directory: Path | None) -> Programs:
    """Read and check everything in `config/`, tuning rules against the corpus too. Raises ConfigurationError."""
    programs = Programs(content.load(directory))
    if problems := hidden_by(programs):
        raise ConfigurationError(problems)
    return programs


class LiveContent:
    """The content of one process. `programs` is cheap: it looks at the files at most every two seconds."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._programs: Programs | None = None
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._looked_at = 0.0
        self._problems: Sequence[str] = ()

    def load(self) -> None:
        """Read for the first time. Raises ConfigurationError."""
        self._stamp = self._stamps()
        self._programs = load_content(self._directory)
        self._looked_at = monotonic()

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong with the files now; the last good content stays in force."""
        self._look_if_due()
        return self._problems

    def programs(self) -> Programs:
        """The content in force."""
        self._look_if_due()
        if self._programs is None:
            raise ConfigurationError(["content was asked for before it was loaded"])
        return self._programs

    def look_again(self) -> None:
        """Read the files now, changed or not: SIGHUP."""
        self._stamp = ()
        self._looked_at = 0.0

    def _look_if_due(self) -> None:
        if monotonic() - self._looked_at > LOOK_EVERY_S and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()

    def _look(self) -> None:
        self._looked_at = monotonic()
        stamp = self._stamps()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._programs = load_content(self._directory)
        except ConfigurationError as error:
            self._problems = error.problems
            log.warning("content_refused", problems=error.problems)
        else:
            self._problems = ()
            log.info("content_loaded", digest=self._programs.rules.digest)

    def _stamps(self) -> tuple[tuple[str, int, int], ...]:
        if self._directory is None:
            return ()
        found = []
        for path in sorted(self._directory.rglob("*")):
            try:
                status = path.stat()
            except OSError:
                continue  # gone between listing and asking: the next look sees it
            found.append((str(path), status.st_mtime_ns, status.st_size))
        return tuple(found)
