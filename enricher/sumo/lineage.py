"""Whose child a process is, as far as Sumo Logic knows: one search a level, upwards, all within one minute."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from enricher.core.join import MAX_ANCESTORS
from enricher.core.sumo_search import MOST_GUIDS, asked_computer, asked_guid, lineage_query, read_processes, window
from enricher.errors import Unsearchable
from enricher.model import ProcessCreate
from enricher.ports import FoundStarts
from enricher.sumo.api import Api
from enricher.sumo.pace import Patience
from enricher.sumo.search_job import WALL_S, JobResult, SearchJobs

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What came of a search, in the words of `JobResult`; or `refused`: nothing was sent, for a value may not stand in a query.

    `events` hold in every case.
    """

    status: str
    events: tuple[ProcessCreate, ...] = ()
    reason: str | None = None
    retry_after: float = 0.0


class LineageSearch:
    """The port `Searcher`. `on_ended` is told how each search ended; `on_ignored` what an answer held that was not asked for.

    Its `jobs` and `patience` are for whoever else searches with the same keys.
    """

    def __init__(
        self,
        api: Api,
        jobs: SearchJobs,
        patience: Patience,
        *,
        scope: str,
        lookback: timedelta,
        on_ended: Callable[[str], None],
        on_ignored: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._api, self.jobs, self.patience = api, jobs, patience
        self._scope, self._lookback = scope, lookback
        self._on_ended, self._on_ignored = on_ended, on_ignored

    def starts(self, computer: str, guid: str, until: datetime) -> FoundStarts:
        """As `ports.Searcher`. Where nothing was found it may have been too early: what is logged is not at once found."""
        found = self.ancestors(computer, {guid}, until)
        reason = found.reason or (None if found.events else "it has no start of this process")
        return FoundStarts(
            events=found.events, reason=reason, later=not found.events and found.status in {"pending", "done"}
        )

    def ancestors(self, computer: str, guids: Collection[str], until: datetime) -> Searched:
        """Search the starts of these processes of one computer and of up to four levels above them, in a minute at most.

        A level that does not end well ends the search: what was found before holds. `until` is when the alert came.
        """
        self.jobs.sweep()
        try:
            asked_computer(computer)
            found = self._upwards(computer, {asked_guid(guid) for guid in guids}, until)
        except Unsearchable as error:
            found = Searched(status="refused", reason=f"not asked for: {error.detail}")
        self._on_ended(found.status)
        log.info("search_ended", status=found.status, found=len(found.events), reason=found.reason)
        return found

    def sweep(self) -> None:
        self.jobs.sweep()

    def stop(self) -> None:
        self.patience.stop()

    def close(self) -> None:
        """Let go of its connections."""
        self._api.close()

    def _upwards(self, computer: str, wanted: set[str], until: datetime) -> Searched:
        wall = self.patience.clock() + WALL_S
        found: list[ProcessCreate] = []
        asked: set[str] = set()
        result = JobResult("done")
        for _ in range(1 + MAX_ANCESTORS):
            asked |= wanted
            result = self._level(computer, wanted, until, wall, found)
            parents = {event.parent_guid for event in found if event.parent_guid} - asked
            if not parents or result.status != "done":
                break
            wanted = set(sorted(parents)[:MOST_GUIDS])
        return Searched(status=result.status, events=tuple(found), reason=result.reason, retry_after=result.retry_after)

    def _level(
        self, computer: str, wanted: set[str], until: datetime, wall: float, found: list[ProcessCreate]
    ) -> JobResult:
        """Add the starts of one level to `found`. A process starts once: where each is found, no more was to be had."""
        result = self.jobs.run(lineage_query(wanted, self._scope), *window(wanted, until, self._lookback), wall)
        starts = read_processes(result.rows, {(computer, guid) for guid in wanted})
        if starts.ignored:
            self._on_ignored(starts.ignored)
        found += starts.events
        whole = result.status == "partial" and wanted <= {event.guid for event in starts.events}
        return JobResult("done") if whole else result
