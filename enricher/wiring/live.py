"""Content that follows its files: read again when they change or on SIGHUP; a bad file keeps the last good content."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from time import monotonic

import structlog

from enricher import content
from enricher.content.tuning_guards import anything_goes
from enricher.core.layout import PLAIN, Layouts
from enricher.core.programs import Programs
from enricher.core.rules import TuningRule
from enricher.core.tune import expiring
from enricher.errors import ConfigurationError
from enricher.wiring.corpus import hidden_by
from enricher.wiring.templates import load_templates

log = structlog.get_logger()

LOOK_EVERY_S = 2.0


def load_content(directory: Path | None, *, today: date | None = None, known: Sequence[TuningRule] = ()) -> Programs:
    """Read and check everything in `config/`, tuning rules against the corpus too. Raises ConfigurationError.

    With `today` a rule past its end is a problem as well, but for one of `known`: that was in force, and has ended by itself.
    """
    programs = Programs(content.load(directory))
    problems = [*anything_goes(programs), *hidden_by(programs)]
    if today is not None and not _is_packaged(directory):
        problems += _past(programs.rules.tuning, today, known)
    if problems:
        raise ConfigurationError(problems)
    return programs


def load_all(
    directory: Path | None, *, today: date | None = None, known: Sequence[TuningRule] = ()
) -> tuple[Programs, Layouts]:
    """The content and the templates of tickets, which decide nothing. Raises ConfigurationError with the problems of both."""
    problems: list[str] = []
    programs, templates = None, PLAIN
    try:
        programs = load_content(directory, today=today, known=known)
    except ConfigurationError as error:
        problems += error.problems
    try:
        templates = load_templates(directory)
    except ConfigurationError as error:
        problems += error.problems
    if programs is None or problems:
        raise ConfigurationError(problems)
    return programs, templates


def _is_packaged(directory: Path | None) -> bool:
    """The examples that come with the program are nobody's promise to look again."""
    return directory is None or directory.resolve() == content.packaged("config").resolve()


def _past(rules: Sequence[TuningRule], today: date, known: Sequence[TuningRule]) -> list[str]:
    before = {(rule.id, rule.version, rule.expires) for rule in known}
    return [
        f"{rule.source}: rule {rule.id!r}: ended on {rule.expires}; give it a new end and have that approved, or remove it"
        for rule in rules
        if rule.expires <= today and (rule.id, rule.version, rule.expires) not in before
    ]


class LiveContent:
    """The content of one process. `programs` is cheap: it looks at the files at most every two seconds.

    `today` says which day it is, for rules that end. When the process starts one that has ended is a warning, for the service must
    come up on the day after; in files that change it is a problem.
    """

    def __init__(self, directory: Path | None, today: Callable[[], date] | None = None) -> None:
        self._directory = directory
        self._today = today
        self._lock = threading.Lock()
        self._programs: Programs | None = None
        self._templates = PLAIN
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._looked_at = 0.0
        self._problems: Sequence[str] = ()

    def load(self) -> None:
        """Read for the first time. Raises ConfigurationError."""
        self._stamp = self._stamps()
        self._programs, self._templates = load_all(self._directory)
        self._looked_at = monotonic()
        self._warn(self._programs.rules.tuning)

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

    def templates(self) -> Layouts:
        """The templates of tickets in force."""
        self._look_if_due()
        return self._templates

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
        known = self._programs.rules.tuning if self._programs else ()
        try:
            self._programs, self._templates = load_all(
                self._directory, today=self._today() if self._today else None, known=known
            )
        except ConfigurationError as error:
            self._problems = error.problems
            log.warning("content_refused", problems=error.problems)
        else:
            self._problems = ()
            log.info("content_loaded", digest=self._programs.rules.digest)
            self._warn(self._programs.rules.tuning)

    def _warn(self, rules: Sequence[TuningRule]) -> None:
        """Say which rules have ended, and which will within a fortnight."""
        if self._today is None:
            return
        today = self._today()
        for rule in rules:
            about = {"rule": rule.id, "owner": rule.owner, "expires": rule.expires.isoformat(), "source": rule.source}
            if rule.expires <= today:
                log.warning("tuning_rule_ended", **about)
            elif expiring(rule, today):
                log.warning("tuning_rule_expiring", **about)

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
