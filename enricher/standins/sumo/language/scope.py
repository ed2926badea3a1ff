"""The expression before the first `|`: which messages a search looks at.

Source: Sumo Logic's documentation, "Keyword Search Expressions" (without case, AND unwritten, NOT before AND before OR, `*` and `?` in
what is not quoted) and "Built-in Metadata". A keyword is a term or a phrase of whole terms; within quotes a `*` is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import re2

from enricher.standins.sumo.language.values import QueryError, Row, text

Test = Callable[[Row], bool]

DEEPEST = 50
_TOKEN = re.compile(r'\s*(?:(\()|(\))|(!?)([\w%]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s()"]+)|"((?:[^"\\]|\\.)*)"|([^\s()"=|]+))')
_IN_A_TERM = r"[^\s\"'<>{},;]*"


class Scope:
    """Reads one scope. `test()` raises QueryError."""

    def __init__(self, query: str) -> None:
        self._query, self._next, self._depth = query, 0, 0
        self._tokens = list(self._cut())

    def _cut(self) -> list[re.Match[str]]:
        found, at = [], 0
        while self._query[at:].strip():
            token = _TOKEN.match(self._query, at)
            if token is None:
                raise self._error("no expression of a scope", at + len(self._query[at:]) - len(self._query[at:].lstrip()))
            found.append(token)
            at = token.end()
        return found

    def _error(self, reason: str, at: int | None = None) -> QueryError:
        if at is None:
            at = len(self._query)
            if self._next < len(self._tokens):
                token = self._tokens[self._next]
                at = token.end() - len(token[0].lstrip())
        return QueryError(reason, self._query, at)

    def test(self) -> Test:
        if not self._tokens:
            raise self._error("nothing to search for")
        found = self._either()
        if self._next < len(self._tokens):
            raise self._error("a bracket that was never opened")
        return found

    def _word(self) -> str | None:
        """The plain word that comes next, in upper case; "" for anything else, None at the end."""
        return (self._tokens[self._next][7] or "").upper() if self._next < len(self._tokens) else None

    def _either(self) -> Test:
        tests = [self._all()]
        while self._word() == "OR":
            self._next += 1
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._word() not in {None, "OR"} and not self._tokens[self._next][2]:
            self._next += self._word() == "AND"
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        word = self._word()
        if word is None or word in {"AND", "OR"} or self._tokens[self._next][2]:
            raise self._error("an expression that ends too soon")
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._error("nested too deeply")
        token = self._tokens[self._next]
        self._next += 1
        found = self._negated() if word == "NOT" else self._brackets() if token[1] else _simple(token)
        self._depth -= 1
        return found

    def _negated(self) -> Test:
        unwanted = self._one()
        return lambda row: not unwanted(row)

    def _brackets(self) -> Test:
        inner = self._either()
        if self._next >= len(self._tokens) or not self._tokens[self._next][2]:
            raise self._error("a bracket that does not close")
        self._next += 1
        return inner


def _simple(token: re.Match[str]) -> Test:
    if token[4] is None:
        return _keyword(token[7] if token[6] is None else _unquoted(token[6]), quoted=token[6] is not None)
    field = _field(token[4].lower(), token[5])
    return (lambda row: not field(row)) if token[3] else field


def _unquoted(written: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", written)


def _field(name: str, wanted: str) -> Test:
    """Metadata match without case; within quotes a `*` is none."""
    if wanted.startswith('"'):
        exact = _unquoted(wanted[1:-1]).lower()
        return lambda row: text(row.get(name)).lower() == exact
    pattern = _pattern(r"(?is)\A" + re.escape(wanted).replace(r"\*", ".*").replace(r"\?", ".") + r"\z")
    return lambda row: pattern.search(text(row.get(name))) is not None


def _keyword(words: str, *, quoted: bool) -> Test:
    escaped = re.escape(words)
    pattern = escaped if quoted else escaped.replace(r"\*", _IN_A_TERM).replace(r"\?", ".")
    begins, ends = ("(?:^|[^A-Za-z0-9])", "(?:[^A-Za-z0-9]|$)")
    term = _pattern(f"(?is){begins}(?:{pattern}){ends}")
    return lambda row: term.search(text(row.get("_raw"))) is not None


def _pattern(written: str) -> re.Pattern[str]:
    """Raises QueryError where it is too large, which nothing else can be wrong with."""
    options = re2.Options()
    options.log_errors = False
    try:
        found: re.Pattern[str] = re2.compile(written, options)
    except re2.error:
        raise QueryError("a pattern that is too large") from None
    return found
