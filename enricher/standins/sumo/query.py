"""A reader of the part of Sumo Logic's query language that our searches use, strict about the rest.

Before the first `|`: keywords, quoted phrases, `field=pattern`, AND (also unwritten), OR, NOT, brackets. After it: `parse regex`, with or
without `nodrop`, and `count`. Anything else is a parse error, so that a value that breaks out of its quotes is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import re2

Fields = Mapping[str, str]
"""A message: lower-case field names, `_raw` and the metadata among them."""
Test = Callable[[Fields], bool]

_TOKEN = re.compile(r'\s*(?:(\()|(\))|"([^"]*)"|(_?[A-Za-z]\w*)\s*=\s*("[^"]*"|[^\s()"]+)|([^\s()"=|]+))')
_STAGE = re.compile(r'(?:parse\s+regex|extract)\s+"((?:[^"\\]|\\.)*)"(?:\s+(nodrop))?', re.IGNORECASE)
_COUNT = re.compile(r"count(?:\s+by\s+[\w, ]+)?", re.IGNORECASE)
_UNNAMED_GROUP = re.compile(r"(?<!\\)\((?!\?)")


class QueryError(Exception):
    """Sumo Logic would not parse this."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query that can be run on one message after another."""

    scope: Test
    stages: tuple[Test, ...]
    aggregates: bool

    def finds(self, message: Fields) -> bool:
        return self.scope(message) and all(stage(message) for stage in self.stages)


def parse(text: str) -> Query:
    """Raises QueryError."""
    scope, *stages = _split(text)
    aggregates = [bool(_COUNT.fullmatch(stage.strip())) for stage in stages]
    tests = tuple(_stage(stage.strip()) for stage, counts in zip(stages, aggregates, strict=True) if not counts)
    return Query(_Scope(scope).read(), tests, any(aggregates))


def _split(text: str) -> list[str]:
    """Cut at every `|` that stands in no quotes."""
    parts, quoted, escaped = [""], False, False
    for char in text:
        if char == "|" and not quoted:
            parts.append("")
            continue
        quoted ^= char == '"' and not escaped
        escaped = char == "\\" and quoted and not escaped
        parts[-1] += char
    if quoted:
        raise QueryError("a quote that does not end")
    return parts


def _stage(text: str) -> Test:
    found = _STAGE.fullmatch(text)
    if found is None:
        raise QueryError(f"no operator of ours: {text[:60]}")
    if _UNNAMED_GROUP.search(found[1]):
        raise QueryError("a group without a name")
    try:
        pattern = re2.compile(found[1].replace("(?<", "(?P<"))
    except re2.error as error:
        raise QueryError(f"regular expression: {error}") from None
    if not pattern.groupindex:
        raise QueryError("no field to parse into")
    return (lambda _: True) if found[2] else (lambda message: pattern.search(message["_raw"]) is not None)


class _Scope:
    """The expression before the first `|`."""

    def __init__(self, text: str) -> None:
        self._tokens = self._cut(text)
        self._at = 0

    def read(self) -> Test:
        test = self._either()
        if self._at < len(self._tokens):
            raise QueryError("a bracket that was never opened")
        return test

    @staticmethod
    def _cut(text: str) -> list[tuple[str | None, ...]]:
        tokens, at = [], 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise QueryError(f"no expression: {text[at : at + 40]}")
            tokens.append(found.groups())
            at = found.end()
        return tokens

    def _word(self) -> str | None:
        """The plain word that comes next, in upper case; "" for anything else, None at the end."""
        return (self._tokens[self._at][5] or "").upper() if self._at < len(self._tokens) else None

    def _either(self) -> Test:
        tests = [self._all()]
        while self._word() == "OR":
            self._at += 1
            tests.append(self._all())
        return lambda message: any(test(message) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._word() not in {None, "OR"} and not self._tokens[self._at][1]:
            self._at += self._word() == "AND"
            tests.append(self._one())
        return lambda message: all(test(message) for test in tests)

    def _one(self) -> Test:
        if self._at >= len(self._tokens):
            raise QueryError("an expression that ends too soon")
        opens, closes, phrase, field, value, word = self._tokens[self._at]
        self._at += 1
        if opens:
            inner = self._either()
            if self._at >= len(self._tokens) or not self._tokens[self._at][1]:
                raise QueryError("a bracket that does not close")
            self._at += 1
            return inner
        if closes:
            raise QueryError("a bracket that was never opened")
        if word and word.upper() == "NOT":
            unwanted = self._one()
            return lambda message: not unwanted(message)
        return _field(field, value) if field and value else _keyword(phrase if word is None else word, quoted=word is None)


def _field(name: str, pattern: str) -> Test:
    """Metadata match without case; within quotes a `*` is none."""
    wanted = pattern.lower()
    if wanted.startswith('"'):
        return lambda message: message.get(name.lower(), "").lower() == wanted.strip('"')
    return lambda message: fnmatchcase(message.get(name.lower(), "").lower(), wanted)


def _keyword(text: str | None, *, quoted: bool) -> Test:
    """A term or a phrase of whole terms, without case."""
    escaped = re.escape(text or "")
    pattern = escaped if quoted else escaped.replace(r"\*", r"[^\s\"'<>{},;]*").replace(r"\?", ".")
    term = re.compile(rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])", re.IGNORECASE)
    return lambda message: term.search(message["_raw"]) is not None


def run(query: Query, messages: Sequence[Fields]) -> list[Fields]:
    """The messages that a query finds, in their order."""
    return [message for message in messages if query.finds(message)]
