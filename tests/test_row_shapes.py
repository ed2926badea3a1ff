"""What rows may look like, from the body to the case: one table for each thing that the service must bear."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enricher.core.document import Json
from enricher.lookups import NoLookups
from enricher.wiring.flow import Flow
from tests.fakes import START, guid, packaged_programs

FLOW = Flow(packaged_programs, NoLookups(), None, owner=False)

CURL = r"C:\Windows\System32\curl.exe"
NAME = "a.example-lab.workers.dev"
TENANT = "example-lab.workers.dev"
AT = "2026-03-12T14:05:01.000Z"
QUERY: Json = {
    "_sourcehost": "WS-1.corp.example",
    "event_id": "22",
    "process_guid": guid(1),
    "process_image": CURL,
    "query_name": NAME,
}


def explained(results: object, **keys: object) -> Json:
    return FLOW.explain(json.dumps({"triggerType": "Critical", "name": "m", "results": results, **keys}).encode(), START)


def case_of(*rows: Json, **keys: object) -> Json:
    """The one case that the rows become; none of them is dropped."""
    document = explained(json.dumps(rows), **keys)
    assert document["dropped"] == []
    (case,) = document["cases"]
    found: Json = case
    return found


def xml(event_id: int, computer: str = "WS-1.corp.example", **data: str) -> str:
    named = "".join(f"<Data Name='{name}'>{value}</Data>" for name, value in data.items())
    system = f"<Provider Name='Microsoft-Windows-Sysmon'/><EventID>{event_id}</EventID><Computer>{computer}</Computer>"
    return f"<Event><System>{system}</System><EventData>{named}</EventData></Event>"


# --- 1: the value of the rows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "results",
    [
        pytest.param(json.dumps([QUERY]), id="text"),
        pytest.param([QUERY], id="list"),
        pytest.param(QUERY, id="object"),
        pytest.param(json.dumps(QUERY), id="an object as text"),
        pytest.param(json.dumps(json.dumps([QUERY])), id="encoded twice"),
    ],
)
def test_rows_in_every_form(results: object) -> None:
    (case,) = explained(results)["cases"]
    assert (case["tenant"], case["rows"]) == (TENANT, [0])


@pytest.mark.parametrize("results", ["", "[]", "null", None, [], "{{ResultsJson}}"])
def test_no_rows_in_every_form(results: object) -> None:
    document = explained(results)
    assert (document["input"]["kind"], document["cases"], document["dropped"]) == ("monitor", [], [])


# --- 2: the keys of a row -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["Time", "_messagetime", "_messageTime", "first_seen", "FIRST_SEEN", "Timeslice"])
def test_a_time_by_every_name(key: str) -> None:
    assert case_of({**QUERY, key: 1773324301000})["first_seen"] == AT


@pytest.mark.parametrize("key", ["Host", "_sourcehost", "_sourceHost", "_SOURCEHOST", "Computer", "device_hostname"])
def test_a_host_by_every_name(key: str) -> None:
    row = {name: value for name, value in QUERY.items() if name != "_sourcehost"}
    assert case_of({**row, key: "WS-1"})["host"] == "ws-1"


@pytest.mark.parametrize("key", ["Message", "_raw", "message", "_RAW"])
def test_a_record_by_every_name(key: str) -> None:
    assert case_of({key: xml(22, ProcessGuid=guid(1), Image=CURL, QueryName=NAME)})["tenant"] == TENANT


@pytest.mark.parametrize("key", ["Count", "_count", "COUNT"])
def test_a_count_by_every_name(key: str) -> None:
    assert case_of({**QUERY, key: 5})["count"] == 5


# --- 3: what is missing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nothing", [{}, {"command_line": None, "parent_image": None}, {"command_line": "", "parent_image": "-"}]
)
def test_a_null_is_missing_and_said_to_be(nothing: Json) -> None:
    case = case_of({**QUERY, **nothing})
    assert (case["process"]["command_line"], case["lineage"]) == (None, [])
    assert case == case_of(QUERY)
    assert any(fact.startswith("parent process") for fact in case["missing"])


# --- 4: numbers and truths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("written", "count"), [(1545, 1545), ("1545", 1545), ("1,545", 1545), (7.0, 7), ("7.0", 7)])
def test_a_number_in_every_form(written: object, count: int) -> None:
    assert case_of({**QUERY, "Count": written})["count"] == count


@pytest.mark.parametrize("written", ["true", "1", 1, True, "TRUE", 1.0, "1.0"])
def test_a_truth_in_every_form(written: object) -> None:
    row = {**QUERY, "event_id": "3", "dest_hostname": NAME, "dest_ip": "203.0.113.24", "dest_port": "443"}
    said = case_of({**row, "is_suspicious": written, "initiated": written})
    assert said["drift"] == case_of({**row, "is_suspicious": "1"})["drift"]


@pytest.mark.parametrize("written", ["false", "0", 0, False, "0.0"])
def test_an_untruth_in_every_form(written: object) -> None:
    row = {**QUERY, "event_id": "3", "dest_hostname": NAME, "dest_ip": "203.0.113.24", "initiated": written}
    (gone,) = explained([row])["dropped"]
    assert gone["reason"].startswith("inbound")


@pytest.mark.parametrize("written", [3, 3.0, "3", "3.0"])
def test_an_event_id_in_every_form(written: object) -> None:
    row = {**QUERY, "event_id": written, "dest_hostname": NAME, "dest_ip": "203.0.113.24", "dest_port": "443.0"}
    assert case_of(row)["destination"]["port"] == 443


# --- 5: characters --------------------------------------------------------------------------------------------------

LONG = "curl.exe " + "x" * 200_000


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param("curl &quot;a&quot; &lt;b&gt; c&amp;d", 'curl "a" <b> c&d', id="XML entities"),
        pytest.param("curl \x00\x1b[31m\x07x", "curl [31mx", id="control characters"),
        pytest.param("curl Größe 検査", "curl Größe 検査", id="other alphabets"),
    ],
)
def test_the_characters_of_a_value(written: str, meant: str) -> None:
    assert case_of({**QUERY, "command_line": written})["process"]["command_line"] == meant


def test_a_very_long_line_is_cut_visibly() -> None:
    line = case_of({**QUERY, "command_line": LONG})["process"]["command_line"]
    assert line.startswith("curl.exe xxx")
    assert len(line) < 10_000


def test_columns_cut_out_of_raw_json_have_every_backslash_twice() -> None:
    plain = {
        **QUERY,
        "command_line": 'curl.exe -o "C:\\Users\\a b\\x" \\\\nas\\y',
        "username": "CORP\\a",
        "parent_image": "C:\\p.exe",
    }
    escaped = {key: json.dumps(value, ensure_ascii=False)[1:-1] for key, value in plain.items()}
    assert escaped["process_image"] == r"C:\\Windows\\System32\\curl.exe"
    assert case_of(escaped) == case_of(plain)


# --- 6: hosts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "host"),
    [
        pytest.param("WS-1.CORP.EXAMPLE", "ws-1.corp.example", id="upper case"),
        pytest.param("ws-1.corp.example.", "ws-1.corp.example", id="trailing dot"),
        pytest.param("-", "", id="dash: unknown"),
        pytest.param("10.20.4.31", "10.20.4.31", id="address"),
        pytest.param("ws-1.corp.example:5985", "ws-1.corp.example", id="port"),
    ],
)
def test_a_host_in_every_form(written: str, host: str) -> None:
    assert case_of({**QUERY, "_sourcehost": written})["host"] == host


@pytest.mark.parametrize("written", [NAME.upper(), f"{NAME}.", f"{NAME}:443"])
def test_a_contacted_name_in_every_form(written: str) -> None:
    assert case_of({**QUERY, "query_name": written})["hostname"] == NAME


# --- 7: two rows of one process -------------------------------------------------------------------------------------


def test_a_query_without_address_and_a_connection_without_name_are_joined() -> None:
    connection = {
        **QUERY,
        "event_id": "3",
        "query_name": "-",
        "dest_hostname": "-",
        "dest_ip": "203.0.113.24",
        "dest_port": "443",
    }
    case = case_of({**QUERY, "dest_ip": "-"}, connection)
    assert (case["rows"], case["hostname"], case["destination"]["ip"]) == ([0, 1], NAME, "203.0.113.24")


# --- 8: users -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "user", [r"CORP\m.alvarez", "m.alvarez@corp.example", "S-1-5-21-1-2-3-1103", r"NT AUTHORITY\SYSTEM"]
)
def test_a_user_in_every_form(user: str) -> None:
    assert case_of({**QUERY, "username": user})["user"] == user


# --- 9: cut rows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "total", "says"),
    [
        pytest.param([QUERY] * 200, "1,204", "rows: 200 of 1204 received", id="200 aggregate rows of more"),
        pytest.param([QUERY] * 200, None, "rows: 200 of an unknown number", id="exactly 200, and no number"),
        pytest.param(
            [{"_raw": xml(22, Image=CURL, QueryName=NAME)}] * 10, "37", "rows: 10 of 37 received", id="10 raw messages"
        ),
    ],
)
def test_rows_that_were_cut_are_said_to_be(rows: list[Json], total: str | None, says: str) -> None:
    document = explained(json.dumps(rows), numQueryResults=total)
    assert document["input"]["truncated"] is True
    assert any(fact.startswith(says) for fact in document["cases"][0]["missing"])


# --- 10: raw text alone ---------------------------------------------------------------------------------------------

DATA = {"UtcTime": "2026-03-12 14:05:01.000", "ProcessGuid": guid(1), "Image": CURL, "QueryName": NAME}
TEXT = "Dns query:\r\n" + "\r\n".join(f"{name}: {value}" for name, value in DATA.items())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(xml(22, **DATA), id="XML"),
        pytest.param(json.dumps({"EventID": "22", "Computer": "WS-1.corp.example", "EventData": DATA}), id="JSON"),
        pytest.param(
            f'instance of Win32_NTLogEvent\n{{\n  Computer = "WS-1.corp.example";\n  EventCode = 22;\n  Message = "{TEXT}";\n}};',
            id="legacy text",
        ),
        pytest.param(
            json.dumps(
                {
                    "metadata_deviceEventId": "Microsoft-Windows-Sysmon/Operational-22",
                    "device_hostname": "ws-1.corp.example",
                    "timestamp": 1773324301000,
                    "baseImage": CURL,
                    "pid": 3312,
                    "dns_query": NAME,
                    "fields": {"EventData.ProcessGuid": guid(1)},
                }
            ),
            id="a Cloud SIEM record",
        ),
    ],
)
def test_raw_text_alone_is_evidence(text: str) -> None:
    case = case_of({"Message": text})
    assert (case["host"], case["hostname"], case["first_seen"]) == ("ws-1.corp.example", NAME, AT)
    assert case["process"]["guid"] == guid(1).strip("{}").upper()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/hostname'>]>" + xml(22, QueryName="&e;"), id="DTD"),
        pytest.param(xml(22, QueryName="&e;"), id="an entity"),
        pytest.param("hello", id="prose"),
        pytest.param('{"a": {"b": 1}}', id="JSON of something else"),
    ],
)
def test_raw_text_that_cannot_be_read_is_dropped_with_a_reason(text: str) -> None:
    (gone,) = explained([{"Message": text}])["dropped"]
    assert gone["reason"].startswith("unreadable")
    assert case_of({"Message": text, **QUERY})["tenant"] == TENANT, "columns stand in for it"


# --- 11: times ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(1773324301000, id="epoch milliseconds"),
        pytest.param("1773324301000", id="as text"),
        pytest.param("1,773,324,301,000", id="with commas"),
        pytest.param(1773324301, id="epoch seconds"),
        pytest.param("1773324301.0", id="epoch seconds as a double"),
        pytest.param("03/12/2026 02:05:01 PM UTC", id="American, UTC"),
        pytest.param("03/12/2026 10:05:01 AM -0400", id="American, an offset"),
        pytest.param("2026-03-12T14:05:01.000", id="ISO without zone is UTC"),
        pytest.param("2026-03-12T15:05:01+01:00", id="ISO with a zone"),
        pytest.param("2026-03-12 07:05:01,000 -0700", id="as log4j writes it"),
    ],
)
def test_a_time_in_every_form(written: object) -> None:
    assert case_of({**QUERY, "first_seen": written})["first_seen"] == AT


@pytest.mark.parametrize("zone", ["CDT", "EST", "IST", ""])
def test_a_zone_that_cannot_be_read_for_sure_is_no_time(zone: str) -> None:
    """IST alone is India, Ireland or Israel: hours off would join what does not belong together."""
    case = case_of({**QUERY, "first_seen": f"03/12/2026 02:05:01 PM {zone}".strip()})
    assert case["first_seen"] is None


def test_the_order_of_rows_and_keys_does_not_matter() -> None:
    rows: list[dict[str, Any]] = [QUERY, {**QUERY, "query_name": f"b.{TENANT}", "Time": 1773324301000}]
    turned = [dict(reversed(row.items())) for row in reversed(rows)]
    one, other = case_of(*rows), case_of(*turned)
    assert one["key"] == other["key"]
    assert one["ledger_digest"] == other["ledger_digest"]
