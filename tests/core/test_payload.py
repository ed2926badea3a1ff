from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.payload import glance, read, sniff
from enricher.errors import PayloadError
from enricher.model import Alert, Kind

PAYLOADS = Path(__file__).parents[1] / "data" / "sumo-payloads"
ROW = {"Host": "ws-1", "dest_hostname": "a.b.workers.dev"}
NEST = b"[" * 300 + b"]" * 300
MONITOR = {"name": "Serverless C2", "triggerType": "Critical"}


def sent(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def body(**keys: object) -> bytes:
    return orjson.dumps(keys)


def monitor(**keys: object) -> Alert:
    return read(orjson.dumps({**MONITOR, **keys}))


# --- the example payloads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "rows", "rows_total", "truncated"),
    [
        ("monitor-alert", Kind.MONITOR, 3, 3, False),
        ("monitor-alert-aggregate", Kind.MONITOR, 3, 3, False),
        ("monitor-resolution", Kind.RECOVERY, 0, None, False),
        ("scheduled-search", Kind.SCHEDULED_SEARCH, 3, 13, True),
        ("cloud-siem-insight", Kind.INSIGHT, 3, 3, False),
        ("cloud-siem-insight-bare", Kind.INSIGHT, 4, 43, True),
        ("cloud-siem-insight-closed", Kind.RECOVERY, 3, 3, False),
        ("playbook-alert", Kind.PLAYBOOK, 1, 1, False),
        ("playbook-insight", Kind.PLAYBOOK, 1, 1, False),
        ("connection-test", Kind.TEST, 0, None, False),
        ("connection-template", Kind.TEST, 0, None, False),
    ],
)
def test_examples(name: str, kind: Kind, rows: int, rows_total: int | None, truncated: bool) -> None:  # noqa: FBT001 - a table's column
    alert = read(sent(name))
    assert (alert.kind, len(alert.rows), alert.rows_total, alert.truncated) == (kind, rows, rows_total, truncated)
    assert [row.index for row in alert.rows] == list(range(rows))


def test_an_alert_in_our_words() -> None:
    alert = read(sent("monitor-alert-aggregate"))
    assert alert.name == "T1583.007 Serverless C2 - non-browser process"
    assert alert.title == "T1583.007 Serverless C2 - non-browser process - WS-FIN-0142.corp.example"
    assert alert.monitor_id == "000000000005B2C7"
    assert alert.alert_ref == "0000000001A2B3C4"
    assert alert.trigger == "Critical"
    assert alert.group == "_sourcehost=WS-FIN-0142.corp.example"
    assert alert.query is not None
    assert alert.query.startswith("_sourceCategory=*sysmon*")
    assert alert.started_at == datetime(2026, 3, 12, 14, 0, 30, tzinfo=UTC)
    assert alert.ended_at == datetime(2026, 3, 12, 14, 15, 30, tzinfo=UTC)
    assert alert.rows[0].columns["serverlessplatform"] == "Cloudflare Workers"
    assert alert.rows[0].columns["issuspicious"] == "1"
    assert "destip" not in alert.rows[0].columns, "a null column is left out"


def test_a_scheduled_search_has_its_range_as_text() -> None:
    alert = read(sent("scheduled-search"))
    assert alert.started_at == datetime(2026, 3, 12, 13, 0, tzinfo=UTC)
    assert alert.ended_at == datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
    assert alert.trigger is None
    assert [row.text is None for row in alert.rows] == [True, True, False], "aggregate rows first, raw ones as evidence"


# --- forms of the rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "rows"),
    [
        pytest.param([ROW], 1, id="list"),
        pytest.param(ROW, 1, id="single object"),
        pytest.param(json.dumps([ROW, ROW]), 2, id="text"),
        pytest.param(json.dumps(json.dumps([ROW])), 1, id="encoded twice"),
        pytest.param("", 0, id="empty text"),
        pytest.param("[]", 0, id="empty list as text"),
        pytest.param("null", 0, id="null as text"),
        pytest.param(None, 0, id="null"),
        pytest.param([], 0, id="empty list"),
        pytest.param("{{ResultsJson}}", 0, id="unfilled"),
        pytest.param("<Event/>", 1, id="a record instead of rows"),
        pytest.param([ROW, 7, None, "<Event/>"], 4, id="rows that are no objects are rows all the same"),
    ],
)
def test_rows_in_every_form(results: object, rows: int) -> None:
    assert len(monitor(results=results).rows) == rows


@pytest.mark.parametrize(
    "key", ["results", "rows", "ResultsJson", "aggregateResults", "AggregateResultsJson", "raw_results", "Search-Results"]
)
def test_rows_by_every_name(key: str) -> None:
    assert len(monitor(**{key: [ROW]}).rows) == 1


