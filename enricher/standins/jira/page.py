"""An Atlassian document as HTML, for the page on which a person reads the ticket. Everything from the ticket is escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

BLOCKS = {
    "doc": "div",
    "paragraph": "p",
    "bulletList": "ul",
    "orderedList": "ol",
    "listItem": "li",
    "blockquote": "blockquote",
    "table": "table",
    "tableRow": "tr",
    "tableCell": "td",
    "tableHeader": "th",
    "codeBlock": "pre",
}
MARKS = {"strong": "strong", "em": "em", "code": "code", "strike": "s", "underline": "u"}


def html(node: dict[str, Any] | str) -> Markup:
    """A checked document, or a part of one; wiki markup as it was sent."""
    if isinstance(node, str):
        return Markup("<pre>{}</pre>").format(node)
    kind, attrs = node["type"], node.get("attrs", {})
    inner = Markup("").join(html(child) for child in node.get("content", []))
    if kind in BLOCKS:
        return Markup("<{0}>{1}</{0}>").format(Markup(BLOCKS[kind]), inner)  # noqa: S704 - a word of our own table
    match kind:
        case "heading":
            return Markup("<h{0}>{1}</h{0}>").format(min(6, attrs["level"] + 1), inner)
        case "panel":
            return Markup('<div class="panel {}">{}</div>').format(attrs["panelType"], inner)
        case "expand":
            return Markup("<details open><summary>{}</summary>{}</details>").format(attrs.get("title", ""), inner)
        case "rule":
            return Markup("<hr>")
        case "text":
            return _text(node)
    return _inline(kind, attrs)


def _inline(kind: str, attrs: dict[str, Any]) -> Markup:
    match kind:
        case "hardBreak":
            return Markup("<br>")
        case "status":
            return Markup('<span class="status {}">{}</span>').format(attrs["color"].strip("#"), attrs["text"])
        case "date":
            return Markup("<time>{}</time>").format(_day(attrs["timestamp"]))
        case "inlineCard":
            return Markup('<a href="{0}" rel="noreferrer">{0}</a>').format(attrs["url"])
    return Markup("<span>{}</span>").format(attrs.get("text") or attrs.get("shortName", ""))


def _text(node: dict[str, Any]) -> Markup:
    shown = Markup("{}").format(node["text"])
    for mark in node.get("marks", []):
        if mark["type"] in MARKS:
            shown = Markup("<{0}>{1}</{0}>").format(Markup(MARKS[mark["type"]]), shown)  # noqa: S704 - a word of our own table
        elif mark["type"] == "link":
            shown = Markup('<a href="{}" rel="noreferrer">{}</a>').format(mark["attrs"]["href"], shown)
    return shown


def _day(timestamp: str) -> str:
    """Atlassian's dates are milliseconds since the epoch, as text."""
    return datetime.fromtimestamp(int(timestamp) / 1000, UTC).date().isoformat() if timestamp.isdigit() else timestamp
