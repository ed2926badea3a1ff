from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete

from enricher.store import Store, searching, terms
from enricher.store.schema_people import case_terms
from enricher.store.terms import words_of
from tests.store.fakes import Estate, document, settle


def found(store: Store, text: str, **more: Any) -> list[str]:
    return [record.key for record in store.reader.cases(limit=10, text=text, **more).items]


def test_words_of_a_case() -> None:
    case = document(
        "serverless|ws-1.Corp.example",
        host="ws-1.Corp.example",
        hostname="c2.lab.workers.dev",
        tenant="lab.workers.dev",
        process={"name": "PowerShell.EXE"},
        user=r"CORP\Anna",
    )

    assert words_of(case, case["key"]) == {
        "serverless|ws-1.corp.example",
        "ws-1.corp.example",
        "corp.example",
        "example",
        "c2.lab.workers.dev",
        "lab.workers.dev",
        "workers.dev",
        "dev",
        "powershell.exe",
        r"corp\anna",
        "anna",
    }


@pytest.mark.parametrize("hostile", ["\x00", "\ud800x", "." * 400, "x" * 9000, "\U0010ffff", "İ.ß"])
def test_hostile_names_are_stored_and_found(store: Store, hostile: str) -> None:
    settle(store, "a", document("case-1", host=hostile, user=hostile))

    assert found(store, "case-1") == ["case-1"]
    assert all(len(word) < 300 for word in words_of(document(host=hostile), "k"))


def test_a_case_is_found_by_what_it_has_become(store: Store) -> None:
    settle(store, "a", document("case-1", tenant="old.workers.dev"))
    settle(store, "b", document("case-1", tenant="new.workers.dev"))

    assert found(store, "new.workers") == ["case-1"]
    assert found(store, "old.workers") == []
    assert found(store, "ws-1") == ["case-1"]


def test_a_case_that_keeps_its_words_costs_nothing(store: Store) -> None:
    """Nothing is added where all is there, so what somebody takes away stays away."""
    settle(store, "a", document("case-1"))
    store.access.write(lambda tx: tx.conn.execute(delete(case_terms)).rowcount)
    settle(store, "b", document("case-1"))

    assert found(store, "ws-1") == []


def test_cases_that_an_older_version_stored_are_filled_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "LOOKED_AT", 2)
    monkeypatch.setattr(terms, "FILLED", 1)
    for number in range(5):
        settle(store, f"a{number}", document(f"case-{number}"))
    store.access.write(lambda tx: tx.conn.execute(delete(case_terms)).rowcount)

    rounds, after = 0, store.fill_words("")
    halfway = found(store, "ws-1")
    while after is not None:
        rounds, after = rounds + 1, store.fill_words(after)

    assert halfway == ["case-1", "case-0"]
    assert rounds == 2
    assert found(store, "ws-1") == ["case-4", "case-3", "case-2", "case-1", "case-0"]


def test_filling_in_leaves_words_that_are_there(estate: Estate, store: Store) -> None:
    settle(store, "a", document("case-1"))
    before = estate.rows("SELECT term, case_id FROM case_terms ORDER BY term")

    assert store.fill_words("") is None
    assert estate.rows("SELECT term, case_id FROM case_terms ORDER BY term") == before


@pytest.fixture
def twelve(store: Store) -> Store:
    """case-00 to case-11: every third of rare.example, the first two alone of old.example."""
    for number in range(12):
        host = f"ws-{number}.{'rare' if number % 3 == 0 else 'usual'}.example"
        user = "gone" if number < 2 else "here"
        severity = "low" if number % 2 else "high"
        settle(store, f"a{number}", document(f"case-{number:02}", host=host, user=user, severity=severity))
    return store


@pytest.mark.parametrize("few", [1, 3, 1000], ids=["all words fit many", "one fits few", "all fit few"])
@pytest.mark.parametrize("few_terms", [0, 16], ids=["many terms", "few terms"])
@pytest.mark.parametrize("looked_through", [2, 1000], ids=["what fits is old", "what fits is new"])
def test_whichever_way_words_are_looked_up_the_answer_is_the_same(
    twelve: Store, monkeypatch: pytest.MonkeyPatch, few: int, looked_through: int, few_terms: int
) -> None:
    monkeypatch.setattr(searching, "FEW", few)
    monkeypatch.setattr(searching, "LOOKED_THROUGH", looked_through)
    monkeypatch.setattr(searching, "FEW_TERMS", few_terms)

    assert found(twelve, "rare") == ["case-09", "case-06", "case-03", "case-00"]
    assert found(twelve, "gone") == ["case-01", "case-00"]
    assert found(twelve, "example rare") == ["case-09", "case-06", "case-03", "case-00"]
    assert found(twelve, "example gone rare") == ["case-00"]
    assert found(twelve, "example rare", severity="high") == ["case-06", "case-00"]
    assert found(twelve, "gone", state="suppressed") == []
    assert found(twelve, "nobody example") == []
    assert len(found(twelve, "example")) == 10


@pytest.mark.parametrize("few", [1, 1000])
def test_pages_of_a_search_follow_each_other(twelve: Store, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(searching, "FEW", few)
    monkeypatch.setattr(searching, "LOOKED_THROUGH", 4)
    first = twelve.reader.cases(limit=3, text="rare")
    second = twelve.reader.cases(limit=3, text="rare", after=first.next)

    assert [record.key for page in (first, second) for record in page.items] == ["case-09", "case-06", "case-03", "case-00"]
    assert second.next is None
