"""Whether a claim is still its holder's own, by the database's clock and the claim's number."""

from __future__ import annotations

from enricher.store import Store
from tests.store.fakes import SEC_12, Estate, deliver, document, settle


def test_as_long_as_its_lease_runs(store: Store, estate: Estate) -> None:
    settle(store, "a", document())
    claim = deliver(store, "jira")
    assert store.holds(claim)
    estate.advance(61)
    assert not store.holds(claim)


def test_not_once_another_has_it(store: Store, estate: Estate) -> None:
    settle(store, "a", document())
    claim = deliver(store, "jira")
    estate.advance(61)
    taken_over = deliver(estate.open(), "jira")
    assert not store.holds(claim)
    assert store.holds(taken_over)


def test_not_once_it_is_settled(store: Store) -> None:
    settle(store, "a", document())
    claim = deliver(store, "jira")
    store.outbox.delivered(claim, 1, SEC_12)
    assert not store.holds(claim)
