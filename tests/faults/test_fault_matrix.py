"""Whatever fails, and for how long: one ticket for each case, each news told once, the same state in the end.

Rows are the calls that a delivery makes, columns what may befall one. The stand-in draws the fault over a real socket; what
counts is read from its store. A table of rows and columns stands at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from enricher.core.document import News
from enricher.ports import Delivery, Destination, Ticket
from tests.faults.cells import begin, run, served
from tests.faults.columns import COLUMNS, DURATIONS, HOUR, ONCE
from tests.faults.services import CALLS
from tests.faults.table import Cells
from tests.faults.target import Call

pytestmark = pytest.mark.slow

ROWS = [
    pytest.param(destination, call, column, id=f"{destination}, {call.name}, {column}")
    for destination, calls in CALLS.items()
    for call in calls
    for column in COLUMNS
    if COLUMNS[column].fits(destination, call)
]
BY_NAME = {(destination, call.name): call for destination, calls in CALLS.items() for call in calls}


@pytest.mark.parametrize(("destination", "call", "column"), ROWS)
def test_one_ticket_each_news_once(
    destination: str, call: Call, column: str, tables_in_sqlite: Callable[[Path], str], tmp_path: Path, cells: Cells
) -> None:
    with served(destination, column, tables_in_sqlite(tmp_path / "enricher.db")) as w:
        begin(w)
        for duration in DURATIONS:
            with cells.cell(f"{destination}.{call.name}", column):
                run(w, call, column, duration)


@pytest.mark.parametrize(
    ("destination", "name", "column"),
    [
        ("jira", "create", "reset after commit"),
        ("jira", "comment", "500 after commit"),
        ("servicenow", "insert", "401"),
        ("servicenow", "note", "429"),
        ("slack", "post", "503 with Retry-After"),
        ("slack", "reply", "404"),
    ],
)
def test_on_postgresql_too(destination: str, name: str, column: str, tables_in_postgres: str) -> None:
    with served(destination, column, tables_in_postgres) as w:
        begin(w)
        for duration in (ONCE, HOUR):
            run(w, BY_NAME[destination, name], column, duration)


# --- the matrix bites -------------------------------------------------------------------------------------------------


class Changed:
    """A destination without one of its precautions; in everything else it is the real one."""

    def __init__(self, destination: Destination) -> None:
        self.real = destination

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class LooksForNoTicket(Changed):
    def find(self, delivery: Delivery) -> Ticket | None:
        return None


class LooksForNoNews(Changed):
    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        self.real.update(replace(delivery, in_doubt=False), ticket, news)


@pytest.mark.parametrize(
    ("change", "destination", "name"),
    [
        pytest.param(LooksForNoTicket, "jira", "create", id="jira, no look before a create"),
        pytest.param(LooksForNoTicket, "servicenow without our ids", "insert", id="servicenow, no look before an insert"),
        pytest.param(LooksForNoTicket, "slack", "post", id="slack, no look before a post"),
        pytest.param(LooksForNoNews, "jira", "comment", id="jira, no look before a comment"),
        pytest.param(LooksForNoNews, "servicenow", "note", id="servicenow, no look before a note"),
        pytest.param(LooksForNoNews, "slack", "reply", id="slack, no look before a reply"),
    ],
)
def test_without_a_look_a_row_fails(
    change: Callable[[Destination], Destination],
    destination: str,
    name: str,
    tables_in_sqlite: Callable[[Path], str],
    tmp_path: Path,
) -> None:
    column = "reset after commit"
    with served(destination, column, tables_in_sqlite(tmp_path / "enricher.db"), change) as w:
        begin(w)
        with pytest.raises(AssertionError):
            run(w, BY_NAME[destination, name], column, ONCE)
