"""The JQL that an integration needs: fields compared with values, `and`, `or`, `not`, brackets, `order by`.

A query becomes a test on the search index's view of an issue. Issue properties cannot be searched: on Jira Cloud only those
that an app has declared are indexed, and a REST integration is no app.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

View = dict[str, Any]
Test = Callable[[View], bool]

FIELDS = {
    "project": "project",
    "labels": "labels",
    "key": "key",
    "issuekey": "key",
    "issue": "key",
    "id": "id",
    "issuetype": "issuetype",
    "type": "issuetype",
    "status": "status",
    "statuscategory": "category",
    "resolution": "resolution",
    "priority": "priority",
    "summary": "summary",
    "text": "summary",
    "created": "created",
    "updated": "updated",
}
TIMES = frozenset({"created", "updated"})
EMPTY = frozenset({"empty", "null", "unresolved"})
UNIT = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
TOKEN = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(<=|>=|!=|!~|[=<>~(),])|([^\s"'=<>!~(),]+))""")


class BadQuery(ValueError):
    """Jira's own words about what is wrong."""


@dataclass(frozen=True, slots=True)
class Query:
    """`where` is None for a query that restricts nothing."""

    where: Test | None
    order: tuple[tuple[str, bool], ...]
    """(field, descending)."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, sign or quoted text of a query."""

    text: str
    quoted: bool

    def says(self, word: str) -> bool:
        return not self.quoted and self.text.lower() == word


def parse(jql: str, now: datetime) -> Query:
    """Raises BadQuery. `now` is what `-5m` counts from."""
    return _Parser(_tokens(jql), now).query()


def _tokens(jql: str) -> list[Token]:
    tokens, at, end = [], 0, len(jql.rstrip())
    while at < end:
        match = TOKEN.match(jql, at)
        if match is None:
            raise BadQuery(f"Error in the JQL Query: The character '{jql[at]}' is a reserved JQL character.")
        quoted = match[1] if match[1] is not None else match[2]
        tokens.append(
            Token(re.sub(r"\\(.)", r"\1", quoted), True) if quoted is not None else Token(match[3] or match[4], False)
        )
        at = match.end()
    return tokens


class _Parser:
    """Recursive descent; `or` binds weakest."""

    def __init__(self, tokens: list[Token], now: datetime) -> None:
        self._tokens, self._now, self._at = tokens, now, 0

    def query(self) -> Query:
        where = None if not self._tokens or self._peek("order") else self._any()
        order = []
        if self._take("order"):
            self._expect("by")
            order.append(self._direction())
            while self._take(","):
                order.append(self._direction())
        if self._at < len(self._tokens):
            raise BadQuery(f"Error in the JQL Query: Expecting operator but got '{self._tokens[self._at].text}'.")
        return Query(where, tuple(order))

    def _any(self) -> Test:
        tests = [self._all()]
        while self._take("or"):
            tests.append(self._all())
        return lambda view: any(test(view) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._take("and"):
            tests.append(self._one())
        return lambda view: all(test(view) for test in tests)

    def _one(self) -> Test:
        if self._take("not"):
            negated = self._one()
            return lambda view: not negated(view)
        if self._take("("):
            inner = self._any()
            self._expect(")")
            return inner
        return self._clause()

    def _clause(self) -> Test:
        name = self._next().text
        field = _field(name)
        operator = self._next().text.lower()
        if operator == "not":
            self._expect("in")
            return _negated(_membership(field, self._list()))
        if operator == "in":
            return _membership(field, self._list())
        if operator == "is":
            present = self._take("not")
            self._next()
            return (lambda view: bool(view[field])) if present else (lambda view: not view[field])
        return self._comparison(field, operator, self._next())

    def _comparison(self, field: str, operator: str, value: Token) -> Test:
        if field in TIMES:
            return _time_test(field, operator, _moment(value.text, self._now))
        same = _membership(field, [value])
        if operator == "=":
            return same
        if operator == "!=":
            return _negated(same)
        if operator == "~" and field == "summary":
            words = value.text.lower().strip('"')
            return lambda view: words in view[field].lower()
        raise BadQuery(f"The operator '{operator}' is not supported by the '{field}' field.")

    def _list(self) -> list[Token]:
        self._expect("(")
        values = [self._next()]
        while self._take(","):
            values.append(self._next())
        self._expect(")")
        return values

    def _direction(self) -> tuple[str, bool]:
        field = _field(self._next().text)
        if self._take("desc"):
            return field, True
        self._take("asc")
        return field, False

    def _peek(self, word: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at].says(word)

    def _take(self, word: str) -> bool:
        found = self._peek(word)
        self._at += found
        return found

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise BadQuery(f"Error in the JQL Query: Expecting '{word}'.")

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise BadQuery("Error in the JQL Query: The query ends too early.")
        self._at += 1
        return self._tokens[self._at - 1]


def _field(name: str) -> str:
    field = FIELDS.get(name.lower())
    if field is None:
        raise BadQuery(f"Field '{name}' does not exist or you do not have permission to view it.")
    return field


def _negated(test: Test) -> Test:
    return lambda view: not test(view)


def _membership(field: str, values: list[Token]) -> Test:
    if field in TIMES:
        raise BadQuery(f"The operator 'in' is not supported by the '{field}' field.")
    wanted = {value.text.lower() for value in values}
    empty = any(value.text.lower() in EMPTY and not value.quoted for value in values)

    def test(view: View) -> bool:
        found = view[field]
        if not found:
            return empty
        if isinstance(found, list):
            return any(one.lower() in wanted for one in found)
        return str(found).lower() in wanted

    return test


def _time_test(field: str, operator: str, moment: float) -> Test:
    tests: dict[str, Test] = {
        ">=": lambda view: view[field] >= moment,
        ">": lambda view: view[field] > moment,
        "<=": lambda view: view[field] <= moment,
        "<": lambda view: view[field] < moment,
    }
    if operator not in tests:
        raise BadQuery(f"The operator '{operator}' is not supported by the '{field}' field.")
    return tests[operator]


def _moment(text: str, now: datetime) -> float:
    """`-5m`, `-1d`, `2026-11-24` or `2026-11-24 10:30`, as seconds since the epoch."""
    if relative := re.fullmatch(r"([+-]?\d+)([mhdw])", text):
        return (now + timedelta(**{UNIT[relative[2]]: int(relative[1])})).timestamp()
    try:
        return datetime.fromisoformat(text.replace("/", "-")).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise BadQuery(
            f"Date value '{text}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', '-5d', '4w 2d'."
        ) from None
