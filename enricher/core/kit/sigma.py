"""The detection as Sigma rules, from the catalog that judges here: for whoever searches with something else than Sumo Logic.

A rule finds more than the catalog: it does not count the labels between two dots, and nothing is graded. Source: the Sigma specification 2.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid5

import yaml

from enricher.core.document import Json
from enricher.core.kit.selection import Group, groups, looked_for, names_of, program_files_browsers
from enricher.core.rules import Platform, Rules

MOST_NAMES = 60
"""That one rule lists: what is longer, some products refuse."""
_NAMESPACE = UUID("6f0c1f0e-6a3c-5d0a-9f57-3a1c1a0f7d22")
"""Fixed, so that a rule keeps its id for good."""
_FIELD_OF = {"dns_query": "QueryName", "network_connection": "DestinationHostname"}
"""Category of the log source to the field that has the name: Sysmon's events 22 and 3."""
_STARS = re.compile(r"\*+")
_TOLD = {"dns_query": "DNS Query", "network_connection": "Network Connection"}
_SAID = {
    "dns_query": "A process asks for the address of",
    "network_connection": "A process connects to what its host's reverse look-up calls",
}
_FALSE_POSITIVES = (
    "Browsers that live outside C:\\Program Files",
    "Development tools that talk to a preview or a deployment of their own",
    "Automation, agents and products whose service runs on such a platform",
)


def sigma_rules(rules: Rules, platforms: Sequence[Platform] | None = None) -> tuple[Json, ...]:
    """Rules that together name every platform (without `platforms`: all that can open a case), as documents, always the same for
    the same catalog: two for each group, DNS queries and connections, and more where a group has too many names.
    """
    browsers = program_files_browsers(rules.browsers)
    found = groups(rules, looked_for(rules) if platforms is None else platforms)
    return tuple(
        _rule(group, number if len(parts) > 1 else None, part, category, browsers)
        for group in found
        for parts in [_chunks(group.platforms)]
        for category in _FIELD_OF
        for number, part in enumerate(parts, start=1)
    )


def as_yaml(documents: Sequence[Json]) -> str:
    """Rules as one file of several YAML documents."""
    text: str = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=110, explicit_start=True)
    return text


def _chunks(platforms: Sequence[Platform]) -> list[list[Platform]]:
    parts: list[list[Platform]] = [[]]
    for platform in platforms:
        if parts[-1] and sum(len([*names_of(one)]) for one in (*parts[-1], platform)) > MOST_NAMES:
            parts.append([])
        parts[-1].append(platform)
    return parts


def _rule(group: Group, number: int | None, platforms: Sequence[Platform], category: str, browsers: Sequence[str]) -> Json:
    field, detection = _FIELD_OF[category], group.detection
    part = f" ({number})" if number else ""
    selections = dict(_selections(field, [name for platform in platforms for name in names_of(platform)]))
    filters = dict(_filters(field, platforms, browsers))
    return {
        "title": f"{detection.name} - {group.name.capitalize()}{part} - {_TOLD[category]}",
        "id": str(uuid5(_NAMESPACE, f"{detection.id} {group.name} {number or 1} {category}")),
        "status": "experimental",
        "description": f"{_SAID[category]} a platform where anybody can get a name: {_named(platforms)}.",
        "references": [detection.url],
        "author": "Enricher",
        "tags": [f"attack.{detection.tactic.lower().replace(' ', '-')}", f"attack.{detection.id.lower()}"],
        "logsource": {"category": category, "product": "windows"},
        "detection": {**selections, **filters, "condition": "1 of selection_* and not 1 of filter_main_*"},
        "falsepositives": list(_FALSE_POSITIVES),
        "level": "medium",
    }


def _named(platforms: Sequence[Platform]) -> str:
    return ", ".join(dict.fromkeys(platform.name for platform in platforms))


def _selections(field: str, names: Sequence[str]) -> Iterator[tuple[str, Json | list[Json]]]:
    """By how a name is told: by its end, by its end and what else it has, or whole. No star stands within a value: not every product's
    converter writes one as it should.
    """
    told = [_told(field, name) for name in sorted(set(names)) if "*" in name]
    ends = f"{field}|endswith"
    if only := sorted({one[ends] for one in told if len(one) == 1}):
        yield "selection_ends", {ends: only}
    if more := [one for one in told if len(one) > 1]:
        yield "selection_like", more
    if exact := sorted({name for name in names if "*" not in name}):
        yield "selection_exact", {field: exact}


def _told(field: str, name: str) -> Json:
    """A pattern with stars as what a name of it begins with, has and ends in."""
    begins, *within, ends = _STARS.split(name)
    found: Json = {f"{field}|endswith": ends}
    if begins:
        found[f"{field}|startswith"] = begins
    if has := [part for part in within if part.strip(".")]:
        found[f"{field}|contains|all" if len(has) > 1 else f"{field}|contains"] = has if len(has) > 1 else has[0]
    return found


def _filters(field: str, platforms: Sequence[Platform], browsers: Sequence[str]) -> Iterator[tuple[str, Json]]:
    yield (
        "filter_main_browsers",
        {
            "Image|startswith": ["C:\\Program Files\\", "C:\\Program Files (x86)\\"],
            "Image|endswith": [f"\\{name}.exe" for name in browsers],
        },
    )
    if own := sorted(host for platform in platforms for host in platform.exclude):
        yield "filter_main_provider", {field: own}
