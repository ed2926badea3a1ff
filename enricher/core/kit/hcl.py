"""Terraform's language, as little of it as the kit writes: blocks, and values that are never taken for more than they are.

A text is written as a text: what would begin a template in it, `${` or `%{`, is escaped. Only a `Raw` is an expression, and one is
never made from anything but this project's own words. Source: the HCL native syntax specification, "Template Expressions".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_HEREDOC_END = "EOT"


@dataclass(frozen=True, slots=True)
class Raw:
    """An expression, such as `var.enricher_url`. It goes out as it is."""

    text: str


Value: TypeAlias = "str | int | bool | Raw | Sequence[Value] | Mapping[str, Value]"


@dataclass(frozen=True, slots=True)
class Block:
    """A block: its kind and labels, such as `resource` with type and name, and what it holds in its order."""

    kind: str
    labels: tuple[str, ...] = ()
    attributes: Mapping[str, Value] | None = None
    blocks: tuple[Block, ...] = ()


def document(blocks: Sequence[Block], head: str = "") -> str:
    """A file of these blocks behind a comment. Raises ValueError for a name that is none."""
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    return "\n".join([*([comment] if comment else []), *("\n".join([*_block(one, 0), ""]) for one in blocks)])


def _block(block: Block, depth: int) -> Iterator[str]:
    pad = "  " * depth
    labels = "".join(f" {quoted(label)}" for label in block.labels)
    yield f"{pad}{_name(block.kind)}{labels} {{"
    attributes = block.attributes or {}
    width = max((len(name) for name in attributes), default=0)
    for name, value in attributes.items():
        said = text(value) if isinstance(value, str) else _value(value, depth + 1)
        yield f"{pad}  {_name(name):{width}} = {said}"
    for number, inner in enumerate(block.blocks):
        if attributes or number:
            yield ""
        yield from _block(inner, depth + 1)
    yield f"{pad}}}"


def _value(value: Value, depth: int) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return _map(value, depth)
    return f"[{', '.join(_value(one, depth) for one in value)}]"


def _map(value: Mapping[str, Value], depth: int) -> str:
    pad = "  " * depth
    lines = [f"{pad}  {quoted(key)} = {_value(inner, depth + 1)}" for key, inner in value.items()]
    return "\n".join(["{", *lines, f"{pad}}}"])


def text(value: str) -> str:
    """The whole value of an argument, exactly: of several plain lines as they are, else in quotes."""
    lines = value.split("\n")
    if len(lines) == 1 or not all(line.isprintable() and line.strip() != _HEREDOC_END for line in lines):
        return quoted(value)
    whole = value if value.endswith("\n") else f"{value}\n"
    heredoc = f"<<{_HEREDOC_END}\n{_literal(whole)}{_HEREDOC_END}"
    return heredoc if whole == value else f"chomp({heredoc}\n)"


def quoted(value: str) -> str:
    """A text in quotes, whatever it holds."""
    return f'"{_literal("".join(map(_escaped, value)))}"'


def _escaped(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable():
        return char
    return f"\\U{ord(char):08X}"


def _literal(value: str) -> str:
    """Doubled up, the beginning of a template is itself."""
    return value.replace("${", "$${").replace("%{", "%%{")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("no name of an argument or a block")
    return name
