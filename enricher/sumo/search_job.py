"""One search job from its creation to its deletion, which always comes: after success, error, time-out, shutdown.

What cannot be deleted now is deleted before the next search; what a process leaves behind when it is killed stands in the book,
and the next process deletes it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile
from typing import TypeVar

import structlog

from enricher.core.sumo_search import Message
from enricher.errors import Reason, SearchError, StoreUnavailable
from enricher.ports import JobBook
from enricher.sumo.api import Api, Job, State
from enricher.sumo.pace import Patience

log = structlog.get_logger()

WALL_S = 60.0
"""How long a search may take, all its levels together."""
FIRST_PAUSE_S, LONGEST_PAUSE_S, GROWTH = 1.0, 5.0, 1.5
LONGEST_SILENCE_S = 15.0
"""A job that nobody asks about is cancelled after 20 to 30 s."""
PAGE, MOST_PAGES = 200, 5
"""Messages; two hundred of the longest stay within what we read of one answer."""
RECORDS_PAGE, MOST_RECORDS = 1_000, 10_000
"""Rows of an aggregate: shorter than messages, and more of them."""
AT_ONCE = 5
DELETE_TRIES = 3
BUSY_S = 5.0

_DONE, _PAUSED, _CANCELLED = "DONE GATHERING RESULTS", "FORCE PAUSED", "CANCELLED"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job ended, and the messages that it found.

    `status`: `done` (all there is), `partial` (ended with less, and would again), `pending` (not now: again in `retry_after`
    seconds, 0 if nobody named a time), `failed` (a person must see to it: keys, address, query). `reason` is one harmless line
    for anything but `done`.
    """

    status: str
    rows: tuple[Message, ...] = ()
    reason: str | None = None
    retry_after: float = 0.0


