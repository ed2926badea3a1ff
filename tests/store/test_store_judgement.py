"""How often rules match, drift by day, versions of queries, and what people say of cases."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from enricher.core.feedback import Said
from enricher.errors import StoreUnavailable
from enricher.store import Store
from tests.store.fakes import SEC_12, Clock, Estate, deliver, document, event, settle

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def matched(*rules: str, mode: str = "live") -> list[dict[str, str]]:
    return [{"rule": rule, "effect": "cap", "mode": mode} for rule in rules]


def drifted(rows: list[int], sumo: str = "Other", **more: str) -> dict[str, Any]:
    return {"field": "serverless_platform", "sumo": sumo, "ours": "CF", "reason": "no_platform", "rows": rows, **more}


def matches(store: Store) -> dict[str, int]:
    return {rule: use.matches for rule, use in store.reader.rule_uses().items()}


def differences(store: Store) -> list[tuple[str, str, int, int]]:
    return [(one.sumo, one.reason, one.cases, one.rows) for one in store.reader.drift(LONG_AGO)]


# --- rules ----------------------------------------------------------------------------------------------------------


def test_a_rule_counts_a_case_once_for_each_alert_with_new_contacts(store: Store) -> None:
    settle(store, "a", document(exceptions=matched("R1", "R2")), events=[event("e1"), event("e2")])
    settle(store, "b", document(exceptions=matched("R1")), events=[event("e3")])

    assert matches(store) == {"R1": 2, "R2": 1}


def test_a_repeat_adds_no_match(store: Store) -> None:
    for name in "abc":
        settle(store, name, document(exceptions=matched("R1")), events=[event("e1")])

    assert matches(store) == {"R1": 1}


def test_a_rule_that_matches_because_more_is_known_counts_once(store: Store) -> None:
    settle(store, "a", document(), events=[event("e1")])
    for name in "bc":
        settle(store, name, document(exceptions=matched("R1")), events=[event(f"parent {name}", event_id=1, count=0)])

    assert matches(store) == {"R1": 1}


def test_shadow_and_live_are_counted_apart_and_told_together(estate: Estate, store: Store) -> None:
    settle(store, "a", document(exceptions=matched("R1", mode="shadow")), events=[event("e1")])
    settle(store, "b", document(exceptions=matched("R1")), events=[event("e2")])

    assert matches(store) == {"R1": 2}
    assert sorted(estate.rows("SELECT mode, matches FROM rule_days")) == [("live", 1), ("shadow", 1)]


def test_matches_are_told_by_day_and_mode_from_a_day_on(estate: Estate, store: Store) -> None:
    settle(store, "a", document(exceptions=matched("R1", mode="shadow")), events=[event("e1")])
    estate.advance(2 * 86_400)
    for name in "bc":
        settle(store, name, document(exceptions=matched("R1", "R2")), events=[event(f"e {name}")])

    told = store.reader.rule_days(LONG_AGO)
    first, later = (min(one.day for one in told), max(one.day for one in told))
    expected = [("R1", first, "shadow", 1), ("R1", later, "live", 2), ("R2", later, "live", 2)]
    assert sorted((one.rule, one.day, one.mode, one.matches) for one in told) == sorted(expected)
    now = datetime.combine(later, time(), UTC)
    assert {one.day for one in store.reader.rule_days(now + timedelta(hours=23))} == {later}
    assert store.reader.rule_days(now + timedelta(days=1)) == []


def test_a_loaded_rule_is_known_since_it_was_first_loaded(estate: Estate, store: Store, clock: Clock) -> None:
    store.rule_book.loaded(["R1", "R2"])
    first = {rule: use.first_seen_at for rule, use in store.reader.rule_uses().items()}
    clock.now += timedelta(days=40)
    another = estate.open()
    another.rule_book.loaded(["R1", "R3"])

    uses = store.reader.rule_uses()
    assert {rule: uses[rule].first_seen_at for rule in first} == first
    assert (sorted(uses), uses["R1"].matches, uses["R1"].last_at) == (["R1", "R2", "R3"], 0, None)


def test_many_rules_are_noted(store: Store) -> None:
    store.rule_book.loaded(f"R{number}" for number in range(1_000))

    assert len(store.reader.rule_uses()) == 1_000


def test_rules_that_could_not_be_noted_are_noted_the_next_time(estate: Estate, store: Store) -> None:
    store.access.close()
    with pytest.raises(StoreUnavailable):
        store.rule_book.loaded(["R1"])
    assert store.rule_book._noted == set()


def test_purge_keeps_how_often_a_rule_has_matched(store: Store, clock: Clock) -> None:
    settle(store, "a", document(exceptions=matched("R1")), events=[event("e1")])
    before = store.reader.rule_uses()

    store.purge(clock.now + timedelta(days=9000))
    settle(store, "b", document(exceptions=matched("R1")), events=[event("e2")])

    after = store.reader.rule_uses()["R1"]
    assert (before["R1"].matches, after.matches) == (1, 2)
    assert after.last_at is not None
    assert before["R1"].last_at is not None
    assert after.last_at >= before["R1"].last_at


# --- drift ----------------------------------------------------------------------------------------------------------


def test_drift_counts_new_cases_and_fresh_rows(store: Store) -> None:
    first, second = event("e1", rows=frozenset({0})), event("e2", rows=frozenset({1}))
    settle(store, "a", document(drift=[drifted([0, 1])]), events=[first, second])
    settle(store, "b", document(drift=[drifted([0, 1])]), events=[first, event("e3", rows=frozenset({1}))])
    settle(store, "c", document("case-2", drift=[drifted([0])]), events=[event("x", "case-2", rows=frozenset({0}))])

    assert differences(store) == [("Other", "no_platform", 2, 4)]


def test_a_repeat_adds_no_drift(store: Store) -> None:
    for name in "ab":
        settle(store, name, document(drift=[drifted([0])]), events=[event("e1", rows=frozenset({0}))])

    assert differences(store) == [("Other", "no_platform", 1, 1)]


def test_drift_is_told_by_its_values_and_from_a_day_on(store: Store, clock: Clock) -> None:
    settle(
        store,
        "a",
        document(drift=[drifted([0], "One"), drifted([0, 1], "Two" * 200)]),
        events=[event("e1", rows=frozenset({0})), event("e2", rows=frozenset({1}))],
    )

    assert differences(store) == [(("Two" * 200)[:100], "no_platform", 1, 2), ("One", "no_platform", 1, 1)]
    [day] = {one.day for one in store.reader.drift(LONG_AGO)}
    assert len(store.reader.drift(datetime(day.year, day.month, day.day, 23, tzinfo=UTC))) == 2
    assert store.reader.drift(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)) == []


def test_a_case_of_an_older_version_has_no_reason(store: Store) -> None:
    old = {"field": "is_suspicious", "sumo": "1", "ours": "0"}
    settle(store, "a", document(drift=[old]), events=[event("e1")])

    assert differences(store) == [("1", "unknown", 1, 0)]


def test_which_query_is_deployed_and_when_it_changed(store: Store, clock: Clock) -> None:
    for number, query in enumerate(("sha256:1", "sha256:1", "sha256:2", "sha256:2")):
        settle(store, f"a{number}", query=query, monitor="Serverless C2")
        clock.now += timedelta(hours=1)
    settle(store, "b", query="sha256:3")
    settle(store, "c", monitor="says no query")

    versions = [(one.source, one.monitor, one.digest) for one in store.reader.queries(LONG_AGO)]
    assert versions == [
        ("sumo", None, "sha256:3"),
        ("sumo", "Serverless C2", "sha256:2"),
        ("sumo", "Serverless C2", "sha256:1"),
    ]
    assert all(one.first_at <= one.last_at for one in store.reader.queries(LONG_AGO))


def test_purge_forgets_drift_and_queries(store: Store, clock: Clock) -> None:
    settle(store, "a", document(drift=[drifted([0])]), events=[event("e1", rows=frozenset({0}))], query="sha256:1")

    purged = store.purge(clock.now + timedelta(days=9000))

    assert (purged["drift"], purged["queries"]) == (1, 1)
    assert (store.reader.drift(LONG_AGO), store.reader.queries(LONG_AGO)) == ([], [])


# --- feedback -------------------------------------------------------------------------------------------------------


def say(store: Store, said: Said, *, source: str = "jira", at: datetime | None = None, key: str = "case-1") -> bool:
    return store.operator.note_feedback(key, said, "ana", source, "resolution X", at=at)


def last(store: Store, key: str = "case-1") -> str | None:
    record = store.reader.case(key)
    assert record is not None
    return record.feedback[0].said.value if record.feedback else None


def hour(number: int) -> datetime:
    return LONG_AGO + timedelta(hours=number)


def test_a_word_marks_the_case_and_is_audited(estate: Estate, store: Store) -> None:
    settle(store, "a", document())

    assert say(store, Said.FALSE_POSITIVE, at=hour(1))

    record = store.reader.case("case-1")
    assert record is not None
    [word] = record.feedback
    assert (word.said, word.by, word.at, word.source, word.note) == (
        Said.FALSE_POSITIVE,
        "ana",
        hour(1),
        "jira",
        "resolution X",
    )
    assert estate.rows('SELECT "by", action, item_id, detail FROM audit') == [
        ("jira: ana", "feedback", "case-1", "false_positive")
    ]
    assert [news["kind"] for news in record.news] == ["opened"], "feedback is no news to a ticket"


def test_the_same_word_again_is_nothing_new(store: Store) -> None:
    settle(store, "a", document())

    assert [say(store, Said.FALSE_POSITIVE, at=hour(number)) for number in (1, 1, 2)] == [True, False, False]


def test_the_last_word_counts_and_the_others_stay(store: Store) -> None:
    settle(store, "a", document())
    say(store, Said.FALSE_POSITIVE, at=hour(1))
    say(store, Said.TRUE_POSITIVE, source="servicenow", at=hour(2))
    say(store, Said.NONE, at=hour(3))

    record = store.reader.case("case-1")
    assert record is not None
    assert [(word.source, word.said.value) for word in record.feedback] == [
        ("jira", "none"),
        ("servicenow", "true_positive"),
        ("jira", "false_positive"),
    ]


def test_a_webhook_that_was_overtaken_changes_nothing(store: Store) -> None:
    settle(store, "a", document())
    say(store, Said.FALSE_POSITIVE, at=hour(1))
    say(store, Said.TRUE_POSITIVE, at=hour(3))

    assert not say(store, Said.FALSE_POSITIVE, at=hour(1)), "the first one, sent again"
    assert not say(store, Said.NONE, at=hour(2)), "one that came late"
    assert last(store) == "true_positive"


def test_a_time_to_come_is_now(store: Store) -> None:
    settle(store, "a", document())
    say(store, Said.FALSE_POSITIVE, at=datetime(9999, 1, 1, tzinfo=UTC))

    assert say(store, Said.TRUE_POSITIVE), "nobody can speak for the future"
    assert last(store) == "true_positive"


def test_nothing_to_take_back_is_nothing(store: Store) -> None:
    settle(store, "a", document())

    assert not say(store, Said.NONE)
    assert not say(store, Said.FALSE_POSITIVE, key="no such case")
    assert last(store) is None


def test_a_true_positive_protects_its_tenant_while_it_stands(store: Store) -> None:
    settle(store, "a", document(tenant="one.workers.dev"))
    settle(store, "b", document("case-2", tenant="two.workers.dev"))
    settle(store, "c", document("case-3", tenant=None))
    say(store, Said.TRUE_POSITIVE, at=hour(1))
    say(store, Said.FALSE_POSITIVE, key="case-2", at=hour(1))
    say(store, Said.TRUE_POSITIVE, key="case-3", at=hour(1))
    assert store.reader.protected_tenants() == {"one.workers.dev"}

    say(store, Said.TRUE_POSITIVE, key="case-2", at=hour(2))
    say(store, Said.FALSE_POSITIVE, source="servicenow", at=hour(2))

    assert store.reader.protected_tenants() == {"two.workers.dev"}


def test_a_ticket_leads_to_its_case(store: Store) -> None:
    settle(store, "a", document())
    settle(store, "b", document("case-2"))
    by_key = {delivery.case["key"]: delivery for delivery in store.outbox.claim("jira", 10)}
    store.outbox.ticket_created(by_key["case-1"], SEC_12)
    find = store.reader.case_of_ticket

    assert find("jira", [SEC_12.external_id], []) == "case-1"
    assert find("jira", [SEC_12.external_id], ["case-2"]) == "case-1", "what we know comes before what a label says"
    assert find("servicenow", [SEC_12.external_id], []) is None, "another service's tickets are others"
    assert find("jira", ["SEC-99"], ["no such", "case-2"]) == "case-2"
    assert find("jira", [], []) is None
    assert find("jira", ["' OR 1=1 --"], ["%"]) is None


def test_what_was_said_of_a_case_is_said_of_the_one_it_is_part_of(store: Store) -> None:
    settle(store, "a", document())
    delivery = deliver(store, "jira")
    store.outbox.ticket_created(delivery, SEC_12)
    say(store, Said.FALSE_POSITIVE, at=hour(1))
    settle(store, "b", document("case-2"), joined={"case-1": "case-2"})

    assert store.reader.case_of_ticket("jira", [SEC_12.external_id], []) == "case-2"
    assert last(store, "case-2") == "false_positive"


def test_no_text_of_a_ticket_is_too_strange_to_be_stored(store: Store) -> None:
    settle(store, "a", document())
    strange = "\x00\ud800 '; DROP TABLE feedback; --" * 100

    assert store.operator.note_feedback("case-1", Said.FALSE_POSITIVE, strange, "jira", strange)

    record = store.reader.case("case-1")
    assert record is not None
    assert "\x00" not in record.feedback[0].note
    assert record.feedback[0].note.endswith("DROP TABLE feedback; --")
    assert store.reader.case_of_ticket("jira", [strange], [strange]) is None
    assert not store.operator.note_feedback(strange, Said.TRUE_POSITIVE, "ana", "jira")


def test_no_text_of_a_column_is_too_strange_to_be_counted(store: Store) -> None:
    strange = drifted([0], "\x00\ud800" + "ä" * 1_000)
    settle(store, "a", document(drift=[strange]), events=[event("e1", rows=frozenset({0}))], monitor="\x00" * 9)

    ((sumo, *_),) = differences(store)
    assert (len(sumo), sumo[-1]) == (100, "ä")
