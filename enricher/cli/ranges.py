"""`enricher ranges`: which published address ranges are at hand, and how old they are."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

import click
import orjson
from rich.console import Console
from rich.table import Table

from enricher.cli.page import plain
from enricher.core.document import Json, iso
from enricher.core.ranges import RangeFile
from enricher.lookups.ranges import Folder, read_folder
from enricher.wiring import clock, configured

WELL = 0
AT_FAULT = 1


def ranges(max_age: int, *, as_json: bool) -> int:
    """Print the files of `ENRICHER_RANGES_DIR`; returns 1 if one is older than `max_age` days or cannot be read."""
    folder = configured().ranges_dir
    found, now = read_folder(folder) if folder else Folder((), ()), clock()
    document: Json = {
        "folder": str(folder) if folder else None,
        "files": [_file(file, now, max_age) for file in found.files],
        "problems": list(found.problems),
    }
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        _show(document)
    return AT_FAULT if document["problems"] or any(file["too_old"] for file in document["files"]) else WELL


def _file(file: RangeFile, now: datetime, max_age: int) -> Json:
    age = now - file.dated
    return {
        "file": file.name,
        "provider": file.provider,
        "prefixes": len({one.network for one in file.ranges}),
        "dated": iso(file.dated),
        "age_days": max(0, age.days),
        "too_old": age > timedelta(days=max_age),
    }


def _show(document: Json) -> None:
    if document["folder"] is None:
        click.echo("ENRICHER_RANGES_DIR is not set: no published ranges are read")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("file", "provider", "prefixes", "dated", "days old", ""):
        table.add_column(column, justify="right" if column in {"prefixes", "days old"} else "left")
    for file in document["files"]:
        shown = (file["file"], file["provider"], str(file["prefixes"]), file["dated"][:10], str(file["age_days"]))
        table.add_row(*map(plain, shown), "too old" if file["too_old"] else "")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for problem in document["problems"]:
        console.print(plain(problem))
