"""Cases: what a settled alert does to them, their numbered news, and which deliveries must carry it.

Everything here runs inside the committer's transaction. Whoever writes a case has its row locked, so its news is numbered
without a gap; `want_seq` of a delivery is the last news that its destination has to learn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Integer, bindparam, exists, insert, select, text, update
from sqlalchemy import case as sql_case

from enricher.core.document import CaseDocument, News
from enricher.core.merge import seen_again
from enricher.model import Kind
from enricher.ports import FollowUp, Merge, Settlement
from enricher.store.aliases import JoinedCase, add_aliases, aliases_of, joined_cases, stored_key
from enricher.store.asking import ask
from enricher.store.database import Transaction, add_new, insert_new
from enricher.store.drift import count_drift
from enricher.store.ids import new_id
from enricher.store.mutes import ended_by
from enricher.store.remember import Counted, move_events, remember
from enricher.store.schema import MOMENT, OPEN_ALERTS, alerts, case_alerts, cases, deliveries, news
from enricher.store.statements import add, change, fetch
from enricher.store.terms import keep_words
from enricher.store.types import clean
from enricher.store.uses import count_uses

JOINED = "joined"
"""The state of a case that is part of another one."""
MAX_NEIGHBOURS = 50
NEIGHBOURS_WITHIN = timedelta(days=2)
NEIGHBOURS_AFTER_S = 20.0
"""Hosts that begin together are told of each other together: judging up to fifty cases anew for each would be dear."""
"""Who shares a tenant with many learns of several at once."""

DeliverTo = Callable[[CaseDocument], Sequence[str]]
"""Which destinations get a case: none for one that is suppressed or not worth a ticket."""


def case_lock(key: str) -> str:
    """Name the lock that whoever writes to a case or its deliveries asks the committer for."""
    return f"case {clean(key)}"


def case_locks(settlement: Settlement) -> list[str]:
    """Name the locks of all the cases that a settlement writes to."""
    return [case_lock(key) for key in (*(document["key"] for document in settlement.cases), *settlement.joined)]


@dataclass(frozen=True, slots=True)
class Cases:
    """The policies that settlement needs. `show_tickets` are the destinations that are told of the others' tickets."""

    merge: Merge
    deliver_to: DeliverTo
    show_tickets: Collection[str]

    def trigger_pending(self, tx: Transaction, alert_ref: str, recovery_id: str) -> bool:
        """Whether an alert that the recovery would end is still to be settled."""
        return bool(fetch(tx.conn, _WAITING_TRIGGER, {"ref": alert_ref, "recovery": recovery_id}))

    def store(self, tx: Transaction, alert_id: str | None, alert_ref: str | None, settlement: Settlement) -> frozenset[int]:
        """Store what came of an alert, or (without one) of a case looked at again: events, cases with their news, what they
        wait for, and the recovery of others.

        Returns the rows that brought an event never seen before.
        """
        leads_to = aliases_of(tx, settlement)
        added = remember(tx, alert_id or "", settlement, leads_to)
        whole = {stored_key(key) for key in settlement.whole}
        ended = joined_cases(tx, settlement, leads_to)
        for case in ended:
            move_events(tx, case.key, case.into, added)
        rows: dict[str, list[int]] = {}
        for document in sorted(settlement.cases, key=lambda document: document["key"]):
            own = stored_key(document["key"])
            key = leads_to.get(own, own)
            self._store_case(tx, key, document, added.take(key, late=settlement.late), added.fresh, whole=key in whole)
            if document["rows"]:  # else it was only judged anew, because something else on its host has changed
                rows[key] = sorted({*rows.get(key, ()), *document["rows"]})
        for case in ended:
            self._end(tx, case)
        add_aliases(tx, settlement, leads_to, ended)
        ask(tx, [*_resolved(settlement.follow_ups, leads_to), *_neighbours(tx, added.new_hosts)])
        if alert_id is not None:
            _link(tx, alert_id, rows)
        if settlement.recovers and alert_id is not None:
            self._recover(tx, alert_id, settlement.recovers)
        elif rows and alert_ref:
            self._recover_if_it_came_first(tx, alert_ref, rows, alert_id if settlement.late else None)
        return added.fresh

    def tell(self, tx: Transaction, key: str, last: int, items: Sequence[News], **values: Any) -> int:
        """Store news of a case whose row is locked, numbered after `last`, with other values of the row; the new last."""
        _add_news(tx, key, last, items)
        seq = last + len(items)
        told = {"told_at": tx.now} if items else {}
        change(tx.conn, _CASE, {"case": key, "last_news_seq": seq, "updated_at": tx.now, **values, **told})
        return seq

    def make_due(
        self, tx: Transaction, key: str, seq: int, destinations: Collection[str] | None = None, after_s: float = 0.0
    ) -> None:
        """Let the deliveries of a case (or those to some destinations) carry its news up to `seq`.

        Delivered ones are due again, `after_s` from now. Those that wait, or are on their way, or are dead, learn of it when
        their turn comes.
        """
        told = {"case": key, "seq": seq, "now": tx.now, "again": tx.now + timedelta(seconds=after_s)}
        if destinations is None:
            due = fetch(tx.conn, _MAKE_DUE, told)
        else:
            due = [row for name in destinations for row in fetch(tx.conn, _MAKE_ONE_DUE, told | {"to": name})]
        tx.wakes.update(row.destination for row in due)

    def open_deliveries(self, tx: Transaction, key: str, document: CaseDocument, seq: int) -> None:
        """Make the deliveries that are missing; one for each (case, destination) is kept for good."""
        rows = [
            {
                "id": new_id(tx.now),
                "case_key": key,
                "destination": destination,
                "state": "pending",
                "sent_seq": 0,
                "want_seq": seq,
                "attempts": 0,
                "claims": 0,
                "settled_claims": 0,
                "due_at": tx.now,
                "updated_at": tx.now,
            }
            for destination in self.deliver_to(document)
        ]
        if add_new(tx.conn, deliveries, rows, "case_key", "destination"):
            tx.wakes.update(str(row["destination"]) for row in rows)

    def _store_case(
        self, tx: Transaction, key: str, document: CaseDocument, new: Counted, fresh: frozenset[int], *, whole: bool
    ) -> None:
        stored = next(iter(fetch(tx.conn, LOCKED_CASE, {"case": key})), None)
        if stored is not None:
            document = {**document, "key": stored.document["key"]}
        before = stored.document if stored else None
        merged, items = self.merge(before, document, new.contacts, tx.now, whole=whole)
        count_uses(tx, document, before, merged, has_contacts=new.contacts > 0)
        count_drift(tx, document, before, merged, fresh)
        judged = {"ledger": document.get("ledger_digest"), "contacts": document["count"]}
        values = _columns(merged, tx.now) | judged | {"events": (stored.events if stored else 0) + new.events}
        case_id = stored.id if stored else new_id(tx.now)
        keep_words(tx, key, case_id, before, merged)
        if stored is None:
            seq = len(items)
            row = values | {"key": key, "id": case_id, "state": _state(merged), "last_news_seq": seq}
            add(tx.conn, _NEW_CASE, [row | {"opened_at": tx.now, "updated_at": tx.now, "told_at": tx.now}])
            _add_news(tx, key, 0, items)
        else:
            items = _with_further_contact(tx, key, stored, merged, new, items)
            items = [*ended_by(tx, key, stored.document, merged), *items]
            state = "recovered" if stored.state == "recovered" and not new.shown else _state(merged)
            values |= {"state": state, "told_at": _told_at(stored)}
            seq = self.tell(tx, key, stored.last_news_seq, items, **values)
            if items:
                self.make_due(tx, key, seq)
        self.open_deliveries(tx, key, merged, seq)

    def _end(self, tx: Transaction, case: JoinedCase) -> None:
        """A case that has turned out to be part of another is over. Its tickets say where it goes on, those that nobody has
        begun to make are not made, and its alerts are the other's too, so that what ends them ends that one.
        """
        stored = _locked(tx, case.key)
        item = news_item(tx, "joined", f"Part of another case: what it was about goes on in {case.into}")
        self.make_due(tx, case.key, self.tell(tx, case.key, stored.last_news_seq, [item], state=JOINED))
        told = {"state": "discarded", "reason": f"part of {case.into}", "updated_at": tx.now}
        change(tx.conn, _NOT_BEGUN, {"case": case.key, **told})
        links = fetch(tx.conn, _ALERTS, {"case": case.key})
        again = [{"case_key": case.into, "alert_id": link.alert_id, "rows": link.rows} for link in links]
        add(tx.conn, insert_new(tx.conn.dialect.name, case_alerts), again)

    def _recover(self, tx: Transaction, recovery_id: str, alert_ref: str) -> None:
        """Mark the cases of an alert recovered."""
        self._mark_recovered(tx, recovery_id, [row.case_key for row in fetch(tx.conn, _LINKED, {"ref": alert_ref})])

    def _recover_if_it_came_first(self, tx: Transaction, alert_ref: str, keys: Collection[str], late: str | None) -> None:
        """A recovery that found nothing to end, because it overtook its alert, ends what the alert has opened; one that has ended the
        rest of its alert ends what a `late` part has opened.
        """
        if late:
            self._mark_recovered(tx, late, keys)
        for overtaking in fetch(tx.conn, _OVERTAKING, {"ref": alert_ref}):
            self._mark_recovered(tx, overtaking.id, keys)

    def _mark_recovered(self, tx: Transaction, recovery_id: str, keys: Iterable[str]) -> None:
        text = f"Recovered in Sumo Logic at {tx.now:%Y-%m-%d %H:%M:%S} UTC"
        for key in sorted(keys):
            stored = _locked(tx, key)
            _link(tx, recovery_id, {key: None})
            if stored.state == "open":
                item = news_item(tx, "recovery", text)
                self.make_due(tx, key, self.tell(tx, key, stored.last_news_seq, [item], state="recovered"))


