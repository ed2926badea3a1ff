"""The flow as the service uses it: bytes in, a settlement or an explanation out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from enricher.core.document import Json
from enricher.core.grade import Asked
from enricher.core.insight import linked
from enricher.core.payload import glance, read
from enricher.core.programs import Programs
from enricher.model import Alert, Dropped, Kind
from enricher.pipeline import Investigation, investigate
from enricher.ports import History, Lookups, Settlement, Submission

_NOT_INVESTIGATED = frozenset({Kind.RECOVERY, Kind.TEST, Kind.CANARY, Kind.HEARTBEAT})


def submission(body: bytes, source: str) -> Submission | None:
    """What the inbox stores of a body; None for a connection test. Raises PayloadError."""
    seen = glance(body)
    if seen.kind is Kind.TEST:
        return None
    return Submission(
        body=body,
        source=source,
        kind=seen.kind.value,
        identity=seen.identity,
        row_digests=seen.row_digests,
        alert_ref=seen.alert_ref,
        trigger=seen.trigger,
    )


class Flow:
    """`investigate` with its ports bound. `programs` is asked each time, so that reloaded content counts at once.

    `console` is where Sumo Logic's own pages are, for links to an Insight; without it there are none.
    """

    def __init__(
        self,
        programs: Callable[[], Programs],
        lookups: Lookups,
        history: History,
        *,
        owner: bool,
        console: str | None = None,
    ) -> None:
        self._programs, self._lookups, self._history = programs, lookups, history
        self._owner, self._console = owner, console

    def settlement(self, body: bytes, received_at: datetime) -> Settlement:
        """One stored alert → what is to be stored of it. Raises PayloadError."""
        alert = self._read(body)
        sent = _as_sent(alert)
        if sent.set_aside:
            return sent
        found = self._investigate(alert, received_at)
        return replace(
            sent,
            cases=tuple(case.document for case in found.cases),
            dropped=tuple(dropped_doc(dropped) for dropped in found.dropped),
            events=found.events,
            sightings=found.sightings,
        )

    def explain(self, body: bytes, now: datetime) -> Json:
        """A payload → design §4.3, nothing stored. Raises PayloadError."""
        return self.explain_alert(self._read(body), now)

    def explain_alert(self, alert: Alert, now: datetime) -> Json:
        """The same for what has been read already."""
        found = self._investigate(alert, now)
        return {
            "input": {
                "kind": alert.kind.value,
                "rows": len(alert.rows),
                "rows_total": alert.rows_total if alert.rows_total is not None else len(alert.rows),
                "truncated": alert.truncated,
                "events": found.events_read,
            },
            "cases": [case.document for case in found.cases],
            "dropped": [dropped_doc(dropped) for dropped in found.dropped],
        }

    def _read(self, body: bytes) -> Alert:
        return linked(read(body), self._console)

    def _investigate(self, alert: Alert, at: datetime) -> Investigation:
        programs = self._programs()
        asked = Asked(owner=self._owner, estate=bool(programs.rules.estate.entries))
        return investigate(alert, programs, self._lookups, self._history, at.date(), asked)


def _as_sent(alert: Alert) -> Settlement:
    """What an alert says of itself, before anything has come of it.

    The close of an Insight has its Records with it. They are judged before their cases recover: its opening may never have
    come, or have had fewer.
    """
    return Settlement(
        kind=alert.kind.value,
        alert_ref=alert.alert_ref,
        monitor=alert.name,
        rows=len(alert.rows),
        rows_total=alert.rows_total,
        cut=alert.truncated,
        set_aside=alert.kind in _NOT_INVESTIGATED and alert.insight is None,
        recovers=alert.alert_ref if alert.kind is Kind.RECOVERY else None,
    )


def dropped_doc(dropped: Dropped) -> Json:
    """A row that left, as `dropped` prints it; `file` only where it came from one."""
    document = {"row": dropped.row, "reason": dropped.reason}
    return document | {"file": dropped.name} if dropped.name else document
