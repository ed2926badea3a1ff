from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core import columns
from enricher.core.normalise import Normalised, digest, normalise
from enricher.core.payload import read, read_files
from enricher.model import Alert, Connection, DnsQuery, Dropped, Event, FileCreate, Kind, ProcessCreate, Row, ScriptBlock

DATA = Path(__file__).parents[1] / "data"
VARIANTS = sorted((DATA / "sysmon-events" / "variants").glob("0*"))
GUID = "7C1E2B40-96D1-65F0-3B12-00000000A100"
AT = datetime(2026, 3, 12, 14, 9, 57, 902000, tzinfo=UTC)


def payload(name: str) -> Normalised:
    return normalise(read((DATA / "sumo-payloads" / f"{name}.json").read_bytes()))


def folder(name: str) -> Normalised:
    paths = sorted((DATA / "sysmon-events" / name).glob("*.*"))
    return normalise(read_files([(path.name, path.read_bytes()) for path in paths]))


def rows(*given_rows: dict[str, Any]) -> Normalised:
    """Read rows as a monitor would send them."""
    return normalise(read(orjson.dumps({"triggerType": "Critical", "results": orjson.dumps(given_rows).decode()})))


def one(**row: Any) -> Event:
    read_rows = rows(row)
    assert read_rows.dropped == ()
    return read_rows.events[0]


def xml(
    event_id: int, computer: str | None = "WS-1.corp.example", provider: str = "Microsoft-Windows-Sysmon", **data: str
) -> str:
    named = "".join(f"<Data Name='{name}'>{value}</Data>" for name, value in data.items())
    host = f"<Computer>{computer}</Computer>" if computer else ""
    system = f"<Provider Name='{provider}'/><EventID>{event_id}</EventID><Execution ProcessID='88'/>{host}"
    return f"<Event><System>{system}</System><EventData>{named}</EventData></Event>"


CONNECTION = xml(
    3, UtcTime="2026-03-12 14:09:57.902", ProcessGuid=f"{{{GUID.lower()}}}", ProcessId="7316", DestinationIp="203.0.113.24"
)
COLUMNS = {
    "Host": "WS-1",
    "event_id": "3",
    "process_guid": GUID,
    "process_image": r"C:\x\node.exe",
    "dest_ip": "203.0.113.24",
}


# --- the corpus and the example payloads ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", VARIANTS[:7], ids=lambda path: path.stem)
def test_seven_renderings_are_one_event(path: Path) -> None:
    (first,) = normalise(read_files([("", VARIANTS[0].read_bytes())])).events
    (event,) = normalise(read_files([("", path.read_bytes())])).events
    assert event == first
    assert digest(event) == digest(first)


def test_whole_corpus() -> None:
    paths = [path for path in (DATA / "sysmon-events").rglob("*.*") if path.name != "manifest.json"]
    read_all = normalise(read_files([(path.name, path.read_bytes()) for path in paths]))
    assert len(read_all.events) == len(paths) == 259
    assert read_all.dropped == ()
    assert all(event.computer and event.at and event.observed and event.pid for event in read_all.events)


def test_process_create() -> None:
    event = folder("test1-powershell-workers").events[1]
    assert isinstance(event, ProcessCreate)
    assert event.version_info["original_file_name"] == "PowerShell.EXE"
    assert set(event.version_info) == {"company", "product", "description", "original_file_name"}
    assert set(event.hashes) == {"md5", "sha256", "imphash"}
    assert event.parent_image == r"C:\Windows\System32\cmd.exe"
    assert event.parent_guid is not None


def test_linux_process_create_says_what_was_delivered_empty() -> None:
    (event,) = normalise(read_files([("", VARIANTS[7].read_bytes())])).events
    assert isinstance(event, ProcessCreate)
    assert event.version_info == {"company": None, "product": None, "description": None, "original_file_name": None}
    assert (event.hashes, event.parent_guid, event.parent_pid, event.parent_image) == ({}, None, 21870, None)
    assert (event.computer, event.user, event.at) == (
        "build-07",
        "www-data",
        datetime(2026, 3, 11, 16, 5, 1, 117000, tzinfo=UTC),
    )


