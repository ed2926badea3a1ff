"""Silences: what is remembered of them, and where people are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from enricher.core.silence import Faulty, Silence, Watching

MOST_REFUSALS = 10
"""What a person must mend is tried so often, over an hour and a half; then not until the silence ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """A silence whose beginning (without a `ticket`) or end is to be told.

    `tried_at`: since when an attempt at it has no known outcome; then it is looked for first. `tries` counts failures in a row,
    `refusals` those of them that nobody but a person can change.
    """

    silence: Silence
    ticket: str | None
    tried_at: datetime | None
    tries: int
    refusals: int = 0


class Watch(Protocol):
    """Who was heard when, and what silences there are. Raises StoreUnavailable."""

    def look(self, every_s: Mapping[str, float]) -> tuple[Sequence[Silence], Sequence[Silence]]:
        """Compare: the silences that have begun, and those that have ended, each said once, whoever noticed it first.

        `every_s` is how often a source is to send, by name.
        """
        ...

    def faulty(self) -> Sequence[Faulty]:
        """The heartbeats that are not watched as they ask to be, each said again after an hour at the earliest, while they come."""
        ...

    def standing(self, every_s: Mapping[str, float]) -> Mapping[str, Watching]:
        """How each source is watched, by name; those of which there is nothing to say are left out."""
        ...

    def untold(self) -> Sequence[Untold]:
        """What is due to be told, the oldest first."""
        ...

    def take(self, key: str) -> bool:
        """Whether it is ours to tell now: nobody else's for the next minutes."""
        ...

    def trying(self, key: str) -> None:
        """An attempt begins: until its outcome is known, it is in doubt."""
        ...

    def told(self, key: str, ticket: str | None, *, ended: bool) -> None:
        """Told; `ticket` is where."""
        ...

    def again(self, key: str, delay_s: float, *, in_doubt: bool, refused: bool = False) -> None:
        """Not told, or not for certain: due again in `delay_s`. What was `refused` ten times waits until the silence ends."""
        ...

    def open(self) -> Sequence[Silence]:
        """The silences that go on, the oldest first."""
        ...


class Notices(Protocol):
    """Where people are told of the service itself: one message for each silence. All methods raise DeliveryError."""

    name: str

    def find(self, silence: Silence, tried_at: datetime) -> str | None:
        """The message of this silence, where an attempt since then has made it."""
        ...

    def begun(self, silence: Silence) -> str:
        """Post it: where it is."""
        ...

    def ended(self, silence: Silence, ticket: str, *, in_doubt: bool) -> None:
        """Say there that it is over. `in_doubt`: look first whether it says so."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...
