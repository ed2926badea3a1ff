"""A service in small: a real store and flow, the chores by a clock that tests move, and a Sumo Logic of contacts that are counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from enricher.core.merge import merge
from enricher.core.requery import ms
from enricher.lookups import NoLookups
from enricher.ports import ClaimedAlert, FoundRows, Settlement
from enricher.store import Store
from enricher.wiring.flow import Flow, submission
from enricher.wiring.requery import LiveSearches
from enricher.worker.alerts import AlertJob
from enricher.worker.chores import ChoreJob, Round
from enricher.worker.followups import FollowUpJob
from enricher.worker.requery import Requeries, Requery
from tests.fakes import packaged_programs
from tests.store.fakes import Estate

SCOPE = "_sourceCategory=*sysmon*"
EVERY = timedelta(minutes=15)
POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
SEARCHES = LiveSearches(packaged_programs, SCOPE, "xml")
OURS = next(query for query in SEARCHES.chosen(None) if "cf-workers" in query.platforms)
"""The search of the catalog that finds the contacts of these tests."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A process asks for a name at a time."""

    host: str
    at: datetime
    name: str = "beacon.example-lab.workers.dev"
    guid: int = 1
    image: str = POWERSHELL


@dataclass
class Counting:
    """Sumo Logic: `contacts` are what it has collected, `answers` what it says instead of searching, `asked` what was searched."""

    contacts: list[Contact] = field(default_factory=list)
    answers: list[FoundRows] = field(default_factory=list)
    asked: list[tuple[tuple[str, ...], datetime, datetime]] = field(default_factory=list)

    def rows(self, queries: tuple[str, ...], begins: datetime, ends: datetime) -> FoundRows:
        self.asked.append((queries, begins, ends))
        if self.answers:
            return self.answers.pop(0)
        found = counted(one for one in self.contacts if begins <= one.at < ends) if OURS.text in queries else []
        return FoundRows(status="done", rows=tuple(found))


def counted(contacts: Iterable[Contact]) -> list[dict[str, str]]:
    """As the search counts them: one row for each process and name."""
    groups: dict[tuple[str, str, int, str], list[datetime]] = {}
    for one in contacts:
        groups.setdefault((one.host, one.name, one.guid, one.image), []).append(one.at)
    return [
        {
            "_sourcehost": host,
            "event_id": "22",
            "computer": f"{host}.corp.example",
            "process_image": image,
            "process_guid": f"{{7c1e2b40-96d1-65f0-3b12-{guid:012x}}}",
            "process_id": str(4000 + guid),
            "username": rf"CORP\{host}",
            "dest_hostname": name,
            "query_status": "0",
            "dest_ip": "-",
            "dest_port": "-",
            "serverless_platform": "Cloudflare Workers",
            "is_suspicious": "1",
            "_count": str(len(times)),
            "first_seen": str(ms(min(times))),
            "last_seen": str(ms(max(times))),
        }
        for (host, name, guid, image), times in groups.items()
    ]


def trigger(
    rows: list[dict[str, str]],
    begins: datetime,
    ends: datetime,
    *,
    ref: str = "0000000001A2B3C4",
    total: int | None = None,
    query: str = OURS.text,
    **more: object,
) -> bytes:
    """A monitor's alert in our template's form."""
    said: dict[str, object] = {
        "schema": "enricher/1",
        "kind": "monitor",
        "name": "T1583.007",
        "query": query,
        "triggerType": "Critical",
        "triggerTimeStart": str(ms(begins)),
        "triggerTimeEnd": str(ms(ends)),
        "alertResponseUrl": f"https://service.sumologic.com/ui/#/alert/{ref}",
        "numQueryResults": str(len(rows) if total is None else total),
        "results": orjson.dumps(rows).decode(),
    }
    return orjson.dumps(said | more)


def recovery(ref: str = "0000000001A2B3C4") -> bytes:
    return orjson.dumps(
        {
            "schema": "enricher/1",
            "kind": "monitor",
            "name": "T1583.007",
            "triggerType": "ResolvedCritical",
            "alertResponseUrl": f"https://service.sumologic.com/ui/#/alert/{ref}",
        }
    )


class Desk:
    """All of it on one store. `prepare` is what settling adds; a test may take it away."""

    def __init__(self, estate: Estate, *, every: timedelta = EVERY, store: Store | None = None) -> None:
        self.estate = estate
        self.store = store or estate.open(merge)
        self.sumo = Counting()
        self.given = Requery(
            inbox=self.store.inbox,
            chores=self.store.chores,
            open_alerts=self.store.open_alerts,
            search=self.sumo,
            queries=SEARCHES.chosen,
            submission=submission,
            clock=estate.clock,
            every=every,
        )
        self.again = Requeries(self.given)
        flow = Flow(packaged_programs, NoLookups(), self.store.history, owner=False)
        self.alerts = AlertJob(self.store.inbox, flow.settlement, lambda: 0.5, prepared=self._prepared)
        self.chores = ChoreJob(self._round())
        self.follow_ups = FollowUpJob(self.store.follow_ups, flow.amendment, None, estate.clock)
        self.settled: list[tuple[ClaimedAlert, Settlement]] = []

    def _prepared(self, claim: ClaimedAlert, settlement: Settlement) -> Settlement:
        prepared = self.again.prepared(claim, settlement)
        self.settled.append((claim, prepared))
        return prepared

    def _round(self) -> Round:
        return Round(
            chores=self.store.chores,
            canaries=self.store.canaries,
            outbox=self.store.outbox,
            destinations={},
            send_canary=None,
            canary_every_s=0.0,
            clock=self.estate.clock,
            also=self.again.also,
            endless=self.again.endless,
        )

    @property
    def now(self) -> datetime:
        return self.estate.clock.now

    def send(self, body: bytes, source: str = "sumo") -> str:
        """Accept an alert and work until nothing is due; its id."""
        sent = submission(body, source)
        assert sent is not None
        receipt = self.store.inbox.accept(sent)
        self.work()
        return receipt.alert_id

    def work(self) -> None:
        """Everything that is due now."""
        while claims := [*self.store.inbox.claim(5)]:
            for alert in claims:
                self.alerts.do(alert)
        while follow_ups := self.follow_ups.claim(5):
            for follow_up in follow_ups:
                self.follow_ups.do(follow_up)
        while chores := self.chores.claim(5):
            for chore in chores:
                self.chores.do(chore)
            self.work()

    def pass_time(self, minutes: float) -> None:
        """Let it pass by half minutes, and do what falls due."""
        for _ in range(int(minutes * 2)):
            self.estate.advance(30)
            self.work()

    def cases(self) -> dict[str, Mapping[str, Any]]:
        """Of each host, its case."""
        return {case.document["host"].partition(".")[0]: case.document for case in self.store.reader.cases(limit=100).items}

    def news(self, host: str) -> list[str]:
        """The kinds of what the ticket of a host's case was told."""
        case = self.store.reader.case(self.cases()[host]["key"])
        assert case is not None
        return [item["kind"] for item in case.news]

    def planned(self) -> dict[str, dict[str, str]]:
        """The chores that wait, with their subjects."""
        found = self.estate.rows("SELECT name, subject FROM chores")
        return {name: orjson.loads(subject) if isinstance(subject, str) else subject for name, subject in found}
