"""ServiceNow incidents, by the Table API: one record per case.

The record's primary key is ours (`sys_id` worked out from the case key), so a second insert meets the first instead of making
another. Where an instance does not honour it, `correlation_id` is the second way to find it; since a query that is not
understood returns unrelated records, an answer is compared before it is believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import quote
from uuid import NAMESPACE_DNS, uuid5

import httpx2

from enricher.core.document import CaseDocument, Json, News
from enricher.destinations.http import Service, part
from enricher.destinations.saying import Limits, fit
from enricher.destinations.text import clean, cut, join_within, length
from enricher.destinations.wording import Description, event_id, headline, tell, where_it_stands
from enricher.errors import DeliveryError, Outcome, Reason
from enricher.model import Severity
from enricher.ports import Delivery, Ticket

MOST_DESCRIPTION = 4000
MOST_SHORT = 160
MOST_CORRELATION = 100
MOST_NOTE = 4000
MOST_TUNING = 400

WEIGHTS: Mapping[Severity, tuple[int, int]] = {
    Severity.CRITICAL: (1, 1),
    Severity.HIGH: (1, 2),
    Severity.MEDIUM: (2, 2),
    Severity.LOW: (2, 3),
    Severity.INFORMATIONAL: (3, 3),
}
"""Impact and urgency, 1 the highest; the instance computes the priority from them."""

_NAMESPACE = uuid5(NAMESPACE_DNS, "enricher.example")
_FIELDS = "sys_id,number,state,priority,correlation_id"
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_CODE = re.compile(r"\[(/?)code\]", re.IGNORECASE)


def sys_id_of(case_key: str, table: str = "incident") -> str:
    """The primary key that the record of this case has."""
    return uuid5(_NAMESPACE, f"servicenow:{table}:{case_key}").hex


def render(
    document: CaseDocument,
    *,
    table: str = "incident",
    fields: Mapping[str, object] | None = None,
    base_url: str | None = None,
) -> Json:
    """The body of `POST /api/now/v2/table/incident`. `fields` are the site's own (group, caller, category), sent as they are."""
    impact, urgency = WEIGHTS[Severity(document["severity"])]
    head = Description(document, Limits(MOST_SHORT, MOST_SHORT, 20))
    points = ", ".join(f"{step.step} {step.points}" for step in head.ledger if step.taken) or "no points"
    note = f"Opened by Enricher. {head.severity.value.capitalize()}, {head.score}/100: {clean(points, 1000)}."
    return {
        "sys_id": sys_id_of(document["key"], table),
        "correlation_id": document["key"][:MOST_CORRELATION],
        "correlation_display": cut(_inert(f"Enricher {head.technique}"), MOST_CORRELATION),
        "short_description": cut(_inert(headline(document, MOST_SHORT)), MOST_SHORT),
        "description": _fitted(lambda limits: _description(Description(document, limits, base_url)), MOST_DESCRIPTION),
        "impact": str(impact),
        "urgency": str(urgency),
        **(fields or {}),
        "work_notes": _inert(f"{note} {_tuning(head)}. Event {event_id(document)}."),
    }


def render_note(document: CaseDocument, news: News) -> Json:
    """The body of the PATCH that tells one piece of news: a work note, which customers do not see."""
    return {"work_notes": _fitted(lambda limits: _note(document, news, limits), MOST_NOTE)}