def test_script_block_is_of_the_process_that_ran_it() -> None:
    event = folder("test1-powershell-workers").events[2]
    assert isinstance(event, ScriptBlock)
    assert (event.pid, event.guid, event.part, event.parts) == (8356, None, 1, 1)
    assert event.block_id == "b2f0d1f4-6a57-4a4b-9c1a-2f6f1f1f9a01"
    assert "workers.dev/beacon'" in event.text
    assert event.at == datetime(2026, 3, 11, 9, 14, 23, 4000, tzinfo=UTC), "SystemTime, for it has no UtcTime"


def test_file_create() -> None:
    event = folder("test3-wscript-appsscript").events[1]
    assert isinstance(event, FileCreate)
    assert event.target == r"C:\Users\amartin\AppData\Local\Temp\df00tech_gapps_test.js"


def test_unknown_process_is_a_null_image() -> None:
    query = folder("edge-cases/unknown-process").events[1]
    assert isinstance(query, DnsQuery)
    assert (query.image, query.user) == (None, None)
    assert query.guid == "7F3A91C4-75E3-69B1-5E0A-000000001B00"
    assert (query.status, query.answers) == (0, ("3.74.118.9", "18.196.4.77"))


def test_zero_guid_is_no_key() -> None:
    assert {event.guid for event in folder("edge-cases/zero-guid").events} == {None}


def test_aggregate_monitor() -> None:
    read_all = payload("monitor-alert-aggregate")
    assert read_all.dropped == ()
    query, connection, other = read_all.events
    assert isinstance(query, DnsQuery)
    assert isinstance(connection, Connection)
    assert isinstance(other, DnsQuery)
    assert (query.name, query.answers, query.status) == ("beacon-7f.example-lab.workers.dev", None, None)
    assert (query.computer, query.guid, query.pid, query.user) == (
        "ws-fin-0142.corp.example",
        GUID,
        7316,
        r"CORP\m.alvarez",
    )
    assert (query.count, query.observed) == (5, False)
    assert (query.at, query.last_at) == (
        datetime(2026, 3, 12, 14, 5, 1, tzinfo=UTC),
        datetime(2026, 3, 12, 14, 9, 58, 441000, tzinfo=UTC),
    )
    assert (connection.ip, connection.port, connection.hostname) == ("203.0.113.24", 443, None)
    assert (other.count, other.last_at) == (1, None)


def test_monitor_with_records() -> None:
    read_all = payload("monitor-alert")
    assert [type(event) for event in read_all.events] == [Connection] * 3
    assert all(event.observed and event.at == AT for event in read_all.events)
    assert read_all.events[2].user == r"KIOSK-03\svc & kiosk"


def test_scheduled_search() -> None:
    aggregate, build, raw = payload("scheduled-search").events
    assert isinstance(aggregate, Connection)
    assert isinstance(build, Connection)
    assert isinstance(raw, Connection)
    assert (aggregate.hostname, aggregate.count) == ("beacon-7f.example-lab.workers.dev", 9)
    assert (build.computer, build.count, build.at) == (
        "build-11.corp.example",
        2,
        datetime(2026, 3, 12, 13, 30, tzinfo=UTC),
    )
    assert (raw.observed, raw.hostname, raw.guid) == (True, None, GUID)


# --- rows (sumo-logic, the list of what rows may be) ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "host"),
    [("Time", "Host"), ("_messagetime", "_sourcehost"), ("_messageTime", "computer"), ("first_seen", "HOSTNAME")],
)
def test_keys_in_any_case_and_by_any_name(time: str, host: str) -> None:
    event = one(**{time: "1,773,324,597,902", host: "WS-1.corp.example."}, dest_hostname="a.workers.dev", _COUNT="1,204")
    assert (event.at, event.computer, event.count) == (AT, "ws-1.corp.example", 1204)


