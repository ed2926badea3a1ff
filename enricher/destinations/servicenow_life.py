"""The state of a record: opened again while it may be, resolved where a recovery is to do that, otherwise left to people.

Only an `incident` has a state between open and closed, *Resolved*, out of which it can be taken again. A security incident and
the records of a site's own table are over once they are no longer active.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog

from enricher.core.document import Json, News
from enricher.destinations.servicenow_body import Form
from enricher.destinations.servicenow_session import Session
from enricher.errors import DeliveryError, Reason, TicketClosed

log = structlog.get_logger(__name__)

NEW, IN_PROGRESS, RESOLVED = "1", "2", "6"
ENDED: Mapping[str, frozenset[str]] = {"incident": frozenset({"7", "8"}), "sn_si_incident": frozenset({"3", "7"})}
"""Closed and cancelled, where `active` does not say so already."""
FITTING = (
    "No resolution provided",
    "Not Solved (Not Reproducible)",
    "Solution provided",
    "Solved (Permanently)",
    "Solved Remotely (Permanently)",
)
"""Close codes that are true of something that has stopped by itself, the truest first; instances offer one set or another."""
PATIENCE = 5
"""Attempts after which a 500 to a resolve is believed to be a rule of the instance, which some word so."""

_FIELDS = "sys_id,number,state,active,resolved_at,close_code,close_notes"
_REFUSED = frozenset({Reason.FORBIDDEN, Reason.INVALID})


class Life:
    """What may be done to the state of a record. `path` is its address; what is not there raises NOT_FOUND."""

    def __init__(self, session: Session, form: Form, *, resolves: bool, close_code: str | None, reopen_days: float) -> None:
        self._session, self._form = session, form
        self._resolves, self._close_code = resolves, close_code
        self._reopened_for = timedelta(days=reopen_days)

    def is_over(self, path: str) -> bool:
        """Whether it is closed or cancelled, so that nobody but an administrator may write to it."""
        return self._is_closed(self._read(path))

    def open_again(self, path: str, news: News) -> bool:
        """Take it out of *Resolved*, if the news came within the days allowed. False: it is open anyway.

        Raises TicketClosed where it stays closed: longer ago, closed for good, or not ours to open.
        """
        record = self._read(path)
        resolved = self._is_resolved(record)
        if not resolved and not self._is_closed(record):
            return False
        if (
            resolved
            and self._is_recent(record, news)
            and any(not self._moved(path, {"state": state}) for state in (IN_PROGRESS, NEW))
        ):
            return True
        raise TicketClosed(f"{record.get('number')} is closed")

    def recovered(self, path: str, notes: str, *, attempts: int) -> None:
        """Resolve it, where that is wanted. What the instance does not let us resolve stays open, and the log says so."""
        if not self._resolves or self._form.table != "incident":
            return
        record = self._read(path)
        if self._is_resolved(record) or self._is_closed(record):
            return
        if code := record.get("close_code") or self.close_code():
            change = {"state": RESOLVED, "close_code": code, "close_notes": record.get("close_notes") or notes}
            refused = self._moved(path, change, patient=attempts < PATIENCE)
        else:
            refused = "no close code that fits is offered"
        if refused:
            log.warning("ticket_not_resolved", ticket=record.get("number"), detail=refused)

    def close_code(self) -> str | None:
        """The one that was set, else the first that the instance offers of those that fit."""
        if self._close_code:
            return self._close_code
        offered = self.offered()
        return next((code for code in FITTING if code in offered), None)

    def offered(self) -> frozenset[str]:
        """The close codes of the table; empty where they may not be read. Raises DeliveryError."""
        query = {
            "sysparm_query": f"nameIN{self._form.table},task^element=close_code^inactive=false",
            "sysparm_fields": "name,element,value",
            "sysparm_limit": "200",
        }
        try:
            rows = self._session.call("GET", "/api/now/v2/table/sys_choice", params=query).data
        except DeliveryError as error:
            if error.reason not in {*_REFUSED, Reason.NOT_FOUND}:
                raise
            return frozenset()
        found = self._session.service.objects(rows, "result")
        ours = [
            row for row in found if row.get("name") in {self._form.table, "task"} and row.get("element") == "close_code"
        ]
        return frozenset(str(row.get("value")) for row in ours)

    def problems(self) -> list[str]:
        """What would keep a recovery from resolving, for a check of the configuration. Raises DeliveryError."""
        if not self._resolves:
            return []
        if self._form.table != "incident":
            return [f"warning: a recovery resolves incidents only: records of {self._form.table} are told of it in a note"]
        offered = self.offered()
        if self._close_code and offered and self._close_code not in offered:
            return [f"close_code has no choice {self._close_code!r}; it has {', '.join(sorted(offered))}"]
        if not self.close_code():
            return ["no close code that fits is offered: set servicenow_close_code, or nothing is resolved on recovery"]
        return []

    # --- the record -------------------------------------------------------------------------------------------------

    def _read(self, path: str) -> Json:
        return self._session.record(self._session.call("GET", path, params={"sysparm_fields": _FIELDS}))

    def _moved(self, path: str, change: Json, *, patient: bool = True) -> str:
        """Why the record is not in the state that was asked for; empty where it is."""
        refusals = _REFUSED if patient else {*_REFUSED, Reason.SERVER_ERROR}
        try:
            answer = self._session.call("PATCH", path, json=change, params={"sysparm_fields": "sys_id,state"})
        except DeliveryError as error:
            if error.reason not in refusals:
                raise
            said, record = error.detail or error.reason.value, self._read(path)
        else:
            said, record = "the instance has left the state as it was", self._session.record(answer)
        return "" if record.get("state") == change["state"] else said

    def _is_recent(self, record: Json, news: News) -> bool:
        """By the time of the news, not of its delivery: what an outage delays is not too late. Not known when: recent."""
        resolved_at, told_at = _moment(record.get("resolved_at")), _moment(news["at"])
        if not self._reopened_for:
            return False
        return resolved_at is None or told_at is None or told_at - resolved_at <= self._reopened_for

    def _is_resolved(self, record: Json) -> bool:
        return self._form.table == "incident" and record.get("state") == RESOLVED

    def _is_closed(self, record: Json) -> bool:
        ended = ENDED.get(self._form.table, frozenset())
        return str(record.get("active")).lower() == "false" or record.get("state") in ended


def _moment(text: object) -> datetime | None:
    """A time of ours (ISO 8601) or of the instance's (UTC, without a zone)."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
