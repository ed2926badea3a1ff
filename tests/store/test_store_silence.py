"""What alerts say of their source's life is kept with their settlement, and a silence is one row while it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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


def looks(estate: Estate, store: Store, minutes: int, **every_s: float) -> tuple[list[str], list[str]]:
    """A look each minute: the names of what has begun, and of what has ended."""
    begun, ended = [], []
    for _ in range(minutes):
        estate.advance(60)
        new, over = store.watch.look(every_s)
        begun += [one.name or one.source for one in new]
        ended += [one.name or one.source for one in over]
    return begun, ended


def test_logs_that_stop_are_said_once_and_so_is_their_end(estate: Estate, store: Store) -> None:
    settle(store, "a", Vital(what="logs", name="Sysmon"))
    assert looks(estate, store, 3) == (["Sysmon"], [])
    settle(store, "b", Vital(what="logs", name="Sysmon", ended=True))
    assert looks(estate, store, 3) == ([], ["Sysmon"])


def test_logs_that_stop_between_two_looks_are_said(estate: Estate, store: Store) -> None:
    settle(store, "a", Vital(what="logs", name="Sysmon"))
    settle(store, "b", Vital(what="logs", name="Sysmon", ended=True))
    assert looks(estate, store, 3) == (["Sysmon"], ["Sysmon"])


def test_a_heartbeat_without_an_interval_is_said_once_an_hour_while_it_comes(estate: Estate, store: Store) -> None:
    odd = Vital(what="heartbeat", name="Odd")
    settle(store, "a", odd)
    settle(store, "b", odd)
    assert [(one.source, one.name, one.fault) for one in store.watch.faulty()] == [("sumo", "Odd", "interval")]
    estate.advance(1_800)
    settle(store, "c", odd)
    assert store.watch.faulty() == []
    estate.advance(1_900)
    assert [one.name for one in store.watch.faulty()] == ["Odd"]
    estate.advance(4_000)
    assert store.watch.faulty() == [], "it has not come since"


def test_one_that_names_its_interval_in_the_end_is_no_fault(store: Store) -> None:
    settle(store, "a", Vital(what="heartbeat", name="Beat"))
    assert [one.fault for one in store.watch.standing({})["sumo"].faulty] == ["interval"]
    settle(store, "b", beat())
    standing = store.watch.standing({})["sumo"]
    assert (standing.faulty, standing.every_s) == ((), 900.0)


def test_one_that_names_its_interval_no_more_is_watched_by_the_last(estate: Estate, store: Store) -> None:
    settle(store, "a", beat())
    looks(estate, store, 30)
    settle(store, "b", Vital(what="heartbeat", name="Beat"))
    assert looks(estate, store, 30) == ([], [])
    assert looks(estate, store, 10) == (["Beat"], [])


def test_one_too_many_is_said(store: Store) -> None:
    for number in range(51):
        settle(store, f"a{number}", beat(f"Beat {number:02}"))
    assert [(one.name, one.fault) for one in store.watch.faulty()] == [("Beat 50", "room")]


def test_a_fault_is_shown_for_a_week(estate: Estate, store: Store) -> None:
    settle(store, "a", Vital(what="heartbeat", name="Odd"))
    estate.advance(8 * 86_400)
    assert "sumo" not in store.watch.standing({})


def test_how_a_source_stands(estate: Estate, store: Store) -> None:
    settle(store, "a", beat())
    settle(store, "b", beat("Other"), source="lab")
    store.inbox.accept(submission("c", source="canary"))
    looks(estate, store, 40)
    standing = store.watch.standing({"sumo": 600.0, "canary": 60.0, "never heard": 60.0})
    assert {name: (one.watched, one.every_s, one.own) for name, one in standing.items()} == {
        "canary": (False, None, True),
        "sumo-search": (False, None, True),
        "lab": (True, 900.0, False),
        "sumo": (True, 600.0, False),
    }
    [silence] = standing["sumo"].silences
    assert (silence.what, standing["sumo"].silent_since) == ("heartbeat", standing["sumo"].heartbeat_at)


def untold(store: Store) -> list[str]:
    return [one.silence.name for one in store.watch.untold()]


def test_only_one_takes_it_and_for_some_minutes(estate: Estate, store: Store) -> None:
    settle(store, "a", Vital(what="logs", name="Sysmon"))
    [one] = store.watch.untold()
    assert (store.watch.take(one.silence.key), estate.open().watch.take(one.silence.key)) == (True, False)
    assert untold(store) == []
    estate.advance(241)
    assert untold(store) == ["Sysmon"], "whoever took it is gone"


def test_what_is_refused_ten_times_waits_for_its_end(estate: Estate, store: Store) -> None:
    settle(store, "a", Vital(what="logs", name="Sysmon"))
    [key] = [one.key for one in store.watch.open()]
    for _ in range(10):
        assert untold(store) == ["Sysmon"]
        store.watch.again(key, 0.0, in_doubt=False, refused=True)
    assert untold(store) == []
    settle(store, "b", Vital(what="logs", name="Sysmon", ended=True))
    assert untold(store) == ["Sysmon"]


def test_what_was_over_for_a_day_is_not_told(estate: Estate, store: Store) -> None:
    settle(store, "a", Vital(what="logs", name="Sysmon"))
    estate.advance(86_500)
    assert untold(store) == ["Sysmon"], "it goes on"
    settle(store, "b", Vital(what="logs", name="Sysmon", ended=True))
    assert untold(store) == ["Sysmon"]
    estate.advance(86_500)
    assert untold(store) == []


def test_purge_forgets_silences_that_are_over_and_heartbeats_long_gone(estate: Estate, store: Store) -> None:
    settle(store, "a", beat())
    settle(store, "b", Vital(what="logs", name="Sysmon"))
    settle(store, "c", Vital(what="logs", name="Sysmon", ended=True))
    settle(store, "d", Vital(what="logs", name="Other"))
    settle(store, "e", Vital(what="heartbeat", name="Odd"))
    later = estate.clock.now + timedelta(days=9_000)
    early = purged(store, later)
    assert early == {"silences": 1, "heartbeats": 0, "heartbeat_faults": 1}
    assert [one.name for one in store.watch.open()] == ["Other"]
    estate.advance(31 * 86_400)
    assert purged(store, datetime(2020, 1, 1, tzinfo=UTC))["heartbeats"] == 0
    assert purged(store, later)["heartbeats"] == 1


def purged(store: Store, before: datetime) -> dict[str, int]:
    names = ("silences", "heartbeats", "heartbeat_faults")
    return {name: count for name, count in store.purge(before).items() if name in names}


def test_a_forgotten_heartbeat_ends_its_silence_as_dropped(estate: Estate, store: Store) -> None:
    settle(store, "a", beat())
    looks(estate, store, 38)
    [running] = store.watch.open()
    estate.advance(31 * 86_400)
    store.purge(estate.clock.now)
    [over] = store.watch.look({})[1]
    assert (running.dropped, over.key == running.key, over.dropped) == (False, True, True)
