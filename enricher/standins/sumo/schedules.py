"""How long Sumo Logic's spans are, and when a scheduled search runs."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"-?(\d+)([smhdw])")
_TYPE = re.compile(r"(\d+)(Minute|Hour|Day|Week)s?")
_STEP = re.compile(r"\S+ (?:\d+|\*)/(\d+) .*")
_HOUR = 3_600.0


def seconds(span: str) -> float:
    """`15m`, with or without a sign, in seconds. Raises ValueError."""
    found = _SPAN.fullmatch(span)
    if found is None:
        raise ValueError(f"no span: {span}")
    return float(int(found[1]) * _UNITS[found[2]])


class Schedule:
    """The schedule of a saved search, as it was written."""

    def __init__(self, written: Json) -> None:
        self._written = written

    @property
    def every_s(self) -> float:
        """Seconds from one run to the next. Of a cron expression only steps of minutes are understood; else an hour."""
        named = _TYPE.fullmatch(self._written["scheduleType"])
        if named:
            return float(int(named[1]) * _UNITS[named[2][0].lower()])
        step = _STEP.fullmatch(self._written.get("cronExpression") or "")
        return int(step[1]) * 60.0 if step else _HOUR

    @property
    def range_s(self) -> float:
        """How far back a run looks, in seconds."""
        begins = (self._written.get("parseableTimeRange") or {}).get("from") or {}
        return seconds(begins.get("relativeTime") or "-1h")

    @property
    def threshold(self) -> Json | None:
        return self._written.get("threshold")

    @property
    def notification(self) -> Json:
        return self._written.get("notification") or {}
