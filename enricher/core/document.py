"""The case as JSON: the contract that `explain --json`, the API, the console and every destination read.

A key may be added, never renamed. A fact that is not known is null and stands in `missing`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypedDict

Json = dict[str, Any]


def iso(at: datetime) -> str:
    """UTC with milliseconds and a Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TechniqueDoc(TypedDict):
    """ATT&CK's words for what was detected."""

    id: str
    name: str
    tactic: str
    url: str


class PlatformDoc(TypedDict):
    """The catalog row that matched."""

    id: str
    name: str
    provider: str
    category: str
    family: str
    seed_pattern: str | None


class DestinationDoc(TypedDict):
    """The address contacted, and who holds it."""

    ip: str | None
    port: int | None
    ptr: str | None
    asn: int | None
    holder: str | None
    prefix: str | None
    country: str | None
    origin: str | None
    """Where the AS number is from: `mmdb` (the offline file) or `cymru`."""
    consistent: bool | None
    consistency: str | None
    """Why, in one sentence; None where no address is known."""


ProcessDoc = TypedDict(
    "ProcessDoc",
    {
        "image": str | None,
        "name": str | None,
        "class": str,
        "guid": str | None,
        "pid": int | None,
        "command_line": str | None,
        "decoded": list[str] | None,
        "original_file_name": str | None,
        "company": str | None,
        "hashes": dict[str, str],
        "identity": list[str],
        "is_suspicious": bool,
        "is_browser": bool,
    },
)


class AncestorDoc(TypedDict):
    """One link of the lineage; `source` is `observed`, `payload`, `history`, `search` or `missing`."""

    image: str | None
    name: str | None
    command_line: str | None
    guid: str | None
    pid: int | None
    user: str | None
    source: str


class EnrichmentDoc(TypedDict):
    """One source's answer about one observable; `status` is one of model.Status."""

    source: str
    about: str
    status: str
    detail: Json
    age_s: int
    reason: str | None


BeaconDoc = TypedDict(
    "BeaconDoc",
    {
        "class": str,
        "period_s": float | None,
        "score": float | None,
        "sightings": int,
        "reason": str | None,
        "beats": int | None,
        "limit": float | None,
        "mad_s": float | None,
        "jitter": float | None,
        "bursts": int | None,
        "ts": float | None,
        "dur": float | None,
        "hist": float | None,
        "filled_hours": int | None,
        "window": str,
        "other": str | None,
        "truncated": bool,
        "resolution_s": float | None,
        "requery": str | None,
        "method": str,
    },
)
"""The rhythm of the group's contacts; the keys are explained in docs/behaviour.md."""

StepDoc = TypedDict(
    "StepDoc",
    {"step": str, "rule": str, "evidence": str, "points": float, "from": float, "to": float, "taken": bool},
)


class ExceptionDoc(TypedDict):
    """A tuning rule that matched, live or in shadow, and what it did or would have done."""

    rule: str
    effect: str
    mode: str
    reason: str
    owner: str
    expires: str


class DriftDoc(TypedDict):
    """One of Sumo's own columns that says something else than we do.

    `reason` is one of `core.drift.REASONS`; `rows` are those of the alert that showed it last. A case stored by an older version
    has neither.
    """

    field: str
    sumo: str
    ours: str
    reason: str
    rows: list[int]


class InsightDoc(TypedDict):
    """The Cloud SIEM Insight that the case came in with, in Sumo Logic's words: none of it counts in the grade."""

    id: str | None
    readable_id: str | None
    severity: str | None
    entity: str | None
    url: str | None


class HuntDoc(TypedDict):
    """A search for an analyst to run in Sumo Logic; `url` opens it there, None where its console is not known."""

    title: str
    query: str
    url: str | None


class EstateDoc(TypedDict):
    """What `config/estate.yml` says of the host and the account; None where it names neither.

    `maintenance`: a contact fell into a window. `service_account`: the file names the account; None where no user is known or
    the file names no accounts.
    """

    role: str | None
    groups: list[str]
    owner: str | None
    maintenance: bool
    service_account: bool | None


class HistoryDoc(TypedDict):
    """What is remembered of the contacts, and of the case itself."""

    earlier_titles: list[str]
    """Titles that the case had before, the newest last: by them a ticket's headline is known to be nobody's but ours."""
    first_seen_estate: str | None
    """When any host first contacted the target, as far back as history goes; None where there is no history."""
    prevalence: int | None
    """How many hosts have contacted the target; None where there is no history."""
    shared_hosts: list[str]
    """The others of them, the earliest first, at most twenty."""
    history_since: str | None
    """How far back history goes."""
    contacts: list[str]
    """When the group (host, account, image, target) made contact, the last two hundred of the last day, in order."""


class NextDoc(TypedDict):
    """What an analyst does next."""

    next_steps: list[str]
    hunts: list[HuntDoc]


class CaseDocument(HistoryDoc, NextDoc):
    """One case, as design §4.3 prints it."""

    key: str
    title: str
    summary: str
    detection: str
    technique: TechniqueDoc
    host: str
    user: str | None
    rows: list[int]
    severity: str
    score: int
    raw_severity: str
    raw_score: int
    verdict: str
    confidence: float
    disposition: str
    platform: PlatformDoc
    hostname: str | None
    hostname_source: str | None
    hostname_factor: float | None
    candidates: list[str]
    tenant: str | None
    destination: DestinationDoc
    process: ProcessDoc
    lineage: list[AncestorDoc]
    enrichments: list[EnrichmentDoc]
    beacon: BeaconDoc | None
    dns_anomalies: list[str]
    estate: EstateDoc | None
    ledger: list[StepDoc]
    ledger_digest: str
    exceptions: list[ExceptionDoc]
    drift: list[DriftDoc]
    missing: list[str]
    tickets: list[Json]
    first_seen: str | None
    last_seen: str | None
    count: int
    findings: list[Json]
    """One line a finding: process guid, pid, image, host name, score, severity."""
    links: dict[str, str]
    """`sumo_alert`, `sumo_query`, `sumo_monitor` where the alert had them."""
    insight: InsightDoc | None
    evidence: list[Json]
    """The events behind the case, as read: for the case page, never for a ticket."""


class News(TypedDict):
    """Something about a case that every ticket must learn, in order: `seq` 1 is the opening itself.

    `kind`: `opened`, `severity`, `evidence` (seen with new contact), `amended` (found out without), `recovery`, `reopened`, `joined`,
    `seen` (contact goes on), `ticket`, `twin`, and what people do: `acknowledged`, `assigned`, `muted`, `unmuted` (also when a
    severity that rises ends it). `text` is one plain sentence; `lines` are details. Its event id in tickets is
    `{case key}-{seq:02d}`.
    """

    seq: int
    kind: str
    at: str
    text: str
    lines: list[str]