def test_the_first_filled_of_several_wins() -> None:
    alert = monitor(results="", rows=[ROW], SearchName="second", numQueryResults="", num="1")
    assert (len(alert.rows), alert.name, alert.rows_total) == (1, "Serverless C2", 1)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param({"Message": "record"}, "record", id="label"),
        pytest.param({"_raw": "record"}, "record", id="name"),
        pytest.param({"message": "Process Create:", "_raw": "record"}, "record", id="raw wins"),
        pytest.param({"Message": {"EventID": "3"}}, '{"EventID":"3"}', id="an object becomes text again"),
        pytest.param({"Message": "-"}, None, id="null"),
    ],
)
def test_the_record_of_a_row(item: dict[str, Any], expected: str | None) -> None:
    assert monitor(results=[item]).rows[0].text == expected


def test_values_of_columns_become_text() -> None:
    columns = (
        monitor(results=[{"_Count": 5, "ratio": 1.0, "isSuspicious": True, "User": "a &amp; b", "n": {"x": 1}, "-": "?"}])
        .rows[0]
        .columns
    )
    assert columns == {"count": "5", "ratio": "1.0", "issuspicious": "true", "user": "a & b", "n": '{"x":1}'}


def test_columns_do_not_depend_on_the_order_of_keys() -> None:
    assert monitor(results=[{"Host": "a", "_host": "b"}]).rows == monitor(results=[{"_host": "b", "Host": "a"}]).rows


# --- cut or whole ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "rows_total", "truncated"),
    [
        pytest.param({"results": [ROW], "numQueryResults": "1"}, 1, False, id="whole"),
        pytest.param({"results": [ROW], "numQueryResults": "1,204"}, 1204, True, id="more than received"),
        pytest.param({"results": [ROW] * 200}, None, True, id="exactly 200 aggregate rows"),
        pytest.param({"results": [ROW] * 199}, None, False, id="199 aggregate rows"),
        pytest.param({"results": [{"Message": "x"}] * 10}, None, True, id="exactly 10 raw rows"),
        pytest.param({"results": [ROW] * 10}, None, False, id="10 aggregate rows"),
        pytest.param({"results": [ROW], "numQueryResults": "many"}, None, False, id="a count that is none"),
    ],
)
def test_truncation(keys: dict[str, object], rows_total: int | None, truncated: bool) -> None:  # noqa: FBT001 - a table's column
    alert = monitor(**keys)
    assert (alert.rows_total, alert.truncated) == (rows_total, truncated)


# --- kinds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        pytest.param({"triggerType": "Critical", "results": [ROW]}, Kind.MONITOR, id="monitor"),
        pytest.param({"AlertStatus": "ResolvedMissingData"}, Kind.RECOVERY, id="recovery by the legacy key, no rows key"),
        pytest.param(
            {"triggerType": "resolvedwarning", "alertGroup": "{{AlertGroup}}"},
            Kind.RECOVERY,
            id="recovery, a variable unfilled",
        ),
        pytest.param({"triggerType": "Missing Data"}, Kind.MONITOR, id="missing data has no rows by nature"),
        pytest.param({"kind": "scheduled-search", "results": [ROW]}, Kind.SCHEDULED_SEARCH, id="search by kind"),
        pytest.param({"SearchName": "x", "results": [ROW]}, Kind.SCHEDULED_SEARCH, id="search by a legacy key"),
        pytest.param(
            {"fireTime": "03/12/2026 02:00:04 PM UTC", "results": ""},
            Kind.SCHEDULED_SEARCH,
            id="a search that found nothing",
        ),
        pytest.param({"text": "Alert: {{Name}}", "results": "{{ResultsJson}}"}, Kind.TEST, id="test, foreign template"),
        pytest.param(
            {"triggerType": "{{TriggerType}}", "kind": "monitor-resolution"}, Kind.TEST, id="test of the recovery template"
        ),
        pytest.param(
            {"results": [{"host": "{{ResultsJson.Host}}", "ip": "{{ResultsJson.ip}}[0]"}]},
            Kind.TEST,
            id="test, rows of variables",
        ),
        pytest.param(
            {"schema": "enricher/1", "kind": "monitor", "name": "", "results": ""},
            Kind.TEST,
            id="test, all filled with nothing",
        ),
        pytest.param(
            {"name": "x", "alertGroup": "{{AlertGroup}}", "results": [ROW]},
            Kind.MONITOR,
            id="rows: no test, whatever is unfilled",
        ),
        pytest.param(
            {"triggerType": "Critical", "query": "{{x}}", "results": ""},
            Kind.MONITOR,
            id="a trigger: no test, whatever is unfilled",
        ),
        pytest.param({"kind": "canary", "results": [ROW]}, Kind.CANARY, id="canary"),
        pytest.param({"kind": "heartbeat"}, Kind.HEARTBEAT, id="heartbeat"),
        pytest.param({"name": "Enricher heartbeat, hourly", "results": ""}, Kind.HEARTBEAT, id="heartbeat by name"),
        pytest.param({"kind": "heartbeat", "name": "{{Name}}"}, Kind.TEST, id="the heartbeat's connection under test"),
        pytest.param({"kind": "playbook", "results": [ROW]}, Kind.PLAYBOOK, id="playbook"),
    ],
)
def test_kinds(keys: dict[str, object], kind: Kind) -> None:
    assert read(orjson.dumps(keys)).kind is kind


