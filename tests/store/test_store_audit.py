from __future__ import annotations

import pytest

from enricher.store import Store
from enricher.store.audit import note
from enricher.store.database import Transaction


@pytest.fixture
def noted(store: Store) -> Store:
    """Five things done: to a, b, a, b, a."""

    def all_of_it(tx: Transaction) -> None:
        for number, item in enumerate("ababa"):
            note(tx, by="anna (engineer)", action=f"did {number}", item_id=item, detail="why" if number else None)

    store.access.write(all_of_it)
    return store


def actions(store: Store, **asked: str) -> list[list[str]]:
    """Page by page."""
    pages, after = [], None
    while True:
        page = store.reader.audit(limit=2, after=after, **asked)
        pages.append([line.action for line in page.items])
        after = page.next
        if after is None:
            return pages


def test_pages_go_newest_first(noted: Store) -> None:
    assert actions(noted) == [["did 4", "did 3"], ["did 2", "did 1"], ["did 0"]]


def test_what_was_done_to_one_item(noted: Store) -> None:
    assert actions(noted, item_id="b") == [["did 3", "did 1"]]
    assert actions(noted, item_id="c") == [[]]


def test_what_one_person_did(noted: Store) -> None:
    noted.operator.note(by="bo (account)", action="logged_in", item_id="bo")
    assert actions(noted, by="bo (account)") == [["logged_in"]]
    assert actions(noted, by="anna (engineer)", item_id="b") == [["did 3", "did 1"]]
    assert actions(noted, by="bo") == [[]]


def test_a_line_says_who_did_what_when_and_why(noted: Store) -> None:
    first, *_ = noted.reader.audit(limit=5).items

    assert (first.by, first.action, first.item_id, first.detail) == ("anna (engineer)", "did 4", "a", "why")
    assert first.at.tzinfo is not None
