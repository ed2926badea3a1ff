"""Where Sumo Logic's own columns say something else than we do, and why; and which version of the query is deployed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from enricher.core.catalog import Catalog
from enricher.core.document import DriftDoc, Json, iso
from enricher.core.finding import Finding
from enricher.core.rules import Rules
from enricher.model import Alert, Severity

REASONS = {
    "platform_name": "Sumo Logic's label is no platform's name here",
    "other_platform": "Sumo Logic's label is another platform's name: its query reads the host name otherwise",
    "no_platform": "the query has no name for this platform",
    "suspicious_regex": "an unanchored expression of the query took a part of the image for a tool",
    "only_in_sumos_list": "the query calls the program suspicious; here it is of no tool's class and does not lie about itself",
    "not_in_sumos_list": "the program is of a tool's class here, and the query does not list it",
    "identity": "the process lies about what it is, which the query does not look at",
    "no_flag": "the column is there, and neither true nor false",
    "insight_severity": "Cloud SIEM's severity is not the one that the evidence has",
}
"""Every reason there is, and what it means."""

MAX_DIFFERENCES = 20
"""Of one case: a column can hold any text, and another in each row."""
MAX_TEXT = 100

Columns = Mapping[int, Mapping[str, str]]
"""Of every row of the alert, by its number."""

_SEED_LABELS = {
    "S1": "Cloudflare Workers",
    "S2": "Cloudflare Workers",
    "S3": "Google Cloud Functions",
    "S4": "AWS Lambda",
    "S5": "AWS Lambda",
    "S6": "Azure Functions",
    "S7": "Azure Functions",
    "S8": "Netlify Functions",
    "S9": "Vercel Serverless",
    "S10": "Google Apps Script",
}
"""What the seed's query calls the platforms of its ten patterns; it knows no others."""
_NO_LABEL = re.compile(r"(?:other|unknown|unclassified|none|null|n/a|-)\b.*|-", re.IGNORECASE)
_SEED_TOOLS = re.compile(
    r"(?:powershell|pwsh|cmd|wscript|cscript|mshta|rundll32|regsvr32|msbuild|python.*|node|curl|wget|wmic|bitsadmin)\.exe"
)
"""The seed's own expression, as unanchored as it stands there."""
_TRUE, _FALSE = frozenset({"1", "1.0", "true", "yes"}), frozenset({"0", "0.0", "false", "no"})
_SEVERITIES = frozenset(severity.value for severity in Severity)
_WITHIN = {Severity.INFORMATIONAL: Severity.LOW.value, Severity.CRITICAL: Severity.HIGH.value}
"""Cloud SIEM's own algorithm gives LOW, MEDIUM and HIGH: what it may mean where we have a band more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRecord:
    """One difference on one day (UTC). `cases` showed it for the first time that day; `rows` brought it."""

    day: date
    field: str
    sumo: str
    ours: str
    reason: str
    cases: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryVersion:
    """One version of a monitor's query, by the digest of its text, and between when it was in use."""

    source: str
    monitor: str | None
    digest: str
    first_at: datetime
    last_at: datetime


def query_digest(query: str | None) -> str | None:
    """`sha256:` and 64 hex digits over the query with each run of white space as one blank; None for no query."""
    words = (query or "").split()
    return "sha256:" + sha256(" ".join(words).encode("utf-8", "replace")).hexdigest() if words else None


def drift_document(days: int, records: Sequence[DriftRecord], queries: Sequence[QueryVersion]) -> Json:
    """What the API, the console and `enricher drift` show of the last `days`, JSON-ready."""
    return {
        "days": days,
        "drift": [
            {
                "day": record.day.isoformat(),
                "field": record.field,
                "sumo": record.sumo,
                "ours": record.ours,
                "reason": record.reason,
                "cases": record.cases,
                "rows": record.rows,
            }
            for record in records
        ],
        "queries": [
            {
                "source": version.source,
                "monitor": version.monitor,
                "digest": version.digest,
                "first_at": iso(version.first_at),
                "last_at": iso(version.last_at),
            }
            for version in queries
        ],
    }


