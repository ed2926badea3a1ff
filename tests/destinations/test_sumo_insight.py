"""The Insight a case came in with: one comment for one piece of news, and a severity that never falls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from enricher import content
from enricher.content import DeliveryPlan
from enricher.core.document import CaseDocument
from enricher.core.insight import insight_of
from enricher.destinations.sumo_insight import SumoInsight, raised
from enricher.errors import ConfigurationError, DeliveryError, Outcome, Reason
from enricher.settings import Settings
from enricher.standins import KEY, Fault, FaultKind, running
from enricher.standins.sumo.insights import CloudSiem
from enricher.sumo.pace import RATE
from enricher.wiring.destinations import deliver_to, destinations_of
from enricher.wiring.pacing import INSIGHT_RATE, insight_turn
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, ELSEWHERE, RAISED, RECOVERY, delivery
from tests.standins.standin_client import transport
from tests.store.fakes import Clock, Estate, settle
from tests.sumo.fakes import Hours

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_variables")]

MOST_A_SECOND = 4.0
"""Requests of one user, by Sumo Logic's documentation."""
INSIGHT = "0f0a1b2c-3d4e-5f60-7182-93a4b5c6d7e8"
OF_ONE = cast(
    "CaseDocument",
    {**CRITICAL, "insight": {"id": INSIGHT, "readable_id": "INSIGHT-7", "severity": "LOW", "entity": None, "url": None}},
)


@pytest.fixture
def siem() -> Iterator[CloudSiem]:
    with running(CloudSiem(limits=False)) as service:
        yield service


@pytest.fixture
def destination(siem: CloudSiem) -> Iterator[SumoInsight]:
    made = made_for(siem)
    yield made
    made.close()


def made_for(siem: CloudSiem, **more: Any) -> SumoInsight:
    return SumoInsight(
        f"{siem.url}/api/v1", ("id", KEY), base_url="https://enricher.example", transport=transport(), **more
    )


def test_an_insight_gets_comment_tags_and_a_higher_severity(destination: SumoInsight, siem: CloudSiem) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    destination.update(delivery(OF_ONE, tickets=ELSEWHERE), destination.create(delivery(OF_ONE)), RAISED)
    (held,) = siem.store()["insights"]
    assert held["severity"] == "CRITICAL"
    assert held["tags"] == [f"enricher:{CRITICAL_KEY.removeprefix('enricher-')}", "enricher-severity:critical"]
    first, second = (one["body"] for one in held["comments"])
    assert first.startswith("Enricher: critical (98), malicious\n")
    assert first.endswith(f"\n[{CRITICAL_KEY}-01]")
    assert "Ticket: jira SEC-12" in second
    assert held["status"] == {"name": "new"}


@pytest.mark.parametrize(
    ("theirs", "ours", "wanted"),
    [
        ("LOW", "critical", "CRITICAL"),
        ("CRITICAL", "low", None),
        ("HIGH", "high", None),
        ("HIGH", "medium", None),
        ("LOW", "informational", None),
        ("of their own", "medium", None),
        ("of their own", "high", "HIGH"),
        (None, "low", None),
    ],
)
def test_a_severity_only_rises(theirs: str | None, ours: str, wanted: str | None) -> None:
    assert raised(theirs, ours) == wanted


def test_a_case_from_elsewhere_is_not_sent(destination: SumoInsight, siem: CloudSiem) -> None:
    ticket = destination.create(delivery())
    destination.update(delivery(), ticket, RECOVERY)
    assert destination.find(delivery(in_doubt=True)) is None
    assert siem.store()["requests"] == []


@pytest.mark.parametrize("said", ["../../admin", "INSIGHT-7/../8", "INSIGHT-٧", "", 7, None, f"{INSIGHT}\n"])
def test_an_id_of_another_form_never_gets_into_an_address(said: Any) -> None:
    assert insight_of(cast("CaseDocument", {**CRITICAL, "insight": {"id": said, "readable_id": said}})) is None


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.RESET])
@pytest.mark.parametrize("call", ["GET ", "POST /tags", "PUT /severity", "POST /comments"])
def test_no_piece_of_news_has_two_comments(destination: SumoInsight, siem: CloudSiem, call: str, kind: FaultKind) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    method, _, tail = call.partition(" ")
    siem.fail(Fault(kind=kind, method=method, path=f"/api/sec/v1/insights/{INSIGHT}{tail}", calls=(1,)))
    with pytest.raises(DeliveryError):
        destination.create(delivery(OF_ONE))
    doubtful = delivery(OF_ONE, in_doubt=True)
    if destination.find(doubtful) is None:
        destination.create(doubtful)
    (held,) = siem.store()["insights"]
    assert (len(held["comments"]), len(held["tags"]), held["severity"]) == (1, 2, "CRITICAL")


