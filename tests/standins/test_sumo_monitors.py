"""The stand-in's monitors and scheduled searches at work, by a clock that only a test moves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from enricher.core.payload import read
from enricher.model import Alert, Kind
from enricher.standins import Receiver, running
from enricher.standins.sumo import Message, SumoLogic
from enricher.standins.sumo.monitors import Runner, Sent, to_loopback

TEMPLATE = (Path(__file__).parents[2] / "config/sumo/connection-template.json").read_text()
RECOVERY = '{"triggerType": "{{TriggerType}}", "alertResponseUrl": "{{AlertResponseUrl}}", "results": "{{ResultsJson}}"}'
QUERY = '_sourceCategory=*sysmon* | parse regex "name=(?<name>\\S+)" | count by _sourceHost, name'
RAW = "_sourceCategory=*sysmon* name"
STATIC = {"detectionMethod": "LogsStaticCondition", "timeRange": "15m", "threshold": 0}
CRITICAL = {"triggerType": "Critical", "thresholdType": "GreaterThan", **STATIC}
RESOLVED = {"triggerType": "ResolvedCritical", "thresholdType": "LessThanOrEqual", **STATIC}
MISSING = {"detectionMethod": "LogsMissingDataCondition", "timeRange": "1h"}
T = 1_795_500_000.0


@dataclass
class Hall:
    """An account with one connection. `sent` is what was posted to it."""

    sumo: SumoLogic
    sent: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    runner: Runner = field(init=False)
    status: int | None = 202

    def __post_init__(self) -> None:
        self.runner = Runner(self.sumo, post=self.post)
        self.sumo.library.connections["c"] = {
            "url": "http://127.0.0.1:1/webhooks/sumo",
            "headers": [{"name": "Authorization", "value": "Bearer t"}],
            "customHeaders": [{"name": "X-More", "value": "1"}],
            "defaultPayload": TEMPLATE,
            "resolutionPayload": RECOVERY,
        }

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int | None:
        self.sent.append((url, headers, body))
        return self.status

    def log(self, at: float, *names: str, host: str = "h1") -> None:
        self.sumo.messages += [Message(raw=f"name={name}", host=host, at=at) for name in names]

    def monitor(self, *triggers: Mapping[str, Any], query: str = QUERY, one: str = "m", **more: Any) -> None:
        self.sumo.library.monitors[one] = {
            "type": "MonitorsLibraryMonitor",
            "name": "functions",
            "monitorType": "Logs",
            "queries": [{"rowId": "A", "query": query}],
            "triggers": list(triggers),
            "notifications": [
                {
                    "notification": {"connectionType": "Webhook", "connectionId": "c"},
                    "runForTriggerTypes": [trigger["triggerType"] for trigger in triggers],
                }
            ],
            **more,
        }

    def search(self, query: str = QUERY, threshold: Mapping[str, Any] | None = None, **task: Any) -> None:
        self.sumo.library.searches["s"] = {
            "name": "hourly",
            "queryString": query,
            "schedule": {
                "scheduleType": "15Minutes",
                "parseableTimeRange": {"from": {"relativeTime": "-15m"}},
                "threshold": threshold,
                "notification": {"webhookId": "c", **task},
            },
        }

    def run(self, now: float) -> list[Sent]:
        return self.runner.run_due(now)

    def alerts(self) -> list[Alert]:
        return [read(body) for _, _, body in self.sent]


@pytest.fixture
def hall() -> Hall:
    return Hall(SumoLogic())


def kinds(sent: list[Sent]) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.trigger, one.group) for one in sent]


# --- monitors -------------------------------------------------------------------------------------------------------


def test_one_alert_for_each_group_and_nothing_further_while_it_is_open(hall: Hall) -> None:
    hall.monitor(CRITICAL, RESOLVED, notificationGroupFields=["_sourceHost"])
    hall.log(T - 60, "a", "b", host="h1")
    hall.log(T - 50, "c", host="h2")
    assert sorted(kinds(hall.run(T))) == [("Critical", ("h1",)), ("Critical", ("h2",))]
    hall.log(T + 30, "d", host="h1")
    hall.log(T + 30, "e", host="h3")
    assert kinds(hall.run(T + 60)) == [("Critical", ("h3",))]
    found = hall.alerts()
    assert {one.kind for one in found} == {Kind.MONITOR}
    assert sorted(len(one.rows) for one in found) == [1, 1, 2]
    assert len({one.alert_ref for one in found}) == 3
    assert {one.group for one in found} == {"_sourceHost=h1", "_sourceHost=h2", "_sourceHost=h3"}
    assert hall.sent[0][1] == {"Authorization": "Bearer t", "X-More": "1"}


def test_a_recovery_when_the_condition_ends_and_a_new_alert_after_it(hall: Hall) -> None:
    hall.monitor(CRITICAL, RESOLVED, notificationGroupFields=["_sourceHost"])
    hall.log(T - 60, "a")
    hall.run(T)
    assert hall.run(T + 800) == []
    assert kinds(hall.run(T + 860)) == [("ResolvedCritical", ("h1",))]
    assert not hall.runner.is_open("m")
    hall.log(T + 900, "a")
    hall.run(T + 960)
    first, ended, again = hall.alerts()
    assert ended.kind is Kind.RECOVERY
    assert first.alert_ref == ended.alert_ref != again.alert_ref
    assert ended.rows == ()


def test_without_groups_or_with_one_that_a_row_lacks_there_is_one_alert(hall: Hall) -> None:
    hall.monitor(CRITICAL, RESOLVED)
    hall.monitor(CRITICAL, RESOLVED, one="n", notificationGroupFields=["nothing"])
    hall.log(T - 60, "a", host="h1")
    hall.log(T - 60, "a", host="h2")
    assert kinds(hall.run(T)) == [("Critical", ()), ("Critical", ())]


def test_at_most_200_rows_of_an_aggregate_and_10_messages(hall: Hall) -> None:
    hall.monitor(CRITICAL)
    hall.monitor(CRITICAL, one="n", query=RAW)
    hall.log(T - 60, *(f"n{n}" for n in range(450)))
    hall.run(T)
    of_rows, of_messages = hall.alerts()
    assert (len(of_rows.rows), of_rows.rows_total, of_rows.truncated) == (200, 450, True)
    assert (len(of_messages.rows), of_messages.rows_total, of_messages.truncated) == (10, 450, True)
    assert of_messages.rows[0].text is not None


def test_at_most_a_thousand_groups(hall: Hall) -> None:
    hall.monitor(CRITICAL, notificationGroupFields=["name"])
    hall.log(T - 60, *(f"n{n}" for n in range(1_100)))
    assert len(hall.run(T)) == 1_000


def test_a_threshold_counts_the_rows_of_a_group(hall: Hall) -> None:
    hall.monitor({**CRITICAL, "threshold": 1}, notificationGroupFields=["_sourceHost"])
    hall.log(T - 60, "a", host="h1")
    hall.log(T - 60, "a", "b", host="h2")
    assert kinds(hall.run(T)) == [("Critical", ("h2",))]


def test_what_comes_late_is_found_after_the_delay(hall: Hall) -> None:
    hall.monitor(CRITICAL, evaluationDelay="5m")
    hall.log(T - 60, "a")
    assert hall.run(T) == []
    assert len(hall.run(T + 300)) == 1
    start = hall.alerts()[0].ended_at
    assert start is not None
    assert start.timestamp() == T


def test_missing_data_and_its_end(hall: Hall) -> None:
    hall.monitor({"triggerType": "MissingData", **MISSING}, {"triggerType": "ResolvedMissingData", **MISSING})
    hall.log(T, "a")
    assert hall.run(T + 60) == []
    assert kinds(hall.run(T + 3_700)) == [("MissingData", ())]
    assert hall.run(T + 3_760) == []
    hall.log(T + 3_790, "b")
    assert kinds(hall.run(T + 3_820)) == [("ResolvedMissingData", ())]
    assert [(one.kind, one.trigger) for one in hall.alerts()] == [
        (Kind.MONITOR, "Missing Data"),
        (Kind.RECOVERY, "ResolvedMissingData"),
    ]


def test_a_monitor_runs_as_often_as_it_says(hall: Hall) -> None:
    hall.monitor({**CRITICAL, "frequency": "5m"})
    assert hall.run(T) == []
    hall.log(T, "a")
    assert hall.run(T + 299) == []
    assert len(hall.run(T + 300)) == 1


def test_one_that_is_off_or_cannot_be_searched_sends_nothing(hall: Hall) -> None:
    hall.monitor(CRITICAL, isDisabled=True)
    hall.monitor(CRITICAL, one="n", query="* | eval x = 1")
    hall.log(T - 60, "a")
    assert hall.run(T) == []


def test_what_was_not_taken_is_not_sent_again(hall: Hall) -> None:
    hall.status = None
    hall.monitor(CRITICAL)
    hall.log(T - 60, "a")
    assert [one.status for one in hall.run(T)] == [None]
    assert hall.run(T + 60) == []


@pytest.mark.parametrize("unresolved", ["", '""'])
def test_hostile_text_leaves_json(hall: Hall, unresolved: str) -> None:
    hall.runner = Runner(hall.sumo, post=hall.post, unresolved=unresolved)
    hall.monitor(CRITICAL, name='a"\\\n{{ResultsJson}}', playbook="look", description="d", alertName="{{Name}}")
    hall.sumo.messages.append(Message(raw='name="}]{{Query}}\\u0000', host='h"\\', at=T - 60))
    hall.run(T)
    if unresolved:  # an empty group in quotes breaks the body, which is why the service keeps what it cannot read
        assert b'"alertGroup": """"' in hall.sent[0][2]
    else:
        document = json.loads(hall.sent[0][2])
        assert document["name"] == 'a"\\\n{{ResultsJson}}'