class ServiceNow:
    """The port `Destination` for a table of ServiceNow that extends task, `incident` by default."""

    name = "servicenow"

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        table: str = "incident",
        fields: Mapping[str, object] | None = None,
        base_url: str | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        # The instance itself gives up after 60 s: wait longer, so that it speaks first.
        self._service = Service(self.name, url, read_s=65.0, secrets=[password], auth=(user, password), transport=transport)
        self._site, self._table = url.rstrip("/"), table
        self._path = f"/api/now/v2/table/{quote(table, safe='')}"
        self._fields, self._base_url = fields, base_url

    def close(self) -> None:
        self._service.close()

    def find(self, delivery: Delivery) -> Ticket | None:
        key = delivery.case["key"]
        return self._by_sys_id(sys_id_of(key, self._table)) or self._by_correlation(key)

    def create(self, delivery: Delivery) -> Ticket:
        body = render(delivery.case, table=self._table, fields=self._fields, base_url=self._base_url)
        try:
            answer = self._service.call("POST", self._path, json=body, params={"sysparm_fields": _FIELDS})
        except DeliveryError as error:
            if error.outcome is not Outcome.REJECTED or error.reason is Reason.AUTH:
                raise
            # A record with our primary key may be why it was refused.
            with suppress(DeliveryError):
                if found := self.find(delivery):
                    return found
            raise
        record = part(answer.data, "result")
        if (
            self._service.word(record, "sys_id") != body["sys_id"]
            and record.get("correlation_id") != body["correlation_id"]
        ):
            made = f"{record.get('number')} ({record.get('sys_id')})"
            raise self._service.error(
                Reason.CONFIGURATION, f"the instance kept neither sys_id nor correlation_id of {made}"
            )
        return self._ticket(record)

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        if news["kind"] in {"opened", "ticket"}:
            return
        path = f"{self._path}/{quote(ticket.external_id, safe='')}"
        if delivery.in_doubt and self._has_note(path, event_id(delivery.case, news["seq"])):
            return
        if news["kind"] == "severity":
            self._raise_weights(path, Severity(delivery.case["severity"]))
        # Notes are appended by every write: this one writes nothing else, and never twice.
        answer = self._service.call(
            "PATCH", path, json=render_note(delivery.case, news), params={"sysparm_fields": "sys_id"}
        )
        self._service.word(part(answer.data, "result"), "sys_id")

    def check(self) -> None:
        answer = self._service.call("GET", self._path, params={"sysparm_limit": "1", "sysparm_fields": "sys_id"})
        self._service.objects(answer.data, "result")

    def _by_sys_id(self, sys_id: str) -> Ticket | None:
        try:
            answer = self._service.call("GET", f"{self._path}/{sys_id}", params={"sysparm_fields": _FIELDS})
        except DeliveryError as error:
            if error.reason is Reason.NOT_FOUND:
                return None
            raise
        record = part(answer.data, "result")
        return self._ticket(record) if record.get("sys_id") == sys_id else None

    def _by_correlation(self, key: str) -> Ticket | None:
        query = {
            "sysparm_query": f"correlation_id={key}^ORDERBYsys_created_on",
            "sysparm_fields": _FIELDS,
            "sysparm_limit": "20",
        }
        records = self._service.objects(self._service.call("GET", self._path, params=query).data, "result")
        return next((self._ticket(record) for record in records if record.get("correlation_id") == key), None)

    def _has_note(self, path: str, event: str) -> bool:
        """Journal fields are only shown by their display value: all notes in one text."""
        shown = {"sysparm_fields": "sys_id,work_notes", "sysparm_display_value": "true"}
        return event in str(part(self._service.call("GET", path, params=shown).data, "result").get("work_notes"))

    def _raise_weights(self, path: str, severity: Severity) -> None:
        """Never down: an analyst may have put it higher."""
        record = part(self._service.call("GET", path, params={"sysparm_fields": "sys_id,impact,urgency"}).data, "result")
        wanted = dict(zip(("impact", "urgency"), WEIGHTS[severity], strict=True))
        change = {name: str(weight) for name, weight in wanted.items() if str(record.get(name)) > str(weight)}
        if change:
            self._service.call("PATCH", path, json=change, params={"sysparm_fields": "sys_id"})

    def _ticket(self, record: Json) -> Ticket:
        sys_id = self._service.word(record, "sys_id")
        number = record.get("number")
        url = f"{self._site}/nav_to.do?uri={quote(f'{self._table}.do?sys_id={sys_id}', safe='')}"
        return Ticket(external_id=sys_id, label=number if isinstance(number, str) and number else sys_id, url=url)


def _inert(text: str) -> str:
    """No HTML tag (mails are made from descriptions) and no `[code]`, which makes a work note HTML."""
    return _CODE.sub(r"[\1 code]", _TAG.sub("‹", text))


def _fitted(build: Callable[[Limits], str], most: int) -> str:
    return join_within(fit(build, length, most).split("\n"), most)


def _description(case: Description) -> str:
    sections = [
        _facts(case),
        ["Ledger:", *(step.line for step in case.ledger), case.digest],
        [_tuning(case)],
        ["Missing:", *(f"- {line}" for line in case.missing)],
        ["Next steps:", *(f"{number}. {line}" for number, line in enumerate(case.next_steps, 1))]
        if case.next_steps
        else [],
        ["Look-ups:", *(f"- {line}" for line in case.lookups)] if case.lookups else [],
    ]
    lines = [line for section in sections if section for line in (*section, "")]
    return _inert("\n".join(lines[:-1]))


def _facts(case: Description) -> list[str]:
    lines = [case.summary, ""]
    for name, fact in case.facts.items():
        lines.append(f"{fact.label}: {fact.line}")
        if name == "case":
            lines += [f"{link.label.capitalize()}: {link.url}" for link in case.links]
        elif name == "process":
            lines += [f"Lineage: {case.chain}", "Command lines:", *(f"  {link.command_line}" for link in case.lineage)]
    return lines


def _tuning(case: Description) -> str:
    return cut(f"Tuning: {'; '.join(rule.line for rule in case.tuning) or 'no rule matched'}", MOST_TUNING)


def _note(document: CaseDocument, news: News, limits: Limits) -> str:
    text, lines = tell(document, news, limits)
    said = [f"{text} {where_it_stands(document)}", *(f"- {line}" for line in lines)]
    return _inert("\n".join([*said, f"Event {event_id(document, news['seq'])}."]))
