"""The searches and the core agree on every event: whether it is one, of which platform, and whether the program is a tool.

Every event of the corpus is written in every form and every search of that form is run over all of them, under both readings of what
the documentation leaves open: whether `matches /re/` is for a part or for the whole, and whether a null loses its row. The core
judges the case whole, with everything that the other events say; what a search cannot see is a difference with a name, below.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from itertools import combinations, cycle, product
from typing import NamedTuple

import pytest

from enricher.content import packaged
from enricher.core.catalog import Catalog
from enricher.core.document import CaseDocument
from enricher.core.grade import Graded
from enricher.core.hostnames import hosts_in
from enricher.core.kit.queries import SEARCHES, Form, Query, detection_queries, process_queries
from enricher.core.payload import read
from enricher.core.records import Record
from enricher.core.rules import Platform
from enricher.model import Connection, DnsQuery, Event
from enricher.standins.sumo.language import Reading, Search, parse, webhook_rows
from tests.core.kit.siem_expression import holds
from tests.core.kit.sumo_messages import RENDERINGS, Message, as_logged, collector, corpus, message, siem_record
from tests.fakes import corpus_alert, documents, findings, flow, packaged_programs
from tests.plugins.agreement import LINE

Note = Callable[[str, object], None]
"""How a test hands a line of the table on: pytest's `record_property`."""
PROGRAMS = packaged_programs()
RULES = PROGRAMS.rules
SCOPE = "_sourceCategory=*sysmon*"
PROGRAM_FILES = ("c:\\program files\\", "c:\\program files (x86)\\")
ROWS = list(csv.DictReader((packaged("config") / "catalog" / "platforms.csv").read_text().splitlines()))


class Said(NamedTuple):
    """What one side says of an event: the platform's name and whether the program is a tool."""

    platform: str
    suspicious: bool


# --- the core -------------------------------------------------------------------------------------------------------


def name_of(event: Event) -> str | None:
    """The name that the event itself has."""
    if isinstance(event, DnsQuery):
        return event.name
    return event.hostname if isinstance(event, Connection) else None


def left_out(graded: Graded) -> bool:
    """Whether the searches leave the program out on purpose: a verified browser in the folder of programs."""
    program = graded.facts.program
    return program.verified_browser and (program.path or "").startswith(PROGRAM_FILES)


def verdict(graded: Graded | None) -> Said | None:
    """What the core says; None where there is no signal, where it is one of context only, or where the searches leave it out."""
    if graded is None or left_out(graded) or graded.facts.signal.platform.scope == "context":
        return None
    return Said(graded.facts.signal.platform.name, graded.is_suspicious)


@cache
def by_core() -> Mapping[str, Graded]:
    """Every event of the corpus that is in a signal of its case."""
    found: dict[str, Graded] = {}
    for case in {raw.case for raw in corpus()}:
        of_row: dict[int, Graded] = {}
        for finding in findings(flow(corpus_alert(case))):
            signal = finding.graded.facts.signal
            of_row |= {event.row: finding.graded for event in (*signal.queries, *signal.connections)}
        found |= {raw.key: of_row[raw.row] for raw in corpus() if raw.case == case and raw.row in of_row}
    return found


def expected() -> dict[str, Said]:
    """The events with a name of their own of which the core says something."""
    said = {raw.key: verdict(by_core().get(raw.key)) for raw in corpus() if name_of(raw.event)}
    return {key: one for key, one in said.items() if one is not None}


# --- the searches ---------------------------------------------------------------------------------------------------


READINGS = [
    pytest.param(
        Reading(*one), id=", ".join(word for word, held in zip(("whole", "null lost", "chained"), one, strict=True) if held)
    )
    for one in product((False, True), repeat=3)
]
"""All that the documentation leaves open."""
FIRST, LAST = Reading(full=False, lost=False, chained=False), Reading(full=True, lost=True, chained=True)
ONE_EACH = ("xml, single quotes", "json, object", "otel, list")
"""A rendering of each form, for what is about the rest of a search."""


