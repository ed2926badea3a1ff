"""A case as Markdown, to be pasted into a ticket, a chat or a report.

Text from logs is hostile: it stands as prose only where no character of it means anything in Markdown, else in a code span or a
fence that it cannot close. Secrets are masked, URLs and names defanged, hidden characters written out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from enricher.core import phrases, verdict
from enricher.core.document import CaseDocument, StepDoc
from enricher.core.harmless import defanger, shown

MOST_STEPS = 60
MOST_LINES = 20
LONGEST = 2_000
"""Characters of one line from a log; what is cut says how much."""

_PLAIN = re.compile(r"[^\W_](?:(?!://|www\.)[^\n`*<>\[\]&~|\\@!#$^{}]|\[\.\](?![(\[:]))*", re.IGNORECASE)
_LOOSE = re.compile(r"(?<![^\W_])_|_(?![^\W_])|^\d+[.)]")
"""An underscore that may begin or end emphasis, and the number of a list."""
_OWN_URL = re.compile(r"https?://[\w.:-]+/[\w./%~?=&#+,-]*", re.ASCII)

Ticket = tuple[str, str | None]
"""What a person calls it, and its address."""


def markdown(document: CaseDocument, *, url: str | None = None, tickets: Sequence[Ticket] = ()) -> str:
    """The case from its title to its next steps, ending in a line feed. `url` is that of its page.

    Keys that an older case lacks are None or empty.
    """
    writer = _Writer(document)
    parts = (
        writer.head(),
        writer.facts(url, tickets),
        writer.why(),
        writer.lineage(),
        writer.listed("Missing", document["missing"]),
        writer.listed("Next steps", document["next_steps"], numbered=True),
        writer.searches(),
    )
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


class _Writer:
    """The parts of one case, each as lines."""

    def __init__(self, document: CaseDocument) -> None:
        self._case = document
        self._defanged = defanger([document["hostname"], document["tenant"], *(document["candidates"] or ())])

    def head(self) -> Iterator[str]:
        case = self._case
        target = case["tenant"] or case["hostname"] or case["destination"]["ip"] or "unknown destination"
        process = case["process"]["name"] or "unknown process"
        grade = f"{(case['severity'] or 'not graded').capitalize()} {case['score'] or 0}"
        host = self._code(case["host"] or "a host that is not known")
        yield f"# {self._said(grade)}: {self._code(process)} → {self._code(target)} on {host}"
        yield ""
        yield f"Verdict: {self._said(verdict.sentence(case))}"
        yield ""
        if case["summary"]:
            yield f"Summary: {self._said(case['summary'])}"
            yield ""

    def facts(self, url: str | None, tickets: Sequence[Ticket]) -> Iterator[str]:
        case, to = self._case, self._case["destination"]
        holder = f"AS{to['asn']} {to['holder'] or ''}".strip() if to["asn"] is not None else to["holder"]
        port = "" if to["port"] is None else f" port {to['port']}"
        address = f"{to['ip']}{port}" if to["ip"] else None
        technique = case["technique"]
        rows = {
            "Detection": " ".join(filter(None, (technique["id"] or case["detection"], technique["name"]))),
            "User": case["user"],
            "Name": case["hostname"],
            "Platform": case["platform"]["name"],
            "Address": address,
            "Holder": holder,
            "Address and name": phrases.consistency(to) if to["ip"] else None,
            "Contacts": phrases.contacts(case),
            "History": phrases.history(case),
            "First and last": f"{case['first_seen'] or 'not known'} to {case['last_seen'] or 'not known'}",
        }
        yield from (f"- {label}: {self._said(text)}" for label, text in rows.items() if text)
        yield from (f"- Ticket: {self._said(label)}{self._link(address)}" for label, address in tickets)
        yield f"- Case: {self._code(case['key'])}{self._link(url)}"
        yield ""

    def why(self) -> Iterator[str]:
        ledger = self._case["ledger"]
        if not ledger:
            return
        yield f"## Why {self._said(self._case['severity'] or 'this grade')}"
        yield ""
        yield from map(self._step, ledger[:MOST_STEPS])
        yield from _more(len(ledger) - MOST_STEPS)
        for rule in self._case["exceptions"]:
            effect = "nothing was changed" if rule["mode"] == "shadow" else "in force"
            yield f"- Tuning rule {self._code(rule['rule'])} ({effect}): {self._said(rule['effect'])}"
        yield ""

    def _step(self, step: StepDoc) -> str:
        points = f"{step['points'] or 0:+g}".replace("-", "−")
        took = f"**{points}** = {step['to'] or 0:g}" if step["taken"] else f"not taken, {points}"
        return f"- {took} {self._code(step['rule'] or step['step'] or 'step')}: {self._said(step['evidence'])}"

    def lineage(self) -> Iterator[str]:
        case = self._case
        yield "## Lineage"
        yield ""
        for link in reversed(case["lineage"]):
            known = phrases.SOURCES.get(link["source"], link["source"])
            yield from self._process(link["name"] or "not known", link["command_line"], f"({self._said(known)})")
        yield from self._process(
            case["process"]["name"] or "unknown process", case["process"]["command_line"], "this process"
        )
        for text in phrases.decoded(case["process"]):
            yield "Decoded:"
            yield ""
            yield from self._fence(text)

    def _process(self, name: str, line: str | None, note: str) -> Iterator[str]:
        yield f"→ {self._code(name)} {note}"
        yield ""
        if line:
            yield from self._fence(line)

    def listed(self, title: str, lines: Sequence[str], *, numbered: bool = False) -> Iterator[str]:
        if not lines:
            return
        yield f"## {title}"
        yield ""
        for place, line in enumerate(lines[:MOST_LINES], 1):
            yield f"{f'{place}.' if numbered else '-'} {self._said(line)}"
        yield from _more(len(lines) - MOST_LINES)
        yield ""

    def searches(self) -> Iterator[str]:
        hunts = self._case["hunts"]
        if not hunts:
            return
        yield "## Searches"
        yield ""
        yield "Names are defanged here too: take the brackets out before a search is run."
        yield ""
        for hunt in hunts[:MOST_LINES]:
            yield f"Search: {self._said(hunt['title'])}"
            yield ""
            yield from self._fence(hunt["query"] or "")
        yield from _more(len(hunts) - MOST_LINES)

    # --- text from outside ---

    def _harmless(self, text: str | None) -> str:
        text = shown(self._defanged(text) or "")
        return text if len(text) <= LONGEST else f"{text[:LONGEST]} … {len(text) - LONGEST:,} more characters"

    def _said(self, text: str | None) -> str:
        """As prose where it is nothing but prose, else as code."""
        flat = " ".join(self._harmless(text).split())
        if not flat:
            return "–"
        return flat if _PLAIN.fullmatch(flat) and not _LOOSE.search(flat) else _span(flat)

    def _code(self, text: str) -> str:
        return _span(" ".join(self._harmless(text).split()) or "–")

    def _fence(self, text: str) -> Iterator[str]:
        inside = self._harmless(text)
        fence = "`" * max(3, _longest_run(inside) + 1)
        yield fence
        yield from inside.split("\n")
        yield fence
        yield ""

    @staticmethod
    def _link(url: str | None) -> str:
        """Ours or a ticket's, which is no text from a log; left out where it is not of the usual characters."""
        return f" <{url}>" if url and _OWN_URL.fullmatch(url) else ""


def _span(text: str) -> str:
    """A code span that its text cannot close: its fence is longer than any run of backticks inside."""
    fence = "`" * (_longest_run(text) + 1)
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{edge}{text}{edge}{fence}"


def _longest_run(text: str) -> int:
    runs: Callable[[str], list[str]] = re.compile("`+").findall
    return max(map(len, runs(text)), default=0)


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield f"- … {count:,} more, see the case"
