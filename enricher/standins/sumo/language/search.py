"""A search: its scope and its operators, ready to run on messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from enricher.standins.sumo.language.aggregates import Aggregate, aggregate, is_aggregate
from enricher.standins.sumo.language.expressions import condition, expression
from enricher.standins.sumo.language.parsing import Chain, Parse, json_operator, parse_operator, regex_operator
from enricher.standins.sumo.language.scope import Scope, Test
from enricher.standins.sumo.language.tokens import Reader, scope_of, tokens
from enricher.standins.sumo.language.values import Reading, Row, Stage, Value, number, text

Record = dict[str, str | float | None]

MOST_STAGES = 200
_COMES_WITH_ANY = "_"
"""Fields that begin so pass every `fields`, as its page says."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search that was parsed. `aggregates`: it makes records of messages."""

    scope: Test
    stages: tuple[Stage, ...]
    aggregates: bool

    def run(
        self, messages: Sequence[Mapping[str, str]], *, full: bool = False, lost: bool = False, chained: bool = True
    ) -> list[Record]:
        """The rows in the order of the messages, unless sorted: names in lower case, null where a field is missing. The rest of
        the values say how the open questions are read: see `Reading`.
        """
        rows = _through(self.stages, self._chosen(messages), Reading(full, lost, chained))
        return [{name: _shown(value) for name, value in row.items()} for row in rows]

    def both(self, messages: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """The messages that go into the first aggregation, and its records, every value as text: what a Search Job has. Without
        an aggregation there is no record.
        """
        first = next((n for n, one in enumerate(self.stages) if isinstance(one, Aggregate)), len(self.stages))
        found = _through(self.stages[:first], self._chosen(messages), Reading())
        records = _through(self.stages[first:], found, Reading()) if self.aggregates else ()
        return _texts(found), _texts(records)

    def _chosen(self, messages: Sequence[Mapping[str, str]]) -> Sequence[Row]:
        return [row for message in messages if self.scope(row := _row(message))]


def _through(stages: Iterable[Stage], rows: Sequence[Row], reading: Reading) -> Sequence[Row]:
    for stage in stages:
        rows = stage(rows, reading)
    return rows


def _texts(rows: Iterable[Row]) -> list[dict[str, str]]:
    return [{name: text(value) for name, value in row.items()} for row in rows]


def _row(message: Mapping[str, str]) -> Row:
    return {name.lower(): value for name, value in message.items()}


def _shown(value: Value) -> str | float | None:
    return text(value) if isinstance(value, bool) else value


def parse(query: str) -> Search:
    """Raises QueryError, which says the line and why."""
    scope, at = scope_of(query)
    reader = Reader(query, tokens(query, at))
    found: list[Stage | Parse] = []
    while reader.sign("|"):
        if len(found) == MOST_STAGES:
            raise reader.error(f"more than {MOST_STAGES} operators")
        found.append(_stage(reader, after_aggregate=any(isinstance(one, Aggregate) for one in found)))
        if reader.now.text != "|" and reader.now.kind != "end":
            raise reader.error(f"{reader.now.said()} does not belong here")
    stages = tuple(_chained(found))
    return Search(Scope(scope).test(), stages, any(isinstance(one, Aggregate) for one in stages))


def _chained(found: Iterable[Stage | Parse]) -> list[Stage]:
    """What parses right behind another belongs together: see `nodrop`."""
    stages: list[Stage] = []
    for one in found:
        if not isinstance(one, Parse):
            stages.append(one)
        elif stages and isinstance(stages[-1], Chain):
            stages[-1] = Chain((*stages[-1].parses, one))
        else:
            stages.append(Chain((one,)))
    return stages


def _stage(reader: Reader, *, after_aggregate: bool) -> Stage | Parse:
    if is_aggregate(reader):
        return aggregate(reader)
    if reader.at_word("sort", "order", "top") and not after_aggregate:
        raise reader.error(f"{reader.now.text} is for what was aggregated")
    operator = _OPERATORS.get(reader.now.text.lower()) if reader.now.kind == "word" and reader.then.text != "(" else None
    if operator is None:
        return _assigned(reader)
    reader.take()
    return operator(reader)


def _where(reader: Reader) -> Stage:
    wanted = condition(reader).evaluate
    return lambda rows, reading: [row for row in rows if wanted(row, reading) is True]


def _assigned(reader: Reader) -> Stage:
    """An expression that gets a name."""
    token = reader.now
    if token.text.lower() in _OTHERS:
        raise reader.error(f"{token.said()} is an operator that no search of ours has", token)
    if token.kind == "word" and reader.then.kind in {"word", "text", "end"} and reader.then.text.lower() not in _CONTINUES:
        raise reader.error(f"no operator {token.said()}", token)
    value = expression(reader).evaluate
    if not reader.word("as"):
        raise reader.error(f"'as' expected, not {reader.now.said()}")
    name = reader.name()
    return lambda rows, reading: [{**row, name: value(row, reading)} for row in rows]


def _fields(reader: Reader) -> Stage:
    without = reader.sign("-") is not None
    names = set(reader.names())

    def keep(name: str) -> bool:
        return name not in names if without else name in names or name.startswith(_COMES_WITH_ANY)

    return lambda rows, _reading: [{name: value for name, value in row.items() if keep(name)} for row in rows]


def _sort(reader: Reader) -> Stage:
    """Falling, unless `asc` stands there. Numbers as numbers where all are."""
    if not reader.word("by"):
        raise reader.error(f"'by' expected, not {reader.now.said()}")
    keys = [_key(reader)]
    while reader.sign(","):
        keys.append(_key(reader))

    def sort(rows: Sequence[Row], reading: Reading) -> Sequence[Row]:
        del reading
        for name, falling in reversed(keys):
            as_number = all(number(row.get(name)) is not None for row in rows)
            rows = sorted(rows, key=_of(name, as_number=as_number), reverse=falling)
        return rows

    return sort


def _key(reader: Reader) -> tuple[str, bool]:
    return reader.name(), reader.word("asc", "desc") != "asc"


def _of(name: str, *, as_number: bool) -> Callable[[Row], tuple[float, str]]:
    return lambda row: (number(row.get(name)) or 0.0, "") if as_number else (0.0, text(row.get(name)))


def _limit(reader: Reader) -> Stage:
    if reader.now.kind != "number" or "." in reader.now.text:
        raise reader.error(f"a whole number expected, not {reader.now.said()}")
    most = int(reader.take().text)
    return lambda rows, _reading: rows[:most]


_OTHERS = {
    "save",
    "cat",
    "lookup",
    "timeslice",
    "transpose",
    "join",
    "subquery",
    "logreduce",
    "outlier",
    "top",
    "topk",
    "total",
}
_CONTINUES = {"as", "and", "or", "in", "not", "matches"}
_OPERATORS: Mapping[str, Callable[[Reader], Stage | Parse]] = {
    "parse": parse_operator,
    "extract": regex_operator,
    "json": json_operator,
    "where": _where,
    "fields": _fields,
    "sort": _sort,
    "order": _sort,
    "limit": _limit,
}
