"""The catalog of platforms: whose name is this host, and which customer's?

The patterns hang in a tree of labels, read from the right. A look-up walks down the labels of one name, so it costs the same
for two hundred patterns as for a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from re import Pattern

from enricher.core.hostnames import normalise
from enricher.core.pattern import Spelling, Star, fits, spellings
from enricher.core.rules import Platform

Registrable = Callable[[str], str | None]
"""A name → its registrable domain by the Public Suffix List with the private section; None where the list has no answer."""


@dataclass(frozen=True, slots=True)
class Match:
    """A host that a platform's customer controls. `tenant` is None where the name does not tell which customer."""

    platform: Platform
    host: str
    tenant: str | None


@dataclass(frozen=True, slots=True)
class Excluded:
    """A host under a platform's suffix that is the provider's own, by the row's `exclude`."""

    platform: Platform
    host: str


@dataclass(frozen=True, slots=True)
class _Leaf:
    """Where a pattern ends in the tree."""

    platform: Platform
    spelling: Spelling
    shared: tuple[Spelling, ...]

    @property
    def order(self) -> tuple[int, int, str]:
        """Least first: the pattern that says most, then the lower weight; the id so that it is always the same one."""
        return (-self.spelling.literals, self.platform.weight, self.platform.id)


class _Node:
    __slots__ = ("inside", "leaves", "literal", "many", "one")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.inside: dict[str, tuple[Pattern[str], _Node]] = {}
        self.one: _Node | None = None
        self.many: _Node | None = None
        self.leaves: list[_Leaf] = []


class Catalog:
    """Platforms by host name. Pure: the same platforms and the same suffix list give the same answers."""

    def __init__(self, platforms: Iterable[Platform], registrable: Registrable, *, remembered: int = 16_384) -> None:
        """`remembered` is how many names' answers are kept. Raises ValueError on a pattern or tenant rule that cannot be read."""
        self.platforms = {platform.id: platform for platform in platforms}
        self._registrable = registrable
        self._root = _Node()
        for platform in self.platforms.values():
            tenant_labels(platform)
            shared = tuple(spelling for pattern in platform.shared for spelling in spellings(pattern))
            for spelling in spellings(platform.pattern):
                _grow(self._root, spelling).leaves.append(_Leaf(platform, spelling, shared))
        self._remembered = lru_cache(maxsize=remembered)(self._find)

    def lookup(self, name: str) -> Match | Excluded | None:
        """What the catalog says of a name in any spelling. None: no platform's; also for what is not a name."""
        host = normalise(name)
        return None if host is None else self._remembered(host)

    def match(self, name: str) -> Match | None:
        """The same, for who does not ask why there is none."""
        found = self.lookup(name)
        return found if isinstance(found, Match) else None

    def is_tenant(self, name: str) -> bool:
        """Whether this is exactly what `lookup` gives as the tenant of some host: not a bare suffix, nor a host below one."""
        return any(match is not None and match.tenant == name for match in map(self.match, _below(name)))

    def _find(self, host: str) -> Match | Excluded | None:
        labels = host.split(".")
        leaves = sorted(_walk(self._root, labels, len(labels)), key=lambda leaf: leaf.order)
        for leaf in leaves:
            if host not in leaf.platform.exclude:
                return Match(leaf.platform, host, self._tenant(leaf, labels))
        return Excluded(leaves[0].platform, host) if leaves else None

    def _tenant(self, leaf: _Leaf, labels: list[str]) -> str | None:
        platform, suffix = leaf.platform, leaf.spelling.suffix_length
        if platform.tenant == "none" or any(fits(spelling, labels) for spelling in leaf.shared):
            return None
        host = ".".join(labels)
        if platform.tenant == "psl":
            registrable = self._registrable(host)
            # A list too old to know the platform answers with the suffix itself, or less: then the host is the safe answer.
            return host if registrable is None or registrable.count(".") < suffix else registrable
        return ".".join(labels[-(suffix + tenant_labels(platform)) :])


def tenant_labels(platform: Platform) -> int:
    """N of `label:N`, else 0. Raises ValueError where the column holds anything else than it may."""
    kind, _, number = platform.tenant.partition(":")
    if kind == "label" and number.isdecimal() and int(number) > 0:
        return int(number)
    if platform.tenant in {"psl", "none"}:
        return 0
    raise ValueError(f"tenant {platform.tenant!r}: use 'psl', 'label:N' with N from 1, or 'none'")


def _below(name: str) -> Iterator[str]:
    """The name, and hosts below it: some patterns begin one or two labels further left than the tenant."""
    yield name
    yield f"x.{name}"
    yield f"x.x.{name}"


def _grow(root: _Node, spelling: Spelling) -> _Node:
    node = root
    for label in reversed(spelling.labels):
        if isinstance(label, str):
            node = node.literal.setdefault(label, _Node())
        elif label is Star.ONE:
            node.one = node.one or _Node()
            node = node.one
        elif label is Star.MANY:
            node.many = node.many or _Node()
            node = node.many
        else:
            node = node.inside.setdefault(label.pattern, (label, _Node()))[1]
    return node


def _walk(node: _Node, labels: Sequence[str], left: int) -> Iterator[_Leaf]:
    """The leaves of all patterns that fit the first `left` labels below `node`."""
    if left == 0:
        yield from node.leaves
        return
    label = labels[left - 1]
    if (child := node.literal.get(label)) is not None:
        yield from _walk(child, labels, left - 1)
    if node.one is not None:
        yield from _walk(node.one, labels, left - 1)
    for inside, child in node.inside.values():
        if inside.fullmatch(label):
            yield from _walk(child, labels, left - 1)
    if node.many is not None:
        for rest in range(left):
            yield from _walk(node.many, labels, rest)
