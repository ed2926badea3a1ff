"""Worlds without a world, and events that are short to write. Times are seconds after `START`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from enricher.content import load
from enricher.core.behaviour import Beacon
from enricher.core.classify import Classified, classify
from enricher.core.distinct import distinct
from enricher.core.document import CaseDocument, Json
from enricher.core.files import read_files
from enricher.core.finding import Finding, tune
from enricher.core.gather import Context, Facts, gather
from enricher.core.grade import Asked, Graded, grade
from enricher.core.group import Grouped, group
from enricher.core.join import join
from enricher.core.memory import Group, Memory, Past, Remembered, kept, recalled
from enricher.core.normalise import digest
from enricher.core.programs import Program, Programs
from enricher.core.rules import Rules
from enricher.lookups import NoLookups
from enricher.model import (
    Alert,
    Connection,
    DnsQuery,
    Enrichment,
    Event,
    Kind,
    Observable,
    ProcessCreate,
    Row,
    ScriptBlock,
)
from enricher.pipeline import Investigation, World, investigate
from enricher.ports import History, Lookups

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

HOST = "ws-fin-0142.corp.example"
USER = "CORP\\m.alvarez"
RELAY = "relay.example-lab.workers.dev"
TENANT = "example-lab.workers.dev"
ADDRESS = "104.21.48.117"

SYSTEM32 = "C:\\Windows\\System32\\"
POWERSHELL = f"{SYSTEM32}WindowsPowerShell\\v1.0\\powershell.exe"
CMD = f"{SYSTEM32}cmd.exe"
CURL = f"{SYSTEM32}curl.exe"
EXPLORER = "C:\\Windows\\explorer.exe"
SVCHOST = f"{SYSTEM32}svchost.exe"
SCHEDULER = f"{SVCHOST} -k netsvcs -p -s Schedule"
NODE = "C:\\Program Files\\nodejs\\node.exe"
CHROME = "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe"

CORPUS = Path(__file__).parent / "data" / "sysmon-events"
PAYLOADS = Path(__file__).parent / "data" / "sumo-payloads"


@cache
def packaged_programs() -> Programs:
    """The packaged content; it has no tuning rule and no estate of its own."""
    return Programs(replace(load(None), tuning=(), estate=type(load(None).estate)()))


# --- ports ----------------------------------------------------------------------------------------------------------


class Answers:
    """Look-ups that have the answers already."""

    def __init__(self, *enrichments: Enrichment) -> None:
        self.enrichments = enrichments
        self.sought: list[Observable] = []

    def about(self, sought: Sequence[Observable]) -> list[Enrichment]:
        self.sought += sought
        wanted = {observable.value for observable in sought}
        return [enrichment for enrichment in self.enrichments if enrichment.about in wanted]


class Known:
    """A history that holds these events and nothing else; `since` is when it began."""

    def __init__(self, *events: Event, since: datetime | None = None, past: Mapping[Group, Past] | None = None) -> None:
        self.events, self._since, self._past = events, since, past or {}

    def around(self, events: Sequence[Event]) -> Memory:
        computers = {event.computer for event in events}
        return Memory(events=tuple(map(remembered, (e for e in self.events if e.computer in computers))))

    def of_case(self, key: str) -> None:
        del key

    def contacts(self, until: Mapping[Group, datetime]) -> Mapping[Group, Past]:
        return {group: self._past.get(group, Past()) for group in until}

    def since(self) -> datetime | None:
        return self._since


def remembered(event: Event, case_key: str | None = None) -> Remembered:
    """The event as history gives it back."""
    return Remembered(digest=digest(event), event=recalled(kept(event), "history"), case_key=case_key)


# --- events ---------------------------------------------------------------------------------------------------------


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def guid(number: int) -> str:
    return f"7C1E2B40-96D1-65F0-{number:04X}-000000000000"


def started(image: str | None = POWERSHELL, line: str | None = None, /, **more: Any) -> ProcessCreate:
    """Event 1 of process 1, a minute before `START`; `parent` and `parent_line` are short for their fields."""
    given: dict[str, Any] = {
        "computer": HOST,
        "row": 0,
        "at": at(-60),
        "guid": guid(1),
        "pid": 7316,
        "user": USER,
        "image": image,
        "command_line": line,
    }
    short = {"parent": "parent_image", "parent_line": "parent_command_line"}
    return ProcessCreate(**given | {short.get(name, name): value for name, value in more.items()})


def asked(name: str = RELAY, seconds: float = 0.0, /, **more: Any) -> DnsQuery:
    """Event 22 of process 1, answered with `ADDRESS`."""
    given: dict[str, Any] = {
        "computer": HOST,
        "row": 0,
        "at": at(seconds),
        "guid": guid(1),
        "pid": 7316,
        "image": POWERSHELL,
        "status": 0,
        "answers": (ADDRESS,),
    }
    return DnsQuery(name=name, **given | more)


def connected(seconds: float = 0.1, /, **more: Any) -> Connection:
    """Event 3 of process 1 to `ADDRESS`."""
    given: dict[str, Any] = {
        "computer": HOST,
        "row": 0,
        "at": at(seconds),
        "guid": guid(1),
        "pid": 7316,
        "image": POWERSHELL,
        "ip": ADDRESS,
        "port": 443,
        "initiated": True,
    }
    return Connection(**given | more)


def script(text: str, /, **more: Any) -> ScriptBlock:
    """Event 4104 of process 1."""
    given: dict[str, Any] = {"computer": HOST, "row": 0, "at": at(0), "pid": 7316, "block_id": "b1"}
    return ScriptBlock(text=text, **given | more)


# --- the flow, as far as a test needs it ----------------------------------------------------------------------------


def classified(*events: Event, rules: Rules | None = None) -> Classified:
    """The signals of these events; each is a row of its own."""
    return classify(join(_in_rows(events)), rules or packaged_programs().rules)


def facts_of(*events: Event, programs: Programs | None = None, answers: Sequence[Enrichment] = ()) -> list[Facts]:
    programs = programs or packaged_programs()
    activity = join(distinct(_in_rows(events)).events)
    signals = classify(activity, programs.rules).signals
    return gather(signals, activity, Context(enrichments=answers), programs.rules, programs)


def graded(*events: Event, programs: Programs | None = None, asking: Asked | None = None) -> list[Graded]:
    programs = programs or packaged_programs()
    return grade(facts_of(*events, programs=programs), programs, asking or Asked())


def grouped(*events: Event, programs: Programs | None = None) -> Grouped:
    programs = programs or packaged_programs()
    seen = distinct(_in_rows(events))
    activity = join(seen.events)
    found = classify(activity, programs.rules)
    judged = grade(gather(found.signals, activity, Context(), programs.rules, programs), programs, Asked())
    alert = Alert(kind=Kind.SYSMON, rows=tuple(Row(index=index) for index in range(len(events))))
    return group(tune(judged, programs.rules, TODAY), found, activity, seen, (), alert, programs.rules)


def _in_rows(events: Sequence[Event]) -> list[Event]:
    return [replace(event, row=row) for row, event in enumerate(events)]


def flow(
    alert: Alert,
    programs: Programs | None = None,
    *,
    lookups: Lookups | None = None,
    history: History | None = None,
    asking: Asked | None = None,
) -> Investigation:
    """The whole flow; without look-ups and history unless they are given."""
    world = World(
        programs=programs or packaged_programs(),
        lookups=lookups or NoLookups(),
        history=history,
        asked=asking or Asked(history=history is not None),
    )
    return investigate(alert, world, NOON)


def program(image: str | None, line: str | None = None, *, original: str | None = None, **more: Any) -> Program:
    """A program as the packaged content sees it; `original` is its OriginalFileName."""
    info: Mapping[str, str | None] = {"original_file_name": original} if original else {}
    return packaged_programs().program(image=image, line=line, version_info=info, **more)


def points(ledger: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The rules that were taken, but sums and caps, with their points."""
    return {s["rule"]: s["points"] for s in ledger if s["taken"] and s["step"] not in {"sum", "cap"}}


def caps(ledger: Iterable[Mapping[str, Any]]) -> list[str]:
    """The caps that bit."""
    return [s["rule"] for s in ledger if s["taken"] and s["step"] == "cap"]


# --- the corpus -----------------------------------------------------------------------------------------------------


@cache
def manifest() -> list[Json]:
    entries: list[Json] = json.loads((CORPUS / "manifest.json").read_bytes())
    return entries


def case_names() -> list[str]:
    return [entry["case"] for entry in manifest()]


@cache
def corpus_alert(case: str) -> Alert:
    """A case of the corpus, as the command line reads its folder."""
    files = [path for path in sorted((CORPUS / case).iterdir()) if path.is_file()]
    return read_files([(path.name, path.read_bytes()) for path in files])


def documents(found: Investigation) -> list[CaseDocument]:
    return [case.document for case in found.cases]


def findings(found: Investigation) -> list[Finding]:
    return [finding for case in found.cases for finding in case.findings]


def beacon_class(beacon: Beacon | None) -> str | None:
    return beacon.name if beacon else None
