"""Atlassian Document Format, by helpers that cannot build an invalid document.

Data only ever becomes the `text` of a text node, so it is inert: there is no markup to escape from. Empty texts vanish (ADF
forbids them), empty lists and tables too, and a link whose address is not plain http(s) becomes its label.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from enricher.core.document import Json
from enricher.destinations.text import safe_url

Inline = str | Json | None
"""Text, an inline node, or nothing."""

PanelType = Literal["error", "warning", "note", "info"]
Colour = Literal["red", "yellow", "blue", "neutral"]


def _text(text: str, *marks: Json) -> Json | None:
    if not text:
        return None
    node: Json = {"type": "text", "text": text}
    return {**node, "marks": list(marks)} if marks else node


def strong(text: str) -> Json | None:
    """Bold text."""
    return _text(text, {"type": "strong"})


def code(text: str) -> Json | None:
    """Text in fixed width; ADF lets it carry no other mark."""
    return _text(text, {"type": "code"})


def link(label: str, href: str | None) -> Json | None:
    """A link, or only its label where the address is not safe to follow."""
    url = safe_url(href)
    return _text(label, {"type": "link", "attrs": {"href": url}}) if url else _text(label)


def status(text: str, colour: Colour) -> Json:
    """A coloured lozenge."""
    return {"type": "status", "attrs": {"text": text or "unknown", "color": colour}}


def paragraph(*parts: Inline) -> Json:
    """A paragraph of whatever of the parts is not empty."""
    nodes = [_text(part) if isinstance(part, str) else part for part in parts]
    return {"type": "paragraph", "content": [node for node in nodes if node]}


def heading(text: str, level: int = 3) -> Json:
    """A heading."""
    return {"type": "heading", "attrs": {"level": level}, "content": [node for node in (_text(text),) if node]}


def panel(kind: PanelType, *blocks: Json) -> Json:
    """A coloured box."""
    return {"type": "panel", "attrs": {"panelType": kind}, "content": list(blocks) or [paragraph()]}


def _list(kind: str, items: Iterable[Inline | Sequence[Inline]]) -> list[Json]:
    content = [{"type": "listItem", "content": [paragraph(*_parts(item))]} for item in items]
    return [{"type": kind, "content": content}] if content else []


def bullets(items: Iterable[Inline | Sequence[Inline]]) -> list[Json]:
    """A list of the items, or nothing at all."""
    return _list("bulletList", items)


def numbers(items: Iterable[Inline | Sequence[Inline]]) -> list[Json]:
    """A numbered list of the items, or nothing at all."""
    return _list("orderedList", items)


def descent(items: Sequence[Sequence[Inline]]) -> list[Json]:
    """A list in which each item hangs below the one before it, or nothing at all."""
    below: list[Json] = []
    for item in reversed(items):
        below = [{"type": "bulletList", "content": [{"type": "listItem", "content": [paragraph(*item), *below]}]}]
    return below


def table(
    rows: Iterable[Sequence[Inline | Sequence[Inline]]], *, head: Sequence[str] = (), label_column: bool = False
) -> list[Json]:
    """A table, or nothing where there are no rows. `label_column` makes the first cell of each row a header."""
    body = [
        [_cell("tableHeader" if label_column and not i else "tableCell", cell) for i, cell in enumerate(row)]
        for row in rows
    ]
    if not body:
        return []
    top = [[_cell("tableHeader", label) for label in head]] if head else []
    return [
        {
            "type": "table",
            "attrs": {"isNumberColumnEnabled": False, "layout": "default"},
            "content": [{"type": "tableRow", "content": cells} for cells in (*top, *body)],
        }
    ]


def document(*blocks: Json) -> Json:
    """The root."""
    return {"type": "doc", "version": 1, "content": list(blocks)}


def plain(node: object) -> str:
    """All the text in a document, for looking something up in it. Tolerates anything that JSON can hold, at any depth."""
    found: list[str] = []
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("text"), str):
                found.append(item["text"])
            waiting.append(item.get("content"))
        elif isinstance(item, list):
            waiting.extend(reversed(item))
        elif isinstance(item, str):
            found.append(item)
    return "\n".join(found)


def _cell(kind: str, cell: Inline | Sequence[Inline]) -> Json:
    return {"type": kind, "content": [paragraph(*_parts(cell))]}


def _parts(item: Inline | Sequence[Inline]) -> Sequence[Inline]:
    return (item,) if item is None or isinstance(item, str | dict) else item
