"""What the kit is made of: names and lengths that Sumo Logic takes, and templates that are read here as what they are."""

from __future__ import annotations

import json
import re

import pytest

from enricher.core.kit.files import kit
from enricher.core.kit.lint import lint
from enricher.core.kit.monitors import cut, stable
from enricher.core.kit.objects import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    LONGEST_SAID_OF_SEARCH,
    Connection,
    Monitor,
    ScheduledSearch,
)
from enricher.core.kit.queries import Query, detection_queries
from enricher.core.kit.variables import fill
from enricher.core.payload import read
from enricher.core.sumo_search import LONGEST_QUERY
from enricher.errors import Unsearchable
from enricher.model import Kind
from tests.core.kit.kit_options import OPTIONS, PAYLOADS, RULES, shipped, with_options

ROWS = json.dumps([{"_sourcehost": "WS-1", "event_id": "22", "dest_hostname": "a.b.workers.dev", "Count": 2}])
FILLED = {
    "Name": "enricher-serverless-functions-1",
    "AlertName": 'a "name" \\ with\nlines',
    "Description": "Contacts",
    "MonitorType": "Logs",
    "DetectionMethod": "LogsStaticCondition",
    "Id": "000000000005B2C7",
    "TriggerTimeStart": "1773324030000",
    "TriggerTimeEnd": "1773324930000",
    "AlertResponseUrl": "https://service.sumologic.com/ui/#/alert/0000000001A2B3C4",
    "NumQueryResults": "1",
    "ResultsJson": ROWS,
    "Query": "_sourceCategory=*sysmon*\n| count",
}


def alert(template: str, **values: str) -> tuple[Kind, int, str | None, str | None]:
    found = read(fill(template, FILLED | values).encode())
    return found.kind, len(found.rows), found.trigger, found.alert_ref


# --- payload templates ----------------------------------------------------------------------------------------------


def test_each_template_is_read_as_what_it_is() -> None:
    ref = "0000000001A2B3C4"
    assert alert(PAYLOADS.alert, TriggerType="Critical") == (Kind.MONITOR, 1, "Critical", ref)
    assert alert(PAYLOADS.recovery, TriggerType="ResolvedCritical") == (Kind.RECOVERY, 0, "ResolvedCritical", ref)
    assert alert(PAYLOADS.search) == (Kind.SCHEDULED_SEARCH, 1, None, None)
    assert alert(PAYLOADS.heartbeat, Name="Enricher heartbeat") == (Kind.HEARTBEAT, 0, None, None)
    assert alert(PAYLOADS.missing, TriggerType="Missing Data") == (Kind.MONITOR, 0, "Missing Data", ref)
    assert alert(PAYLOADS.recovery, TriggerType="ResolvedMissingData")[0] is Kind.RECOVERY


def test_an_alert_and_its_recovery_name_the_same_alert_and_another_monitor_none_of_it() -> None:
    alerted, recovered = (read(fill(one, FILLED).encode()) for one in (PAYLOADS.alert, PAYLOADS.recovery))
    assert alerted.alert_ref == recovered.alert_ref is not None
    assert alerted.monitor_id == recovered.monitor_id == FILLED["Id"]


@pytest.mark.parametrize("name", ["alert", "recovery", "search", "heartbeat", "missing"])
def test_a_test_of_the_connection_opens_nothing(name: str) -> None:
    """Its button sends the text with no variable filled."""
    assert read(getattr(PAYLOADS, name).encode()).kind is Kind.TEST


def test_a_recovery_has_no_place_for_rows_and_a_heartbeat_says_how_often_it_comes() -> None:
    for text in (PAYLOADS.recovery, PAYLOADS.heartbeat, PAYLOADS.missing):
        assert "results" not in json.loads(text)
    assert json.loads(PAYLOADS.heartbeat)["every"] == "15m"
    assert shipped().heartbeat.schedule == "15Minutes"
    assert shipped().heartbeat.above is None


# --- names and lengths ----------------------------------------------------------------------------------------------


