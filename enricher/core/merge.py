"""A case seen again: what it becomes, and what of that is news to its tickets.

Only news is told: severity up, a new process, a new host name, lineage found, contact after recovery. Repeats are counted.
The stronger judgement stands, whichever came first: a later, weaker alert never lowers a case, and a tuning rule that
suppresses one alert hides nothing of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from enricher.core.casefile import MAX_FINDINGS
from enricher.core.document import CaseDocument, Json, News, iso
from enricher.model import Severity


def merge(
    stored: CaseDocument | None, new: CaseDocument, new_contacts: int, now: datetime
) -> tuple[CaseDocument, list[News]]:
    """Join `new` to what is stored. `new_contacts` are those of its contacts that were never seen before.

    Returns the case as it stands, and the news with `seq` 0: whoever stores them numbers them. A case that nothing new was
    said of comes back as it was, without news.
    """
    if stored is None:
        return new, [_news("opened", now, new["summary"], [])]
    stronger = _weight(new) > _weight(stored)
    news = _news_of(stored, new, now, stronger=stronger)
    if new_contacts == 0 and not news:
        return stored, []
    base, other = (new, stored) if stronger else (stored, new)
    merged = base.copy()
    merged["count"] = stored["count"] + new_contacts
    merged["first_seen"] = _first(stored["first_seen"], new["first_seen"])
    merged["last_seen"] = _last(stored["last_seen"], new["last_seen"])
    merged["candidates"] = sorted(
        ({*stored["candidates"], *new["candidates"], *_names(stored), *_names(new)}) - {merged["hostname"] or ""}
    )
    merged["findings"] = _joined(base["findings"], other["findings"])
    merged["drift"] = sorted(
        {(d["field"], d["sumo"]): d for d in (*stored["drift"], *new["drift"])}.values(),
        key=lambda d: (d["field"], d["sumo"]),
    )
    merged["enrichments"] = sorted(
        {(e["about"], e["source"]): e for e in (*other["enrichments"], *base["enrichments"])}.values(),
        key=lambda e: (e["about"], e["source"]),
    )
    merged["rows"] = new["rows"]
    merged["links"] = new["links"] or stored["links"]
    merged["insight"] = new.get("insight") or stored.get("insight")
    if not merged["lineage"] and other["lineage"]:
        merged["lineage"] = other["lineage"]
    return merged, news


def _weight(document: CaseDocument) -> tuple[bool, int, int, int]:
    """The judgement that speaks for a case is the one with more of this."""
    shown = document["disposition"] != "suppressed"
    return shown, Severity(document["severity"]).rank, document["score"], document["raw_score"]


def _names(document: CaseDocument) -> list[str]:
    return [document["hostname"]] if document["hostname"] else []


def _news_of(stored: CaseDocument, new: CaseDocument, now: datetime, *, stronger: bool) -> list[News]:
    news: list[News] = []
    before, after = Severity(stored["severity"]), Severity(new["severity"])
    if stronger and after.rank > before.rank:
        text = f"Severity {before} → {after}, {stored['score']} → {new['score']} of 100: {new['summary']}"
        raised = [f"{s['points']:+g} {s['rule']}: {s['evidence']}" for s in new["ledger"] if s["taken"] and s["points"]]
        news.append(_news("severity", now, text, raised))
    images = {_image(f) for f in stored["findings"]}
    for finding in new["findings"]:
        if _image(finding) not in images:
            images.add(_image(finding))
            news.append(_news("evidence", now, f"A further process: {finding['image'] or 'unknown image'}", []))
    known = {*stored["candidates"], *_names(stored)}
    fresh = [name for name in (*_names(new), *new["candidates"]) if name not in known]
    if fresh:
        news.append(_news("evidence", now, f"Further names of the same tenant: {', '.join(sorted(fresh))}", []))
    if new["lineage"] and not stored["lineage"]:
        chain = " → ".join(a["name"] or "unknown" for a in reversed(new["lineage"]))
        news.append(_news("evidence", now, f"Lineage found: {chain} → {new['process']['name'] or 'unknown'}", []))
    if (said := _another_insight(stored, new)) is not None:
        news.append(_news("evidence", now, said, []))
    return news


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