@pytest.mark.parametrize("value", [None, "", "-", "?"])
def test_null_columns_make_no_process(value: str | None) -> None:
    assert len(rows({**COLUMNS, "command_line": value, "parent_image": value}).events) == 1


@pytest.mark.parametrize("pid", [7316, "7316", "7,316", "7316.0", 7316.0])
def test_numbers_in_any_form(pid: object) -> None:
    assert one(**COLUMNS, process_id=pid).pid == 7316


def test_entities_backslashes_and_control_characters() -> None:
    event = one(**COLUMNS, username="CORP\\Jürgen &amp; Söhne\x00\x07")
    assert event.user == "CORP\\Jürgen & Söhne"


@pytest.mark.parametrize(
    ("host", "computer"),
    [
        ("WS-1.CORP.example", "ws-1.corp.example"),
        ("ws-1.", "ws-1"),
        ("-", ""),
        ("10.0.0.7", "10.0.0.7"),
        ("ws-1:5986", "ws-1"),
    ],
)
def test_hosts(host: str, computer: str) -> None:
    assert one(Host=host, dest_ip="203.0.113.24").computer == computer


@pytest.mark.parametrize(
    "user", [r"D\u", "u@d.example", "S-1-5-21-1712426984-1618080182-1209977580-1126", r"NT AUTHORITY\SYSTEM"]
)
def test_users_stay_as_given(user: str) -> None:
    assert one(**COLUMNS, username=user).user == user


def test_a_query_without_address_and_a_connection_without_name_share_the_process() -> None:
    query = {**COLUMNS, "event_id": 22, "dest_ip": "-", "dest_hostname": "a.b.workers.dev"}
    first, second = rows(query, {**COLUMNS, "dest_hostname": "-"}).events
    assert isinstance(first, DnsQuery)
    assert isinstance(second, Connection)
    assert first.guid == second.guid == GUID


@pytest.mark.parametrize(
    ("row", "answers"),
    [
        pytest.param({}, None, id="none at hand"),
        pytest.param({"dest_ip": "::ffff:203.0.113.24"}, ("203.0.113.24",), id="an address column counts as an answer"),
        pytest.param(
            {"query_results": "type:  5 x.example;::ffff:1.2.3.4;", "dest_ip": "9.9.9.9"}, ("1.2.3.4",), id="results win"
        ),
    ],
)
def test_answers_of_a_row(row: dict[str, str], answers: tuple[str, ...] | None) -> None:
    event = one(event_id="22", dest_hostname="a.workers.dev", query_status="0", **row)
    assert isinstance(event, DnsQuery)
    assert (event.answers, event.status) == (answers, 0)


def test_a_name_is_a_connection_where_nothing_says_that_it_was_asked_for() -> None:
    event = one(Host="ws-1", query_name="a.workers.dev")
    assert isinstance(event, Connection)
    assert event.hostname == "a.workers.dev"


def test_event_1_as_columns() -> None:
    event = one(
        Host="ws-1",
        event_id="1",
        image="c:\\x.exe",
        command_line="x /y",
        hashes="SHA256=AB",
        original_file_name="Y.EXE",
        ppid=4,
    )
    assert isinstance(event, ProcessCreate)
    assert (event.observed, event.command_line, event.version_info) == (False, "x /y", {"original_file_name": "Y.EXE"})


# --- text and columns on one row ------------------------------------------------------------------------------------


def test_text_wins_and_columns_fill() -> None:
    (event,) = rows(
        {"Message": CONNECTION, "dest_ip": "9.9.9.9", "dest_hostname": "a.workers.dev", "process_image": "c:\\x.exe"}
    ).events
    assert isinstance(event, Connection)
    assert (event.ip, event.hostname, event.image, event.observed) == ("203.0.113.24", "a.workers.dev", "c:\\x.exe", True)


