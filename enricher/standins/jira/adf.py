"""Checks an Atlassian document: the nodes a case may use, each with its attributes, its children and its marks.

A part of `@atlaskit/adf-schema` (json-schema v1, full), where additional properties are refused almost everywhere. Stricter
than the schema in one place: a link or card goes to http or https and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Check = Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _filled(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _one_of(*values: str) -> Check:
    return lambda value: isinstance(value, str) and value in values


def _whole(low: int, high: int) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _web_link(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _colour(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", value) is not None


def _status_colour(value: Any) -> bool:
    return value in ("neutral", "purple", "blue", "red", "yellow", "green") or _colour(value)


def _widths(value: Any) -> bool:
    return isinstance(value, list) and all(_number(width) for width in value)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a node or mark may hold. `starts` are the children that may come first, where that is narrower."""

    children: frozenset[str] = frozenset()
    least: int = 0
    attrs: Mapping[str, Check] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    starts: frozenset[str] | None = None
    leaf: bool = False


INLINE = frozenset({"text", "hardBreak", "status", "date", "inlineCard", "mention", "emoji"})
LISTS = frozenset({"bulletList", "orderedList"})
IN_PANEL = LISTS | {"paragraph", "heading", "codeBlock", "rule"}
IN_CELL = IN_PANEL | {"panel", "blockquote"}
IN_EXPAND = IN_CELL | {"table"}
TOP = IN_EXPAND | {"expand"}
IN_ITEM = LISTS | {"paragraph", "codeBlock"}
LOCAL: dict[str, Check] = {"localId": _text}
CELL = Shape(IN_CELL, 1, {**LOCAL, "colspan": _number, "rowspan": _number, "colwidth": _widths, "background": _text})

NODES: dict[str, Shape] = {
    "doc": Shape(TOP),
    "paragraph": Shape(INLINE, attrs=LOCAL),
    "heading": Shape(INLINE, attrs={**LOCAL, "level": _whole(1, 6)}, required=frozenset({"level"})),
    "panel": Shape(
        IN_PANEL,
        1,
        {
            **LOCAL,
            "panelType": _one_of("info", "note", "tip", "warning", "error", "success", "custom"),
            "panelIcon": _text,
            "panelIconId": _text,
            "panelIconText": _text,
            "panelColor": _text,
        },
        frozenset({"panelType"}),
    ),
    "bulletList": Shape(frozenset({"listItem"}), 1, LOCAL),
    "orderedList": Shape(frozenset({"listItem"}), 1, {**LOCAL, "order": _whole(0, 1 << 31)}),
    "listItem": Shape(IN_ITEM, 1, LOCAL, starts=frozenset({"paragraph", "codeBlock"})),
    "blockquote": Shape(IN_ITEM, 1, LOCAL),
    "codeBlock": Shape(frozenset({"text"}), attrs={**LOCAL, "language": _text, "uniqueId": _text}),
    "rule": Shape(attrs=LOCAL, leaf=True),
    "expand": Shape(IN_EXPAND, 1, {**LOCAL, "title": _text}),
    "table": Shape(
        frozenset({"tableRow"}),
        1,
        {
            **LOCAL,
            "isNumberColumnEnabled": _flag,
            "layout": _one_of("wide", "full-width", "center", "align-end", "align-start", "default"),
            "displayMode": _one_of("default", "fixed"),
            "width": _number,
        },
    ),
    "tableRow": Shape(frozenset({"tableCell", "tableHeader"}), attrs=LOCAL),
    "tableCell": CELL,
    "tableHeader": CELL,
    "text": Shape(leaf=True),
    "hardBreak": Shape(attrs={**LOCAL, "text": _one_of("\n")}, leaf=True),
    "status": Shape(
        attrs={**LOCAL, "text": _filled, "color": _status_colour, "style": _text},
        required=frozenset({"text", "color"}),
        leaf=True,
    ),
    "date": Shape(attrs={**LOCAL, "timestamp": _filled}, required=frozenset({"timestamp"}), leaf=True),
    "inlineCard": Shape(attrs={**LOCAL, "url": _web_link}, required=frozenset({"url"}), leaf=True),
    "mention": Shape(
        attrs={**LOCAL, "id": _text, "text": _text, "accessLevel": _text, "userType": _one_of("DEFAULT", "SPECIAL", "APP")},
        required=frozenset({"id"}),
        leaf=True,
    ),
    "emoji": Shape(
        attrs={**LOCAL, "shortName": _text, "id": _text, "text": _text}, required=frozenset({"shortName"}), leaf=True
    ),
}
MARKS: dict[str, Shape] = {
    "strong": Shape(),
    "em": Shape(),
    "code": Shape(),
    "strike": Shape(),
    "underline": Shape(),
    "link": Shape(attrs={"href": _web_link, "title": _text}, required=frozenset({"href"})),
    "subsup": Shape(attrs={"type": _one_of("sub", "sup")}, required=frozenset({"type"})),
    "textColor": Shape(attrs={"color": _colour}, required=frozenset({"color"})),
}
BESIDE_CODE = frozenset({"code", "link"})
DEEPEST = 60


