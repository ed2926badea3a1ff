"""The evidence of a case in plain sentences, the same on the console, in a terminal and in a ticket.

What comes out may hold text from logs: whoever shows it makes it harmless. A fact that an older case lacks is not spoken of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from enricher.core.document import CaseDocument, EnrichmentDoc
from enricher.core.strip import moment, strip

SOURCES: Mapping[str, str] = {
    "observed": "observed",
    "payload": "columns",
    "history": "history",
    "search": "Sumo search",
    "missing": "missing",
}
"""Where a link of the lineage is known from."""

ANCESTORS = ("parent process", "grandparent process", "third ancestor", "fourth ancestor")
"""What `missing` calls the links of the lineage, the nearest first."""

MOST_CONTACTS = 200
"""As many as a case lists: there may have been more before."""
NAMED_HOSTS = 5
SAME_TIME = timedelta(minutes=1)
"""Two first contacts that are no further apart are one and the same."""
TIMERS = frozenset({"exact_timer", "regular"})

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_FINEST, _FINE = 10, 120
"""Seconds up to which a period is given with two decimals, and with one."""


def span(seconds: float) -> str:
    """A length of time in its largest two units: `2 d 3 h`, `4 min 5 s`, `30 s`."""
    rest, parts = round(seconds), []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or f"{seconds:.2g} s"


def age(seconds: float) -> str:
    """How old something is, in its largest unit: `2 d`, `3 min`, `just asked`."""
    return next((f"{int(seconds // size)} {unit}" for unit, size in _UNITS if seconds >= size), "just asked")


def asked_ago(answer: EnrichmentDoc) -> str:
    """The age of a look-up's answer; empty where nothing was asked."""
    return "" if answer["status"] in {"disabled", "not_applicable"} else age(answer["age_s"] or 0)


def parts_of(fact: str) -> tuple[str, str]:
    """One line of `missing` as what is missing and why: `rhythm: 4 are needed`. The why is empty where none is given."""
    what, _, why = fact.partition(": ")
    return what, why


def decoded(process: Mapping[str, Any]) -> list[str]:
    """What the command line says once decoded, without what stands in the line as it is."""
    line = process.get("command_line") or ""
    return [text for text in process.get("decoded") or () if text not in line]


# --- contacts -------------------------------------------------------------------------------------------------------


def contacts(document: CaseDocument) -> str:
    """`24 contacts in 11 min 34 s, every 30.1 s ± 1 % (exact_timer)`."""
    beacon: Mapping[str, Any] | None = document["beacon"]
    if not beacon:
        return how_many(document)
    here, there = windows(beacon)
    differs = there and beacon["other"] != beacon["class"]
    return f"{how_many(document)}, {rhythm(beacon)}{f' over {here}; {there}' if differs else ''}"


def how_many(document: CaseDocument) -> str:
    """`24 contacts in 11 min 34 s`; of an older case what it counted."""
    times = document.get("contacts") or [at for at in (document["first_seen"], document["last_seen"]) if at]
    shown = strip(times, places=2)
    count = shown.contacts if shown and document.get("contacts") else document["count"] or 0
    said = f"{'the last ' if count == MOST_CONTACTS else ''}{count} contact{'' if count == 1 else 's'}"
    if shown is None:
        return f"{said} without a time"
    if count == 1:
        return said
    return f"{said} in {span(shown.span_s)}" if shown.span_s else f"{said} at one instant"


def rhythm(beacon: Mapping[str, Any]) -> str:
    """`every 30.1 s ± 1 % (exact_timer)`, `median gap 12 min (irregular)`, or that there are too few to tell."""
    name, gap = beacon["class"] or "unknown", beacon["period_s"]
    if name == "insufficient":
        return "too few to tell a rhythm"
    if gap is None:
        return name
    jitter = _number(beacon.get("jitter"))
    spread = f" ± {100 * jitter:.2g} %" if jitter is not None and name in TIMERS else ""
    return f"{'every' if name in TIMERS else 'median gap'} {_period(gap)}{spread} ({name})"


def _period(seconds: float) -> str:
    if seconds >= _FINE:
        return span(seconds)
    return f"{seconds:.1f} s" if seconds >= _FINEST else f"{seconds:.2f} s"


_OWN, _DAY = "the contacts of this case", "the last 24 h"


def windows(beacon: Mapping[str, Any]) -> tuple[str, str]:
    """Over which contacts the class was found, and what the others gave: `the last 24 h`, `the contacts of this case: regular`.

    Both are empty where there are too few for any class, or the document does not say; the second where nothing else was judged.
    """
    window, other, name = beacon.get("window"), beacon.get("other"), beacon["class"]
    if window is None or (name == "insufficient" and other in {None, name}):
        return "", ""
    here, there = (_DAY, _OWN) if window == "24h" else (_OWN, _DAY)
    return here, f"{there}: {'the same' if other == name else other}" if other else ""


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


# --- history and estate ---------------------------------------------------------------------------------------------


