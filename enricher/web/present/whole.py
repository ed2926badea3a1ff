"""A case as stored, with every key that a case has today."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from enricher.core.document import CaseDocument


def complete(document: Mapping[str, Any]) -> CaseDocument:
    """`document` with every key of a case. Keys may be added over time: one that an older case lacks is None or empty."""
    return cast("CaseDocument", _completed(document, CaseDocument))


def row(document: Mapping[str, Any]) -> CaseDocument:
    """What a row of a list shows of a case: all but its lists, which are empty. They may be long, and a page has many rows."""
    return complete({name: value for name, value in document.items() if not isinstance(value, list)})


def _completed(value: Any, shape: Any) -> Any:
    if is_typeddict(shape):
        given = value if isinstance(value, Mapping) else {}
        return {**given, **{name: _completed(given.get(name), hint) for name, hint in _hints(shape).items()}}
    origin, arguments = _parts(shape)
    if origin is list:
        return [_completed(item, arguments[0]) for item in value or ()]
    if origin is dict:
        return dict(value or {})
    if origin in {Union, UnionType} and value is not None:
        return _completed(value, arguments[0])
    return value


@cache
def _parts(shape: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(shape), get_args(shape)


@cache
def _hints(shape: Any) -> dict[str, Any]:
    return get_type_hints(shape)
