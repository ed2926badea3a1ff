from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from enricher.core import records
from enricher.core.files import MOST_RECORDS, decode, read_files
from enricher.core.records import event_xml, is_record
from enricher.errors import PayloadError
from enricher.model import Kind

CORPUS = Path(__file__).parents[1] / "data" / "sysmon-events"
FILES = [
    path for path in sorted(CORPUS.rglob("*")) if path.suffix in {".xml", ".json", ".log"} and path.name != "manifest.json"
]
XML = (CORPUS / "variants" / "01-wevtutil-single-quotes.xml").read_text().strip()
DATA = {"Image": r"C:\x.exe", "ProcessId": "4", "UtcTime": "2026-03-11 16:00:00.100"}


def event(data: str = "<Data Name='Image'>x</Data>", event_id: str = "3") -> str:
    return f"<Event><System><EventID>{event_id}</EventID></System><EventData>{data}</EventData></Event>"


# --- every file reads -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORPUS)))
def test_corpus(path: Path) -> None:
    (record,) = records.read(decode(path.read_bytes()))
    assert record.event_id in {1, 3, 11, 22, 4104}
    assert record.computer
    assert record.event_id == 4104 or record.data["UtcTime"]


PREFIXED = (
    "<e:Event xmlns:e='u'><e:System><e:EventID>3</e:EventID></e:System>"
    "<e:EventData><e:Data Name='Image'>x</e:Data></e:EventData></e:Event>"
)


# --- XML ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(event(), id="plain"),
        pytest.param(event().replace("<EventID>", "<EventID Qualifiers='16384'>"), id="qualifiers"),
        pytest.param("<?xml version='1.0' encoding='utf-16'?>\n" + event(), id="a declaration that is no longer true"),
        pytest.param("Mar 11 16:05:01 build-07 sysmon[912]: " + event() + "\n", id="syslog"),
        pytest.param("<Events>" + event() + "</Events>", id="wrapper"),
        pytest.param(PREFIXED, id="prefix"),
        pytest.param(event("<!-- c --><?pi x?><Data Name='Image'>x</Data>"), id="comments"),
        pytest.param(event("<Data Name='Image'><![CDATA[x]]></Data>"), id="CDATA"),
        pytest.param(event("<Data Name='Image'>\x00x\x1b</Data>"), id="control characters"),
        pytest.param(
            event("<Data Name='Image'>&#0;x&#x1B;&#99999999;</Data>").replace("&#99999999;", ""), id="references to them"
        ),
        pytest.param(event("<Data Name='Image'>x\ud83d</Data>"), id="half a surrogate pair"),
    ],
)
def test_xml(text: str) -> None:
    (record,) = records.read(text)
    assert record.event_id == 3
    assert (record.data["Image"] or "").rstrip("?") == "x"


BILLION = "<!DOCTYPE l [<!ENTITY a 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10)) + "]>"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "neither", id="empty"),
        pytest.param("Process Create:\nno field in it", "fields", id="a message without fields"),
        pytest.param(XML[:900], "XML", id="cut off"),
        pytest.param("<Event/>", "EventID", id="an empty event"),
        pytest.param(event(event_id="three"), "EventID", id="an id that is no number"),
        pytest.param(BILLION + event("<Data Name='Image'>&a9;</Data>"), "DOCTYPE", id="billion laughs"),
        pytest.param("<!DOCTYPE Event SYSTEM 'http://127.0.0.1:1/x.dtd'>" + event(), "DOCTYPE", id="external DTD"),
        pytest.param("<!DOCTYPE x [<!ENTITY e '<Event '>]>" + event(), "DOCTYPE", id="a DOCTYPE that imitates an event"),
        pytest.param("<Event>" + BILLION + event()[7:], "XML", id="a DOCTYPE within"),
        pytest.param(event("<Data Name='Image'>&xxe;</Data>"), "XML", id="an entity of nobody"),
        pytest.param(event("<Data Name='&xxe;'>x</Data>"), "XML", id="an entity in an attribute"),
        pytest.param("<Event>" * 100_000, "XML", id="100,000 elements deep"),
        pytest.param(event("<Data Name='Image'>" + "x" * 2_100_000 + "</Data>"), "limit", id="over 2 MiB"),
        pytest.param("<Event" + " a='" * 1000, "XML", id="attributes without an end"),
    ],
)
def test_unreadable_xml(text: str, says: str) -> None:
    with pytest.raises(PayloadError, match=says) as refused:
        records.read(text)
    assert refused.value.code == "unreadable"
    assert len(refused.value.detail) < 300


