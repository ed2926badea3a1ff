"""Alerts that are open: which are asked about and where, when one has ended, and what its cases say of missing rows."""

from __future__ import annotations

from typing import Any

from enricher.core.document import CaseDocument
from enricher.core.requery import SOURCE, OpenAlert, part_digest
from enricher.ports import Chore, Settlement, Submission
from enricher.store import Store
from tests.store.fakes import Estate, document

REF = "0000000001A2B3C4"
CUT = "rows: 20 of 45 received, Sumo Logic cut the rest"


def accepted(store: Store, ref: str | None = REF, kind: str = "monitor", source: str = "sumo", part: int = 0) -> str:
    sent = Submission(
        body=b"{}",
        source=source,
        kind=kind,
        identity=f"{ref}:{kind}",
        row_digests=frozenset({part_digest(part)}),
        alert_ref=ref,
    )
    return store.inbox.accept(sent).alert_id


def settled(store: Store, *cases: CaseDocument, **more: Any) -> None:
    """Settle the one alert that waits."""
    (claim,) = store.inbox.claim(5)
    assert store.inbox.settle(
        claim, Settlement(kind="monitor", cases=cases) if not more else Settlement(cases=cases, **more)
    )


def test_those_that_are_asked_about_with_their_hosts(store: Store) -> None:
    alert_id = accepted(store)
    subject = {"alert": alert_id, "ref": REF, "since": "1", "query": "sha256:a", "group": "yes"}
    chore = Chore(name=f"requery:{REF}", kind="requery", subject=subject)
    settled(store, document(missing=[]), document("case-2", host="ws-2", missing=[]), kind="monitor", chores=(chore,))
    accepted(store, "0000000001A2B3C5")
    settled(store, document("case-3", host="ws-3", missing=[]))
    hosts = frozenset({"ws-1.corp.example", "ws-2"})
    assert store.open_alerts.asked_about() == [
        OpenAlert(ref=REF, alert_id=alert_id, query="sha256:a", grouped=True, hosts=hosts)
    ]


def test_an_alert_ends_with_its_recovery(estate: Estate, store: Store) -> None:
    accepted(store)
    settled(store, document(missing=[]))
    assert store.open_alerts.ended_at(REF) is None
    estate.advance(1)
    recovery = accepted(store, kind="recovery")
    assert store.open_alerts.ended_at(REF) is None, "not before it is settled"
    settled(store, kind="recovery", recovers=REF)
    record = store.inbox.get(recovery)
    assert record is not None
    assert store.open_alerts.ended_at(REF) == record.received_at
    estate.advance(1)
    accepted(store, source=SOURCE, part=1)
    settled(store, document(missing=[]))
    assert store.open_alerts.ended_at(REF) == record.received_at, "what we have searched opens nothing again"


def test_what_comes_late_reopens_nothing_and_has_recovered(estate: Estate, store: Store) -> None:
    accepted(store)
    settled(store, document(missing=[]))
    accepted(store, kind="recovery")
    settled(store, kind="recovery", recovers=REF)
    accepted(store, source=SOURCE, part=1)
    settled(store, document(missing=[]), document("case-2", missing=[]), kind="monitor", late=True)
    assert dict(estate.rows("SELECT key, state FROM cases")) == {"case-1": "recovered", "case-2": "recovered"}
    told = estate.rows("SELECT case_key, kind FROM news ORDER BY case_key, seq")
    assert told == [("case-1", "opened"), ("case-1", "recovery"), ("case-2", "opened"), ("case-2", "recovery")]


def test_cases_say_what_became_of_the_rest_and_it_is_no_news(estate: Estate, store: Store) -> None:
    alert_id = accepted(store)
    settled(store, document(missing=["user: not known", CUT]), document("case-2", missing=[]))
    other = accepted(store, "0000000001A2B3C5")
    settled(store, document("case-3", missing=[CUT]))
    store.open_alerts.say(alert_id, "rows: 20 of 45 received; a search has found 25 more")
    said = {one.key: one.document["missing"] for one in store.reader.cases(limit=10).items}
    assert said == {
        "case-1": ["rows: 20 of 45 received; a search has found 25 more", "user: not known"],
        "case-2": [],
        "case-3": [CUT],
    }
    assert estate.rows("SELECT count(*) FROM news WHERE kind <> 'opened'") == [(0,)]
    store.open_alerts.say("01JDFXT5S0ABCDEFGHJKMNPQRS", "rows: of an alert that is gone")
    assert other
