"""How much is said of a case, and how one value of it becomes safe to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from enricher.core.document import CaseDocument
from enricher.destinations.text import clean, shorten

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a case is said: characters of one value, characters of a command line, entries of a list."""

    text: int
    command: int
    rows: int


LEVELS = (Limits(600, 1500, 40), Limits(300, 500, 20), Limits(150, 200, 10), Limits(60, 70, 4), Limits(36, 40, 2))
"""From generous to what fits everywhere, whatever the case holds."""

HEAD = 300
"""Characters of the title, at every level; the verdict's sentence has 100 more."""

Rendered = TypeVar("Rendered")


def fit(build: Callable[[Limits], Rendered], size: Callable[[Rendered], int], most: int) -> Rendered:
    """The most generous rendering that is not over `most`. Evidence is cut, never the facts at the head."""
    rendered = build(LEVELS[0])
    for limits in LEVELS[1:]:
        if size(rendered) <= most:
            break
        rendered = build(limits)
    return rendered


class Speaker:
    """Makes one document's values safe to say: knows which names are the suspect's and which the estate's own."""

    def __init__(self, document: CaseDocument, limits: Limits) -> None:
        self.limits = limits
        suspects = (document["hostname"], document["tenant"], *document["candidates"][:100])
        self._names = frozenset(name.rstrip(".").lower() for name in suspects if name)
        own = (document["host"], *document["shared_hosts"][:100])
        self._keep = frozenset(host.lower() for host in own if host) - self._names

    def value(self, value: object, *, most: int | None = None) -> str:
        """One value on one line; `unknown` for none."""
        text = "" if value is None else str(value)
        return clean(text, most or self.limits.text, names=self._names, keep=self._keep) or UNKNOWN

    def command(self, value: str | None) -> str:
        return self.value(value, most=self.limits.command)

    def lines(self, values: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.value(value) for value in shorten(values, self.limits.rows) if value)


def part_of(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of the document; empty where it is null."""
    return document[name] or {}
