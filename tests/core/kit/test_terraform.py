"""The kit as Terraform: files that parse, hold every argument that the provider knows and we need, and take no text for more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.kit.dashboard import dashboard
from enricher.core.kit.hcl import Block, Raw, document
from enricher.core.kit.objects import Monitor
from enricher.core.kit.terraform import label, monitor, terraform
from enricher.core.kit.terraform_frame import variables
from enricher.standins.sumo import rules
from tests.core.kit.hcl_reader import Expression, parsed, resources
from tests.core.kit.kit_options import PAYLOADS, shipped, with_options

Check = Callable[[Any], object]
SPAN = re.compile(r"\d+[smhd]")
HOSTILE = [
    '${file("/etc/passwd")}',
    "%{ if true }x%{ endif }",
    "$${already}",
    "$$${three} %%{two}",
    'end"\n}\nresource "a" "b" {',
    "EOT\nresource",
    "one\nEOT\ntwo",
    "one\n  EOT  \ntwo\n",
    "back\\slash\\",
    "nul\x00 bell\x07 \x85 \u2028 end",
    "win\r\ndows\n",
    "\n",
    "one\n\n",
    "${\n}",
    "{{Name}} 🦊 é",
    "",
]


@cache
def files() -> dict[str, str]:
    return terraform(shipped())


def every() -> dict[tuple[str, str], dict[str, Any]]:
    return {key: body for text in files().values() for key, body in resources(text).items()}


@cache
def of(kind: str) -> dict[str, dict[str, Any]]:
    return {name: body for (type_, name), body in every().items() if type_ == kind}


# --- every argument -------------------------------------------------------------------------------------------------


def text(least: int, most: int) -> Check:
    return lambda value: isinstance(value, str) and least <= len(value) <= most and value == value.strip()


def one_of(*values: object) -> Check:
    return lambda value: value in values


def is_json(value: object) -> bool:
    return isinstance(value, str) and isinstance(json.loads(value), dict)


def refers_to(expression: str) -> Check:
    return lambda value: value == Expression(expression)


def span(value: object) -> bool:
    return isinstance(value, str) and bool(SPAN.fullmatch(value))


CONNECTION: dict[str, Check] = {
    "type": one_of("WebhookConnection"),
    "name": text(1, 128),
    "description": text(1, 1_024),
    "url": refers_to("var.enricher_url"),
    "headers.Authorization": refers_to("Bearer ${var.enricher_token}"),
    "default_payload": is_json,
    "resolution_payload": is_json,
    "webhook_type": one_of("Webhook"),
}
MONITOR: dict[str, Check] = {
    "type": one_of("MonitorsLibraryMonitor"),
    "content_type": one_of("Monitor"),
    "monitor_type": one_of("Logs"),
    "name": text(1, 128),
    "description": text(1, 1_024),
    "parent_id": refers_to("sumologic_monitor_folder.enricher.id"),
    "is_disabled": one_of(False),
    "queries.row_id": one_of("A"),
    "queries.query": text(1, 4_000),
    "notifications.run_for_trigger_types": one_of(["Critical", "ResolvedCritical"]),
    "notifications.notification.connection_type": one_of("Webhook"),
    "notifications.notification.connection_id": refers_to("sumologic_connection.enricher.id"),
    "notification_group_fields": one_of(["_sourceHost"]),
    "group_notifications": one_of(True),
    "evaluation_delay": span,
    "playbook": text(1, 10_000),
    "alert_name": text(1, 512),
    "tags.application": one_of("enricher"),
}
_STATIC = "trigger_conditions.logs_static_condition.critical"
STATIC: dict[str, Check] = {
    f"{_STATIC}.time_range": lambda value: value in rules.TIME_RANGES,
    f"{_STATIC}.frequency": span,
    f"{_STATIC}.alert.threshold": one_of(0),
    f"{_STATIC}.alert.threshold_type": one_of("GreaterThan"),
    f"{_STATIC}.resolution.threshold": one_of(0),
    f"{_STATIC}.resolution.threshold_type": one_of("LessThanOrEqual"),
    f"{_STATIC}.resolution.resolution_window": span,
}
_MISSING = "trigger_conditions.logs_missing_data_condition"
MISSING: dict[str, Check] = {
    f"{_MISSING}.time_range": lambda value: value in rules.TIME_RANGES,
    f"{_MISSING}.frequency": span,
    "notifications.run_for_trigger_types": one_of(["MissingData", "ResolvedMissingData"]),
    "notifications.notification.payload_override": is_json,
    "notifications.notification.resolution_payload_override": is_json,
    "notification_group_fields": one_of(["_sourceCategory"]),
}
SEARCH: dict[str, Check] = {
    "name": lambda value: bool(re.fullmatch(r"[a-zA-Z0-9 +%\-@.,_()]{1,255}", value)),
    "description": lambda value: 0 < len(value.encode()) <= 255,
    "parent_id": refers_to("data.sumologic_personal_folder.mine.id"),
    "query_string": text(1, 4_000),
    "parsing_mode": one_of("Manual"),
    "run_by_receipt_time": one_of(False),
    "time_range.begin_bounded_time_range.from.relative_time_range.relative_time": one_of("-15m", "-20m"),
    "schedule.schedule_type": one_of("15Minutes"),
    "schedule.time_zone": one_of("Etc/UTC"),
    "schedule.mute_error_emails": one_of(False),
    "schedule.parseable_time_range.begin_bounded_time_range.from.relative_time_range.relative_time": one_of("-15m", "-20m"),
    "schedule.notification.webhook_search_notification.webhook_id": refers_to("sumologic_connection.enricher.id"),
    "schedule.notification.webhook_search_notification.payload": is_json,
    "schedule.notification.webhook_search_notification.itemize_alerts": one_of(False),
    "lifecycle.ignore_changes": one_of([Expression("schedule[0].cron_expression")]),
}
THRESHOLD: dict[str, Check] = {
    "schedule.threshold.threshold_type": one_of("group"),
    "schedule.threshold.operator": one_of("gt"),
    "schedule.threshold.count": one_of(0),
}
RULE: dict[str, Check] = {
    "name": text(1, 128),
    "enabled": one_of(True),
    "is_prototype": refers_to("var.cloud_siem_prototype"),
    "expression": text(1, 4_000),
    "name_expression": text(1, 128),
    "description_expression": text(1, 1_024),
    "summary_expression": text(1, 1_024),
    "severity_mapping.type": one_of("constant"),
    "severity_mapping.default": lambda value: 0 <= value <= 10,
    "suppression_window_size": lambda value: 0 < value < 7 * 24 * 60 * 60 * 1_000,
    "tags": lambda value: any(tag.startswith("_mitreAttackTechnique:T") for tag in value),
}
SOURCE: dict[str, Check] = {
    "name": text(1, 128),
    "description": text(1, 1_024),
    "collector_id": refers_to("sumologic_collector.cases[0].id"),
    "category": refers_to("var.cases_category"),
    "message_per_request": one_of(False),
    "multiline_processing_enabled": one_of(False),
}


def searches_there(value: object) -> bool:
    """A search as it stands in the kit, over the category that the variable names."""
    assert isinstance(value, Expression)
    return value.text.startswith("replace(") and value.text.endswith(
        '"_sourceCategory=enricher/cases", "_sourceCategory=${var.cases_category}")'
    )


def is_place(value: object) -> bool:
    assert isinstance(value, str)
    place = json.loads(value)
    return set(place) == {"height", "width", "x", "y"} and int(place["x"] + place["width"]) <= 24


PANEL = "panel.sumo_search_panel"
DASHBOARD: dict[str, Check] = {
    "title": text(1, 255),
    "description": text(1, 1_024),
    "folder_id": refers_to("data.sumologic_personal_folder.mine.id"),
    "refresh_interval": one_of(120, 300, 900, 1800, 3600, 7200, 86400),
    "theme": one_of("Light", "Dark"),
    "time_range.begin_bounded_time_range.from.relative_time_range.relative_time": one_of("-7d"),
    f"{PANEL}.key": text(1, 128),
    f"{PANEL}.title": text(1, 255),
    f"{PANEL}.visual_settings": is_json,
    f"{PANEL}.keep_visual_settings_consistent_with_parent": one_of(True),
    f"{PANEL}.query.query_string": searches_there,
    f"{PANEL}.query.query_type": one_of("Logs"),
    f"{PANEL}.query.query_key": one_of("A"),
    f"{PANEL}.query.parse_mode": one_of("Manual"),
    f"{PANEL}.query.time_source": one_of("Message"),
    "layout.grid.layout_structure.key": text(1, 128),
    "layout.grid.layout_structure.structure": is_place,
}
FIELD: dict[str, Check] = {"field_name": text(1, 128), "state": one_of("Enabled")}


def cases() -> Iterator[Any]:
    yield from ((f"connection {name}", body, CONNECTION) for name, body in of("sumologic_connection").items())
    for name, body in of("sumologic_monitor").items():
        yield f"monitor {name}", body, MONITOR | (MISSING if name == "no_sysmon_events" else STATIC)
    for name, body in of("sumologic_log_search").items():
        yield f"search {name}", body, SEARCH | ({} if name == "enricher_heartbeat" else THRESHOLD)
    yield from ((f"rule {name}", body, RULE) for name, body in of("sumologic_cse_match_rule").items())
    yield from ((f"source {name}", body, SOURCE) for name, body in of("sumologic_http_source").items())
    yield from ((f"dashboard {name}", body, DASHBOARD) for name, body in of("sumologic_dashboard").items())
    yield from ((f"field {name}", body, FIELD) for name, body in of("sumologic_field").items())


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths of a resource; blocks that occur once are no lists."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        for one in value:
            yield from flat(one, path)
    else:
        yield path, value


def test_every_argument_is_there_and_by_its_rule() -> None:
    seen = 0
    for name, body, table in cases():
        found = dict(flat(body))
        assert table.keys() - found.keys() == set(), name
        known = {*table, "count", "entity_selectors.entity_type", "entity_selectors.expression"}
        assert found.keys() - known == set(), name
        assert [path for path, said in flat(body) if path in table and not table[path](said)] == [], name
        seen += 1
    assert seen == len(every()) - len(of("sumologic_monitor_folder")) - len(of("sumologic_collector"))
    assert len(of("sumologic_monitor")) == len(shipped().monitors)


def test_the_table_finds_what_is_wrong() -> None:
    body = dict(flat(of("sumologic_monitor")["no_sysmon_events"]))
    assert not STATIC.keys() <= body.keys()
    assert not is_json("[]")
    assert not MONITOR["queries.query"]("x" * 4_001)


def test_a_rule_is_about_host_and_user() -> None:
    for body in of("sumologic_cse_match_rule").values():
        selectors = [(one["entity_type"], one["expression"]) for one in body["entity_selectors"]]
        assert selectors == [("_hostname", "device_hostname"), ("_username", "user_username")]


# --- what stands there is what was meant ----------------------------------------------------------------------------


def test_queries_and_payloads_are_the_same_in_both_ways_of_installing() -> None:
    written = of("sumologic_monitor")
    for one in shipped().monitors:
        body = written[label(one.name)]
        assert body["queries"][0]["query"] == one.query
        assert (body["playbook"], body["description"]) == (one.playbook, one.description)
    [connection] = of("sumologic_connection").values()
    assert (connection["default_payload"], connection["resolution_payload"]) == (PAYLOADS.alert, PAYLOADS.recovery)
    for search in (shipped().heartbeat, *shipped().scheduled):
        assert of("sumologic_log_search")[label(search.name)]["query_string"] == search.query
    for rule in shipped().rules:
        assert of("sumologic_cse_match_rule")[label(rule.name)]["expression"] == rule.expression


@pytest.mark.parametrize("said", HOSTILE)
def test_a_text_stays_a_text(said: str) -> None:
    assert _round(said) == said


@given(st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from('${}%"\\\n\r')), max_size=60))
def test_any_text_stays_a_text(said: str) -> None:
    assert _round(said) == said


def _round(said: str) -> object:
    written = document([Block("a", (said,), {"v": said, "m": {said: said}, "l": [said]})])
    [block] = parsed(written)["a"]
    [(name, body)] = block.items()
    assert name == said
    assert body["m"] == {said: said}
    assert body["l"] == [said]
    return body["v"]


def test_a_hostile_name_and_query_make_no_second_resource() -> None:
    hostile = Monitor(
        name='x" {}\n${var.enricher_token}',
        description='${var.enricher_token}"\n}\nresource "x" "y" {',
        query='"${var.enricher_token}"\nEOT\n)\n| count',
        playbook="%{for x in y}",
        alert_name="a",
    )
    [(kind, body)] = resources(document([monitor(hostile)])).items()
    assert kind[0] == "sumologic_monitor"
    assert body["name"] == hostile.name
    assert body["queries"][0]["query"] == hostile.query


@pytest.mark.parametrize("name", ["", "a b", "1a", 'a"', "a\n", "ä"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        document([Block("a", (), {name: 1})])
    with pytest.raises(ValueError, match="no name"):
        document([Block(name)])


def test_only_an_expression_is_one() -> None:
    body = parsed(document([Block("a", (), {"e": Raw("var.x ? 1 : 0"), "t": "var.x", "n": 3, "b": True})]))["a"][0]
    assert body == {"e": Expression("var.x ? 1 : 0"), "t": "var.x", "n": 3, "b": True}


# --- the frame ------------------------------------------------------------------------------------------------------


def test_no_secret_is_in_any_file_and_the_token_is_a_sensitive_variable_without_default() -> None:
    declared = {name: body for one in parsed(files()["variables.tf"])["variable"] for name, body in one.items()}
    token = declared["enricher_token"]
    assert token["sensitive"] is True
    assert "default" not in token
    assert "custom_headers" not in "".join(files().values())
    [output] = [one["cases_url"] for one in parsed(files()["outputs.tf"])["output"] if "cases_url" in one]
    assert output["sensitive"] is True


def test_every_variable_that_is_used_is_declared_and_every_declared_one_used() -> None:
    declared = {name for one in parsed(files()["variables.tf"])["variable"] for name in one}
    others = "".join(text for name, text in files().items() if name != "variables.tf")
    assert set(re.findall(r"\bvar\.(\w+)", others)) == declared


def test_every_resource_that_is_referred_to_is_there() -> None:
    written = {f"{kind}.{name}" for kind, name in every()}
    used = {
        f"{kind}.{name}" for kind, name in re.findall(r"= (?:one\()?(sumologic_\w+)\.(\w+)[.\[]", "".join(files().values()))
    }
    assert used <= written
    assert {"sumologic_connection.enricher", "sumologic_http_source.cases"} <= used


def test_the_provider_is_pinned_and_takes_its_keys_from_the_environment() -> None:
    found = parsed(files()["versions.tf"])
    [needs] = found["terraform"]
    assert needs["required_providers"][0]["sumologic"] == {"source": "SumoLogic/sumologic", "version": "~> 3.1"}
    assert found["provider"] == [{"sumologic": {}}]


def test_parts_are_switched_and_only_monitors_are_on() -> None:
    declared = {name: body for one in parsed(files()["variables.tf"])["variable"] for name, body in one.items()}
    switches = {name: body["default"] for name, body in declared.items() if body["type"] == Expression("bool")}
    assert switches == {
        "monitors": True,
        "scheduled_searches": False,
        "cases": False,
        "cloud_siem": False,
        "cloud_siem_prototype": True,
    }
    always = {kind for (kind, name), body in every().items() if "count" not in body}
    assert always == {"sumologic_connection", "sumologic_monitor_folder", "sumologic_log_search"}
    assert [name for name, body in of("sumologic_log_search").items() if "count" not in body] == ["enricher_heartbeat"]


@pytest.mark.parametrize("form", ["json", "otel"])
def test_the_other_forms_parse_too(form: str) -> None:
    objects = with_options(form=form)
    written = resources(terraform(objects)["monitors.tf"])
    assert len(written) == len(objects.monitors) + 1


def test_what_is_made_twice_is_the_same() -> None:
    assert terraform(with_options()) == files()


@pytest.mark.parametrize(
    ("url", "default"),
    [
        pytest.param("https://enricher.corp.test/webhooks/sumo", "https://enricher.corp.test/webhooks/sumo", id="known"),
        pytest.param("https://enricher.example.com/webhooks/sumo", None, id="only an example"),
        pytest.param("https://EXAMPLE.com:443/webhooks/sumo", None, id="only an example, in capitals with a port"),
        pytest.param("https://notexample.com/webhooks/sumo", "https://notexample.com/webhooks/sumo", id="not an example"),
    ],
)
def test_an_address_that_is_only_an_example_is_no_default(url: str, default: str | None) -> None:
    written = document([*variables(url, "enricher/cases")])
    [url_of] = [one["enricher_url"] for one in parsed(written)["variable"] if "enricher_url" in one]
    assert url_of.get("default") == default


def test_the_dashboard_has_the_panels_and_places_of_the_other_way_of_installing() -> None:
    [body] = of("sumologic_dashboard").values()
    other = dashboard()
    panels = [one["sumo_search_panel"][0] for one in body["panel"]]
    assert [(one["key"], one["title"], one["visual_settings"]) for one in panels] == [
        (one["key"], one["title"], one["visualSettings"]) for one in other["panels"]
    ]
    assert body["layout"][0]["grid"][0]["layout_structure"] == other["layout"]["layoutStructures"]
    for panel, one in zip(panels, other["panels"], strict=True):
        assert one["queries"][0]["queryString"] in panel["query"][0]["query_string"].text.replace('\\"', '"')
