from __future__ import annotations

from datetime import timedelta

from enricher.store import Store
from tests.store.fakes import Estate

HOUR = timedelta(hours=1)
OVER = timedelta()


def test_a_session_is_its_holders_until_it_ends(store: Store) -> None:
    store.sessions.begin("d1", "m.alvarez:5e", HOUR)
    assert store.sessions.name("d1") == "m.alvarez:5e"
    assert store.sessions.name("d2") is None
    store.sessions.end("d1")
    assert store.sessions.name("d1") is None
    store.sessions.end("d1")


def test_one_that_has_ended_is_nobodys_and_goes_when_the_next_begins(estate: Estate, store: Store) -> None:
    store.sessions.begin("over", "a:1", OVER)
    assert store.sessions.name("over") is None
    assert estate.rows("SELECT digest FROM sessions") == [("over",)]
    store.sessions.begin("new", "a:1", HOUR)
    assert estate.rows("SELECT digest FROM sessions") == [("new",)]


def test_all_sessions_of_an_account_and_of_no_other_can_be_ended(store: Store) -> None:
    for digest, name in (("1", "a_b:1"), ("2", "a_b:2"), ("3", "axb:1"), ("4", "a_b.c:1"), ("5", "a_b")):
        store.sessions.begin(digest, name, HOUR)
    assert store.sessions.end_all("a_b") == 3
    assert [store.sessions.name(digest) for digest in "12345"] == [None, None, "axb:1", "a_b.c:1", None]


def test_another_process_knows_them_at_once(estate: Estate) -> None:
    one, other = estate.stores[0], estate.open()
    one.sessions.begin("d", "a:1", HOUR)
    assert other.sessions.name("d") == "a:1"
    other.sessions.end("d")
    assert one.sessions.name("d") is None
