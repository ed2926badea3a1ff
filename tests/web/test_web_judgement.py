"""Tuning, drift and feedback, on the API and on the console."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from enricher.core.drift import DriftRecord, QueryVersion, drift_document
from enricher.core.feedback import Feedback, Said
from tests.web.fakes import NOW, World, case_record, critical_document

KEY = "enricher-2412d6c5edbed00f"
HOSTILE = "<script>alert(1)</script>"


def rule(rule_id: str = "dev-vercel", **more: Any) -> dict[str, Any]:
    return {
        "id": rule_id,
        "version": 1,
        "state": "expiring",
        "mode": "live",
        "owner": "detection",
        "approver": "soc",
        "reason": "deploys",
        "ticket": "SEC-1",
        "effect": "cap",
        "does": "at most low",
        "scope": {"groups": ["developers"]},
        "conditions": {"tenant": ["corp.vercel.app"], "image": ["c:\\node.exe"]},
        "created": "2026-09-01",
        "expires": "2026-12-01",
        "unmatched_on": None,
        "days_left": 7,
        "matches": 12,
        "last_match": "2026-11-20T08:00:00Z",
        "source": "config/tuning/dev.yml:3",
        **more,
    }


@pytest.fixture
def judged(world: World) -> World:
    record = DriftRecord(
        day=date(2026, 11, 24),
        field="is_suspicious",
        sumo=HOSTILE,
        ours="0",
        reason="suspicious_regex",
        cases=2,
        rows=5,
    )
    version = QueryVersion(
        source="sumo", monitor=None, digest="sha256:" + "ab" * 32, first_at=NOW - timedelta(days=3), last_at=NOW
    )
    world.drift = {**drift_document(30, [record], [version])}
    del world.drift["days"]
    world.rules = [rule(), rule("none", state="shadow", mode="shadow", matches=None, last_match=None, reason=HOSTILE)]
    return world


def text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.data
    return answer.get_data(as_text=True)


def test_tuning_on_the_api(judged: World, client: FlaskClient) -> None:
    assert client.get("/api/v1/tuning").json == {"rules": judged.rules}


def test_tuning_on_the_console(judged: World, client: FlaskClient) -> None:
    shown = text(client, "/tuning")
    assert all(part in shown for part in ("dev-vercel", "at most low", "7 days left", "2026-12-01", "approved by soc"))
    assert HOSTILE not in shown
    assert shown.index("dev-vercel") < shown.index("<b>none</b>"), "in the order given"


def test_no_rules(client: FlaskClient) -> None:
    assert "enricher tuning new" in text(client, "/tuning")


def test_drift_on_the_api(judged: World, client: FlaskClient) -> None:
    answer = client.get("/api/v1/drift?days=7").json
    assert answer == {
        "days": 7,
        "drift": [
            {
                "day": "2026-11-24",
                "field": "is_suspicious",
                "sumo": HOSTILE,
                "ours": "0",
                "reason": "suspicious_regex",
                "cases": 2,
                "rows": 5,
            }
        ],
        "queries": [
            {
                "source": "sumo",
                "monitor": None,
                "digest": "sha256:" + "ab" * 32,
                "first_at": "2026-11-21T02:04:00.000Z",
                "last_at": "2026-11-24T02:04:00.000Z",
            }
        ],
    }


@pytest.mark.parametrize("days", ["0", "366", "-1", "x", "1e9"])
def test_days_are_bounded(judged: World, client: FlaskClient, days: str) -> None:
    for path in ("/api/v1/drift", "/drift"):
        assert client.get(f"{path}?days={days}").status_code == 400


def test_drift_on_the_console(judged: World, client: FlaskClient) -> None:
    shown = text(client, "/drift")
    assert "an unanchored expression of the query" in shown
    assert "sha256:abababababab…" in shown
    assert HOSTILE not in shown


def test_no_drift(client: FlaskClient) -> None:
    assert "they said what is said here" in text(client, "/drift")


@pytest.mark.parametrize("reason", ["other_platform", None], ids=["with its reason", "stored by an older version"])
def test_drift_on_the_page_of_its_case(world: World, client: FlaskClient, reason: str | None) -> None:
    document: Any = critical_document()
    one = document["drift"][0]
    document["drift"] = [one if reason else {name: one[name] for name in ("field", "sumo", "ours")}]
    world.reader.stored = [case_record(document)]
    shown = text(client, f"/cases/{KEY}")
    assert "Sumo said Cloudflare Pages" in shown
    assert ("other platform" in shown) is (reason is not None)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(Said.FALSE_POSITIVE, f"enricher tuning draft {KEY}", id="a draft is offered"),
        pytest.param(Said.TRUE_POSITIVE, "No tuning rule acts on", id="its tenant is protected"),
        pytest.param(Said.NONE, "taken back", id="taken back"),
    ],
)
def test_feedback_on_the_page_of_its_case(world: World, client: FlaskClient, said: Said, expected: str) -> None:
    words = (Feedback(said=said, by=HOSTILE, at=NOW, source="jira", note=HOSTILE),)
    world.reader.stored = [case_record(feedback=words)]
    shown = text(client, f"/cases/{KEY}")
    assert expected in shown
    assert HOSTILE not in shown
    assert ("enricher tuning draft" in shown) is (said is Said.FALSE_POSITIVE)


def test_feedback_on_the_api(world: World, client: FlaskClient) -> None:
    words = tuple(
        Feedback(said=said, by="ana", at=NOW, source="jira", note="n") for said in (Said.TRUE_POSITIVE, Said.FALSE_POSITIVE)
    )
    world.reader.stored = [case_record(feedback=words)]
    case = client.get(f"/api/v1/cases/{KEY}").json or {}
    last = {"said": "true_positive", "by": "ana", "at": "2026-11-24T02:04:00Z", "source": "jira", "note": "n"}
    assert case["feedback"] == last
    assert case["feedback_history"] == [last, {**last, "said": "false_positive"}]


def test_a_case_that_nobody_spoke_of_has_none(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case_record()]
    case = client.get(f"/api/v1/cases/{KEY}").json or {}
    assert (case["feedback"], case["feedback_history"]) == (None, [])
    assert "has said whether it was right" in text(client, f"/cases/{KEY}")
