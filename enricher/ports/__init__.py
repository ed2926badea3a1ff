"""What the flow needs of the world, as protocols. Adapters implement them; only `wiring` knows which."""

from __future__ import annotations

from enricher.ports.chores import Canaries, Chore, Chores, ClaimedChore
from enricher.ports.destinations import Batches, Destination, Digests, Sweeps
from enricher.ports.evidence import History, Lookups
from enricher.ports.follow_ups import ClaimedFollowUp, FollowUps
from enricher.ports.inbox import (
    AlertRecord,
    ClaimedAlert,
    FollowUp,
    Inbox,
    Merge,
    Receipt,
    Rotation,
    SeenEvent,
    Settlement,
    Sighting,
    Submission,
)
from enricher.ports.operator import Dialogs, Operator, Pressure, Replays, RuleBook, Sessions
from enricher.ports.outbox import Delivery, Outbox, Ticket
from enricher.ports.reader import Reader
from enricher.ports.records import (
    AuditRecord,
    CaseRecord,
    Condition,
    DeadLetters,
    DeliveryRecord,
    DestinationHealth,
    Overview,
    Page,
    ReceivedAlert,
    Related,
    Reopened,
)
from enricher.ports.requery import FoundRows, OpenAlerts, RowSearch
from enricher.ports.searching import FoundStarts, JobBook, LeftJob, Searcher

__all__ = [
    "AlertRecord",
    "AuditRecord",
    "Batches",
    "Canaries",
    "CaseRecord",
    "Chore",
    "Chores",
    "ClaimedAlert",
    "ClaimedChore",
    "ClaimedFollowUp",
    "Condition",
    "DeadLetters",
    "Delivery",
    "DeliveryRecord",
    "Destination",
    "DestinationHealth",
    "Dialogs",
    "Digests",
    "FollowUp",
    "FollowUps",
    "FoundRows",
    "FoundStarts",
    "History",
    "Inbox",
    "JobBook",
    "LeftJob",
    "Lookups",
    "Merge",
    "OpenAlerts",
    "Operator",
    "Outbox",
    "Overview",
    "Page",
    "Pressure",
    "Reader",
    "Receipt",
    "ReceivedAlert",
    "Related",
    "Reopened",
    "Replays",
    "Rotation",
    "RowSearch",
    "RuleBook",
    "Searcher",
    "SeenEvent",
    "Sessions",
    "Settlement",
    "Sighting",
    "Submission",
    "Sweeps",
    "Ticket",
]
