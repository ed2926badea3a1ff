"""A store without a database, for tests of the flow: remembers events and cases the way the store does, and nothing else.

It reads everything of a computer where the store reads what is near; the store's own tests say what it leaves out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from enricher.core.document import CaseDocument, News
from enricher.core.memory import WINDOW, Group, Memory, Past, Remembered, recalled
from enricher.core.merge import merge
from enricher.model import Event
from enricher.ports import SeenEvent, Settlement, Sighting


class Shelf:
    """Implements `ports.History`; `settle` stores what an investigation came to. `now` is the time of the last settlement."""

    def __init__(self) -> None:
        self.cases: dict[str, CaseDocument] = {}
        self.news: dict[str, list[News]] = {}
        self.aliases: dict[str, str] = {}
        self.joined: dict[str, CaseDocument] = {}
        self.follow_ups: list[tuple[str, str, str]] = []
        self._events: dict[bytes, SeenEvent] = {}
        self._sightings: dict[tuple[bytes, str], Sighting] = {}
        self._rotations: dict[tuple[str, str], datetime] = {}
        self._since: datetime | None = None

    def settle(self, settlement: Settlement, now: datetime) -> list[str]:
        """Store it; the keys of its cases."""
        self._since = self._since or now
        fresh = self._remember(settlement.events)
        self._sightings |= {(s.event, s.group.target): s for s in settlement.sightings}
        for rotation in settlement.rotations:
            place = rotation.host, rotation.family
            self._rotations[place] = min(rotation.since, self._rotations.get(place, rotation.since))
        self.aliases |= {alias: key for alias, key in settlement.aliases.items() if alias not in self.cases}
        self.follow_ups += [(f.case_key, f.kind, f.subject) for f in settlement.follow_ups]
        keys = []
        for document in settlement.cases:
            key = self.aliases.get(document["key"], document["key"])
            keys.append(key)
            one = document.copy()
            one["key"] = key
            contacts, whole = fresh.get(document["key"], 0), key in settlement.whole
            self.cases[key], news = merge(self.cases.get(key), one, contacts, now, whole=whole)
            self.news.setdefault(key, []).extend(news)
        for case, into in settlement.joined.items():
            self.aliases[case] = into
            self.joined[case] = self.cases.pop(case)
        return keys

    def _remember(self, events: Iterable[SeenEvent]) -> dict[str, int]:
        fresh: dict[str, int] = {}
        for event in events:
            stored = self._events.get(event.digest)
            if stored is None or (stored.case_key is None and event.case_key is not None):
                self._events[event.digest] = event
                if event.case_key is not None:
                    fresh[event.case_key] = fresh.get(event.case_key, 0) + event.count
        return fresh

    def around(self, events: Sequence[Event]) -> Memory:
        return self._memory({event.computer for event in events})

    def of_case(self, key: str) -> tuple[CaseDocument, Memory] | None:
        return (self.cases[key], self._memory({self.cases[key]["host"]})) if key in self.cases else None

    def contacts(self, until: Mapping[Group, datetime]) -> Mapping[Group, Past]:
        return {group: self._past(group, last) for group, last in until.items()}

    def since(self) -> datetime | None:
        return self._since

    def _memory(self, computers: set[str]) -> Memory:
        found = [self._recalled(event) for event in self._events.values() if event.computer in computers]
        ledgers = {key: document["ledger_digest"] for key, document in self.cases.items()}
        sizes = Counter(one.case_key for one in found if one.case_key is not None)
        counts = {key: document["count"] for key, document in self.cases.items()}
        return Memory(events=tuple(found), rotations=self._rotations, ledgers=ledgers, sizes=sizes, counts=counts)

    def _recalled(self, event: SeenEvent) -> Remembered:
        assert event.document is not None
        key = self.aliases.get(event.case_key, event.case_key) if event.case_key else None
        origin = "search" if event.searched else "history"
        return Remembered(digest=event.digest, event=recalled(event.document, origin), case_key=key)

    def _past(self, group: Group, until: datetime) -> Past:
        of_target = [s for s in self._sightings.values() if s.group.target == group.target]
        near = [s for s in of_target if s.group == group and until - WINDOW <= s.at <= until]
        hosts: dict[str, datetime] = {}
        for sighting in of_target:
            hosts[sighting.group.host] = min(sighting.at, hosts.get(sighting.group.host, sighting.at))
        return Past(
            connections=tuple(s.at for s in near if s.kind == "connection"),
            queries=tuple(s.at for s in near if s.kind == "query"),
            hosts=hosts,
            host_count=len(hosts),
            first_here=hosts.get(group.host),
        )

    def aged(self, days: int) -> Shelf:
        """The same, as if it had begun `days` earlier."""
        assert self._since is not None
        self._since -= timedelta(days=days)
        return self
