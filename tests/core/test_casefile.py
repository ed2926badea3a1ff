"""The document: design §4.3's keys, words an analyst reads, and limits on what a log may put into it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_type_hints

import pytest

from enricher.core.casefile import MAX_DECODED, MAX_EVIDENCE, MAX_LINE
from enricher.core.document import CaseDocument, Json, iso
from enricher.core.evidence import MAX_TEXT, cut, event_id, evidence
from enricher.core.grade import Asked
from enricher.core.programs import Programs
from enricher.core.rules import Playbook
from enricher.model import Alert, Enrichment, Event, Kind, ProcessCreate, Row, Status
from tests.fakes import (
    ADDRESS,
    CHROME,
    CMD,
    CURL,
    EXPLORER,
    POWERSHELL,
    RELAY,
    START,
    TENANT,
    USER,
    Answers,
    asked,
    at,
    connected,
    flow,
    grouped,
    guid,
    packaged_programs,
    script,
    started,
)

URL = f"https://{RELAY}/x"


def case(*events: Event, programs: Programs | None = None) -> CaseDocument:
    found = grouped(*events, programs=programs).cases
    assert len(found) == 1
    return found[0].document


FULL = [
    started(POWERSHELL, f"powershell {URL}", parent=CMD, parent_line="cmd"),
    asked(),
    *(connected(30.001 * n) for n in range(6)),
]


def test_every_key_is_there() -> None:
    assert set(case(*FULL)) == set(get_type_hints(CaseDocument))


@pytest.mark.parametrize(
    ("events", "title"),
    [
        pytest.param(FULL, f"powershell.exe under cmd.exe beacons to {TENANT} from ws-fin-0142", id="a beacon"),
        pytest.param([asked(), connected()], f"powershell.exe contacted {TENANT} from ws-fin-0142", id="a contact"),
        pytest.param([asked()], f"powershell.exe asked for {TENANT} from ws-fin-0142", id="a query"),
        pytest.param(
            [started(CURL, f"curl {URL}")], f"curl.exe was told to contact {TENANT} from ws-fin-0142", id="a URL in a line"
        ),
        pytest.param(
            [asked("script.google.com")], "powershell.exe asked for script.google.com from ws-fin-0142", id="no tenant"
        ),
        pytest.param([asked(image=None)], f"an unknown process asked for {TENANT} from ws-fin-0142", id="no image"),
        pytest.param([asked(computer="")], f"powershell.exe asked for {TENANT} from an unknown host", id="no host"),
        pytest.param([asked(image="/usr/bin/curl")], f"curl asked for {TENANT} from ws-fin-0142", id="Linux"),
    ],
)
def test_titles(events: list[Event], title: str) -> None:
    assert case(*events)["title"] == title


@pytest.mark.parametrize(
    ("events", "summary"),
    [
        pytest.param(
            FULL,
            f"cmd.exe → powershell.exe on ws-fin-0142.corp.example contacted the Cloudflare Workers tenant {TENANT} 6 times, "
            "every 30.001 s (exact timer), first at 2026-11-24 02:00:00 UTC.",
            id="a beacon",
        ),
        pytest.param(
            [
                started("C:\\x\\svc.exe", "x", version_info={"original_file_name": "PowerShell.EXE"}),
                asked(image="C:\\x\\svc.exe"),
            ],
            "svc.exe (really powershell) on ws-fin-0142.corp.example asked for the Cloudflare Workers tenant "
            f"{TENANT} once, first at 2026-11-24 02:00:00 UTC.",
            id="renamed",
        ),
        pytest.param(
            [asked("script.google.com", image=None, at=None, computer="")],
            "A process whose name is not known on an unknown host asked for Google Apps Script web app at script.google.com once.",
            id="almost nothing is known",
        ),
    ],
)
def test_summaries(events: list[Event], summary: str) -> None:
    assert case(*events)["summary"] == summary


def test_what_is_not_known_is_null_and_stands_in_missing() -> None:
    found = case(asked(image=None, pid=None, guid=None))
    assert (found["user"], found["process"]["image"], found["process"]["command_line"], found["lineage"]) == (
        None,
        None,
        None,
        [],
    )
    assert found["destination"]["ip"] == ADDRESS, "what was answered"
    assert found["destination"]["port"] is None
    words = {line.partition(":")[0] for line in found["missing"]}
    assert {"user", "image", "command line", "parent process", "connection", "process start"} <= words


def test_a_row_without_a_host_says_so() -> None:
    assert "host: no row named one" in case(asked(computer=""))["missing"]


def test_next_steps_are_the_bands_with_the_names_filled_in() -> None:
    line = "{host} {tenant} {user} {platform} {process} {since} {guid} {{other}}"
    rules = replace(packaged_programs().rules, playbook=Playbook(bands={"high": (line,)}))
    found = case(*FULL, programs=Programs(rules))
    assert found["severity"] == "high"
    assert found["next_steps"] == [
        f"ws-fin-0142.corp.example {TENANT} {USER} Cloudflare Workers powershell.exe 2026-11-24 02:00 UTC {guid(1)} {{other}}"
    ]
    assert case(asked(), programs=Programs(rules))["next_steps"] == []


@pytest.mark.parametrize(
    ("events", "disposition"),
    [(FULL, "open"), ([asked("x.example", cnames=(RELAY,), image=CHROME)], "informational")],
)
def test_disposition(events: list[Event], disposition: str) -> None:
    assert case(*events)["disposition"] == disposition


def test_times_are_the_contacts_and_else_the_start() -> None:
    found = case(*FULL)
    assert (found["first_seen"], found["last_seen"]) == ("2026-11-24T02:00:00.000Z", "2026-11-24T02:02:30.005Z")
    told = case(started(CURL, f"curl {URL}"))
    assert (told["first_seen"], told["last_seen"]) == ("2026-11-24T01:59:00.000Z", "2026-11-24T01:59:00.000Z")
    aggregate = case(connected(0, hostname=RELAY, count=9, last_at=at(600)))
    assert (aggregate["last_seen"], aggregate["count"]) == ("2026-11-24T02:10:00.000Z", 9)
    assert case(connected(at=None, hostname=RELAY))["first_seen"] is None


def test_iso() -> None:
    assert iso(START) == "2026-11-24T02:00:00.000Z"


# --- look-ups -------------------------------------------------------------------------------------------------------


def enriched(*answers: Enrichment, name: str = RELAY) -> CaseDocument:
    events: list[Event] = [asked(name), connected()]
    rows = tuple(Row(index=i, columns=_columns(event)) for i, event in enumerate(events))
    alert = Alert(kind=Kind.MONITOR, rows=rows, rows_total=2)
    found = flow(alert, lookups=Answers(*answers), asking=Asked(owner=True))
    assert len(found.cases) == 1
    return found.cases[0].document


def _columns(event: Event) -> dict[str, str]:
    common = {
        "computer": event.computer,
        "processguid": event.guid or "",
        "image": event.image or "",
        "utctime": iso(at(0)),
    }
    more = {
        "eventid": str(event_id(event)),
        "queryname": getattr(event, "name", ""),
        "queryresults": ADDRESS,
        "querystatus": "0",
    }
    return (
        common | more
        if event_id(event) == 22
        else common | {"eventid": "3", "destinationip": ADDRESS, "destinationport": "443"}
    )


def asn(*numbers: int, status: Status = Status.OK) -> Enrichment:
    detail = {"asns": list(numbers), "prefix": "104.21.48.0/20", "country": "US", "holder": "CLOUDFLARENET, US"}
    return Enrichment(source="asn", about=ADDRESS, status=status, detail=detail)


def test_the_holder_of_the_address() -> None:
    ptr = Enrichment(source="ptr", about=ADDRESS, status=Status.OK, detail={"names": ["a.example", "b.example"]})
    found = enriched(ptr, asn(13335))
    assert found["destination"] == {
        "ip": ADDRESS,
        "port": 443,
        "ptr": "a.example",
        "asn": 13335,
        "holder": "CLOUDFLARENET, US",
        "prefix": "104.21.48.0/20",
        "country": "US",
        "origin": None,
        "consistent": True,
        "consistency": "AS13335 announces the address, as expected of Cloudflare Workers",
    }
    assert [(e["source"], e["status"]) for e in found["enrichments"]] == [("asn", "ok"), ("ptr", "ok")]


@pytest.mark.parametrize(
    ("answers", "consistent"),
    [
        pytest.param([asn(13335)], True, id="the platform's network"),
        pytest.param([asn(64500)], False, id="another network"),
        pytest.param([asn(64500, 13335)], True, id="announced by both"),
        pytest.param([asn(13335, status=Status.STALE)], True, id="an old answer is an answer"),
        pytest.param([asn(13335, status=Status.ERROR)], None, id="no answer"),
        pytest.param([], None, id="not asked"),
    ],
)
def test_consistency_with_the_platform(answers: list[Enrichment], *, consistent: bool | None) -> None:
    assert enriched(*answers)["destination"]["consistent"] is consistent


def test_a_network_that_is_not_known_well_makes_no_mismatch() -> None:
    rows = packaged_programs().rules.catalog.platforms.values()
    unverified = next(p for p in rows if p.expected_asn and p.asn_confidence == "unverified" and p.scope == "score")
    host = unverified.pattern.replace("**", "a.b").replace("*", "abc")
    assert enriched(asn(64500), name=host)["destination"]["consistent"] is None


# --- limits ---------------------------------------------------------------------------------------------------------


def test_long_texts_are_cut_in_the_document_and_read_whole() -> None:
    line = f"powershell {'x' * 50_000} -nop -w hidden"
    found = case(
        started(POWERSHELL, line, parent=CMD, parent_line="y" * 50_000), script("z" * 50_000), asked(), connected()
    )
    shown = found["process"]["command_line"]
    assert shown is not None
    assert shown.endswith(f" … {len(line) - MAX_LINE} more characters")
    assert len(shown) < MAX_LINE + 40
    assert len(found["lineage"][0]["command_line"] or "") < MAX_LINE + 40
    assert all(len(text) < MAX_LINE + 40 for text in found["process"]["decoded"] or ())
    assert "command.flags" in {s["rule"] for s in found["ledger"] if s["taken"]}, "the flags stand behind the cut"
    assert max(len(str(e.get("command_line", ""))) for e in found["evidence"]) < MAX_TEXT + 40


def test_many_scripts_and_events_are_cut() -> None:
    blocks = [script(f"x{n}", block_id=f"b{n}") for n in range(50)]
    found = case(started(), *blocks, asked(), connected())
    assert len(found["process"]["decoded"] or ()) == MAX_DECODED
    assert len(found["evidence"]) == MAX_EVIDENCE
    assert len(found["rows"]) == 53


@pytest.mark.parametrize(
    ("text", "shown"), [("", ""), ("abcde", "abcde"), ("abcdef", "abcde … 1 more characters")], ids=["empty", "fits", "cut"]
)
def test_cut(text: str, shown: str) -> None:
    assert cut(text, 5) == shown


def test_evidence_is_the_event_without_nulls() -> None:
    event = ProcessCreate(computer="h", row=3, at=START, image=EXPLORER, hashes={"md5": "aa"}, version_info={})
    expected: Json = {
        "event_id": 1,
        "computer": "h",
        "row": 3,
        "at": "2026-11-24T02:00:00.000Z",
        "image": EXPLORER,
        "observed": True,
        "count": 1,
        "hashes": {"md5": "aa"},
    }
    assert evidence(event) == expected
    assert [event_id(e) for e in (connected(), asked(), script("x"))] == [3, 22, 4104]


# --- drift ----------------------------------------------------------------------------------------------------------


def drift(image: str = POWERSHELL, name: str = RELAY, **columns: str) -> list[tuple[str, str, str]]:
    row = Row(index=0, columns=_columns(asked(name, image=image)) | columns)
    found = flow(Alert(kind=Kind.MONITOR, rows=(row,)), lookups=Answers())
    return [(d["field"], d["sumo"], d["ours"]) for d in found.cases[0].document["drift"]]


@pytest.mark.parametrize(
    ("name", "columns", "expected"),
    [
        pytest.param(RELAY, {"serverlessplatform": "Cloudflare Workers"}, [], id="the same"),
        pytest.param("a.pages.dev", {"serverlessplatform": "Cloudflare Workers"}, [], id="what the seed calls it"),
        pytest.param(
            RELAY,
            {"serverlessplatform": "Other Serverless"},
            [("serverless_platform", "Other Serverless", "Cloudflare Workers")],
            id="another",
        ),
        pytest.param(RELAY, {"issuspicious": "1"}, [], id="suspicious, both"),
        pytest.param(RELAY, {"issuspicious": "0"}, [("is_suspicious", "0", "1")], id="suspicious here only"),
        pytest.param(RELAY, {}, [], id="no column"),
    ],
)
def test_drift(name: str, columns: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert drift(name=name, **columns) == expected


def test_drift_the_other_way() -> None:
    assert drift("C:\\Program Files\\v\\app.exe", issuspicious="1") == [("is_suspicious", "1", "0")]
