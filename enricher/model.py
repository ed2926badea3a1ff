"""The nouns. Everything here is a frozen value; nothing here knows a wire format, a clock or a database.

Words: an **alert** is what Sumo Logic sent; an **event** is one log record behind it; a **signal** is a detection that
matched when we ran it; a **finding** is a signal graded; a **case** is what an analyst opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What an alert is, worked out from its content."""

    MONITOR = "monitor"
    SCHEDULED_SEARCH = "scheduled_search"
    INSIGHT = "insight"
    PLAYBOOK = "playbook"
    SYSMON = "sysmon"
    RECOVERY = "recovery"
    TEST = "test"
    CANARY = "canary"
    HEARTBEAT = "heartbeat"


class Severity(StrEnum):
    """Bands of the score, lowest first; compare with `rank`, never as text."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for informational up to 4 for critical."""
        return _SEVERITY_RANK[self]


_SEVERITY_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class Verdict(StrEnum):
    """What the evidence says."""

    MALICIOUS = "malicious"
    SUSPICIOUS = "suspicious"
    BENIGN = "benign"
    UNKNOWN = "unknown"


# --- what came in ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of an alert: parsed columns, the raw text, or both.

    `columns` has folded keys (lower case, no `_`, `-` or blanks) and text values, null ones left out.
    `text` is the record as it was logged (`Message`, `_raw`, or a file's content), in any rendering.
    """

    index: int
    columns: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    name: str | None = None
    """The file it came from, for `explain`; None in an alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A row that is in no case, and why. `reason` begins with one fixed word; the rest explains."""

    row: int
    reason: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """What Cloud SIEM calls what it sent: `readable_id` for people, `entity` what it is about. Its `severity` is a hint."""

    id: str | None = None
    readable_id: str | None = None
    severity: str | None = None
    entity: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What Sumo Logic sent, in our words."""

    kind: Kind
    rows: tuple[Row, ...] = ()
    rows_total: int | None = None
    """How many rows the search had, where the alert says so; more than `rows` when it was cut."""
    truncated: bool = False
    name: str | None = None
    title: str | None = None
    description: str | None = None
    monitor_id: str | None = None
    """Sumo's `Id`: names the monitor or the search, never the alert."""
    alert_ref: str | None = None
    """The tail of `AlertResponseUrl`, or an Insight's id: names the alert; trigger and recovery share it."""
    trigger: str | None = None
    group: str | None = None
    query: str | None = None
    query_url: str | None = None
    source_url: str | None = None
    alert_url: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    insight: Insight | None = None
    console: str | None = None
    """Where Sumo Logic's own pages are, by our settings: never from the body."""
    scope: str | None = None
    """Where searches look, by our settings."""
    every: str | None = None
    """How often a heartbeat says that it comes."""


NO_ROW = -1
"""The row of an event that no row of this alert brought."""


# --- what it says ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One log record, of one process on one computer.

    `guid` is upper case without braces, None where absent or all zero (which is no key).
    `at` is the record's own UtcTime, aware; None where the record has none.
    `image` and `user` are None for `-`, `?`, empty or `<unknown process>`.
    `observed` is False where the record was put together from a row's parsed columns.
    `count` and `last_at` differ from 1 and None only for an aggregate row that stands for many records.
    `origin` is None for what this alert brought; `history` for an event of an earlier alert, `search` for one that was asked
    of Sumo Logic. Those have the row `NO_ROW`.
    """

    computer: str
    row: int
    at: datetime | None = None
    guid: str | None = None
    pid: int | None = None
    image: str | None = None
    user: str | None = None
    observed: bool = True
    count: int = 1
    last_at: datetime | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessCreate(Event):
    """Sysmon 1. `version_info` holds those of company, product, description, original_file_name that were *delivered*,
    null ones as None: "not delivered" and "delivered empty" are different facts.
    """

    command_line: str | None = None
    current_directory: str | None = None
    version_info: Mapping[str, str | None] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    """Algorithm in lower case to digest in lower case."""
    integrity: str | None = None
    parent_guid: str | None = None
    parent_pid: int | None = None
    parent_image: str | None = None
    parent_command_line: str | None = None
    parent_user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Event):
    """Sysmon 3. `ip` is un-mapped and normalised; `hostname` is a reverse lookup of it, not what was asked for."""

    ip: str | None = None
    port: int | None = None
    hostname: str | None = None
    protocol: str | None = None
    initiated: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCreate(Event):
    """Sysmon 11."""

    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsQuery(Event):
    """Sysmon 22. `answers` are addresses, un-mapped; None where the row is known to be a query but has no answers at hand."""

    name: str
    status: int | None = None
    answers: tuple[str, ...] | None = None
    cnames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptBlock(Event):
    """PowerShell 4104: part `part` of `parts` of the block `block_id`. Has no guid; `pid` is the PowerShell process."""

    text: str
    block_id: str | None = None
    part: int = 1
    parts: int = 1


# --- what can be found out ------------------------------------------------------------------------------------------


class ObservableKind(StrEnum):
    """What sort of thing is looked up."""

    ADDRESS = "address"
    HOSTNAME = "hostname"


@dataclass(frozen=True, slots=True)
class Observable:
    """A thing worth looking up."""

    kind: ObservableKind
    value: str


class Status(StrEnum):
    """How a look-up ended; the only ways it can end."""

    OK = "ok"
    NEGATIVE = "negative"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    ERROR = "error"
    DISABLED = "disabled"
    STALE = "stale"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment:
    """What one source said about one observable.

    `source`: `forward`, `ptr`, `asn`, `rdap`, `ranges`. `detail` by source, JSON-ready, empty unless `ok` or `stale`:
    forward `{"addresses": [...]}`; ptr `{"names": [...]}`;
    asn `{"asns": [13335], "prefix": "104.21.48.0/20", "country": "US", "registry": "arin", "holder": "CLOUDFLARENET, US",
    "origin": "cymru"}`, with the origin `mmdb` also `"dated": "2026-11-20"`; rdap `{"abuse": [...], "name": "...", "handle": "..."}`;
    ranges `{"provider": "Amazon", "service": "EC2", "region": "us-east-1", "prefix": "3.80.0.0/12", "dated": "2026-11-20",
    "file": "ip-ranges.json", "providers": ["Amazon"], "searched": [...]}`, where `negative` only `searched`: whose ranges are
    known whole and recent. `age_s` is how old the answer is (a file's: how old the file is), 0 if just asked.
    """

    source: str
    about: str
    status: Status
    detail: Mapping[str, object] = field(default_factory=dict)
    age_s: int = 0
    reason: str | None = None
    """One line, for anything but `ok`: what happened."""


# --- how things stand -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pause:
    """A destination that is left alone, or tried again by one delivery at a time: why, and for how many seconds it has not worked."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How much is waiting, for metrics and `/readyz`. Ages in seconds, 0 when nothing waits."""

    alerts_waiting: int
    oldest_alert_s: float
    deliveries_waiting: dict[str, int]
    dead_alerts: int
    dead_deliveries: int
    follow_ups_waiting: int = 0
    deliveries_oldest_s: Mapping[str, float] = field(default_factory=dict)
    """By destination: how long the oldest news has waited that was not told there."""
    pauses: Mapping[str, Pause | None] = field(default_factory=dict)
    """By destination, of those that were ever in trouble or have a rate; None: it works."""
