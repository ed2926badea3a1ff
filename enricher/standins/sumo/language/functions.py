"""The functions of expressions, each as its page of Sumo Logic's documentation has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from enricher.standins.sumo.language.values import Value, number, text

Type = Literal["text", "number", "bool", "any"]


class Function(NamedTuple):
    """`least` and `most` are how many values it takes."""

    call: Callable[[Sequence[Value]], Value]
    type: Type
    least: int = 1
    most: int = 1


def _lower(of: Sequence[Value]) -> Value:
    return None if of[0] is None else text(of[0]).lower()


def _upper(of: Sequence[Value]) -> Value:
    return None if of[0] is None else text(of[0]).upper()


def _replaced(of: Sequence[Value]) -> Value:
    return None if of[0] is None else text(of[0]).replace(text(of[1]), text(of[2]))


FUNCTIONS: Mapping[str, Function] = {
    "tolowercase": Function(_lower, "text"),
    "lower": Function(_lower, "text"),
    "touppercase": Function(_upper, "text"),
    "upper": Function(_upper, "text"),
    "trim": Function(lambda of: None if of[0] is None else text(of[0]).strip(), "text"),
    "length": Function(lambda of: float(len(text(of[0]))), "number"),
    "num": Function(lambda of: number(of[0]), "number"),
    "concat": Function(lambda of: "".join(text(one) for one in of), "text", 2, 20),
    "replace": Function(_replaced, "text", 3, 3),
    "isnull": Function(lambda of: of[0] is None, "bool"),
    "isempty": Function(lambda of: text(of[0]) == "", "bool"),
    "isblank": Function(lambda of: not text(of[0]).strip(), "bool"),
}
"""By name in lower case."""
