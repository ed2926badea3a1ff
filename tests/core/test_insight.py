"""A Cloud SIEM Insight, piece by piece: how it is told, what names it, and what each Record becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core import insight, siem_fields
from enricher.core.normalise import normalise
from enricher.core.payload import Glance, glance, read, sniff
from enricher.errors import PayloadError
from enricher.model import Alert, Connection, DnsQuery, Event, FileCreate, Insight, Kind, ProcessCreate, Row, ScriptBlock
from tests.fakes import HOST, PAYLOADS, POWERSHELL, RELAY, guid

T = TypeVar("T")
SYSMON = "Microsoft-Windows-Sysmon/Operational-"
AT_MS, AT = 1773324598441, datetime(2026, 3, 12, 14, 9, 58, 441000, tzinfo=UTC)
RECORD = {"objectType": "NetworkDNS", "device_hostname": HOST, "dns_query": RELAY}


def sent(name: str = "cloud-siem-insight") -> dict[str, Any]:
    document: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_bytes())
    return document


def example(**changes: object) -> dict[str, Any]:
    """The example without its wrapper, with these keys changed."""
    document: dict[str, Any] = sent()["data"] | changes
    return document


def with_records(*records: object, **changes: object) -> dict[str, Any]:
    return example(signals=[{"name": "a rule", "allRecords": list(records)}], **changes)


def body(document: object) -> bytes:
    return json.dumps(document).encode()


def looked_at(document: object) -> Glance:
    return glance(body(document))


# --- told by its keys -----------------------------------------------------------------------------------------------

BARE = example()


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(sent(), id="as the API answers"),
        pytest.param({"data": BARE}, id="a wrapper without errors"),
        pytest.param({"data": BARE, "errors": [{"message": "partly", "code": "x"}]}, id="with errors beside it"),
        pytest.param({"data": json.dumps(BARE)}, id="as text"),
        pytest.param({"insight": BARE}, id="below the key insight"),
        pytest.param(BARE, id="without a wrapper"),
        pytest.param({key.upper(): value for key, value in BARE.items()}, id="keys in another case"),
        pytest.param(BARE | {"confidence": 0.7, "involvedEntities": [{"x": 1}]}, id="keys that are not known"),
        pytest.param(BARE | {"signals": json.dumps(BARE["signals"])}, id="Signals as text"),
    ],
)
def test_an_insight_in_every_wrapper_is_the_same_alert(document: dict[str, Any]) -> None:
    assert read(body(document)) == read(body(sent()))
    assert looked_at(document) == looked_at(sent())
    assert sniff(body(document)) == "payload"


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"data": None, "errors": [{"message": "not found"}]}, id="an answer that is an error"),
        pytest.param({"data": {"id": "x"}, "errors": []}, id="another object of the API"),
        pytest.param({"data": "{ broken"}, id="text that is no JSON"),
        pytest.param({"data": [BARE]}, id="a list"),
        pytest.param({"readableId": "INSIGHT-1"}, id="a readable id alone"),
    ],
)
def test_what_is_no_insight_is_refused_as_any_other_body(document: dict[str, Any]) -> None:
    for look in (read, glance):
        with pytest.raises(PayloadError) as refused:
            look(body(document))
        assert refused.value.code == "no_rows"


def test_an_insight_in_our_words() -> None:
    alert = read(body(sent()))
    assert alert.kind is Kind.INSIGHT
    assert alert.insight == Insight(
        id="3f0d7c52-8a41-3d0e-9d52-6b1f2f6f0c11",
        readable_id="INSIGHT-4821",
        severity="HIGH",
        entity="ws-fin-0142.corp.example",
    )
    assert (alert.name, alert.trigger, alert.alert_ref) == ("Command and Control with Execution", "new", alert.insight.id)
    assert (alert.monitor_id, alert.alert_url, alert.query) == (None, None, None)
    assert alert.started_at == datetime(2026, 3, 12, 14, 9, 58, 441000, tzinfo=UTC)
    assert alert.ended_at == datetime(2026, 3, 12, 14, 21, 7, 331000, tzinfo=UTC)
    assert [row.index for row in alert.rows] == [0, 1, 2]


@pytest.mark.parametrize(
    ("entity", "shown"),
    [
        pytest.param({"id": "_ip-10.1.2.3", "ip": "10.1.2.3"}, "10.1.2.3", id="an address"),
        pytest.param({"id": "_username-eve", "username": "eve"}, "eve", id="an account"),
        pytest.param({"id": "_hash-0a1b"}, "_hash-0a1b", id="an id alone"),
        pytest.param("ws-1", "ws-1", id="text"),
        pytest.param(None, None, id="none"),
        pytest.param([], "[]", id="of no known form"),
    ],
)
def test_entities(entity: object, shown: str | None) -> None:
    alert = read(body(example(entity=entity)))
    assert alert.insight is not None
    assert alert.insight.entity == shown


# --- kinds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        pytest.param({}, Kind.INSIGHT, id="new"),
        pytest.param({"status": {"name": "inprogress"}}, Kind.INSIGHT, id="in progress"),
        pytest.param({"status": {"name": "awaiting customer"}}, Kind.INSIGHT, id="a status of the customer's own"),
        pytest.param({"status": {"name": "closed", "displayName": "Closed"}}, Kind.RECOVERY, id="closed"),
        pytest.param({"status": "Closed"}, Kind.RECOVERY, id="closed, as text"),
        pytest.param({"status": {"displayName": "Closed"}}, Kind.RECOVERY, id="closed, by its label"),
        pytest.param({"status": None, "closed": "2026-03-12T16:40:12"}, Kind.RECOVERY, id="no status, a time of closing"),
        pytest.param({"status": None}, Kind.INSIGHT, id="no status"),
        pytest.param({"status": {"name": "new"}, "closed": "2026-03-12T16:40:12"}, Kind.INSIGHT, id="opened again"),
    ],
)
def test_kinds(changes: dict[str, Any], kind: Kind) -> None:
    document = example(**changes)
    assert read(body(document)).kind is looked_at(document).kind is kind


def test_a_playbook_that_sends_an_insight() -> None:
    document = {"kind": "Playbook", "data": example()}
    assert read(body(document)).kind is looked_at(document).kind is Kind.PLAYBOOK
    closed = {"kind": "playbook", "data": example(status={"name": "closed"})}
    assert read(body(closed)).kind is looked_at(closed).kind is Kind.RECOVERY


def test_a_playbook_whose_variable_nobody_filled_is_a_test() -> None:
    assert read(body({"kind": "playbook", "insight": "{{insight}}"})).kind is Kind.TEST


def test_a_monitors_payload_to_a_playbook_is_told_by_its_keys() -> None:
    document = sent("playbook-alert")
    alert = read(body(document))
    assert (alert.kind, alert.alert_ref, alert.monitor_id) == (Kind.PLAYBOOK, "0000000001A2B3F9", None)
    del document["AlertResponseURL"]
    assert read(body(document)).alert_ref == looked_at(document).alert_ref == "0000000001A2B3F9", "its Id is the alert's"
    for key in ("ResultsJson", "AggregateResultsJson", "ResultsJsonParsed"):
        del document[key]
    assert len(read(body(document)).rows) == 1, "the map alone is enough"


def test_the_id_of_a_webhook_names_a_monitor() -> None:
    alert = read(body({"id": "0000000001A2B3F9", "triggerType": "Critical", "results": []}))
    assert (alert.monitor_id, alert.alert_ref) == ("0000000001A2B3F9", None)


# --- what makes two sends one ---------------------------------------------------------------------------------------


def test_a_change_of_what_is_beside_the_records_is_no_news() -> None:
    again = example(assignee="s.okafor", tags=["seen"], lastUpdated="2026-03-12T15:00:00")
    assert looked_at(again) == looked_at(example())


def test_another_status_is_another_alert_of_the_same_reference() -> None:
    first, second = looked_at(example()), looked_at(example(status={"name": "closed"}))
    assert first.identity != second.identity
    assert first.alert_ref == second.alert_ref == example()["id"]
    assert first.row_digests == second.row_digests


def test_a_further_record_is_news_and_a_repeated_one_is_not() -> None:
    first, same = looked_at(with_records(RECORD)), looked_at(with_records(RECORD, RECORD))
    more = looked_at(with_records(RECORD, RECORD | {"dns_query": "b.example-lab.workers.dev"}))
    assert first == same
    assert more.identity == first.identity
    assert len(more.row_digests - first.row_digests) == 1


@pytest.mark.parametrize(
    ("changes", "reference"),
    [
        pytest.param({}, "3f0d7c52-8a41-3d0e-9d52-6b1f2f6f0c11", id="its id"),
        pytest.param({"id": None}, "INSIGHT-4821", id="its readable id"),
        pytest.param({"id": "a/../../b"}, "INSIGHT-4821", id="an id that is none"),
        pytest.param({"id": "x" * 65, "readableId": "<b>"}, None, id="neither"),
    ],
)
def test_references(changes: dict[str, Any], reference: str | None) -> None:
    document = example(**changes)
    assert looked_at(document).alert_ref == read(body(document)).alert_ref == reference


def test_without_a_reference_the_body_itself_is_the_identity() -> None:
    nameless = example(id=None, readableId=None)
    assert looked_at(nameless).identity != looked_at(nameless | {"tags": ["x"]}).identity


# --- Records --------------------------------------------------------------------------------------------------------


def test_records_are_numbered_signal_by_signal() -> None:
    alert = read(body(sent("cloud-siem-insight-bare")))
    assert [row.columns.get("eventid") for row in alert.rows] == ["22", "3", "22", "Security-4624 (Authentication)"]
    assert (alert.rows_total, alert.truncated) == (43, True), "one Signal says that it has forty Records"


@pytest.mark.parametrize(
    "signals",
    [
        pytest.param(None, id="no Signals"),
        pytest.param([], id="an empty list of Signals"),
        pytest.param("-", id="Signals as a dash"),
        pytest.param([{"name": "a rule", "recordCount": 3}], id="Signals without a key for Records"),
        pytest.param([{"allRecords": []}, {"allRecords": None}], id="Signals with no Records"),
    ],
)
def test_an_open_insight_without_records_is_refused_and_a_closed_one_is_a_recovery(signals: object) -> None:
    document = example(signals=signals)
    for look in (read, glance):
        with pytest.raises(PayloadError) as refused:
            look(body({"data": document}))
        assert refused.value.code == "no_rows"
    closed = {"data": document | {"status": {"name": "closed"}}}
    assert (read(body(closed)).kind, read(body(closed)).rows) == (Kind.RECOVERY, ())
    assert looked_at(closed).row_digests == frozenset()


def test_too_many_records_are_refused() -> None:
    signal = {"allRecords": [RECORD] * 5_001}
    for look in (read, glance):
        with pytest.raises(PayloadError) as refused:
            look(body(example(signals=[signal, signal])))
        assert refused.value.code == "too_many_rows"


@pytest.mark.parametrize(
    ("signals", "rows"),
    [
        pytest.param({"allRecords": RECORD}, 1, id="one Signal, one Record, no lists"),
        pytest.param([{"ALL_RECORDS": json.dumps([RECORD, RECORD])}], 2, id="Records as text"),
        pytest.param([{"allRecords": [RECORD, None, 7, "text"]}], 4, id="Records that are no objects"),
        pytest.param(["a rule", None, 7, {"allRecords": [RECORD]}], 3, id="Signals that are no objects"),
    ],
)
def test_signals_and_records_in_every_form(signals: object, rows: int) -> None:
    document = example(signals=signals)
    assert len(read(body(document)).rows) == rows


def event(record: dict[str, Any]) -> Event:
    """The one event that a Record becomes."""
    found = normalise(Alert(kind=Kind.INSIGHT, rows=(siem_fields.row(0, record),)))
    assert not found.dropped
    assert len(found.events) == 1
    return found.events[0]


def logged(number: int, **attributes: object) -> dict[str, Any]:
    """A Record of a Sysmon event, with its GUID where the mapping leaves it."""
    unmapped = {"EventData.ProcessGuid": f"{{{guid(1).lower()}}}"} | dict(attributes.pop("fields", {}))  # type: ignore[call-overload] # a table's cell
    common = {"metadata_deviceEventId": f"{SYSMON}{number}", "timestamp": AT_MS, "device_hostname": HOST.upper() + "."}
    return common | {"baseImage": POWERSHELL, "fields": unmapped} | attributes


COMMON: dict[str, Any] = {"computer": HOST, "row": 0, "at": AT, "guid": guid(1), "image": POWERSHELL, "observed": False}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(
            logged(
                22,
                pid=2412,
                dns_query=RELAY,
                dns_replyIp="::ffff:104.21.1.1",
                user_username="eve",
                dns_returnCode="NOERROR",
            ),
            DnsQuery(**COMMON, name=RELAY, user="eve", answers=("104.21.1.1",), status=0),
            id="a query: its pid is the logging service's and no key",
        ),
        pytest.param(
            logged(22, dns_query=RELAY, fields={"EventData.QueryStatus": "9003", "EventData.ProcessId": "77"}),
            DnsQuery(**COMMON, name=RELAY, pid=77, status=9003),
            id="a query: what was logged counts",
        ),
        pytest.param(
            logged(22, dns_query=RELAY, dns_returnCode="NXDOMAIN", success=False),
            DnsQuery(**COMMON, name=RELAY, status=9003, answers=()),
            id="a query that failed",
        ),
        pytest.param(
            logged(22, dns_query=RELAY, dns_reply="type:  5 edge.example.net;104.21.1.1;", dns_replyIp=["104.21.1.2"]),
            DnsQuery(**COMMON, name=RELAY, answers=("104.21.1.1", "104.21.1.2"), cnames=("edge.example.net",)),
            id="a query with several answers",
        ),
        pytest.param(
            logged(3, pid=7316, dstDevice_ip="203.0.113.24", dstDevice_hostname="-", dstPort=443, ipProtocol="tcp"),
            Connection(**COMMON, pid=7316, ip="203.0.113.24", port=443, protocol="tcp"),
            id="a connection",
        ),
        pytest.param(
            logged(3, device_hostname=None, srcDevice_hostname=HOST, baseImage=None, file_path=POWERSHELL)
            | {"fields": {"ProcessGuid": guid(1), "EventData.Initiated": "true", "Image": "other.exe"}},
            Connection(**COMMON, initiated=True),
            id="a connection as the Windows mapping leaves it: the source is the host, the file is the image",
        ),
        pytest.param(
            logged(
                1,
                pid=7316,
                commandLine="powershell -c x",
                parentBaseImage="C:\\a\\b.exe",
                parentCommandLine="b",
                parentPid=12,
                user_username="eve",
                user_username_raw="CORP\\eve",
                file_hash_sha256="AB12",
                file_hash_imphash="CD34",
                fields={"EventData.ParentProcessGuid": guid(2), "EventData.OriginalFileName": "PowerShell.EXE"},
            ),
            ProcessCreate(
                **COMMON,
                pid=7316,
                user="CORP\\eve",
                command_line="powershell -c x",
                parent_guid=guid(2),
                parent_pid=12,
                parent_image="C:\\a\\b.exe",
                parent_command_line="b",
                version_info={"original_file_name": "PowerShell.EXE"},
                hashes={"sha256": "ab12", "imphash": "cd34"},
            ),
            id="a process",
        ),
        pytest.param(
            logged(11, file_path="C:\\Users\\eve\\s.ps1", file_hash_md5="00"),
            FileCreate(**COMMON, target="C:\\Users\\eve\\s.ps1"),
            id="a file: the hash is the file's and makes no process",
        ),
        pytest.param(
            {"metadata_deviceEventId": "Microsoft-Windows-PowerShell/Operational-4104", "device_hostname": HOST, "pid": 9}
            | {"fields": {"EventData.ScriptBlockText": "iwr x", "EventData.ScriptBlockId": "B1"}},
            ScriptBlock(computer=HOST, row=0, pid=9, text="iwr x", block_id="b1", observed=False),
            id="a script block",
        ),
        pytest.param(
            {
                "objectType": "NetworkDNS",
                "metadata_deviceEventId": "dns-query-3",
                "device_hostname": HOST,
                "dns_query": RELAY,
            },
            DnsQuery(computer=HOST, row=0, name=RELAY, observed=False),
            id="a query that no Sysmon logged",
        ),
        pytest.param(
            {
                "objectType": "NetworkProxy",
                "srcDevice_hostname": HOST,
                "http_hostname": RELAY,
                "dstDevice_ip": "203.0.113.9",
            },
            Connection(computer=HOST, row=0, hostname=RELAY, ip="203.0.113.9", observed=False),
            id="a proxy's line is a connection whose name is a column's",
        ),
        pytest.param(
            {"objectType": "EndpointProcess", "device_hostname": HOST, "commandLine": "curl &amp; x"},
            ProcessCreate(computer=HOST, row=0, command_line="curl &amp; x", observed=False),
            id="another product's process; nothing is unescaped that was not escaped",
        ),
    ],
)
def test_a_record_becomes_an_event(record: dict[str, Any], expected: Event) -> None:
    assert event(record) == expected


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(logged(7), "event_id: 7 is not read", id="an image load"),
        pytest.param(
            {"objectType": "Authentication", "metadata_deviceEventId": "Foo-3"},
            "event_id: Foo-3 (Authentication) is no event id",
            id="another product's 3 is no connection",
        ),
        pytest.param({"objectType": "Audit"}, "event_id: (Audit) is no event id", id="a type that is not read"),
        pytest.param(logged(22), "no_name: event 22 without QueryName", id="a query of nothing"),
        pytest.param({"uid": "rec-1"}, "unreadable: no column says what happened", id="a Record that says nothing"),
        pytest.param({}, "unreadable: no column says what happened", id="an empty Record"),
        pytest.param(7, "unreadable: no column says what happened", id="a number"),
        pytest.param("some text", "unreadable", id="a text"),
    ],
)
def test_a_record_that_is_not_read_says_why(record: object, reason: str) -> None:
    found = normalise(Alert(kind=Kind.INSIGHT, rows=(siem_fields.row(0, record),)))
    assert [gone.row for gone in found.dropped] == [0]
    assert found.dropped[0].reason.startswith(reason)
    assert found.events == ()


def test_an_unmapped_map_of_another_product_says_nothing() -> None:
    hostile = {
        "Image": "x.exe",
        "Computer": "dc-1",
        "EventData.Computer": "dc-1",
        "host": "dc-1",
        "EventData.Company": "Microsoft",
    }
    columns = siem_fields.row(0, RECORD | {"fields": hostile}).columns
    assert columns == {"computer": HOST, "queryname": RELAY, "eventid": "22", "company": "Microsoft"}


# --- links ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api", "console"),
    [
        ("https://api.us2.sumologic.com", "https://service.us2.sumologic.com"),
        ("https://api.sumologic.com/api", "https://service.sumologic.com"),
        ("https://api.eu.sumologic.com.evil.example", None),
        ("http://127.0.0.1:9000", None),
        (None, None),
    ],
)
def test_the_console_beside_an_api(api: str | None, console: str | None) -> None:
    assert insight.console(api) == console


def test_the_link_to_an_insight_is_made_and_never_taken() -> None:
    of = Insight(id="3f0d7c52-8a41", url=None)
    made = insight.linked(Alert(kind=Kind.INSIGHT, insight=of), "https://service.eu.sumologic.com").insight
    assert made is not None
    assert made.url == "https://service.eu.sumologic.com/sec/insight/3f0d7c52-8a41"


@pytest.mark.parametrize(
    ("alert", "console"),
    [
        pytest.param(read(body(example(url="https://evil.example"))), None, id="no console known"),
        pytest.param(read(body(example(id="../x?y"))), "https://service.eu.sumologic.com", id="an id that is none"),
        pytest.param(Alert(kind=Kind.MONITOR), "https://service.eu.sumologic.com", id="no Insight"),
    ],
)
def test_without_a_safe_link_there_is_none(alert: Alert, console: str | None) -> None:
    assert insight.linked(alert, console) == alert


# --- anything -------------------------------------------------------------------------------------------------------

_SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=20)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=3) | st.dictionaries(st.text(max_size=8), _SCALARS, max_size=3)
_ATTRIBUTES = (
    "device_hostname metadata_deviceEventId objectType baseImage pid dns_query dns_replyIp success dns_returnCode "
    "dstDevice_ip dstPort commandLine timestamp fields uid file_path fileHashMd5"
)
_NAMES = st.sampled_from(_ATTRIBUTES.split())
_RECORDS = st.dictionaries(_NAMES | st.text(max_size=8), _VALUES | st.just(f"{SYSMON}22"), max_size=8)
_SIGNALS = st.dictionaries(
    st.sampled_from(["allRecords", "recordCount", "name", "severity"]), _VALUES | st.lists(_RECORDS, max_size=4)
)
_INSIGHTS = st.fixed_dictionaries(
    {"readableId": _VALUES, "signals": _VALUES | st.lists(_SIGNALS | _VALUES, max_size=4)},
    optional=dict.fromkeys(("id", "status", "closed", "severity", "entity", "created", "timestamp", "name"), _VALUES),
)


def outcome(look: Callable[[bytes], T], raw: bytes) -> T | str:
    """What it returns, or the code of its refusal."""
    try:
        return look(raw)
    except PayloadError as refused:
        return refused.code


@given(_INSIGHTS)
def test_whatever_it_holds_every_record_is_read_or_dropped_and_glance_agrees(document: dict[str, Any]) -> None:
    raw = body({"data": document})
    alert, seen = outcome(read, raw), outcome(glance, raw)
    if isinstance(alert, str) or isinstance(seen, str):
        assert alert == seen
        return
    assert (seen.kind, seen.alert_ref, seen.trigger) == (alert.kind, alert.alert_ref, alert.trigger)
    assert len(seen.row_digests) <= len(alert.rows)
    found = normalise(alert)
    read_rows, dropped_rows = {event.row for event in found.events}, {gone.row for gone in found.dropped}
    assert read_rows | dropped_rows == {row.index for row in alert.rows}
    assert not read_rows & dropped_rows


@given(_VALUES | _RECORDS)
def test_a_row_of_anything_has_texts_that_say_something(record: object) -> None:
    row = siem_fields.row(3, record)
    assert isinstance(row, Row)
    assert row.index == 3
    assert all(value.strip() not in {"", "-", "?"} for value in row.columns.values())
