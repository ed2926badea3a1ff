"""What the variables of a payload say at one occasion, as the documents describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from enricher.core.kit.variables import fill
from enricher.standins.sumo.language import Search, webhook_rows

MOST_AGGREGATE, MOST_RAW = 200, 10
CONSOLE = "https://service.sumologic.example/ui/#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Why a payload is sent. A scheduled search has no `trigger` and no `alert`. Times are seconds since the epoch."""

    about: str
    name: str
    query: str
    search: Search
    rows: Sequence[Mapping[str, object]]
    begins: float
    ends: float
    description: str = ""
    title: str = ""
    playbook: str = ""
    trigger: Mapping[str, Any] = field(default_factory=dict)
    alert: str | None = None
    group: Mapping[str, str] = field(default_factory=dict)


def variables(of: Occasion) -> dict[str, str]:
    """Every variable that is filled, by name. What a recovery says of rows and values is not documented: nothing, here."""
    values = _always(of) | (_of_a_monitor(of) if of.trigger else _of_a_search(of))
    if not str(of.trigger.get("triggerType", "")).startswith("Resolved"):
        values |= _results(of)
    return values | {"AlertName": fill(of.title, values) if of.title else of.name}


def _always(of: Occasion) -> dict[str, str]:
    return {
        "Name": of.name,
        "Description": of.description,
        "MonitorType": "Logs",
        "Query": of.query,
        "QueryURL": f"{CONSOLE}/search/create?id={of.about}",
        "Id": of.about,
        "TriggerTime": _written(of.ends),
        "TriggerTimeRange": f"{_written(of.begins)} to {_written(of.ends)}",
        "TriggerTimeStart": str(round(of.begins * 1000)),
        "TriggerTimeEnd": str(round(of.ends * 1000)),
        "Playbook": of.playbook,
    }


def _of_a_monitor(of: Occasion) -> dict[str, str]:
    kind = str(of.trigger["triggerType"])
    limit = f"{of.trigger.get('thresholdType', 'No data')} {of.trigger.get('threshold', '')}".strip()
    return {
        "DetectionMethod": str(of.trigger["detectionMethod"]),
        "TriggerType": "Missing Data" if kind == "MissingData" else kind,
        "TriggerCondition": f"ResultCount is {limit} in the last {str(of.trigger['timeRange']).lstrip('-')}",
        "SourceURL": f"{CONSOLE}/alerts/unified-monitors/{of.about}",
        "AlertResponseUrl": f"{CONSOLE}/alert/{of.alert}",
        **({"AlertGroup": ", ".join(f"{name}={value}" for name, value in of.group.items())} if of.group else {}),
    }


def _of_a_search(of: Occasion) -> dict[str, str]:
    rows, kind = _rows(of), "AggregateResultsJson" if of.search.aggregates else "RawResultsJson"
    return {
        "SearchName": of.name,
        "SearchDescription": of.description,
        "SearchQuery": of.query,
        "SearchQueryUrl": f"{CONSOLE}/search/create?id={of.about}",
        "TimeRange": f"{_written(of.begins)} to {_written(of.ends)}",
        "FireTime": _written(of.ends),
        kind: rows,
        "NumRawResults": str(len(of.rows)),
    }


def _results(of: Occasion) -> dict[str, str]:
    return {"ResultsJson": _rows(of), "NumQueryResults": str(len(of.rows)), "TriggerValue": str(len(of.rows))}


def _rows(of: Occasion) -> str:
    most = MOST_AGGREGATE if of.search.aggregates else MOST_RAW
    return orjson.dumps(webhook_rows(of.search, of.rows[:most])).decode()


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%m/%d/%Y %I:%M:%S %p UTC")
