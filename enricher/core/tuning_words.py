"""What a tuning rule asks, in words: each part of its scope and each condition, for a person who is to agree to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_EXPRESSION = "re:"
_MOST_SAID = 80
"""Characters of a value that fit into a line of a list."""

_SCOPE: Mapping[str, tuple[str, str]] = {
    "groups": (
        "on hosts of the group",
        "The estate file says which hosts these are. A host that it does not know is in no group.",
    ),
    "hosts": ("on the host", "This host alone; a new one with the same work needs the rule changed."),
    "users": ("as the user", "Whoever else runs the same is told of as before."),
    "maintenance": (
        "in a maintenance window",
        "Only where every contact fell into a window that the estate file gives the host.",
    ),
    "service_account": ("as a service account", "Only where the estate file lists the user as one."),
}
_CONDITIONS: Mapping[str, tuple[str, str]] = {
    "image": ("the program is", "The whole path with its folder: the same name elsewhere does not fit."),
    "parent": ("started by", "What started the process, by its whole path. Where the parent is not known the rule does not apply."),
    "ancestor": ("somewhere below", "One of those that the process descends from, as far as that is known."),
    "chain": ("started by, one after the other", "The parent, its parent and so on, each in its place."),
    "command_line": ("with the command line", "The whole line, from its first character to its last: an added argument does not fit."),
    "user": ("as the user", "The account that runs the process."),
    "tenant": ("towards the tenant", "Exactly this customer of the platform. Every other customer's names are told of as before."),
    "hostname": ("towards the name", "Exactly this host name."),
    "hash": ("with the SHA-256", "This build of the program alone: an update of it needs the rule changed."),
    "schedule": ("in the hours", "Every contact must fall into one of these weekly windows, in UTC."),
}  # fmt: skip
_DEFANGED = frozenset({"tenant", "hostname"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a rule. `values` are as written, and any of them will do (of a chain, each in its place).

    `is_name`: they are host names, which no page may turn into a link. `why` says what the part keeps out.
    """

    name: str
    said: str
    values: tuple[str, ...]
    why: str
    is_name: bool = False

    @property
    def is_expression(self) -> bool:
        """Some of the values are expressions, which must fit the whole text."""
        return any(value.startswith(_EXPRESSION) for value in self.values)

    @property
    def brief(self) -> str:
        """The first value, cut, and how many there are besides."""
        first = self.values[0] if self.values else ""
        cut = first if len(first) <= _MOST_SAID else f"{first[:_MOST_SAID]}…"
        return cut if len(self.values) <= 1 else f"{cut} or {len(self.values) - 1} more"


def scope_parts(scope: Mapping[str, object]) -> list[Part]:
    """Where a rule may act, in the order in which it is written."""
    return list(_parts(scope, _SCOPE))


def condition_parts(conditions: Mapping[str, object]) -> list[Part]:
    """What must hold, in the order in which it is written."""
    return list(_parts(conditions, _CONDITIONS))


def _parts(written: Mapping[str, object], words: Mapping[str, tuple[str, str]]) -> Iterator[Part]:
    for name, value in written.items():
        said, why = words.get(name, (name.replace("_", " "), ""))
        yield Part(name=name, said=said, values=_values(value), why=why, is_name=name in _DEFANGED)


def _values(value: object) -> tuple[str, ...]:
    """One or more values as text; what only holds or does not has none."""
    if value is True or value in ("true", ["true"], ("true",)):
        return ()
    return tuple(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else (str(value),)