EVERY = [
    *(pytest.param(rendering, *one.values, id=f"{rendering}: {one.id}") for rendering in ONE_EACH for one in READINGS),
    *(pytest.param(one, LAST, id=one) for one in RENDERINGS if one not in ONE_EACH),
]
"""Every form under every reading, and every other rendering once."""


@cache
def searches(form: Form) -> tuple[Query, ...]:
    return detection_queries(RULES, SCOPE, form)


def run(queries: Iterable[Query], messages: Sequence[Message], reading: Reading) -> list[dict[str, str]]:
    """The rows of all of them, as text."""
    return [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for query in queries
        for row in parsed(query.text).run(messages, **reading._asdict())
    ]


@cache
def parsed(text: str) -> Search:
    return parse(text)


def by_search(rows: Iterable[Mapping[str, str]]) -> dict[str, Said]:
    """What the searches say of each event, which a message's host names. One event in two rows would be two signals of one thing."""
    found: dict[str, Said] = {}
    for row in rows:
        host = row["_sourcehost"]
        assert host not in found, host
        found[host] = Said(row["serverless_platform"], row["is_suspicious"] == "1")
    return found


# --- the corpus -----------------------------------------------------------------------------------------------------

DIFFER: Mapping[str, tuple[str, ...]] = {
    "the event names the provider; the core knows the tenant by the address of an earlier query": (
        "benign/aws-sam-sync/05-eid3-net.xml",
        "benign/edr-agent-python/*-eid3-net-*.xml",
        "benign/node-webpack-dev-server/06-eid3-net.xml",
        "benign/pytest-ci-runner/*-eid3-net-*.xml",
        "benign/pytest-vscode/05-eid3-net.xml",
        "benign/serverless-framework-deploy/08-eid3-net-endpoint.xml",
        "edge-cases/unknown-process/03-eid3-net.xml",
        "test2-python-lambda/real-name/*-eid3-net-*.xml",
        "test2-python-lambda/seed-claim/02-eid3-net-2.xml",
        "test2-python-lambda/seed-claim/03-eid3-net-3.xml",
        "test3-wscript-appsscript/05-eid3-net-script-google.xml",
        "test3-wscript-appsscript/07-eid3-net-googleusercontent.xml",
        "test4-curl-cloudfunctions/*-eid3-net-*.xml",
    ),
    "the core knows the program by its event 1: OriginalFileName, or the image that event 22 lacks": (
        "dns-anomalies/failed-burst/*-eid22-dns-*.xml",
        "edge-cases/unknown-process/02-eid22-dns.xml",
        "extra-malicious/renamed-powershell-task/03-eid22-dns.xml",
    ),
    "the program lies about what it is, by its folder": ("extra-malicious/browser-masquerade/02-eid22-dns.xml",),
    "two names without a tenant make one signal, and the first gives the platform": (
        "test3-wscript-appsscript/06-eid22-dns-googleusercontent.xml",
    ),
}
"""Where the core says something else than a search can, and why: file names of the corpus. Nothing else may differ, and each must."""
ONLY_A_MATCH = {"the core knows the program", "the program lies", "two names without"}
"""Reasons that do not touch whether an event is found."""


def reasons(keys: Iterable[str], among: Iterable[str] = DIFFER) -> dict[str, list[str]]:
    """Why each of these may differ."""
    return {key: [why for why in among for pattern in DIFFER[why] if fnmatchcase(key, pattern)] for key in keys}


def check(differ: set[str], among: Iterable[str]) -> None:
    """Every difference has one reason, and every file name that is listed differs."""
    among = list(among)
    assert {key: why for key, why in reasons(differ, among).items() if len(why) != 1} == {}
    unused = [one for why in among for one in DIFFER[why] if not any(fnmatchcase(key, one) for key in differ)]
    assert unused == []


