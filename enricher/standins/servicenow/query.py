"""`sysparm_query`, encoded queries: conditions joined by `^`, alternatives by `^OR`, and an order.

The instance's default is kept, because it bites: a condition on a field that the table does not have is left out, and the
rest decides. A mistyped field name therefore finds records that have nothing to do with what was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Record = dict[str, str]
Test = Callable[[Record], bool]
Comparison = Callable[[str, str], bool]

OPERATORS: dict[str, Comparison] = {
    "!=": lambda found, wanted: found != wanted,
    ">=": lambda found, wanted: found >= wanted,
    "<=": lambda found, wanted: found <= wanted,
    "=": lambda found, wanted: found == wanted,
    ">": lambda found, wanted: found > wanted,
    "<": lambda found, wanted: found < wanted,
    "STARTSWITH": str.startswith,
    "LIKE": lambda found, wanted: wanted.lower() in found.lower(),
    "ISNOTEMPTY": lambda found, _: found != "",
    "ISEMPTY": lambda found, _: found == "",
    "NOT IN": lambda found, wanted: found not in wanted.split(","),
    "IN": lambda found, wanted: found in wanted.split(","),
}
CONDITION = re.compile(rf"([a-z_][a-z0-9_.]*)({'|'.join(re.escape(sign) for sign in OPERATORS)})(.*)", re.DOTALL)
ORDER = re.compile(r"ORDERBY(DESC)?([a-z_]+)")


@dataclass(frozen=True, slots=True)
class Query:
    """`groups` are joined by "and", the tests in one by "or"."""

    groups: tuple[tuple[Test, ...], ...]
    order: tuple[tuple[str, bool], ...]
    invalid: bool
    """Whether some part was not understood."""

    def select(self, records: Iterable[Record]) -> list[Record]:
        found = [record for record in records if all(any(test(record) for test in group) for group in self.groups)]
        for field, descending in reversed(self.order):
            found.sort(key=lambda record: record.get(field, ""), reverse=descending)
        return found


def parse(text: str, fields: frozenset[str]) -> Query:
    """Never fails: what cannot be read is left out, as the instance does."""
    groups: list[list[Test]] = []
    order: list[tuple[str, bool]] = []
    invalid = False
    for part in filter(None, text.split("^")):
        if direction := ORDER.fullmatch(part):
            order.append((direction[2], direction[1] is not None))
            continue
        alternative = part.startswith("OR")
        test = _test(part.removeprefix("OR"), fields)
        if test is None:
            invalid = True
        elif alternative and groups:
            groups[-1].append(test)
        else:
            groups.append([test])
    return Query(tuple(tuple(group) for group in groups), tuple(order), invalid)


def _test(part: str, fields: frozenset[str]) -> Test | None:
    match = CONDITION.fullmatch(part)
    if match is None or match[1] not in fields:
        return None
    field, compare, wanted = match[1], OPERATORS[match[2]], match[3]
    return lambda record: compare(record.get(field, ""), wanted)
