"""`enricher ranges`: which published address ranges are at hand, and how old they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.text import Text

from enricher.cli.look import console, listing, print_json, say
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
        print_json(document)
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
        say("ENRICHER_RANGES_DIR is not set: no published ranges are read")
        return
    headings = ("file", "provider", "prefixes", "dated", "days old", "")
    if document["files"]:
        listing(console(), headings, map(_cells, document["files"]), numbers={"prefixes", "days old"})
    for problem in document["problems"]:
        say(problem, style="red")


def _cells(file: Json) -> Sequence[object]:
    old = Text("too old", "red") if file["too_old"] else ""
    return (file["file"], file["provider"], file["prefixes"], file["dated"][:10], file["age_days"], old)
