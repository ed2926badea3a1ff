"""How a ticket is laid out: its parts, their order and headings, and what a house adds. `config/templates/` says so.

A template places text and never is markup: patterns are filled in with values that are harmless already, and what comes of them is
text to the destination as everything else is. The verdict, the severity and the key of the case stand outside of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter

from enricher.model import Severity

PLACES = frozenset(
    {
        "Severity",
        "headline",
        "host",
        "key",
        "platform",
        "process",
        "score",
        "severity",
        "tactic",
        "technique",
        "tenant",
        "title",
        "url",
        "user",
        "verdict",
    }
)
"""What a pattern may ask to be filled in; docs/configuration.md, "Templates", explains them."""
LINK_PLACES = frozenset({"host", "key", "score", "severity", "technique"})
"""What may stand in an address: nothing that an attacker chooses."""

FACTS = (
    "case",
    "severity",
    "detection",
    "host",
    "user",
    "process",
    "platform",
    "name",
    "tenant",
    "address",
    "beacon",
    "dns",
    "seen",
    "history",
    "estate",
)
"""The rows of the facts table."""
SECTIONS = ("facts", "next_steps", "notes", "lineage", "ledger", "tuning", "details", "lookups", "missing")
"""The parts of a ticket. `details` are the facts that `facts` does not name."""
SLACK_SECTIONS = ("facts", "next_steps", "notes", "ledger", "missing")
"""The parts of a message; the ledger hangs below it, wherever it is named."""
LISTS = ("next_steps", "lineage", "ledger", "not_taken", "tuning", "lookups", "missing")
"""What has as many rows as it is given."""
HEADINGS: Mapping[str, str] = {
    "next_steps": "Next steps",
    "notes": "Notes of the house",
    "lineage": "Process lineage",
    "ledger": "Why this severity",
    "tuning": "Tuning",
    "details": "More facts",
    "lookups": "Look-ups",
    "missing": "Missing",
}
MOST_ROWS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line of the house's own, shown for these severities; `link` is the pattern of an address."""

    text: str
    link: str | None = None
    severities: frozenset[Severity] = frozenset(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One destination's template. `rows` limits lists by name, `facts` stand before everything long."""

    summary: str
    sections: tuple[str, ...] = SECTIONS
    headings: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[str, ...] = ("case", "severity", "detection", "host", "user", "process", "name", "tenant", "beacon")
    rows: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    source: str = field(default="", compare=False)
    """The file, for messages."""

    def heading(self, section: str) -> str:
        """What stands above a part."""
        return self.headings.get(section, HEADINGS[section])

    def most(self, name: str) -> int:
        """How many rows a list has at most."""
        return self.rows.get(name, MOST_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layouts:
    """The templates of the kinds of destination that have one. What is packaged in `config/templates/` says the same."""

    jira: Layout = Layout(summary="[{Severity} {score}] {headline}")
    servicenow: Layout = Layout(summary="[{Severity} {score}] {headline}")
    slack: Layout = Layout(
        summary="{Severity} {score}: {title}",
        sections=SLACK_SECTIONS,
        facts=("host", "user", "tenant", "address", "beacon"),
        rows={"next_steps": 3, "ledger": 20, "missing": 4},
    )


PLAIN = Layouts()
"""The layouts of a house that has no templates."""


def places_in(pattern: str) -> frozenset[str]:
    """The names that a pattern has in braces. Raises ValueError for braces that cannot be filled in."""
    try:
        parts = [part for part in Formatter().parse(pattern) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"{error}; write a brace twice to print it") from error
    if any(form or conversion for _, _, form, conversion in parts):
        raise ValueError("a name in braces is filled in as it is; leave out what stands behind '!' or ':'")
    return frozenset(name or "" for _, name, _, _ in parts)
