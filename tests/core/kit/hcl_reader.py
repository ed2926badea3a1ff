"""Terraform files as they would be taken: parsed by python-hcl2, with every text as what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import hcl2

_ESCAPE = re.compile(r'\\(?:([nrt"\\])|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))')
_SHORT = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_HEREDOC = re.compile(r'(?P<chomp>\$\{chomp\()?"<<EOT\n(?P<text>.*\n)EOT"(?(chomp)\)\})', re.DOTALL)
_TEMPLATE = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")


@dataclass(frozen=True)
class Expression:
    """What is no text but worked out."""

    text: str


def parsed(text: str) -> dict[str, Any]:
    """The blocks of a file, by kind. Raises whatever the parser does."""
    found: dict[str, Any] = _meant(hcl2.loads(text))
    return found


def resources(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The resources by type and name."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in parsed(text).get("resource", []):
        for kind, named in one.items():
            for name, body in named.items():
                assert (kind, name) not in found, f"{kind}.{name} twice"
                found[kind, name] = body
    return found


def _meant(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _meant(inner) for key, inner in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [_meant(inner) for inner in value]
    return _text(value) if isinstance(value, str) else value


def _key(key: str) -> str:
    found = _text(key) if key.startswith('"') else key
    assert isinstance(found, str)
    return found


def _text(value: str) -> str | Expression:
    heredoc = _HEREDOC.fullmatch(value)
    if heredoc is not None:
        inner = heredoc["text"][:-1] if heredoc["chomp"] else heredoc["text"]
        return Expression(value) if _TEMPLATE.search(inner) else _literal(inner)
    if not value.startswith('"'):
        return Expression(value.removeprefix("${").removesuffix("}"))
    inner = value[1:-1]
    return Expression(inner) if _TEMPLATE.search(inner) else _literal(_ESCAPE.sub(_unescaped, inner))


def _unescaped(found: re.Match[str]) -> str:
    return _SHORT[found[1]] if found[1] else chr(int(found[2] or found[3], 16))


def _literal(text: str) -> str:
    return text.replace("$${", "${").replace("%%{", "%{")