@pytest.mark.parametrize(
    ("fault", "reason", "outcome"),
    [
        pytest.param(Fault(kind=FaultKind.LIMIT, retry_after=7.0), Reason.RATE_LIMITED, Outcome.NOT_SENT, id="429"),
        pytest.param(Fault(kind=FaultKind.ERROR, status=500), Reason.SERVER_ERROR, Outcome.UNKNOWN, id="500"),
        pytest.param(Fault(kind=FaultKind.ERROR, status=503), Reason.SERVER_ERROR, Outcome.UNKNOWN, id="503"),
        pytest.param(Fault(kind=FaultKind.TRUNCATE), Reason.NOT_JSON, Outcome.UNKNOWN, id="garbage"),
        pytest.param(Fault(kind=FaultKind.HTML), Reason.NOT_JSON, Outcome.UNKNOWN, id="a web page"),
        pytest.param(Fault(kind=FaultKind.DENY, status=401), Reason.AUTH, Outcome.NOT_SENT, id="401"),
        pytest.param(Fault(kind=FaultKind.DENY, status=403), Reason.FORBIDDEN, Outcome.REJECTED, id="403"),
        pytest.param(Fault(kind=FaultKind.DENY, status=400), Reason.INVALID, Outcome.REJECTED, id="400"),
        pytest.param(Fault(kind=FaultKind.REDIRECT), Reason.CONFIGURATION, Outcome.REJECTED, id="redirect"),
    ],
)
@pytest.mark.parametrize("call", ["GET ", "POST /tags", "PUT /severity", "POST /comments"])
def test_every_failure_has_its_outcome_and_the_comment_stands_once_afterwards(
    destination: SumoInsight, siem: CloudSiem, call: str, fault: Fault, reason: Reason, outcome: Outcome
) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    method, _, tail = call.partition(" ")
    siem.fail(replace(fault, method=method, path=f"/api/sec/v1/insights/{INSIGHT}{tail}", calls=(1,)))
    with pytest.raises(DeliveryError) as caught:
        destination.create(delivery(OF_ONE))
    assert (caught.value.reason, caught.value.outcome) == (reason, outcome)
    assert caught.value.retry_after == (7.0 if fault.kind is FaultKind.LIMIT else 0.0)
    assert KEY not in str(caught.value)
    doubtful = delivery(OF_ONE, in_doubt=outcome is Outcome.UNKNOWN)
    if not doubtful.in_doubt or destination.find(doubtful) is None:
        destination.create(doubtful)
    (held,) = siem.store()["insights"]
    assert (len(held["comments"]), len(held["tags"]), held["severity"]) == (1, 2, "CRITICAL")


@pytest.mark.parametrize("kind", [FaultKind.HTML, FaultKind.TRUNCATE, FaultKind.ERROR, FaultKind.LIMIT])
def test_a_look_up_that_fails_is_not_taken_for_absence(destination: SumoInsight, siem: CloudSiem, kind: FaultKind) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    siem.fail(Fault(kind=kind, method="GET", path="*/comments"))
    with pytest.raises(DeliveryError):
        destination.find(delivery(OF_ONE, in_doubt=True))


def test_a_person_may_have_tagged_it_and_written_beside_us(destination: SumoInsight, siem: CloudSiem) -> None:
    siem.added(INSIGHT, "INSIGHT-7", "CRITICAL")
    siem.insights[0]["tags"] += ["theirs", "enricher-severity:critical"]
    siem.insights[0]["comments"] += [{"id": "1", "body": f"see {CRITICAL_KEY}-01"}, {"id": "2", "body": None}]
    destination.create(delivery(OF_ONE))
    (held,) = siem.store()["insights"]
    assert held["tags"][:2] == ["theirs", "enricher-severity:critical"]
    assert len(held["tags"]) == len(set(held["tags"])) == 3
    assert (len(held["comments"]), held["severity"]) == (3, "CRITICAL")


# --- how often ------------------------------------------------------------------------------------------------------


def test_every_call_waits_for_its_turn(siem: CloudSiem) -> None:
    turns: list[int] = []
    siem.added(INSIGHT, "INSIGHT-7")
    destination = made_for(siem, turn=lambda: turns.append(len(siem.store()["requests"])))
    destination.check()
    destination.update(delivery(OF_ONE, in_doubt=True), destination.create(delivery(OF_ONE)), RECOVERY)
    destination.close()
    assert turns == list(range(len(siem.store()["requests"])))


