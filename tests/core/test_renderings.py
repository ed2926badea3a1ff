"""The same five events (two processes, a query, a connection, a file) in every rendering become the same case.

Each file of tests/data/renderings holds them in one rendering. `*.rows.json` are rows of a payload, for what is no rendering of
a whole record; the others are log files, one record a row.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core import records
from enricher.core.document import Json
from enricher.core.files import read_files
from enricher.core.normalise import digest, normalise
from enricher.core.payload import read, sniff
from enricher.errors import PayloadError
from enricher.lookups import NoLookups
from enricher.model import Alert, Kind, Row
from enricher.wiring.flow import Flow
from tests.fakes import START, packaged_programs

RENDERINGS = sorted((Path(__file__).parents[1] / "data" / "renderings").iterdir())
FILES = [path for path in RENDERINGS if not path.name.endswith(".rows.json")]
FLOW = Flow(packaged_programs, NoLookups(), None, owner=False)

OF_ORIGIN = {("lineage", "source"): ("observed", "payload"), ("evidence", "observed"): (True, False)}
"""What a case says about where its evidence comes from: of a logged record, and of a row's columns."""


def named(path: Path) -> str:
    return path.name.partition(".")[0]


def payload(path: Path) -> bytes:
    """The body of a monitor whose rows are the records of a file."""
    rows = [{"Message": row.text} for row in alert_of(path).rows] if path in FILES else json.loads(path.read_text())
    return json.dumps({"triggerType": "Critical", "name": "m", "results": json.dumps(rows)}).encode()


def alert_of(path: Path) -> Alert:
    return read_files([(path.name, path.read_bytes())])


@cache
def expected() -> Json:
    (path,) = [path for path in FILES if named(path) == "xml-single-quotes"]
    (case,) = FLOW.explain(payload(path), START)["cases"]
    found: Json = case
    return found


def facts(case: Json) -> Json:
    return {key: value for key, value in case.items() if key != "missing"}


def of_columns(case: Json) -> Json:
    """The same case, had its events come from columns."""
    case = json.loads(json.dumps(case))
    for (part, word), (logged, told) in OF_ORIGIN.items():
        for item in case[part]:
            assert item[word] == logged
            item[word] = told
    return case


@pytest.mark.parametrize("path", [path for path in RENDERINGS if named(path) != "columns"], ids=named)
def test_every_rendering_is_the_same_case(path: Path) -> None:
    document = FLOW.explain(payload(path), START)
    assert document["dropped"] == []
    (case,) = document["cases"]
    assert facts(case) == facts(expected())


def test_columns_alone_are_the_same_case_but_for_its_origin() -> None:
    (path,) = [path for path in RENDERINGS if named(path) == "columns"]
    document = FLOW.explain(payload(path), START)
    assert document["dropped"] == []
    (case,) = document["cases"]
    assert facts(case) == facts(of_columns(expected()))


def test_the_case_has_something_to_compare() -> None:
    case = expected()
    assert (case["hostname_source"], case["rows"], case["severity"]) == ("dns_same_process", [0, 1, 2, 3, 4], "high")
    assert [ancestor["name"] for ancestor in case["lineage"]] == ["cmd.exe", "explorer.exe"]
    assert "über" in case["evidence"][4]["target"]


@pytest.mark.parametrize("path", FILES, ids=named)
def test_every_file_is_explained_as_it_is(path: Path) -> None:
    assert sniff(path.read_bytes()) == "records"
    (case,) = FLOW.explain_alert(alert_of(path), START)["cases"]
    assert facts(case) == facts(expected())


@pytest.mark.parametrize("path", RENDERINGS, ids=named)
def test_a_record_has_one_digest_in_every_rendering(path: Path) -> None:
    """So that the same record, sent twice in two renderings, counts once."""
    events = normalise(read(payload(path))).events
    reference = normalise(read(payload(next(p for p in FILES if named(p) == "xml-single-quotes")))).events
    same = [digest(one) == digest(other) for one, other in zip(events, reference, strict=True)]
    assert same == [named(path) != "columns"] * 5


# --- script blocks --------------------------------------------------------------------------------------------------