def test_no_file_is_opened_for_an_external_entity(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    doctype = f"<!DOCTYPE Event [<!ENTITY e SYSTEM '{secret.as_uri()}'>]>"
    with pytest.raises(PayloadError, match="DOCTYPE"):
        records.read(doctype + event("<Data Name='Image'>&e;</Data>"))


def test_several_events_in_one_text() -> None:
    assert [record.event_id for record in records.read(event() + "\n" + event(event_id="22"))] == [3, 22]
    assert [record.event_id for record in records.read(event() + event(event_id="22")[:60])] == [3], "the second is cut off"


def test_split_leaves_headers_and_wrappers() -> None:
    text = f"<?xml version='1.0'?><Events>\n{event()}\nMar 11 host sysmon: {event(event_id='22')}</Events>"
    assert event_xml.split(text) == [event(), event(event_id="22")]


# --- JSON -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"EventID": 3, "Hostname": "ws-1", "SourceName": "Microsoft-Windows-Sysmon", **DATA}, id="NXLog"),
        pytest.param({"winlog": {"event_id": "3", "computer_name": "ws-1", "event_data": DATA}}, id="Winlogbeat"),
        pytest.param(
            {"winlog": {"event_id": 3, "event_data": DATA}, "host": {"name": "ws-1"}}, id="Winlogbeat, host beside"
        ),
        pytest.param({"event_id": 3, "computer_name": "ws-1", "event_data": DATA}, id="Winlogbeat, older"),
        pytest.param({"Event": {"System": {"EventID": 3, "Computer": "ws-1"}, "EventData": DATA}}, id="Event"),
        pytest.param({"System": {"EventID": "3", "Computer": "ws-1"}, "EventData": DATA}, id="Event, unwrapped"),
        pytest.param(
            {
                "Event": {
                    "System": {"EventID": {"#text": "3", "@Qualifiers": ""}, "Computer": "ws-1"},
                    "EventData": {"Data": [{"@Name": name, "#text": value} for name, value in DATA.items()]},
                }
            },
            id="Event, Data as a list",
        ),
        pytest.param(
            {
                "Event": {
                    "#attributes": {"xmlns": "u"},
                    "System": {"EventID": {"#text": 3}, "Computer": "ws-1"},
                    "EventData": DATA,
                }
            },
            id="Event, attributes apart",
        ),
        pytest.param(
            {"EventID": "3", "Computer": "ws-1", "Provider": {"Name": "Microsoft-Windows-Sysmon"}, "EventData": DATA},
            id="collector",
        ),
    ],
)
def test_json(document: dict[str, object]) -> None:
    text = orjson.dumps(document).decode()
    assert is_record(document)
    for written in (text, f"Mar 11 host nxlog: {text}", f"[{text}]"):
        (record,) = records.read(written)
        assert (record.event_id, record.computer) == (3, "ws-1")
        assert {name: record.data[name] for name in DATA} == DATA


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{}", id="empty"),
        pytest.param("[{}]", id="empty in a list"),
        pytest.param("[[]]", id="a list in a list"),
        pytest.param('{"EventID": ', id="cut off"),
        pytest.param('{"EventID": {"EventID": 3}, "Image": "x"}', id="nested id"),
        pytest.param('{"winlog": {"event_id": 3, "event_data": "x"}}', id="data that is no object"),
        pytest.param('{"a":' * 50_000, id="deep"),
    ],
)
def test_unreadable_json(text: str) -> None:
    with pytest.raises(PayloadError) as refused:
        records.read(text)
    assert refused.value.code == "unreadable"


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        pytest.param(XML.encode(), 1, id="one event"),
        pytest.param(f"{XML}\n{XML}{XML}".encode(), 3, id="three, concatenated"),
        pytest.param(f"<?xml version='1.0'?>\n<Events>{XML}{XML}</Events>".encode(), 2, id="wrapped"),
        pytest.param(f"Mar 11 a sysmon: {event()}\nMar 11 a sysmon: {event()}\n".encode(), 2, id="syslog lines"),
        pytest.param(b"\xef\xbb\xbf" + XML.encode(), 1, id="UTF-8 with mark"),
        pytest.param(XML.encode("utf-16"), 1, id="UTF-16 with mark"),
        pytest.param(XML.encode("utf-16-be"), 1, id="UTF-16 without"),
        pytest.param(orjson.dumps({"EventID": 3, **DATA}), 1, id="a JSON object"),
        pytest.param(orjson.dumps([{"EventID": 3, **DATA}] * 4), 4, id="a JSON list"),
        pytest.param(
            orjson.dumps({"EventID": 3, **DATA}) + b"\n\n" + orjson.dumps({"EventID": 3}) + b"\n", 2, id="JSON lines"
        ),
        pytest.param(
            b'Mar 11 a nxlog: {"EventID": 3, "Image": "x"}\nMar 11 a nxlog: {"EventID": 3, "Image": "y"}\n',
            2,
            id="JSON behind syslog",
        ),
    ],
)
def test_files(content: bytes, rows: int) -> None:
    alert = read_files([("one", content), ("two", event().encode())])
    assert (alert.kind, alert.rows_total, len(alert.rows)) == (Kind.SYSMON, rows + 1, rows + 1)
    assert [row.name for row in alert.rows] == ["one"] * rows + ["two"]
    assert [row.index for row in alert.rows] == list(range(rows + 1))
    for row in alert.rows:
        assert records.read(row.text or "")


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"hello", b"\xff\xfe", b"[]", b"{", BILLION.encode() + event().encode() * 3]
)
def test_a_file_without_a_record_is_a_row_to_be_dropped(content: bytes) -> None:
    (row,) = read_files([("odd", content)]).rows
    with pytest.raises(PayloadError, match="unreadable"):
        records.read(row.text or "")


def test_too_many_records() -> None:
    with pytest.raises(PayloadError) as refused:
        read_files([("many", b"[" + b"1," * MOST_RECORDS + b"1]")])
    assert refused.value.code == "too_many_rows"
