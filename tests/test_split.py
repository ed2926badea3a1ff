"""The same events give the same cases, however they are split over alerts, in whatever order these come, and how often."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from enricher.core.document import CaseDocument, Json
from enricher.core.normalise import normalise
from enricher.lookups import NoLookups
from enricher.model import Alert, Kind, ProcessCreate, Row
from enricher.wiring.flow import Flow
from tests.fakes import (
    ADDRESS,
    CURL,
    EXPLORER,
    HOST,
    NODE,
    NOON,
    POWERSHELL,
    at,
    case_names,
    corpus_alert,
    guid,
    packaged_programs,
)
from tests.shelf import Shelf

NAMES = case_names()
EVERYTHING_BUT = {
    "rows",  # are those of the last alert
    "earlier_titles",  # tells how it came to be known, which is what differs
    "key",  # may be that of the class the image alone gave
    "evidence",  # those of the last alert have a row
    "missing",  # says how far back history goes
    "confidence",  # knows that history is short
    "next_steps",
    "history_since",
    "first_seen_estate",  # what other hosts add later comes with a follow-up
    "prevalence",
    "shared_hosts",
}


def after(parts: Sequence[Sequence[Row]], alert: Alert) -> Shelf:
    """What is stored when the alert's rows come in these parts, one alert a minute."""
    shelf = Shelf()
    flow = Flow(packaged_programs, NoLookups(), shelf, owner=False)
    for minute, rows in enumerate(parts):
        part = replace(alert, rows=tuple(replace(row, index=i) for i, row in enumerate(rows)), rows_total=len(rows))
        at = NOON + timedelta(minutes=minute)
        shelf.settle(flow.settlement_of(part, at), at)
    return shelf


def judged(document: CaseDocument) -> Json:
    """What the case says, but for what the way it came in decides."""
    said = {name: value for name, value in document.items() if name not in EVERYTHING_BUT}
    said["lineage"] = [{name: value for name, value in link.items() if name != "source"} for link in document["lineage"]]
    return said


def told(shelf: Shelf) -> list[Json]:
    return sorted((judged(document) for document in shelf.cases.values()), key=_place)


def _place(said: Json) -> tuple[str, str, str]:
    return said["host"], said["tenant"] or said["platform"]["family"], said["process"]["class"]


def each_alone(rows: Sequence[Row]) -> list[list[Row]]:
    return [[row] for row in rows]


def mixed(rows: Sequence[Row], seed: int) -> list[Row]:
    return random.Random(seed).sample(rows, len(rows))  # noqa: S311 - a fixed order, not a secret


def starts_last(rows: Sequence[Row]) -> list[list[Row]]:
    """Every event 1 comes in a second alert."""
    return [[row for row in rows if not _is_start(row)], [row for row in rows if _is_start(row)]]


def _is_start(row: Row) -> bool:
    return any(isinstance(event, ProcessCreate) for event in normalise(Alert(kind=Kind.SYSMON, rows=(row,))).events)


WAYS = {
    "whole": lambda rows: [rows],
    "each row alone": each_alone,
    "each row alone, backwards": lambda rows: each_alone(rows[::-1]),
    "each row alone, mixed": lambda rows: each_alone(mixed(rows, 7)),
    "each row twice": lambda rows: each_alone(mixed([*rows, *rows], 8)),
    "in two halves": lambda rows: [rows[::2], rows[1::2]],
    "starts of processes last": starts_last,
}


@pytest.mark.parametrize("way", [way for way in WAYS if way != "whole"])
@pytest.mark.parametrize("case", NAMES)
def test_however_it_is_split(case: str, way: str) -> None:
    alert = corpus_alert(case)
    assert told(after(WAYS[way](alert.rows), alert)) == told(after([alert.rows], alert))


# --- the parent that comes an hour later ----------------------------------------------------------------------------

VITE = "benign/node-vite-dev-server"
OFFICE = "extra-malicious/office-mshta"


def late(case: str, *, minutes: int = 60) -> tuple[Shelf, list[str]]:
    """The shelf after all starts of processes have come in an alert of their own, and the cases that it was put in."""
    alert = corpus_alert(case)
    shelf = Shelf()
    flow = Flow(packaged_programs, NoLookups(), shelf, owner=False)
    keys: list[str] = []
    for rows, moment in zip(starts_last(alert.rows), (NOON, NOON + timedelta(minutes=minutes)), strict=True):
        part = replace(alert, rows=tuple(replace(row, index=i) for i, row in enumerate(rows)), rows_total=len(rows))
        keys = shelf.settle(flow.settlement_of(part, moment), moment)
    return shelf, keys


