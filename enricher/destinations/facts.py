"""The facts table of a ticket: which facts a case has, in which order and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from enricher.core import phrases
from enricher.core.document import CaseDocument
from enricher.destinations.saying import UNKNOWN, Speaker, part_of
from enricher.destinations.text import defang_name
from enricher.model import Severity

BANDS: Mapping[Severity, str] = {
    Severity.CRITICAL: "80–100 critical",
    Severity.HIGH: "60–79 high",
    Severity.MEDIUM: "40–59 medium",
    Severity.LOW: "20–39 low",
    Severity.INFORMATIONAL: "0–19 informational",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of the facts table: `code` is the value as logged, `text` what is said about it. Either may be empty."""

    label: str
    code: str = ""
    text: str = ""

    @property
    def line(self) -> str:
        return ", ".join(filter(None, (self.code, self.text)))


def facts_of(document: CaseDocument, say: Speaker) -> dict[str, Fact]:
    """The facts by name, in the order in which they are printed. Left out: DNS where nothing was odd, history and estate where
    nothing is known of them.
    """
    rows = {name: fact(document, say) for name, fact in _FACTS.items()}
    return {name: fact for name, fact in rows.items() if fact.line}


def fact_of(name: str, document: CaseDocument, say: Speaker) -> Fact:
    """One fact alone."""
    return _FACTS[name](document, say)


def _severity(document: CaseDocument, say: Speaker) -> str:
    band = BANDS[Severity(document["severity"])]
    text = f"{document['score']}/100 ({band}), {verdict_of(document, say)}"
    if document["score"] != document["raw_score"] or document["severity"] != document["raw_severity"]:
        text += f"; before tuning {document['raw_score']}/100 {document['raw_severity']}"
    return text


def verdict_of(document: CaseDocument, say: Speaker) -> str:
    """`verdict malicious, confidence 0.9`."""
    return f"verdict {say.value(document['verdict'])}, confidence {document['confidence']:.2g}"


def _technique(document: CaseDocument, say: Speaker) -> str:
    technique = part_of(document, "technique")
    name = technique.get("name")
    return say.value(document["detection"]) + (f" {say.value(name)}" if name else "")


def _process(document: CaseDocument, say: Speaker) -> Fact:
    process = part_of(document, "process")
    details = [f"{label} {say.value(process[key])}" for key, label in _PROCESS if process.get(key) is not None]
    details += [", ".join(say.lines(process.get("identity") or ()))]
    return Fact("Process", say.command(process.get("image") or process.get("name")), ", ".join(filter(None, details)))


_PROCESS = (
    ("pid", "pid"),
    ("class", "class"),
    ("guid", "GUID"),
    ("original_file_name", "original name"),
    ("company", "company"),
)


def _platform(document: CaseDocument, say: Speaker) -> Fact:
    platform = part_of(document, "platform")
    category = platform.get("category")
    return Fact("Platform", text=say.value(platform.get("name")) + (f" ({say.value(category)})" if category else ""))


def _name(document: CaseDocument, say: Speaker) -> Fact:
    name = document["hostname"]
    if not name:
        return Fact("Name", text=UNKNOWN)
    shown = say.value(defang_name(name, part_of(document, "destination").get("port")))
    source = document["hostname_source"]
    return Fact("Name", shown, f"from {say.value(source)}" if source else "")


def _tenant(document: CaseDocument, say: Speaker) -> Fact:
    tenant = document["tenant"]
    if not tenant:
        return Fact("Tenant", text=f"none that can be told apart on {say.value(part_of(document, 'platform').get('name'))}")
    return Fact("Tenant", say.value(defang_name(tenant, 0)))


def _said(label: str, sentence: str, say: Speaker) -> Fact:
    return Fact(label, text=say.value(sentence) if sentence else "")


def _seen(document: CaseDocument, say: Speaker) -> str:
    return f"{say.value(document['first_seen'])} / {say.value(document['last_seen'])}"


def _address(document: CaseDocument, say: Speaker) -> str:
    to = part_of(document, "destination")
    if not to.get("ip"):
        return UNKNOWN
    owner = f"AS{to['asn']} {say.value(to['holder'])}" if to.get("asn") else to.get("holder") and say.value(to["holder"])
    port = f":{to['port']}" if to.get("port") is not None else ""
    known = [f"{say.value(to['ip'])}{port}", owner, *(say.value(to[key]) for key in ("prefix", "country") if to.get(key))]
    if to.get("ptr"):
        known.append(f"PTR {say.value(to['ptr'])} (set by the holder of the block)")
    if by := phrases.origin(to, document["enrichments"]):
        known.append(f"by {say.value(by)}")
    belongs = "" if _stands_in_missing(document, to) else say.value(phrases.consistency(to))
    return "; ".join(filter(None, (", ".join(filter(None, known)), belongs)))


def _stands_in_missing(document: CaseDocument, to: Mapping[str, Any]) -> bool:
    """Whether it is unknown if the address is the platform's, and a ticket says so already with what is missing."""
    told = ("owner of the address", "platform consistency")
    return to.get("consistent") is None and any(line.startswith(told) for line in document["missing"])


_FACTS: Mapping[str, Callable[[CaseDocument, Speaker], Fact]] = {
    "case": lambda document, _: Fact("Case", code=document["key"]),
    "severity": lambda document, say: Fact("Severity", text=_severity(document, say)),
    "detection": lambda document, say: Fact("Detection", text=_technique(document, say)),
    "host": lambda document, say: Fact("Host", text=say.value(document["host"])),
    "user": lambda document, say: Fact("User", text=say.value(document["user"])),
    "process": _process,
    "platform": _platform,
    "name": _name,
    "tenant": _tenant,
    "address": lambda document, say: Fact("Address", text=_address(document, say)),
    "beacon": lambda document, say: Fact("Beacon", text=say.value(phrases.contacts(document))),
    "dns": lambda document, say: Fact("DNS", text=", ".join(say.lines(document["dns_anomalies"]))),
    "seen": lambda document, say: Fact("First / last seen", text=_seen(document, say)),
    "history": lambda document, say: _said("History", phrases.history(document), say),
    "estate": lambda document, say: _said("Estate", phrases.estate(document), say),
}
