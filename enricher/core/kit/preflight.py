"""Searches about the searches: does anything arrive at all, in which form, and from where.

Source: Sumo Logic's documentation, "count_distinct", "Missing data" of monitors.
"""

from __future__ import annotations

from enricher.core.kit.forms import Form, checked

_RENDERINGS = ("xml", "json", "otel", "text")
_EVENT = (
    '(?:<(?<xml>EventID)[^>]*>|\\"(?<json>EventID)\\"\\W+|event_id\\W+(?<otel>id)\\W+|(?<text>EventCode)\\W+)'
    "(?<event_id>1|3|22)\\b"
)
"""An event's number as each rendering writes it; the group that is filled says which rendering it is. `text` is the legacy text of
Sumo Logic's collector, which no form of the searches reads.
"""


def preflight_query(scope: str, form: Form) -> str:
    """Which of events 1, 3 and 22 arrive: how many, from how many hosts, when the newest came, in which rendering, and whether the
    searches of this form read that. Without event 22 the searches find next to nothing. Raises Unsearchable.
    """
    which = '"-"'
    for name in reversed(_RENDERINGS):
        which = f'if(isBlank({name}), {which}, "{name}")'
    lines = [
        f"({checked(scope)})",
        f'parse regex "{_EVENT}"',
        f"{which} as rendering",
        f'if(rendering="{form}", "yes", "no") as is_read',
        "count, count_distinct(_sourceHost) as hosts, max(_messageTime) as newest by event_id, rendering, is_read",
    ]
    return "\n| ".join(lines)


def heartbeat_query(scope: str) -> str:
    """A search with exactly one row wherever anything arrived within `scope` in its range. Raises Unsearchable."""
    return f"{checked(scope)}\n| count"


def silence_query(scope: str) -> str:
    """Events by source category, for a monitor of missing data that alerts by that field. Raises Unsearchable."""
    return f"({checked(scope)})\n| count by _sourceCategory"
