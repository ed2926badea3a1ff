"""`config/templates/*.yml` → the layouts of tickets and messages. They decide nothing, so the content's digest leaves them out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from enricher.content.documents import Folder, Problems
from enricher.content.models import Strict
from enricher.content.validate import read
from enricher.core.layout import LINK_PLACES, MOST_ROWS, PLACES, PLAIN, Layout, Layouts, Note, places_in
from enricher.errors import ConfigurationError
from enricher.model import Severity

T = TypeVar("T")

MOST_NOTES = 6
ALWAYS = ("case", "severity")
"""Facts without which there is no ticket."""
MOST_FIELDS = 9
"""Slack has ten fields in a block, and the verdict is one."""

Fact = Literal[
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
]
Section = Literal["facts", "next_steps", "notes", "lineage", "ledger", "tuning", "details", "lookups", "missing"]
Titled = Literal["next_steps", "notes", "lineage", "ledger", "tuning", "details", "lookups", "missing"]
Counted = Literal["next_steps", "lineage", "ledger", "not_taken", "tuning", "lookups", "missing"]
SlackSection = Literal["facts", "next_steps", "notes", "ledger", "missing"]
SlackTitled = Literal["next_steps", "notes", "ledger"]
SlackCounted = Literal["next_steps", "ledger", "missing"]
Rows = Annotated[int, Field(strict=True, ge=1, le=MOST_ROWS)]


def _one_line(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("is one line of visible characters, without blanks around it")
    return text


def _fillable(pattern: str) -> str:
    if unknown := places_in(pattern) - PLACES:
        raise ValueError(f"cannot fill in {sorted(unknown)}; there are {', '.join(sorted(PLACES))}")
    return pattern


def _summary(pattern: str) -> str:
    if not places_in(pattern) & {"severity", "Severity"}:
        raise ValueError("must name {severity} or {Severity}: nobody should have to open a ticket to know")
    return pattern


def _address(pattern: str) -> str:
    if unknown := places_in(pattern) - LINK_PLACES:
        raise ValueError(f"cannot fill in {sorted(unknown)}; in a link there are {', '.join(sorted(LINK_PLACES))}")
    parts = urlsplit(pattern)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or "{" in parts.netloc:
        raise ValueError(
            "must begin with http:// or https:// and a host name, without a name in braces or an account in it"
        )
    return pattern


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Heading = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_one_line)]
Pattern = Annotated[Line, AfterValidator(_fillable)]
Summary = Annotated[Pattern, AfterValidator(_summary)]
Address = Annotated[Line, AfterValidator(_address)]


class NoteEntry(Strict):
    """A line of the house's own."""

    text: Pattern
    link: Annotated[Address | None, Field(description="Where the line leads: http or https")] = None
    severity: Annotated[
        list[Severity] | None, Field(min_length=1, description="The severities to show it for; left out: all")
    ] = None

    def note(self) -> Note:
        return Note(text=self.text, link=self.link, severities=frozenset(self.severity or Severity))


Notes = Annotated[list[NoteEntry], Field(max_length=MOST_NOTES)]


class TicketTemplate(Strict):
    """A ticket of Jira or a record of ServiceNow. What is left out is as in the packaged template."""

    summary: Summary | None = None
    sections: list[Section] | None = None
    headings: dict[Titled, Heading] | None = None
    facts: list[Fact] | None = None
    rows: dict[Counted, Rows] | None = None
    notes: Notes | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _each_once("sections", self.sections)
        _each_once("facts", self.facts)
        if self.sections is not None and "facts" not in self.sections:
            raise ValueError("sections: 'facts' cannot be left out, for the key of the case stands there")
        if self.facts is not None and (without := [name for name in ALWAYS if name not in self.facts]):
            raise ValueError(f"facts: {without[0]!r} cannot be left out")
        return self


class SlackTemplate(Strict):
    """A message of Slack. What is left out is as in the packaged template."""

    summary: Summary | None = None
    sections: list[SlackSection] | None = None
    headings: dict[SlackTitled, Heading] | None = None
    facts: Annotated[list[Fact] | None, Field(max_length=MOST_FIELDS)] = None
    rows: dict[SlackCounted, Rows] | None = None
    notes: Notes | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _each_once("sections", self.sections)
        _each_once("facts", self.facts)
        return self


def _each_once(key: str, names: list[Any] | None) -> None:
    twice = [name for i, name in enumerate(names or ()) if name in (names or ())[:i]]
    if twice:
        raise ValueError(f"{key}: {twice[0]!r} stands twice")


SHAPES: dict[str, TypeAdapter[Any]] = {
    "jira": TypeAdapter(TicketTemplate),
    "servicenow": TypeAdapter(TicketTemplate),
    "slack": TypeAdapter(SlackTemplate),
}


def read_layouts(directory: Path | None) -> Layouts:
    """The layouts by the house's templates, each laid over the packaged one. Raises ConfigurationError."""
    problems = Problems()
    folder = Folder(directory, problems)
    made: dict[str, Layout] = {}
    for kind, shape in SHAPES.items():
        if found := read(folder.one(f"templates/{kind}.yml"), shape, problems):
            made[kind] = _layout(found[0], getattr(PLAIN, kind), found[1].file.shown)
    if problems:
        raise ConfigurationError(problems)
    return Layouts(**made)


def _by_name(given: Mapping[Any, T] | None) -> dict[str, T]:
    return {str(name): value for name, value in (given or {}).items()}


def _layout(entry: TicketTemplate | SlackTemplate, plain: Layout, source: str) -> Layout:
    return Layout(
        summary=entry.summary or plain.summary,
        sections=plain.sections if entry.sections is None else tuple(entry.sections),
        headings={**plain.headings, **_by_name(entry.headings)},
        facts=plain.facts if entry.facts is None else tuple(entry.facts),
        rows={**plain.rows, **_by_name(entry.rows)},
        notes=tuple(note.note() for note in entry.notes or ()),
        source=source,
    )
