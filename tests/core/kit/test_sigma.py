"""The detection as Sigma rules: valid for pySigma, the same each time, with every platform of the catalog."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
import yaml
from sigma.backends.sumologic.sumologic import SumoLogicCSEBackend
from sigma.collection import SigmaCollection
from sigma.rule import SigmaRule

from enricher.core.kit.selection import looked_for, names_of
from enricher.core.kit.sigma import MOST_NAMES, as_yaml, sigma_rules
from tests.fakes import packaged_programs

RULES = packaged_programs().rules
DOCUMENTS = sigma_rules(RULES)
TEXT = as_yaml(DOCUMENTS)


@pytest.fixture(scope="module")
def collection() -> SigmaCollection:
    return SigmaCollection.from_yaml(TEXT)


def named(document: dict[str, object]) -> set[str]:
    """The names that a rule looks for, as endings or patterns."""
    detection = document["detection"]
    assert isinstance(detection, dict)
    return {
        name
        for key, selection in detection.items()
        if key.startswith("selection_")
        for names in selection.values()
        for name in names
    }


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
        listed = {name for one in DOCUMENTS if one["logsource"]["category"] == category for name in named(one)}
        for platform in looked_for(RULES):
            for name in names_of(platform):
                ending = name.lstrip("*")
                assert listed & {name, name.replace("**", "*"), ending}, name


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