class SearchJobs:
    """Runs search jobs, a few at once, and deletes every one of them."""

    def __init__(self, api: Api, book: JobBook, patience: Patience, *, at_once: int = AT_ONCE) -> None:
        self._api, self._book, self._patience = api, book, patience
        self._slots = threading.BoundedSemaphore(at_once)
        self._guard = threading.Lock()
        self._not_before = 0.0
        self._undeleted: dict[str, Job] = {}

    def run(self, query: str, begins: datetime, ends: datetime, wall: float, *, counted: bool = False) -> JobResult:
        """Search until the clock says `wall`; `counted`: the query ends in an aggregate, and its rows are the answer.

        Never raises for anything that Sumo Logic or the store does.
        """
        rest = self._not_before - self._patience.clock()
        if rest > 0:
            return JobResult("pending", reason="not asked: Sumo Logic wants to be left alone for a while", retry_after=rest)
        if not self._slots.acquire(blocking=False):
            return JobResult("pending", reason="as many searches as may run at once", retry_after=BUSY_S)
        try:
            return self._run(query, begins, ends, wall, counted=counted)
        except SearchError as error:
            if error.reason is Reason.RATE_LIMITED:
                self._not_before = self._patience.clock() + error.retry_after
            return _failed(error)
        except StoreUnavailable as error:
            return JobResult("pending", reason="the store is not available", retry_after=error.retry_after)
        finally:
            self._slots.release()

    def sweep(self) -> None:
        """Delete what was left: by us, when Sumo Logic did not let us, and by processes that are gone."""
        with self._guard:
            ours, self._undeleted = self._undeleted, {}
        left = {job.job_id: job for job in self._left_behind()} | ours
        deleted = sum(1 for _ in takewhile(self._delete, left.values()))
        with self._guard:
            self._undeleted |= {job.job_id: job for job in islice(left.values(), deleted, None) if job.job_id in ours}
        if left:
            log.info("search_jobs_swept", found=len(left), deleted=deleted)

    # --- one job ----------------------------------------------------------------------------------------------------

    def _run(self, query: str, begins: datetime, ends: datetime, wall: float, *, counted: bool) -> JobResult:
        job = self._api.create(query, begins, ends)
        try:
            self._book.opened(job.job_id, job.cookies)
            return self._gather(job, wall, counted=counted)
        finally:
            self._delete(job)

    def _gather(self, job: Job, wall: float, *, counted: bool) -> JobResult:
        pause, errors = FIRST_PAUSE_S, list[str]()
        while True:
            self._rest(pause, wall)
            state = self._patiently(lambda: self._api.state(job), wall)
            errors += state.errors
            if state.warnings:
                log.info("search_warned", warnings=state.warnings)
            if state.name in {_DONE, _PAUSED}:
                short = _short(state, errors)
                return self._count(job, state, wall, short) if counted else self._collect(job, state.messages, wall, short)
            if state.name == _CANCELLED:
                raise SearchError(Reason.NOT_FOUND, "Sumo Logic has cancelled the search")
            pause = min(pause * GROWTH, LONGEST_PAUSE_S)

    def _collect(self, job: Job, count: int, wall: float, short: str | None) -> JobResult:
        rows = self._pages(lambda at: self._api.messages(job, at, PAGE), min(count, MOST_PAGES * PAGE), wall)
        if len(rows) < count and short is None:
            short = f"{len(rows)} of {count} messages read"
        return JobResult("partial" if short else "done", tuple(rows), short)

    def _count(self, job: Job, state: State, wall: float, short: str | None) -> JobResult:
        rows = self._pages(lambda at: self._api.records(job, at, RECORDS_PAGE), min(state.records, MOST_RECORDS), wall)
        if len(rows) < state.records and short is None:
            short = f"{len(rows)} of {state.records} rows read"
        return JobResult("partial" if short else "done", tuple(rows), short)

    def _pages(self, ask: Callable[[int], list[Message]], count: int, wall: float) -> list[Message]:
        """Up to `count`, page by page, for as long as pages have anything."""
        rows: list[Message] = []
        while len(rows) < count:
            at = len(rows)
            page = self._patiently(lambda: ask(at), wall)  # noqa: B023 - called at once
            if not page:
                break
            rows += page
        return rows

    # --- patience ---------------------------------------------------------------------------------------------------

    def _patiently(self, call: Callable[[], T], wall: float) -> T:
        """Repeat a call that only reads, while what is wrong may pass and the job outlives the wait."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                return call()
            except SearchError as error:
                wait = max(error.retry_after, pause)
                if not error.passing or wait > LONGEST_SILENCE_S or self._patience.clock() + wait > wall:
                    raise
            self._rest(wait, wall)
            pause *= 2

    def _rest(self, seconds: float, wall: float) -> None:
        """Raises SearchError where there is no time left, or no more is given."""
        if self._patience.clock() + seconds > wall:
            raise SearchError(Reason.TIMEOUT, f"not finished within {WALL_S:g} s")
        if not self._patience.wait(seconds):
            raise SearchError(Reason.TIMEOUT, "ended by a shutdown")

    # --- the end ----------------------------------------------------------------------------------------------------

    def _delete(self, job: Job) -> bool:
        """Delete a job and cross it out. False, and kept for the next sweep, where Sumo Logic did not let us."""
        for tries_left in reversed(range(DELETE_TRIES)):
            try:
                self._delete_for_certain(job)
                break
            except SearchError as error:
                if not tries_left or not error.passing or self._patience.over:
                    log.warning("search_job_not_deleted", job=job.job_id, reason=error.reason.value)
                    with self._guard:
                        self._undeleted[job.job_id] = job
                    return False
                self._patience.wait(min(error.retry_after, LONGEST_PAUSE_S) or FIRST_PAUSE_S)
        with suppress(StoreUnavailable):  # it stays in the book, and the sweep finds it gone
            self._book.closed(job.job_id)
        return True

    def _delete_for_certain(self, job: Job) -> None:
        """A job that is not known may be another session's: asked again with the cookies that it came with."""
        try:
            self._api.delete(job)
        except SearchError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            if job.cookies != job.born_with:
                self._delete_for_certain(Job(job.job_id, dict(job.born_with)))

    def _left_behind(self) -> list[Job]:
        try:
            return [Job(one.job_id, dict(one.cookies)) for one in self._book.left_behind()]
        except StoreUnavailable:
            log.warning("search_jobs_not_swept")
            return []


def _short(state: State, errors: Iterable[str]) -> str | None:
    """Why a search that has ended did not look through everything; None where it did."""
    if state.name == _PAUSED:
        return "Sumo Logic paused the search: too many messages"
    first = next(iter(errors), None)
    return f"Sumo Logic reports: {first}" if first else None


def _failed(error: SearchError) -> JobResult:
    status = "pending" if error.worth_another_search else "failed"
    return JobResult(status, reason=str(error), retry_after=error.retry_after)
