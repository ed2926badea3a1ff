"""From a YAML document to a checked model: every complaint of pydantic as `file:line: what is wrong`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from enricher.content.documents import Document, File, Problems, parse

T = TypeVar("T")


def read(file: File | None, shape: TypeAdapter[T], problems: Problems) -> tuple[T, Document] | None:
    """Parse and validate. None where that fails; the problems are noted."""
    document = parse(file, problems) if file else None
    if document is None:
        return None
    try:
        return shape.validate_python(document.data), document
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            where = _standing(error["loc"], document.data)
            problems.add(document.file.shown, document.line(where), _message(error, where, shape))
        return None


def _standing(loc: Sequence[int | str], data: object) -> tuple[Hashable, ...]:
    """The part of pydantic's location that is in the file: without the names of union members and other marks."""
    where: list[Hashable] = []
    for step in loc:
        inside = data if isinstance(data, dict) else dict(enumerate(data)) if isinstance(data, list) else {}
        if step in inside:
            data = inside[step]
            where.append(step)
    return tuple(where)


def _message(error: ErrorDetails, where: Sequence[Hashable], shape: TypeAdapter[Any]) -> str:
    kind, path = error["type"], ".".join(map(str, where))
    if kind == "missing":
        inside = f" in {path}" if path else ""
        return f"{error['loc'][-1]!r} is missing{inside}"
    if kind == "extra_forbidden" or (error["loc"][-1:] == ("[key]",) and kind != "value_error"):
        key = str(where[-1]) if where else str(error["loc"][-1])
        return f"unknown key {key!r}{_suggestion(key, shape)}"
    if kind == "value_error":
        said = error["msg"].removeprefix("Value error, ")
        return f"{path}: {said}" if path else said
    wanted = "should be a mapping" if kind in {"model_type", "dict_type"} else error["msg"].removeprefix("Input ")
    return f"{path or 'the file'}: {wanted}, not {_short(error['input'])}"


def _short(value: object, most: int = 60) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "empty"
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"


_SECRETS = frozenset({"token", "password", "client_secret", "routing_key", "signing_secret", "webhook_secret", "secret"})


def _suggestion(key: str, shape: TypeAdapter[Any]) -> str:
    if key in _SECRETS:
        return "; a secret stands in the environment or in a file of its own"
    close = get_close_matches(key, sorted(set(_known_keys(shape.json_schema()))), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _known_keys(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for name, part in schema.items():
            if name == "properties":
                yield from part
            if name == "propertyNames":
                yield from part.get("enum", ())
            if name == "enum":
                yield from (value for value in part if isinstance(value, str))
            yield from _known_keys(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _known_keys(part)
