"""The documents against the code, both ways: nothing undocumented, and nothing documented that is not there."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

import click
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from enricher import telemetry
from enricher.cli import main
from enricher.content.severity import SeverityFile
from enricher.core.accounts import SourceRecord
from enricher.core.behaviour import _REGULAR_FROM
from enricher.core.canary import Standing
from enricher.core.document import CaseDocument
from enricher.core.silence import Silence
from enricher.errors import OUTCOME_OF
from enricher.lookups import SOURCES
from enricher.model import Backlog, Kind, Pause, Status
from enricher.settings import Settings
from enricher.settings.shapes import Address
from enricher.web import create_app
from tests.house.pages import PAGES, ROOT, code, page, rows, section
from tests.web.fakes import World

CONFIG = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "config").rglob("*") if path.is_file())
CORPUS = ROOT / "tests/data/sysmon-events"

EXAMPLES_OF_NAMES = {"ENRICHER_X", "ENRICHER_X_FILE"}
"""What the documents call a variable when they mean any."""
NAMED_BUT_NOT_THERE = {"enricher/_packaged/corpus"}
"""Only in the wheel."""


# --- settings, files, commands --------------------------------------------------------------------------------------


def shown(default: Any) -> str:
    """A default as the page prints it."""
    if default is None or default == ():
        return "–"
    if isinstance(default, bool):
        return "`on`" if default else "`off`"
    if isinstance(default, Address):
        return f"`{default.host}:{default.port}`"
    if isinstance(default, tuple):
        default = ", ".join(default)
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def test_every_setting_stands_in_its_page_with_its_default() -> None:
    written = rows(section(page("docs/configuration.md"), "Environment"))
    documented = {code(row[0])[0]: row[1] for row in written}
    assert len(documented) == len(written)
    assert documented == {f"ENRICHER_{name.upper()}": shown(field.default) for name, field in Settings.model_fields.items()}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_names_a_variable_that_is_no_setting(path: Path) -> None:
    known = {f"ENRICHER_{name.upper()}" for name in Settings.model_fields} | EXAMPLES_OF_NAMES
    named = set(re.findall(r"ENRICHER_[A-Z_]+", path.read_text()))
    assert {name for name in named if name not in known and name.removesuffix("_FILE") not in known} == set()


def test_every_file_of_config_stands_in_its_page() -> None:
    table = rows(section(page("docs/configuration.md"), "Files"))
    documented = [name for row in table for name in code(row[0]) if name.startswith("config/")]
    assert sorted(documented) == CONFIG


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_path_a_page_names_exists(path: Path) -> None:
    named = re.findall(r"`((?:config|enricher|tests|helm|docs|scripts|requirements)/[\w./*-]*)`", path.read_text())
    assert {name for name in named if name not in NAMED_BUT_NOT_THERE and not any(ROOT.glob(name.rstrip("/")))} == set()


def commands(group: click.Group, *above: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield " ".join((*above, name)), command


def test_every_command_and_option_stands_in_its_page() -> None:
    text = page("docs/commands.md")
    there = dict(commands(main, "enricher"))
    assert {code(row[0])[0] for row in rows(text.partition("## Options")[0])} == set(there)
    documented: dict[str, set[str]] = {}
    command = ""
    for name, option, *_ in rows(section(text, "Options")):
        command = code(name)[0] if name else command
        documented.setdefault(command, set()).add(code(option)[0].replace("\\|", "|"))
    expected = {name: {_option(p) for p in command.params} for name, command in there.items() if command.params}
    assert documented == expected


def _option(parameter: click.Parameter) -> str:
    return parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_names_a_command_that_is_not_there(path: Path) -> None:
    there = [name for name, _ in commands(main, "enricher")]
    named = re.findall(r"`(enricher [a-z][a-z -]*)", path.read_text())
    assert [name for name in named if not any(f"{name} ".startswith(f"{known} ") for known in there)] == []


LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}

# --- metrics, routes, log events ------------------------------------------------------------------------------------


def test_every_metric_stands_in_its_page_with_its_labels() -> None:
    backlog = Backlog(
        alerts_waiting=1,
        oldest_alert_s=1,
        deliveries_waiting={"jira": 1},
        dead_alerts=1,
        dead_deliveries=1,
        deliveries_oldest_s={"jira": 1.0},
        pauses={"jira": Pause("auth", 1.0)},
    )
    declared = [
        metric for metric in vars(telemetry).values() if hasattr(metric, "_labelnames") and hasattr(metric, "_type")
    ]
    expected = {
        metric._name + ("_total" if metric._type == "counter" else ""): (metric._type, set(metric._labelnames))
        for metric in declared
    }
    source = SourceRecord(source="sumo", last_at=datetime(2026, 11, 24, tzinfo=UTC), alerts=1, dead=0)
    intake = telemetry.IntakeCollector([source], {"not_json": 1})
    tuning = telemetry.TuningCollector({"live": 1})
    dead, pressed = telemetry.DeadLetterCollector({("alert", "not_json"): 1}), telemetry.PressureCollector(None)
    canary = telemetry.CanaryCollector([Standing(destination="jira", state=None, proved_at=source.last_at)])
    mute = Silence(key="1", what="webhook", source="sumo", name="", since=source.last_at, begun_at=source.last_at)
    silent = telemetry.SilenceCollector([source], [mute])
    read = (telemetry.BacklogCollector(backlog, problems=0), intake, tuning, dead, pressed, canary, silent)
    for family in (family for collector in read for family in collector.collect()):
        expected[family.name] = ("gauge", {label for sample in family.samples for label in sample.labels})
    table = rows(page("docs/metrics.md").partition("## Worth an alarm")[0])
    assert {code(row[0])[0]: (row[1], set(code(row[2]))) for row in table} == expected
    exposed = {family.name for family in text_string_to_metric_families(telemetry.exposition(backlog, 0)[0].decode())}
    assert {name.removesuffix("_total") for name in expected} <= exposed


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_page_names_a_metric_that_is_not_there(path: Path) -> None:
    known = {code(row[0])[0] for row in rows(page("docs/metrics.md").partition("## Worth an alarm")[0])}
    assert set(re.findall(r"\benricher_[a-z_]+(?=[^a-z_(|]|\Z)", path.read_text())) - known <= {"enricher_"}


def test_every_route_stands_in_its_page() -> None:
    app = create_app(World().services())
    there = {
        f"{method} {re.sub(r'<[a-z]+:', '<', rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = [name for row in rows(section(page("docs/api.md"), "Routes")) for name in code(row[0])]
    assert sorted(documented) == sorted(there)


def logged() -> set[tuple[str, str]]:
    """Every (event, level) that the code logs."""
    nodes = [node for path in (ROOT / "enricher").rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    calls = [(node.func, node.args[0]) for node in nodes if isinstance(node, ast.Call) and node.args]
    return {
        (str(event.value), func.attr)
        for func, event in calls
        if isinstance(func, ast.Attribute) and ast.unparse(func.value) == "log" and isinstance(event, ast.Constant)
        if func.attr in LEVELS
    }


def test_every_log_event_stands_in_the_runbook_with_its_level() -> None:
    table = rows(section(page("docs/runbook.md"), "Log events"))
    assert {(event, row[1]) for row in table for event in code(row[0])} == logged()


def test_every_reason_a_delivery_can_fail_for_stands_in_the_runbook() -> None:
    table = rows(section(page("docs/runbook.md"), "A destination is down"))
    documented = {reason: row[1].replace(" ", "_") for row in table for reason in code(row[0])}
    assert documented == {reason.value: outcome.value for reason, outcome in OUTCOME_OF.items()} | {"crashed": "unknown"}


# --- what is said of alerts, cases and look-ups -----------------------------------------------------------------------


def test_every_key_of_a_case_stands_in_the_api() -> None:
    documented = [key for row in rows(section(page("docs/api.md"), "A case")) for key in code(row[0])]
    assert sorted(documented) == sorted(get_type_hints(CaseDocument))


def test_kinds_statuses_and_sources_stand_in_evidence() -> None:
    text = page("docs/evidence.md")
    kinds = {kind for row in rows(section(text, "What is read"))[:8] for kind in code(row[0])}
    assert kinds == {kind.value for kind in Kind}
    table = rows(section(text, "Look-ups"))
    assert {name for row in table for name in code(row[0])} == {*SOURCES, *(status.value for status in Status)}


# --- severity -------------------------------------------------------------------------------------------------------


def policy() -> dict[str, Any]:
    written: dict[str, Any] = yaml.safe_load((ROOT / "config/severity.yml").read_text())
    SeverityFile.model_validate(written)
    return written


LIMITS = {"command.flag", "command.flags_most", "dns.most", "context.needs", "address.needs"}
"""Numbers that are no rule of their own: named in the text beside the rule they limit."""


def test_every_rule_stands_in_severity_with_its_points() -> None:
    text, written = page("docs/severity.md"), policy()
    groups = ("process", "lineage", "identity", "path", "command", "behaviour", "dns", "context", "address")
    expected = {f"{group}.{name}": points for group in groups for name, points in written[group].items()}
    rules = {
        code(row[0])[0]: row[1] for row in rows(text) if re.match(r"`[a-z]+\.[a-z_]+`", row[0]) and row[0] not in "caps"
    }
    graded = {name: float(points) for name, points in rules.items() if name.partition(".")[0] in groups}
    assert graded == {name: points for name, points in expected.items() if name not in LIMITS} | {
        "command.flags": written["command"]["flags_most"]
    }
    limits = {name: written[name.partition(".")[0]][name.partition(".")[2]] for name in LIMITS}
    assert all(
        re.search(rf"\b{points:g}\b[^|.]* \(`{name}`\)|most this \(`{name}`\)", text) for name, points in limits.items()
    )


def test_bands_factors_caps_and_names_are_those_of_the_policy() -> None:
    text, written = page("docs/severity.md"), policy()
    assert {row[0]: float(row[1]) for row in rows(text.partition("## Order")[0])} == written["bands"]
    factors = rows(section(text, "Platform and name"))[2:]
    assert {code(row[0])[0]: float(row[1]) for row in factors} == written["factor"]
    caps = {code(row[0])[0].removeprefix("cap."): float(row[1]) for row in rows(section(text, "Caps"))}
    assert caps == {name: cap["at_most"] for name, cap in written["cap"].items()}
    classes = " ".join(" ".join(row) for row in rows(section(text, "Process classes")))
    assert all(name in classes and f"{points:g}" in classes for name, points in written["process_by_name"].items())


def worked() -> list[tuple[str, str, str, str, str, str]]:
    """The worked table, from the manifest that the program is held to."""
    table = []
    for case in json.loads((CORPUS / "manifest.json").read_text()):
        seen: dict[tuple[str, str, str, str], int] = {}
        for finding in case["expect"]["findings"]:
            line = (_sum(finding), f"{finding['score']}", finding["severity"], finding["verdict"])
            seen[line] = seen.get(line, 0) + 1
        for (points, score, severity, verdict), count in seen.items():
            name = case["case"] + (f" ({count} findings)" if count > 1 else "")
            table.append((name, case["kind"], points, score, severity, verdict))
    return table


def _sum(finding: dict[str, Any]) -> str:
    (_, platform), *others = finding["points"].items()
    parts = [f" {'−' if points < 0 else '+'} {rule.partition('.')[2]} {abs(points):g}" for rule, points in others]
    return f"{finding['platform']} {platform:g}{''.join(parts)}{''.join(f', {cap}' for cap in finding['caps'])}"


def test_the_worked_table_is_the_corpus() -> None:
    assert [tuple(row) for row in rows(section(page("docs/severity.md"), "Worked table"))] == worked()


def test_the_limits_of_regular_are_those_of_the_code() -> None:
    text = section(page("docs/behaviour.md"), "Beacons")
    [header] = re.findall(r"(?m)^\| n \|(.*)\|$", text)
    [limits] = [row[1:] for row in rows(text) if row[0] == "R(n)"]
    beats = [int(re.findall(r"\d+", cell)[0]) for cell in header.split("|")]
    assert dict(zip(beats, map(float, limits), strict=True)) == dict(_REGULAR_FROM)


# --- links ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_inside_the_repository_resolve(path: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```", "", path.read_text())
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not urlsplit(target).scheme]
    assert [target for target in targets if not (path.parent / target.partition("#")[0]).exists()] == []


def test_every_page_can_be_reached_from_the_readme_and_every_decision_is_listed() -> None:
    readme = page("README.md")
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"(docs/{path.name})" not in readme] == []
    listed = page("docs/decisions/README.md")
    assert [p.name for p in (ROOT / "docs/decisions").glob("0*.md") if f"]({p.name})" not in listed] == []


def test_docstrings_refer_to_headings_that_are_there() -> None:
    sources = [path.read_text() for path in (ROOT / "enricher").rglob("*.py")]
    named = {hit for text in sources for hit in re.findall(r"(docs/[a-z]+\.md)(?:\), §|\", |, )\"([^\"]+)\"", text)}
    assert named
    for name, heading in named:
        section(page(name), heading)
