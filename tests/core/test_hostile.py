"""Text from a log is an attacker's: the time it takes grows with its length and no faster, and nothing in it raises.

Time is measured as this process's own, for the same work at one length and at four times that length. Work that grows with the
square takes sixteen times as long; linear work takes four times, and a busy machine's noise is allowed twice that.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from gzip import compress
from time import process_time
from typing import Any

import pytest

from enricher.core import commands
from enricher.core.document import Json
from enricher.core.hostnames import hosts_in
from enricher.core.lineage import kinships
from enricher.core.paths import name_of, path_form, paths_in
from enricher.core.programs import Program
from enricher.core.tasks import helper_at_home, verified_task
from enricher.lookups import NoLookups
from enricher.wiring.flow import Flow
from tests.fakes import (
    ADDRESS,
    CURL,
    EXPLORER,
    HOST,
    POWERSHELL,
    RELAY,
    SCHEDULER,
    START,
    SVCHOST,
    guid,
    packaged_programs,
    program,
)

PROGRAMS = packaged_programs()
FLOW = Flow(packaged_programs, NoLookups(), None, owner=False)
SMALL, TIMES = 8_000, 4
AT_MOST = 2.0 * TIMES
SHORTEST_S = 0.004
"""Below this the clock says nothing: fast enough at either length."""

UNITS = {
    "letters": "a",
    "blanks": " ",
    "base64": "AAAA",
    "dots": ".",
    "extensions": ".js",
    "documents": ".pdf",
    "document and blanks": ".pdf     ",
    "backslashes": "\\",
    "slashes": "/",
    "drives": "c:\\",
    "paths": "c:\\temp\\a.js ",
    "linux paths": " /tmp/a.sh",
    "variables": "%temp%\\",
    "per cents": "%",
    "quotes": '"',
    "urls": "https://a.b.workers.dev/ ",
    "schemes": "https://",
    "switches": " -e",
    "switches and blanks": " -w     ",
    "encoded": f" -enc {'A' * 40}",
    "literals": 'FromBase64String("',
    "loops": "for x ",
    "for and blanks": "for         ",
    "pipes": "| /a/b",
    "digits": "1..",
    "numbers": "1",
    "tokens": "npm-cli.js install ",
    "defender": "\\windows defender\\x",
    "climbing": "..\\",
    "server": "\\\\server\\share ",
    "null": "\x00",
    "override": "\u202e",
    "surrogate": "\udce2",
    "long s": "\u017f\u212a\u0130",
    "deleted": " (deleted)",
    "short names": "progra~1\\",
    "namespaces": "\\\\?\\",
    "devices": "\\device\\mup\\;x",
    "streams": "a.txt:",
    "format": " /format:",
    "blanks and an end": "   .js",
    "layers": f"FromBase64String('{b64encode(b'FromBase64String(').decode()}')",
    "bombs": f"FromBase64String('{b64encode(compress(bytes(100_000))).decode()}') ",
}

HEADS = [
    "",
    "for",
    "FromBase64String",
    "powershell -enc",
    "powershell -w",
    "|",
    "a.js",
    '"a',
    "C:\\a",
    "%a",
    "/a",
    "\\\\a",
    "a.b:",
]
RUNS = [" ", "a", ".", "=", '"', "A/", "%"]
"""One head before one long run: what is quadratic in a run alone, a repeated unit does not show."""


def took(work: Callable[[str], object], text: str) -> float:
    begun = process_time()
    work(text)
    return process_time() - begun


def grows_linearly(work: Callable[[str], object], unit: str) -> bool:
    """Tried three times: only what is slow each time is slow."""
    short, long = (unit * (size // len(unit)) for size in (SMALL, SMALL * TIMES))
    for _ in range(3):
        before, after = took(work, short), took(work, long)
        if after < max(SHORTEST_S, AT_MOST * before):
            return True
    return False


def line_of(text: str) -> Program:
    return program(POWERSHELL, text, current_directory="C:\\Users\\r\\")


PARENT = program(SVCHOST, SCHEDULER)
WORK: dict[str, Callable[[str], object]] = {
    "decoded_forms": commands.decoded_forms,
    "encoded": lambda text: commands.encoded(text, "powershell"),
    "flags": commands.flags,
    "loops": commands.loops,
    "inline": commands.inline,
    "driven": commands.driven,
    "headless": commands.headless,
    "one_liner": commands.one_liner,
    "names_host": lambda text: commands.names_host(text, "a.b"),
    "hosts_in": hosts_in,
    "path_form": path_form,
    "name_of": name_of,
    "paths_in": paths_in,
    "a line's files": lambda text: PROGRAMS.files(line_of(text)),
    "an image's identity": lambda text: _identity(program(f"C:\\{text}x.exe", "")),
    "a line's lineage": lambda text: kinships(line_of(text), [program(EXPLORER, text)], PROGRAMS),
    "a task's line": lambda text: verified_task(line_of(text), PARENT, PROGRAMS),
    "a helper's image": lambda text: helper_at_home(program(f"C:\\{text}\\mpcmdrun.exe", text), PROGRAMS),
}


def _identity(found: Program) -> object:
    return (
        PROGRAMS.renamed(found),
        PROGRAMS.masquerade(found),
        PROGRAMS.double_extension(found),
        PROGRAMS.no_version(found),
        found.path and (PROGRAMS.places.writable(found.path), PROGRAMS.places.more(found.path)),
    )


@pytest.mark.parametrize("work", WORK)
def test_time_grows_with_the_length_and_no_faster(work: str) -> None:
    assert [name for name, unit in UNITS.items() if not grows_linearly(WORK[work], unit)] == []


@pytest.mark.parametrize("head", HEADS)
def test_time_grows_with_the_length_of_a_run(head: str) -> None:
    def behind(work: str) -> Callable[[str], object]:
        return lambda text: WORK[work](head + text)

    slow = [(work, run) for work in WORK for run in RUNS if not grows_linearly(behind(work), run)]
    assert slow == []


def test_the_measure_finds_what_is_quadratic() -> None:
    def quadratic(text: str) -> int:
        return sum(text[i:].count("\x01") for i in range(0, len(text), 2))

    assert not grows_linearly(quadratic, "a")


# --- whole alerts ---------------------------------------------------------------------------------------------------

ROW = {
    "event_id": "1",
    "computer": HOST,
    "process_guid": guid(1),
    "process_id": "7316",
    "image": POWERSHELL,
    "utctime": "2026-11-24 01:59:00.000",
}


def explained(*rows: Json) -> Json:
    body = {"schema": "enricher/1", "kind": "monitor", "name": "m", "results": list(rows)}
    return FLOW.explain(json.dumps(body).encode(), START)


def accounted_for(document: Json) -> bool:
    kept = {row for case in document["cases"] for row in case["rows"]}
    return kept | {gone["row"] for gone in document["dropped"]} == set(range(document["input"]["rows"]))


def query(number: int, name: str) -> Json:
    return ROW | {
        "event_id": "22",
        "query_name": name,
        "query_status": "0",
        "query_results": ADDRESS,
        "utctime": f"2026-11-24 02:00:{number % 60:02d}.{number % 1000:03d}",
    }


def connection(number: int) -> Json:
    return ROW | {
        "event_id": "3",
        "dest_ip": ADDRESS,
        "dest_port": str(number % 60_000),
        "utctime": f"2026-11-24 02:01:{number % 60:02d}.{number % 1000:03d}",
    }


def test_a_line_of_a_megabyte() -> None:
    line = f"powershell -nop https://{RELAY}/ {'x' * 1_000_000} -w hidden"
    document = explained(ROW | {"command_line": line})
    assert accounted_for(document)
    case = document["cases"][0]
    assert (case["hostname"], case["process"]["class"]) == (RELAY, "shell")
    assert len(json.dumps(document)) < 40_000, "what is stored of it is bounded"


def test_a_line_of_thousands_of_names() -> None:
    document = explained(
        ROW | {"command_line": "powershell " + " ".join(f"https://t{i}.workers.dev" for i in range(2_500))}
    )
    assert len(document["cases"]) == 50
    assert all(any(m.startswith("names: ") for m in case["missing"]) for case in document["cases"])


def test_a_script_of_thousands_of_names() -> None:
    block = {"event_id": "4104", "computer": HOST, "process_id": "7316", "utctime": "2026-11-24 02:00:00.000"}
    text = " ".join(f"https://t{i}.workers.dev" for i in range(5_000))
    document = explained(ROW, block | {"scriptblocktext": text})
    assert len(document["cases"]) == 50
    assert accounted_for(document)


def alert_of(count: int, name: Callable[[int], str]) -> Callable[[str], object]:
    rows = [*(query(i, name(i)) for i in range(count)), *(connection(i) for i in range(count))]
    return lambda _: explained(*rows)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(lambda i: f"c2.t{i}.workers.dev", id="a tenant each"),
        pytest.param(lambda _: RELAY, id="one tenant"),
        pytest.param(lambda i: f"h{i}.example", id="nobody's names"),
    ],
)
def test_many_rows_take_as_long_as_they_are_many(name: Callable[[int], str]) -> None:
    """All of one process, to one address, within a minute: the worst for finding out which query is whose."""
    few, many = (min(took(alert_of(count, name), "") for _ in range(2)) for count in (150, 600))
    assert many < AT_MOST * few


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\x00", id="NUL"),
        pytest.param("\u202e\u2066\u200b", id="bidi"),
        pytest.param("\udce2\ud800", id="lone surrogates"),
        pytest.param("\x1b[31m<!channel> {code} </Event>]]>", id="markup"),
        pytest.param("%s {0} {{x}} ${jndi:ldap://x}", id="templates"),
        pytest.param("\U0010ffff\ufffe\ufeff", id="non-characters"),
        pytest.param("İıſK", id="letters whose case changes their number"),
    ],
)
@pytest.mark.parametrize(
    "column", ["image", "command_line", "parent_image", "computer", "username", "query_name", "process_guid"]
)
def test_odd_characters_anywhere(column: str, text: str) -> None:
    rows: list[dict[str, Any]] = [
        ROW | {"command_line": f"curl https://{RELAY}/{text}"},
        query(1, RELAY),
        connection(1),
    ]
    document = explained(*(row | {column: f"{row.get(column, '')}{text}"} for row in rows))
    assert accounted_for(document)
    json.dumps(document, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "image", ["", "-", "\\", "/", "C:", "C:\\", "\\\\", ".", "..", "...exe", ".exe", " ", "%", "\\\\?\\", "\\??\\"]
)
def test_odd_images(image: str) -> None:
    found = program(image, image, original=image or None)
    _identity(found)
    assert kinships(found, [found, found], PROGRAMS) is not None
    assert verified_task(found, found, PROGRAMS) is None
    assert accounted_for(explained(ROW | {"image": image, "command_line": f"{image} https://{RELAY}"}, query(1, RELAY)))


def test_a_renamed_tool_in_any_case_is_found() -> None:
    assert program(CURL.upper()).kind == "transfer"
    assert program("C:\\x\\CURL.EXE ").kind == "transfer", "a blank at the end"
