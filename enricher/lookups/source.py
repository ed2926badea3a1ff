"""What a source is: something that can be asked about one observable, and answers in one of the ways of `Status`."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from enricher.model import ObservableKind, Status

MAX_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a source said when it was asked just now."""

    status: Status
    detail: Mapping[str, object] = field(default_factory=dict)
    """Empty unless `ok`, but for `ranges`; keys as `model.Enrichment` lists them."""
    reason: str | None = None
    source_down: bool = False
    """True when the source is in trouble, not just this question: no other question would fare better."""
    rest_s: float = 0.0
    """How long the source asked to be left alone."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a file inside the house says; `age_s` is how old the file is."""

    answer: Answer
    age_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long an answer is good for, by how it ended, and for how much longer an old one beats none."""

    ok: timedelta
    negative: timedelta
    stale: timedelta


class Source(Protocol):
    """One source. It bounds its own time; it may be asked from several threads at once."""

    name: str
    kind: ObservableKind
    keep: Keep
    at_once: int
    """How many questions it is asked at the same time; also how many threads it can hold when it hangs."""

    def ask(self, about: str) -> Answer:
        """Ask about one address or host name, in canonical form and known to be askable. Raises nothing on purpose."""
        ...


class Inside(Protocol):
    """A source inside the house: a file. It answers at once, on the thread of whoever asks, and nothing leaves."""

    name: str
    kind: ObservableKind

    def ask(self, about: str) -> Known:
        """Say what the file says of one address in canonical form. Raises nothing on purpose."""
        ...


def one_line(text: str, limit: int) -> str:
    """Make text from outside fit to be shown: no control, bidi or unassigned characters, one line, at most `limit` long."""
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: limit * 4])
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