def test_this_processes_calls_leave_room_for_its_searches() -> None:
    assert INSIGHT_RATE + RATE <= MOST_A_SECOND
    waits = Hours()
    turn = insight_turn(settings(worker_processes=4), waits)
    begun = waits.clock()
    for _ in range(3):
        turn()
    assert waits.clock() - begun == pytest.approx(2 * 4 / INSIGHT_RATE)


# --- which cases ----------------------------------------------------------------------------------------------------


def plan(folder: Path) -> DeliveryPlan:
    (folder / "destinations.yml").write_text("further:\n  soc-insights: {kind: insight, status: closed}\n")
    return content.delivery_plan(folder)


def settings(**more: Any) -> Settings:
    keys = {"sumo_api_url": "https://api.us2.sumologic.com", "sumo_access_id": "su1", "sumo_access_key": KEY}
    return Settings.model_validate(keys | more)


def test_it_is_made_by_the_settings_of_the_account(tmp_path: Path) -> None:
    made = destinations_of(settings(), plan=plan(tmp_path))["soc-insights"]()
    made.close()
    assert isinstance(made, SumoInsight)
    assert made.name == "soc-insights"
    with pytest.raises(ConfigurationError) as caught:
        destinations_of(Settings.model_validate({}), plan=plan(tmp_path))
    assert "further.soc-insights: needs ENRICHER_SUMO_API_URL" in str(caught.value)


def test_a_case_without_an_insight_is_none_of_its_cases(tmp_path: Path) -> None:
    led = deliver_to(plan(tmp_path), ("jira", "soc-insights"))
    of_another_form = cast("CaseDocument", {**CRITICAL, "insight": {"id": "../7", "readable_id": None}})
    assert [tuple(led(one)) for one in (OF_ONE, CRITICAL, of_another_form)] == [
        ("jira", "soc-insights"),
        ("jira",),
        ("jira",),
    ]


def test_a_case_that_gets_an_insight_later_is_led_to_it_then(
    tables_in_sqlite: Callable[[Path], str], tmp_path: Path
) -> None:
    estate = Estate(tables_in_sqlite(tmp_path / "enricher.db"), Clock(datetime(2026, 11, 24, 8, 0, tzinfo=UTC)))
    estate.routes = deliver_to(plan(tmp_path), ("soc-insights",))
    store = estate.open()
    settle(store, "without", CRITICAL)
    assert store.outbox.claim("soc-insights", 10) == []
    settle(store, "with", OF_ONE)
    (claim,) = store.outbox.claim("soc-insights", 10)
    estate.close()
    assert insight_of(claim.case) == INSIGHT


def test_an_update_in_doubt_looks_first(destination: SumoInsight, siem: CloudSiem) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    ticket = destination.create(delivery(OF_ONE))
    for _ in range(2):
        destination.update(delivery(OF_ONE, in_doubt=True), ticket, RECOVERY)
    assert len(siem.store()["insights"][0]["comments"]) == 2


@pytest.mark.parametrize(("status", "expected"), [(None, "new"), ("closed", "closed"), ("inprogress", "inprogress")])
def test_an_insight_is_closed_only_where_that_is_asked_for(siem: CloudSiem, status: str | None, expected: str) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    destination = made_for(siem, status=status)
    destination.update(delivery(OF_ONE), destination.create(delivery(OF_ONE)), RECOVERY)
    destination.close()
    assert siem.store()["insights"][0]["status"]["name"] == expected


def test_an_insight_that_went_away_is_gone(destination: SumoInsight, siem: CloudSiem) -> None:
    siem.added(INSIGHT, "INSIGHT-7")
    ticket = destination.create(delivery(OF_ONE))
    siem.insights.clear()
    with pytest.raises(DeliveryError) as caught:
        destination.update(delivery(OF_ONE), ticket, RECOVERY)
    assert caught.value.reason is Reason.GONE


def test_a_wrong_key_is_seen_by_the_check_and_not_shown(siem: CloudSiem) -> None:
    destination = SumoInsight(siem.url, ("id-of-ours", "key-of-ours"), transport=transport())
    with pytest.raises(DeliveryError) as caught:
        destination.check()
    destination.close()
    assert caught.value.reason is Reason.AUTH
    assert "of-ours" not in str(caught.value)
