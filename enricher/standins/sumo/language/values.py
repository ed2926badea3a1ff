"""What the operators of a search work on: rows of values, and how the open questions are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

Value = str | float | bool | None
Row = dict[str, Value]
"""A message or a record: lower-case field names. A field that is not there is null."""


class QueryError(Exception):
    """Sumo Logic would not parse this. `line` counts from 1, `at` are characters from the beginning."""

    def __init__(self, reason: str, text: str = "", at: int = 0) -> None:
        self.reason, self.at, self.line = reason, at, text.count("\n", 0, at) + 1
        super().__init__(f"line {self.line}: {reason}")


class Reading(NamedTuple):
    """What the documentation leaves open. `full`: `matches /re/` is for the whole value. `lost`: a null among what is counted by
    loses its row. `chained`: a `parse` without `nodrop` keeps what an earlier one with `nodrop`, right before it, matched (which
    the page on `nodrop` says).
    """

    full: bool = False
    lost: bool = False
    chained: bool = True


Stage = Callable[[Sequence[Row], Reading], Sequence[Row]]
"""One operator, on all rows."""


def number(value: Value) -> float | None:
    """The value as a number, None where it is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None


def text(value: Value) -> str:
    """The value as text: no `.0` behind a whole number, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
