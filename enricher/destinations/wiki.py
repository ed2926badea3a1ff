"""Jira's wiki markup, written from an Atlassian document: Data Center takes nothing else.

Data stays inert because no character of it that means anything in wiki markup is written as itself: each becomes a numeric
character reference. The backslash could not be escaped by a backslash anyway, since two of them are a line break.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

from enricher.core.document import Json

_MEANS_SOMETHING = re.compile(
    r"[\\{}\[\]()*+^~?!|#@<>&]"  # macros, links, lists, effects, images, cells, mentions, entities
    r"|(?<![^\W_])[_-]|[_-](?![^\W_])"  # inside a word they are letters, and a host name stays searchable
    r"|:(?=[DP/])|(?<=mailto):"  # faces, addresses
    r"|(?:(?<=\bh[1-6])|(?<=\bbq))\.(?=\s|$)"  # headings, quotations
)
_COLOURS: Mapping[str, str] = {"red": "#de350b", "yellow": "#ff991f", "blue": "#0052cc", "neutral": "#42526e"}
_PANELS: Mapping[str, tuple[str, str]] = {
    "error": ("#de350b", "#ffebe6"),
    "warning": ("#ff991f", "#fffae6"),
    "note": ("#5243aa", "#eae6ff"),
    "info": ("#0052cc", "#deebff"),
}
"""Border and background of a box, by its ADF type."""
_LISTS: Mapping[str, str] = {"bulletList": "*", "orderedList": "#"}


def write(document: Json) -> str:
    """The document as wiki markup. Knows the nodes that `adf` builds. Raises KeyError for any other."""
    return "\n\n".join(_block(node) for node in document["content"])


def escape(text: str) -> str:
    """`text` on one line, in which nothing is markup any more; a browser shows it as it was."""
    return _MEANS_SOMETHING.sub(lambda match: f"&#{ord(match[0])};", re.sub(r"\s", " ", text))


def _block(node: Json) -> str:
    return _BLOCKS[node["type"]](node)


def _heading(node: Json) -> str:
    return f"h{node['attrs']['level']}. {_inside(node)}"


def _panel(node: Json) -> str:
    border, background = _PANELS[node["attrs"]["panelType"]]
    inside = "\n".join(_block(child) for child in node["content"])
    return f"{{panel:borderColor={border}|bgColor={background}}}\n{inside}\n{{panel}}"


def _list(node: Json, above: str = "") -> str:
    """One line an item; a list within an item hangs below it, with all their marks."""
    marks = above + _LISTS[node["type"]]
    lines: list[str] = []
    for item in node["content"]:
        inner = [block for block in item["content"] if block["type"] in _LISTS]
        lines.append(f"{marks} {' '.join(_block(block) for block in item['content'] if block not in inner)}")
        lines += [_list(block, marks) for block in inner]
    return "\n".join(lines)


def _table(node: Json) -> str:
    return "\n".join(_row(row["content"]) for row in node["content"])


def _row(cells: Iterable[Json]) -> str:
    row, bar = "", "|"
    for cell in cells:
        bar = "||" if cell["type"] == "tableHeader" else "|"
        row += f"{bar} {_flat(cell)} "
    return row + bar


def _flat(node: Json) -> str:
    """The blocks of a cell on one line."""
    return " ".join(_block(child) for child in node["content"])


def _inside(node: Json) -> str:
    return "".join(_inline(child) for child in node["content"])


def _inline(node: Json) -> str:
    if node["type"] == "status":
        attrs = node["attrs"]
        return f"{{color:{_COLOURS[attrs['color']]}}}*{escape(attrs['text'].upper())}*{{color}}"
    text = escape(node["text"])
    for mark in node.get("marks", ()):
        text = _MARKS[mark["type"]](text, mark)
    return text


def _link(text: str, mark: Json) -> str:
    """`[` and `]` would end the link; the rest of what `safe_url` lets pass has no meaning inside one, once quoted."""
    return f"[{text}|{quote(mark['attrs']['href'], safe=':/?#@$&+,;=%')}]"


def _around(opens: str, closes: str) -> Callable[[str, Json], str]:
    """Effects hold only where no blank stands next to their marks on the inner side."""

    def mark(text: str, _mark: Json) -> str:
        inner = text.strip()
        if not inner:
            return text
        before, _, after = text.partition(inner)
        return f"{before}{opens}{inner}{closes}{after}"

    return mark


_BLOCKS: Mapping[str, Callable[[Json], str]] = {
    "paragraph": _inside,
    "heading": _heading,
    "panel": _panel,
    "bulletList": _list,
    "orderedList": _list,
    "table": _table,
}
_MARKS: Mapping[str, Callable[[str, Json], str]] = {
    "strong": _around("*", "*"),
    "code": _around("{{", "}}"),
    "link": _link,
}
