"""A search's text cut into words, texts, numbers, signs and regular expressions.

Source: Sumo Logic's documentation, "Search Syntax Overview" (pipes, comments with `//` and `/* */`) and "where" (texts in double
quotes; an unquoted word is a field).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from enricher.standins.sumo.language.values import QueryError

LONGEST = 64 * 1024
"""In characters. No limit of a search job is documented; a monitor's is 4,000."""

Kind = Literal["word", "text", "regex", "number", "sign", "end"]

_BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)+)/")
_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<word>[A-Za-z_][\w.]*)|"""
    r"""(?P<sign>==|!=|<>|<=|>=|[=<>!|(),?:*+-])""",
    re.DOTALL,
)


class Token(NamedTuple):
    """`text` is as written, a text's without its quotes. `at` are characters from the beginning."""

    kind: Kind
    text: str
    at: int

    def said(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text[:40])


def scope_of(query: str) -> tuple[str, int]:
    """What stands before the first `|`, with blanks for comments, and where that is. Raises QueryError."""
    if len(query) > LONGEST:
        raise QueryError(f"a query of {len(query)} characters")
    kept, at = "", 0
    while at < len(query) and query[at] != "|":
        if query[at] == '"':
            end = _end_of_text(query, at)
        elif query.startswith(("//", "/*"), at) and (not at or query[at - 1].isspace()):
            end = _end_of_comment(query, at)
            kept += " " * (end - at)
            at = end
            continue
        else:
            end = at + 1
        kept += query[at:end]
        at = end
    return kept, at


def _end_of_text(query: str, at: int) -> int:
    found = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL).match(query, at)
    if found is None:
        raise QueryError("a quote that does not end", query, at)
    return found.end()


def _end_of_comment(query: str, at: int) -> int:
    found = _BLANK.match(query, at)
    if found is None:
        raise QueryError("a comment that does not end", query, at)
    return found.end()


def tokens(query: str, at: int) -> list[Token]:
    """Everything from `at` on, and an end. A regular expression stands behind `matches` only. Raises QueryError."""
    found: list[Token] = []
    while True:
        if blank := _BLANK.match(query, at):
            at = blank.end()
        if at >= len(query):
            return [*found, Token("end", "", len(query))]
        token, at = _one(query, at, after_matches=bool(found) and found[-1].text.lower() == "matches")
        found.append(token)


def _one(query: str, at: int, *, after_matches: bool) -> tuple[Token, int]:
    if after_matches and (regex := _REGEX.match(query, at)):
        return Token("regex", regex[1].replace("\\/", "/"), at), regex.end()
    found = _TOKEN.match(query, at)
    if found is None:
        raise QueryError("a quote that does not end" if query[at] == '"' else f"no {query[at]!r} here", query, at)
    if found["text"] is not None:
        return Token("text", found[0][1:-1], at), found.end()
    if found["number"] is not None:
        return Token("number", found[0], at), found.end()
    return Token("word" if found["word"] else "sign", found[0], at), found.end()


class Reader:
    """Goes through tokens, one after another."""

    def __init__(self, query: str, some: Sequence[Token]) -> None:
        self._query, self._tokens, self._next = query, some, 0
        self.depth = 0

    @property
    def now(self) -> Token:
        return self._tokens[self._next]

    @property
    def then(self) -> Token:
        return self._tokens[min(self._next + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.now
        self._next += token.kind != "end"
        return token

    def error(self, reason: str, token: Token | None = None) -> QueryError:
        return QueryError(reason, self._query, (token or self.now).at)

    def sign(self, *some: str) -> str | None:
        """Take one of these signs; None where none of them is next."""
        return self.take().text if self.now.kind == "sign" and self.now.text in some else None

    def word(self, *some: str) -> str | None:
        """Take one of these words, whatever its case, in lower case."""
        return self.take().text.lower() if self.at_word(*some) else None

    def at_word(self, *some: str) -> bool:
        return self.now.kind == "word" and self.now.text.lower() in some

    def expect(self, sign: str) -> None:
        if not self.sign(sign):
            raise self.error(f"{sign!r} expected, not {self.now.said()}")

    def name(self) -> str:
        """Take the name of a field, in lower case: names match whatever their case."""
        if self.now.kind != "word":
            raise self.error(f"a field's name expected, not {self.now.said()}")
        return self.take().text.lower()

    def names(self) -> list[str]:
        found = [self.name()]
        while self.sign(","):
            found.append(self.name())
        return found

    def quoted(self) -> str:
        if self.now.kind != "text":
            raise self.error(f"a text in double quotes expected, not {self.now.said()}")
        return self.take().text