def drift(alert: Alert, columns: Columns, rows: Sequence[int], findings: Sequence[Finding], rules: Rules) -> list[DriftDoc]:
    """Where Sumo Logic says something else of a case, each difference once with its rows; at most twenty.

    The first of `findings` speaks for the case; a label that is right for any of them is no difference.
    """
    found: dict[tuple[str, str], DriftDoc] = {}
    right = {name for finding in findings for name in _names(finding, rules.catalog)}
    for index in rows:
        said = columns.get(index, {})
        for one in (
            _platform(said.get("serverlessplatform"), findings[0], right, rules.catalog),
            _flag(said.get("issuspicious"), findings),
        ):
            if one is not None:
                found.setdefault((one["field"], one["sumo"]), one)["rows"].append(index)
    return [*_insight(alert, findings[0]), *(found[key] for key in sorted(found))][:MAX_DIFFERENCES]


def _difference(field: str, sumo: str, ours: str, reason: str) -> DriftDoc:
    return DriftDoc(field=field, sumo=sumo[:MAX_TEXT], ours=ours, reason=reason, rows=[])


def _names(finding: Finding, catalog: Catalog) -> set[str]:
    """What Sumo Logic may call the platforms of the finding's names: as we do, or as the seed did.

    Where a family has no tenants its platforms are one contact: a call of an Apps Script looks up two names of two platforms.
    """
    signal = finding.graded.facts.signal
    hosts = {signal.host, *signal.candidates, *(query.name for query in signal.queries)}
    platforms = [signal.platform, *(found.platform for found in map(catalog.match, hosts) if found)]
    seeds = (_SEED_LABELS.get(platform.seed_pattern or "") for platform in platforms)
    return {name for name in (*(platform.name for platform in platforms), *seeds) if name}


def _platform(label: str | None, top: Finding, right: Collection[str], catalog: Catalog) -> DriftDoc | None:
    ours = top.graded.facts.signal.platform
    if not label or label in right:
        return None
    if _NO_LABEL.fullmatch(label):
        reason = "no_platform"
    elif label in _SEED_LABELS.values() or any(label == platform.name for platform in catalog.platforms.values()):
        reason = "other_platform"
    else:
        reason = "platform_name"
    return _difference("serverless_platform", label, ours.name, reason)


def _flag(said: str | None, findings: Sequence[Finding]) -> DriftDoc | None:
    ours = any(finding.graded.is_suspicious for finding in findings)
    if not said or (said.lower() in _TRUE) is ours:
        return None
    return _difference("is_suspicious", said, str(int(ours)), _why_flag(said.lower(), findings, ours=ours))


def _why_flag(said: str, findings: Sequence[Finding], *, ours: bool) -> str:
    if not ours:
        images = [(finding.graded.facts.signal.process.image or "").lower() for finding in findings]
        return "suspicious_regex" if any(_SEED_TOOLS.search(image) for image in images) else "only_in_sumos_list"
    if said not in _FALSE:
        return "no_flag"
    lies = all(finding.graded.identity for finding in findings if finding.graded.is_suspicious)
    return "identity" if lies else "not_in_sumos_list"


def _insight(alert: Alert, top: Finding) -> list[DriftDoc]:
    """Where Cloud SIEM gave another severity than the evidence has, before any tuning rule; a word not known is its medium."""
    said, ours = alert.insight.severity if alert.insight else None, top.graded.severity
    if said is None:
        return []
    word = said.lower() if said.lower() in _SEVERITIES else Severity.MEDIUM.value
    if word in {ours.value, _WITHIN.get(ours)}:
        return []
    return [_difference("insight_severity", said, ours.value, "insight_severity")]
