"""Questions to Sumo Logic, and the book of the search jobs that run for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from enricher.model import ProcessCreate


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStarts:
    """Starts of processes that Sumo Logic had. Without any, `reason` says why; `later`: it may answer another time."""

    events: tuple[ProcessCreate, ...] = ()
    reason: str | None = None
    later: bool = False


class Searcher(Protocol):
    """Asks Sumo Logic for what no alert brought. Never raises: what goes wrong is in the answer."""

    def starts(self, computer: str, guid: str, until: datetime) -> FoundStarts:
        """The start of a process and those of its ancestors, up to four, as logged in the day before `until`."""
        ...

    def sweep(self) -> None:
        """Delete the search jobs that processes which are gone have left behind: at the start, and before each search."""
        ...

    def stop(self) -> None:
        """End what waits, now; its search jobs are still deleted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftJob:
    """A search job whose holder is gone."""

    job_id: str
    cookies: Mapping[str, str]


class JobBook(Protocol):
    """The search jobs that run for us, so that a process that dies leaves none behind. Raises StoreUnavailable."""

    def opened(self, job_id: str, cookies: Mapping[str, str]) -> None:
        """Write it down durably in this process's name. `cookies` belong to the job: without them Sumo Logic denies knowing it."""
        ...

    def closed(self, job_id: str) -> None:
        """Cross it out, whoever wrote it: it is deleted, or gone. Nothing happens where it is not in the book."""
        ...

    def left_behind(self) -> list[LeftJob]:
        """Those of holders that are gone, the oldest first.

        A process of this machine is gone when it does not run any more. One of another machine cannot be seen: its jobs are left
        when they are two minutes old, for a search ends before that.
        """
        ...
