"""What may leave the house: names and addresses that mean nothing outside are never asked for there."""

from __future__ import annotations

import re
from functools import lru_cache

from enricher.core.addresses import special_range, unmap
from enricher.model import Observable, ObservableKind

LONGEST_NAME = 253

_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?=[a-z0-9-]*[a-z])[a-z0-9-]{1,63}", re.ASCII)
_INSIDE = (
    ".localhost",
    ".local",
    ".localdomain",
    ".internal",
    ".lan",
    ".home",
    ".corp",
    ".home.arpa",
    ".onion",
    ".invalid",
)
"""Names that are not for the public DNS (RFC 6761, 6762, 7686, 8375), and what networks call themselves inside."""


def canonical(observable: Observable) -> str:
    """One spelling for each observable; what cannot be read stays as it is."""
    if observable.kind is ObservableKind.ADDRESS:
        return unmap(observable.value) or observable.value
    return observable.value.lower().removesuffix(".")


def why_not(observable: Observable) -> str | None:
    """Say why a canonical observable must not be asked for outside; None when it may be."""
    if len(observable.value) > LONGEST_NAME:
        return "not looked up: too long"
    return _why_not(observable)


@lru_cache(maxsize=4096)
def _why_not(observable: Observable) -> str | None:
    if observable.kind is ObservableKind.ADDRESS:
        special = special_range(observable.value)
        return f"not looked up: {special}" if special else None
    name = observable.value
    if not _NAME.fullmatch(name):
        return "not looked up: not a host name"
    return "not looked up: a name of this network" if "." not in name or name.endswith(_INSIDE) else None
