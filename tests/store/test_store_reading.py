from __future__ import annotations

import pytest

from enricher.core.document import CaseDocument
from enricher.ports import CaseRecord, Page
from enricher.store import Store, schema
from tests.store.fakes import SEC_12, Estate, deliver, document, settle, submission, take


def keys(page: Page[CaseRecord]) -> list[str]:
    return [record.key for record in page.items]


@pytest.fixture
def five(store: Store) -> Store:
    """A store with case-0 to case-4, opened in this order; the last one suppressed."""
    for number, severity in enumerate(("low", "high", "high", "critical", "low")):
        opened: CaseDocument = document(
            f"case-{number}",
            severity=severity,
            host=f"WS-{number}.corp.example",
            tenant=f"T{number}_x.workers.dev",
            disposition="suppressed" if number == 4 else "open",
            process={"name": "PowerShell.exe" if number != 1 else "curl.exe"},
            user=rf"CORP\anna{number}",
        )
        settle(store, f"a{number}", opened)
    return store


def test_pages_of_cases_go_newest_first_and_nothing_shifts_them(five: Store) -> None:
    first = five.reader.cases(limit=2)
    settle(five, "new", document("case-new"))
    second = five.reader.cases(limit=2, after=first.next)
    third = five.reader.cases(limit=2, after=second.next)

    assert [keys(page) for page in (first, second, third)] == [["case-4", "case-3"], ["case-2", "case-1"], ["case-0"]]
    assert third.next is None
    assert keys(five.reader.cases(limit=1)) == ["case-new"]


def test_a_last_page_that_is_full_has_no_next(five: Store) -> None:
    assert five.reader.cases(limit=5).next is None


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        pytest.param({"severity": "high"}, ["case-2", "case-1"], id="severity"),
        pytest.param({"state": "suppressed"}, ["case-4"], id="state"),
        pytest.param({"text": "ws-3"}, ["case-3"], id="host in any case"),
        pytest.param({"text": "t1_X"}, ["case-1"], id="tenant, and an underscore is itself"),
        pytest.param({"text": "%"}, [], id="a per cent sign is itself"),
        pytest.param({"text": "powershell", "severity": "low"}, ["case-4", "case-0"], id="process and severity"),
        pytest.param({"severity": "low", "state": "open"}, ["case-0"], id="severity and state"),
        pytest.param({"text": "POWER ws-2.corp"}, ["case-2"], id="each word begins one of the case's"),
        pytest.param({"text": "power curl"}, [], id="no case has both"),
        pytest.param({"text": "corp.exam"}, ["case-4", "case-3", "case-2", "case-1", "case-0"], id="what follows a dot"),
        pytest.param({"text": "shell"}, [], id="not the middle of a word"),
        pytest.param({"text": "t3_x[.]workers[.]dev"}, ["case-3"], id="defanged"),
        pytest.param({"text": "anna2"}, ["case-2"], id="user without domain"),
        pytest.param({"text": "corp\\ANNA2"}, ["case-2"], id="user with domain"),
        pytest.param({"text": "   "}, ["case-4", "case-3", "case-2", "case-1", "case-0"], id="no word"),
        pytest.param({"text": "x" * 900}, [], id="longer than any word"),
        pytest.param({"text": "CASE-2"}, ["case-2"], id="key"),
        pytest.param({"text": "'; DROP TABLE cases; --\x00\ud800"}, [], id="hostile"),
    ],
)
def test_filters(five: Store, sought: dict[str, str], found: list[str]) -> None:
    assert keys(five.reader.cases(limit=10, **sought)) == found


@pytest.mark.parametrize("name", ["nothing", "\x00", "\ud800", "x" * 9000])
def test_hostile_names_are_just_not_there(store: Store, name: str) -> None:
    assert store.reader.case(name) is None
    assert store.inbox.get(name) is None
    assert not store.operator.retry_dead(name)
    assert store.reader.cases(limit=1, after=name, severity=name, state=name).items == ()
    assert store.reader.deliveries(limit=1, after=name, state=name).items == ()


def test_a_noisy_case_names_its_newest_alerts(store: Store) -> None:
    ids = [settle(store, f"a{number}", document()) for number in range(103)]

    record = store.reader.case("case-1")

    assert record is not None
    assert list(record.alerts) == ids[3:]


def test_deliveries_by_state(five: Store) -> None:
    five.outbox.ticket_created(five.outbox.claim("jira", 1)[0], SEC_12)

    [sending] = five.reader.deliveries(limit=10, state="sending").items
    first = five.reader.deliveries(limit=8)
    rest = five.reader.deliveries(limit=8, after=first.next)

    assert (sending.case_key, sending.destination, sending.label) == ("case-0", "jira", "SEC-12")
    assert len(first.items) == 8
    assert len({delivery.delivery_id for delivery in (*first.items, *rest.items)}) == 12


def test_dead_alerts_and_sources(store: Store) -> None:
    dead = [store.inbox.accept(submission(f"a{number}", source="emea", dead_reason="not_json")) for number in range(3)]
    last = store.inbox.accept(submission("b"))

    first = store.reader.dead_alerts(limit=2)
    second = store.reader.dead_alerts(limit=2, after=first.next)
    emea, sumo = store.reader.sources()

    assert [record.alert_id for record in (*first.items, *second.items)] == [receipt.alert_id for receipt in reversed(dead)]
    assert (emea.source, emea.alerts, emea.dead) == ("emea", 3, 3)
    assert (sumo.source, sumo.alerts, sumo.dead) == ("sumo", 1, 0)
    record = store.inbox.get(last.alert_id)
    assert record is not None
    assert sumo.last_at == record.received_at


def test_backlog(estate: Estate, store: Store) -> None:
    empty = store.reader.backlog()
    settle(store, "a", document())
    store.outbox.bury(deliver(store, "jira"), "invalid", "")
    deliver(store, "slack")
    store.inbox.bury(take(store, "b"), "broken")
    store.inbox.accept(submission("c"))
    if estate.url.startswith("sqlite"):
        estate.advance(30)

    backlog = store.reader.backlog()

    assert (empty.alerts_waiting, empty.oldest_alert_s, empty.deliveries_waiting) == (0, 0.0, {})
    assert backlog.alerts_waiting == 1
    assert backlog.oldest_alert_s == 30 if estate.url.startswith("sqlite") else 0 < backlog.oldest_alert_s < 60
    assert backlog.deliveries_waiting == {"servicenow": 1, "slack": 1}
    assert (backlog.dead_alerts, backlog.dead_deliveries) == (1, 1)


def test_ready_writes_for_real(estate: Estate, store: Store) -> None:
    store.reader.ready()
    store.reader.ready()

    assert estate.count(schema.pulse) == 1