# --- scheduled searches ---------------------------------------------------------------------------------------------


def test_a_search_sends_each_run_and_the_same_rows_again(hall: Hall) -> None:
    hall.search()
    hall.log(T - 60, "a")
    assert len(hall.run(T)) == 1
    assert hall.run(T + 60) == []
    assert len(hall.run(T + 900)) == 1
    assert [len(one.rows) for one in hall.alerts()] == [1, 0]


def test_a_threshold_keeps_a_search_quiet(hall: Hall) -> None:
    hall.search(threshold={"thresholdType": "group", "operator": "gt", "count": 0})
    assert hall.run(T) == []
    hall.log(T + 800, "a")
    assert len(hall.run(T + 900)) == 1


def test_a_search_can_send_one_alert_for_each_row_up_to_a_hundred(hall: Hall) -> None:
    hall.search(itemizeAlerts=True, maxItemizedAlerts=500)
    hall.log(T - 60, *(f"n{n}" for n in range(150)))
    assert [one.rows for one in hall.run(T)] == [1] * 100


def test_a_search_has_a_payload_of_its_own_with_the_old_names(hall: Hall) -> None:
    payload = '{"searchName": "{{SearchName}}", "aggregateResults": "{{AggregateResultsJson}}", "fireTime": "{{FireTime}}"}'
    hall.search(payload=payload)
    hall.log(T - 60, "a")
    hall.run(T)
    (found,) = hall.alerts()
    assert (found.kind, found.name, len(found.rows)) == (Kind.SCHEDULED_SEARCH, "hourly", 1)


# --- the call -------------------------------------------------------------------------------------------------------


def test_it_calls_this_machine_and_no_other() -> None:
    with pytest.raises(ValueError, match="this machine"):
        to_loopback("http://192.0.2.1/", {}, b"")
    assert to_loopback("http://127.0.0.1:1/", {}, b"") is None
    with running(Receiver()) as receiver:
        assert to_loopback(f"{receiver.url}/hook", {"Authorization": "Bearer stand-in"}, b"{}") is not None