@pytest.mark.parametrize(("rendering", "reading"), EVERY)
def test_search_and_core_agree_on_every_event(rendering: str, reading: Reading, record_property: Note) -> None:
    form, write = RENDERINGS[rendering]
    messages = [message(write(raw.record), raw.key) for raw in corpus()]
    agree(rendering, run(searches(form), messages, reading), len(messages), record_property)


@pytest.mark.parametrize("reading", READINGS)
def test_search_and_core_agree_on_the_xml_as_it_was_logged(reading: Reading, record_property: Note) -> None:
    messages = [message(text, raw.key) for raw in corpus() if (text := as_logged(raw)) is not None]
    agree("xml, as logged", run(searches("xml"), messages, reading), len(messages), record_property)


def agree(label: str, rows: Sequence[Mapping[str, str]], events: int, note: Note) -> None:
    found, said = by_search(rows), expected()
    differ = {key for key in {*found, *said} if found.get(key) != said.get(key)}
    note(LINE, row_of_table(label, events, len(found), len(found.keys() - differ), len(differ)))
    assert len(found) > 90
    check(differ, DIFFER)


def row_of_table(label: str, events: int, matched: int, agreed: int, differ: int) -> str:
    return f"{label:20} {events:5} events {matched:5} found {agreed:5} agreed {differ:5} differ, each by name and with its reason"


def test_a_verified_browser_is_left_out_and_what_only_looks_like_one_is_not() -> None:
    found = by_search(run(searches("xml"), [message(as_logged(raw) or "", raw.key) for raw in corpus()], LAST))
    assert not [key for key in found if key.startswith(("benign/browsers/", "benign/lookalike-domains/"))]
    assert "extra-malicious/browser-masquerade/02-eid22-dns.xml" in found


def test_cloud_siem_and_core_agree_on_every_event(record_property: Note) -> None:
    rules = searches("cloud-siem")
    events = [raw for raw in corpus() if raw.record.event_id != 1]
    found = {raw.key for raw in events if sum(holds(rule.text, siem_record(raw.record)) for rule in rules) == 1}
    several = [raw.key for raw in events if sum(holds(rule.text, siem_record(raw.record)) for rule in rules) > 1]
    differ = found ^ expected().keys()
    record_property(LINE, row_of_table("cloud-siem", len(events), len(found), len(found - differ), len(differ)))
    assert several == []
    check(differ, [why for why in DIFFER if not why.startswith(tuple(ONLY_A_MATCH))])


TESTS = {
    "test1-powershell-workers": "Cloudflare Workers",
    "test1-powershell-workers/offline": "Cloudflare Workers",
    "test2-python-lambda/real-name": "AWS Lambda function URL",
    "test3-wscript-appsscript": "Google Apps Script web app",
    "test4-curl-cloudfunctions": "Google Cloud Functions (1st gen and 2nd-gen alias)",
}
"""The four atomic tests as a house with Sysmon sees them."""


@pytest.mark.parametrize("case", TESTS)
@pytest.mark.parametrize("rendering", RENDERINGS)
def test_the_atomic_tests_are_found(rendering: str, case: str) -> None:
    form, write = RENDERINGS[rendering]
    messages = [message(write(raw.record), raw.key) for raw in corpus() if raw.case == case]
    rows = run(searches(form), messages, LAST)
    assert Said(TESTS[case], suspicious=True) in by_search(rows).values()


# --- the catalog ----------------------------------------------------------------------------------------------------

CURL = "C:\\Windows\\System32\\curl.exe"
SPELLINGS = (str, str.upper, "{}.".format, "deep.er.{}".format)


def asked(name: str, image: str = CURL) -> Record:
    """Event 22."""
    data = {
        "UtcTime": "2026-03-11 09:14:22.318",
        "ProcessGuid": "{7f3a91c4-326e-69b1-250a-000000001b00}",
        "ProcessId": "8356",
        "QueryName": name,
        "QueryStatus": "0",
        "QueryResults": "::ffff:104.21.48.117;",
        "Image": image,
        "User": "CORP\\amartin",
    }
    return Record(22, data, computer="WS-FIN-0142.corp.example")


