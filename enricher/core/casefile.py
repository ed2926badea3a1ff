"""One case's findings → the case document (design §4.3): every fact an analyst, a ticket or an API client reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256

from enricher.core.behaviour import beacon_document
from enricher.core.consistency import consistency_of, contacted
from enricher.core.document import (
    AncestorDoc,
    BeaconDoc,
    CaseDocument,
    DestinationDoc,
    EnrichmentDoc,
    EstateDoc,
    ExceptionDoc,
    HistoryDoc,
    InsightDoc,
    Json,
    PlatformDoc,
    ProcessDoc,
    TechniqueDoc,
    iso,
)
from enricher.core.drift import Columns, drift
from enricher.core.evidence import cut, evidence
from enricher.core.finding import Finding
from enricher.core.gather import Facts
from enricher.core.grade import digest
from enricher.core.hunting import what_next
from enricher.core.join import Ancestor
from enricher.core.rules import Detection, Platform, Rules
from enricher.core.wording import missing, shown_name, summary, title
from enricher.model import Alert, Enrichment, Event, Severity, Status

MAX_EVIDENCE = 40
MAX_FINDINGS = 40
MAX_CONTACTS = 200
MAX_DECODED = 8
MAX_LINE = 8_192
"""Characters of a line in the document: what Windows' own shell takes. The grade has read all of it."""
_ANSWERED = frozenset({Status.OK, Status.STALE})


def case_key(detection: str, host: str, target: str, kind: str) -> str:
    """`enricher-` and 16 hex digits: the same in tickets, threads and links, for ever."""
    return "enricher-" + sha256(f"{detection}|{host}|{target}|{kind}".encode()).hexdigest()[:16]


def case_document(
    key: str,
    findings: Sequence[Finding],
    rows: Iterable[int],
    events: Sequence[Event],
    alert: Alert,
    columns: Columns,
    rules: Rules,
) -> CaseDocument:
    """Build the document of one case. The finding that speaks for it comes first, as `Finding.order` has them."""
    ordered = sorted(findings, key=lambda f: f.order)
    top = ordered[0]
    graded, facts, signal = top.graded, top.graded.facts, top.graded.facts.signal
    ledger, detection = [*graded.ledger, *top.tuned.steps], rules.detection_of(signal.platform)
    times, where, count = _times(findings), sorted(set(rows)), sum(f.graded.facts.signal.contacts for f in findings)
    return CaseDocument(
        key=key,
        title=title(top),
        summary=summary(top, count, times),
        detection=detection.id,
        technique=_technique(detection),
        host=signal.process.computer,
        user=signal.process.user,
        rows=where,
        severity=top.tuned.severity.value,
        score=round(top.tuned.score),
        raw_severity=graded.severity.value,
        raw_score=graded.score,
        verdict=top.verdict.value,
        confidence=graded.confidence,
        disposition=_disposition(top),
        platform=_platform(signal.platform),
        hostname=signal.host,
        hostname_source=signal.source,
        hostname_factor=signal.factor,
        candidates=_other_names(ordered),
        tenant=signal.tenant,
        destination=_destination(top),
        process=_process(top),
        lineage=[_ancestor(a) for a in facts.ancestors],
        enrichments=_enrichments(findings),
        beacon=_beacon(top),
        dns_anomalies=list(facts.dns_anomalies),
        **_history(facts),
        estate=_estate(findings, top, rules),
        ledger=ledger,
        ledger_digest=digest(ledger),
        exceptions=_exceptions(ordered),
        drift=drift(alert, columns, where, ordered, rules),
        missing=missing(top, alert),
        **what_next(top, alert, rules, times),
        tickets=[],
        first_seen=_iso(min(times, default=None)),
        last_seen=_iso(max(times, default=None)),
        count=count,
        findings=[_line(f) for f in ordered[:MAX_FINDINGS]],
        links=_links(alert),
        insight=_insight(alert),
        evidence=[evidence(e) for e in events[:MAX_EVIDENCE]],
    )


