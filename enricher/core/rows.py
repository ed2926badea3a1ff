"""The rows of an alert, in every form a template can give them: text, list, object, empty, null, or encoded twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from enricher.core import fields, siem_fields
from enricher.core.json_text import loads
from enricher.errors import PayloadError
from enricher.model import Row

MOST_ROWS = 10_000
MOST_COLUMNS = 500
"""A row with more keeps one more than this, and is dropped for it when it is normalised."""

TEXTS = frozenset({"raw", "message"})
"""Columns that hold the record as it was logged; `_raw` wins."""
_OF_CLOUD_SIEM = frozenset({"metadatadeviceeventid", "objecttype"})
_UNFILLED = re.compile(r"\{\{[^{}]{1,200}\}\}")
_ENCODED_TWICE = 2


def is_unfilled(value: object) -> bool:
    """Tell whether a value is a template's variable that nobody filled: `{{Name}}`, `{{ResultsJson.field}}[0]`."""
    return isinstance(value, str) and value.strip().startswith("{{") and _UNFILLED.match(value.strip()) is not None


def is_filled(value: object) -> bool:
    """Tell whether a value says anything: neither null, nor empty, nor such a variable."""
    if isinstance(value, str):
        return not fields.is_null(value) and not is_unfilled(value)
    return value is not None


def has_unfilled(value: object) -> bool:
    """Tell whether such a variable stands anywhere in a value."""
    return isinstance(value, str) and _UNFILLED.search(value) is not None


def items(value: object) -> list[object]:
    """Return what is in a rows value, one item a row; empty for null, `""`, `"[]"` and an unfilled variable.

    Raises PayloadError `bad_rows` for what is none of these, and `too_many_rows`.
    """
    for _ in range(_ENCODED_TWICE):
        if not isinstance(value, str):
            break
        value = _decoded(value)
    if value is None or value == "":
        return []
    found = value if isinstance(value, list) else [value]
    if len(found) > MOST_ROWS:
        raise PayloadError("too_many_rows", f"{len(found)} rows; {MOST_ROWS} is the limit")
    if not isinstance(value, list | dict):
        raise PayloadError("bad_rows", f"rows are {type(value).__name__}, not a list of objects")
    return [item for item in found if not _is_template(item)]


def _decoded(value: str) -> object:
    if fields.is_null(value) or is_unfilled(value):
        return None
    if value.lstrip().startswith("<"):
        return [value]
    try:
        return loads(value, "rows")
    except PayloadError as error:
        raise PayloadError("bad_rows" if error.code == "not_json" else error.code, error.detail) from None


def _is_template(item: object) -> bool:
    """A row built from single variables, in a test: every value that could be filled is not."""
    return isinstance(item, dict) and bool(item) and all(map(is_unfilled, item.values()))


def rows(found: Iterable[object], start: int = 0) -> tuple[Row, ...]:
    """Make rows of items, numbered from `start`.

    What is neither an object nor text becomes a row that says nothing, to be dropped with a reason.
    """
    return tuple(_row(index, item) for index, item in enumerate(found, start))


def _row(index: int, item: object) -> Row:
    if isinstance(item, dict):
        return _row_of_columns(index, item)
    return Row(index=index, text=item if isinstance(item, str) else None)


def _row_of_columns(index: int, item: Mapping[str, object]) -> Row:
    columns: dict[str, str] = {}
    texts: dict[str, str] = {}
    for key, value in item.items():
        name = fields.fold(key)
        if name in TEXTS:
            written = fields.scalar(value)
            if written and not fields.is_null(written):
                texts[name] = written
            continue
        said = fields.text(fields.unescape(value) if isinstance(value, str) else fields.scalar(value), _limit(name))
        if said is not None:
            columns[name] = min(said, columns[name]) if name in columns else said
        if len(columns) > MOST_COLUMNS:
            break
    return Row(index=index, columns=columns, text=texts.get("raw") or texts.get("message"))


def columns_of(text: str) -> Mapping[str, str]:
    """Read a JSON object as columns: a Record of Cloud SIEM, or a flat one; empty for anything else."""
    try:
        found = loads(text, "record") if text.lstrip().startswith("{") else None
    except PayloadError:
        return {}
    if not isinstance(found, dict):
        return {}
    is_of_siem = not _OF_CLOUD_SIEM.isdisjoint(map(fields.fold, found))
    return (siem_fields.row(0, found) if is_of_siem else _row_of_columns(0, found)).columns


def _limit(name: str) -> int:
    return fields.SCRIPT_LIMIT if name == "scriptblocktext" else fields.VALUE_LIMIT
