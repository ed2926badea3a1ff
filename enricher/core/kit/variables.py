"""The variables of Sumo Logic's payload templates: which there are, for whom, and a template filled with them.

Names are taken without case. A value is escaped for the JSON string that it stands in. Source: Sumo Logic's documentation, "Alert
Variables" and "Set Up Webhook Connections".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import orjson

Sender = Literal["monitor", "scheduled-search"]
SENDERS: tuple[Sender, ...] = ("monitor", "scheduled-search")
"""Who fills a template: a logs monitor, or a scheduled search."""

_BOTH = frozenset(SENDERS)
_MONITOR: frozenset[Sender] = frozenset({"monitor"})
_SEARCH: frozenset[Sender] = frozenset({"scheduled-search"})
_NOBODY: frozenset[Sender] = frozenset()

VARIABLES: Mapping[str, frozenset[Sender]] = {
    "Name": _BOTH,
    "AlertName": _BOTH,
    "Description": _BOTH,
    "MonitorType": _BOTH,
    "Query": _BOTH,
    "QueryURL": _BOTH,
    "ResultsJson": _BOTH,
    "NumQueryResults": _BOTH,
    "Id": _BOTH,
    "DetectionMethod": _BOTH,
    "TriggerType": _MONITOR,
    "TriggerTimeRange": _BOTH,
    "TriggerTime": _BOTH,
    "TriggerTimeStart": _BOTH,
    "TriggerTimeEnd": _BOTH,
    "TriggerCondition": _BOTH,
    "TriggerValue": _BOTH,
    "SourceURL": _MONITOR,
    "AlertResponseUrl": _BOTH,  # of a scheduled search the documents say both
    "SloDashboardUrl": _BOTH,
    "Playbook": _BOTH,
    "AlertGroup": _MONITOR,
}
"""The names in force, and who fills them."""


@dataclass(frozen=True, slots=True)
class Legacy:
    """A name of before, and what stands for it now; `of` are those that still fill it. None of them is a logs monitor."""

    of: frozenset[Sender]
    instead: str | None = None


LEGACY: Mapping[str, Legacy] = {
    "SearchName": Legacy(_SEARCH, "Name"),
    "SearchDescription": Legacy(_SEARCH, "Description"),
    "SearchQuery": Legacy(_SEARCH, "Query"),
    "SearchQueryUrl": Legacy(_SEARCH, "QueryURL"),
    "TimeRange": Legacy(_SEARCH, "TriggerTimeRange"),
    "FireTime": Legacy(_SEARCH, "TriggerTime"),
    "AggregateResultsJson": Legacy(_SEARCH, "ResultsJson"),
    "RawResultsJson": Legacy(_SEARCH, "ResultsJson"),
    "NumRawResults": Legacy(_SEARCH, "NumQueryResults"),
    "Results": Legacy(_SEARCH, "ResultsJson"),
    "AlertThreshold": Legacy(_NOBODY, "TriggerValue"),
    "AlertSource": Legacy(_NOBODY, "AlertGroup"),
    "AlertID": Legacy(_NOBODY, "AlertResponseUrl"),
    "AlertStatus": Legacy(_NOBODY, "TriggerType"),
    "AlertCondition": Legacy(_SEARCH, "TriggerCondition"),
}

WITH_FIELD = frozenset({"resultsjson", "results", "alertsource"})
"""Names, in small letters, that take a field after a dot."""

_BRACES = re.compile(r"\{\{([^{}]{0,200})\}\}(?:\[(\d{1,3})\])?")
_OF_FIELD = re.compile(r"[A-Za-z0-9_ ]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Use:
    """One variable in a text: its name as written, the field after the dot, the index behind it, and where both ends lie."""

    name: str
    field: str | None
    index: int | None
    begins: int
    ends: int

    @property
    def folded(self) -> str:
        return self.name.strip().lower()

    @property
    def is_of_field(self) -> bool:
        """Whether what stands after the dot can be a field's name."""
        return self.field is None or bool(_OF_FIELD.fullmatch(self.field))


def uses(template: str) -> Iterator[Use]:
    """Every variable of a template, in its order. An index counts only behind a variable with a field."""
    for found in _BRACES.finditer(template):
        name, dot, field = found[1].partition(".")
        index = int(found[2]) if dot and found[2] is not None else None
        ends = found.end() if index is not None else found.start() + len(found[1]) + 4
        yield Use(name, field if dot else None, index, found.start(), ends)


def fill(template: str, values: Mapping[str, str], *, unresolved: str = "") -> str:
    """The template with its variables filled, as whoever sends it does; `values` by name, without case.

    `{{ResultsJson.field}}[n]` is the field in row n of the value of `ResultsJson`, a list of objects as JSON; without an index, of
    row 0. What has no value becomes `unresolved`: whether that is nothing or two quotes the documents leave open.
    """
    known = {name.lower(): value for name, value in values.items()}
    parts, at = [], 0
    for use in uses(template):
        value = known.get(use.folded) if use.field is None else _of_field(known.get("resultsjson", ""), use)
        parts += [template[at : use.begins], unresolved if value is None else escaped(value)]
        at = use.ends
    return "".join([*parts, template[at:]])


def escaped(value: str) -> str:
    """A text as it stands within a JSON string."""
    return orjson.dumps(value.encode("utf-8", "replace").decode()).decode()[1:-1]


def _of_field(rows: str, use: Use) -> str | None:
    if use.folded != "resultsjson":
        return None
    try:
        found = orjson.loads(rows)
        row = {key.lower(): value for key, value in found[use.index or 0].items()}
    except (orjson.JSONDecodeError, IndexError, AttributeError, TypeError, KeyError):
        return None
    value = row.get((use.field or "").lower())
    return None if value is None else str(value)
