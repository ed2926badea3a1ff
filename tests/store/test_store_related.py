from __future__ import annotations

import pytest

from enricher.ports import Related
from enricher.store import Store
from tests.store.fakes import Estate, document, settle


def near(store: Store, key: str, limit: int = 5) -> tuple[list[str], list[str]]:
    record = store.reader.case(key)
    assert record is not None
    found: Related = store.reader.related(record, limit)
    return [one.key for one in found.of_tenant], [one.key for one in found.of_host]


@pytest.fixture
def estate_of_four(estate: Estate, store: Store) -> Store:
    """Four cases, a minute apart: of two hosts and two tenants."""
    for key, host, tenant in (
        ("a", "WS-1.corp.example", "one.workers.dev"),
        ("b", "WS-1.corp.example", "two.workers.dev"),
        ("c", "ws-2.corp.example", "one.workers.dev"),
        ("d", "WS-1.corp.example", "one.workers.dev"),
    ):
        settle(store, key, document(key, host=host, tenant=tenant))
        estate.advance(60)
    return store


@pytest.mark.parametrize(
    ("key", "of_tenant", "of_host"),
    [
        pytest.param("a", ["d", "c"], ["d", "b"], id="newest first, not itself"),
        pytest.param("b", [], ["d", "a"], id="alone with its tenant"),
        pytest.param("c", ["d", "a"], [], id="alone on its host"),
    ],
)
def test_cases_near_one(estate_of_four: Store, key: str, of_tenant: list[str], of_host: list[str]) -> None:
    assert near(estate_of_four, key) == (of_tenant, of_host)


def test_no_more_than_asked_for(estate_of_four: Store) -> None:
    assert near(estate_of_four, "a", limit=1) == (["d"], ["d"])


def test_a_case_without_a_tenant_is_near_no_other_without(store: Store) -> None:
    """They share a family at most, and that is no relation."""
    for key, host in (("a", "ws-1"), ("b", "ws-2")):
        settle(store, key, document(key, host=host, tenant=None, platform={"family": "workers"}))

    assert near(store, "a") == ([], [])


def test_a_host_is_not_what_follows_a_dot_in_another(store: Store) -> None:
    settle(store, "a", document("a", host="ws-1.corp", tenant="one.dev"))
    settle(store, "b", document("b", host="corp", tenant="two.dev"))

    assert near(store, "b") == ([], [])
