"""Expressions: what `where` asks, and what an `as` gives a name to.

Source: Sumo Logic's documentation, "where", "if and ?", "matches", "in", "isNull, isEmpty, isBlank", "concat", "replace", "num",
"length", "trim", "toLowerCase and toUpperCase". Values are text. They compare as numbers where one side is a number; `in` compares
text with text, as the page on `where` says. What it is to compare with null is not said: here nothing is true of null but `!=`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from enricher.standins.sumo.language.functions import FUNCTIONS, Type
from enricher.standins.sumo.language.patterns import compiled, glob
from enricher.standins.sumo.language.tokens import Reader
from enricher.standins.sumo.language.values import Reading, Row, Value, number, text

DEEPEST = 50
Evaluate = Callable[[Row, Reading], Value]
Order = Literal["<", ">", "<=", ">="]

_ORDER: Mapping[str, Callable[[float | str, float | str], bool]] = {
    "<": lambda a, b: a < b,  # type: ignore[operator]  # both are of one type: see _compare
    ">": lambda a, b: a > b,  # type: ignore[operator]  # as above
    "<=": lambda a, b: a <= b,  # type: ignore[operator]  # as above
    ">=": lambda a, b: a >= b,  # type: ignore[operator]  # as above
    "=": lambda a, b: a == b,
}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}


class Expression(NamedTuple):
    """`type` is `any` where only a message can tell."""

    evaluate: Evaluate
    type: Type = "any"


def expression(reader: Reader) -> Expression:
    """The longest expression from here on. Raises QueryError."""
    reader.depth += 1
    if reader.depth > DEEPEST:
        raise reader.error("nested too deeply")
    found = _either(reader)
    if reader.sign("?"):
        _must_be("bool", found, reader)
        yes = expression(reader)
        reader.expect(":")
        found = _chosen(found, yes, expression(reader), reader)
    reader.depth -= 1
    return found


def condition(reader: Reader) -> Expression:
    """An expression that is true or false."""
    found = expression(reader)
    _must_be("bool", found, reader)
    return found


def _must_be(wanted: Type, found: Expression, reader: Reader) -> None:
    if found.type not in {wanted, "any"}:
        raise reader.error(f"{wanted} expected, not {found.type}")


def _chosen(test: Expression, yes: Expression, no: Expression, reader: Reader) -> Expression:
    """Both values must be of one type."""
    if yes.type != no.type and "any" not in {yes.type, no.type}:
        raise reader.error(f"two values of one type expected, not {yes.type} and {no.type}")
    return Expression(
        lambda row, reading: (yes if test.evaluate(row, reading) is True else no).evaluate(row, reading),
        no.type if yes.type == "any" else yes.type,
    )


# --- and, or, not ---------------------------------------------------------------------------------------------------


def _either(reader: Reader) -> Expression:
    return _joined(reader, "or", _all, any)


def _all(reader: Reader) -> Expression:
    return _joined(reader, "and", _negated, all)


def _joined(
    reader: Reader, word: str, part: Callable[[Reader], Expression], of: Callable[[list[bool]], bool]
) -> Expression:
    parts = [part(reader)]
    while reader.word(word):
        parts.append(part(reader))
    if len(parts) == 1:
        return parts[0]
    for one in parts:
        _must_be("bool", one, reader)
    return Expression(lambda row, reading: of([one.evaluate(row, reading) is True for one in parts]), "bool")


def _negated(reader: Reader) -> Expression:
    if not reader.word("not"):
        return _comparison(reader)
    return _not(_deeper(reader, _negated), reader)


def _not(of: Expression, reader: Reader) -> Expression:
    _must_be("bool", of, reader)
    return Expression(lambda row, reading: of.evaluate(row, reading) is not True, "bool")


def _deeper(reader: Reader, part: Callable[[Reader], Expression]) -> Expression:
    reader.depth += 1
    if reader.depth > DEEPEST:
        raise reader.error("nested too deeply")
    found = part(reader)
    reader.depth -= 1
    return found


# --- comparisons ----------------------------------------------------------------------------------------------------


def _comparison(reader: Reader) -> Expression:
    left = _sum(reader)
    if sign := reader.sign("==", "=", "!=", "<>", "<=", ">=", "<", ">"):
        return _compared(left, sign, _sum(reader))
    if reader.word("matches"):
        return _matches(left, reader)
    if reader.at_word("not") and reader.then.text.lower() == "in":
        reader.take()
        reader.take()
        return _not(_among(left, reader), reader)
    return _among(left, reader) if reader.word("in") else left


def _compared(left: Expression, sign: str, right: Expression) -> Expression:
    numbers = "number" in {left.type, right.type}
    negated = sign in {"!=", "<>"}
    holds = _ORDER["=" if negated or sign == "==" else sign]

    def compare(row: Row, reading: Reading) -> bool:
        a, b = left.evaluate(row, reading), right.evaluate(row, reading)
        return _holds(holds, a, b, numbers=numbers) is not negated

    return Expression(compare, "bool")


def _holds(holds: Callable[[float | str, float | str], bool], a: Value, b: Value, *, numbers: bool) -> bool:
    if a is None or b is None:
        return False
    if numbers or (not isinstance(a, str) and not isinstance(b, str)):
        first, second = number(a), number(b)
        return first is not None and second is not None and holds(first, second)
    return holds(text(a), text(b))


def _matches(left: Expression, reader: Reader) -> Expression:
    token = reader.now
    if token.kind == "regex":
        pattern = compiled(reader.take().text, reader, token)

        def match(row: Row, reading: Reading) -> bool:
            value = left.evaluate(row, reading)
            find = pattern.fullmatch if reading.full else pattern.search
            return value is not None and find(text(value)) is not None

        return Expression(match, "bool")
    whole = compiled(glob(unescaped(reader.quoted())), reader, token)
    return Expression(lambda row, reading: _is(whole.search, left.evaluate(row, reading)), "bool")


def _is(find: Callable[[str], object], value: Value) -> bool:
    return value is not None and find(text(value)) is not None


def _among(left: Expression, reader: Reader) -> Expression:
    """A text is never among numbers."""
    reader.expect("(")
    some = [_sum(reader)]
    while reader.sign(","):
        some.append(_sum(reader))
    reader.expect(")")

    def among(row: Row, reading: Reading) -> bool:
        value = left.evaluate(row, reading)
        return value is not None and any(_same(value, one.evaluate(row, reading)) for one in some)

    return Expression(among, "bool")


def _same(a: Value, b: Value) -> bool:
    return isinstance(a, str) == isinstance(b, str) and a == b


# --- values ---------------------------------------------------------------------------------------------------------


def _sum(reader: Reader) -> Expression:
    left = _single(reader)
    while sign := reader.sign("+", "-", "*"):
        left = _calculated(left, sign, _single(reader))
    return left


def _calculated(left: Expression, sign: str, right: Expression) -> Expression:
    calculate = _ARITHMETIC[sign]

    def evaluate(row: Row, reading: Reading) -> Value:
        a, b = number(left.evaluate(row, reading)), number(right.evaluate(row, reading))
        return None if a is None or b is None else calculate(a, b)

    return Expression(evaluate, "number")


def _single(reader: Reader) -> Expression:
    if reader.sign("!"):
        return _not(_deeper(reader, _single), reader)
    if reader.sign("("):
        inner = expression(reader)
        reader.expect(")")
        return inner
    token = reader.now
    if token.kind == "text":
        written = unescaped(reader.take().text)
        return Expression(lambda _row, _reading: written, "text")
    if token.kind == "number":
        value = float(reader.take().text)
        return Expression(lambda _row, _reading: value, "number")
    if token.kind == "word" and reader.then.text == "(":
        return _called(reader)
    name = reader.name()
    return Expression(lambda row, _reading: row.get(name))


def _called(reader: Reader) -> Expression:
    token, name = reader.now, reader.name()
    arguments = _arguments(reader)
    if name == "if":
        if len(arguments) != 3:  # noqa: PLR2004  # a condition and two values
            raise reader.error("if takes a condition and two values", token)
        _must_be("bool", arguments[0], reader)
        test, yes, no = arguments
        return _chosen(test, yes, no, reader)
    function = FUNCTIONS.get(name)
    if function is None:
        raise reader.error(f"no function {token.said()}", token)
    if not function.least <= len(arguments) <= function.most:
        raise reader.error(f"{token.text} does not take {len(arguments)} values", token)
    call = function.call
    return Expression(lambda row, reading: call([one.evaluate(row, reading) for one in arguments]), function.type)


def _arguments(reader: Reader) -> list[Expression]:
    reader.expect("(")
    found = [expression(reader)]
    while reader.sign(","):
        found.append(expression(reader))
    reader.expect(")")
    return found


def unescaped(written: str) -> str:
    """A text without its backslashes before quotes and backslashes."""
    return written.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\")
