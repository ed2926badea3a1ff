"""A case as Jira takes it: pure rendering of the issue and of its comments.

There is one rendering, an Atlassian document; where Jira takes wiki markup, that is written from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from enricher.core.document import CaseDocument, Json, News
from enricher.core.layout import PLAIN, Layout
from enricher.destinations import adf
from enricher.destinations.facts import Fact
from enricher.destinations.jira_fields import SiteFields
from enricher.destinations.jira_flavour import CLOUD, MOST_TEXT, Flavour
from enricher.destinations.placing import Placed, summary
from enricher.destinations.saying import Limits, fit
from enricher.destinations.text import clean
from enricher.destinations.wording import (
    Ancestor,
    Description,
    event_id,
    tell,
    ticket_key,
    where_it_stands,
)
from enricher.model import Severity
from enricher.ports import Ticket

MOST_SUMMARY = 255
OURS = "enricher"
"""The label of every issue that we make."""
MOST_LABEL = 100

_PANEL: Mapping[Severity, adf.PanelType] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "warning",
    Severity.MEDIUM: "note",
    Severity.LOW: "info",
    Severity.INFORMATIONAL: "info",
}
_COLOUR: Mapping[Severity, adf.Colour] = {
    Severity.CRITICAL: "red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
    Severity.INFORMATIONAL: "neutral",
}


def render(
    document: CaseDocument,
    *,
    project: str,
    issue_type: str = "Incident",
    fields: SiteFields = SiteFields(),  # noqa: B008 - frozen
    flavour: Flavour = CLOUD,
    layout: Layout = PLAIN.jira,
    base_url: str | None = None,
    generation: int = 1,
    previous: Ticket | None = None,
) -> Json:
    """The body of `POST …/issue`, laid out as the template says. A later `generation` names the closed issue that it follows."""
    severity = Severity(document["severity"])

    def build(limits: Limits) -> object:
        case = Description(document, limits, base_url)
        return flavour.write(_description(Placed(case, document, layout, base_url), previous))

    body: Json = {
        "fields": {
            "project": {"key": project},
            "issuetype": {"name": issue_type},
            "summary": summary(document, layout, MOST_SUMMARY, base_url),
            "description": fit(build, flavour.size, MOST_TEXT),
            "labels": labels(document, generation),
            **fields.of(severity, flavour),
        }
    }
    if flavour.properties:
        body["properties"] = [{"key": "enricher.case", "value": _case_property(document)}]
    return body


def render_comment(document: CaseDocument, news: News, flavour: Flavour = CLOUD, *, internal: bool = True) -> Json:
    """The body of `POST …/issue/{key}/comment`, findable by its event id."""
    event = event_id(document, news["seq"])
    text = fit(lambda limits: flavour.write(_comment(document, news, limits)), flavour.size, MOST_TEXT)
    about = {"event_id": event, "delivery_key": document["key"], "kind": news["kind"]}
    return comment_of(text, flavour, internal=internal, properties={"enricher.event": about})


def comment_of(text: object, flavour: Flavour, *, internal: bool, properties: Mapping[str, Json] | None = None) -> Json:
    """A comment of a text that is written already."""
    if not flavour.properties:
        return {"body": text}
    # Without this a comment in a service project is shown to the customer.
    shown: dict[str, Json] = {"sd.public.comment": {"internal": True}} if internal else {}
    values = {**shown, **(properties or {})}
    return {"body": text, "properties": [{"key": key, "value": value} for key, value in values.items()]}


def labels(document: CaseDocument, generation: int = 1) -> list[str]:
    """Labels of a case; Jira allows no blanks in them. A later generation has its own key besides."""
    own = [ticket_key(document["key"], generation)] if generation > 1 else []
    return [OURS, document["key"], severity_label(Severity(document["severity"])), _slug(document["detection"]), *own]


def severity_label(severity: Severity) -> str:
    """`severity-critical`."""
    return f"severity-{severity.value}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text[:100].lower()).strip("-") or "detection"


def _case_property(document: CaseDocument) -> Json:
    return {
        "schema": 1,
        "delivery_key": document["key"],
        "event_id": event_id(document),
        "severity": document["severity"],
        "score": document["score"],
        "verdict": clean(document["verdict"], 100),
        "ledger_digest": clean(document["ledger_digest"], 100),
        "exceptions": [
            {"rule": clean(rule["rule"], 100), "effect": clean(rule["effect"], 100), "mode": clean(rule["mode"], 100)}
            for rule in document["exceptions"][:20]
        ],
    }


def _description(placed: Placed, previous: Ticket | None) -> Json:
    case = placed.case
    return adf.document(
        adf.panel(_PANEL[case.severity], adf.paragraph(adf.strong(case.opening), f" {case.summary}")),
        *_follows(previous),
        *(block for section in placed.layout.sections for block in _SECTIONS[section](placed)),
    )


def _follows(previous: Ticket | None) -> list[Json]:
    if previous is None:
        return []
    return [adf.paragraph("Follows ", adf.link(clean(previous.label, MOST_LABEL), previous.url), ", which was closed.")]


def _facts(placed: Placed) -> list[Json]:
    return _fact_table(placed.case, placed.facts())


def _details(placed: Placed) -> list[Json]:
    return _section(placed, "details", _fact_table(placed.case, placed.details()))


def _fact_table(case: Description, facts: Iterable[tuple[str, Fact]]) -> list[Json]:
    return adf.table([[fact.label, _value(case, name, fact)] for name, fact in facts], label_column=True)


def _value(case: Description, name: str, fact: Fact) -> list[adf.Inline]:
    if name == "severity":
        return [adf.status(case.severity.value, _COLOUR[case.severity]), f" {fact.text}"]
    if name == "detection":
        return [adf.link(fact.text, case.technique_url)]
    value: list[adf.Inline] = [adf.code(fact.code), " " if fact.code else "", fact.text]
    if name == "case":
        value += [part for i, link in enumerate(case.links) for part in (", " if i else "", adf.link(link.label, link.url))]
    return value


def _next_steps(placed: Placed) -> list[Json]:
    rest = [adf.paragraph(placed.further_steps)] if placed.further_steps else []
    return _section(placed, "next_steps", [*adf.numbers(placed.next_steps), *rest])


def _notes(placed: Placed) -> list[Json]:
    return _section(placed, "notes", adf.bullets(adf.link(note.text, note.url) for note in placed.notes))


def _lineage(placed: Placed) -> list[Json]:
    return _section(placed, "lineage", adf.descent([_link(link) for link in placed.lineage]))


def _link(link: Ancestor) -> list[adf.Inline]:
    """One process: name, where it is known from, command line, and what is encoded in that."""
    decoded = [part for text in link.decoded for part in (" decoded: ", adf.code(text))]
    return [adf.strong(link.name), f" ({link.source}) " if link.source else " ", adf.code(link.command_line), *decoded]


def _ledger(placed: Placed) -> list[Json]:
    """What counts as a table; what does not, in a line."""
    table = adf.table(
        [[step.step, step.evidence, step.points, step.score] for step in placed.taken],
        head=["Step", "Evidence", "Points", "Score"],
    )
    rest = [adf.paragraph(adf.strong("Not taken:"), f" {placed.not_taken}")] if placed.not_taken else []
    untuned = "" if placed.case.tuning else ". Tuning: no rule matched."
    digest = adf.paragraph("Ledger digest ", adf.code(placed.case.digest), untuned)
    return _section(placed, "ledger", [*table, *rest, digest])


def _tuning(placed: Placed) -> list[Json]:
    rows = [[rule.rule, rule.effect, rule.owner, rule.expires, rule.reason] for rule in placed.tuning]
    return _section(placed, "tuning", adf.table(rows, head=["Rule", "Effect", "Owner", "Expires", "Reason"]))


def _lookups(placed: Placed) -> list[Json]:
    return _section(placed, "lookups", adf.bullets(placed.lookups))


def _missing(placed: Placed) -> list[Json]:
    return _section(placed, "missing", adf.bullets(placed.missing))


def _section(placed: Placed, name: str, blocks: list[Json]) -> list[Json]:
    return [adf.heading(placed.layout.heading(name)), *blocks] if blocks else []


_SECTIONS: Mapping[str, Callable[[Placed], list[Json]]] = {
    "facts": _facts,
    "next_steps": _next_steps,
    "notes": _notes,
    "lineage": _lineage,
    "ledger": _ledger,
    "tuning": _tuning,
    "details": _details,
    "lookups": _lookups,
    "missing": _missing,
}


def _comment(document: CaseDocument, news: News, limits: Limits) -> Json:
    text, lines = tell(document, news, limits)
    return adf.document(
        adf.paragraph(adf.strong(text), f" {where_it_stands(document)}"),
        *adf.bullets(lines),
        adf.paragraph("Event ", adf.code(event_id(document, news["seq"]))),
    )
