"""`enricher drift`: where Sumo Logic's own columns say something else, by day and reason, and which query is deployed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from enricher.cli.page import plain
from enricher.core.document import Json
from enricher.wiring import application

_SHOWN_DIGEST = 19
"""`sha256:` and the first twelve digits."""
_WIDEST = 1_000
_MINUTES = len("2026-11-24T08:00")


def drift(days: int, *, as_json: bool) -> None:
    """Print the drift of the last `days`. Raises StoreUnavailable."""
    app = application()
    try:
        document = app.drift(days)
    finally:
        app.store.close()
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        _show(document)


def _show(document: Json) -> None:
    if not document["drift"]:
        click.echo(f"no drift in {document['days']} days")
    else:
        _print(("day", "column", "Sumo Logic", "here", "why", "cases", "rows"), map(_difference, document["drift"]))
    if document["queries"]:
        click.echo()
        _print(("source", "monitor", "query", "first seen (UTC)", "last seen (UTC)"), map(_version, document["queries"]))


def _difference(one: Json) -> Sequence[Any]:
    return [one[name] for name in ("day", "field", "sumo", "ours", "reason", "cases", "rows")]


def _version(one: Json) -> Sequence[Any]:
    digest = one["digest"][:_SHOWN_DIGEST] + "…"
    times = (one[name][:_MINUTES].replace("T", " ") for name in ("first_at", "last_at"))
    return [one["source"], one["monitor"] or "without a name", digest, *times]


def _print(columns: Sequence[str], rows: Any) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in {"cases", "rows"} else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    console = Console(highlight=False, soft_wrap=True)
    console.width = _WIDEST
    console.print(table)
