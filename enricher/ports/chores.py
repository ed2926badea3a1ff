"""What is done by the clock, and canaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from enricher.core.canary import Canary, Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Something done by the clock, once for all processes. `every_s`: again and again; without it once.

    The first time is `after_s` from now. `subject` says what it is about, as its `kind` wants it.
    """

    name: str
    kind: str
    subject: Mapping[str, str] = field(default_factory=dict)
    every_s: float | None = None
    after_s: float = 0.0
    keeps: bool = False
    """One of this name that is planned already stays as it is, and is done in `after_s` at the latest; without a `subject` none is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedChore:
    """A chore this process holds until its lease ends. `tries` counts how often it was taken."""

    name: str
    kind: str
    subject: Mapping[str, str]
    every_s: float | None
    tries: int
    fence: int


class Chores(Protocol):
    """What is done by the clock: claimed under a lease, like everything else. Raises StoreUnavailable."""

    def keep(self, recurring: Sequence[Chore]) -> None:
        """Let these be all that recur: new ones begin, those of another interval go by it from now on, others end."""
        ...

    def plan(self, once: Sequence[Chore]) -> None:
        """Have these done. One that is planned already is put off until then, and taken from whoever is at it, unless the new one `keeps` it."""
        ...

    def claim(self, limit: int) -> list[ClaimedChore]: ...

    def done(self, claim: ClaimedChore, outcome: str) -> None:
        """Done, if it is still ours: one that recurs is due again in `every_s`, any other is forgotten."""
        ...

    def later(self, claim: ClaimedChore, outcome: str, delay_s: float) -> None:
        """Not done: due again in `delay_s`."""
        ...


class Canaries(Protocol):
    """The last hundred canaries, and what they have proved. Raises StoreUnavailable."""

    def sent(self) -> str:
        """Note that one is about to be sent; the id that it carries."""
        ...

    def noted(self, canary: str, destination: str, state: Proof, detail: str) -> None:
        """Keep a proof of one canary."""
        ...

    def unproved(self, destination: str) -> list[str]:
        """The ids of those that came through and were not checked there yet."""
        ...

    def recent(self) -> list[Canary]:
        """All of them, the newest first."""
        ...

    def get(self, canary: str) -> Canary | None: ...

    def paused(self, destination: str) -> str | None:
        """Why a destination is left alone at this time; None where it is not."""
        ...
