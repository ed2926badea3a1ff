"""`enricher balance`: everything accepted against everything that came of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click
import orjson
from rich.console import Console
from rich.table import Table

from enricher.cli.page import plain
from enricher.core.balance import Balance
from enricher.core.document import Json
from enricher.core.payload import read
from enricher.errors import PayloadError
from enricher.store import Store
from enricher.wiring import application

BALANCED = 0
UNACCOUNTED = 1
_MOST_SHOWN = 50


def balance(*, as_json: bool) -> int:
    """Print the balance of the whole database; returns 1 if anything is unaccounted for."""
    app = application()
    document = drawn(app.store)
    app.store.close()
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        _show(document)
    return BALANCED if document["balanced"] else UNACCOUNTED


def drawn(store: Store) -> Json:
    """The balance of a store, every body read once more."""
    found = Balance()
    for alert in store.auditor.alerts(held_rows):
        found.add_alert(alert)
    for bodies in store.auditor.bodies():
        found.add_source(bodies)
    return found.document()


def held_rows(body: bytes) -> frozenset[int] | None:
    """The rows of a body, None where it cannot be read."""
    try:
        return frozenset(row.index for row in read(body).rows)
    except PayloadError:
        return None


def _show(document: Json) -> None:
    bodies, rows = document["bodies"], document["rows"]
    console = Console(highlight=False, soft_wrap=True)
    console.print(_table("Bodies", bodies, ("quarantined", bodies["quarantined"])))
    console.print(_table("Rows", rows, ("dropped", rows["dropped"]), ("set aside", rows["set_aside"])))
    for problem in document["problems"][:_MOST_SHOWN]:
        name = "alert" if "alert" in problem else "source"
        console.print(plain(f"{name} {problem[name]}: {problem['problem']}"))
    if len(document["problems"]) > _MOST_SHOWN:
        click.echo(f"… {len(document['problems']) - _MOST_SHOWN} more: --json has them all")
    click.echo("balanced" if document["balanced"] else "not balanced")


def _table(title: str, counts: Mapping[str, object], *parts: tuple[str, Mapping[str, int]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right")
    table.add_column()
    for name, count in counts.items():
        if isinstance(count, int):
            table.add_row(str(count), name.replace("_", " "))
    for name, split in parts:
        for word, count in split.items():
            table.add_row(str(count), plain(f"{name}: {word.replace('_', ' ')}"))
    return table
