"""Bodies of the API: what the stand-in's rules take, in an order in which each thing finds what it refers to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain

import pytest

from enricher.core.kit.rest import NO_TOKEN, Body, bodies, connection_body, refer, scheduled_bodies
from enricher.standins.sumo import rules
from tests.core.kit.kit_options import shipped

CONNECTED = {refer("connection", "enricher")}
EVERY = [*bodies(shipped(), cases=True), *scheduled_bodies(shipped())]
TOKEN = "the-secret-token-of-the-webhook"


def sound(_query: str) -> None:
    return None


def problems(one: Body) -> list[str]:
    found: dict[str, Iterator[str]] = {
        "connection": rules.connection(one.body),
        "folder": rules.folder(one.body),
        "monitor": rules.monitor(one.body, sound, CONNECTED),
        "search": rules.search(one.body, sound, CONNECTED),
        "field": rules.field(one.body),
    }
    return [*found[one.kind]]


@pytest.mark.parametrize("one", EVERY, ids=lambda one: f"{one.kind} {one.name}")
def test_sumo_logic_takes_it(one: Body) -> None:
    assert problems(one) == []


def test_the_rules_would_have_refused_what_is_wrong() -> None:
    monitor = next(one for one in EVERY if one.kind == "monitor")
    longer = {**monitor.body, "queries": [{"rowId": "A", "query": "x" * 4_001}]}
    grouped = {**monitor.body, "notificationGroupFields": ["_raw"]}
    for body in (longer, grouped, {**monitor.body, "alertName": "{{ResultsJson}}"}):
        assert problems(Body(kind="monitor", name=monitor.name, body=body)) != []


def test_each_thing_comes_behind_what_it_refers_to() -> None:
    known: set[str] = set()
    folders: set[str] = set()
    for one in EVERY:
        said = json.dumps(one.body)
        asked = {reference for reference in (refer("connection", "enricher"),) if reference in said}
        assert asked <= known
        assert one.under is None or one.under in folders
        known.add(refer(one.kind, one.name))
        folders |= {one.name} if one.kind == "folder" else set()


def test_the_token_stands_in_the_header_that_is_hidden_and_nowhere_else() -> None:
    held = connection_body(shipped().connection, TOKEN)
    assert held.body["headers"] == [{"name": "Authorization", "value": f"Bearer {TOKEN}"}]
    assert held.body["customHeaders"] == []
    everything = [*bodies(shipped(), TOKEN, cases=True), *scheduled_bodies(shipped())]
    assert sum(TOKEN in json.dumps(one.body) for one in everything) == 1
    assert connection_body(shipped().connection).body["headers"][0]["value"] == f"Bearer {NO_TOKEN}"
    with pytest.raises(ValueError, match="no header"):
        connection_body(shipped().connection, "a,b")


def test_a_monitor_alerts_on_any_row_and_ends_without_one() -> None:
    for one in (one for one in EVERY if one.kind == "monitor" and "no-sysmon" not in one.name):
        alert, ended = one.body["triggers"]
        assert (alert["triggerType"], alert["thresholdType"], alert["threshold"]) == ("Critical", "GreaterThan", 0)
        assert (ended["triggerType"], ended["thresholdType"]) == ("ResolvedCritical", "LessThanOrEqual")
        assert (alert["timeRange"], alert["frequency"], ended["resolutionWindow"]) == ("15m", "5m", "15m")
        [sends] = one.body["notifications"]
        assert sends["runForTriggerTypes"] == ["Critical", "ResolvedCritical"]
        assert sends["notification"].keys() == {"connectionType", "connectionId"}
        assert one.body["notificationGroupFields"] == ["_sourceHost"]


def test_silence_is_an_alert_by_itself_with_a_payload_of_its_own() -> None:
    one = next(one for one in EVERY if one.name == "enricher-no-sysmon-events")
    assert [trigger["triggerType"] for trigger in one.body["triggers"]] == ["MissingData", "ResolvedMissingData"]
    [sends] = one.body["notifications"]
    assert sends["notification"].keys() >= {"payloadOverride", "resolutionPayloadOverride"}


def test_the_heartbeat_always_sends_and_a_search_of_the_detection_when_it_has_rows() -> None:
    searches = {one.name: one.body["schedule"] for one in EVERY if one.kind == "search"}
    assert "threshold" not in searches.pop("Enricher heartbeat")
    assert {json.dumps(one["threshold"], sort_keys=True) for one in searches.values()} == {
        '{"count": 0, "operator": "gt", "thresholdType": "group"}'
    }
    assert len(searches) == sum(one.kind == "monitor" for one in EVERY) - 1


def test_fields_are_for_who_sends_cases_back() -> None:
    assert {one.kind for one in bodies(shipped())} == {"connection", "folder", "monitor", "search"}
    assert [one.name for one in bodies(shipped(), cases=True) if one.kind == "field"] == [*shipped().fields]


def test_payloads_are_json_as_text() -> None:
    names = ("defaultPayload", "resolutionPayload")
    held = EVERY[0].body
    searches = [one.body["schedule"]["notification"]["payload"] for one in EVERY if one.kind == "search"]
    for text in chain((held[name] for name in names), searches):
        assert json.loads(text)["schema"] == "enricher/1"