SCRIPT = 'Write-Host "x"\r\n\r\nScriptBlock ID: forged\r\niwr https://a.b.workers.dev/'
BLOCK = "d1b0ab3c-4d5f-4a54-9b1a-0a6c1d9f0c11"
BLOCK_TEXT = f"Creating Scriptblock text (2 of 3):\r\n{SCRIPT}\r\n\r\nScriptBlock ID: {BLOCK}\r\nPath: C:\\x.ps1"
POWERSHELL = "Microsoft-Windows-PowerShell"


def _legacy(message: str, code: int, source: str = POWERSHELL) -> str:
    keys = f'ComputerName = "ws-1";\n    EventCode = {code};\n    Message = "{message}";\n    SourceName = "{source}";'
    return f"instance of Win32_NTLogEvent\n{{\n    {keys}\n}};\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(BLOCK_TEXT, id="message text"),
        pytest.param(_legacy(BLOCK_TEXT, 4104), id="legacy"),
        pytest.param(
            json.dumps({"EventID": "4104", "Provider": {"Name": POWERSHELL}, "EventData": "", "Message": BLOCK_TEXT}),
            id="collector",
        ),
        pytest.param(
            json.dumps({"event_id": '{"id":"4104"}', "event_data": "", "system_time": "x", "message": BLOCK_TEXT}),
            id="OpenTelemetry",
        ),
    ],
)
def test_a_script_block_is_read_from_its_message(text: str) -> None:
    (record,) = records.read(text)
    assert record.event_id == 4104
    assert record.data == {
        "MessageNumber": "2",
        "MessageTotal": "3",
        "ScriptBlockText": SCRIPT,
        "ScriptBlockId": BLOCK,
    }


# --- records within records -----------------------------------------------------------------------------------------

EVENT = "<Event><System><EventID>3</EventID></System><EventData/></Event>"


@pytest.mark.parametrize("key", records.CARRIERS)
def test_a_shippers_json_is_looked_into(key: str) -> None:
    for carried in (EVENT, json.dumps({"EventID": 3, "EventData": {}}), f"Mar 11 host sysmon: {EVENT}"):
        (record,) = records.read(json.dumps({"ts": 1, key: carried}))
        assert record.event_id == 3


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"message": json.dumps({"message": EVENT})}, id="twice"),
        pytest.param({"data": EVENT}, id="below another key"),
        pytest.param({"message": {"text": EVENT}}, id="in an object"),
        pytest.param({"message": "a line of a log"}, id="prose"),
        pytest.param({"message": EVENT[:40]}, id="cut off"),
    ],
)
def test_it_is_not_looked_into_any_deeper(document: dict[str, Any]) -> None:
    assert not records.is_record(document)
    with pytest.raises(PayloadError, match="unreadable"):
        records.read(json.dumps(document))


def test_a_module_that_took_everything_out_of_event_data() -> None:
    document = {"winlog": {"event_id": 22}, "process": {"pid": 4}, "dns": {"question": {"name": "a.b"}, "answers": "x"}}
    (record,) = records.read(json.dumps({**document, "sysmon": {"dns": {"status": "DNS_ERROR_RCODE_NAME_ERROR"}}}))
    assert record.data == {"ProcessId": "4", "QueryName": "a.b", "QueryStatus": "9003"}
    (odd,) = records.read(json.dumps({**document, "user": "x", "network": 7, "sysmon": []}))
    assert odd.data == {"ProcessId": "4", "QueryName": "a.b"}


# --- texts that imitate records -------------------------------------------------------------------------------------

LINES = {
    "UtcTime": "2026-03-11 09:14:22.318",
    "ProcessId": "8356",
    "Image": r"C:\x\powershell.exe",
    "CommandLine": "powershell",
    "CurrentDirectory": "C:\\",
    "User": r"CORP\a",
    "ParentImage": r"C:\x\winword.exe",
}


def message(**changes: str) -> str:
    lines = {**LINES, **changes}
    return "Process Create:\n" + "\n".join(f"{name}: {value}" for name, value in lines.items())


