"""The lineage as a tree, from its root down to the process of the case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enricher.core import phrases
from enricher.core.document import AncestorDoc, CaseDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One process of the tree, the oldest ancestor first; the last is the process of the case."""

    process: AncestorDoc
    is_subject: bool = False
    source: str = ""
    """Where it is known from, in words; empty for the process of the case."""
    why: str = ""
    """Of one that is missing: why, as far as is known."""

    @property
    def is_missing(self) -> bool:
        return self.process["source"] == "missing"


_NOBODY: AncestorDoc = {
    "image": None,
    "name": None,
    "command_line": None,
    "guid": None,
    "pid": None,
    "user": None,
    "source": "missing",
}


def tree(document: CaseDocument) -> list[Link]:
    """The lineage from its root down to the process itself, which the document keeps apart. No parent at all is one missing."""
    process = document["process"]
    subject: AncestorDoc = {
        "image": process["image"],
        "name": process["name"],
        "command_line": process["command_line"],
        "guid": process["guid"],
        "pid": process["pid"],
        "user": document["user"],
        "source": "",
    }
    whys = dict(map(phrases.parts_of, document["missing"]))
    above = document["lineage"] or [_NOBODY]
    return [
        *(_link(one, place, whys) for place, one in reversed(list(enumerate(above)))),
        Link(process=subject, is_subject=True),
    ]


def _link(process: AncestorDoc, place: int, whys: Mapping[str, str]) -> Link:
    source = process["source"]
    why = whys.get(phrases.ANCESTORS[place], "") if source == "missing" and place < len(phrases.ANCESTORS) else ""
    return Link(process=process, source=phrases.SOURCES.get(source, source), why=why)