@pytest.mark.parametrize("first", [{"Message": CONNECTION}, COLUMNS], ids=["text", "columns"])
def test_columns_about_the_process_become_its_event_1(first: dict[str, str]) -> None:
    event, process = rows({**first, "command_line": "node a.js", "parent_image": "c:\\p.exe", "Count": 7}).events
    assert isinstance(process, ProcessCreate)
    assert (process.command_line, process.parent_image, process.version_info) == ("node a.js", "c:\\p.exe", {})
    assert (process.guid, process.pid, process.image) == (event.guid, event.pid, event.image)
    assert (process.computer, process.row) == (event.computer, event.row)
    assert (process.observed, process.at, process.count) == (False, None, 1)


def test_an_event_1_needs_no_second_one() -> None:
    (event,) = rows({"Message": xml(1, Image="c:\\x.exe"), "command_line": "x /y"}).events
    assert isinstance(event, ProcessCreate)
    assert (event.command_line, event.observed) == ("x /y", True)


@pytest.mark.parametrize(
    "text", ["Process Create: …", CONNECTION[:200], '{"foo": 1}'], ids=["prose", "cut off", "other JSON"]
)
def test_columns_stand_in_for_a_text_that_cannot_be_read(text: str) -> None:
    event = one(Message=text, **COLUMNS)
    assert isinstance(event, Connection)
    assert event.observed is False


def test_a_record_without_computer_has_the_rows_host() -> None:
    assert one(Message=xml(3, computer=None), Host="WS-9").computer == "ws-9"
    assert one(Message=xml(3, computer="-"), Host="WS-9").computer == "ws-9"
    assert one(Message=xml(3, computer=None)).computer == "", "kept: the case says that the host is unknown"


def test_a_record_without_time_has_the_rows() -> None:
    assert one(Message=xml(3), Time=1773324597902).at == AT


def test_several_records_in_one_row() -> None:
    read_rows = rows({"Message": CONNECTION + xml(5) + xml(22, QueryName="a.b"), "command_line": "x"})
    assert [type(event) for event in read_rows.events] == [Connection, DnsQuery]
    assert read_rows.dropped == ()


# --- rows that are dropped ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param({"Message": xml(5)}, "event_id: 5 is not read", id="another Sysmon event"),
        pytest.param(
            {"Message": xml(5), **COLUMNS}, "event_id: 5 is not read", id="the text says so, whatever the columns"
        ),
        pytest.param(
            {"Message": xml(3, provider="Other-Driver")}, "event_id: 3 of Other-Driver is not read", id="another provider"
        ),
        pytest.param(
            {"Message": xml(4104)}, "event_id: 4104 of Microsoft-Windows-Sysmon is not read", id="a 4104 of Sysmon"
        ),
        pytest.param({**COLUMNS, "event_id": "5156"}, "event_id: 5156 is not read", id="another id in a column"),
        pytest.param({**COLUMNS, "event_id": "x"}, "event_id: x is no event id", id="no id in the column"),
        pytest.param({"event_id": "22", "Host": "ws-1"}, "no_name: event 22 without QueryName", id="a query of nothing"),
        pytest.param({"Host": "ws-1"}, "unreadable: no column says what happened", id="nothing said"),
        pytest.param({"Message": "hello"}, "unreadable: neither event XML nor JSON nor Windows' text", id="prose"),
        pytest.param({f"c{n}": "x" for n in range(501)}, "unreadable: more than 500 columns", id="501 columns"),
    ],
)
def test_dropped(row: dict[str, Any], reason: str) -> None:
    assert rows(row) == Normalised((), (Dropped(row=0, reason=reason),))


BOMB = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><Event>&b;</Event>"


def test_broken_rows_do_not_stop_the_others() -> None:
    good: list[dict[str, Any]] = [{**COLUMNS, "process_id": str(n)} for n in range(200)]
    for index, broken in ((3, {"Message": BOMB}), (77, {"Message": CONNECTION[:300]}), (199, {"Message": "\x00" * 9})):
        good[index] = broken
    read_rows = rows(*good)
    assert len(read_rows.events) == 197
    assert [drop.row for drop in read_rows.dropped] == [3, 77, 199]
    assert all(drop.reason.startswith("unreadable: ") for drop in read_rows.dropped)


def test_a_dropped_record_names_its_file() -> None:
    assert normalise(read_files([("odd.xml", b"<Event>")])).dropped[0].name == "odd.xml"


