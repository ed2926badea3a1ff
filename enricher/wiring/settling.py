"""What came of an investigation → what the store is to keep of it: every event, every contact, and what is still to be asked."""

from __future__ import annotations

from enricher.core.evidence import event_id
from enricher.core.gather import group_of
from enricher.core.memory import kept
from enricher.model import DnsQuery, Event, ProcessCreate, Status
from enricher.pipeline import Investigation
from enricher.ports import FollowUp, Rotation, SeenEvent, Sighting

LOOKUPS_AGAIN_S = 15.0
"""How long after a case has opened without answers it is looked at again."""
SEARCH_AFTER_S = 10.0
"""Sumo Logic takes a while before it finds what it has just received."""
_IN_THE_HOUSE = frozenset({"ranges"})
"""A file that cannot be read now is a person's to mend; no later answer will come of itself."""
_TO_COME = frozenset({Status.TIMEOUT, Status.RATE_LIMITED, Status.ERROR})


def events_of(found: Investigation) -> tuple[SeenEvent, ...]:
    """Every event that came, in a case or not, and remembered ones that have got a case now.

    An event's count is how many contacts it stands for in its case, so that a repeat adds none.
    """
    seen, cases = found.seen, found.grouped.cases
    case_of: dict[int, str] = {}
    contacts: dict[int, int] = {}
    for case in cases:
        for event in case.events:
            case_of.setdefault(id(event), case.document["key"])
        contacts |= {id(event): event.count for f in case.findings for event in f.graded.facts.signal.counted}
    return tuple(
        SeenEvent(
            digest=seen.digests[id(event)],
            case_key=(key := case_of.get(id(event))),
            computer=event.computer,
            guid=event.guid,
            event_id=event_id(event),
            at=event.at,
            parent_guid=event.parent_guid if isinstance(event, ProcessCreate) else None,
            count=contacts.get(id(event), 0) if key else 0,
            document=kept(event),
            searched=event.origin == "search",
            rows=seen.rows[id(event)],
        )
        for event in seen.events
        if event.origin is None or _joins_now(event, case_of, seen.case_of)
    )


def _joins_now(event: Event, case_of: dict[int, str], before: dict[int, str]) -> bool:
    return id(event) in case_of and id(event) not in before


def sightings_of(found: Investigation) -> tuple[Sighting, ...]:
    """Every contact of the cases that has not been counted yet."""
    seen = found.seen
    sightings: dict[tuple[bytes, str], Sighting] = {}
    for case in found.grouped.cases:
        for finding in case.findings:
            signal = finding.graded.facts.signal
            group = group_of(signal)
            for contact in (*signal.connections, *signal.queries):
                if contact.at is None or (contact.origin is not None and id(contact) in seen.case_of):
                    continue
                digest = seen.digests[id(contact)]
                kind = "query" if isinstance(contact, DnsQuery) else "connection"
                sightings.setdefault((digest, group.target), Sighting(event=digest, group=group, at=contact.at, kind=kind))
    return tuple(sightings.values())


def rotations_of(found: Investigation) -> tuple[Rotation, ...]:
    """Hosts that rotate over tenants, as far as the store does not know yet."""
    known = found.memory.rotations
    rotations: dict[tuple[str, str], Rotation] = {}
    for case in found.grouped.cases:
        for finding in case.findings:
            facts = finding.graded.facts
            host, family = facts.signal.process.computer, facts.signal.platform.family
            if facts.rotating_since is not None and known.get((host, family)) != facts.rotating_since:
                rotations[host, family] = Rotation(host=host, family=family, since=facts.rotating_since)
    return tuple(rotations.values())


def follow_ups_of(found: Investigation, *, search: bool) -> tuple[FollowUp, ...]:
    """What the cases still wait for: answers that did not come in time, and starts that only Sumo Logic may have."""
    follow_ups: dict[FollowUp, None] = {}
    for case in found.grouped.cases:
        key = case.document["key"]
        for finding in case.findings:
            facts = finding.graded.facts
            if any(e.status in _TO_COME and e.source not in _IN_THE_HOUSE for e in facts.enrichments):
                follow_ups[FollowUp(case_key=key, kind="lookups", after_s=LOOKUPS_AGAIN_S)] = None
            if search and facts.start_missing is not None and facts.start_asked is None:
                subject = f"{facts.signal.process.computer}|{facts.start_missing}"
                follow_ups[FollowUp(case_key=key, kind="lineage", subject=subject, after_s=SEARCH_AFTER_S)] = None
    return tuple(follow_ups)