def _history(facts: Facts) -> HistoryDoc:
    return HistoryDoc(
        earlier_titles=[],
        first_seen_estate=_iso(facts.novelty.first_seen),
        prevalence=facts.novelty.hosts,
        shared_hosts=list(facts.novelty.others),
        history_since=_iso(facts.horizon.since if facts.horizon else None),
        contacts=[iso(at) for at in facts.contacts[-MAX_CONTACTS:]],
    )


def _iso(at: datetime | None) -> str | None:
    return iso(at) if at is not None else None


def _other_names(findings: Sequence[Finding]) -> list[str]:
    """What else the contacts may have been to, of all findings."""
    signals = [finding.graded.facts.signal for finding in findings]
    return sorted({name for s in signals for name in (s.host, *s.candidates)} - {signals[0].host})


def _technique(detection: Detection) -> TechniqueDoc:
    return {"id": detection.id, "name": detection.name, "tactic": detection.tactic, "url": detection.url}


def _platform(row: Platform) -> PlatformDoc:
    return {
        "id": row.id,
        "name": row.name,
        "provider": row.provider,
        "category": row.category,
        "family": row.family,
        "seed_pattern": row.seed_pattern,
    }


def _exceptions(findings: Sequence[Finding]) -> list[ExceptionDoc]:
    """The tuning rules that matched any finding, each once, those of the speaking one first."""
    found: dict[str, ExceptionDoc] = {}
    for exception in (e for finding in findings for e in finding.tuned.exceptions):
        found.setdefault(exception["rule"], exception)
    return list(found.values())


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


# --- facts ----------------------------------------------------------------------------------------------------------


def _destination(top: Finding) -> DestinationDoc:
    facts = top.graded.facts
    contact, address, belongs = facts.address, contacted(facts), consistency_of(facts)
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
        origin=_text_or_none(asn.get("origin")),
        consistent=belongs.consistent,
        consistency=belongs.why if address else None,
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _process(top: Finding) -> ProcessDoc:
    process, program = top.graded.facts.signal.process, top.graded.facts.program
    created = process.created
    line = process.command_line
    decoded = [cut(text, MAX_LINE) for text in (*top.graded.facts.decoded, *process.scripts)[:MAX_DECODED]]
    info = created.version_info if created else {}
    return {
        "image": process.image,
        "name": shown_name(process.image),
        "class": program.kind,
        "guid": process.guid,
        "pid": process.pid,
        "command_line": cut(line, MAX_LINE) if line else None,
        "decoded": decoded or None,
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
        command_line=cut(ancestor.command_line, MAX_LINE) if ancestor.command_line else None,
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
    return beacon_document(beacon) if beacon else None


def _estate(findings: Sequence[Finding], top: Finding, rules: Rules) -> EstateDoc | None:
    process = top.graded.facts.signal.process
    contacts = (event.at for finding in findings for event in finding.graded.facts.signal.counted if event.at)
    return rules.estate.described(process.computer, process.user, contacts)


def _insight(alert: Alert) -> InsightDoc | None:
    of = alert.insight
    if of is None:
        return None
    return InsightDoc(id=of.id, readable_id=of.readable_id, severity=of.severity, entity=of.entity, url=of.url)


def _line(finding: Finding) -> Json:
    facts = finding.graded.facts
    return {
        "image": facts.signal.process.image,
        "guid": facts.signal.process.guid,
        "pid": facts.signal.process.pid,
        "hostname": facts.signal.host,
        "hostname_source": facts.signal.source,
        "contacts": facts.signal.contacts,
        "connections": sum(event.count for event in facts.signal.connections),
        "queries": sum(event.count for event in facts.signal.queries),
        "score": round(finding.tuned.score),
        "raw_score": finding.graded.score,
        "severity": finding.tuned.severity.value,
        "verdict": finding.verdict.value,
    }


def _links(alert: Alert) -> dict[str, str]:
    links = {"sumo_alert": alert.alert_url, "sumo_query": alert.query_url, "sumo_monitor": alert.source_url}
    return {name: url for name, url in links.items() if url and url.startswith(("https://", "http://"))}