# --- its statements, built once ---------------------------------------------------------------------------------------

_NEIGHBOURS = (
    select(cases.c.key)
    .where(
        cases.c.target == bindparam("its"),
        cases.c.host != bindparam("other"),
        text("state IN ('open', 'recovered')"),
        cases.c.last_at >= bindparam("since", type_=MOMENT),
    )
    .order_by(cases.c.last_at.desc())
    .limit(bindparam("limit", type_=Integer))
)
_ONE_CASE = cases.c.key == bindparam("case")
_OF_REF = alerts.c.alert_ref == bindparam("ref")

_LOCKED = ("id", "document", "state", "last_news_seq", "events", "told_at", "updated_at")
LOCKED_CASE = select(*(cases.c[name] for name in _LOCKED)).where(_ONE_CASE).with_for_update()
"""A case's document, state and last news number; others are kept from writing to it."""
_TICKETED = (
    select(deliveries.c.id)
    .where(deliveries.c.case_key == bindparam("case"), deliveries.c.external_id.is_not(None))
    .limit(1)
)
_CASE = update(cases).where(_ONE_CASE)
_NEW_CASE, _NEW_NEWS = insert(cases), insert(news)

_ALERTS = select(case_alerts.c.alert_id, case_alerts.c.rows).where(case_alerts.c.case_key == bindparam("case"))
_NOT_BEGUN = update(deliveries).where(
    deliveries.c.case_key == bindparam("case"), deliveries.c.state == "pending", deliveries.c.claims == text("0")
)
_IDLE = deliveries.c.state == "delivered"
_SEQ = bindparam("seq", type_=Integer)
_NOW, _AGAIN = bindparam("now", type_=MOMENT), bindparam("again", type_=MOMENT)
_MAKE_DUE = (
    update(deliveries)
    .where(deliveries.c.case_key == bindparam("case"), deliveries.c.want_seq < _SEQ)
    .values(
        want_seq=_SEQ,
        state=sql_case((_IDLE, "pending"), else_=deliveries.c.state),
        due_at=sql_case((_IDLE, _AGAIN), else_=deliveries.c.due_at),
        attempts=sql_case((_IDLE, 0), else_=deliveries.c.attempts),
        updated_at=_NOW,
    )
    .returning(deliveries.c.destination)
)
_MAKE_ONE_DUE = _MAKE_DUE.where(deliveries.c.destination == bindparam("to"))