# --- identity -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "ref"),
    [
        pytest.param("https://service.us2.sumologic.com/ui/#/alert/0000000001A2B3C4", "0000000001A2B3C4", id="fragment"),
        pytest.param("https://live.example.com/ui/alert/0000000001A2B3C4/?x=1", "0000000001A2B3C4", id="path"),
        pytest.param(
            "https://a.example/#/alert/abcdefab-0000-4000-8000-00000001a2b3",
            "abcdefab-0000-4000-8000-00000001a2b3",
            id="UUID",
        ),
        pytest.param("https://service.sumologic.com/ui/#/alerts", None, id="a list of alerts names none"),
        pytest.param("", None, id="empty"),
        pytest.param("javascript:alert('0000000001A2B3C4')", None, id="no link"),
    ],
)
def test_alert_ref(url: str, ref: str | None) -> None:
    assert monitor(results=[ROW], alertResponseUrl=url).alert_ref == ref


def test_trigger_and_recovery_share_the_reference_but_not_the_identity() -> None:
    trigger, recovery = sent("monitor-alert"), sent("monitor-resolution")
    opened, closed = glance(trigger), glance(recovery)
    assert (opened.identity, closed.identity) == ("0000000001a2b3c4:critical", "0000000001a2b3c4:resolvedcritical")
    assert len(opened.row_digests) == 3
    assert closed.row_digests == frozenset()


def test_without_a_link_the_body_is_the_identity() -> None:
    one, other = body(**MONITOR, results=[ROW]), body(**MONITOR, results=[ROW, ROW])
    assert glance(one).identity != glance(other).identity
    assert glance(one) == glance(one)


def test_row_digests_do_not_depend_on_any_order() -> None:
    rows: list[dict[str, object]] = [{"a": 1, "b": "2"}, {"c": "3", "Message": "x"}]
    turned = [dict(reversed(row.items())) for row in reversed(rows)]
    one, other = (glance(body(**MONITOR, results=given_rows)).row_digests for given_rows in (rows, turned))
    assert one == other
    assert {len(digest) for digest in one} == {8}


def test_a_new_row_is_a_new_digest() -> None:
    before, after = (
        glance(body(**MONITOR, results=given_rows)).row_digests for given_rows in ([ROW], [ROW, {**ROW, "Count": 2}])
    )
    assert len(after - before) == 1


# --- what cannot be read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b"", "not_json", id="empty"),
        pytest.param(b"hello", "not_json", id="not JSON"),
        pytest.param(b'{"a": "b}', "not_json", id="a quote missing"),
        pytest.param(b"[" * 100_000, "too_deep", id="100,000 brackets"),
        pytest.param(b'{"a":' * 100_000, "too_deep", id="100,000 braces"),
        pytest.param(body(results="[" * 100_000), "too_deep", id="100,000 brackets inside the rows"),
        pytest.param(b'{"name":' + NEST + b"}", "too_deep", id="a name that could not be written again"),
        pytest.param(b'{"results":[{"a":' + NEST + b"}]}", "too_deep", id="a column that could not be written again"),
        pytest.param(body(results=(b'[{"a":' + NEST + b"}]").decode()), "too_deep", id="the same inside the rows"),
        pytest.param(b'{"name": "\xff"}', "not_utf8", id="not UTF-8"),
        pytest.param(b"\x00\x00\x00", "not_json", id="NULs"),
        pytest.param(b"[]", "not_an_object", id="a list"),
        pytest.param(b"7", "not_an_object", id="a number"),
        pytest.param(b"{}", "no_rows", id="nothing in it"),
        pytest.param(b'{"foo": 1}', "no_rows", id="another shape"),
        pytest.param(body(triggerType="Critical", name="x"), "no_rows", id="a template without rows"),
        pytest.param(body(results="rows?"), "bad_rows", id="rows that are prose"),
        pytest.param(body(results=5), "bad_rows", id="rows that are a number"),
        pytest.param(body(results="true"), "bad_rows", id="rows that are a truth"),
        pytest.param(body(results=[{}] * 10_001), "too_many_rows", id="10,001 rows"),
    ],
)
def test_refused(raw: bytes, code: str) -> None:
    with pytest.raises(PayloadError) as refused:
        read(raw)
    assert refused.value.code == code
    assert len(refused.value.detail) < 300


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'\xef\xbb\xbf{"triggerType":"Critical","results":[{"a":1}]}', id="byte order mark"),
        pytest.param(
            b'{"triggerType":"Critical","alertGroup":"""","results":[{"a":1}]}',
            id="an unresolved variable as a pair of quotes",
        ),
        pytest.param(rb'{"triggerType":"Critical","results":[{"a":"cut here \ud83d"}]}', id="half a surrogate pair"),
        pytest.param(
            rb'{"triggerType":"Critical","results":"[{\"a\":\"cut here \\ud83d\"}]"}', id="the same inside the rows"
        ),
    ],
)
def test_mended(raw: bytes) -> None:
    assert len(read(raw).rows) == 1


