"""The table that is printed when the fault matrix has run: how many cells passed, of how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

PLANNED, PASSED = "matrix planned", "matrix passed"


@dataclass(frozen=True, slots=True)
class Cells:
    """Where a test notes which cells it is about, and which have passed: with its report, which reaches every process."""

    properties: list[tuple[str, object]]

    @contextmanager
    def cell(self, row: str, column: str) -> Iterator[None]:
        """Passed, unless it raises."""
        self.properties.append((PLANNED, [row, column]))
        yield
        self.properties.append((PASSED, [row, column]))


def lines(noted: list[tuple[str, Any]], heads: dict[str, str]) -> list[str]:
    """The table, from what the tests have noted. `heads` are the short names of the columns, in order."""
    counts = {what: Counter(tuple(cell) for name, cell in noted if name == what) for what in (PLANNED, PASSED)}
    rows = list(dict.fromkeys(row for row, _ in counts[PLANNED]))
    width = max(map(len, rows))
    table = [f"{'':{width}} " + " ".join(f"{short:>4}" for short in heads.values())]
    for row in rows:
        cells = (_cell(counts[PASSED][row, column], counts[PLANNED][row, column]) for column in heads)
        table.append(f"{row:{width}} " + " ".join(f"{cell:>4}" for cell in cells))
    table.append(f"{counts[PASSED].total()} of {counts[PLANNED].total()} cells passed")
    return table


def _cell(passed: int, planned: int) -> str:
    return f"{passed}/{planned}" if planned else "·"


def show(terminal: Any, heads: dict[str, str]) -> None:
    """Print the table of what has run, if any of it has."""
    reports = [report for found in terminal.stats.values() for report in found if isinstance(report, pytest.TestReport)]
    noted = [
        (name, cell)
        for report in sorted(reports, key=lambda report: report.nodeid)
        if report.when == "call"
        for name, cell in report.user_properties
        if name in {PLANNED, PASSED}
    ]
    if noted:
        terminal.section("the fault matrix: passed of planned (once, five times, for an hour)")
        for line in lines(noted, heads):
            terminal.write_line(line)
