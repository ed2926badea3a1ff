"""The rows of our own searches: one job after another, so that the question of a case need not wait for a round of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from enricher.ports import FoundRows
from enricher.sumo.pace import Patience
from enricher.sumo.search_job import MOST_RECORDS, WALL_S, SearchJobs

log = structlog.get_logger()


class Rows:
    """The port `RowSearch`. `on_ended` is told how each search ended."""

    def __init__(self, jobs: SearchJobs, patience: Patience, on_ended: Callable[[str], None]) -> None:
        self._jobs, self._patience, self._on_ended = jobs, patience, on_ended

    def rows(self, queries: tuple[str, ...], begins: datetime, ends: datetime) -> FoundRows:
        """As `ports.RowSearch`: each query a minute at most. The first that gives no answer ends it, for all would be asked again;
        what one was too long for is the answer's shortcoming, and so is all of it together.
        """
        self._jobs.sweep()
        found: list[Mapping[str, object]] = []
        short: str | None = None
        for query in queries:
            result = self._jobs.run(query, begins, ends, self._patience.clock() + WALL_S, counted=True)
            self._on_ended(result.status)
            log.info("rows_searched", status=result.status, found=len(result.rows), reason=result.reason)
            if result.status not in {"done", "partial"}:
                return FoundRows(status=result.status, reason=result.reason, retry_after=result.retry_after)
            found += result.rows
            short = short or result.reason
            if len(found) > MOST_RECORDS:
                found, short = found[:MOST_RECORDS], short or f"more than {MOST_RECORDS} rows"
                break
        return FoundRows(status="partial" if short else "done", rows=tuple(found), reason=short)
