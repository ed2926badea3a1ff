"""A case as Jira Cloud v3 takes it: pure rendering of the issue and of its comments."""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from enricher.core.document import CaseDocument, Json, News
from enricher.destinations import adf
from enricher.destinations.saying import Limits, fit
from enricher.destinations.text import clean, cut, length
from enricher.destinations.wording import Description, event_id, headline, tell, where_it_stands
from enricher.model import Severity

MOST_ADF = 30_000
"""Characters of serialised ADF; Jira refuses 32,767 and does not say of what."""
MOST_SUMMARY = 255

PRIORITIES: Mapping[Severity, str] = {
    Severity.CRITICAL: "Highest",
    Severity.HIGH: "High",
    Severity.MEDIUM: "Medium",
    Severity.LOW: "Low",
    Severity.INFORMATIONAL: "Lowest",
}

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
    priorities: Mapping[Severity, str] = PRIORITIES,
    fields: Mapping[str, object] | None = None,
    base_url: str | None = None,
) -> Json:
    """The body of `POST /rest/api/3/issue`. `fields` are the site's own (components, custom fields), sent as they are."""
    severity = Severity(document["severity"])
    priority = priorities.get(severity)
    return {
        "fields": {
            "project": {"key": project},
            "issuetype": {"name": issue_type},
            "summary": cut(headline(document, MOST_SUMMARY), MOST_SUMMARY),
            "description": fit(lambda limits: _description(Description(document, limits, base_url)), adf_size, MOST_ADF),
            **({"priority": {"name": priority}} if priority else {}),
            "labels": labels(document),
            **(fields or {}),
        },
        "properties": [{"key": "enricher.case", "value": _case_property(document)}],
    }


def render_comment(document: CaseDocument, news: News) -> Json:
    """The body of `POST /rest/api/3/issue/{key}/comment`: internal, and findable by its event id."""
    event = event_id(document, news["seq"])
    return {
        "body": fit(lambda limits: _comment(document, news, limits), adf_size, MOST_ADF),
        "properties": [
            # Without this a comment in a service project is shown to the customer.
            {"key": "sd.public.comment", "value": {"internal": True}},
            {"key": "enricher.event", "value": {"event_id": event, "delivery_key": document["key"], "kind": news["kind"]}},
        ],
    }


def labels(document: CaseDocument) -> list[str]:
    """Labels of a case; Jira allows no blanks in them."""
    return ["enricher", document["key"], severity_label(Severity(document["severity"])), _slug(document["detection"])]


def severity_label(severity: Severity) -> str:
    """`severity-critical`."""
    return f"severity-{severity.value}"


def adf_size(node: Json) -> int:
    """Characters of the document as it travels."""
    return length(orjson.dumps(node).decode())


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


def _description(case: Description) -> Json:
    return adf.document(
        adf.panel(
            _PANEL[case.severity],
            adf.paragraph(adf.strong(f"{case.severity.value.capitalize()}, {case.score} of 100. "), case.summary),
        ),
        *_facts(case),
        adf.heading("Process lineage"),
        *adf.table(
            [[link.source, link.name, adf.code(link.command_line)] for link in case.lineage],
            head=["Source", "Process", "Command line"],
        ),
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
