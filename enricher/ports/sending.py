"""The last look before a request leaves: is what it is sent for still ours?

A destination makes several calls for one piece of news, and each may take seconds. A process that is put to sleep between two of
them wakes and goes on as if nothing had been, while another has told the news. So the question belongs to the moment of
sending, wherever that is; who claims says what to ask, who sends asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


def _nothing() -> None:
    """Asked where nothing was claimed."""


_LOOK: ContextVar[Callable[[], None]] = ContextVar("look", default=_nothing)


@contextmanager
def sending_for(still_ours: Callable[[], None]) -> Iterator[None]:
    """While this lasts, `about_to_send` asks `still_ours`, which raises StoreUnavailable where it is not; in this thread alone."""
    before = _LOOK.set(still_ours)
    try:
        yield
    finally:
        _LOOK.reset(before)


def about_to_send() -> None:
    """To be called right before the first and the last part of a request is written. Raises StoreUnavailable."""
    _LOOK.get()()
