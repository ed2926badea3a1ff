"""Canaries: sent, through the worker, and what they proved."""

from __future__ import annotations

import pytest

from enricher.core.canary import Proof
from enricher.ports import Settlement
from enricher.store import Store
from enricher.store.canaries import KEPT
from enricher.store.schema import cases, deliveries
from enricher.store.schema_upkeep import canaries, canary_proofs, destination_health
from tests.store.fakes import Estate, submission


def through_the_worker(store: Store, name: str, canary: str | None = None) -> str:
    """Accept and settle a canary; the id of its alert."""
    receipt = store.inbox.accept(submission(name, kind="canary"))
    (claim,) = store.inbox.claim(1)
    assert store.inbox.settle(claim, Settlement(kind="canary", canary=canary, set_aside=True))
    return receipt.alert_id


def test_one_that_we_sent_is_known_from_its_sending_on(estate: Estate, store: Store) -> None:
    sent = store.canaries.sent()
    found = store.canaries.get(sent)
    assert found is not None
    assert (found.settled_at, found.proofs) == (None, {})
    estate.advance(3)
    through_the_worker(store, "canary", sent)
    found = store.canaries.get(sent)
    assert found is not None
    assert found.settled_at is not None
    assert [one.canary for one in store.canaries.recent()] == [sent]


@pytest.mark.parametrize(
    "claimed", [pytest.param(None, id="sent by Sumo Logic"), pytest.param("7" * 26, id="an id that is not ours")]
)
def test_any_other_is_known_by_its_alert(store: Store, claimed: str | None) -> None:
    alert_id = through_the_worker(store, "canary", claimed)
    assert [one.canary for one in store.canaries.recent()] == [alert_id]


def test_settled_it_has_the_destinations_checked_and_makes_no_case(estate: Estate, store: Store) -> None:
    through_the_worker(store, "canary", store.canaries.sent())
    assert [claim.kind for claim in store.chores.claim(5)] == ["checks"]
    assert (estate.count(cases), estate.count(deliveries)) == (0, 0)


def test_no_other_alert_is_a_canary(estate: Estate, store: Store) -> None:
    store.inbox.accept(submission("heartbeat"))
    (claim,) = store.inbox.claim(1)
    store.inbox.settle(claim, Settlement(kind="heartbeat", set_aside=True))
    assert store.chores.claim(5) == []
    assert estate.count(canaries) == 0


def test_what_is_to_be_proved_is_what_came_through_and_was_not_checked_there(store: Store) -> None:
    checked, waiting = store.canaries.sent(), store.canaries.sent()
    through_the_worker(store, "one", checked)
    store.canaries.noted(checked, "jira", Proof.WARNED, "no component")
    assert (store.canaries.unproved("jira"), store.canaries.unproved("slack")) == ([], [checked])
    through_the_worker(store, "two", waiting)
    assert store.canaries.unproved("jira") == [waiting]


def test_a_later_proof_of_the_same_takes_the_earlier_ones_place(store: Store) -> None:
    sent = store.canaries.sent()
    store.canaries.noted(sent, "jira", Proof.FAILED, "timeout")
    store.canaries.noted(sent, "jira", Proof.PROVED, "")
    found = store.canaries.get(sent)
    assert found is not None
    assert [(name, proof.state, proof.detail) for name, proof in found.proofs.items()] == [("jira", Proof.PROVED, "")]


def test_a_hundred_are_kept_with_their_proofs(estate: Estate, store: Store) -> None:
    first = store.canaries.sent()
    store.canaries.noted(first, "jira", Proof.PROVED, "")
    for _ in range(KEPT):
        estate.advance(1)
        store.canaries.sent()
    assert (estate.count(canaries), estate.count(canary_proofs)) == (KEPT, 0)
    assert store.canaries.get(first) is None


def test_a_destination_that_is_left_alone_is_known(estate: Estate, store: Store) -> None:
    assert store.canaries.paused("jira") is None
    row = {"name": "jira", "failures": 1, "reason": "auth", "tokens": 0.0, "tokens_at": estate.clock.now}
    until = store.access.write(lambda tx: tx.now.replace(year=tx.now.year + 1))
    store.access.write(lambda tx: tx.conn.execute(destination_health.insert(), [row | {"paused_until": until}]))
    said = store.canaries.paused("jira")
    assert said is not None
    assert said.startswith("paused until ")
    assert said.endswith("UTC: auth")
    assert store.canaries.paused("slack") is None
