"""`count` and its kin: what makes records of messages.

Source: Sumo Logic's documentation, "Group or Aggregate Operators" ("count, count_distinct and count_frequent", "sum", "avg", "min and
max", "first and last"). A name that is not given is the operator's behind an underscore. A search without messages has no record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from enricher.standins.sumo.language.tokens import Reader
from enricher.standins.sumo.language.values import Reading, Row, Value, number

Gather = Callable[[Sequence[Value]], Value]


def _numbers(some: Sequence[Value]) -> list[float]:
    return [found for one in some if (found := number(one)) is not None]


def _mean(some: Sequence[Value]) -> Value:
    found = _numbers(some)
    return sum(found) / len(found) if found else None


GATHER: Mapping[str, Gather] = {
    "count": lambda some: len([one for one in some if one is not None]),
    "count_distinct": lambda some: len({one for one in some if one is not None}),
    "sum": lambda some: sum(_numbers(some)),
    "avg": _mean,
    "min": lambda some: min(_numbers(some), default=None),
    "max": lambda some: max(_numbers(some), default=None),
    "first": lambda some: some[0] if some else None,
    "last": lambda some: some[-1] if some else None,
}
"""By the operator's name. First and last are of the messages as a search gives them: newest first."""


class _One(NamedTuple):
    gather: Gather
    field: str
    name: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One stage. `by` are the fields that a record stands for."""

    ones: tuple[_One, ...]
    by: tuple[str, ...]

    def __call__(self, rows: Sequence[Row], reading: Reading) -> Sequence[Row]:
        groups: dict[tuple[Value, ...], list[Row]] = {}
        for row in rows:
            key = tuple(row.get(name) for name in self.by)
            if not (reading.lost and None in key):
                groups.setdefault(key, []).append(row)
        return [
            dict(zip(self.by, key, strict=True)) | {one.name: _gathered(one, some) for one in self.ones}
            for key, some in groups.items()
        ]


def _gathered(one: _One, rows: Sequence[Row]) -> Value:
    """A whole number stays one."""
    found = len(rows) if not one.field else one.gather([row.get(one.field) for row in rows])
    return int(found) if isinstance(found, float) and found.is_integer() else found


def is_aggregate(reader: Reader) -> bool:
    """Whether an operator that aggregates is next."""
    return reader.at_word(*GATHER)


def aggregate(reader: Reader) -> Aggregate:
    """Operators behind commas, then `by`. Raises QueryError."""
    ones = [_one(reader)]
    while reader.sign(","):
        ones.append(_one(reader))
    by: list[str] = []
    if reader.word("by"):
        by = reader.names()
    elif reader.at_word("group") and reader.then.text.lower() == "by":
        reader.take()
        reader.take()
        by = reader.names()
    names = [*by, *(one.name for one in ones)]
    if len({*names}) < len(names):
        raise reader.error("two columns of one name")
    return Aggregate(tuple(ones), tuple(by))


def _one(reader: Reader) -> _One:
    if not is_aggregate(reader):
        raise reader.error(f"no operator that aggregates: {reader.now.said()}")
    operator, field = reader.name(), ""
    if reader.sign("("):
        field = "" if operator == "count" and reader.sign("*") else reader.name()
        reader.expect(")")
    elif operator != "count":
        raise reader.error(f"{operator} of what?")
    return _One(GATHER[operator], field, reader.name() if reader.word("as") else f"_{operator}")