def connected(name: str, image: str = CURL) -> Record:
    """Event 3, with what a reverse look-up gave."""
    data = {
        "UtcTime": "2026-03-11 09:14:22.318",
        "ProcessGuid": "{7f3a91c4-326e-69b1-250a-000000001b00}",
        "ProcessId": "8356",
        "Image": image,
        "User": "CORP\\amartin",
        "Protocol": "tcp",
        "DestinationIp": "104.21.48.117",
        "DestinationHostname": name,
        "DestinationPort": "443",
    }
    return Record(3, data, computer="WS-FIN-0142.corp.example")


@cache
def hosts() -> list[str]:
    """Every example of the catalog in several spellings, what it is not, the providers' own hosts, and names that pretend."""
    own = [host for platform in RULES.catalog.platforms.values() for host in platform.exclude]
    written = [spell(row["example_match"]) for row in ROWS for spell in SPELLINGS]
    pretend = [
        "evilworkers.dev",
        "workers.dev",
        "WORKERS.DEV.",
        "workers.dev.attacker.example",
        "x.workers.dev.attacker.example",
        "x.WoRkErS.dEv",
        "xn--bcher-kva.acct1.workers.dev",
        "x.xn--workers-dev-abc.example",
        "a.scm.azurewebsites.net",
        "app.scm.westeurope-01.azurewebsites.net",
        "-",
        "localhost",
    ]
    return sorted({*written, *own, *pretend, *(row["example_non_match"] for row in ROWS)})


def label(host: str) -> str | None:
    """The core's name of the platform that a host is looked for by."""
    match = RULES.catalog.match(host)
    return match.platform.name if match and match.platform.scope != "context" else None


@pytest.mark.parametrize("reading", [FIRST, LAST], ids=["part", "whole"])
@pytest.mark.parametrize("rendering", ONE_EACH)
@pytest.mark.parametrize("event", [asked, connected], ids=["22", "3"])
def test_every_row_of_the_catalog_gets_its_own_name(
    event: Callable[[str], Record], rendering: str, reading: Reading
) -> None:
    form, write = RENDERINGS[rendering]
    rows = run(searches(form), [message(write(event(host)), host) for host in hosts()], reading)
    found = {host: one.platform for host, one in by_search(rows).items()}
    assert found == {host: name for host in hosts() if (name := label(host)) is not None}


def test_every_row_of_the_catalog_is_found_by_one_rule_of_cloud_siem() -> None:
    for event in (asked, connected):
        for host in hosts():
            found = sum(holds(rule.text, siem_record(event(host))) for rule in searches("cloud-siem"))
            context = RULES.catalog.match(host) is not None and label(host) is None
            assert found == (label(host) is not None) or context, host


OVERLAPPING = (
    "**.a.example",
    "*.a.example",
    "*.b.a.example",
    "x.b.a.example",
    "**.b.{a|c}.example",
    "w-*.a.example",
    "*.*.a.example",
)
OWN = frozenset({"q.a.example", "x.b.a.example"})
NAMES_OF_THEM = (
    "a.example",
    "q.a.example",
    "b.a.example",
    "q.b.a.example",
    "x.b.a.example",
    "q.r.b.a.example",
    "q.b.c.example",
    "w-1.a.example",
    "q.r.a.example",
    "q.r.s.t.a.example",
)


@pytest.mark.parametrize("chosen", [*combinations(range(len(OVERLAPPING)), 2), tuple(range(len(OVERLAPPING)))], ids=str)
def test_rows_that_overlap_are_asked_as_the_catalog_asks_them(chosen: tuple[int, ...]) -> None:
    """Whichever of them a search is for: what another row takes first is not found, and not called by a wrong name."""
    platforms = [
        Platform(
            id=f"p{n}",
            name=f"P{n}",
            provider="p",
            category="function",
            family="p",
            pattern=pattern,
            weight=n % 3,
            exclude=OWN,
        )
        for n, pattern in enumerate(OVERLAPPING)
    ]
    catalog = Catalog(platforms, lambda host: host)
    queries = detection_queries(replace(RULES, catalog=catalog), SCOPE, "json", [platforms[n] for n in chosen])
    found = by_search(run(queries, [message(collector(asked(host)), host) for host in NAMES_OF_THEM], LAST))
    expected = {host: match.platform.name for host in NAMES_OF_THEM if (match := catalog.match(host)) is not None}
    assert {host: one.platform for host, one in found.items()} == {
        host: name for host, name in expected.items() if name in {platforms[n].name for n in chosen}
    }