def test_everything_is_within_the_limits_and_named_once() -> None:
    objects = shipped()
    monitors = [one.name for one in objects.monitors]
    searches = [one.name for one in (objects.heartbeat, *objects.scheduled)]
    assert len(set(monitors)) == len(monitors) > len(objects.rules)
    assert len(set(searches)) == len(searches)
    held: tuple[Connection | Monitor | ScheduledSearch, ...] = (
        *objects.monitors,
        *objects.scheduled,
        objects.heartbeat,
        objects.connection,
    )
    for name, description in ((one.name, one.description) for one in held):
        assert 1 <= len(name) <= LONGEST_NAME
        assert description == description.strip() != ""
        assert len(description.encode()) <= LONGEST_DESCRIPTION
    for monitor in objects.monitors:
        assert len(monitor.query) <= LONGEST_QUERY
        assert 1 <= len(monitor.alert_name) <= 512
        assert not re.search(
            r"\{\{(AlertName|AlertResponseURL|ResultsJson|Playbook)\}\}", monitor.alert_name, re.IGNORECASE
        )
        assert monitor.playbook == monitor.playbook.strip() != ""
    for search in (objects.heartbeat, *objects.scheduled):
        assert re.fullmatch(r"[a-zA-Z0-9 +%\-@.,_()]{1,255}", search.name)
        assert len(search.description.encode()) <= LONGEST_SAID_OF_SEARCH


def test_a_name_stays_when_its_group_needs_a_second_search() -> None:
    alone = Query(name="functions", form="xml", text="", platforms=())
    first = Query(name="functions-1", form="xml", text="", platforms=())
    assert stable(alone) == stable(first) == "enricher-serverless-functions-1"


def test_what_is_too_long_is_cut_between_letters() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("ä" * 200, 255) == "ä" * 126 + "..."
    assert len(cut("ä" * 200, 255).encode()) == 255
    assert cut("abc def", 7) == "abc def"
    assert cut("abc defg", 7) == "abc..."


# --- what is asked for ----------------------------------------------------------------------------------------------


def test_every_platform_that_opens_a_case_has_a_monitor_and_so_has_silence() -> None:
    found = {query.text for query in detection_queries(RULES, OPTIONS.scope, OPTIONS.form)}
    assert found <= {one.query for one in shipped().monitors}
    assert [one.name for one in shipped().monitors if one.missing] == ["enricher-no-sysmon-events"]
    without = with_options(starts=False)
    assert {one.query for one in without.monitors if not one.missing} == found


def test_grouping_is_by_host_unless_asked_otherwise() -> None:
    def grouped(**more: str) -> set[tuple[str, ...]]:
        return {one.group_by for one in with_options(starts=False, **more).monitors if not one.missing}

    assert {one.group_by for one in shipped().monitors if not one.missing} == {("_sourceHost",)}
    assert grouped(grouping="process") == {("process_guid",)}
    assert grouped(grouping="none") == {()}


def test_every_field_that_alerts_are_grouped_by_is_a_column() -> None:
    for one in with_options(grouping="process").monitors:
        columns = re.split(r"[\s,|]+", one.query.rpartition(" by ")[2])
        assert set(one.group_by) <= set(columns)


def test_a_monitor_runs_no_expression_of_cloud_siem() -> None:
    with pytest.raises(Unsearchable, match="no monitor runs the form cloud-siem"):
        with_options(form="cloud-siem")


# --- as files -------------------------------------------------------------------------------------------------------


def test_the_kit_is_files_without_a_secret_each_named_once() -> None:
    files = kit(RULES, OPTIONS)
    names = [one.name for one in files]
    assert len(set(names)) == len(names)
    assert all(
        re.fullmatch(r"[a-z0-9./-]+", name) and ".." not in name for name in (name.replace("_", "-") for name in names)
    )
    assert {name.partition("/")[0] for name in names} == {
        "terraform",
        "rest",
        "queries",
        "dashboard",
        "sigma",
        "sysmon",
        "payloads",
        "roles.json",
    }
    assert all(one.text.endswith("\n") for one in files)


def test_every_payload_in_the_files_passes_the_linter() -> None:
    found = [one for one in kit(RULES, OPTIONS) if "enricher/1" in one.text]
    assert {one.name.partition("/")[0] for one in found} == {"terraform", "rest", "payloads"}
    for one in found:
        assert [remark for remark in lint(one.text) if remark.level == "error"] == [], one.name