@pytest.mark.parametrize(("case", "before", "after_it"), [(VITE, "low", "informational"), (OFFICE, "medium", "critical")])
def test_late_starts_amend_the_case_with_one_piece_of_news(case: str, before: str, after_it: str) -> None:
    shelf, keys = late(case)
    assert list(shelf.cases) == keys
    opened, news = shelf.news[keys[0]]
    assert opened["kind"] == "opened"
    assert f"Severity {before} → {after_it}" in news["text"]
    assert any(line.startswith("Lineage found: ") for line in news["lines"])
    assert shelf.cases[keys[0]]["severity"] == after_it
    assert {link["source"] for link in shelf.cases[keys[0]]["lineage"]} == {"observed"}


def test_what_is_remembered_is_history() -> None:
    """The starts come first, in no case; the contacts that come later find them."""
    alert = corpus_alert(OFFICE)
    contacts, starts = starts_last(alert.rows)
    (document,) = after([starts, contacts], alert).cases.values()
    assert {link["source"] for link in document["lineage"]} == {"history"}


# --- rotation -------------------------------------------------------------------------------------------------------


def test_further_tenants_of_a_rotation_join_one_case() -> None:
    shelf = Shelf()
    flow = Flow(packaged_programs, NoLookups(), shelf, owner=False)
    for number in range(14):
        name = f"x{number}.acct{number}.workers.dev"
        row = Row(index=0, columns=columns_of_query(name, at(30 * number)))
        moment = NOON + timedelta(minutes=number)
        shelf.settle(flow.settlement_of(Alert(kind=Kind.MONITOR, rows=(row,), rows_total=1), moment), moment)
    targets = sorted(document["tenant"] or "" for document in shelf.cases.values())
    assert len(targets) == 10, "nine of their own, and one for all that came after the ninth"
    (joined,) = [document for document in shelf.cases.values() if document["candidates"]]
    assert len({joined["hostname"], *joined["candidates"]}) == 5
    assert "tenant_rotation" in joined["dns_anomalies"]


def test_a_rotation_seen_late_parts_no_case_that_is_there() -> None:
    """What comes from another process, later, may show that the host had rotated earlier: each tenant keeps its case."""
    shelf = Shelf()
    flow = Flow(packaged_programs, NoLookups(), shelf, owner=False)

    def ask(number: int, second: float) -> None:
        row = Row(index=0, columns=columns_of_query(f"x.acct{number}.workers.dev", at(second), number))
        moment = NOON + timedelta(minutes=number)
        shelf.settle(flow.settlement_of(Alert(kind=Kind.MONITOR, rows=(row,), rows_total=1), moment), moment)

    for number in range(1, 10):
        ask(number, 60.0 * number)
    before = set(shelf.cases)
    for number in range(10, 13):
        ask(number, 10.0 * number)
    assert shelf.joined == {}
    assert before <= set(shelf.cases)


def columns_of_query(name: str, moment: datetime, number: int = 1) -> dict[str, str]:
    """A row of event 22 as a query parses it."""
    return {
        "eventid": "22",
        "computer": HOST,
        "queryname": name,
        "querystatus": "0",
        "queryresults": f"::ffff:{ADDRESS};",
        "image": NODE,
        "processid": str(1000 + number),
        "processguid": f"{{{guid(number)}}}",
        "utctime": moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
    }


# --- what comes again -----------------------------------------------------------------------------------------------


def test_an_ancestor_that_comes_again_says_nothing_of_its_other_children() -> None:
    """Explorer's start comes with every child of it: the second child's alert is not the first one's."""
    shelf = Shelf()
    flow = Flow(packaged_programs, NoLookups(), shelf, owner=False)

    def keys(number: int, *columns: dict[str, str]) -> list[str]:
        moment = NOON + timedelta(minutes=number)
        rows = tuple(Row(index=i, columns=one) for i, one in enumerate(columns))
        alert = Alert(kind=Kind.MONITOR, rows=rows, rows_total=len(rows))
        return shelf.settle(flow.settlement_of(alert, moment), moment)

    parent = columns_of_start(9, EXPLORER, parent=None)
    first = keys(1, parent, columns_of_start(1, POWERSHELL, parent=9), columns_of_query("a.one.workers.dev", at(1), 1))
    second = keys(2, parent, columns_of_start(2, CURL, parent=9), columns_of_query("b.two.workers.dev", at(2), 2))
    assert len(first) == len(second) == 1
    assert first != second
    assert keys(3, parent) == sorted([*first, *second]), "alone it is in the cases of both: every row is somewhere"


def columns_of_start(number: int, image: str, *, parent: int | None) -> dict[str, str]:
    """A row of event 1 as a query parses it."""
    columns = {
        "eventid": "1",
        "computer": HOST,
        "image": image,
        "commandline": image,
        "processid": str(1000 + number),
        "processguid": f"{{{guid(number)}}}",
        "utctime": at(-60).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
    }
    return columns if parent is None else columns | {"parentprocessguid": f"{{{guid(parent)}}}", "parentimage": EXPLORER}
