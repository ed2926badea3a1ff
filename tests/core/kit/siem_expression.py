"""A small evaluator for the expressions of Cloud SIEM's match rules that the kit writes: `lower`, `matches`, `in`, AND, OR and `!`.

A field that a Record has not is null: it matches nothing and is in no list. Source: Sumo Logic's documentation, "CSE Rules Syntax".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

import re2

SiemRecord = Mapping[str, str]
Test = Callable[[SiemRecord], bool]
_TOKEN = re.compile(r"\s*(?:(?P<mark>[()!,])|/(?P<re>(?:\\.|[^/\\])*)/|'(?P<text>[^']*)'|(?P<word>[A-Za-z_]\w*))")


def holds(expression: str, record: SiemRecord) -> bool:
    """Raises ValueError for what is no expression of these."""
    return _parsed(expression)(record)


@cache
def _parsed(expression: str) -> Test:
    tokens, at = [], 0
    while expression[at:].strip():
        found = _TOKEN.match(expression, at)
        if found is None:
            raise ValueError(f"no expression: {expression[at : at + 40]}")
        tokens.append((found.lastgroup or "", found[found.lastgroup or 0]))
        at = found.end()
    reader = _Reader(tokens)
    test = reader.either()
    if reader.tokens:
        raise ValueError(f"left over: {reader.tokens[0][1]}")
    return test


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens

    def _next(self, *wanted: str) -> str:
        if not self.tokens or (wanted and self.tokens[0][1] not in wanted):
            raise ValueError(f"{wanted} is missing")
        return self.tokens.pop(0)[1]

    def _is(self, word: str) -> bool:
        return bool(self.tokens) and self.tokens[0][1] == word

    def either(self) -> Test:
        tests = [self._all()]
        while self._is("OR"):
            self._next()
            tests.append(self._all())
        return lambda record: any(test(record) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._is("AND"):
            self._next()
            tests.append(self._one())
        return lambda record: all(test(record) for test in tests)

    def _one(self) -> Test:
        if self._is("!"):
            self._next()
            inner = self._one()
            return lambda record: not inner(record)
        if self._is("("):
            self._next()
            inner = self.either()
            self._next(")")
            return inner
        self._next("lower")
        self._next("(")
        field = self._next()
        self._next(")")
        return self._compared(field, self._next("matches", "in"))

    def _compared(self, field: str, how: str) -> Test:
        if how == "matches":
            pattern = re2.compile(self._next())
            return lambda record: field in record and pattern.search(record[field].lower()) is not None
        self._next("(")
        listed = [self._next()]
        while self._is(","):
            self._next()
            listed.append(self._next())
        self._next(")")
        return lambda record: field in record and record[field].lower() in listed
