from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from enricher.core.feedback import MAX_NOTE, Said, TicketWord, Words, from_jira, from_servicenow
from enricher.errors import PayloadError

WORDS = Words.of(["False Positive", "Benign  Positive"], ["True Positive"])
KEY = "enricher-0123456789abcdef"


def issue(resolution: Any = None, **more: Any) -> dict[str, Any]:
    """Jira's `jira:issue_updated`, in what is read of it."""
    return {
        "timestamp": 1_795_507_200_500,
        "webhookEvent": "jira:issue_updated",
        "user": {"displayName": "Ana  Alvarez", "accountId": "5b10"},
        "issue": {"key": "SEC-12", "fields": {"resolution": resolution, "labels": ["enricher", KEY, "severity-high"]}},
        **more,
    }


def record(**more: Any) -> dict[str, Any]:
    """What the business rule sends."""
    return {
        "sys_id": "a" * 32,
        "correlation_id": KEY,
        "closed": "true",
        "close_code": "False Positive",
        "close_notes": "known tool",
        "by": "ana",
        "at": "2026-11-24 08:00:00",
        **more,
    }


def test_a_resolved_issue() -> None:
    assert from_jira(issue({"name": "False Positive"}), WORDS) == TicketWord(
        tickets=("SEC-12",),
        keys=(KEY,),
        said=Said.FALSE_POSITIVE,
        by="Ana Alvarez",
        note="resolution False Positive",
        at=datetime(2026, 11, 24, 8, 0, 0, 500_000, tzinfo=UTC),
    )


def test_an_issue_as_an_automation_rule_sends_it() -> None:
    word = from_jira(issue({"name": "True Positive"})["issue"], WORDS)
    assert word is not None
    assert (word.tickets, word.said, word.by, word.at) == (("SEC-12",), Said.TRUE_POSITIVE, "unknown", None)


def test_a_closed_record() -> None:
    assert from_servicenow(record(), WORDS) == TicketWord(
        tickets=("a" * 32,),
        keys=(KEY,),
        said=Said.FALSE_POSITIVE,
        by="ana",
        note="close code False Positive: known tool",
        at=datetime(2026, 11, 24, 8, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("resolution", "said"),
    [
        pytest.param({"name": " false   POSITIVE "}, Said.FALSE_POSITIVE, id="case and blanks do not matter"),
        pytest.param({"name": "benign positive"}, Said.FALSE_POSITIVE, id="any of the list"),
        pytest.param({"name": "True Positive"}, Said.TRUE_POSITIVE, id="true positive"),
        pytest.param({"name": "Done"}, Said.NONE, id="another resolution"),
        pytest.param({"name": "Not a False Positive"}, Said.NONE, id="whole words only"),
        pytest.param(None, Said.NONE, id="not resolved"),
        pytest.param({"name": ["False Positive"]}, Said.NONE, id="no text"),
        pytest.param("False Positive", Said.NONE, id="not as Jira sends it"),
    ],
)
def test_what_a_resolution_says(resolution: Any, said: Said) -> None:
    word = from_jira(issue(resolution), WORDS)
    assert word is not None
    assert word.said is said


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"issue": {"key": "SEC-12", "fields": {"labels": []}}}, id="a comment's webhook has no resolution"),
        pytest.param({"issue": {"fields": {"resolution": None}}}, id="no key"),
        pytest.param({"issue": [1]}, id="no issue"),
        pytest.param({"issue": {"key": {"a": 1}, "fields": {"resolution": None}}}, id="a key that is no text"),
    ],
)
def test_what_says_nothing_of_a_resolution(body: Any) -> None:
    assert from_jira(body, WORDS) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"closed": "false"}, Said.NONE, id="reopened, though the code is still there"),
        pytest.param({"closed": False}, Said.NONE, id="reopened, as JSON"),
        pytest.param({"closed": True}, Said.FALSE_POSITIVE, id="closed, as JSON"),
        pytest.param({"close_code": ""}, Said.NONE, id="no code"),
        pytest.param({"close_code": "true positive"}, Said.TRUE_POSITIVE, id="true positive"),
        pytest.param({"close_code": {"value": "x"}}, Said.NONE, id="a code that is no text"),
    ],
)
def test_what_a_close_code_says(change: dict[str, Any], said: Said) -> None:
    word = from_servicenow(record(**change), WORDS)
    assert word is not None
    assert word.said is said


def test_a_ticket_that_follows_a_closed_one_speaks_of_the_same_case() -> None:
    word = from_servicenow(record(correlation_id=f"{KEY}-g12"), WORDS)
    assert word is not None
    assert word.keys == (KEY,)


def test_a_record_without_name_or_code_says_nothing() -> None:
    assert from_servicenow(record(sys_id="", correlation_id=None), WORDS) is None
    assert from_servicenow({"sys_id": "a" * 32}, WORDS) is None


@pytest.mark.parametrize("read", [from_jira, from_servicenow])
@pytest.mark.parametrize("body", [[], "text", 1, None], ids=str)
def test_a_body_that_is_no_object_is_refused(read: Any, body: Any) -> None:
    with pytest.raises(PayloadError) as refused:
        read(body, WORDS)
    assert refused.value.code == "not_an_object"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("2026-11-24 08:00:00", datetime(2026, 11, 24, 8, tzinfo=UTC), id="as ServiceNow stores it"),
        pytest.param("2026-11-24T09:00:00+01:00", datetime(2026, 11, 24, 8, tzinfo=UTC), id="ISO"),
        pytest.param("24/11/2026 08:00", None, id="as somebody's screen shows it"),
        pytest.param(1_795_507_200, None, id="a number"),
    ],
)
def test_times_of_a_record(at: Any, expected: datetime | None) -> None:
    word = from_servicenow(record(at=at), WORDS)
    assert word is not None
    assert word.at == expected


@pytest.mark.parametrize("timestamp", [10**30, "now", float("inf"), None, -(10**30)], ids=str)
def test_a_time_that_cannot_be_one_is_none(timestamp: Any) -> None:
    word = from_jira(issue(None, timestamp=timestamp), WORDS)
    assert word is not None
    assert word.at is None


def test_text_is_cut_and_secrets_are_masked() -> None:
    word = from_servicenow(record(close_notes="password=hunter2 " + "x" * 10_000, by="b" * 10_000), WORDS)
    assert word is not None
    assert "hunter2" not in word.note
    assert (len(word.note), len(word.by)) == (MAX_NOTE, 100)


def test_only_our_own_labels_are_keys() -> None:
    body = issue(None)
    body["issue"]["fields"]["labels"] = ["x", 7, None, "enricher-" + "a" * 400, KEY, "ENRICHER-1"] + ["enricher-x"] * 100
    word = from_jira(body, WORDS)
    assert word is not None
    assert set(word.keys) == {KEY, "enricher-x"}
    assert len(word.keys) < 50
