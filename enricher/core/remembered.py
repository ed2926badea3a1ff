"""A cache for questions about texts from outside. Answers about long texts are worked out anew: what an attacker may make a
megabyte long takes no memory here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

LONGEST = 1_024

T = TypeVar("T")


def remembered(at_most: int) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Keep the answers for the last `at_most` texts of up to 1,024 characters."""

    def wrap(function: Callable[[str], T]) -> Callable[[str], T]:
        kept = lru_cache(maxsize=at_most)(function)

        @wraps(function)
        def ask(text: str) -> T:
            return kept(text) if len(text) <= LONGEST else function(text)

        return ask

    return wrap