# --- programs -------------------------------------------------------------------------------------------------------


PLACES = (
    "C:\\Windows\\System32\\{}.exe",
    "D:\\tools\\{}.COM",
    "/usr/bin/{}",
    "{}.exe",
    "C:\\x\\not{}x.exe",
    "C:\\{}.exe\\other.exe",
    "C:\\x\\{}.exe.txt",
)


@cache
def images() -> list[str]:
    """Every name of a class in many places, browsers where they belong and elsewhere, and names that pretend."""
    names = sorted(name for some in RULES.processes.classes.values() for name in some)
    places = cycle(PLACES)
    placed = [place.format(name) for name in names for place in (PLACES[0], next(places))]
    pythons = [f"C:\\Python\\{name}.exe" for name in ("python", "pythonw", "python3", "python3.11", "py", "pyw", "pythonx")]
    browsers = [
        f"{folder}\\{name}.exe"
        for browser in RULES.browsers
        for name in browser.names
        for folder in (
            "C:\\Program Files\\Google\\Chrome\\Application",
            "C:\\Program Files (x86)\\Microsoft\\Edge\\Application",
            "C:\\Program Files\\Mozilla Firefox",
            "C:\\Program FilesX\\Google\\Chrome\\Application",
            "C:\\Users\\a\\AppData\\Local\\Google\\Chrome\\Application",
            "C:\\Users\\a\\AppData\\Local\\Temp",
        )
    ]
    upper = [f"C:\\WINDOWS\\SYSTEM32\\{name.upper()}.EXE" for name in ("curl", "powershell", "pwsh.dll", "code-tunnel")]
    pretend = ["C:\\Program Files\\Google\\Chrome\\Application\\notchrome.exe", "C:\\x\\python\\y\\evil.exe", "-"]
    return sorted({*placed, *pythons, *browsers, *upper, *pretend})


def in_program_files(image: str) -> bool:
    return image.lower().startswith(PROGRAM_FILES) and PROGRAMS.program(image=image).name in WINDOWS_BROWSERS


WINDOWS_BROWSERS = frozenset(
    name
    for browser in RULES.browsers
    for name in browser.names
    if any(folder.startswith("c:\\program files") for folder in browser.folders)
)


@pytest.mark.parametrize("reading", [FIRST, LAST], ids=["part", "whole"])
@pytest.mark.parametrize("rendering", ONE_EACH)
def test_every_program_is_a_tool_there_where_it_is_one_here(rendering: str, reading: Reading) -> None:
    form, write = RENDERINGS[rendering]
    messages = [message(write(asked("a.b.workers.dev", image)), image) for image in images()]
    found = by_search(run(searches(form), messages, reading))
    kinds = {image: PROGRAMS.program(image=image).kind for image in images()}
    assert {image: one.suspicious for image, one in found.items()} == {
        image: kind in RULES.processes.tool_classes for image, kind in kinds.items() if not in_program_files(image)
    }


def test_every_browser_that_is_left_out_is_verified_or_bears_another_browsers_folder() -> None:
    """What an administrator installed under the name of a browser, in a folder of programs: only there is one left out."""
    for image in images():
        if PROGRAMS.program(image=image).verified_browser and image.lower().startswith(PROGRAM_FILES):
            assert in_program_files(image)


# --- starts ---------------------------------------------------------------------------------------------------------

