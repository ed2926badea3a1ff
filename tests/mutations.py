"""Bodies as nobody should send them: what Sumo Logic sends, each a little wrong, the same ones in every run.

A mutation works on the bytes or on the document. Rows are mutated inside the text that carries them, which is where the text
of an attacker stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

DATA = Path(__file__).parent / "data"
FOLDERS = ("sumo-payloads", "templates")
EACH = 24
"""Mutations of one payload; each kind of mutation comes at least once."""

MOST_ITEMS = 250
"""Of a list that is repeated, so that mutations upon mutations stay bodies that somebody could send."""

STRANGE: tuple[Any, ...] = (
    None,
    "",
    "-",
    0,
    -1,
    1e308,
    10**40,
    True,
    [],
    {},
    [[]],
    "\x00",
    "\ud800",
    "\u202e\u2066{{x}}",
    "{{ResultsJson}}",
    '""',
    "null",
    "[" * 50,
    "<Event>" * 40,
    "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><Event>&b;</Event>",
    "a" * 70_000,
    "1,545,042,427,000",
    "999999999999999999999",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "<!channel> {code} [x|javascript:1]",
    "..\\" * 300,
    "https://a.workers.dev/" + "x" * 9_000,
    {"$ref": "#"},
    [{"a": [{"b": 1}]}],
)


def originals() -> dict[str, bytes]:
    """Every payload and template that the tests know, by name."""
    return {path.stem: path.read_bytes() for folder in FOLDERS for path in sorted((DATA / folder).glob("*.json"))}


def corpus() -> dict[str, bytes]:
    """Every payload mutated `EACH` times, by a name that says how."""
    return {
        f"{name}-{number:02d}-{how.__name__.strip('_')}": how(body, Random(f"{name}:{number}"))  # noqa: S311 - repeatable
        for name, body in originals().items()
        for number, how in enumerate(MUTATIONS[at % len(MUTATIONS)] for at in range(EACH))
    }


# --- on the bytes -----------------------------------------------------------------------------------------------------


def _cut(body: bytes, chance: Random) -> bytes:
    return body[: chance.randrange(len(body))]


def _flipped(body: bytes, chance: Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _spliced(body: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(body))
    return (
        body[:at]
        + chance.choice([b"\xff\xfe", b"\x00", b"\\u0000", b"\\ud800", b'"', b"{{", b"[[[[", b"\xe2\x80\xae"])
        + body[at:]
    )


def _twice(body: bytes, chance: Random) -> bytes:
    return body + chance.choice([b"", b"\n", b","]) + body


# --- on the document --------------------------------------------------------------------------------------------------


def _without_a_key(document: Any, chance: Random) -> Any:
    holder, key = _somewhere(document, chance)
    del holder[key]
    return document


def _strange_value(document: Any, chance: Random) -> Any:
    holder, key = _somewhere(document, chance)
    holder[key] = deepcopy(chance.choice(STRANGE))
    return document


def _several_strange(document: Any, chance: Random) -> Any:
    for _ in range(5):
        document = _strange_value(document, chance)
    return document


def _other_key(document: Any, chance: Random) -> Any:
    holder, key = _somewhere(document, chance)
    if isinstance(holder, dict):
        holder[chance.choice([str(key).upper(), f"_{key}", f"{key}\u0000", "", "__proto__"])] = holder.pop(key)
    return document


def _other_type(document: Any, chance: Random) -> Any:
    holder, key = _somewhere(document, chance)
    holder[key] = chance.choice([str(holder[key]), [holder[key]], {"value": holder[key]}, json.dumps(holder[key])])
    return document


def _deeper(document: Any, chance: Random) -> Any:
    holder, key = _somewhere(document, chance)
    for _ in range(chance.choice([3, 60])):
        holder[key] = [holder[key]]
    return document


def _repeated(document: Any, chance: Random) -> Any:
    """A list some times over: rows that come again, and more of them than fit."""
    lists = [(holder, key) for holder, key in _places(document) if isinstance(holder[key], list)]
    if lists:
        holder, key = chance.choice(lists)
        holder[key] = (holder[key] * chance.choice([2, 40]))[:MOST_ITEMS]
    return document


def _on(change: Callable[[Any, Random], Any]) -> Mutation:
    """A mutation of the document as one of the bytes; rows that are text are opened first and closed again."""

    def mutate(body: bytes, chance: Random) -> bytes:
        document = json.loads(body)
        opened = [(holder, key) for holder, key in list(_places(document)) if _is_encoded(holder[key])]
        for holder, key in opened:
            holder[key] = json.loads(holder[key])
        changed = change(document, chance)
        for holder, key in opened:
            if key in holder if isinstance(holder, dict) else key < len(holder):
                holder[key] = json.dumps(holder[key])
        return json.dumps(changed).encode()

    mutate.__name__ = change.__name__
    return mutate


def _is_encoded(value: object) -> bool:
    if not isinstance(value, str) or not value.startswith(("[{", "{")) or value.startswith("{{"):
        return False
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document that holds a value, as its holder and key."""
    keys = list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in keys:
        yield document, key
        yield from _places(document[key])


def _somewhere(document: Any, chance: Random) -> tuple[Any, Any]:
    return chance.choice(list(_places(document)) or [([None], 0)])


MUTATIONS: tuple[Mutation, ...] = (
    _cut,
    _flipped,
    _spliced,
    _twice,
    *map(
        _on,
        (_without_a_key, _strange_value, _several_strange, _other_key, _other_type, _deeper, _repeated),
    ),
)
