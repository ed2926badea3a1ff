"""The flow as the service uses it: bytes in, a settlement or an explanation out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from enricher.core import canary
from enricher.core.document import Json
from enricher.core.drift import query_digest
from enricher.core.grade import Asked
from enricher.core.insight import linked
from enricher.core.memory import Memory, Remembered
from enricher.core.normalise import digest
from enricher.core.payload import glance, read
from enricher.core.programs import Programs
from enricher.core.rules import Rules
from enricher.core.silence import vital_of
from enricher.core.tune import NO_EXPERIENCE, Experience
from enricher.model import NO_ROW, Alert, Dropped, Event, Kind
from enricher.pipeline import Investigation, World, investigate, look_again
from enricher.ports import History, Lookups, Settlement, Submission
from enricher.wiring.settling import events_of, follow_ups_of, rotations_of, sightings_of

_NOT_INVESTIGATED = frozenset({Kind.RECOVERY, Kind.TEST, Kind.CANARY, Kind.HEARTBEAT})


def submission(body: bytes, source: str) -> Submission | None:
    """What the inbox stores of a body; None for a connection test. Raises PayloadError."""
    seen = glance(body)
    if seen.kind is Kind.TEST:
        return None
    ours = seen.kind is Kind.CANARY and canary.id_of(read(body)) is not None
    return Submission(
        body=body,
        source=canary.SOURCE if ours else source,
        kind=seen.kind.value,
        identity=seen.identity,
        row_digests=seen.row_digests,
        alert_ref=seen.alert_ref,
        trigger=seen.trigger,
    )


class Flow:
    """`investigate` with its ports bound. `programs` is asked each time, so that reloaded content counts at once.

    `history` is None where nothing is remembered. `search`: Sumo Logic is asked for starts of processes. `console` is where
    Sumo Logic's own pages are, for links to an Insight and to searches in `scope`; without it there are none. `experience` is asked each time, too.
    """

    def __init__(
        self,
        programs: Callable[[], Programs],
        lookups: Lookups,
        history: History | None,
        *,
        owner: bool,
        search: bool = False,
        console: str | None = None,
        scope: str | None = None,
        experience: Callable[[Rules], Experience] = lambda _: NO_EXPERIENCE,
    ) -> None:
        self._experience = experience
        self._programs, self._lookups, self._history = programs, lookups, history
        self._owner, self._search, self._console, self._scope = owner, search, console, scope

    def settlement(self, body: bytes, received_at: datetime) -> Settlement:
        """One stored alert → what is to be stored of it. Raises PayloadError."""
        return self.settlement_of(self._read(body), received_at)

    def settlement_of(self, alert: Alert, received_at: datetime) -> Settlement:
        """The same for what has been read already."""
        sent = _as_sent(alert)
        if sent.set_aside:
            return sent
        found = investigate(alert, self._world(), received_at)
        return _with(sent, found, search=self._search)

    def amendment(
        self, case: str, now: datetime, *, found: Sequence[Event] = (), asked: Mapping[tuple[str, str], str] | None = None
    ) -> Settlement | None:
        """One stored case, judged anew → what is to be stored of it; None where it is gone.

        `found` are events that Sumo Logic was asked for; `asked` says of (computer, guid) how such a question has ended.
        """
        again = self.look_at(case, now, found=found, asked=asked)
        return _with(Settlement(kind=Kind.MONITOR), again, search=self._search) if again else None

    def look_at(
        self, case: str, now: datetime, *, found: Sequence[Event] = (), asked: Mapping[tuple[str, str], str] | None = None
    ) -> Investigation | None:
        """The same before it is stored: the case with its findings, and nothing of other cases."""
        stored = self._history.of_case(case) if self._history else None
        if stored is None:
            return None
        document, memory = stored
        of_host = [event for event in found if event.computer == document["host"]]
        memory = _with_answers(memory, of_host, asked or {})
        again = look_again(case, self._placed(Alert(kind=Kind.MONITOR)), memory, self._world(), now)
        ours = replace(again.grouped, cases=tuple(one for one in again.cases if one.document["key"] == case))
        return replace(again, grouped=ours)

    def explain(self, body: bytes, now: datetime) -> Json:
        """A payload → design §4.3, nothing stored. Raises PayloadError."""
        return self.explain_alert(self._read(body), now)

    def explain_alert(self, alert: Alert, now: datetime) -> Json:
        """The same for what has been read already."""
        found = investigate(self._placed(alert), self._world(), now)
        return {
            "input": {
                "kind": alert.kind.value,
                "rows": len(alert.rows),
                "rows_total": alert.rows_total if alert.rows_total is not None else len(alert.rows),
                "truncated": alert.truncated,
                "events": len(found.seen.events),
            },
            "cases": [case.document for case in found.cases],
            "dropped": [dropped_doc(dropped) for dropped in found.dropped],
        }

    def _read(self, body: bytes) -> Alert:
        return self._placed(read(body))

    def _placed(self, alert: Alert) -> Alert:
        """The alert, and where Sumo Logic's pages and logs are: our settings say that, never the body."""
        return replace(linked(alert, self._console), console=self._console, scope=self._scope)

    def _world(self) -> World:
        programs = self._programs()
        asked = Asked(
            owner=self._owner,
            history=self._history is not None,
            estate=bool(programs.rules.estate.entries),
            search=self._search,
        )
        known = self._experience(programs.rules)
        return World(programs=programs, lookups=self._lookups, history=self._history, asked=asked, experience=known)


def _with(sent: Settlement, found: Investigation, *, search: bool) -> Settlement:
    """What is to be stored of an investigation, beside what its alert says of itself."""
    return replace(
        sent,
        cases=tuple(case.document for case in found.cases),
        dropped=tuple(dropped_doc(dropped) for dropped in found.dropped),
        events=events_of(found),
        sightings=sightings_of(found),
        marks=found.memory.marks,
        whole=found.memory.whole,
        aliases=found.grouped.aliases,
        joined=found.grouped.joined,
        rotations=rotations_of(found),
        follow_ups=follow_ups_of(found, search=search),
    )


def _with_answers(memory: Memory, found: Sequence[Event], asked: Mapping[tuple[str, str], str]) -> Memory:
    known = {one.digest for one in memory.events}
    new = [Remembered(digest=digest(event), event=replace(event, origin="search", row=NO_ROW)) for event in found]
    return replace(
        memory, events=(*memory.events, *(one for one in new if one.digest not in known)), asked={**memory.asked, **asked}
    )


def _as_sent(alert: Alert) -> Settlement:
    """What an alert says of itself, before anything has come of it.

    The close of an Insight has its Records with it. They are judged before their cases recover: its opening may never have
    come, or have had fewer.
    """
    return Settlement(
        kind=alert.kind.value,
        alert_ref=alert.alert_ref,
        monitor=alert.name,
        query=query_digest(alert.query),
        rows=len(alert.rows),
        rows_total=alert.rows_total,
        cut=alert.truncated,
        span=(alert.started_at, alert.ended_at),
        group=alert.group,
        set_aside=alert.kind in _NOT_INVESTIGATED and alert.insight is None,
        canary=canary.id_of(alert),
        vital=vital_of(alert),
        recovers=alert.alert_ref if alert.kind is Kind.RECOVERY else None,
    )


def dropped_doc(dropped: Dropped) -> Json:
    """A row that left, as `dropped` prints it; `file` only where it came from one."""
    document = {"row": dropped.row, "reason": dropped.reason}
    return document | {"file": dropped.name} if dropped.name else document
