"""Which platforms another product is told to look for, and the patterns of the catalog as expressions."""

from __future__ import annotations

import csv
import re
from dataclasses import replace

import pytest

from enricher.content import packaged
from enricher.core.kit.selection import expression, groups, keyword, keywords, looked_for, names_of, program_files_browsers
from tests.fakes import packaged_programs

RULES = packaged_programs().rules
ROWS = list(csv.DictReader((packaged("config") / "catalog" / "platforms.csv").read_text().splitlines()))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_an_expression_fits_what_the_catalog_fits_and_nothing_else(row: dict[str, str]) -> None:
    fits = re.compile(expression(names_of(RULES.catalog.platforms[row["id"]])))
    assert fits.match(row["example_match"])
    assert fits.match(row["example_match"] + ".")
    assert not fits.match(row["example_non_match"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_name_of_a_platform_has_one_of_its_keywords(row: dict[str, str]) -> None:
    words = keywords(names_of(RULES.catalog.platforms[row["id"]]))
    assert any(word in row["example_match"] for word in words)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("**.workers.dev", "workers.dev"),
        ("*.lambda-url.*.on.aws", "lambda-url"),
        ("*.appsync-api.*.amazonaws.com", "appsync-api"),
        ("hook.*.make.com", "make.com"),
        ("script.google.com", "script.google.com"),
    ],
)
def test_a_keyword_is_of_the_service_not_of_the_provider(name: str, expected: str) -> None:
    assert keyword(name) == expected


def test_a_keyword_that_holds_another_is_left_out() -> None:
    assert keywords(["*.scm.azurewebsites.net", "*.azurewebsites.net", "*.xazurewebsites.net"]) == [
        "azurewebsites.net",
        "xazurewebsites.net",
    ]


def test_every_platform_that_opens_a_case_is_in_one_group_of_its_detection() -> None:
    found = groups(RULES, looked_for(RULES))
    listed = [platform.id for group in found for platform in group.platforms]
    assert sorted(listed) == sorted(row["id"] for row in ROWS if row["scope"] != "context")
    assert {group.name: group.detection.id for group in found} == {
        "functions": "T1583.007",
        "hosting": "T1583.007",
        "sites": "T1583.007",
        "automation": "T1583.007",
        "tunnels": "T1572",
    }


def test_a_category_of_ones_own_is_found_too() -> None:
    first = looked_for(RULES)[0]
    assert [group.name for group in groups(RULES, [replace(first, category="quantum")])] == ["others"]


def test_a_group_of_two_detections_is_two() -> None:
    own = [
        replace(one, categories=one.categories | {"paas"} if one.categories else one.categories) for one in RULES.detections
    ]
    first, second = looked_for(RULES)[:2]
    mixed = [replace(first, category="paas"), replace(second, category="paas+function")]
    found = groups(replace(RULES, detections=tuple(own)), mixed)
    assert [group.name for group in found] == ["t1572-hosting", "t1583-007-hosting"]


def test_browsers_are_those_that_only_an_administrator_can_install() -> None:
    names = program_files_browsers(RULES.browsers)
    assert {"chrome", "msedge", "firefox"} <= set(names)
    assert "microsoftedgecp" not in names
