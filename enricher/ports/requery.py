"""Asking Sumo Logic again about alerts: a search's rows, and what the store knows of alerts that are open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from enricher.core.requery import OpenAlert


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRows:
    """The rows of an aggregate. `status`: `done` (all there are), `partial` (ended with less, and would again), `pending` (not now:
    again in `retry_after` seconds, 0 if nobody named a time), `failed` (a person must see to it). `reason` for anything but `done`.
    """

    status: str
    rows: tuple[Mapping[str, object], ...] = ()
    reason: str | None = None
    retry_after: float = 0.0


class RowSearch(Protocol):
    """Runs our own searches. Never raises: what goes wrong is in the answer."""

    def rows(self, queries: tuple[str, ...], begins: datetime, ends: datetime) -> FoundRows:
        """The rows of all of these, by message time from `begins` to before `ends`."""
        ...


class OpenAlerts(Protocol):
    """Alerts that are open in Sumo Logic, as far as we were told. Raises StoreUnavailable."""

    def asked_about(self) -> list[OpenAlert]:
        """Those that are still asked about."""
        ...

    def ended_at(self, ref: str) -> datetime | None:
        """When the recovery of an alert was accepted; None while it is open."""
        ...

    def say(self, alert_id: str, line: str) -> None:
        """Have the cases of an alert say this of its rows, in place of what they say is missing of them. It is no news."""
        ...
