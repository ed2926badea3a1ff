"""Spans of time as people write them on the command line."""

from __future__ import annotations

import re
from datetime import timedelta

import click

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class _Span(click.ParamType[timedelta]):
    """`36h`, `30d` or `4w`; up to 9,999 of each."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([1-9]\d{0,3})([hdw])", str(value), re.ASCII)
        if found is None:
            self.fail(f"{value!r} is no span; write hours, days or weeks, such as 36h, 30d or 4w", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


SPAN = _Span()