_WAITING_TRIGGER = (
    select(alerts.c.id)
    .where(_OF_REF, alerts.c.kind != Kind.RECOVERY, alerts.c.id != bindparam("recovery"), OPEN_ALERTS)
    .limit(1)
)
_LINKED = select(case_alerts.c.case_key).join(alerts, alerts.c.id == case_alerts.c.alert_id).where(_OF_REF).distinct()
_OVERTAKING = select(alerts.c.id).where(
    _OF_REF,
    alerts.c.kind == Kind.RECOVERY,
    alerts.c.state == "done",
    ~exists().where(case_alerts.c.alert_id == alerts.c.id),
)


def _locked(tx: Transaction, key: str) -> Any:
    """The row of a case that is there, kept from others."""
    (stored,) = fetch(tx.conn, LOCKED_CASE, {"case": key})
    return stored


def news_item(tx: Transaction, kind: str, text: str, lines: Sequence[str] = ()) -> News:
    """News of the store's own, to be numbered."""
    return News(seq=0, kind=kind, at=f"{tx.now:%Y-%m-%dT%H:%M:%SZ}", text=text, lines=list(lines))


def _with_further_contact(
    tx: Transaction, key: str, stored: Any, merged: CaseDocument, new: Counted, items: list[News]
) -> list[News]:
    """With the news that contact goes on: after a recovery always, otherwise where there is a ticket and nothing else to tell.

    Evidence without contact is told, but is no reason to open a ticket again that people have closed.
    """
    if not new.shown:
        return [{**item, "kind": "amended"} if item["kind"] == "evidence" else item for item in items]
    if stored.state == "recovered" and not any(item["kind"] == "reopened" for item in items):
        return [*items, news_item(tx, "reopened", "Seen again after Sumo Logic had reported recovery")]
    if items or stored.state != "open" or not new.contacts:
        return items
    seen = seen_again(merged, new.contacts, _told_at(stored), tx.now)
    return [seen] if seen and fetch(tx.conn, _TICKETED, {"case": key}) else []


