"""The parts of a case's message in Slack that a template orders. `SECTIONS` are blocks of their own; the ledger is an attachment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from enricher.core.document import Json
from enricher.destinations import blocks
from enricher.destinations.facts import Fact
from enricher.destinations.placing import MOST_NOTE, Placed
from enricher.destinations.slack_markup import anchor, escaped
from enricher.destinations.text import join_within
from enricher.model import Severity

MOST_SECTION = 3000

COLOURS: Mapping[Severity, str] = {
    Severity.CRITICAL: "#B3261E",
    Severity.HIGH: "#E8710A",
    Severity.MEDIUM: "#F2C037",
    Severity.LOW: "#3B78C4",
    Severity.INFORMATIONAL: "#8A8F98",
}


def _facts(placed: Placed, event: str) -> list[Json]:
    return [blocks.fields(_fields(placed), block_id=f"fld-{event}")]


def _next_steps(placed: Placed, event: str) -> list[Json]:
    lines = [f"{number}. {escaped(line, 600)}" for number, line in enumerate(placed.next_steps, 1)]
    return _listed(placed.layout.heading("next_steps"), [*lines, *filter(None, [placed.further_steps])], f"nxt-{event}")


def _notes(placed: Placed, event: str) -> list[Json]:
    lines = [f"• {anchor(note.text, note.url, MOST_NOTE)}" for note in placed.notes]
    return _listed(placed.layout.heading("notes"), lines, f"nts-{event}")


def _listed(heading: str, lines: list[str], block_id: str) -> list[Json]:
    return (
        [blocks.section(join_within([f"*{escaped(heading, 200)}*", *lines], MOST_SECTION), block_id=block_id)]
        if lines
        else []
    )


SECTIONS: Mapping[str, Callable[[Placed, str], list[Json]]] = {"facts": _facts, "next_steps": _next_steps, "notes": _notes}


def _fields(placed: Placed) -> list[str]:
    """The facts that matter at a glance. Of the host also what the estate says, of the tenant what history does."""
    case, named = placed.case, placed.layout.facts
    texts = []
    for name in named:
        more = _BESIDE.get(name)
        texts.append(_field(case.fact(name), case.fact(more) if more and more not in named else None))
    return [*filter(None, texts), f"*Verdict*\n{escaped(case.verdict.removeprefix('verdict '), 600)}"]


_BESIDE = {"host": "estate", "tenant": "history"}


def _field(fact: Fact, more: Fact | None = None) -> str:
    said = [fact.text, more.text if more else ""]
    if not fact.line:
        return ""
    lines = [f"*{fact.label}*", f"`{escaped(fact.code, 600)}`" if fact.code else "", *(escaped(text, 600) for text in said)]
    return "\n".join(filter(None, lines))


def attachments(placed: Placed) -> list[Json]:
    """The ledger beside a bar of the severity's colour; without it the bar is left out too."""
    case = placed.case
    if "ledger" not in placed.layout.sections:
        return []
    taken = [f"• {step.points} {step.evidence} → {step.reached}" for step in placed.taken]
    tuned = [f"• {rule.line}" for rule in case.tuning]
    heading = placed.layout.headings.get("ledger", f"Why {case.severity.value}")
    lines = [f"*{escaped(heading, 200)}*", *(escaped(line, 600) for line in (*taken, *tuned))]
    section = blocks.section(join_within(lines, MOST_SECTION))
    return [{"color": COLOURS[case.severity], "fallback": f"Ledger of {case.key}", "blocks": [section]}]
