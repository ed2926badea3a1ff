"""What the flow asks the world: look-ups, and what was seen before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from enricher.core.document import CaseDocument
from enricher.core.memory import Group, Memory, Past
from enricher.model import Enrichment, Event, Observable


class Lookups(Protocol):
    """Questions about observables. Never raises: what goes wrong is an `Enrichment` with its status."""

    def about(self, sought: Sequence[Observable]) -> list[Enrichment]:
        """Ask every source that knows the kind, all under one deadline; an answer for each (source, observable)."""
        ...


class History(Protocol):
    """What was seen before this alert."""

    def around(self, events: Sequence[Event]) -> Memory:
        """Remembered events that may belong with these, of the same computers: of the same processes whenever they were, of
        their ancestors and descendants the starts, and of the same hour whatever there is. Bounded; says where it was cut.
        """
        ...

    def of_case(self, key: str) -> tuple[CaseDocument, Memory] | None:
        """A stored case with every remembered event of it and around it; None where there is no such case."""
        ...

    def contacts(self, until: Mapping[Group, datetime]) -> Mapping[Group, Past]:
        """For each group, its contacts within a day before its own time, and who else contacts its target."""
        ...

    def since(self) -> datetime | None:
        """When the oldest of what is remembered was stored; None where nothing is."""
        ...
