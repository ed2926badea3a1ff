"""ServiceNow by the Table API: one record per case, an incident or a security incident.

The record's primary key is ours (`sys_id` worked out from the case key), so a second insert meets the first instead of making
another. Where an instance does not honour it, `correlation_id` is the second way to find it; since a query that is not
understood returns unrelated records, an answer is compared before it is believed.

What people have written or set stays: we append notes, raise what weighs a record, and change its state as `servicenow_life` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Literal
from urllib.parse import quote

import httpx2
import structlog

from enricher.core.document import CaseDocument, Json, News
from enricher.core.layout import PLAIN, Layout
from enricher.destinations.http import part
from enricher.destinations.servicenow_body import (
    Form,
    raised,
    render,
    render_close_notes,
    render_note,
    short_description,
    short_descriptions,
    sys_id_of,
)
from enricher.destinations.servicenow_check import problems
from enricher.destinations.servicenow_life import Life
from enricher.destinations.servicenow_references import References
from enricher.destinations.servicenow_session import Credentials, Session
from enricher.destinations.wording import event_id, standing, ticket_key
from enricher.errors import DeliveryError, Outcome, Reason
from enricher.ports import Delivery, Ticket

__all__ = ["Credentials", "Form", "ServiceNow", "render", "render_note", "sys_id_of"]

log = structlog.get_logger(__name__)

_FIELDS = "sys_id,number,state,priority,correlation_id"
_TEXTS = frozenset({"sys_id", "correlation_display", "short_description", "description", "alert_rule", "work_notes"})
"""Fields that are not compared: too long, or compared elsewhere."""

NOT_TOLD = frozenset({"opened", "ticket", "twin"})
"""News that the record holds already, or that is about another destination."""
CONTACT = frozenset({"severity", "evidence", "reopened", "seen"})
"""News that says that it goes on: a record that is over is not left at that."""


class ServiceNow:
    """The port `Destination` for a table of ServiceNow that extends task: `incident`, `sn_si_incident` or a site's own.

    `group` and `caller` are names or sys_ids; `cmdb`: the host's configuration item is looked up for each new record.
    `on_recovery` resolves an incident with `close_code` (None: one of those that the instance offers); `reopen_days` after it was
    resolved, it is followed by another and no longer opened again.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        name: str = "servicenow",
        form: Form | None = None,
        group: str | None = None,
        caller: str | None = None,
        cmdb: bool = False,
        on_recovery: Literal["comment", "resolve"] = "comment",
        close_code: str | None = None,
        reopen_days: float = 7.0,
        base_url: str | None = None,
        layout: Callable[[], Layout] = lambda: PLAIN.servicenow,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self._form, self._base_url, self._site = form or Form(), base_url, url.rstrip("/")
        self._layout = layout
        self._session = Session(self.name, url, credentials, transport=transport, clock=clock)
        self._references = References(self._session, self._form, group=group, caller=caller, cmdb=cmdb, clock=clock)
        resolves = on_recovery == "resolve"
        self._life = Life(self._session, self._form, resolves=resolves, close_code=close_code, reopen_days=reopen_days)
        self._service = self._session.service
        self._path = f"/api/now/v2/table/{quote(self._form.table, safe='')}"

    def close(self) -> None:
        self._session.close()

    # --- the port ---------------------------------------------------------------------------------------------------

    def find(self, delivery: Delivery) -> Ticket | None:
        key = ticket_key(delivery.case["key"], delivery.generation)
        return self._by_sys_id(sys_id_of(key, self._form.table)) or self._by_correlation(key)

    def create(self, delivery: Delivery) -> Ticket:
        found, remarks = self._references.of(delivery.case)
        body = render(
            delivery.case,
            self._form,
            found=found,
            remarks=remarks,
            layout=self._layout(),
            base_url=self._base_url,
            generation=delivery.generation,
            previous=delivery.previous,
        )
        try:
            answer = self._session.call("POST", self._path, json=body, params=_answered(body))
        except DeliveryError as error:
            if error.outcome is not Outcome.REJECTED:
                raise
            # A record with our primary key may be why it was refused.
            with suppress(DeliveryError):
                if present := self.find(delivery):
                    return present
            raise
        record = part(answer.data, "result")
        ticket = self._kept(record, body)
        if changed := _changed(body, record):
            log.warning("ticket_fields_changed", destination=self.name, case=body["correlation_id"], fields=changed)
        return ticket

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        if news["kind"] in NOT_TOLD:
            return
        path = f"{self._path}/{quote(ticket.external_id, safe='')}"
        with self._gone(ticket):
            if not (delivery.in_doubt and self._has_note(path, event_id(delivery.case, news["seq"]))):
                self._tell(path, delivery, news)
            if news["kind"] == "recovery":
                self._life.recovered(path, render_close_notes(delivery.case, news), attempts=delivery.attempts)

    def check(self) -> Sequence[str]:
        return [*problems(self._session, self._form, self._references), *self._life.problems()]

    # --- telling ----------------------------------------------------------------------------------------------------

    def _tell(self, path: str, delivery: Delivery, news: News) -> None:
        contact = news["kind"] in CONTACT and standing((news,)) != "joined"
        if contact:
            opened = self._life.open_again(path, news)
            # In doubt, it may have been opened by the attempt that did not come to say why.
            if news["kind"] == "seen" and not opened and not delivery.in_doubt:
                return
        if news["kind"] == "severity":
            self._raise_weight(path, delivery)
        try:
            self._note(path, delivery, news)
        except DeliveryError as error:
            if error.reason is not Reason.FORBIDDEN or contact or not self._life.is_over(path):
                raise
            # Closed by a person, and not ours to write to: it needs no word of what is over.
            log.info("closed_ticket_not_told", destination=self.name, case=delivery.case["key"], kind=news["kind"])

    def _note(self, path: str, delivery: Delivery, news: News) -> None:
        """Notes are appended by every write: this one writes nothing else, and never twice."""
        note = render_note(delivery.case, news)
        answer = self._session.call("PATCH", path, json=note, params={"sysparm_fields": "sys_id"})
        self._service.word(part(answer.data, "result"), "sys_id")

    @contextmanager
    def _gone(self, ticket: Ticket) -> Iterator[None]:
        """What is said of one record: not found is then no mistake of ours."""
        try:
            yield
        except DeliveryError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            raise self._service.error(
                Reason.GONE, f"{ticket.label} is not there, or hidden from us: {error.detail}"
            ) from None

    # --- the table --------------------------------------------------------------------------------------------------

    def _by_sys_id(self, sys_id: str) -> Ticket | None:
        try:
            answer = self._session.call("GET", f"{self._path}/{sys_id}", params={"sysparm_fields": _FIELDS})
        except DeliveryError as error:
            if error.reason is Reason.NOT_FOUND:
                return None
            raise
        record = self._session.record(answer)
        return self._ticket(record) if record["sys_id"] == sys_id else None

    def _by_correlation(self, key: str) -> Ticket | None:
        query = {
            "sysparm_query": f"correlation_id={key}^ORDERBYsys_created_on",
            "sysparm_fields": _FIELDS,
            "sysparm_limit": "20",
        }
        records = self._service.objects(self._session.call("GET", self._path, params=query).data, "result")
        return next((self._ticket(record) for record in records if record.get("correlation_id") == key), None)

    def _kept(self, record: Json, body: Json) -> Ticket:
        """The new record's ticket, if it can be found again by either of our keys."""
        if (
            self._service.word(record, "sys_id") != body["sys_id"]
            and record.get("correlation_id") != body["correlation_id"]
        ):
            made = f"{record.get('number')} ({record.get('sys_id')})"
            raise self._service.error(
                Reason.CONFIGURATION, f"the instance kept neither sys_id nor correlation_id of {made}"
            )
        return self._ticket(record)

    def _has_note(self, path: str, event: str) -> bool:
        """Journal fields are only shown by their display value: all notes in one text."""
        shown = {"sysparm_fields": "sys_id,work_notes", "sysparm_display_value": "true"}
        notes = str(self._session.record(self._session.call("GET", path, params=shown)).get("work_notes") or "")
        if not notes:  # each record began with one
            log.warning("notes_not_readable", destination=self.name, event_id=event)
        return event in notes

    def _raise_weight(self, path: str, delivery: Delivery) -> None:
        asked = ("sys_id", "risk_score", "short_description", *self._form.weighing(delivery.case))
        record = self._session.record(self._session.call("GET", path, params={"sysparm_fields": ",".join(asked)}))
        if change := {**raised(self._form, delivery.case, record), **self._short_description(delivery.case, record)}:
            self._session.record(self._session.call("PATCH", path, json=change, params={"sysparm_fields": "sys_id"}))

    def _short_description(self, case: CaseDocument, record: Json) -> Json:
        """That of the new severity, where the old one is still ours to the letter."""
        how = (case, self._layout(), self._base_url)
        now, wanted = record.get("short_description"), short_description(*how)
        is_ours = isinstance(now, str) and now != wanted and now in short_descriptions(*how)
        return {"short_description": wanted} if is_ours else {}

    def _ticket(self, record: Json) -> Ticket:
        sys_id = self._service.word(record, "sys_id")
        number = record.get("number")
        url = f"{self._site}/nav_to.do?uri={quote(f'{self._form.table}.do?sys_id={sys_id}', safe='')}"
        return Ticket(external_id=sys_id, label=number if isinstance(number, str) and number else sys_id, url=url)


def _answered(body: Json) -> dict[str, str]:
    """What an insert answers with: our keys, and what became of the fields that were sent."""
    fields = dict.fromkeys((*_FIELDS.split(","), *(name for name in body if name not in _TEXTS)))
    return {"sysparm_fields": ",".join(fields), "sysparm_exclude_reference_link": "true"}


def _changed(body: Json, record: Mapping[str, object]) -> list[str]:
    """Fields that a business rule changed or an access rule dropped. It is the instance's right: said, and not fought."""
    sent = {name: str(value) for name, value in body.items() if name not in _TEXTS}
    return [name for name, value in sent.items() if str(record.get(name)).casefold() != value.casefold()]