def problem(document: Any) -> str | None:
    """The first thing wrong, as `path: what`; None for a valid document."""
    if not isinstance(document, dict) or document.get("type") != "doc":
        return "/: not a doc"
    if document.get("version") != 1 or not isinstance(document.get("content"), list):
        return "/: a doc has version 1 and a content"
    body = {key: value for key, value in document.items() if key != "version"}
    return next(_node(body, "", 0), None)


def _node(node: dict[str, Any], path: str, depth: int) -> Iterator[str]:
    kind = node["type"]
    shape = NODES[kind]
    if kind == "text":
        yield from _text_node(node, path)
        return
    allowed = {"type", "attrs"} if shape.leaf else {"type", "attrs", "content"}
    if extra := sorted(set(node) - allowed):
        yield f"{path}/{extra[0]}: not allowed in {kind}"
    yield from _attrs(node, shape, path)
    yield from _children(node, shape, path, depth)


def _children(node: dict[str, Any], shape: Shape, path: str, depth: int) -> Iterator[str]:
    children = node.get("content", [])
    if not isinstance(children, list) or len(children) < shape.least:
        yield f"{path}/content: {node['type']} needs {shape.least} or more"
        return
    if depth > DEEPEST:
        yield f"{path}: nested too deep"
        return
    for n, child in enumerate(children):
        at = f"{path}/content/{n}"
        allowed = shape.starts if n == 0 and shape.starts is not None else shape.children
        kind = child.get("type") if isinstance(child, dict) else None
        if not isinstance(kind, str) or kind not in allowed:
            yield f"{at}: {kind!r} may not stand in {node['type']}"
        elif node["type"] == "codeBlock" and "marks" in child:
            yield f"{at}/marks: text in a codeBlock has none"
        else:
            yield from _node(child, at, depth + 1)


def _attrs(node: dict[str, Any], shape: Shape, path: str) -> Iterator[str]:
    attrs = node.get("attrs", {})
    if not isinstance(attrs, dict):
        yield f"{path}/attrs: not an object"
        return
    for name in sorted(shape.required - set(attrs)):
        yield f"{path}/attrs/{name}: required"
    for name, value in attrs.items():
        if name not in shape.attrs or not shape.attrs[name](value):
            yield f"{path}/attrs/{name}: not allowed in {node['type']}"


def _text_node(node: dict[str, Any], path: str) -> Iterator[str]:
    if extra := sorted(set(node) - {"type", "text", "marks"}):
        yield f"{path}/{extra[0]}: not allowed in text"
    if not _filled(node.get("text")):
        yield f"{path}/text: must not be empty"
    marks = node.get("marks", [])
    if not isinstance(marks, list):
        yield f"{path}/marks: not a list"
        return
    names = []
    for n, mark in enumerate(marks):
        yield from _mark(mark, f"{path}/marks/{n}")
        names.append(mark.get("type") if isinstance(mark, dict) else None)
    if len(set(names)) < len(names) or ("code" in names and not BESIDE_CODE.issuperset(names)):
        yield f"{path}/marks: these do not go together"


def _mark(mark: Any, path: str) -> Iterator[str]:
    kind = mark.get("type") if isinstance(mark, dict) else None
    if not isinstance(kind, str) or kind not in MARKS:
        yield f"{path}: no such mark"
        return
    if extra := sorted(set(mark) - {"type", "attrs"}):
        yield f"{path}/{extra[0]}: not allowed in a mark"
    yield from _attrs(mark, MARKS[kind], path)
