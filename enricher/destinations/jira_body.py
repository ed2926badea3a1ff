"""A case as Jira takes it: pure rendering of the issue and of its comments.

There is one rendering, an Atlassian document; where Jira takes wiki markup, that is written from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from enricher.core.document import CaseDocument, Json, News
from enricher.destinations import adf
from enricher.destinations.jira_fields import SiteFields
from enricher.destinations.jira_flavour import CLOUD, MOST_TEXT, Flavour
from enricher.destinations.saying import Limits, fit
from enricher.destinations.text import clean, cut
from enricher.destinations.wording import (
    Ancestor,
    Description,
    event_id,
    headline,
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
    base_url: str | None = None,
    generation: int = 1,
    previous: Ticket | None = None,
) -> Json:
    """The body of `POST …/issue`. A later `generation` names the closed issue that it follows."""
    severity = Severity(document["severity"])
    body: Json = {
        "fields": {
            "project": {"key": project},
            "issuetype": {"name": issue_type},
            "summary": cut(headline(document, MOST_SUMMARY), MOST_SUMMARY),
            "description": fit(
                lambda limits: flavour.write(_description(Description(document, limits, base_url), previous)),
                flavour.size,
                MOST_TEXT,
            ),
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


def _description(case: Description, previous: Ticket | None) -> Json:
    return adf.document(
        adf.panel(
            _PANEL[case.severity],
            adf.paragraph(adf.strong(f"{case.severity.value.capitalize()}, {case.score} of 100. "), case.summary),
        ),
        *_follows(previous),
        *_facts(case),
        adf.heading("Process lineage"),
        *adf.descent([_link(link) for link in case.lineage]),
        adf.heading("Why this severity"),
        *adf.table(
            [[s.step, s.evidence, s.points if s.taken else f"({s.points}) not taken", s.score] for s in case.ledger],
            head=["Step", "Evidence", "Points", "Score"],
        ),
        adf.paragraph("Ledger digest ", adf.code(case.digest), "" if case.tuning else ". Tuning: no rule matched."),
        *_tuning(case),
        *_section("Look-ups", adf.bullets(case.lookups)),
        *_section("Missing", adf.bullets(case.missing)),
        *_section("Next steps", adf.numbers(case.next_steps)),
    )


def _follows(previous: Ticket | None) -> list[Json]:
    if previous is None:
        return []
    return [adf.paragraph("Follows ", adf.link(clean(previous.label, MOST_LABEL), previous.url), ", which was closed.")]


def _link(link: Ancestor) -> list[adf.Inline]:
    """One process: name, where it is known from, command line, and what is encoded in that."""
    decoded = [part for text in link.decoded for part in (" decoded: ", adf.code(text))]
    return [adf.strong(link.name), f" ({link.source}) " if link.source else " ", adf.code(link.command_line), *decoded]


def _facts(case: Description) -> list[Json]:
    rows: list[list[adf.Inline | list[adf.Inline]]] = []
    for name, fact in case.facts.items():
        value: list[adf.Inline] = [adf.code(fact.code), " " if fact.code else "", fact.text]
        if name == "case":
            value += [
                part for i, link in enumerate(case.links) for part in (", " if i else "", adf.link(link.label, link.url))
            ]
        elif name == "severity":
            value = [adf.status(case.severity.value, _COLOUR[case.severity]), f" {fact.text}"]
        rows.append([fact.label, value])
    return adf.table(rows, label_column=True)


def _tuning(case: Description) -> list[Json]:
    if not case.tuning:
        return []
    rows = [[rule.rule, rule.effect, rule.owner, rule.expires, rule.reason] for rule in case.tuning]
    return _section("Tuning", adf.table(rows, head=["Rule", "Effect", "Owner", "Expires", "Reason"]))


def _section(title: str, blocks: list[Json]) -> list[Json]:
    return [adf.heading(title), *blocks] if blocks else []


def _comment(document: CaseDocument, news: News, limits: Limits) -> Json:
    text, lines = tell(document, news, limits)
    return adf.document(
        adf.paragraph(adf.strong(text), f" {where_it_stands(document)}"),
        *adf.bullets(lines),
        adf.paragraph("Event ", adf.code(event_id(document, news["seq"]))),
    )
