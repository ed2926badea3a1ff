"""What a tuning rule compares a fact with: exact texts, or patterns in linear time. Compiled once, when the file is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Expression(Protocol):
    """A compiled google-re2 pattern, as far as we use it. It must fit the whole text, anchors or not."""

    def fullmatch(self, text: bytes) -> object | None: ...


@dataclass(frozen=True, slots=True)
class Matcher:
    """Any of these. `exact` is in lower case; `expressions` ignore case."""

    exact: frozenset[str] = frozenset()
    expressions: tuple[Expression, ...] = ()

    def matches(self, text: str) -> bool:
        """Whether the text, in any case, is one of these."""
        if text.lower() in self.exact:
            return True
        if not self.expressions:
            return False
        # A lone surrogate has no UTF-8; as `?` it still cannot make a rule hold that would not hold without it.
        encoded = text.encode("utf-8", "replace")
        return any(expression.fullmatch(encoded) is not None for expression in self.expressions)
