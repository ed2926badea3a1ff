"""The catalog's pattern language: which host names a platform's customers get.

`*` is one label, or part of one when written inside a label; `**.` is one or more labels; `{a|b}` are alternatives, which
may hold dots; a pattern without a star is one exact name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from itertools import product


class Star(Enum):
    """Labels that a pattern leaves open."""

    ONE = "*"
    MANY = "**"


Label = str | Star | re.Pattern[str]
"""A literal, an open label, or a label with a star inside."""

_LITERAL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_PARTIAL = re.compile(r"[a-z0-9_*-]+")
_ALTERNATIVES = re.compile(r"\{([^{}]*)\}")
_INSIDE = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"

MOST_SPELLINGS = 64
SHORTEST_SUFFIX = 2
"""Labels: a pattern that ends in one would claim a top-level domain."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """One pattern with its alternatives written out. `labels` run from left to right, as in the name."""

    text: str
    labels: tuple[Label, ...]

    @property
    def literals(self) -> int:
        """How many labels are given: of two patterns that match, the one with more says more."""
        return sum(isinstance(label, str) for label in self.labels)

    @property
    def suffix_length(self) -> int:
        """Labels of the literal suffix: all that follow the last label with a star."""
        length = 0
        for label in reversed(self.labels):
            if not isinstance(label, str):
                break
            length += 1
        return length


def spellings(pattern: str) -> tuple[Spelling, ...]:
    """Read a pattern. Raises ValueError, saying what is wrong and what would be right."""
    fixed = _ALTERNATIVES.split(pattern)
    choices = [part.split("|") if i % 2 else [part] for i, part in enumerate(fixed)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > MOST_SPELLINGS:
        raise ValueError(f"{pattern!r} stands for {count} patterns; at most {MOST_SPELLINGS}, so write several rows")
    return tuple(_spelling("".join(parts), pattern) for parts in product(*choices))


def _spelling(text: str, pattern: str) -> Spelling:
    parts = text.split(".")
    spelling = Spelling(text, tuple(_label(part, pattern) for part in parts))
    if spelling.suffix_length < SHORTEST_SUFFIX:
        raise ValueError(f"{pattern!r} must end in at least two labels without a star, such as '*.example.com'")
    if parts.count("**") > 1:
        raise ValueError(f"{pattern!r} has '**' twice; once is enough")
    return spelling


def _label(text: str, pattern: str) -> Label:
    if text in {"*", "**"}:
        return Star(text)
    if _LITERAL.fullmatch(text):
        return text
    if _PARTIAL.fullmatch(text) and "**" not in text and "*" in text:
        return re.compile(_INSIDE.join(re.escape(part) for part in text.split("*")))
    raise ValueError(
        f"{pattern!r}: {text!r} is no label; use small letters, digits, '-', '_', '*', '**' alone, or alternatives as in '{{a|b}}'"
    )


def fits(spelling: Spelling, labels: list[str]) -> bool:
    """Whether a normalised name, split at its dots, is one that the pattern means."""
    many = spelling.labels.index(Star.MANY) if Star.MANY in spelling.labels else None
    if many is None:
        return len(labels) == len(spelling.labels) and all(map(label_fits, spelling.labels, labels))
    after = len(spelling.labels) - many - 1
    return (
        len(labels) >= len(spelling.labels)
        and all(map(label_fits, spelling.labels[:many], labels[:many]))
        and all(map(label_fits, spelling.labels[many + 1 :], labels[len(labels) - after :]))
    )


def label_fits(given: Label, label: str) -> bool:
    """Whether one label of a name is what the pattern has in its place."""
    if isinstance(given, str):
        return given == label
    return isinstance(given, Star) or given.fullmatch(label) is not None
