"""`config/estate.yml`: its shape, and the estate it makes."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal

from pydantic import Field

from enricher.content.models import Names, Strict, Text
from enricher.core.estate import Entry, Estate, Window

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Role = Literal["workstation", "developer", "build", "server", "domain_controller", "jump_host"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="UTC, in quotes: '22:00'")]
HostPattern = Annotated[str, Field(pattern=r"^[\p{L}\p{N}*][\p{L}\p{N}\p{M}_.*-]*$", max_length=253)]


class MaintenanceEntry(Strict):
    """A weekly window, in UTC; it may run past midnight."""

    days: Annotated[list[Day], Field(min_length=1)]
    begins: Clock
    ends: Clock


class EstateEntry(Strict):
    """What is known of some hosts."""

    hosts: Annotated[list[HostPattern], Field(min_length=1)]
    groups: Names = Field(default_factory=list)
    role: Role | None = None
    owner: Text | None = None
    maintenance: list[MaintenanceEntry] = Field(default_factory=list)


class EstateFile(Strict):
    """What the house says about its own computers and accounts."""

    hosts: list[EstateEntry] = Field(default_factory=list)
    service_accounts: Names = Field(default_factory=list)


def build_estate(file: EstateFile) -> Estate:
    """The file as the core reads it."""
    return Estate(
        entries=tuple(map(_entry, file.hosts)),
        service_accounts=frozenset(account.strip().lower() for account in file.service_accounts),
    )


def _entry(entry: EstateEntry) -> Entry:
    return Entry(
        hosts=tuple(entry.hosts),
        groups=frozenset(entry.groups),
        role=entry.role,
        owner=entry.owner,
        maintenance=tuple(map(build_window, entry.maintenance)),
    )


def build_window(window: MaintenanceEntry) -> Window:
    """A weekly window as the core reads it."""
    return Window(
        days=frozenset(map(_DAYS.index, window.days)),
        begins=time.fromisoformat(window.begins),
        ends=time.fromisoformat(window.ends),
    )
