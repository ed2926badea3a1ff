"""What a ServiceNow record says: the body that opens it, and the work note that tells one piece of news. Pure.

Two tables are known by name. `incident` is weighed by impact and urgency, of which the instance computes the priority;
`sn_si_incident` (Security Incident Response) by priority, of which it computes the risk score. Any other table that extends
task is treated as `incident` is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_DNS, uuid5

from enricher.core.document import CaseDocument, Json, News
from enricher.core.layout import PLAIN, Layout
from enricher.destinations.facts import Fact
from enricher.destinations.placing import Placed, summaries, summary
from enricher.destinations.saying import Limits, fit
from enricher.destinations.text import clean, cut, join_within, length
from enricher.destinations.wording import Description, event_id, tell, ticket_key, where_it_stands
from enricher.model import Severity
from enricher.ports import Ticket

MOST_DESCRIPTION = 4000
MOST_SHORT = 160
MOST_CORRELATION = 100
MOST_NOTE = 4000
MOST_TUNING = 400
MOST_REMARK = 300
MOST_LABEL = 60
MOST_CLOSE = 1000

SECURITY_INCIDENT = "sn_si_incident"

Weights = Mapping[Severity, Mapping[str, int]]
"""For each severity the fields that weigh a record, 1 the highest."""

INCIDENT_WEIGHTS: Weights = {
    Severity.CRITICAL: {"impact": 1, "urgency": 1},
    Severity.HIGH: {"impact": 1, "urgency": 2},
    Severity.MEDIUM: {"impact": 2, "urgency": 2},
    Severity.LOW: {"impact": 2, "urgency": 3},
    Severity.INFORMATIONAL: {"impact": 3, "urgency": 3},
}
SECURITY_WEIGHTS: Weights = {
    severity: {"priority": priority}
    for priority, severity in enumerate(
        (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFORMATIONAL), 1
    )
}
_NAMESPACE = uuid5(NAMESPACE_DNS, "enricher.example")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_CODE = re.compile(r"\[(/?)code\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """How the records of one table are filled in.

    `weights` decide how urgent a record is. `fields` are the site's own, sent as they are. `send_risk_score` puts our score into
    a security incident; the instance then no longer computes its own.
    """

    table: str = "incident"
    weights: Weights | None = None
    fields: Mapping[str, object] | None = None
    send_risk_score: bool = False

    @property
    def is_security(self) -> bool:
        return self.table == SECURITY_INCIDENT

    @property
    def caller_field(self) -> str:
        return "caller" if self.is_security else "caller_id"

    def weighing(self, document: CaseDocument) -> dict[str, int]:
        """The fields that say how urgent this case is, by name; for all of them 1 is the highest."""
        return dict(self._weights[Severity(document["severity"])])

    def sends(self) -> tuple[str, ...]:
        """The names of the fields that a new record is given, whatever the case; its references come on top."""
        own = ("correlation_id", "correlation_display", "short_description", "description", "work_notes")
        security = ("alert_rule", *(("risk_score",) if self.send_risk_score else ())) if self.is_security else ()
        return (*own, *security, *self.values())

    def values(self) -> dict[str, set[str]]:
        """The fields that have the same few values whatever the case, and which those are."""
        given = {name: {str(value)} for name, value in (self.fields or {}).items()}
        for one in self._weights.values():
            for name, weight in one.items():
                given.setdefault(name, set()).add(str(weight))
        return given

    @property
    def _weights(self) -> Weights:
        return self.weights or (SECURITY_WEIGHTS if self.is_security else INCIDENT_WEIGHTS)


def sys_id_of(key: str, table: str = "incident") -> str:
    """The primary key that the record with this key of ours has (`wording.ticket_key`)."""
    return uuid5(_NAMESPACE, f"servicenow:{table}:{key}").hex


def render(
    document: CaseDocument,
    form: Form | None = None,
    *,
    found: Mapping[str, str] | None = None,
    remarks: Sequence[str] = (),
    layout: Layout = PLAIN.servicenow,
    base_url: str | None = None,
    generation: int = 1,
    previous: Ticket | None = None,
) -> Json:
    """The body of `POST /api/now/v2/table/<table>`.

    `found` are references that were looked up for this case (group, caller, configuration item: sys_ids by field); what was not
    found stands in `remarks`, which the work note repeats. `previous` is the closed record that this one follows.
    """
    form = form or Form()
    key = ticket_key(document["key"], generation)
    head = Description(document, Limits(MOST_SHORT, MOST_SHORT, 20))
    follows = [f"Follows {clean(previous.label, MOST_LABEL)}, which is closed."] if previous else []
    body: Json = {
        "sys_id": sys_id_of(key, form.table),
        "correlation_id": key[:MOST_CORRELATION],
        "correlation_display": cut(_inert(f"Enricher {head.technique}"), MOST_CORRELATION),
        "short_description": short_description(document, layout, base_url),
        "description": join_within(description(document, layout, base_url, follows).split("\n"), MOST_DESCRIPTION),
        **{name: str(weight) for name, weight in form.weighing(document).items()},
    }
    if form.is_security:
        body["alert_rule"] = _inert(clean(f"{head.technique} {document['technique']['name']}", MOST_CORRELATION))
        if form.send_risk_score:
            body["risk_score"] = str(document["score"])
    if previous and form.table == "incident":
        body["parent_incident"] = previous.external_id
    body |= {**(form.fields or {}), **(found or {})}
    body["work_notes"] = _opening_note(document, head, [*follows, *remarks])
    return body


def short_description(document: CaseDocument, layout: Layout, base_url: str | None = None) -> str:
    """The line that stands for the record in a list."""
    return _short(summary(document, layout, MOST_SHORT, base_url))


def short_descriptions(document: CaseDocument, layout: Layout, base_url: str | None = None) -> Iterator[str]:
    """That line at every severity and score: one that is none of these was edited by somebody."""
    return map(_short, summaries(document, layout, MOST_SHORT, base_url))


def _short(text: str) -> str:
    return cut(_inert(text), MOST_SHORT)


def description(document: CaseDocument, layout: Layout, base_url: str | None = None, follows: Sequence[str] = ()) -> str:
    """The text of the record: as much as fits, but not cut off at its end where nothing fits."""

    def build(limits: Limits) -> str:
        return _description(Placed(Description(document, limits, base_url), document, layout, base_url), follows)

    return fit(build, length, MOST_DESCRIPTION)


def render_note(document: CaseDocument, news: News) -> Json:
    """The body of the PATCH that tells one piece of news: a work note, which customers do not see."""
    return {"work_notes": _fitted(lambda limits: _note(document, news, limits), MOST_NOTE)}


def raised(form: Form, document: CaseDocument, record: Mapping[str, object]) -> Json:
    """What makes `record` as urgent as the case now is. Never less urgent: an analyst may have put it higher."""
    wanted = form.weighing(document)
    change = {name: str(weight) for name, weight in wanted.items() if _number(record.get(name), 99) > weight}
    if form.is_security and form.send_risk_score and _number(record.get("risk_score"), -1) < document["score"]:
        change["risk_score"] = str(document["score"])
    return change


def _number(value: object, otherwise: int) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else otherwise


def _inert(text: str) -> str:
    """No HTML tag (mails are made from descriptions) and no `[code]`, which makes a work note HTML."""
    return _CODE.sub(r"[\1 code]", _TAG.sub("‹", text))


def _fitted(build: Callable[[Limits], str], most: int) -> str:
    return join_within(fit(build, length, most).split("\n"), most)


def _opening_note(document: CaseDocument, head: Description, remarks: Sequence[str]) -> str:
    points = ", ".join(f"{step.step} {step.points}" for step in head.ledger if step.taken) or "no points"
    opened = f"Opened by Enricher. {head.severity.value.capitalize()}, {head.score}/100: {clean(points, 1000)}."
    said = "".join(f" {clean(remark, MOST_REMARK, keep={document['host'].lower()})}" for remark in remarks)
    return _inert(f"{opened} {_tuning(head)}.{said} Event {event_id(document)}.")


def render_close_notes(document: CaseDocument, news: News) -> str:
    """What stands in a record that a recovery resolves."""
    text, _ = tell(document, news, Limits(MOST_CLOSE, MOST_CLOSE, 1))
    return _inert(f"{text} Resolved by Enricher. Event {event_id(document, news['seq'])}.")


def _description(placed: Placed, follows: Sequence[str]) -> str:
    """Plain text, read on a telephone and in no fixed width: headings in capitals, one thing a line."""
    case = placed.case
    lines = [f"{case.opening} {case.summary}", "", *((*follows, "") if follows else ())]
    for name in placed.layout.sections:
        if section := _SECTIONS[name](placed):
            lines += [*((placed.layout.heading(name).upper(),) if name != "facts" else ()), *section, ""]
    return _inert("\n".join(lines[:-1]))


def _facts(placed: Placed) -> list[str]:
    return _fact_lines(placed.case, placed.facts())


def _details(placed: Placed) -> list[str]:
    return _fact_lines(placed.case, placed.details())


def _fact_lines(case: Description, facts: Iterable[tuple[str, Fact]]) -> list[str]:
    lines = []
    for name, fact in facts:
        lines.append(f"{fact.label}: {fact.line}")
        if name == "case":
            lines += [f"{link.label.capitalize()}: {link.url}" for link in case.links]
        elif name == "detection" and case.technique_url:
            lines.append(f"Technique: {case.technique_url}")
    return lines


def _next_steps(placed: Placed) -> list[str]:
    steps = [f"{number}. {line}" for number, line in enumerate(placed.next_steps, 1)]
    return [*steps, placed.further_steps] if placed.further_steps else steps


def _notes(placed: Placed) -> list[str]:
    return [f"- {note.text}{f': {note.url}' if note.url else ''}" for note in placed.notes]


def _lineage(placed: Placed) -> list[str]:
    """Each process below its parent and further in."""
    lines = []
    for depth, link in enumerate(placed.lineage):
        lines.append(f"{'  ' * depth}{'└ ' if depth else ''}{link.head}: {link.command_line}")
        lines += [f"{'  ' * depth}  decoded: {text}" for text in link.decoded]
    return lines


def _ledger(placed: Placed) -> list[str]:
    steps = [f"{step.points} {step.step}: {step.evidence} ({step.score})".strip() for step in placed.taken]
    rest = [f"Not taken: {placed.not_taken}"] if placed.not_taken else []
    untuned = "" if placed.case.tuning else ". Tuning: no rule matched."
    return [*steps, *rest, f"Ledger digest {placed.case.digest}{untuned}"]


def _tuning_lines(placed: Placed) -> list[str]:
    return [cut(rule.line, MOST_TUNING) for rule in placed.tuning]


def _lookups(placed: Placed) -> list[str]:
    return [f"- {line}" for line in placed.lookups]


def _missing(placed: Placed) -> list[str]:
    return [f"- {line}" for line in placed.missing]


_SECTIONS: Mapping[str, Callable[[Placed], list[str]]] = {
    "facts": _facts,
    "next_steps": _next_steps,
    "notes": _notes,
    "lineage": _lineage,
    "ledger": _ledger,
    "tuning": _tuning_lines,
    "details": _details,
    "lookups": _lookups,
    "missing": _missing,
}


def _tuning(case: Description) -> str:
    return cut(f"Tuning: {'; '.join(rule.line for rule in case.tuning) or 'no rule matched'}", MOST_TUNING)


def _note(document: CaseDocument, news: News, limits: Limits) -> str:
    text, lines = tell(document, news, limits)
    said = [f"{text} {where_it_stands(document)}", *(f"- {line}" for line in lines)]
    return _inert("\n".join([*said, f"Event {event_id(document, news['seq'])}."]))
