"""One case's findings → the case document (design §4.3): every word an analyst, a ticket or an API client reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from hashlib import sha256

from enricher.core.commands import decoded_forms
from enricher.core.document import (
    AncestorDoc,
    BeaconDoc,
    CaseDocument,
    DestinationDoc,
    DriftDoc,
    EnrichmentDoc,
    Json,
    ProcessDoc,
)
from enricher.core.finding import Finding
from enricher.core.grade import digest
from enricher.core.join import Ancestor
from enricher.core.rules import Rules
from enricher.model import (
    Alert,
    Connection,
    DnsQuery,
    Enrichment,
    Event,
    FileCreate,
    ProcessCreate,
    ScriptBlock,
    Severity,
    Status,
)

_EVENT_IDS: Mapping[type[Event], int] = {ProcessCreate: 1, Connection: 3, FileCreate: 11, DnsQuery: 22, ScriptBlock: 4104}
MAX_EVIDENCE = 40
MAX_TEXT = 4_000
_ANSWERED = frozenset({Status.OK, Status.STALE})

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


def event_id(event: Event) -> int:
    """1, 3, 11, 22 or 4104."""
    return _EVENT_IDS[type(event)]


def case_key(detection: str, host: str, target: str, kind: str) -> str:
    """`enricher-` and 16 hex digits: the same in tickets, threads and links, for ever."""
    return "enricher-" + sha256(f"{detection}|{host}|{target}|{kind}".encode()).hexdigest()[:16]


def key_of(finding: Finding, rules: Rules) -> str:
    """The key of the case a finding belongs to: detection, host, tenant (else family) and process class."""
    facts = finding.graded.facts
    return case_key(rules.detection.id, facts.signal.process.computer, facts.signal.target, facts.program.kind)


def case_document(
    findings: Sequence[Finding], rows: Iterable[int], events: Sequence[Event], alert: Alert, rules: Rules
) -> CaseDocument:
    """Build the document of one case. The highest finding speaks for it; all are listed."""
    ordered = sorted(findings, key=lambda f: f.order)
    top = ordered[0]
    graded, facts, signal = top.graded, top.graded.facts, top.graded.facts.signal
    ledger = [*graded.ledger, *top.tuned.steps]
    score = round(top.tuned.score)
    times = _times(findings)
    count = sum(f.graded.facts.signal.contacts for f in findings)
    where = sorted(set(rows))
    return CaseDocument(
        key=key_of(top, rules),
        title=_title(top),
        summary=_summary(top, count, times),
        detection=rules.detection.id,
        technique={
            "id": rules.detection.id,
            "name": rules.detection.name,
            "tactic": rules.detection.tactic,
            "url": rules.detection.url,
        },
        host=signal.process.computer,
        user=signal.process.user,
        rows=where,
        severity=top.tuned.severity.value,
        score=score,
        raw_severity=graded.severity.value,
        raw_score=graded.score,
        verdict=top.verdict.value,
        confidence=graded.confidence,
        disposition=_disposition(top),
        platform={
            "id": signal.platform.id,
            "name": signal.platform.name,
            "provider": signal.platform.provider,
            "category": signal.platform.category,
            "family": signal.platform.family,
            "seed_pattern": signal.platform.seed_pattern,
        },
        hostname=signal.host,
        hostname_source=signal.source,
        hostname_factor=signal.factor,
        candidates=list(signal.candidates),
        tenant=signal.tenant,
        destination=_destination(top),
        process=_process(top),
        lineage=[_ancestor(a) for a in facts.ancestors],
        enrichments=_enrichments(findings),
        beacon=_beacon(top),
        dns_anomalies=list(facts.dns_anomalies),
        first_seen_estate=None,
        prevalence=None,
        shared_hosts=[],
        ledger=ledger,
        ledger_digest=digest(ledger),
        exceptions=list(top.tuned.exceptions),
        drift=_drift(alert, where, findings),
        missing=_missing(top, alert),
        next_steps=_next_steps(top, rules),
        tickets=[],
        first_seen=iso(times[0]) if times else None,
        last_seen=iso(times[-1]) if times else None,
        count=count,
        findings=[_line(f) for f in ordered],
        links=_links(alert),
        evidence=[evidence(e) for e in events[:MAX_EVIDENCE]],
    )


def iso(at: datetime) -> str:
    """UTC with milliseconds and a Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _disposition(top: Finding) -> str:
    if top.tuned.suppressed:
        return "suppressed"
    return "informational" if top.tuned.severity is Severity.INFORMATIONAL else "open"


