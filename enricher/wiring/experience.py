"""How tuning rules were used and which tenants are protected, read from the store at most once a minute."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic as system_monotonic

import structlog

from enricher.core.rules import Rules
from enricher.core.tune import NO_EXPERIENCE, Experience
from enricher.errors import StoreUnavailable
from enricher.ports import Reader, RuleBook

log = structlog.get_logger()

REFRESH_EVERY_S = 60.0


class LiveExperience:
    """The experience of one process. A store that refuses leaves it what it knew.

    `book` is told which rules are loaded, so that a rule's days without a match begin somewhere; None for a process that only reads.
    """

    def __init__(self, reader: Reader, book: RuleBook | None, *, monotonic: Callable[[], float] = system_monotonic) -> None:
        self._reader, self._book, self._monotonic = reader, book, monotonic
        self._known = NO_EXPERIENCE
        self._due_at = float("-inf")
        self._lock = threading.Lock()

    def of(self, rules: Rules) -> Experience:
        """What is known by now. The first call of a process waits for the store; later ones do for one thread only."""
        if self._monotonic() >= self._due_at and self._lock.acquire(blocking=self._due_at == float("-inf")):
            try:
                self._refresh(rules)
            finally:
                self._lock.release()
        return self._known

    def _refresh(self, rules: Rules) -> None:
        if self._monotonic() < self._due_at:
            return
        self._due_at = self._monotonic() + REFRESH_EVERY_S
        try:
            if self._book is not None:
                self._book.loaded(rule.id for rule in rules.tuning)
            self._known = Experience(uses=self._reader.rule_uses(), protected=self._reader.protected_tenants())
        except StoreUnavailable as error:
            log.warning("experience_not_read", detail=error.detail)
