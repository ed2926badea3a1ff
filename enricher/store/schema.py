"""The tables. `migrations/` creates them; a test holds the two to each other.

Work is claimed by `due_at`: for waiting work that is when it may be tried, for claimed work when its lease ends. So one
partial index over the open rows serves claims, take-overs and wake-ups, and finished rows, however many, slow nothing.
`claims` counts how often a row was taken; its value at the claim is the fence that every later write must bring back.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TextClause,
    UniqueConstraint,
    text,
)

from enricher.store.types import JsonText, Moment, Words

CASE_KEY = Words(500)
"""PostgreSQL indexes at most 2,704 bytes; a longer key would be refused, so longer ones are cut, alike everywhere."""
NAME = Words(300)
SUBJECT = Words(601)
"""A computer and the GUID of a process on it."""
MONITOR = Words(200)
"""People give monitors long names; one key holds a source's name besides."""
TEXT, MOMENT = Words(), Moment()


def stored_name(name: str) -> str:
    """The name of a computer, process, tenant or family as the tables have it."""
    return NAME.storable(name) or ""


OPEN_ALERTS = text("state IN ('stored', 'working')")
OPEN_DELIVERIES = text("state IN ('pending', 'sending', 'unknown')")
OPEN_FOLLOW_UPS = text("state IN ('waiting', 'working')")
DEAD = text("state = 'dead'")
"""Spelled out, never bound: a planner takes a partial index only if it can prove that the query implies its condition."""

metadata = MetaData()


def _partial(name: str, *columns: Column[Any], where: TextClause) -> None:
    """An index over the rows of a condition only."""
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