def _times(findings: Sequence[Finding]) -> list[datetime]:
    contacts = [e for f in findings for e in (*f.graded.facts.signal.connections, *f.graded.facts.signal.queries)]
    times = sorted(t for e in contacts for t in (e.at, e.last_at) if t is not None)
    if times:
        return times
    return sorted(c.at for f in findings if (c := f.graded.facts.signal.process.created) is not None and c.at is not None)


# --- words ----------------------------------------------------------------------------------------------------------


def shown_name(image: str | None) -> str | None:
    """The last part of a path, in lower case, as `process.name` prints it."""
    return image.replace("/", "\\").rpartition("\\")[2].lower() if image else None


def _short(host: str) -> str:
    return host.partition(".")[0] or "an unknown host"


def _verb(top: Finding) -> str:
    facts = top.graded.facts
    if facts.beacon is not None and facts.beacon.name in {"exact_timer", "regular"} and facts.signal.connections:
        return "beacons to"
    if facts.signal.connections:
        return "contacted"
    return "asked for" if facts.signal.queries else "was told to contact"


def _title(top: Finding) -> str:
    facts = top.graded.facts
    name = shown_name(facts.signal.process.image) or "an unknown process"
    parent = shown_name(facts.ancestors[0].image) if facts.ancestors else None
    under = f" under {parent}" if parent else ""
    target = facts.signal.tenant or facts.signal.host
    return f"{name}{under} {_verb(top)} {target} from {_short(facts.signal.process.computer)}"


def _summary(top: Finding, count: int, times: Sequence[datetime]) -> str:
    facts, signal = top.graded.facts, top.graded.facts.signal
    name = shown_name(signal.process.image) or "A process whose name is not known"
    chain = [shown_name(a.image) or "an unknown process" for a in reversed(facts.ancestors)]
    started = " → ".join([*chain, name]) if chain else name
    renamed = ""
    if "renamed" in top.graded.identity and facts.program.known_as:
        renamed = f" (really {facts.program.known_as})"
    what = (
        f"the {signal.platform.name} tenant {signal.tenant}"
        if signal.tenant
        else f"{signal.platform.name} at {signal.host}"
    )
    often = "once" if count == 1 else f"{count} times"
    beacon = facts.beacon
    every = ""
    if beacon is not None and beacon.name in {"exact_timer", "regular"} and beacon.period_s:
        every = f", every {beacon.period_s:g} s ({beacon.name.replace('_', ' ')})"
    since = f", first at {times[0]:%Y-%m-%d %H:%M:%S} UTC" if times else ""
    verb = {"beacons to": "contacted"}.get(_verb(top), _verb(top))
    return f"{started}{renamed} on {signal.process.computer or 'an unknown host'} {verb} {what} {often}{every}{since}."


def _next_steps(top: Finding, rules: Rules) -> list[str]:
    signal = top.graded.facts.signal
    words = {
        "{host}": signal.process.computer or "the host",
        "{tenant}": signal.tenant or signal.host,
        "{user}": signal.process.user or "the user",
        "{platform}": signal.platform.name,
        "{process}": shown_name(signal.process.image) or "the process",
    }
    return [_filled(line, words) for line in rules.next_steps.get(top.tuned.severity.value, ())]


def _filled(line: str, words: Mapping[str, str]) -> str:
    for placeholder, word in words.items():
        line = line.replace(placeholder, word)
    return line


def _missing(top: Finding, alert: Alert) -> list[str]:
    lacking = list(top.graded.missing)
    if top.graded.facts.signal.process.user is None:
        lacking.append("user: not in the events at hand")
    if not top.graded.facts.signal.process.computer:
        lacking.append("host: no row named one")
    if alert.truncated:
        total = f"{alert.rows_total}" if alert.rows_total is not None else "an unknown number of"
        lacking.append(f"rows: {len(alert.rows)} of {total} received, Sumo Logic cut the rest")
    return lacking


# --- facts ----------------------------------------------------------------------------------------------------------


