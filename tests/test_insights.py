"""Cloud SIEM Insights and playbook calls, from the body to the case, its tickets and its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enricher.core.document import CaseDocument, Json
from enricher.core.merge import merge
from enricher.destinations import slack_body
from enricher.destinations.saying import LEVELS
from enricher.destinations.wording import Description
from enricher.errors import PayloadError
from enricher.lookups import NoLookups
from enricher.ports import CaseRecord, Receipt
from enricher.store import Store
from enricher.wiring.flow import Flow, submission
from tests.fakes import HOST, PAYLOADS, POWERSHELL, RELAY, START, SVCHOST, TENANT, guid, packaged_programs
from tests.store.fakes import Clock, Estate

CONSOLE = "https://service.us2.sumologic.com"
FLOW = Flow(packaged_programs, NoLookups(), None, owner=False, console=CONSOLE)
SYSMON = "Microsoft-Windows-Sysmon/Operational-"
HOSTILE = "INSIGHT-1 <!channel> {code}*b*</td><script>x</script> [~admin] \u202egnp.exe\x00 http://evil.example/a"


def sent(name: str = "cloud-siem-insight") -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_bytes())


def example(**changes: object) -> Json:
    document: Json = sent()["data"] | changes
    return document


def explained(document: object) -> Json:
    return FLOW.explain(json.dumps(document).encode(), START)


def of_records(*records: object, **changes: object) -> Json:
    return example(signals=[{"name": "Some rule of somebody else", "allRecords": list(records)}], **changes)


def record(number: int, seconds: float = 0.0, **attributes: object) -> Json:
    unmapped = {"EventData.ProcessGuid": f"{{{guid(1)}}}"}
    at_ms = round((START.timestamp() + seconds) * 1000)
    common = {"metadata_deviceEventId": f"{SYSMON}{number}", "device_hostname": HOST, "timestamp": at_ms}
    return common | {"baseImage": POWERSHELL, "fields": unmapped} | attributes


def accounted(document: Json) -> bool:
    """Whether every row is in a case or dropped with a reason, and none is in both."""
    kept = {row for case in document["cases"] for row in case["rows"]}
    dropped = {gone["row"] for gone in document["dropped"] if gone["reason"]}
    return kept | dropped == set(range(document["input"]["rows"])) and not kept & dropped


# --- the case -------------------------------------------------------------------------------------------------------


def test_the_example_becomes_one_case_with_its_lineage() -> None:
    document = explained(sent())
    assert document["input"] == {"kind": "insight", "rows": 3, "rows_total": 3, "truncated": False, "events": 3}
    assert document["dropped"] == []
    (case,) = document["cases"]
    assert (case["rows"], case["host"], case["user"], case["count"]) == (
        [0, 1, 2],
        "ws-fin-0142.corp.example",
        "m.alvarez",
        1,
    )
    assert case["hostname"] == "beacon-7f.example-lab.workers.dev"
    assert (case["hostname_source"], case["hostname_factor"]) == ("dns_same_process", 1.0)
    assert (case["tenant"], case["destination"]["ip"], case["destination"]["port"]) == (TENANT, "203.0.113.24", 443)
    assert (case["process"]["name"], case["process"]["pid"]) == ("powershell.exe", 7316)
    assert case["process"]["command_line"] == "powershell.exe -NoP -W Hidden -EncodedCommand SQBFAFgA..."
    assert [(link["name"], link["source"]) for link in case["lineage"]] == [("winword.exe", "payload")]
    assert (case["severity"], case["score"], case["verdict"]) == ("critical", 100, "malicious")
    assert case["insight"] == {
        "id": "3f0d7c52-8a41-3d0e-9d52-6b1f2f6f0c11",
        "readable_id": "INSIGHT-4821",
        "severity": "HIGH",
        "entity": "ws-fin-0142.corp.example",
        "url": f"{CONSOLE}/sec/insight/3f0d7c52-8a41-3d0e-9d52-6b1f2f6f0c11",
    }


def test_records_that_lack_fields_and_repeat() -> None:
    document = explained(sent("cloud-siem-insight-bare"))
    (case,) = document["cases"]
    assert document["dropped"] == [{"row": 3, "reason": "event_id: Security-4624 (Authentication) is no event id"}]
    assert (case["rows"], case["count"]) == ([0, 1, 2], 1), "the query stands in two Signals and counts once"
    assert (case["host"], case["process"]["name"], case["process"]["pid"]) == ("ws-hr-0077.corp.example", "mshta.exe", 9044)
    assert (case["hostname_source"], case["hostname_factor"]) == ("payload", 0.8), (
        "a DNS record whose answers are not known"
    )
    assert case["destination"]["ip"] == "198.51.100.77"
    assert "rows: 4 of 43 received, Sumo Logic cut the rest" in case["missing"]


def test_a_playbook_that_sends_an_insight() -> None:
    document = explained(sent("playbook-insight"))
    (case,) = document["cases"]
    assert (document["input"]["kind"], case["insight"]["readable_id"]) == ("playbook", "INSIGHT-4823")
    assert (case["hostname_source"], case["hostname_factor"]) == ("command_line", 0.9)
    assert (case["process"]["name"], case["user"]) == ("curl.exe", "NT AUTHORITY\\SYSTEM")
    assert [link["name"] for link in case["lineage"]] == ["cmd.exe"]
    assert case["process"]["original_file_name"] == "curl.exe"


def test_a_monitors_payload_to_a_playbook() -> None:
    document = explained(sent("playbook-alert"))
    (case,) = document["cases"]
    assert (document["input"]["kind"], case["insight"], case["count"]) == ("playbook", None, 4)
    assert (case["tenant"], case["process"]["name"]) == ("example-kit.pages.dev", "wscript.exe")
    assert case["links"]["sumo_alert"].endswith("/alert/0000000001A2B3F9")


@pytest.mark.parametrize(
    ("records", "source", "factor"),
    [
        pytest.param(
            [
                record(22, dns_query=RELAY, dns_replyIp="203.0.113.24"),
                record(3, 0.1, dstDevice_ip="203.0.113.24", dstPort=443),
            ],
            "dns_same_process",
            1.0,
            id="a query and a connection of one process",
        ),
        pytest.param([record(1, commandLine=f"curl https://{RELAY}/x")], "command_line", 0.9, id="a URL in a line"),
        pytest.param(
            [record(22, dns_query=RELAY, dns_replyIp="203.0.113.24")], "dns_no_connection", 0.8, id="an answer alone"
        ),
        pytest.param([record(22, dns_query=RELAY)], "payload", 0.8, id="a query of which no answer is known"),
        pytest.param(
            [
                record(22, dns_query=RELAY, dns_replyIp="203.0.113.24", baseImage=SVCHOST, fields={}),
                record(3, 0.1, dstDevice_ip="203.0.113.24"),
            ],
            "dns_other_process",
            0.6,
            id="another process asked",
        ),
        pytest.param(
            [record(3, dstDevice_ip="203.0.113.24", dstDevice_hostname=RELAY)], "reverse_lookup", 0.5, id="event 3's name"
        ),
        pytest.param([record(22, dns_query=RELAY, success=False)], "dns_failed", 0.5, id="a query that failed"),
        pytest.param(
            [record(22, dns_query="cdn.example.net", dns_reply=f"type:  5 {RELAY};203.0.113.24")],
            "cname",
            0.3,
            id="a CNAME",
        ),
    ],
)
def test_where_a_name_comes_from(records: list[Json], source: str, factor: float) -> None:
    cases = explained(of_records(*records))["cases"]
    assert (source, factor) in {(case["hostname_source"], case["hostname_factor"]) for case in cases}


def test_the_severity_of_the_insight_moves_nothing() -> None:
    graded = [
        explained(of_records(record(22, dns_query=RELAY), severity=said))["cases"][0] for said in ("LOW", "CRITICAL", None)
    ]
    for case in graded:
        assert case["ledger"] == graded[0]["ledger"]
        assert (case["severity"], case["score"]) == ("low", graded[0]["score"])


SEVERITY: Json = {"field": "insight_severity", "ours": "low", "reason": "insight_severity", "rows": []}


@pytest.mark.parametrize(
    ("said", "drift"),
    [
        pytest.param("LOW", [], id="the same"),
        pytest.param("low", [], id="in small letters"),
        pytest.param("HIGH", [SEVERITY | {"sumo": "HIGH"}], id="higher"),
        pytest.param("SEV-X", [SEVERITY | {"sumo": "SEV-X"}], id="a word not known is medium"),
        pytest.param(None, [], id="none"),
    ],
)
def test_the_severity_of_the_insight_is_compared(said: str | None, drift: list[Json]) -> None:
    (case,) = explained(of_records(record(22, dns_query=RELAY), severity=said))["cases"]
    assert case["severity"] == "low"
    assert case["drift"] == drift
    assert case["insight"]["severity"] == said


@pytest.mark.parametrize(("said", "differs"), [("HIGH", False), ("CRITICAL", False), ("MEDIUM", True)])
def test_high_is_the_most_that_cloud_siem_gives_by_itself(said: str, *, differs: bool) -> None:
    (case,) = explained(example(severity=said))["cases"]
    assert case["severity"] == "critical"
    assert bool(case["drift"]) is differs


# --- nothing is lost ------------------------------------------------------------------------------------------------


def test_a_thousand_records_are_all_accounted_for() -> None:
    queries = [record(22, number, dns_query=RELAY, dns_replyIp="203.0.113.24") for number in range(400)]
    contacts = [record(3, number + 0.1, dstDevice_ip="203.0.113.24", dstPort=443) for number in range(400)]
    others = [record(22, number, dns_query=f"w{number}.example.net") for number in range(150)]
    unread = [{"objectType": "Audit", "uid": f"rec-{number}"} for number in range(50)]
    signals = [{"allRecords": queries}, {"allRecords": contacts}, {"allRecords": others + unread}]
    document = explained(example(signals=signals))
    (case,) = document["cases"]
    assert (document["input"]["rows"], len(case["rows"]), case["count"]) == (1000, 800, 400)
    assert {gone["reason"].partition(":")[0] for gone in document["dropped"]} == {"no_match", "event_id"}
    assert accounted(document)


def test_hostile_text_in_every_place_is_data() -> None:
    hostile = record(22, dns_query=RELAY, user_username=HOSTILE, baseImage=f"C:\\{HOSTILE}\\x.exe", uid=HOSTILE)
    other = record(3, dstDevice_ip=HOSTILE, dstPort=HOSTILE, timestamp=HOSTILE, pid=HOSTILE, fields=HOSTILE)
    signal = {
        "name": HOSTILE,
        "ruleId": HOSTILE,
        "severity": HOSTILE,
        "recordCount": HOSTILE,
        "allRecords": [hostile, other, HOSTILE],
    }
    document = explained(
        example(
            readableId=HOSTILE,
            id=HOSTILE,
            name=HOSTILE,
            severity=HOSTILE,
            status={"name": HOSTILE},
            entity={"name": HOSTILE},
            timestamp=HOSTILE,
            signals=[signal, HOSTILE],
        )
    )
    (case,) = document["cases"]
    assert accounted(document)
    assert case["insight"]["url"] is None
    said = Description(case, LEVELS[0])
    assert "\u202e" not in said.summary
    assert "\x00" not in said.summary
    assert "http://" not in said.summary
    assert "hxxp://evil[.]example" in said.summary


@pytest.mark.parametrize("signals", [[], None, [{"name": "a rule", "recordCount": 2}]])
def test_an_insight_without_records_is_a_dead_letter_with_a_reason(signals: object) -> None:
    body = json.dumps(example(signals=signals)).encode()
    for look in (lambda: submission(body, "siem"), lambda: FLOW.settlement(body, START)):
        with pytest.raises(PayloadError, match="let the action send its Signals and their Records") as refused:
            look()
        assert refused.value.code == "no_rows"


def test_foreign_signals_alone_open_nothing_and_lose_nothing() -> None:
    document = explained(of_records(record(22, dns_query="www.example.net"), record(7), None))
    assert document["cases"] == []
    assert [gone["reason"].partition(":")[0] for gone in document["dropped"]] == ["no_match", "event_id", "unreadable"]


# --- tickets --------------------------------------------------------------------------------------------------------


def test_tickets_name_the_insight_its_entity_and_its_severity() -> None:
    (case,) = explained(sent())["cases"]
    said = Description(case, LEVELS[0])
    assert said.summary.endswith("Cloud SIEM Insight INSIGHT-4821 about ws-fin-0142.corp.example, severity there HIGH.")
    assert ("Sumo Insight", f"{CONSOLE}/sec/insight/3f0d7c52-8a41-3d0e-9d52-6b1f2f6f0c11") in {
        (k.label, k.url) for k in said.links
    }


@pytest.mark.parametrize("name", ["cloud-siem-insight", "cloud-siem-insight-bare"])
def test_slack_names_the_insight_in_the_long_and_in_the_short_message(name: str) -> None:
    (case,) = explained(sent(name))["cases"]
    message = slack_body.render(case, channel="C1")
    assert f"Cloud SIEM Insight {case['insight']['readable_id']} about" in json.dumps(message["blocks"])


def test_a_case_of_an_older_version_is_told_as_before() -> None:
    (case,) = explained(sent())["cases"]
    del case["insight"]
    assert "Insight" not in Description(case, LEVELS[0]).summary
    merged, news = merge(case, explained(sent())["cases"][0], 0, START)
    assert [item["text"] for item in news] == [
        "Cloud SIEM Insight INSIGHT-4821 brings evidence of this case; its own severity there is HIGH"
    ]
    assert merged["insight"] is not None
    assert merge(merged, merged, 0, START) == (merged, [])


# --- its life -------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    estate = Estate(f"sqlite:///{tmp_path}/enricher.db", Clock(START))
    opened = estate.open(merge)
    opened.upgrade()
    yield opened
    estate.close()


def accept(store: Store, document: object) -> Receipt:
    taken = submission(json.dumps(document).encode(), "siem")
    assert taken is not None
    return store.inbox.accept(taken)


def work(store: Store) -> None:
    """Settle what waits, in the order in which it came."""
    for claim in store.inbox.claim(10):
        assert store.inbox.settle(claim, FLOW.settlement(claim.body, START))


def cases(store: Store) -> list[CaseRecord]:
    return list(store.reader.cases(limit=10).items)


def kinds(case: CaseRecord) -> list[str]:
    return [item["kind"] for item in case.news]


def closed(document: CaseDocument | Json | None = None) -> Any:
    return sent("cloud-siem-insight-closed") if document is None else document | {"status": {"name": "closed"}}


def test_an_insight_sent_twice_is_one_alert(store: Store) -> None:
    first, second = accept(store, sent()), accept(store, {"data": example(assignee="s.okafor")})
    assert (first.duplicate, second.duplicate, second.alert_id) == (False, True, first.alert_id)


def test_a_further_record_joins_the_case(store: Store) -> None:
    accept(store, of_records(record(3, dstDevice_ip="203.0.113.24", dstDevice_hostname=RELAY)))
    work(store)
    more = accept(
        store,
        of_records(
            record(3, dstDevice_ip="203.0.113.24", dstDevice_hostname=RELAY),
            record(3, 60, dstDevice_ip="203.0.113.24", dstDevice_hostname=RELAY),
        ),
    )
    work(store)
    (case,) = cases(store)
    assert not more.duplicate
    assert (case.document["count"], kinds(case)) == (2, ["opened"])


def test_the_close_of_an_insight_recovers_its_case_once(store: Store) -> None:
    accept(store, sent())
    work(store)
    accept(store, closed())
    work(store)
    (case,) = cases(store)
    assert (case.state, kinds(case), case.document["count"]) == ("recovered", ["opened", "recovery"], 1)
    assert accept(store, closed()).duplicate


def test_a_close_that_overtakes_the_insight_ends_it_all_the_same(store: Store) -> None:
    accept(store, closed())
    work(store)
    accept(store, sent())
    work(store)
    (case,) = cases(store)
    assert (case.state, kinds(case)) == ("recovered", ["opened", "recovery"])


def test_a_close_without_records_recovers_too(store: Store) -> None:
    accept(store, sent())
    work(store)
    accept(store, closed(example(signals=[])))
    work(store)
    assert [case.state for case in cases(store)] == ["recovered"]


def test_a_close_that_brings_what_its_insight_never_did_loses_nothing(store: Store) -> None:
    receipt = accept(store, closed(sent("cloud-siem-insight-bare")))
    work(store)
    (case,) = cases(store)
    assert (case.state, kinds(case)) == ("recovered", ["opened", "recovery"])
    alert = store.inbox.get(receipt.alert_id)
    assert alert is not None
    assert (alert.kind, alert.cases) == ("recovery", (case.key,))
    assert [gone["row"] for gone in alert.dropped] == [3]


def test_the_close_of_one_insight_leaves_the_case_of_another(store: Store) -> None:
    accept(store, sent())
    accept(store, sent("cloud-siem-insight-bare"))
    work(store)
    accept(store, closed())
    work(store)
    states = {of["readable_id"]: case.state for case in cases(store) if (of := case.document["insight"])}
    assert states == {"INSIGHT-4821": "recovered", "INSIGHT-4822": "open"}


def test_a_monitor_and_an_insight_about_one_process_share_one_case(store: Store) -> None:
    accept(store, sent("monitor-alert-aggregate"))
    work(store)
    accept(store, sent())
    work(store)
    shared = [case for case in cases(store) if case.document["tenant"] == TENANT]
    assert len(shared) == 1
    assert shared[0].document["insight"] is not None
    assert kinds(shared[0])[:2] == ["opened", "severity"]
    assert any("INSIGHT-4821" in line for item in shared[0].news for line in (item["text"], *item["lines"]))
