"""A process that searches and is killed: `python -m tests.sumo.searching URL DATABASE`. It says so before each wait."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from enricher.core.merge import merge
from enricher.core.sumo_search import lineage_query
from enricher.standins import KEY
from enricher.store import Store, open_store
from enricher.sumo.api import Api
from enricher.sumo.pace import Pace, Patience
from enricher.sumo.search_job import WALL_S, SearchJobs
from tests.sumo.fakes import NOW, SCOPE, guid


class Telling(Patience):
    """Says that it waits."""

    def wait(self, seconds: float) -> bool:
        sys.stdout.write(f"waits {seconds}\n")
        sys.stdout.flush()
        return super().wait(seconds)


def store_at(database: str) -> Store:
    """The real store, by the real clock."""
    store = open_store(database, clock=lambda: datetime.now(UTC), merge=merge, deliver_to=lambda _: ())  # noqa: TID251 - the clock
    store.upgrade()
    return store


def main(url: str, database: str) -> None:
    patience = Telling()
    jobs = SearchJobs(Api(url, "su1", KEY, Pace(patience)), store_at(database).job_book, patience)
    jobs.run(lineage_query([guid(1)], SCOPE), NOW - timedelta(hours=24), NOW, patience.clock() + WALL_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
