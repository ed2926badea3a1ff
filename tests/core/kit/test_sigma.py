"""The detection as Sigma rules: valid for pySigma, the same each time, with every platform of the catalog."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest
import re2
import yaml
from sigma.backends.sumologic.sumologic import SumoLogicCSEBackend
from sigma.collection import SigmaCollection
from sigma.rule import SigmaRule
from sigma.validation import SigmaValidator
from sigma.validators.core import validators

from enricher.content import packaged
from enricher.core.kit.selection import looked_for, names_of
from enricher.core.kit.sigma import MOST_NAMES, as_yaml, sigma_rules
from tests.fakes import packaged_programs

RULES = packaged_programs().rules
DOCUMENTS = sigma_rules(RULES)
TEXT = as_yaml(DOCUMENTS)
ROWS = [
    row
    for row in csv.DictReader((packaged("config") / "catalog" / "platforms.csv").read_text().splitlines())
    if row["scope"] != "context"
]


@pytest.fixture(scope="module")
def collection() -> SigmaCollection:
    return SigmaCollection.from_yaml(TEXT)


def named(document: dict[str, object]) -> set[str]:
    """The names that a rule looks for, or what they end in."""
    detection = document["detection"]
    assert isinstance(detection, dict)
    selections = [one for key, selection in detection.items() if key.startswith("selection_") for one in listed(selection)]
    return {
        name
        for selection in selections
        for field, names in selection.items()
        if "|endswith" in field or "|" not in field
        for name in listed(names)
    }


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def fits(document: dict[str, Any], event: Mapping[str, str]) -> bool:
    """Whether a rule finds an event: Sigma's semantics, as far as these rules use them, without case."""
    detection = document["detection"]
    chosen = {
        name: any(_all_hold(one, event) for one in listed(of)) for name, of in detection.items() if name != "condition"
    }
    wanted = any(held for name, held in chosen.items() if name.startswith("selection_"))
    return wanted and not any(held for name, held in chosen.items() if name.startswith("filter_main_"))


def _all_hold(selection: Mapping[str, Any], event: Mapping[str, str]) -> bool:
    return all(_holds(field, listed(values), event) for field, values in selection.items())


def _holds(field: str, values: list[str], event: Mapping[str, str]) -> bool:
    name, *modifiers = field.split("|")
    value = event.get(name, "").lower()
    how: dict[str, Callable[[str], bool]] = {
        "startswith": value.startswith,
        "endswith": value.endswith,
        "contains": value.__contains__,
        "": value.__eq__,
    }
    held = [how[modifiers[0] if modifiers else ""](one.lower()) for one in values]
    return all(held) if "all" in modifiers else any(held)


def test_pysigma_reads_them_without_a_complaint(collection: SigmaCollection) -> None:
    assert len(collection.rules) == len(DOCUMENTS)
    for rule, document in zip(collection.rules, DOCUMENTS, strict=True):
        assert isinstance(rule, SigmaRule)
        assert rule.errors == []
        assert (rule.title, str(rule.id)) == (document["title"], document["id"])
        assert rule.logsource.product == "windows"
        assert rule.falsepositives


def test_the_sumo_logic_backend_converts_them(collection: SigmaCollection) -> None:
    converted = json.loads(SumoLogicCSEBackend().convert(collection)[0])
    expressions = [rule["expression"] for rule in converted["rules"]]
    assert len(expressions) == len(DOCUMENTS)
    assert any("workers" in expression for expression in expressions)


def test_every_platform_stands_in_a_rule_for_queries_and_in_one_for_connections() -> None:
    for category in ("dns_query", "network_connection"):
        found = {name for one in DOCUMENTS if one["logsource"]["category"] == category for name in named(one)}
        for platform in looked_for(RULES):
            for name in names_of(platform):
                assert name.rpartition("*")[2] in found, name


FIELD = {"dns_query": "QueryName", "network_connection": "DestinationHostname"}
CURL = "C:\\Windows\\System32\\curl.exe"
CHROME = "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_example_of_the_catalog_is_found_by_a_rule_of_each_kind_and_not_for_a_browser(row: dict[str, str]) -> None:
    for category, field in FIELD.items():
        rules = [one for one in DOCUMENTS if one["logsource"]["category"] == category]
        name = row["example_match"].upper()
        assert any(fits(rule, {field: name, "Image": CURL}) for rule in rules)
        assert not any(fits(rule, {field: name, "Image": CHROME}) for rule in rules)


@pytest.mark.parametrize(
    "name", ["evilworkers.dev", "landingpages.dev", "workers.dev.attacker.example", "docs.netlify.com"]
)
def test_what_only_looks_like_one_is_not_found(name: str) -> None:
    assert not any(fits(rule, {field: name, "Image": CURL}) for rule in DOCUMENTS for field in FIELD.values())


def test_no_star_stands_within_a_value() -> None:
    """The Sumo Logic backend would write it as a star of an expression, which means something else."""
    assert "*" not in re.sub(r"condition: .*", "", TEXT)


def test_what_the_backend_converts_is_an_expression_each(collection: SigmaCollection) -> None:
    converted = json.loads(SumoLogicCSEBackend().convert(collection)[0])
    for rule in converted["rules"]:
        patterns = re.findall(r"matches /(.*?)/(?= |\))", rule["expression"])
        assert patterns
        for pattern in patterns:
            re2.compile(pattern)


NEEDS_THE_NETWORK = frozenset({"attacktag", "d3_fendtag"})
"""Validators that fetch their lists."""


def test_pysigmas_validators_have_nothing_to_say(collection: SigmaCollection) -> None:
    chosen = [validator for name, validator in validators.items() if name not in NEEDS_THE_NETWORK]
    assert len(chosen) > 25
    validator = SigmaValidator(chosen)
    rules = [rule for rule in collection.rules if isinstance(rule, SigmaRule)]
    assert len(rules) == len(DOCUMENTS)
    assert [str(issue) for rule in rules for issue in validator.validate_rule(rule)] == []
    assert [str(issue) for issue in validator.finalize()] == []


def test_ids_are_stable_and_none_is_given_twice() -> None:
    ids = [document["id"] for document in DOCUMENTS]
    assert len(set(ids)) == len(ids)
    assert {UUID(one).version for one in ids} == {5}
    assert as_yaml(sigma_rules(packaged_programs().rules)) == TEXT
    assert "c463ef1a-3ec5-5fee-a5a6-f22fb3f8751c" in ids, "a rule keeps its id for good"


def test_titles_differ_and_tags_name_the_detection() -> None:
    assert len({document["title"] for document in DOCUMENTS}) == len(DOCUMENTS)
    tags = {tag for document in DOCUMENTS for tag in document["tags"]}
    assert tags == {"attack.t1583.007", "attack.resource-development", "attack.t1572", "attack.command-and-control"}


def test_no_rule_is_too_long_for_who_reads_it() -> None:
    assert max(len(named(document)) for document in DOCUMENTS) <= MOST_NAMES
    for document in yaml.safe_load_all(TEXT):
        browsers = document["detection"]["filter_main_browsers"]
        assert browsers["Image|startswith"] == ["C:\\Program Files\\", "C:\\Program Files (x86)\\"]


def test_platforms_can_be_chosen() -> None:
    first, second = sigma_rules(RULES, [RULES.catalog.platforms["cf-workers"]])
    assert first["detection"]["selection_ends"] == {"QueryName|endswith": [".workers.dev"]}
    assert second["detection"]["selection_ends"] == {"DestinationHostname|endswith": [".workers.dev"]}
    assert "filter_main_provider" not in first["detection"]
