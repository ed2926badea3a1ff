"""What is installed in Sumo Logic beside the queries, as frozen values: connection, monitors, scheduled searches, fields, rules.

They say what shall be there and nothing of how: `rest` writes them as bodies of API calls, `terraform` as files. Names are stable, so
that what is put there again finds its own. Source: Sumo Logic's Terraform provider, whose limits stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from enricher.core.kit.forms import Form
from enricher.core.kit.searches import CATEGORY, FIELDS

FOLDER = "Enricher"
CONNECTION = "enricher"
PREFIX = "enricher-"
LONGEST_NAME, LONGEST_DESCRIPTION = 128, 1_024
LONGEST_SAID_OF_SEARCH = 255
"""Bytes of a saved search's description, by Terraform's provider."""
TAGS: Mapping[str, str] = {"application": "enricher"}

Grouping = Literal["host", "process", "none"]
GROUP_FIELDS: Mapping[Grouping, tuple[str, ...]] = {"host": ("_sourceHost",), "process": ("process_guid",), "none": ()}
"""What an alert is about: one for each host, each process, or all of a monitor. An open alert hides later rows of its own group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payloads:
    """The templates, each JSON as text with variables inside its strings."""

    alert: str
    recovery: str
    search: str
    heartbeat: str
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """By what the kit is made. `url` is the whole address of the webhook; `fields` are what sent cases carry in a header.

    `starts` also watches the starts of processes (event 1) by their command lines.
    """

    scope: str
    form: Form
    url: str
    payloads: Payloads
    grouping: Grouping = "host"
    starts: bool = True
    fields: tuple[str, ...] = FIELDS
    case_category: str = CATEGORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A webhook. Its one header is `Authorization`; what that says is a secret, and stands in no value here."""

    name: str
    description: str
    url: str
    payload: str
    resolution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """One logs monitor. `missing`: it alerts where no data came within `time_range`, else where any row did.

    Spans are as Sumo Logic writes them, such as `15m`. The payloads are those of the connection where they are None.
    """

    name: str
    description: str
    query: str
    playbook: str
    alert_name: str
    group_by: tuple[str, ...] = ()
    missing: bool = False
    time_range: str = "15m"
    frequency: str = "5m"
    resolution_window: str = "15m"
    evaluation_delay: str = "5m"
    payload: str | None = None
    resolution: str | None = None
    tags: Mapping[str, str] = field(default_factory=lambda: TAGS)

    @property
    def triggers(self) -> tuple[str, str]:
        """What it sends: its alert and the end of it."""
        return ("MissingData", "ResolvedMissingData") if self.missing else ("Critical", "ResolvedCritical")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledSearch:
    """A saved search that runs every 15 minutes. `above`: it sends where it has more rows than that; always for None."""

    name: str
    description: str
    query: str
    payload: str
    above: int | None
    back: str
    schedule: str = "15Minutes"
    time_zone: str = "Etc/UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRule:
    """A match rule of Cloud SIEM. `entities` are types to fields of a Record; `severity` is of ten."""

    name: str
    description: str
    summary: str
    expression: str
    entities: tuple[tuple[str, str], ...]
    severity: int
    tags: tuple[str, ...]
    suppression_ms: int = 43_200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSource:
    """Where enriched cases are sent back to: an HTTP Source on a hosted collector of its own."""

    name: str
    description: str
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """The whole of it. `scheduled` is the detection as scheduled searches, for who has no monitors: never both."""

    folder: str
    connection: Connection
    monitors: tuple[Monitor, ...]
    heartbeat: ScheduledSearch
    scheduled: tuple[ScheduledSearch, ...]
    fields: tuple[str, ...]
    rules: tuple[MatchRule, ...]
    cases: CaseSource
