"""What alerts say of their source's life is kept with their settlement, and a silence is one row while it goes on."""

from __future__ import annotations

from enricher.core.silence import Vital
from enricher.ports import Settlement
from enricher.store import Store
from enricher.store.schema_watch import heartbeats, silences
from tests.store.fakes import Estate, submission


def settle(store: Store, name: str, vital: Vital, source: str = "sumo") -> None:
    store.inbox.accept(submission(name, source=source))
    (claim,) = store.inbox.claim(1)
    assert store.inbox.settle(claim, Settlement(kind="heartbeat", vital=vital))


def beat(name: str = "Beat") -> Vital:
    return Vital(what="heartbeat", name=name, every_s=900.0)


def test_a_heartbeat_is_kept_once(estate: Estate, store: Store) -> None:
    settle(store, "a", beat())
    settle(store, "b", beat())
    assert estate.rows("SELECT source, name, every_s FROM heartbeats") == [("sumo", "Beat", 900.0)]


def test_what_has_no_interval_or_is_our_own_is_not_kept(estate: Estate, store: Store) -> None:
    settle(store, "a", Vital(what="heartbeat", name="Beat"))
    settle(store, "b", beat(), source="canary")
    settle(store, "c", beat(), source="sumo-search")
    assert estate.count(heartbeats) == 0


def test_nobody_fills_the_table_with_names(estate: Estate, store: Store) -> None:
    for number in range(52):
        settle(store, f"a{number}", beat(f"Beat {number}"))
    assert estate.count(heartbeats) == 50


def test_missing_data_is_one_silence_until_it_is_resolved(estate: Estate, store: Store) -> None:
    logs = Vital(what="logs", name="Sysmon")
    settle(store, "a", logs)
    settle(store, "b", logs)
    assert [(one.what, one.name) for one in store.watch.open()] == [("logs", "Sysmon")]
    settle(store, "c", Vital(what="logs", name="Sysmon", ended=True))
    assert store.watch.open() == []
    settle(store, "d", logs)
    assert (estate.count(silences), len(store.watch.open())) == (2, 1)


def test_a_claim_that_is_lost_keeps_nothing(estate: Estate, store: Store) -> None:
    store.inbox.accept(submission("a"))
    (claim,) = store.inbox.claim(1)
    store.inbox.bury(claim, "gone")
    assert not store.inbox.settle(claim, Settlement(kind="heartbeat", vital=beat()))
    assert estate.count(heartbeats) == 0


def test_two_processes_that_look_are_one_look(estate: Estate, store: Store) -> None:
    settle(store, "a", beat())
    assert store.watch.look({}) == ([], [])
    assert estate.open().watch.look({}) == ([], [])
    assert len(estate.rows("SELECT name FROM watch_looks")) == 1
