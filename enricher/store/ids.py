"""Identifiers that sort by time: 26 characters, 48 bits of milliseconds and 80 of chance (the ULID form)."""

from __future__ import annotations

import os
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26
_RANDOM_BITS = 80


def new_id(at: datetime) -> str:
    """Make an identifier for something that came at `at`."""
    return _encode(_milliseconds(at) << _RANDOM_BITS | int.from_bytes(os.urandom(_RANDOM_BITS // 8)))


def first_id(at: datetime) -> str:
    """The lowest identifier of that millisecond: everything made earlier sorts before it."""
    return _encode(_milliseconds(at) << _RANDOM_BITS)


def _milliseconds(at: datetime) -> int:
    return max(0, int(at.timestamp() * 1000))


def _encode(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