def _destination(top: Finding) -> DestinationDoc:
    facts = top.graded.facts
    contact = facts.address
    address = contact.ip if contact else next((a for q in facts.signal.queries for a in q.answers or ()), None)
    said = {e.source: e.detail for e in facts.enrichments if e.about == address and e.status in _ANSWERED}
    asn = said.get("asn", {})
    asns, names = asn.get("asns"), said.get("ptr", {}).get("names")
    return DestinationDoc(
        ip=address,
        port=contact.port if contact else None,
        ptr=str(names[0]) if isinstance(names, Sequence) and names else None,
        asn=int(asns[0]) if isinstance(asns, Sequence) and asns else None,
        holder=_text_or_none(asn.get("holder")),
        prefix=_text_or_none(asn.get("prefix")),
        country=_text_or_none(asn.get("country")),
        consistent=_consistent(asns, facts.signal.platform.expected_asn, facts.signal.platform.asn_confidence),
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _consistent(asns: object, expected: frozenset[int], confidence: str) -> bool | None:
    """Whether the address belongs to the platform; unknown unless its network is known well enough for a mismatch to mean
    something (docs/evidence.md, "Platform consistency").
    """
    if not isinstance(asns, Sequence) or not asns or not expected or confidence == "unverified":
        return None
    return not expected.isdisjoint(int(a) for a in asns)


def _process(top: Finding) -> ProcessDoc:
    process, program = top.graded.facts.signal.process, top.graded.facts.program
    created = process.created
    line = process.command_line
    decoded = list(decoded_forms(line)) if line else []
    info = created.version_info if created else {}
    return {
        "image": process.image,
        "name": shown_name(process.image),
        "class": program.kind,
        "guid": process.guid,
        "pid": process.pid,
        "command_line": line,
        "decoded": [*decoded, *process.scripts] or None,
        "original_file_name": info.get("original_file_name"),
        "company": info.get("company"),
        "hashes": dict(created.hashes) if created else {},
        "identity": list(top.graded.identity),
        "is_suspicious": top.graded.is_suspicious,
        "is_browser": program.verified_browser,
    }


def _ancestor(ancestor: Ancestor) -> AncestorDoc:
    return AncestorDoc(
        image=ancestor.image,
        name=shown_name(ancestor.image),
        command_line=ancestor.command_line,
        guid=ancestor.guid,
        pid=ancestor.pid,
        user=ancestor.user,
        source=ancestor.source,
    )


def _enrichments(findings: Sequence[Finding]) -> list[EnrichmentDoc]:
    seen: dict[tuple[str, str], Enrichment] = {}
    for finding in findings:
        for enrichment in finding.graded.facts.enrichments:
            seen.setdefault((enrichment.about, enrichment.source), enrichment)
    return [
        EnrichmentDoc(
            source=e.source, about=e.about, status=e.status.value, detail=dict(e.detail), age_s=e.age_s, reason=e.reason
        )
        for _, e in sorted(seen.items())
    ]


def _beacon(top: Finding) -> BeaconDoc | None:
    beacon = top.graded.facts.beacon
    if beacon is None:
        return None
    return {
        "class": beacon.name,
        "period_s": beacon.period_s,
        "score": beacon.score,
        "sightings": beacon.sightings,
        "reason": beacon.reason,
    }


def _drift(alert: Alert, rows: Sequence[int], findings: Sequence[Finding]) -> list[DriftDoc]:
    """Where Sumo's own columns say something else than we do, each difference once."""
    platform = findings[0].graded.facts.signal.platform
    suspicious = any(f.graded.is_suspicious for f in findings)
    drift: dict[tuple[str, str], DriftDoc] = {}
    of = {row.index: row.columns for row in alert.rows}
    for index in rows:
        label = of.get(index, {}).get("serverlessplatform")
        if label and label not in {platform.name, _SEED_LABELS.get(platform.seed_pattern or "")}:
            drift["serverless_platform", label] = DriftDoc(field="serverless_platform", sumo=label, ours=platform.name)
        said = of.get(index, {}).get("issuspicious")
        if said and (said.lower() in {"1", "1.0", "true"}) is not suspicious:
            drift["is_suspicious", said] = DriftDoc(field="is_suspicious", sumo=said, ours=str(int(suspicious)))
    return [drift[key] for key in sorted(drift)]


def _line(finding: Finding) -> Json:
    facts = finding.graded.facts
    return {
        "image": facts.signal.process.image,
        "guid": facts.signal.process.guid,
        "pid": facts.signal.process.pid,
        "hostname": facts.signal.host,
        "hostname_source": facts.signal.source,
        "contacts": facts.signal.contacts,
        "score": round(finding.tuned.score),
        "raw_score": finding.graded.score,
        "severity": finding.tuned.severity.value,
        "verdict": finding.verdict.value,
    }


def _links(alert: Alert) -> dict[str, str]:
    links = {"sumo_alert": alert.alert_url, "sumo_query": alert.query_url, "sumo_monitor": alert.source_url}
    return {name: url for name, url in links.items() if url and url.startswith(("https://", "http://"))}


def evidence(event: Event) -> Json:
    """An event as it was read, nulls left out, long texts cut."""
    shown: Json = {"event_id": event_id(event)}
    for field in fields(event):
        value = getattr(event, field.name)
        if value is None or value in ({}, ()):
            continue
        shown[field.name] = _plain(value)
    return shown


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]} … {len(value) - MAX_TEXT} more characters"
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
