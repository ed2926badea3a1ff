"""The detection as match rules of Cloud SIEM: their Signals become Insights, and an Insight comes here as an alert does."""

from __future__ import annotations

from collections.abc import Iterator

from enricher.core.kit.cloud_siem import ENTITIES, SEVERITY, TAGS_OF
from enricher.core.kit.monitors import about, stable
from enricher.core.kit.objects import MatchRule, Options
from enricher.core.kit.queries import detection_queries
from enricher.core.rules import Rules


def match_rules(rules: Rules, options: Options) -> Iterator[MatchRule]:
    """One for each expression. Raises Unsearchable."""
    for query in detection_queries(rules, options.scope, "cloud-siem"):
        found = {rules.detection_of(rules.catalog.platforms[one]).id for one in query.platforms}
        yield MatchRule(
            name=stable(query),
            description=about(query, rules),
            summary="{{baseImage}} asked for or reached {{dns_query}}{{dstDevice_hostname}}",
            expression=query.text,
            entities=tuple((_type(field), field) for field in ENTITIES),
            severity=SEVERITY,
            tags=tuple(sorted({tag for one in found for tag in TAGS_OF.get(one, ())})),
        )


def _type(field: str) -> str:
    """`device_hostname` is of type `_hostname`."""
    return f"_{field.partition('_')[2]}"
