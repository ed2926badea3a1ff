"""What we send back to Sumo Logic, told apart from what Sumo Logic sends us: else a case would open the next one, without an end."""

from __future__ import annotations

import re
from fnmatch import translate

from enricher.core import fields
from enricher.model import Row

MARK = "case/1"
"""The value of `enricher` in every case event."""
_WRITTEN = re.compile(r'\A\s*\{\s*"enricher"\s*:\s*"case/\d')
_CATEGORY = re.compile(r"""(!\s*|\bnot\s+)?_sourceCategory\s*=\s*("[^"]*"|[^\s()|]+)""", re.IGNORECASE)
_OR = re.compile(r"\bor\b", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')


def is_own_case(row: Row) -> bool:
    """Whether a row is a case event of ours: by its text, or by its column `enricher`."""
    column = row.columns.get(fields.fold("enricher"), "")
    return column.startswith("case/") or bool(row.text and _WRITTEN.match(row.text))


def is_within(category: str, scope: str) -> bool:
    """Whether the searches over `scope` may find messages of this source category.

    They cannot where every alternative of the scope (between `or`) names a category that does not fit this one. A scope that
    names none may find anything, so that this is True for it.
    """
    return any(_may_find(category, part) for part in _alternatives(scope))


def _alternatives(scope: str) -> list[str]:
    """An `or` inside quotes separates nothing."""
    hidden = _QUOTED.sub(lambda found: "\0" * len(found[0]), scope)
    starts = [0, *(found.end() for found in _OR.finditer(hidden))]
    ends = [*(found.start() for found in _OR.finditer(hidden)), len(scope)]
    return [scope[start:end] for start, end in zip(starts, ends, strict=True)]


def _may_find(category: str, part: str) -> bool:
    named = [found[2].strip('"') for found in _CATEGORY.finditer(part) if not found[1]]
    return not named or any(_fits(category, glob) for glob in named)


def _fits(category: str, glob: str) -> bool:
    """`*` any run, `?` one character, without case; a bracket stands for itself."""
    return re.fullmatch(translate(glob.replace("[", "[[]")), category, re.IGNORECASE) is not None