def _told_at(stored: Any) -> datetime:
    """When the last news was; of a case of an older version, when it was last written to."""
    at: datetime = stored.told_at or stored.updated_at
    return at


def _state(document: CaseDocument) -> str:
    return "suppressed" if document["disposition"] == "suppressed" else "open"


def _add_news(tx: Transaction, key: str, last: int, items: Sequence[News]) -> None:
    rows = [
        {"case_key": key, "seq": seq, "kind": item["kind"], "at": item["at"], "text": item["text"], "lines": item["lines"]}
        for seq, item in enumerate(items, last + 1)
    ]
    add(tx.conn, _NEW_NEWS, rows)


def _columns(document: CaseDocument, now: datetime) -> dict[str, Any]:
    """What of a case is also kept in columns, to list, filter and find by."""
    shown = {name: document[name] for name in ("severity", "score", "host", "tenant", "title")}
    last = document.get("last_seen")
    last_at = min(datetime.fromisoformat(last), now) if last else now
    found_by = {"target": document["tenant"] or _family(document), "last_at": last_at}
    return shown | found_by | {"document": document}


def _family(document: CaseDocument) -> str | None:
    platform = document.get("platform")
    return platform["family"] if platform else None


def _resolved(follow_ups: Iterable[FollowUp], leads_to: Mapping[str, str]) -> Iterator[FollowUp]:
    for one in follow_ups:
        key = stored_key(one.case_key)
        yield replace(one, case_key=leads_to.get(key, key))


def _neighbours(tx: Transaction, new_hosts: Iterable[tuple[str, str]]) -> Iterator[FollowUp]:
    """Cases of other hosts, seen not long ago, that are to learn that one more contacts their target."""
    for target, host in new_hosts:
        about = {"its": target, "other": host, "since": tx.now - NEIGHBOURS_WITHIN, "limit": MAX_NEIGHBOURS}
        for row in fetch(tx.conn, _NEIGHBOURS, about):
            yield FollowUp(case_key=row.key, kind="neighbours", after_s=NEIGHBOURS_AFTER_S)


def _link(tx: Transaction, alert_id: str, rows: Mapping[str, Sequence[int] | None]) -> None:
    """Say which cases an alert is in, and with which of its rows."""
    links = [{"case_key": key, "alert_id": alert_id, "rows": numbers} for key, numbers in rows.items()]
    add(tx.conn, insert_new(tx.conn.dialect.name, case_alerts), links)
