"""The dashboard over cases sent back to Sumo Logic: the body of `POST /api/v2/dashboards`, and the same for Terraform.

Source: the schema of `sumologic_dashboard` in Sumo Logic's Terraform provider, and dashboards exported from accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from enricher.core.document import Json
from enricher.core.kit.searches import Ready, case_searches

TITLE = "Enricher: cases"
DESCRIPTION = "Cases that Enricher sent back, each as its newest line says."
RANGE = "-7d"
_WIDE, _TALL = 12, 8
"""Of the grid's 24 columns, and in rows."""


def dashboard(category: str = "enricher/cases", folder: str | None = None) -> Json:
    """The body of the call. `folder` is the id of a folder; the personal one where it is None."""
    searches = case_searches(category)
    body: Json = {
        "title": TITLE,
        "description": DESCRIPTION,
        "theme": "Light",
        "refreshInterval": 300,
        "timeRange": {
            "type": "BeginBoundedTimeRange",
            "from": {"type": "RelativeTimeRangeBoundary", "relativeTime": RANGE},
        },
        "layout": {"layoutType": "Grid", "layoutStructures": list(_places(searches))},
        "panels": [_panel(one) for one in searches],
        "variables": [],
    }
    return body | ({"folderId": folder} if folder else {})


def _panel(one: Ready) -> Json:
    return {
        "panelType": "SumoSearchPanel",
        "key": one.name,
        "title": one.title,
        "visualSettings": _picture(one),
        "keepVisualSettingsConsistentWithParent": True,
        "queries": [
            {"queryString": one.text, "queryType": "Logs", "queryKey": "A", "parseMode": "Manual", "timeSource": "Message"}
        ],
    }


def _picture(one: Ready) -> str:
    """JSON as text."""
    mode = {"table": "distribution", "bar": "distribution", "column": "distribution", "single": "singleValueMetrics"}
    kind = {"single": "svp"}.get(one.picture, one.picture)
    return orjson.dumps({"general": {"mode": mode[one.picture], "type": kind}}).decode()


def _places(searches: Sequence[Ready]) -> Iterable[Json]:
    """Two in a row."""
    for n, one in enumerate(searches):
        where = {"height": _TALL, "width": _WIDE, "x": n % 2 * _WIDE, "y": n // 2 * _TALL}
        yield {"key": one.name, "structure": orjson.dumps(where).decode()}
