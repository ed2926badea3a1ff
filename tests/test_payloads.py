"""Bodies as Sumo Logic sends them, from bytes to cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from enricher.core.document import Json
from enricher.lookups import NoLookups
from enricher.wiring.flow import Flow, submission
from tests.fakes import HOST, PAYLOADS, START, guid, packaged_programs

FLOW = Flow(packaged_programs, NoLookups(), None, owner=False)


def body(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def explained(raw: bytes) -> Json:
    return FLOW.explain(raw, START)


def monitor(*rows: Json) -> bytes:
    return json.dumps({"schema": "enricher/1", "kind": "monitor", "name": "m", "results": list(rows)}).encode()


def brief(case: Json) -> tuple[Any, ...]:
    return case["rows"], case["tenant"], case["process"]["name"], case["score"], case["severity"], case["count"]


@pytest.mark.parametrize(
    ("name", "kind", "cases", "dropped"),
    [
        pytest.param(
            "monitor-alert",
            "monitor",
            [
                ([2], None, "wscript.exe", 40, "medium", 1),
                ([1], "q3examplefnurl7a.lambda-url.us-east-1.on.aws", "python.exe", 25, "low", 1),
                ([0], "example-lab.workers.dev", "powershell.exe", 30, "low", 1),
            ],
            [],
            id="event 3 alone: a reverse look-up counts half",
        ),
        pytest.param(
            "monitor-alert-aggregate",
            "monitor",
            [
                ([0, 1], "example-lab.workers.dev", "powershell.exe", 39, "low", 5),
                ([2], "us-central1-example-proj.cloudfunctions.net", "curl.exe", 29, "low", 1),
            ],
            [],
            id="aggregate: events 22 and 3 of one process are one case",
        ),
        pytest.param(
            "scheduled-search",
            "scheduled_search",
            [
                ([0], "example-lab.workers.dev", "powershell.exe", 30, "low", 9),
                ([1], "example-web.vercel.app", "node.exe", 19, "informational", 2),
            ],
            [{"row": 2, "reason": "no_name"}],
            id="scheduled search: aggregate and raw rows together",
        ),
        pytest.param("monitor-resolution", "recovery", [], [], id="a recovery brings no evidence"),
        pytest.param(
            "cloud-siem-insight",
            "insight",
            [([0, 1, 2], "example-lab.workers.dev", "powershell.exe", 100, "critical", 1)],
            [],
            id="an Insight: its Records are the rows",
        ),
        pytest.param(
            "cloud-siem-insight-bare",
            "insight",
            [([0, 1, 2], "q7example.lambda-url.eu-west-1.on.aws", "mshta.exe", 49, "medium", 1)],
            [{"row": 3, "reason": "event_id: Security-4624 (Authentication) is no event id"}],
            id="an Insight without a wrapper, a Record of it twice",
        ),
        pytest.param(
            "cloud-siem-insight-closed",
            "recovery",
            [([0, 1, 2], "example-lab.workers.dev", "powershell.exe", 100, "critical", 1)],
            [],
            id="the close of an Insight has its Records with it",
        ),
        pytest.param(
            "playbook-alert",
            "playbook",
            [([0], "example-kit.pages.dev", "wscript.exe", 44, "medium", 4)],
            [],
            id="a monitor's payload to a playbook",
        ),
        pytest.param(
            "playbook-insight",
            "playbook",
            [([0], "europe-west1-example-ops.cloudfunctions.net", "curl.exe", 40, "medium", 1)],
            [],
            id="an Insight that a playbook sends as text",
        ),
        pytest.param("connection-test", "test", [], [], id="a connection test"),
        pytest.param("connection-template", "test", [], [], id="the template as it is"),
    ],
)
def test_bodies(name: str, kind: str, cases: list[Any], dropped: list[Json]) -> None:
    document = explained(body(name))
    assert document["input"]["kind"] == kind
    assert [brief(case) for case in document["cases"]] == cases
    assert document["dropped"] == dropped


def test_every_file_is_tried() -> None:
    tried = {mark.values[0] for mark in test_bodies.pytestmark[0].args[1]}
    assert tried == {path.stem for path in Path(PAYLOADS).glob("*.json")}


@pytest.mark.parametrize("name", sorted(path.stem for path in PAYLOADS.glob("*.json")))
def test_every_row_is_accounted_for(name: str) -> None:
    document = explained(body(name))
    kept = {row for case in document["cases"] for row in case["rows"]}
    dropped = {gone["row"] for gone in document["dropped"]}
    assert kept | dropped == set(range(document["input"]["rows"]))
    assert not kept & dropped


def test_the_aggregate_joins_query_and_connection_by_guid() -> None:
    case = explained(body("monitor-alert-aggregate"))["cases"][0]
    assert case["hostname_source"] == "payload"
    assert case["process"]["guid"] == "7C1E2B40-96D1-65F0-3B12-00000000A100"
    assert (case["destination"]["ip"], case["destination"]["port"]) == ("203.0.113.24", 443)
    assert case["count"] == 5, "the connections, not the queries behind them"
    assert case["drift"] == [
        {
            "field": "serverless_platform",
            "sumo": "Other Serverless",
            "ours": "Cloudflare Workers",
            "reason": "no_platform",
            "rows": [1],
        },
    ]


def test_an_aggregate_says_nothing_about_rhythm() -> None:
    """First and last of five contacts are not five times."""
    case = explained(body("monitor-alert-aggregate"))["cases"][0]
    assert case["beacon"]["class"] == "insufficient"
    assert "rhythm: truncated" in case["missing"]


def test_a_cut_alert_says_how_much_was_cut() -> None:
    document = explained(body("scheduled-search"))
    assert document["input"] == {"kind": "scheduled_search", "rows": 3, "rows_total": 13, "truncated": True, "events": 3}
    assert all("rows: 3 of 13 received, Sumo Logic cut the rest" in case["missing"] for case in document["cases"])


def test_a_row_that_cannot_be_read_leaves_with_its_reason() -> None:
    document = explained(monitor({"nothing": "known"}, {"event_id": "7", "computer": HOST}))
    assert document["cases"] == []
    assert [gone["row"] for gone in document["dropped"]] == [0, 1]
    assert all(gone["reason"] for gone in document["dropped"])


ROW = {"event_id": "1", "computer": HOST, "process_guid": guid(1), "image": "C:\\Windows\\System32\\curl.exe"}


def test_parsed_columns_of_an_event_1_are_read() -> None:
    row = ROW | {
        "command_line": "curl https://a.example-lab.workers.dev/x",
        "parent_image": "C:\\Windows\\System32\\cmd.exe",
    }
    case = explained(monitor(row))["cases"][0]
    assert case["hostname_source"] == "command_line"
    assert [ancestor["source"] for ancestor in case["lineage"]] == ["payload"]


def test_a_settlement_holds_what_explain_prints() -> None:
    raw = body("monitor-alert")
    settled, document = FLOW.settlement(raw, START), explained(raw)
    assert list(settled.cases) == document["cases"]
    assert list(settled.dropped) == document["dropped"]
    assert {event.case_key for event in settled.events} == {case["key"] for case in document["cases"]}
    assert {sighting.group.target for sighting in settled.sightings} == {
        case["tenant"] or case["platform"]["family"] for case in document["cases"]
    }
    assert sum(event.count for event in settled.events) == sum(case["count"] for case in document["cases"])


def test_a_recovery_names_its_alert() -> None:
    settled = FLOW.settlement(body("monitor-resolution"), START)
    assert (settled.kind, settled.recovers, settled.cases) == ("recovery", "0000000001A2B3C4", ())


def test_a_test_is_not_stored() -> None:
    assert submission(body("connection-test"), "sumo") is None


def test_a_second_send_is_the_same_alert() -> None:
    first, second = submission(body("monitor-alert"), "sumo"), submission(body("monitor-alert"), "sumo")
    assert first is not None
    assert first == second
    assert len(first.row_digests) == 3


def test_another_row_is_news_of_the_same_alert() -> None:
    document = json.loads(body("monitor-alert"))
    rows = json.loads(document["results"])
    document["results"] = json.dumps([*rows, ROW])
    first, more = submission(body("monitor-alert"), "sumo"), submission(json.dumps(document).encode(), "sumo")
    assert first is not None
    assert more is not None
    assert more.identity == first.identity
    assert len(more.row_digests - first.row_digests) == 1
