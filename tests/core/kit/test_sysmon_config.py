"""The fragment of a Sysmon configuration: XML that Sysmon would read, with every program and every platform."""

from __future__ import annotations

import csv
import re
from xml.etree import ElementTree as ET

import pytest

from enricher.content import packaged
from enricher.core.kit.sysmon_config import SCHEMA, sysmon_config
from tests.fakes import packaged_programs

RULES = packaged_programs().rules
ROWS = [
    row
    for row in csv.DictReader((packaged("config") / "catalog" / "platforms.csv").read_text().splitlines())
    if row["scope"] != "context"
]
TEXT = sysmon_config(RULES)
ROOT = ET.fromstring(TEXT)  # noqa: S314  # what was just made here
CONDITIONS = {"is", "image", "contains", "end with", "begin with"}
"""Those of Sysmon's that are used here, as Microsoft's page writes them."""


def group(event: str) -> ET.Element:
    (found,) = ROOT.findall(f"EventFiltering/RuleGroup/{event}")
    return found


def holds(rule: ET.Element, value: str) -> bool:
    """What Sysmon makes of a rule, without case."""
    wanted, value = (rule.text or "").lower(), value.lower()
    match rule.get("condition"):
        case "is":
            return value == wanted
        case "image":
            return value == wanted or value.rpartition("\\")[2] == wanted
        case "contains":
            return wanted in value
        case "end with":
            return value.endswith(wanted)
        case "begin with":
            return value.startswith(wanted)
        case other:
            raise AssertionError(other)


def logged(event: str, value: str) -> bool:
    return any(holds(rule, value) for rule in group(event))


def test_it_states_its_schema_and_turns_the_three_events_on() -> None:
    assert (ROOT.tag, ROOT.get("schemaversion")) == ("Sysmon", SCHEMA)
    assert [
        (group(event).get("onmatch"), len(group(event)) > 0) for event in ("ProcessCreate", "NetworkConnect", "DnsQuery")
    ] == [
        ("exclude", False),
        ("include", True),
        ("include", True),
    ]
    assert {rule.get("condition") for rule in ROOT.iter() if rule.get("condition")} == CONDITIONS
    assert ROOT.findtext("DnsLookup") == "True"
    assert all(one.get("groupRelation") == "or" for one in ROOT.iter("RuleGroup"))


def test_comments_say_why() -> None:
    said = re.findall(r"<!--(.*?)-->", TEXT, re.DOTALL)
    assert len(said) == 4
    assert all("--" not in one for one in said)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_query_for_every_platform_is_logged(row: dict[str, str]) -> None:
    assert logged("DnsQuery", row["example_match"].upper())


def test_everyday_names_are_not() -> None:
    for name in ("www.microsoft.com", "evilworkers.dev", "drive.google.com", "login.live.com", "github.com"):
        assert not logged("DnsQuery", name), name


def test_connections_of_every_tool_and_of_whatever_a_user_may_write_are_logged() -> None:
    processes = RULES.processes
    for name in (name for kind in processes.tool_classes for name in processes.classes[kind]):
        assert logged("NetworkConnect", f"C:\\Windows\\System32\\{name.removesuffix('.dll')}.exe"), name
    for image in (
        "C:\\Python311\\python3.11.exe",
        "C:\\Users\\a\\AppData\\Local\\Temp\\notes.exe",
        "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    ):
        assert logged("NetworkConnect", image)
    assert not logged("NetworkConnect", "C:\\Windows\\System32\\svchost.exe")


def test_the_same_catalog_gives_the_same_text() -> None:
    assert sysmon_config(packaged_programs().rules) == TEXT
