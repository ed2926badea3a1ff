"""A searcher over the stand-in, with a clock that waiting moves, and a book of jobs in memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from enricher.ports import LeftJob
from enricher.standins import KEY, running
from enricher.standins.sumo import Message, SumoLogic
from enricher.sumo.api import Api
from enricher.sumo.lineage import LineageSearch
from enricher.sumo.pace import Pace, Patience
from enricher.sumo.search_job import SearchJobs

HOST = "ws-fin-0142.corp.example"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SCOPE = "_sourceCategory=*sysmon*"
LOOKBACK = timedelta(hours=24)


def guid(number: int, began: datetime = NOW - timedelta(minutes=10)) -> str:
    """A ProcessGuid as Sysmon makes it: the start of the process stands in it."""
    seconds = f"{int(began.timestamp()):08X}"
    return f"7C1E2B40-{seconds[4:]}-{seconds[:4]}-{number:04X}-00000000A100"


def event_1(number: int, parent: int | None = None, *, host: str = HOST, **more: str) -> str:
    """The event 1 of a process, as XML on one line."""
    data = {
        "UtcTime": "2026-11-24 01:50:00.000",
        "ProcessGuid": f"{{{guid(number)}}}",
        "ProcessId": str(1000 + number),
        "Image": f"C:\\p\\{number}.exe",
        "CommandLine": f"{number}.exe",
        "ParentProcessGuid": f"{{{guid(parent)}}}" if parent is not None else "{00000000-0000-0000-0000-000000000000}",
        "ParentImage": f"C:\\p\\{parent}.exe",
    } | more
    fields = "".join(f"<Data Name='{name}'>{value}</Data>" for name, value in data.items())
    return event(1, fields, host)


def event(event_id: int, fields: str, host: str = HOST) -> str:
    provider = "<Provider Name='Microsoft-Windows-Sysmon'/>"
    system = f"<System>{provider}<EventID>{event_id}</EventID><Computer>{host}</Computer></System>"
    return f"<Event>{system}<EventData>{fields}</EventData></Event>"


def chain(length: int) -> list[Message]:
    """Processes 1 to `length`, each the child of the next."""
    return [Message(raw=event_1(n, n + 1)) for n in range(1, length + 1)]


class Hours(Patience):
    """Patience whose waiting takes no time and moves its clock. `at` are things that happen when a time has come."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now)
        self.now = 1_000_000.0
        self.waits: list[float] = []
        self.at: list[tuple[float, Callable[[], None]]] = []
        self._lock = threading.Lock()

    def wait(self, seconds: float) -> bool:
        if self.over:
            return False
        with self._lock:
            self.now += max(0.0, seconds)
            self.waits.append(seconds)
        for then, do in [one for one in self.at if one[0] <= self.now]:
            self.at.remove((then, do))
            do()
        return not self.over


class Book:
    """The book of jobs of one process. `gone` are those that an earlier one left."""

    def __init__(self, *gone: LeftJob) -> None:
        self.open: dict[str, Mapping[str, str]] = {}
        self.gone = {one.job_id: one for one in gone}
        self.opened_in_all: list[str] = []

    def opened(self, job_id: str, cookies: Mapping[str, str]) -> None:
        self.open[job_id] = dict(cookies)
        self.opened_in_all.append(job_id)

    def closed(self, job_id: str) -> None:
        self.open.pop(job_id, None)
        self.gone.pop(job_id, None)

    def left_behind(self) -> list[LeftJob]:
        return list(self.gone.values())


@dataclass
class Bench:
    """The stand-in and all of a searcher, part by part."""

    sumo: SumoLogic
    search: LineageSearch
    jobs: SearchJobs
    api: Api
    patience: Hours
    book: Book
    endings: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

    def requests(self, method: str) -> int:
        return sum(one["method"] == method for one in self.sumo.store()["requests"])


@contextmanager
def bench(*messages: Message, book: Book | None = None, key: str = KEY, limits: bool = True) -> Iterator[Bench]:
    """Everything, for as long as it is needed; each test checks for itself that no job is left."""
    patience = Hours()
    with running(SumoLogic(messages, limits=limits, clock=lambda: patience.now)) as sumo:
        api = Api(sumo.url, "su1", key, Pace(patience))
        jobs = SearchJobs(api, book := book or Book(), patience)
        endings: list[str] = []
        ignored: Counter[str] = Counter()
        search = LineageSearch(
            api, jobs, patience, scope=SCOPE, lookback=LOOKBACK, on_ended=endings.append, on_ignored=ignored.update
        )
        try:
            yield Bench(sumo, search, jobs, api, patience, book, endings, ignored)
        finally:
            search.close()
