"""Contacts, history and look-ups as rows of a label and what is known under it."""

from __future__ import annotations

from dataclasses import dataclass

from enricher.core import phrases
from enricher.core.document import BeaconDoc, CaseDocument, EnrichmentDoc
from enricher.core.strip import Strip, strip
from enricher.web.text import defang, number, when

Row = tuple[str, str]
"""A label and what is known under it, which may hold text from logs."""

STRIP_PLACES = 500


def contact_strip(document: CaseDocument) -> Strip | None:
    """The contacts to draw; None where none has a time."""
    return strip(document["contacts"], places=STRIP_PLACES)


def behaviour(document: CaseDocument) -> list[Row]:
    """How regular the contacts are, and over which of them that was judged."""
    beacon = document["beacon"]
    if beacon is None:
        return [("Contacts", phrases.how_many(document)), ("Rhythm", "not known")]
    reason = f": {beacon['reason']}" if beacon["reason"] else ""
    here, there = phrases.windows(beacon)
    rows = [
        ("Contacts", phrases.how_many(document)),
        ("Rhythm", f"{phrases.rhythm(beacon)}{reason}"),
        ("Judged over", "; ".join(filter(None, (here, there)))),
        *_finer(beacon),
        ("DNS", ", ".join(document["dns_anomalies"])),
    ]
    return [(label, text) for label, text in rows if text]


def _finer(beacon: BeaconDoc) -> list[Row]:
    """What is said only where there is something to say."""
    score, beats, times = beacon["score"], beacon["beats"], beacon["sightings"]
    return [
        ("Score", "" if score is None else f"{number(score)} of 1"),
        ("Beats", f"{beats}, of {times} times" if beats and beats != times else ""),
        ("Bursts", f"{beacon['bursts']}" if beacon["bursts"] else ""),
        ("Queries", f"asked again: {beacon['requery']}" if beacon["requery"] else ""),
        ("Clock", "the times are whole seconds" if (beacon["resolution_s"] or 0) >= 1 else ""),
        ("Cut", "there were more contacts than are known here" if beacon["truncated"] else ""),
    ]


def history(document: CaseDocument) -> list[Row]:
    """How new and how common the target is, as far as is known, and why no more is."""
    why = dict(map(phrases.parts_of, document["missing"])).get("history", "")
    first, hosts, since = document["first_seen_estate"], document["prevalence"], document["history_since"]
    rows = [
        ("First seen", when(first) if first else "not known"),
        ("Seen on", "" if hosts is None else f"{hosts} host{'' if hosts == 1 else 's'}"),
        ("Kept since", when(since) if since else ""),
        ("Note", why),
    ]
    return [(label, text) for label, text in rows if text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look-up in words. `status` is the fixed word; `said` what was found, or why nothing was."""

    source: str
    about: str
    status: str
    age: str
    said: str


def not_asked(document: CaseDocument) -> list[str]:
    """Why look-ups were not made, each reason once."""
    reasons = (answer["reason"] or "switched off" for answer in document["enrichments"] if answer["status"] == _OFF)
    return list(dict.fromkeys(reasons))


_OFF = "disabled"


def lookups(document: CaseDocument) -> list[Look]:
    """Every look-up that was made, with its end, its age and its answer or reason; a name that was asked about is defanged."""
    return [
        Look(
            source=phrases.LOOKUPS.get(answer["source"], answer["source"]),
            about=str(defang(answer["about"]) if answer["source"] == "forward" else answer["about"]),
            status=answer["status"],
            age=phrases.asked_ago(answer),
            said="; ".join(filter(None, (_found(document, answer), answer["reason"]))),
        )
        for answer in document["enrichments"]
        if answer["status"] != _OFF
    ]


def _found(document: CaseDocument, answer: EnrichmentDoc) -> str:
    """The owner is told beside the address; here only who says so."""
    if answer["source"] == "asn":
        return phrases.origin(document["destination"], [answer])
    said = phrases.found(answer)
    return said if answer["source"] in {"ranges", "forward"} else str(defang(said))
