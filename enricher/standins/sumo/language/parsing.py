"""The operators that read fields out of text: `parse`, `parse regex` (`extract`) and `json`.

Source: Sumo Logic's documentation, "Parse Predictable Patterns Using an Anchor", "Parse Variable Patterns Using Regex", "Parse JSON
Formatted Logs", "Parse nodrop option" and "Parse field option". Without `nodrop` a message that does not match is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from enricher.standins.sumo.language.expressions import unescaped
from enricher.standins.sumo.language.patterns import compiled, has_unnamed_group
from enricher.standins.sumo.language.tokens import Reader, Token
from enricher.standins.sumo.language.values import Reading, Row, Value, text

Read = Callable[[str], list[Row]]
"""What a text gives: a row of fields for each match, none where it does not match."""

_STEP = re.compile(r"""\.?(?:([^\s.\[\]'"*@$()?:,]+)|\[(\d+)\]|\['([^']+)'\])""")
_MOST_STEPS = 50


class Parse(NamedTuple):
    """One operator that parses. `nulls` are fields that it sets to null where `nodrop` keeps a message that it cannot read."""

    field: str
    read: Read
    nodrop: bool
    nulls: tuple[str, ...] = ()

    def rows(self, row: Row) -> list[Row]:
        value = row.get(self.field)
        return [] if value is None else [{**row, **found} for found in self.read(text(value))]


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators that parse, one right behind the other."""

    parses: tuple[Parse, ...]

    def __call__(self, rows: Sequence[Row], reading: Reading) -> Sequence[Row]:
        return [found for row in rows for found in self._one(row, 0, reading, kept=False)]

    def _one(self, row: Row, index: int, reading: Reading, *, kept: bool) -> Iterator[Row]:
        """`kept` says that an earlier one with `nodrop` matched, and none without stands between."""
        if index == len(self.parses):
            yield row
            return
        parse = self.parses[index]
        found = parse.rows(row)
        for one in found:
            yield from self._one(one, index + 1, reading, kept=parse.nodrop)
        if not found and (parse.nodrop or (kept and reading.chained)):
            nothing = {**row, **dict.fromkeys(parse.nulls)}
            yield from self._one(nothing, index + 1, reading, kept=kept and parse.nodrop)


def parse_operator(reader: Reader) -> Parse:
    """What stands behind `parse`. Raises QueryError."""
    if reader.word("regex"):
        return regex_operator(reader)
    field = _field(reader)
    token, written = reader.now, reader.quoted()
    names = _named(reader)
    pattern, stars = _anchors(written, reader, token)
    if stars != len(names):
        raise reader.error(f"{stars} stars and {len(names)} names", token)
    field = field or _field(reader)
    anchored = compiled(pattern, reader, token)

    def read(value: str) -> list[Row]:
        found = anchored.search(value)
        return [dict(zip(names, found.groups(), strict=True))] if found else []

    return Parse(field or "_raw", read, reader.word("nodrop") is not None)


def _anchors(written: str, reader: Reader, token: Token) -> tuple[str, int]:
    """A pattern of anchors as a regular expression, and how many stars it has. A star at the end takes the rest of the line."""
    parts = re.split(r"(?<!\\)\*", written)
    if len(parts) == 1:
        raise reader.error("no star to parse", token)
    if any(not part for part in parts[1:-1]):
        raise reader.error("two stars side by side", token)
    literal = [re.escape(unescaped(part.replace("\\*", "*"))) for part in parts]
    last = "([^\\n]*)" if not parts[-1] else "(.*?)"
    return "(?s)" + "(.*?)".join(literal[:-1]) + last + literal[-1], len(parts) - 1


def regex_operator(reader: Reader) -> Parse:
    """What stands behind `parse regex` or `extract`."""
    field = _field(reader)
    token, written = reader.now, reader.quoted().replace('\\"', '"')
    if has_unnamed_group(written):
        raise reader.error("a group without a name", token)
    pattern = compiled(written, reader, token)
    names = dict(pattern.groupindex)
    if not names:
        raise reader.error("no field to parse into", token)
    field = field or _field(reader)
    options = set(iter(lambda: reader.word("nodrop", "multi"), None))
    several = "multi" in options

    def read(value: str) -> list[Row]:
        found = list(pattern.finditer(value)) if several else [one for one in (pattern.search(value),) if one]
        return [{name.lower(): one[group] for name, group in names.items()} for one in found]

    return Parse(field or "_raw", read, "nodrop" in options)


def json_operator(reader: Reader) -> Parse:
    """What stands behind `json`. Paths of keys and indices only; `auto` needs no search of ours."""
    if reader.at_word("auto"):
        raise reader.error("json auto")
    field = _field(reader)
    paths = [_path(reader)]
    while reader.sign(","):
        paths.append(_path(reader))
    names = _named(reader) if reader.at_word("as") else [path.name for path in paths]
    if len(names) != len(paths):
        raise reader.error(f"{len(paths)} keys and {len(names)} names")
    nodrop = reader.word("nodrop") is not None

    def read(value: str) -> list[Row]:
        found = _read_json(value, paths)
        complete = None not in found if not nodrop else found.count(None) < len(found)
        return [dict(zip(names, found, strict=True))] if complete else []

    return Parse(field or "_raw", read, nodrop, tuple(names))


class _Path(NamedTuple):
    """Keys, which match with case, and indices."""

    name: str
    steps: tuple[str | int, ...]


def _path(reader: Reader) -> _Path:
    token, written = reader.now, unescaped(reader.quoted())
    steps: list[str | int] = []
    at = 0
    while at < len(written):
        found = _STEP.match(written, at)
        if found is None or len(steps) == _MOST_STEPS:
            raise reader.error(f"no path of ours: {written[:40]!r}", token)
        steps.append(int(found[2]) if found[2] else found[1] or found[3])
        at = found.end()
    if not steps:
        raise reader.error("an empty key", token)
    return _Path(str(steps[-1]).lower(), tuple(steps))


def _read_json(value: str, paths: Sequence[_Path]) -> list[Value]:
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return [None] * len(paths)
    return [_at(document, path.steps) for path in paths]


def _at(document: object, steps: Sequence[str | int]) -> str | None:
    """The value there as text: an object or a list as JSON, nothing for null."""
    for step in steps:
        if isinstance(step, int):
            document = document[step] if isinstance(document, list) and step < len(document) else None
        else:
            document = document.get(step) if isinstance(document, dict) else None
    if document is None or isinstance(document, str):
        return document
    return orjson.dumps(document).decode()


def _field(reader: Reader) -> str:
    """`field=name`, where it stands here."""
    if not (reader.at_word("field") and reader.then.text == "="):
        return ""
    reader.take()
    reader.take()
    return reader.name()


def _named(reader: Reader) -> list[str]:
    if not reader.word("as"):
        raise reader.error(f"'as' expected, not {reader.now.said()}")
    return reader.names()