LINES = {
    "curl https://a.b.workers.dev/x": True,
    'powershell -c "iwr HTTPS://A.B.WORKERS.DEV"': True,
    "curl https://a.b.workers.dev:8443/x?y=1&z=2": True,
    "curl https://script.google.com/macros/s/x/exec": True,
    "curl https://k3.lambda-url.us-east-1.on.aws./": True,
    "mshta https://user@script.googleusercontent.com": True,
    "curl https://evilworkers.dev/": False,
    "curl https://workers.dev.attacker.example/": False,
    "curl https://example.com/?q=workers_dev": False,
    "curl https://a.lambda-url.x/y.on.aws": False,
    "-": False,
}


def start(line: str, image: str = CURL) -> Record:
    data = {
        "UtcTime": "2026-03-11 09:14:22.318",
        "ProcessGuid": "{7f3a91c4-326e-69b1-250a-000000001b00}",
        "ProcessId": "8356",
        "Image": image,
        "OriginalFileName": "curl.exe",
        "CommandLine": line,
        "User": "CORP\\amartin",
        "ParentProcessGuid": "{7f3a91c4-3256-69b1-1e0a-000000001b00}",
        "ParentImage": "C:\\Windows\\System32\\cmd.exe",
        "ParentCommandLine": 'cmd /c "x.bat"',
    }
    return Record(1, data, computer="WS-FIN-0142.corp.example")


@pytest.mark.parametrize(("rendering", "reading"), EVERY)
def test_a_companion_finds_what_only_a_command_line_names(rendering: str, reading: Reading) -> None:
    form, write = RENDERINGS[rendering]
    queries = process_queries(RULES, SCOPE, form)
    messages = [message(write(start(line)), line) for line in LINES]
    messages += [message(write(start("x https://a.b.workers.dev", "C:\\x\\own.exe")), "no tool")]
    found = run(queries, messages, reading)
    assert {row["_sourcehost"] for row in found} == {line for line, is_found in LINES.items() if is_found}


@pytest.mark.parametrize("form", SEARCHES)
def test_every_start_of_the_corpus_that_names_a_platform_is_found(form: Form) -> None:
    """But for what a line only encodes, and for programs of no tool's class."""
    write = next(write for of, write in RENDERINGS.values() if of == form)
    starts = [raw for raw in corpus() if raw.record.event_id == 1]
    queries = process_queries(RULES, SCOPE, form)
    found = {row["_sourcehost"] for row in run(queries, [message(write(raw.record), raw.key) for raw in starts], LAST)}
    assert found == {raw.key for raw in starts if names_a_platform(raw.record) and is_tool(raw.record)}


def names_a_platform(record: Record) -> bool:
    return any(label(host) for host in hosts_in(record.data.get("CommandLine") or ""))


def is_tool(record: Record) -> bool:
    return PROGRAMS.program(image=record.data.get("Image")).kind in RULES.processes.tool_classes


# --- back again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rendering", ONE_EACH)
def test_the_rows_of_a_search_come_back_as_what_they_said(rendering: str) -> None:
    """As a webhook carries them: the same platform, the same flag, and no drift."""
    form, write = RENDERINGS[rendering]
    kept = [raw for raw in corpus() if raw.key not in {key for key, why in reasons(expected()).items() if why}]
    messages = [message(write(raw.record), raw.key) for raw in kept]
    for query in searches(form):
        search = parsed(query.text)
        rows = webhook_rows(search, search.run(messages, **LAST._asdict()))
        for row in rows:
            (case,) = sent(query, [row])
            assert case["platform"]["name"] == row["serverless_platform"]
            assert case["process"]["is_suspicious"] == (row["is_suspicious"] == "1")
            assert case["drift"] == []
        assert [case["drift"] for case in sent(query, rows) if case["drift"]] == []


def sent(query: Query, rows: Sequence[Mapping[str, object]]) -> list[CaseDocument]:
    """The cases of an alert of a monitor with these rows."""
    if not rows:
        return []
    body = {"name": "m", "triggerType": "Critical", "query": query.text, "results": json.dumps(rows)}
    return documents(flow(read(json.dumps(body).encode())))