def test_line_breaks_that_look_like_nothing_stay_in_the_command_line() -> None:
    (record,) = records.read(message(CommandLine="powershell -c a\n  b: c\nd"))
    assert record.data["CommandLine"] == "powershell -c a\n  b: c\nd"
    assert record.data["ParentImage"] == LINES["ParentImage"]


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param("ParentImage: C:\\Windows\\explorer.exe", id="a parent before the parent"),
        pytest.param("User: NT AUTHORITY\\SYSTEM", id="a user before the user"),
        pytest.param("Image: C:\\chrome.exe", id="an image behind the image"),
        pytest.param("Hashes: MD5=0\nParentUser: x", id="fields that Sysmon did not write"),
    ],
)
def test_a_command_line_forges_no_field(forged: str) -> None:
    (record,) = records.read(message(CommandLine=f"powershell\n{forged}\niwr https://a.b.workers.dev"))
    assert record.data["Image"] == LINES["Image"]
    assert not {"User", "ParentImage", "Hashes", "ParentUser"} & record.data.keys(), "unknown, not wrong"
    assert "https://a.b.workers.dev" in (record.data["CommandLine"] or ""), "no evidence is lost"


def test_a_message_forges_no_key_of_the_legacy_text() -> None:
    line = 'x";\n    EventCode = 5;\n    SourceName = "Other";\n    ComputerName = "ws-2'
    (record,) = records.read(_legacy(message(CommandLine=line), 1, "Microsoft-Windows-Sysmon"))
    assert (record.event_id, record.computer, record.provider) == (1, "ws-1", "Microsoft-Windows-Sysmon")
    assert record.data["ParentImage"] == LINES["ParentImage"]


def test_listed_strings_cannot_make_a_record_another_providers() -> None:
    strings = 'InsertionStrings = {"x\n    SourceName = "Other";\n"};\n    Message = '
    text = _legacy(message(), 1, "Microsoft-Windows-Sysmon").replace("Message = ", strings)
    (record,) = records.read(text)
    assert (record.event_id, record.provider) == (1, None)
    assert record.data["Image"] == LINES["Image"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param('Type = "Error";\nMessage = "x";\n', "EventCode", id="legacy without a code"),
        pytest.param("Dns query:\nno: field", "fields", id="a head and no field"),
        pytest.param("File deleted:\nImage: x", "neither", id="a message of another event"),
        pytest.param("Creating Scriptblock text (1 of 1):\nx", "fields", id="a script block cut off"),
    ],
)
def test_unreadable_text(text: str, says: str) -> None:
    with pytest.raises(PayloadError, match=says) as refused:
        records.read(text)
    assert refused.value.code == "unreadable"


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"event_id": '{"id": "x"}', "system_time": "y"}, id="OpenTelemetry, an id that is no number"),
        pytest.param({"event_id": "{", "system_time": "y"}, id="OpenTelemetry, text that is no JSON"),
        pytest.param({"EventID": "x", "EventData": {}}, id="collector, an id that is no number"),
    ],
)
def test_unreadable_json(document: dict[str, Any]) -> None:
    with pytest.raises(PayloadError, match="unreadable"):
        records.read(json.dumps(document))


def test_metadata_alone_is_a_record_that_says_little() -> None:
    (record,) = records.read(json.dumps({"EventID": "3", "Computer": "ws-1", "EventData": {}, "UserData": ""}))
    assert (record.event_id, record.computer, record.data) == (3, "ws-1", {})


# --- whatever comes -------------------------------------------------------------------------------------------------

TEXTS = [(row.text or "") for path in FILES for row in alert_of(path).rows[:2]]
PIECE = st.sampled_from(
    ["", '"', "\\", "\n", "{", "}", ";", "Image: x\n", 'Message = "', "Process Create:\n", "\x00", "<Event>", "[["]
)


@given(st.sampled_from(TEXTS), st.floats(0, 1), st.floats(0, 1), PIECE)
def test_a_damaged_record_is_a_record_or_unreadable(text: str, start: float, end: float, piece: str) -> None:
    """Cut anywhere, with anything put in: no other error, and whatever is read can become an event or a reason."""
    at, to = sorted((int(start * len(text)), int(end * len(text))))
    found = normalise(Alert(kind=Kind.SYSMON, rows=(Row(index=0, text=text[:at] + piece + text[to:]),)))
    assert bool(found.events) is not bool(found.dropped)
