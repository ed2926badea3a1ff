"""What is put into Sumo Logic, against the stand-in: once, the same a second time, and never twice whatever fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from enricher.core.kit.rest import Body, refer
from enricher.errors import LibraryError, Reason
from enricher.standins import KEY, Fault, FaultKind, running
from enricher.standins.sumo import SumoLogic
from enricher.sumo.library import NOT_YET, Change, Library, LibraryApi, differing
from enricher.sumo.pace import Pace
from tests.standins.standin_client import transport
from tests.sumo.fakes import Hours

pytestmark = pytest.mark.slow

PAYLOAD = json.dumps({"name": "{{Name}}", "results": "{{ResultsJson}}"}, indent=1)
SECRET = "Bearer of-the-webhook"
CONNECTION = Body(
    kind="connection",
    name="enricher",
    body={
        "type": "WebhookDefinition",
        "name": "enricher",
        "description": "to Enricher",
        "url": "https://enricher.example.com/webhooks/sumo",
        "headers": [{"name": "Authorization", "value": SECRET}],
        "customHeaders": [],
        "defaultPayload": PAYLOAD,
        "resolutionPayload": PAYLOAD,
        "webhookType": "Webhook",
    },
)
FOLDER = Body(kind="folder", name="Enricher", body={"type": "MonitorsLibraryFolder", "name": "Enricher", "description": ""})
STATIC = {
    "detectionMethod": "LogsStaticCondition",
    "timeRange": "15m",
    "threshold": 0,
    "occurrenceType": "ResultCount",
    "triggerSource": "AllResults",
}
MONITOR = Body(
    kind="monitor",
    name="functions-1",
    under="Enricher",
    body={
        "type": "MonitorsLibraryMonitor",
        "name": "functions-1",
        "monitorType": "Logs",
        "queries": [{"rowId": "A", "query": "_sourceCategory=*sysmon* | count"}],
        "triggers": [
            {"triggerType": "ResolvedCritical", "thresholdType": "LessThanOrEqual", **STATIC},
            {"triggerType": "Critical", "thresholdType": "GreaterThan", **STATIC},
        ],
        "notifications": [
            {
                "notification": {"connectionType": "Webhook", "connectionId": refer("connection", "enricher")},
                "runForTriggerTypes": ["Critical", "ResolvedCritical"],
            }
        ],
        "notificationGroupFields": ["_sourceHost"],
        "evaluationDelay": "0m",
    },
)
SEARCH = Body(
    kind="search",
    name="Enricher heartbeat",
    body={
        "name": "Enricher heartbeat",
        "queryString": "* | count",
        "timeRange": {"type": "BeginBoundedTimeRange"},
        "parsingMode": "Manual",
        "schedule": {
            "scheduleType": "15Minutes",
            "timeZone": "UTC",
            "cronExpression": "",
            "parseableTimeRange": {"type": "BeginBoundedTimeRange"},
            "notification": {
                "taskType": "WebhookSearchNotificationSyncDefinition",
                "webhookId": refer("connection", "enricher"),
                "payload": PAYLOAD,
            },
        },
    },
)
FIELD = Body(kind="field", name="enricher_case", body={"fieldName": "enricher_case"})
ALL = (CONNECTION, FOLDER, MONITOR, SEARCH, FIELD)


@dataclass(frozen=True)
class Bench:
    sumo: SumoLogic
    patience: Hours

    def apply(self, *wanted: Body, dry: bool = False) -> list[Change]:
        api = LibraryApi(self.sumo.url, "su1", KEY, Pace(self.patience), transport=transport())
        api.hide(SECRET)
        try:
            return list(Library(api, self.patience, dry=dry).apply(wanted))
        finally:
            api.close()

    def actions(self, *wanted: Body, dry: bool = False) -> list[str]:
        return [one.action for one in self.apply(*wanted, dry=dry)]

    def writes(self) -> list[str]:
        return [f"{one['method']} {one['path']}" for one in self.sumo.store()["requests"] if one["method"] != "GET"]

    def names(self, kind: str) -> list[str]:
        return [one.get("name", one.get("fieldName")) for one in self.sumo.store()[kind].values()]


@pytest.fixture
def bench() -> Iterator[Bench]:
    patience = Hours()
    with running(SumoLogic(clock=patience.clock)) as sumo:
        yield Bench(sumo, patience)


def changed(wanted: Body, **body: Any) -> Body:
    return replace(wanted, body={**wanted.body, **body})


# --- once, and the same again ---------------------------------------------------------------------------------------


def test_a_dry_run_tells_everything_and_writes_nothing(bench: Bench) -> None:
    assert bench.actions(*ALL, dry=True) == ["create"] * 5
    assert bench.writes() == []
    bench.apply(CONNECTION)
    assert bench.actions(*ALL, dry=True) == ["unchanged", "create", "create", "create", "create"]
    assert NOT_YET not in json.dumps(bench.sumo.store())


def test_what_was_applied_is_unchanged_the_second_time(bench: Bench) -> None:
    assert bench.actions(*ALL) == ["create"] * 5
    before = bench.writes()
    assert bench.actions(*ALL) == ["unchanged"] * 5
    assert bench.actions(*ALL, dry=True) == ["unchanged"] * 5
    assert bench.writes() == before
    store = bench.sumo.store()
    (connection,) = store["connections"]
    (monitor,) = (one for one in store["monitors"].values() if "queries" in one)
    assert monitor["notifications"][0]["notification"]["connectionId"] == connection
    assert store["monitors"][monitor["parentId"]]["name"] == "Enricher"


def test_what_differs_is_changed_and_only_that(bench: Bench) -> None:
    bench.apply(*ALL)
    before = len(bench.writes())
    query = changed(MONITOR, queries=[{"rowId": "A", "query": "_sourceCategory=* | count"}])
    token = changed(CONNECTION, headers=[{"name": "Authorization", "value": "Bearer another"}])
    found = bench.apply(token, FOLDER, query, SEARCH)
    assert [(one.action, one.keys) for one in found] == [
        ("update", ("headers",)),
        ("unchanged", ()),
        ("update", ("queries",)),
        ("unchanged", ()),
    ]
    assert len(bench.writes()) == before + 2
    assert bench.actions(token, FOLDER, query, SEARCH) == ["unchanged"] * 4


def test_a_secret_is_in_no_change(bench: Bench) -> None:
    bench.apply(CONNECTION)
    found = bench.apply(changed(CONNECTION, headers=[{"name": "Authorization", "value": "Bearer another"}]))
    assert "Bearer" not in repr(found)


def test_what_others_made_is_left_alone(bench: Bench) -> None:
    elsewhere = replace(MONITOR, under=None)
    assert bench.actions(CONNECTION, elsewhere, FOLDER, MONITOR) == ["create"] * 4
    assert bench.names("monitors").count("functions-1") == 2
    assert bench.actions(CONNECTION, FOLDER, changed(MONITOR, playbook="look")) == ["unchanged", "unchanged", "update"]
    assert [one.get("playbook", "") for one in bench.sumo.store()["monitors"].values() if "queries" in one] == ["", "look"]


def test_lists_of_many_pages_are_read_to_their_end(bench: Bench) -> None:
    many = [changed(replace(CONNECTION, name=f"c{n}"), name=f"c{n}") for n in range(230)]
    for n, one in enumerate(many):
        bench.sumo.library.connections[f"{n:016X}"] = dict(one.body)
    assert bench.actions(many[-1]) == ["unchanged"]


def test_two_of_one_name_are_left_to_a_person(bench: Bench) -> None:
    for n in range(2):
        bench.sumo.library.connections[f"{n:016X}"] = dict(CONNECTION.body)
    with pytest.raises(LibraryError, match="2 of that name"):
        bench.apply(CONNECTION)
    assert bench.writes() == []


# --- whatever fails -------------------------------------------------------------------------------------------------

AFTER = [FaultKind.DROP, FaultKind.HTML, FaultKind.TRUNCATE, FaultKind.ERROR]
PLACES = {
    "connection": "/api/v1/connections",
    "folder": "/api/v1/monitors",
    "search": "/api/v1/logSearches",
    "field": "/api/v1/fields",
}


@pytest.mark.parametrize("kind", AFTER, ids=str)
@pytest.mark.parametrize("wanted", [CONNECTION, FOLDER, SEARCH, FIELD], ids=lambda one: str(one.kind))
def test_what_was_made_without_an_answer_is_found_and_not_made_again(bench: Bench, wanted: Body, kind: FaultKind) -> None:
    bench.apply(CONNECTION) if wanted is SEARCH else None
    path = PLACES[wanted.kind]
    bench.sumo.fail(Fault(kind=kind, method="POST", path=path, calls=(1,), commits=True))
    wants = [CONNECTION, wanted] if wanted is SEARCH else [wanted]
    assert bench.actions(*wants)[-1] == "create"
    assert bench.writes().count(f"POST {path}") == 1
    assert bench.actions(*wants)[-1] == "unchanged"
    held = bench.sumo.library
    assert len({"connection": held.connections, "search": held.searches, "field": held.fields}.get(wanted.kind, [0])) == 1


def test_a_monitor_made_without_an_answer_is_found(bench: Bench) -> None:
    bench.apply(CONNECTION, FOLDER)
    bench.sumo.fail(Fault(kind=FaultKind.DROP, method="POST", path="/api/v1/monitors", calls=(1,)))
    assert bench.actions(CONNECTION, FOLDER, MONITOR) == ["unchanged", "unchanged", "create"]
    assert bench.names("monitors").count("functions-1") == 1


def test_where_it_cannot_be_told_nothing_is_made_a_second_time(bench: Bench) -> None:
    bench.sumo.fail(Fault(kind=FaultKind.REFUSE, method="POST", calls=(1,)))
    with pytest.raises(LibraryError, match="look there before you apply again") as caught:
        bench.apply(CONNECTION)
    assert caught.value.reason is Reason.DROPPED
    assert len(bench.writes()) == 1
    assert bench.actions(CONNECTION) == ["create"]
    assert bench.names("connections") == ["enricher"]


def test_a_limit_is_waited_for(bench: Bench) -> None:
    bench.sumo.fail(Fault(kind=FaultKind.LIMIT, retry_after=7, rate=1.0, calls=(1, 3)))
    assert bench.actions(*ALL) == ["create"] * 5
    assert 7.0 in bench.patience.waits


def test_no_more_than_three_calls_a_second(bench: Bench) -> None:
    began = bench.patience.now
    bench.apply(*ALL)
    assert len(bench.sumo.store()["requests"]) <= 1 + 3 * (bench.patience.now - began) + 1
    assert 429 not in [one["status"] for one in bench.sumo.store()["requests"]]


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.REFUSE, FaultKind.ERROR, FaultKind.RESET], ids=str)
def test_a_change_without_an_answer_is_made_all_the_same(bench: Bench, kind: FaultKind) -> None:
    bench.apply(CONNECTION, FOLDER, MONITOR)
    bench.sumo.fail(Fault(kind=kind, method="PUT", calls=(1,)))
    wanted = (CONNECTION, FOLDER, changed(MONITOR, playbook="look"))
    assert bench.actions(*wanted)[-1] == "update"
    assert bench.actions(*wanted)[-1] == "unchanged"


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_is_told_so_at_once(bench: Bench, status: int) -> None:
    bench.sumo.fail(Fault(kind=FaultKind.DENY, status=status))
    with pytest.raises(LibraryError) as caught:
        bench.apply(CONNECTION)
    assert caught.value.reason in {Reason.AUTH, Reason.FORBIDDEN}
    assert len(bench.sumo.store()["requests"]) == 1


def test_another_deployment_is_no_place_to_go(bench: Bench) -> None:
    bench.sumo.fail(Fault(kind=FaultKind.REDIRECT))
    with pytest.raises(LibraryError, match="this account is elsewhere"):
        bench.apply(CONNECTION)


def test_what_sumo_logic_refuses_is_said_and_holds_no_secret(bench: Bench) -> None:
    with pytest.raises(LibraryError, match="defaultPayload must be JSON") as caught:
        bench.apply(changed(CONNECTION, defaultPayload="{{ResultsJson}}"))
    assert SECRET not in str(caught.value)
    with pytest.raises(LibraryError) as caught:
        bench.apply(changed(CONNECTION, **{SECRET: 1}))
    assert SECRET not in str(caught.value)


# --- what differs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "keys"),
    [
        pytest.param({"a": 1}, {"a": 1.0, "b": 2}, (), id="what only they have"),
        pytest.param({"a": ""}, {}, (), id="nothing is empty"),
        pytest.param({"a": 0, "b": False}, {}, (), id="so are nought and no"),
        pytest.param({"a": 0}, {"a": 1}, ("a",), id="but not one"),
        pytest.param({"playbook": "look\n"}, {"playbook": "look"}, (), id="a line's end that was cut"),
        pytest.param({"a": False}, {"a": True}, ("a",), id="no is not yes"),
        pytest.param({"triggers": [{"timeRange": "15m"}]}, {"triggers": [{"timeRange": "-15m"}]}, (), id="a sign"),
        pytest.param({"defaultPayload": '{"a": 1}'}, {"defaultPayload": '{"a":1}'}, (), id="blanks in a payload"),
        pytest.param({"defaultPayload": "{"}, {"defaultPayload": "{}"}, ("defaultPayload",), id="no payload"),
        pytest.param({"tags": {}}, {"tags": {"a": "b"}}, ("tags",), id="a tag too many"),
        pytest.param({"x": [1]}, {"x": [1, 2]}, ("x",), id="a list that is longer"),
        pytest.param({"type": "A", "version": 1}, {"type": "B", "version": 2}, (), id="read otherwise than written"),
    ],
)
def test_what_differs(ours: dict[str, Any], theirs: dict[str, Any], keys: tuple[str, ...]) -> None:
    assert differing(ours, theirs) == keys
