"""The dashboard over cases sent back to Sumo Logic: the body of `POST /api/v2/dashboards`, and the same for Terraform.

Never installed in an account. Sources: the page and the code of `sumologic_dashboard` in Sumo Logic's Terraform provider, for the
arguments and for what its client sends; how a panel looks (`visualSettings`) is described nowhere, and follows that page's example.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from enricher.core.document import Json
from enricher.core.kit.hcl import Block, Raw, Value, quoted, text
from enricher.core.kit.searches import CATEGORY, Ready, case_searches, scope_of

TITLE = "Enricher: cases"
DESCRIPTION = "Cases that Enricher sent back, each as its newest line says."
RANGE = "-7d"
REFRESH_S = 300
_WIDE, _TALL = 12, 8
"""Of the grid's 24 columns, and in rows."""


def dashboard(category: str = CATEGORY, folder: str | None = None) -> Json:
    """The body of the call. `folder` is the id of a folder; the personal one where it is None."""
    searches = case_searches(category)
    body: Json = {
        "title": TITLE,
        "description": DESCRIPTION,
        "theme": "Light",
        "refreshInterval": REFRESH_S,
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


# --- the same for Terraform -----------------------------------------------------------------------------------------


def dashboard_block(category: str, attributes: dict[str, Value]) -> Block:
    """The resource, with these attributes before its own. Raises Unsearchable."""
    searches = case_searches(category)
    said: dict[str, Value] = {
        **attributes,
        "title": TITLE,
        "description": DESCRIPTION,
        "folder_id": Raw("data.sumologic_personal_folder.mine.id"),
        "refresh_interval": REFRESH_S,
        "theme": "Light",
    }
    back = Block("relative_time_range", (), {"relative_time": RANGE})
    places = [Block("layout_structure", (), {**place}) for place in _places(searches)]
    blocks = (
        Block("time_range", (), None, (Block("begin_bounded_time_range", (), None, (Block("from", (), None, (back,)),)),)),
        *(_panel_block(one, scope_of(category)) for one in searches),
        Block("layout", (), None, (Block("grid", (), None, tuple(places)),)),
    )
    return Block("resource", ("sumologic_dashboard", "cases"), said, blocks)


def _panel_block(one: Ready, scope: str) -> Block:
    """The variable that says where cases are sent says where they are searched, too."""
    theirs = f'"{scope_of("${var.cases_category}")}"'
    query: dict[str, Value] = {
        "query_string": Raw(f"replace({text(one.text)}, {quoted(scope)}, {theirs})"),
        "query_type": "Logs",
        "query_key": "A",
        "parse_mode": "Manual",
        "time_source": "Message",
    }
    said: dict[str, Value] = {
        "key": one.name,
        "title": one.title,
        "visual_settings": _picture(one),
        "keep_visual_settings_consistent_with_parent": True,
    }
    return Block("panel", (), None, (Block("sumo_search_panel", (), said, (Block("query", (), query),)),))
