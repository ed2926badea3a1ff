"""What the pages of tuning are given beside the store: rules, drafts, trials, and files to take away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from enricher.core.document import Json
from enricher.core.radius import Radius
from enricher.core.rules import TuningRule


class Draft(Protocol):
    """The narrowest rule for a case; where there may be none `problems` say why."""

    @property
    def rule(self) -> Json | None: ...

    @property
    def text(self) -> str | None:
        """The rule as YAML."""
        ...

    @property
    def problems(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A rule tried on stored cases, the newest first, as if it were live.

    `forgotten` are cases whose events are not remembered any more: they are not among those of `radius`. `oldest` is when the last
    case that was looked at began; `cut` says that there were more, and why no more were looked at: `cases` or `seconds`.
    """

    radius: Radius
    forgotten: int = 0
    oldest: datetime | None = None
    cut: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One file to take away. `name` is made of small letters, digits and `-._`; `kind` says for what it is: `sigma`, `sumo`, `hunt`,
    `sysmon`, `connection` or `terraform`.
    """

    name: str
    kind: str
    title: str
    about: str
    text: str


class Workbench(Protocol):
    """Implemented in the wiring, which knows the configuration, the store and the flow. Raises StoreUnavailable."""

    def rule(self, rule_id: str) -> TuningRule | None:
        """A rule of the configuration that is in force now."""
        ...

    def draft(self, key: str) -> Draft | None:
        """For a stored case; None where there is none."""
        ...

    def trial(self, rule_id: str, since: datetime) -> Trial | None:
        """On the cases opened since then, as many as there is time for; None where there is no such rule."""
        ...

    def downloads(self) -> Sequence[Download]: ...
