"""Regular expressions and globs. RE2 runs them, so none takes long; what only Java would take is a parse error here.

Source: Sumo Logic's documentation, "Parse Variable Patterns Using Regex" (Java or RE2, named groups only) and "matches" (RE2).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from enricher.standins.sumo.language.tokens import Reader, Token

_MOST_BYTES = 64 << 20
Pattern = re.Pattern[str]


def compiled(pattern: str, reader: Reader, token: Token) -> Pattern:
    """Raises QueryError, which says where."""
    options = re2.Options()
    options.log_errors, options.max_mem = False, _MOST_BYTES
    try:
        found: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        raise reader.error(f"regular expression: {_said(error)}", token) from None
    return found


def _said(error: Exception) -> str:
    (said,) = error.args or ("",)
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def has_unnamed_group(pattern: str) -> bool:
    """Whether a bracket opens a group without a name, outside of a class."""
    at, inside = 0, False
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif inside:
            inside = char != "]"
        elif char == "[":
            inside = True
            at += pattern.startswith(("[]", "[^"), at) + pattern.startswith("[^]", at)
        elif char == "(" and not pattern.startswith("(?", at):
            return True
        at += 1
    return False


def glob(pattern: str) -> str:
    """As a regular expression for the whole of a value: `*` is any run, `?` one character."""
    return r"(?s)\A" + re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".") + r"\z"
