"""One question asked of several things in one statement, each part of it bounded on its own.

A part takes an index for one thing and stops at its limit; a list of things in one condition would have to be read to the end
before its latest could be told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select, union_all

from enricher.store.statements import fetch

TOGETHER = 8
"""Parts of one statement: each number of them is a spelling of its own, and more at once would gain little."""

Part = Callable[[int], Select[Any]]
"""The question for the thing of this number, whose parameters end in `_<number>`."""


class Question:
    """A statement for one thing, asked of many. Made once, at import."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._of: dict[int, Select[Any]] = {}

    def ask(self, conn: Connection, things: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The rows for all things, by their parameters; each thing's in the part's order."""
        rows: list[Any] = []
        for start in range(0, len(things), TOGETHER):
            some = things[start : start + TOGETHER]
            values = {f"{name}_{number}": value for number, thing in enumerate(some) for name, value in thing.items()}
            rows += fetch(conn, self._statement(len(some)), values)
        return rows

    def _statement(self, count: int) -> Select[Any]:
        if count not in self._of:
            parts = [select(self._part(number).subquery()) for number in range(count)]
            self._of[count] = parts[0] if count == 1 else select(union_all(*parts).subquery())
        return self._of[count]
