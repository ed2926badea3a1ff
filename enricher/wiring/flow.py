"""The flow as the service uses it: bytes in, a settlement or an explanation out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from enricher.core.document import Json
from enricher.core.grade import Asked
from enricher.core.payload import glance, read
from enricher.core.programs import Programs
from enricher.model import Alert, Dropped, Kind
from enricher.pipeline import Investigation, investigate
from enricher.ports import History, Lookups, Settlement, Submission

_WITHOUT_EVIDENCE = frozenset({Kind.TEST, Kind.CANARY, Kind.HEARTBEAT})


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
    """`investigate` with its ports bound. `programs` is asked each time, so that reloaded content counts at once."""

    def __init__(self, programs: Callable[[], Programs], lookups: Lookups, history: History, *, owner: bool) -> None:
        self._programs, self._lookups, self._history, self._owner = programs, lookups, history, owner

    def settlement(self, body: bytes, received_at: datetime) -> Settlement:
        """One stored alert → what is to be stored of it. Raises PayloadError."""
        alert = read(body)
        if alert.kind is Kind.RECOVERY:
            return Settlement(kind=alert.kind.value, recovers=alert.alert_ref)
        if alert.kind in _WITHOUT_EVIDENCE:
            return Settlement(kind=alert.kind.value)
        found = self._investigate(alert, received_at)
        return Settlement(
            kind=alert.kind.value,
            cases=tuple(case.document for case in found.cases),
            dropped=tuple(dropped_doc(dropped) for dropped in found.dropped),
            events=found.events,
            sightings=found.sightings,
        )

    def explain(self, body: bytes, now: datetime) -> Json:
        """A payload → design §4.3, nothing stored. Raises PayloadError."""
        return self.explain_alert(read(body), now)

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

    def _investigate(self, alert: Alert, at: datetime) -> Investigation:
        programs = self._programs()
        asked = Asked(owner=self._owner, estate=bool(programs.rules.estate.entries))
        return investigate(alert, programs, self._lookups, self._history, at.date(), asked)


def dropped_doc(dropped: Dropped) -> Json:
    """A row that left, as `dropped` prints it; `file` only where it came from one."""
    document = {"row": dropped.row, "reason": dropped.reason}
    return document | {"file": dropped.name} if dropped.name else document