def history(document: CaseDocument) -> str:
    """`first seen here 2026-11-21 01:52 UTC, 3 d before this case; 2 hosts: also ws-hr-0007`; empty where nothing is known."""
    return "; ".join(filter(None, (_first_seen(document), _hosts(document), _since(document))))


def _first_seen(document: CaseDocument) -> str:
    first, here = moment(document["first_seen_estate"]), moment(document["first_seen"])
    if first is None:
        return ""
    if here is not None and abs(here - first) <= SAME_TIME:
        return "first seen here with this case"
    before = f", {age((here - first).total_seconds())} before this case" if here is not None and here > first else ""
    return f"first seen here {first:%Y-%m-%d %H:%M} UTC{before}"


def _hosts(document: CaseDocument) -> str:
    count, others = document["prevalence"], document["shared_hosts"] or []
    if count is None:
        return ""
    if count <= 1:
        return "by this host alone"
    named = ", ".join(others[:NAMED_HOSTS])
    more = count - 1 - min(len(others), NAMED_HOSTS)
    rest = f" and {more} more" if named and more > 0 else ""
    return f"by {count} hosts" + (f", also {named}{rest}" if named else "")


def _since(document: CaseDocument) -> str:
    """Not where it is too short: that stands in `missing`, with the same date."""
    since = moment(document.get("history_since"))
    short = any(parts_of(fact)[0] == "history" for fact in document["missing"])
    return f"history since {since:%Y-%m-%d}" if since and not short else ""


def estate(document: CaseDocument) -> str:
    """`developer, groups developers, owner team-platform; in a maintenance window; service account`; empty where unknown."""
    known = document.get("estate")
    if not known:
        return ""
    groups = ", ".join(known["groups"] or ())
    host = [
        (known["role"] or "").replace("_", " "),
        f"groups {groups}" if groups else "",
        f"owner {known['owner']}" if known["owner"] else "",
    ]
    return "; ".join(
        filter(
            None,
            (
                ", ".join(filter(None, host)),
                "a contact fell into a maintenance window" if known["maintenance"] else "",
                "the account is a service account" if known["service_account"] else "",
            ),
        )
    )


# --- the address ----------------------------------------------------------------------------------------------------

_CONSISTENT = {
    True: "the address belongs to the platform that the name claims",
    False: "the address does not belong to the platform that the name claims",
    None: "whether the address belongs to the platform that the name claims is unknown",
}


def consistency(destination: Mapping[str, Any]) -> str:
    """Whether the address is the platform's, in one sentence; older cases say only yes, no or unknown."""
    return destination.get("consistency") or _CONSISTENT.get(destination.get("consistent"), _CONSISTENT[None])


LOOKUPS: Mapping[str, str] = {
    "asn": "Owner (ASN)",
    "ptr": "Reverse lookup (PTR)",
    "rdap": "Abuse contact (RDAP)",
    "forward": "Forward lookup",
    "ranges": "Published ranges",
}
"""Whom we asked, by source."""
NEVER_ANSWERED = frozenset({"timeout", "rate_limited", "error", "disabled"})
"""Ends of a look-up that say nothing of what was asked; they stand in `missing`, with their reasons."""
_FOUND = {"rdap": "abuse", "ptr": "names", "forward": "addresses"}
MOST_FOUND = 5

ORIGINS: Mapping[str, str] = {"mmdb": "offline database", "cymru": "Team Cymru"}


def origin(destination: Mapping[str, Any], enrichments: Sequence[EnrichmentDoc]) -> str:
    """Who says whose the address is: `offline database of 2026-11-01`, `Team Cymru`; empty where nobody does."""
    said = _detail(enrichments, "asn", destination.get("ip"))
    name, dated = said.get("origin") or destination.get("origin"), said.get("dated")
    return f"{ORIGINS.get(str(name), name)}{f' of {dated}' if dated else ''}" if name else ""


def published(destination: Mapping[str, Any], enrichments: Sequence[EnrichmentDoc]) -> str:
    """The published range that holds the address: `Cloudflare, 104.16.0.0/13, file of 2026-11-01`; empty where none does."""
    return _range(_detail(enrichments, "ranges", destination.get("ip")))


def _range(said: Mapping[str, Any]) -> str:
    dated = f"file of {said['dated']}" if said.get("dated") else None
    parts = [*(said.get(key) for key in ("provider", "service", "region", "prefix")), dated]
    return ", ".join(str(part) for part in parts if part)


def _detail(enrichments: Sequence[EnrichmentDoc], source: str, about: str | None) -> Mapping[str, Any]:
    answers = (e["detail"] for e in enrichments if e["source"] == source and e["about"] == about)
    return next(filter(None, answers), {})


def found(answer: EnrichmentDoc) -> str:
    """What a look-up found, in a few words; empty where it found nothing, and for the owner, which is told elsewhere."""
    said = answer["detail"] or {}
    if answer["source"] == "ranges":
        return _range(said)
    listed = said.get(_FOUND.get(answer["source"], ""))
    return ", ".join(str(one) for one in listed[:MOST_FOUND]) if isinstance(listed, list) else ""
