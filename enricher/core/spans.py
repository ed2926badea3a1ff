"""Spans of time as people write them: `36h`, `14d`, `4w`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_WRITTEN = re.compile(r"([1-9]\d{0,3})([hdw])", re.ASCII)
HINT = "write hours, days or weeks, such as 36h, 30d or 4w"


def span_of(text: str) -> timedelta | None:
    """Up to 9,999 hours, days or weeks; None for anything else."""
    found = _WRITTEN.fullmatch(text)
    return int(found[1]) * _UNITS[found[2]] if found else None
