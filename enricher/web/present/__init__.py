"""From a case as stored to what its page shows: shapes for the templates, no HTML."""

from __future__ import annotations

from enricher.web.present.evidence import behaviour, contact_strip, history, lookups, not_asked
from enricher.web.present.fitted import ROOM_FOR_EVENTS, ROOM_FOR_FINDINGS, Fitted, Printed, brief, fitted, printed
from enricher.web.present.ledger import Bar, scale, signed, waterfall
from enricher.web.present.lineage import Link, tree
from enricher.web.present.related import Neighbour, neighbours
from enricher.web.present.timeline import MOST_MOMENTS, Moment, timeline
from enricher.web.present.whole import complete, row

__all__ = [
    "MOST_MOMENTS",
    "ROOM_FOR_EVENTS",
    "ROOM_FOR_FINDINGS",
    "Bar",
    "Fitted",
    "Link",
    "Moment",
    "Neighbour",
    "Printed",
    "behaviour",
    "brief",
    "complete",
    "contact_strip",
    "fitted",
    "history",
    "lookups",
    "neighbours",
    "not_asked",
    "printed",
    "row",
    "scale",
    "signed",
    "timeline",
    "tree",
    "waterfall",
]
