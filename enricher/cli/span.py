"""Spans of time as people write them on the command line."""

from __future__ import annotations

from datetime import timedelta

import click

from enricher.core.spans import HINT, span_of


class _Span(click.ParamType[timedelta]):
    """`36h`, `30d` or `4w`; up to 9,999 of each."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = span_of(str(value))
        if found is None:
            self.fail(f"{value!r} is no span; {HINT}", param, ctx)
        return found


SPAN = _Span()