alerts = Table(
    "alerts",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("identity", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("row_digests", LargeBinary, nullable=False),
    Column("source", NAME, nullable=False),
    Column("kind", NAME, nullable=False),
    Column("alert_ref", NAME),
    Column("trigger_type", NAME),
    Column("state", TEXT, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claims", Integer, nullable=False),
    Column("holder", TEXT),
    Column("due_at", Moment, nullable=False),
    Column("reason", TEXT),
    Column("dropped", JsonText),
    Column("received_at", Moment, nullable=False),
    Column("settled_at", Moment),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("identity", "content", name="alerts_identity_content"),
)
_partial("alerts_open", alerts.c.due_at, alerts.c.id, where=OPEN_ALERTS)
_partial("alerts_dead", alerts.c.id, where=DEAD)
HAS_REF = text("alert_ref IS NOT NULL")
_partial("alerts_by_ref", alerts.c.alert_ref, where=HAS_REF)
Index("alerts_by_source", alerts.c.source, alerts.c.received_at)

events = Table(
    "events",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("alert_id", TEXT, nullable=False),
    Column("case_key", CASE_KEY),
    Column("computer", NAME, nullable=False),
    Column("guid", NAME),
    Column("event_id", Integer, nullable=False),
    Column("at", Moment),
    Column("count", BigInteger, nullable=False),
    Column("document", JsonText),
    Column("seen_at", Moment, nullable=False),
    Column("parent_guid", NAME),
    Column("searched", Boolean, nullable=False),
)
"""Everything that came, in a case or not. `alert_id` is empty for what Sumo Logic was asked for."""
HAS_GUID, HAS_PARENT, HAS_CASE = (text(f"{name} IS NOT NULL") for name in ("guid", "parent_guid", "case_key"))
IS_TELLING = text("event_id IN (1, 22)")
"""Starts and look-ups of names."""
_partial("events_by_process", events.c.guid, events.c.computer, events.c.seen_at, where=HAS_GUID)
_partial("events_telling", events.c.guid, events.c.computer, events.c.event_id, events.c.seen_at, where=IS_TELLING)
_partial("events_by_parent", events.c.parent_guid, events.c.computer, events.c.seen_at, where=HAS_PARENT)
Index("events_by_time", events.c.computer, events.c.at)
_partial("events_by_case", events.c.case_key, events.c.seen_at, where=HAS_CASE)
Index("events_by_age", events.c.seen_at)

hosts = Table(
    "hosts",
    metadata,
    Column("computer", NAME, primary_key=True),
    Column("mark", BigInteger, nullable=False),
)
"""A number for each computer that grows with everything stored of it: what an investigation rests on is outdated once it has."""

sightings = Table(
    "sightings",
    metadata,
    Column("event", LargeBinary, primary_key=True),
    Column("target", NAME, primary_key=True),
    Column("host", NAME, nullable=False),
    Column("account", TEXT, nullable=False),
    Column("image", TEXT, nullable=False),
    Column("at", Moment, nullable=False),
    Column("kind", NAME, nullable=False),
)
Index("sightings_by_host", sightings.c.host, sightings.c.target, sightings.c.at)

target_hosts = Table(
    "target_hosts",
    metadata,
    Column("target", NAME, primary_key=True),
    Column("host", NAME, primary_key=True),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
)
"""Which hosts contact a tenant (else a family), and between when; what `sightings` says, added up."""
Index("target_hosts_earliest", target_hosts.c.target, target_hosts.c.first_at, target_hosts.c.host)

rotations = Table(
    "rotations",
    metadata,
    Column("host", NAME, primary_key=True),
    Column("family", NAME, primary_key=True),
    Column("since", Moment, nullable=False),
)

cases = Table(
    "cases",
    metadata,
    Column("key", CASE_KEY, primary_key=True),
    Column("id", TEXT, nullable=False, unique=True),
    Column("state", TEXT, nullable=False),
    Column("severity", NAME, nullable=False),
    Column("score", Integer, nullable=False),
    Column("host", TEXT, nullable=False),
    Column("tenant", TEXT),
    Column("title", TEXT, nullable=False),
    Column("document", JsonText, nullable=False),
    Column("last_news_seq", Integer, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("target", NAME),
    Column("last_at", Moment),
    Column("ledger", NAME),
    Column("contacts", BigInteger),
    Column("events", BigInteger, nullable=False),
    Column("told_at", Moment),
)
"""`target` is the tenant, else the family; `last_at` when the case was last seen, by its events, never later than it was stored;
`ledger` the digest of its ledger, `contacts` its count, `events` how many it has had, those that were forgotten since included.
"""
Index("cases_by_target", cases.c.target, cases.c.last_at)

case_aliases = Table(
    "case_aliases",
    metadata,
    Column("alias", CASE_KEY, primary_key=True),
    Column("case_key", CASE_KEY, nullable=False),
)
"""Keys of no case of their own: what would go there goes into the case named here."""

case_alerts = Table(
    "case_alerts",
    metadata,
    Column("case_key", CASE_KEY, ForeignKey("cases.key"), primary_key=True),
    Column("alert_id", TEXT, ForeignKey("alerts.id"), primary_key=True),
    Column("rows", JsonText),
)
Index("case_alerts_by_alert", case_alerts.c.alert_id)

news = Table(
    "news",
    metadata,
    Column("case_key", CASE_KEY, ForeignKey("cases.key"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", NAME, nullable=False),
    Column("at", TEXT, nullable=False),
    Column("text", TEXT, nullable=False),
    Column("lines", JsonText, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("case_key", CASE_KEY, ForeignKey("cases.key"), nullable=False),
    Column("destination", Words(100), nullable=False),
    Column("state", TEXT, nullable=False),
    Column("external_id", TEXT),
    Column("label", TEXT),
    Column("url", TEXT),
    Column("sent_seq", Integer, nullable=False),
    Column("want_seq", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claims", Integer, nullable=False),
    Column("settled_claims", Integer, nullable=False),
    Column("tried_at", Moment),
    Column("claimed_at", Moment),
    Column("doubt_since", Moment),
    Column("holder", TEXT),
    Column("due_at", Moment, nullable=False),
    Column("reason", TEXT),
    Column("detail", TEXT),
    Column("updated_at", Moment, nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("previous", JsonText),
    UniqueConstraint("case_key", "destination", name="deliveries_case_destination"),
)
_partial("deliveries_open", deliveries.c.destination, deliveries.c.due_at, where=OPEN_DELIVERIES)
_partial("deliveries_due", deliveries.c.due_at, where=OPEN_DELIVERIES)
_partial("deliveries_dead", deliveries.c.id, where=DEAD)
_partial("deliveries_by_ticket", deliveries.c.external_id, where=text("external_id IS NOT NULL"))

follow_ups = Table(
    "follow_ups",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("case_key", CASE_KEY, nullable=False),
    Column("kind", NAME, nullable=False),
    Column("subject", SUBJECT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("reason", TEXT),
    Column("opened_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("again_at", Moment),
    Column("attempts", Integer, nullable=False),
    Column("claims", Integer, nullable=False),
    Column("holder", TEXT),
)
"""What cases wait for. The id is the digest of case, kind and subject, which are too long together for an index of PostgreSQL's.

`again_at`: it was wanted once more while it was worked on, and will be due then.
"""
IS_LINEAGE = text("kind = 'lineage'")
_partial("follow_ups_open", follow_ups.c.due_at, follow_ups.c.id, where=OPEN_FOLLOW_UPS)
_partial("follow_ups_asked", follow_ups.c.subject, where=IS_LINEAGE)

search_jobs = Table(
    "search_jobs",
    metadata,
    Column("job_id", NAME, primary_key=True),
    Column("holder", TEXT, nullable=False),
    Column("cookies", JsonText, nullable=False),
    Column("opened_at", Moment, nullable=False),
)
"""Search jobs that are open at Sumo Logic: whoever comes after a holder that is gone may close them."""

lookups = Table(
    "lookups",
    metadata,
    Column("source", NAME, primary_key=True),
    Column("about", NAME, primary_key=True),
    Column("document", JsonText, nullable=False),
    Column("fetched_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("by", NAME, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("item_id", TEXT, nullable=False),
    Column("detail", TEXT),
)

pulse = Table(
    "pulse",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
)
