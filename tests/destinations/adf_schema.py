"""A JSON Schema for the part of ADF that we use, after Atlassian's `full.json`: strict about everything else."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator


def _node(
    kind: str, content: Any = None, attrs: dict[str, Any] | None = None, *, required: tuple[str, ...] = ()
) -> dict[str, Any]:
    properties: dict[str, Any] = {"type": {"const": kind}}
    if content is not None:
        properties["content"] = content
    if attrs is not None:
        properties["attrs"] = {"type": "object", "properties": attrs, "additionalProperties": False}
    return {"type": "object", "properties": properties, "required": ["type", *required], "additionalProperties": False}


def _many(*kinds: str, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "minItems": least, "items": {"anyOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds]}}


def _mark(kind: str, attrs: dict[str, Any] | None = None) -> dict[str, Any]:
    return _node(kind, attrs=attrs, required=("attrs",) if attrs else ())


_HREF = {"href": {"type": "string", "pattern": "^https?://[^\\s]+$"}}
_MARKS = {
    "anyOf": [
        {"type": "array", "maxItems": 2, "items": {"anyOf": [_mark("strong"), _mark("link", _HREF)]}},
        {"type": "array", "maxItems": 2, "items": {"anyOf": [_mark("code"), _mark("link", _HREF)]}},
    ]
}
_BLOCKS = ("paragraph", "heading", "panel", "bulletList", "orderedList", "table", "codeBlock", "rule")

SCHEMA = {
    "$ref": "#/$defs/doc",
    "$defs": {
        "doc": {
            "type": "object",
            "properties": {"type": {"const": "doc"}, "version": {"const": 1}, "content": _many(*_BLOCKS)},
            "required": ["type", "version", "content"],
            "additionalProperties": False,
        },
        "text": {
            "type": "object",
            "properties": {"type": {"const": "text"}, "text": {"type": "string", "minLength": 1}, "marks": _MARKS},
            "required": ["type", "text"],
            "additionalProperties": False,
        },
        "status": _node(
            "status",
            attrs={
                "text": {"type": "string", "minLength": 1},
                "color": {"enum": ["neutral", "purple", "blue", "red", "yellow", "green"]},
            },
            required=("attrs",),
        ),
        "paragraph": _node("paragraph", _many("text", "status")),
        "heading": _node(
            "heading", _many("text"), {"level": {"type": "integer", "minimum": 1, "maximum": 6}}, required=("attrs",)
        ),
        "panel": _node(
            "panel",
            _many("paragraph", "heading", "bulletList", "orderedList", least=1),
            {"panelType": {"enum": ["info", "note", "tip", "warning", "error", "success"]}},
            required=("attrs", "content"),
        ),
        "listItem": _node(
            "listItem",
            {**_many("paragraph", "bulletList", "orderedList", least=1), "prefixItems": [{"$ref": "#/$defs/paragraph"}]},
            required=("content",),
        ),
        "bulletList": _node("bulletList", _many("listItem", least=1), required=("content",)),
        "orderedList": _node(
            "orderedList", _many("listItem", least=1), {"order": {"type": "integer"}}, required=("content",)
        ),
        "table": _node(
            "table",
            _many("tableRow", least=1),
            {"isNumberColumnEnabled": {"type": "boolean"}, "layout": {"enum": ["default", "wide", "full-width"]}},
            required=("content",),
        ),
        "tableRow": _node("tableRow", _many("tableHeader", "tableCell"), required=("content",)),
        "tableHeader": _node("tableHeader", _many("paragraph", least=1), required=("content",)),
        "tableCell": _node("tableCell", _many("paragraph", least=1), required=("content",)),
        "codeBlock": _node("codeBlock", _many("text")),
        "rule": _node("rule"),
    },
}

_VALIDATOR = Draft202012Validator(SCHEMA)


def faults(document: object) -> list[str]:
    """What is wrong with an ADF document; empty if nothing is."""
    return [f"{error.json_path}: {error.message[:200]}" for error in _VALIDATOR.iter_errors(document)]
