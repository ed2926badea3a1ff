"""A case seen again: what it becomes, and what of that is news to its tickets.

Only news is told, all of one occasion as one piece: severity up, a new process, a new host name, a further host, lineage found, an owner
found.
Repeats are counted, and now and then it is said that there are some. The stronger judgement stands, whichever came first: a later, weaker alert never lowers a case, and a tuning
rule that suppresses one alert hides nothing of another. Only a judgement of all that the stored one rests on takes its place, and may
be lower: the parent that comes an hour later turns out to be an IDE. It may not hide a case that is shown, nor forget a
sign of the process itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from enricher.core.casefile import MAX_CONTACTS, MAX_FINDINGS
from enricher.core.document import CaseDocument, Json, News, iso
from enricher.core.drift import MAX_DIFFERENCES
from enricher.core.wording import NOT_ALL_READ
from enricher.model import Severity, Status

_OF_THE_PROCESS = frozenset({"identity", "path", "command", "behaviour", "dns"})
_NOT_YET = "dns.never_connected"
"""The one sign that says what has not happened so far."""
_ANSWERED = frozenset({Status.OK.value, Status.STALE.value})
TOLD_HOSTS = 5
"""How many others that contact the same tenant are told of: what more of them use is a popular one, and every host would be news to all."""
MOST_TITLES = 10
SEEN_AFTER = timedelta(hours=1)
"""How long nothing must have been said of a case before it is said that contact goes on."""


def merge(
    stored: CaseDocument | None, new: CaseDocument, new_contacts: int, now: datetime, *, whole: bool = False
) -> tuple[CaseDocument, list[News]]:
    """Join `new` to what is stored. `new_contacts` are those of its contacts that were never seen before. `whole`: it was judged
    by all that the stored case rests on, and more.

    Returns the case as it stands, and the news with `seq` 0: whoever stores them numbers them. A case that nothing new was
    said of comes back as it was, without news.
    """
    if stored is None:
        return new, [_news("opened", now, new["summary"], [])]
    covers = whole and _covers(new, stored)
    stronger = _weight(new) > _weight(stored)
    better = covers and (stronger or (_keeps_signs(new, stored) and (_is_shown(new) or not _is_shown(stored))))
    stronger = stronger or better
    news = _news_of(stored, new, now, stronger=stronger)
    if new_contacts == 0 and not news and not better:
        return stored, []
    base, other = (new, stored) if stronger else (stored, new)
    merged = base.copy()
    merged["count"] = new["count"] if covers else stored["count"] + new_contacts
    merged["first_seen"] = new["first_seen"] if covers else _first(stored["first_seen"], new["first_seen"])
    merged["last_seen"] = new["last_seen"] if covers else _last(stored["last_seen"], new["last_seen"])
    merged["candidates"] = sorted(
        ({*stored["candidates"], *new["candidates"], *_names(stored), *_names(new)}) - {merged["hostname"] or ""}
    )
    merged["findings"] = new["findings"] if better else _joined(base["findings"], other["findings"])
    merged["drift"] = sorted(
        {(d["field"], d["sumo"]): d for d in (*stored["drift"], *new["drift"])}.values(),
        key=lambda d: (d["field"], d["sumo"]),
    )[:MAX_DIFFERENCES]
    merged["enrichments"] = sorted(
        {(e["about"], e["source"]): e for e in (*(() if covers else other["enrichments"]), *base["enrichments"])}.values(),
        key=lambda e: (e["about"], e["source"]),
    )
    merged["rows"] = new["rows"] or stored["rows"]
    merged["missing"] = [*_rows_missing(new, stored, merged), *merged["missing"]]
    merged["links"] = new["links"] or stored["links"]
    merged["insight"] = new.get("insight") or stored.get("insight")
    if _links(other) > _links(merged):
        merged["lineage"] = other["lineage"]
    merged["shared_hosts"] = max(new["shared_hosts"], stored.get("shared_hosts", []), key=len)
    merged["contacts"] = new["contacts"] if covers else _all_times(stored, new)
    merged["earlier_titles"] = _earlier_titles(stored, merged["title"])
    return merged, [news] if news else []


def seen_again(document: CaseDocument, new_contacts: int, told_at: datetime, now: datetime) -> News | None:
    """That contact goes on, so that a ticket which was closed too early is opened again; an open one is told nothing. None
    within an hour of whatever was said last, at `told_at`.
    """
    if now - told_at < SEEN_AFTER:
        return None
    count = max(new_contacts, sum(at > iso(told_at) for at in document.get("contacts", ())))
    said = f"at least {count}" if count >= MAX_CONTACTS else str(count)
    return _news("seen", now, f"Seen again: {said} contact{'s' * (count != 1)} since {told_at:%Y-%m-%d %H:%M} UTC", [])


def _earlier_titles(stored: CaseDocument, title: str) -> list[str]:
    had = dict.fromkeys((*stored.get("earlier_titles", ()), stored["title"]))
    return [one for one in had if one != title][-MOST_TITLES:]


def _covers(new: CaseDocument, stored: CaseDocument) -> bool:
    """Whether nothing that comes from elsewhere is missing: an ancestor forgotten meanwhile, an answer not given this time."""
    answered = {(e["about"], e["source"]) for e in new["enrichments"] if e["status"] in _ANSWERED}
    return _links(new) >= _links(stored) and all(
        (e["about"], e["source"]) in answered for e in stored["enrichments"] if e["status"] in _ANSWERED
    )


def _keeps_signs(new: CaseDocument, stored: CaseDocument) -> bool:
    """Whether what was seen of the process itself still counts: noise that hides a timer makes it no less of one."""
    return _signs(stored) <= _signs(new)


def _signs(document: CaseDocument) -> set[str]:
    taken = {s["rule"] for s in document["ledger"] if s["taken"] and s["points"] > 0 and s["step"] in _OF_THE_PROCESS}
    return taken - {_NOT_YET}


def _process(finding: Json) -> tuple[object, ...]:
    """What names a process; an image may be learnt later, an account too."""
    return (finding["guid"],) if finding["guid"] else (finding["pid"], _image(finding))


def _links(document: CaseDocument) -> int:
    """How many ancestors are known by more than their GUID."""
    return sum(link["source"] != "missing" for link in document["lineage"])


def _rows_missing(new: CaseDocument, stored: CaseDocument, merged: CaseDocument) -> list[str]:
    """What the alert lacked it lacks still when its case is looked at again. What was not read this time is said, whoever speaks."""
    lacked = [] if new["rows"] else [line for line in stored["missing"] if line.startswith("rows:")]
    unread = [NOT_ALL_READ] if NOT_ALL_READ in new["missing"] else []
    return [line for line in (*lacked, *unread) if line not in merged["missing"]]


def _all_times(stored: CaseDocument, new: CaseDocument) -> list[str]:
    """The contacts of both, the latest; a case stored by an older version has none."""
    return sorted({*stored.get("contacts", ()), *new["contacts"]})[-MAX_CONTACTS:]


def _weight(document: CaseDocument) -> tuple[bool, int, int, int]:
    """The judgement that speaks for a case is the one with more of this."""
    return _is_shown(document), Severity(document["severity"]).rank, document["score"], document["raw_score"]


def _is_shown(document: CaseDocument) -> bool:
    return document["disposition"] != "suppressed"


def _names(document: CaseDocument) -> list[str]:
    return [document["hostname"]] if document["hostname"] else []


def _news_of(stored: CaseDocument, new: CaseDocument, now: datetime, *, stronger: bool) -> News | None:
    """All that is new on one occasion, as one piece; None where nothing is."""
    said = [*_evidence(stored, new)]
    before, after = Severity(stored["severity"]), Severity(new["severity"])
    if not stronger or after is before:
        return _news("evidence", now, said[0], said[1:]) if said else None
    text = f"Severity {before} → {after}, {stored['score']} → {new['score']} of 100: {new['summary']}"
    steps = [f"{s['points']:+g} {s['rule']}: {s['evidence']}" for s in new["ledger"] if s["taken"] and s["points"]]
    return _news("severity" if after.rank > before.rank else "evidence", now, text, [*said, *steps])


def _evidence(stored: CaseDocument, new: CaseDocument) -> Iterator[str]:
    images = {_image(f) for f in stored["findings"]}
    for finding in new["findings"]:
        if _image(finding) not in images and _process(finding) not in {_process(f) for f in stored["findings"]}:
            images.add(_image(finding))
            yield f"A further process: {finding['image'] or 'unknown image'}"
    known = {*stored["candidates"], *_names(stored)}
    if fresh := [name for name in (*_names(new), *new["candidates"]) if name not in known]:
        yield f"Further names of the same tenant: {', '.join(sorted(fresh))}"
    if further := _further_hosts(stored, new):
        yield f"Further hosts that contact the same tenant: {', '.join(further)}"
    if _links(new) > _links(stored):
        chain = " → ".join(a["name"] or "unknown" for a in reversed(new["lineage"]))
        yield f"Lineage found: {chain} → {new['process']['name'] or 'unknown'}"
    if (owner := _owner_found(stored, new)) is not None:
        yield owner
    if (said := _another_insight(stored, new)) is not None:
        yield said


def _further_hosts(stored: CaseDocument, new: CaseDocument) -> list[str]:
    """Hosts that have begun to contact the target since; each has a case of its own."""
    known = stored.get("shared_hosts", [])
    further = [host for host in new["shared_hosts"] if host not in known]
    return further if new["tenant"] and len(known) + len(further) <= TOLD_HOSTS else []


def _owner_found(stored: CaseDocument, new: CaseDocument) -> str | None:
    """One sentence about the holder of an address, where the look-up had not answered before."""
    at, before = new["destination"], stored["destination"]
    if at["ip"] is None or at["ip"] != before["ip"] or at["asn"] is None or before["asn"] is not None:
        return None
    return f"The address {at['ip']} belongs to AS{at['asn']}, {at['holder'] or 'whose holder is not known'}"


def _another_insight(stored: CaseDocument, new: CaseDocument) -> str | None:
    """One sentence about an Insight that the stored case does not have; a case stored by an older version has no such key."""
    insight, known = new.get("insight"), stored.get("insight")
    if insight is None or (known is not None and known["id"] == insight["id"]):
        return None
    named = insight["readable_id"] or insight["id"] or "without an id"
    return f"Cloud SIEM Insight {named} brings evidence of this case; its own severity there is {insight['severity'] or 'unknown'}"


def _image(finding: Json) -> str:
    return str(finding["image"] or "").lower()


def _news(kind: str, now: datetime, text: str, lines: Sequence[str]) -> News:
    return News(seq=0, kind=kind, at=iso(now), text=text, lines=list(lines))


def _first(*times: str | None) -> str | None:
    return min((t for t in times if t), default=None)


def _last(*times: str | None) -> str | None:
    return max((t for t in times if t), default=None)


def _joined(first: Sequence[Json], second: Sequence[Json]) -> list[Json]:
    """The findings of both, the stronger judgement of each process first; at most forty."""
    joined: dict[tuple[object, ...], Json] = {}
    for finding in (*first, *second):
        joined.setdefault((finding["guid"], finding["pid"], finding["image"], finding["hostname"]), finding)
    return list(joined.values())[:MAX_FINDINGS]
