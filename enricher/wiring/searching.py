"""Who asks Sumo Logic, where there are keys to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from enricher.ports import JobBook
from enricher.settings import Settings
from enricher.sumo.api import Api
from enricher.sumo.lineage import LineageSearch
from enricher.sumo.pace import RATE, Pace, Patience
from enricher.sumo.search_job import AT_ONCE, SearchJobs
from enricher.telemetry import SEARCH_IGNORED, SEARCHES


def is_set_up(settings: Settings) -> bool:
    """Whether there are an address and both keys."""
    return bool(settings.sumo_api_url and settings.sumo_access_id and settings.sumo_access_key)


def searcher(settings: Settings, book: JobBook) -> LineageSearch | None:
    """The searcher of this process, or None without keys. The worker processes of one machine share what the account may do."""
    if not settings.sumo_api_url or not settings.sumo_access_id or not settings.sumo_access_key:
        return None
    patience, processes = Patience(), settings.worker_processes
    api = Api(
        settings.sumo_api_url,
        settings.sumo_access_id.get_secret_value(),
        settings.sumo_access_key.get_secret_value(),
        Pace(patience, RATE / processes),
    )
    return LineageSearch(
        api,
        SearchJobs(api, book, patience, at_once=max(1, AT_ONCE // processes)),
        patience,
        scope=settings.sumo_scope,
        lookback=timedelta(hours=settings.sumo_lookback_hours),
        on_ended=lambda status: SEARCHES.labels(status).inc(),
        on_ignored=_count_ignored,
    )


def _count_ignored(ignored: Mapping[str, int]) -> None:
    for reason, count in ignored.items():
        SEARCH_IGNORED.labels(reason).inc(count)