def test_an_unquoted_variable_is_a_test_as_well() -> None:
    assert read(b'{"name":"{{Name}}","results":{{ResultsJson}}}').kind is Kind.TEST


CODES = {"not_json", "not_utf8", "too_deep", "not_an_object", "no_rows", "bad_rows", "too_many_rows"}


def attempt(raw: bytes) -> Alert | str:
    try:
        return read(raw)
    except PayloadError as error:
        return error.code


def agrees(raw: bytes) -> bool:
    """Whether the glance at a body says what reading it says, or fails alike."""
    try:
        seen = glance(raw)
    except PayloadError as error:
        return attempt(raw) == error.code
    alert = read(raw)
    return (seen.kind, seen.alert_ref, seen.trigger, bool(seen.row_digests)) == (
        alert.kind,
        alert.alert_ref,
        alert.trigger,
        bool(alert.rows),
    )


@pytest.mark.parametrize("name", [path.stem for path in sorted(PAYLOADS.iterdir())])
def test_the_glance_at_an_example_agrees(name: str) -> None:
    assert agrees(sent(name))


def test_mending_leaves_what_is_right() -> None:
    alert = read(rb'{"triggerType":"Critical","results":[{"a":"\ud83d\ude00 \\ud83d \ud83d."}]}')
    assert alert.rows[0].columns["a"] == "\U0001f600 \\ud83d \ufffd."


@given(
    st.binary()
    | st.recursive(st.none() | st.text() | st.integers(), lambda of: st.lists(of) | st.dictionaries(st.text(), of))
    .map(json.dumps)
    .map(str.encode)
)
def test_any_bytes_are_an_alert_or_an_error(raw: bytes) -> None:
    outcome = attempt(raw)
    assert isinstance(outcome, Alert) or outcome in CODES
    assert agrees(raw)
    assert sniff(raw) in {"payload", "records"}


VALUE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["{{x}}", "-", '""'])
)
KEY = st.sampled_from(
    [
        "results",
        "rows",
        "aggregateResults",
        "rawResults",
        "triggerType",
        "kind",
        "name",
        "id",
        "alertResponseUrl",
        "numQueryResults",
        "triggerTimeStart",
    ]
)


@given(st.dictionaries(KEY, VALUE | st.lists(VALUE | st.dictionaries(st.text(max_size=9), VALUE), max_size=4)))
def test_any_payload_is_an_alert_or_an_error(keys: dict[str, object]) -> None:
    raw = json.dumps(keys).encode()
    outcome = attempt(raw)
    assert agrees(raw)
    if isinstance(outcome, Alert):
        assert [row.index for row in outcome.rows] == list(range(len(outcome.rows)))
        assert len(glance(raw).row_digests) <= len(outcome.rows)
    else:
        assert outcome in {"bad_rows", "no_rows"}


# --- which of the two -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [path.stem for path in sorted(PAYLOADS.iterdir())])
def test_payloads_are_sniffed(name: str) -> None:
    assert sniff(sent(name)) == "payload"


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        pytest.param(b"<Event/>", "records", id="XML"),
        pytest.param("\ufeff<Event/>".encode("utf-16-le"), "records", id="XML as UTF-16"),
        pytest.param(b"Mar 11 host sysmon: <Event/>", "records", id="syslog"),
        pytest.param(b'{"EventID": 3, "Image": "x"}', "records", id="a record as JSON"),
        pytest.param(b'{"EventID": 3}\n{"EventID": 3}\n', "records", id="a record a line"),
        pytest.param(b'[{"EventID": 3}]', "records", id="a list of records"),
        pytest.param(b'{"EventID": 3, "results": []}', "payload", id="a payload with an odd key"),
        pytest.param(b'{"foo": 1}', "payload", id="neither: refused as a payload"),
        pytest.param(b"hello", "payload", id="no JSON: refused as a payload"),
    ],
)
def test_sniff(raw: bytes, what: str) -> None:
    assert sniff(raw) == what