@pytest.mark.parametrize(
    "row", [{"Message": xml(1, CommandLine="x" * 1_000_000)}, {"event_id": "1", "command_line": "x" * 1_000_000}]
)
def test_a_megabyte_of_command_line_is_cut_visibly(row: dict[str, Any]) -> None:
    event = one(**row)
    assert isinstance(event, ProcessCreate)
    assert event.command_line == "x" * 65_536 + " …[cut at 65536 characters]"


def test_a_script_block_may_be_long() -> None:
    event = one(Message=xml(4104, provider="Microsoft-Windows-PowerShell", ScriptBlockText="x" * 1_000_000))
    assert isinstance(event, ScriptBlock)
    assert len(event.text) == 1_000_000


# --- digests --------------------------------------------------------------------------------------------------------


def test_a_digest_does_not_depend_on_the_row() -> None:
    event = one(Message=CONNECTION)
    assert digest(event) == digest(replace(event, row=7))
    assert len(digest(event)) == 16


@pytest.mark.parametrize(
    "change",
    [{"computer": "other"}, {"at": None}, {"ip": "203.0.113.25"}, {"guid": None}, {"count": 2}, {"observed": False}],
)
def test_another_record_has_another_digest(change: dict[str, Any]) -> None:
    event = one(Message=CONNECTION)
    assert digest(event) != digest(replace(event, **change))


def test_a_script_block_is_its_block_and_part() -> None:
    block = ScriptBlock(computer="ws-1", row=0, text="x", block_id="b", part=1, parts=2)
    assert digest(block) == digest(replace(block, at=AT, row=3))
    assert digest(block) != digest(replace(block, part=2))
    nameless = replace(block, block_id=None)
    assert digest(nameless) != digest(replace(nameless, text="y"))


# --- whatever comes -------------------------------------------------------------------------------------------------

KEY = st.sampled_from([*sorted(columns._FIELD_OF), "eventdata.image", "something"])
ANY_TEXT = st.text(st.characters(exclude_categories=()), min_size=1)  # halves of surrogate pairs too
VALUE = st.sampled_from(["1", "3", "22", "11", "4104", GUID, "a.workers.dev", "203.0.113.24", "1773324301000"]) | ANY_TEXT
TEXT = ANY_TEXT | st.sampled_from(
    [CONNECTION, BOMB, xml(5), "{}", '{"EventID": 22, "QueryName": "a"}', '{"EventID": 3, "EventData": []}']
)
FRAGMENT = st.integers(0, len(CONNECTION)).flatmap(
    lambda cut: st.sampled_from([CONNECTION[:cut], CONNECTION[cut:], CONNECTION[:cut] + "\x00<&"])
)
ROW = st.tuples(st.dictionaries(KEY, VALUE, max_size=8), st.none() | TEXT | FRAGMENT)


def alert(content: list[tuple[dict[str, str], str | None]]) -> Alert:
    return Alert(
        kind=Kind.MONITOR, rows=tuple(Row(index=n, columns=said, text=text) for n, (said, text) in enumerate(content))
    )


@given(st.lists(ROW, max_size=5))
def test_every_row_is_accounted_for(content: list[tuple[dict[str, str], str | None]]) -> None:
    read_rows = normalise(alert(content))
    with_event, without = {event.row for event in read_rows.events}, [drop.row for drop in read_rows.dropped]
    assert with_event | set(without) == set(range(len(content)))
    assert not with_event & set(without)
    assert len(without) == len(set(without))
    assert {len(digest(event)) for event in read_rows.events} <= {16}


@given(st.lists(ROW, max_size=5).flatmap(lambda content: st.tuples(st.just(content), st.permutations(content))))
def test_the_order_of_rows_does_not_matter(
    pair: tuple[list[tuple[dict[str, str], str | None]], list[tuple[dict[str, str], str | None]]],
) -> None:
    one_order, other = (sorted(map(digest, normalise(alert(content)).events)) for content in pair)
    assert one_order == other
