"""Who asks Sumo Logic again about alerts, where there are keys to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from enricher.core.kit.queries import Form, Query
from enricher.core.programs import Programs
from enricher.core.requery import Searches
from enricher.core.rules import Rules
from enricher.settings import Settings
from enricher.store import Store
from enricher.sumo.lineage import LineageSearch
from enricher.sumo.rows import Rows
from enricher.telemetry import SEARCHES
from enricher.wiring.flow import submission
from enricher.worker.requery import Requeries, Requery


class LiveSearches:
    """The searches of the catalog that is in force, made anew when that is reloaded."""

    def __init__(self, programs: Callable[[], Programs], scope: str, form: Form) -> None:
        self._programs, self._scope, self._form = programs, scope, form
        self._guard = threading.Lock()
        self._made: tuple[Rules, Searches] | None = None

    def chosen(self, digest: str | None) -> tuple[Query, ...]:
        """As `core.requery.Searches.chosen`. Raises Unsearchable where there are none for this scope."""
        rules = self._programs().rules
        with self._guard:
            if self._made is None or self._made[0] is not rules:
                self._made = rules, Searches(rules, self._scope, self._form)
            return self._made[1].chosen(digest)


def requeries(
    settings: Settings,
    store: Store,
    programs: Callable[[], Programs],
    search: LineageSearch | None,
    clock: Callable[[], datetime],
) -> Requeries | None:
    """Shares the account's pace and places with the search for starts. None without keys."""
    if search is None:
        return None
    return Requeries(
        Requery(
            inbox=store.inbox,
            chores=store.chores,
            open_alerts=store.open_alerts,
            search=Rows(search.jobs, search.patience, lambda status: SEARCHES.labels(status).inc()),
            queries=LiveSearches(programs, settings.sumo_scope, settings.sumo_form).chosen,
            submission=submission,
            clock=clock,
            every=timedelta(minutes=settings.sumo_requery_minutes),
        )
    )
