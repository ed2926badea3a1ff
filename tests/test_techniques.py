"""The four attack techniques, with every choice of the evidence that may reach us, and what the grade owes them.

High or critical where the techniques are seen as a house with Sysmon sees them; never below medium where a process start is there,
or five contacts at even intervals. A bare event 3 has its name from a reverse look-up, and grades as that is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import combinations

import pytest

from enricher.core.behaviour import PERIODIC
from enricher.core.grade import Graded
from enricher.core.normalise import normalise
from enricher.model import Alert, Connection, DnsQuery, Event, Kind, ProcessCreate, Row, ScriptBlock, Severity
from tests.fakes import beacon_class, corpus_alert, documents, flow, graded, points

KINDS: dict[str, type[Event]] = {"1": ProcessCreate, "3": Connection, "22": DnsQuery, "4104": ScriptBlock}
SEEN = (
    "test1-powershell-workers",
    "test2-python-lambda/real-name",
    "test3-wscript-appsscript",
    "test4-curl-cloudfunctions",
)
"""As a house with Sysmon sees them: the names exist, all events are collected."""
ALL = (*SEEN, "test2-python-lambda", "test1-powershell-workers/offline")
BARE = {
    "test1-powershell-workers/seed-claim": ("low", 30),
    "test2-python-lambda/seed-claim": ("informational", 19),
    "test3-wscript-appsscript/seed-claim": ("medium", 40),
    "test4-curl-cloudfunctions/seed-claim": ("low", 22),
}
ENOUGH = 5


@cache
def events_of(case: str) -> tuple[Event, ...]:
    return normalise(corpus_alert(case)).events


def kinds_in(case: str) -> list[str]:
    return [name for name, kind in KINDS.items() if any(isinstance(event, kind) for event in events_of(case))]


def choices(case: str) -> Iterable[tuple[str, ...]]:
    """Every choice of the kinds of events that the case has, but none at all."""
    there = kinds_in(case)
    return (chosen for size in range(1, len(there) + 1) for chosen in combinations(there, size))


def top_of(case: str, chosen: Sequence[str]) -> Graded | None:
    """The highest finding by these kinds alone; None where no name is left, which is nothing to judge."""
    events = [event for event in events_of(case) if isinstance(event, tuple(KINDS[kind] for kind in chosen))]
    return max(graded(*events), key=lambda one: one.score, default=None)


VARIANTS = [pytest.param(case, chosen, id=f"{case} by {'+'.join(chosen)}") for case in ALL for chosen in choices(case)]


@pytest.mark.parametrize(("case", "chosen"), VARIANTS)
def test_never_below_medium_with_a_start_or_five_even_contacts(case: str, chosen: tuple[str, ...]) -> None:
    top = top_of(case, chosen)
    if top is None:
        assert chosen == ("3",), "a connection without any name is the only variant that nothing can be said of"
        return
    beacon = top.facts.beacon
    even = beacon is not None and beacon.name in PERIODIC and beacon.sightings >= ENOUGH
    owed = Severity.MEDIUM if "1" in chosen or even else Severity.INFORMATIONAL
    assert top.severity.rank >= owed.rank, top.ledger


@pytest.mark.parametrize("case", SEEN)
@pytest.mark.parametrize("without", ["", "3", "22", "4104"])
def test_high_or_critical_as_a_house_sees_them(case: str, without: str) -> None:
    top = top_of(case, [kind for kind in kinds_in(case) if kind != without])
    assert top is not None
    assert top.severity.rank >= Severity.HIGH.rank, top.ledger


@pytest.mark.parametrize(("case", "chosen"), VARIANTS)
def test_more_evidence_of_an_attack_never_lowers_it(case: str, chosen: tuple[str, ...]) -> None:
    top, whole = top_of(case, chosen), top_of(case, kinds_in(case))
    assert whole is not None
    assert top is None or top.score <= whole.score


@pytest.mark.parametrize(("case", "expected"), BARE.items())
def test_a_bare_event_3_grades_as_a_reverse_look_up_is_worth(case: str, expected: tuple[str, int]) -> None:
    (document,) = documents(flow(corpus_alert(case)))
    assert (document["severity"], document["score"]) == expected
    assert (document["hostname_source"], document["hostname_factor"]) == ("reverse_lookup", 0.5)
    first = document["ledger"][0]
    assert first["evidence"].endswith("name from reverse_lookup (factor 0.5)")
    assert "cap.weak_name" in [step["rule"] for step in document["ledger"]]
    said = {line.partition(":")[0] for line in document["missing"]}
    assert {"process start", "command line", "parent process", "the name asked for", "rhythm"} <= said


# --- parsed columns, no raw text ------------------------------------------------------------------------------------


def in_columns(case: str, *, told: bool) -> Alert:
    """The contacts as a query that only parses columns gives them; `told`: with the event's id and the process's start."""
    starts = {event.guid: event for event in events_of(case) if isinstance(event, ProcessCreate)}
    contacts = [event for event in events_of(case) if isinstance(event, DnsQuery)]
    rows = [_columns(contact, starts.get(contact.guid) if told else None) for contact in contacts]
    rows = [row | {"eventid": "22"} if told else row for row in rows]
    return Alert(
        kind=Kind.MONITOR, rows=tuple(Row(index=n, columns=row) for n, row in enumerate(rows)), rows_total=len(rows)
    )


def _columns(contact: DnsQuery, start: ProcessCreate | None) -> dict[str, str]:
    assert contact.at is not None
    said = {
        "computer": contact.computer,
        "image": contact.image,
        "processguid": contact.guid,
        "utctime": contact.at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        "queryname": contact.name,
        "commandline": start and start.command_line,
        "parentimage": start and start.parent_image,
        "parentcommandline": start and start.parent_command_line,
    }
    return {name: value for name, value in said.items() if value}


@pytest.mark.parametrize(
    ("case", "severity", "score"),
    [
        pytest.param("test1-powershell-workers", "critical", 85, id="PowerShell"),
        pytest.param("test2-python-lambda/real-name", "high", 65, id="Python"),
        pytest.param("test3-wscript-appsscript", "high", 72, id="wscript, whose grandparent no column names"),
        pytest.param("test4-curl-cloudfunctions", "medium", 50, id="curl, whose grandparent no column names"),
    ],
)
def test_columns_that_tell_the_event_and_the_process(case: str, severity: str, score: int) -> None:
    top = documents(flow(in_columns(case, told=True)))[0]
    assert (top["severity"], top["score"]) == (severity, score)
    assert (top["hostname_factor"] or 0) >= 0.8


@pytest.mark.parametrize(
    ("case", "severity", "score"),
    [
        pytest.param("test1-powershell-workers", "medium", 40, id="PowerShell, five times at even intervals"),
        pytest.param("test2-python-lambda/real-name", "medium", 40, id="Python, six times at even intervals"),
        pytest.param("test3-wscript-appsscript", "medium", 40, id="wscript, twice"),
        pytest.param("test4-curl-cloudfunctions", "low", 22, id="curl, four processes"),
    ],
)
def test_columns_that_only_name_image_and_host_are_worth_a_reverse_look_up(case: str, severity: str, score: int) -> None:
    top = documents(flow(in_columns(case, told=False)))[0]
    assert (top["hostname_source"], top["severity"], top["score"]) == ("reverse_lookup", severity, score)


# --- the floor ------------------------------------------------------------------------------------------------------


def test_the_floor_holds_where_nothing_but_the_rhythm_is_known() -> None:
    """Python that asks for the function's name every three seconds, and no more than that."""
    top = top_of("test2-python-lambda/real-name", ("22",))
    assert top is not None
    assert points(top.ledger) == {"platform.score": 24, "process.runtime": 10, "floor.periodic": 6}
    assert (top.score, top.severity, beacon_class(top.facts.beacon)) == (40, Severity.MEDIUM, "exact_timer")
    assert not next(step for step in top.ledger if step["rule"] == "behaviour.periodic")["taken"]


def test_an_agent_that_its_vendor_started_is_below_the_floor() -> None:
    (document,) = documents(flow(corpus_alert("benign/edr-agent-python")))
    (step,) = [step for step in document["ledger"] if step["rule"] == "floor.periodic"]
    assert (step["taken"], document["score"]) == (False, 19)
    assert step["evidence"] == "a tool of class runtime, at even intervals, as verified_task explains"
