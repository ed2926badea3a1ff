"""JSON Schemas of the YAML files, so that an editor completes keys and marks slips; kept in `config/schema/`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from enricher.content.estate import EstateFile
from enricher.content.families import FamilyFile
from enricher.content.further import DestinationsFile
from enricher.content.models import (
    BrowserEntry,
    DetectionFile,
    FoldersFile,
    Names,
    PlaybookFile,
    ProcessesFile,
    Text,
)
from enricher.content.severity import SeverityFile
from enricher.content.templates import SlackTemplate, TicketTemplate
from enricher.content.tuning_entry import TuningFile

SHAPES: tuple[tuple[str, TypeAdapter[Any]], ...] = (
    ("browsers", TypeAdapter(list[BrowserEntry])),
    ("destinations", TypeAdapter(DestinationsFile)),
    ("detection", TypeAdapter(DetectionFile)),
    ("estate", TypeAdapter(EstateFile)),
    ("family", TypeAdapter(FamilyFile)),
    ("folders", TypeAdapter(FoldersFile)),
    ("lineage", TypeAdapter(dict[Text, Names])),
    ("playbook", TypeAdapter(PlaybookFile)),
    ("processes", TypeAdapter(ProcessesFile)),
    ("severity", TypeAdapter(SeverityFile)),
    ("template", TypeAdapter(TicketTemplate)),
    ("template-slack", TypeAdapter(SlackTemplate)),
    ("tuning", TypeAdapter(TuningFile)),
)
"""Every kind of YAML file, by the name of its schema."""


def schemas() -> Iterator[tuple[str, str]]:
    """File name and text of each schema."""
    for name, shape in SHAPES:
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **shape.json_schema()}
        yield f"{name}.json", json.dumps(schema, indent=1, sort_keys=True) + "\n"


def write(directory: Path) -> None:
    """Write them all anew, after a change of `models.py`."""
    for name, text in schemas():
        (directory / name).write_text(text, encoding="utf-8")
