from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from enricher.core.accounts import SourceRecord
from enricher.core.canary import WEBHOOK, Proof, Standing
from enricher.core.uses import RuleDay
from enricher.model import Backlog
from enricher.ports import DestinationHealth, Overview
from enricher.web import glance
from tests.web.fakes import NOW, source_record

CALM = Backlog(alerts_waiting=0, oldest_alert_s=0.0, deliveries_waiting={}, dead_alerts=0, dead_deliveries=0)


def found(**more: Any) -> glance.Found:
    calm: dict[str, Any] = {
        "problems": [],
        "failing": [],
        "backlog": CALM,
        "mark": None,
        "quiet": {},
        "watchings": {},
        "standings": [],
        "rules": [],
    }
    return glance.Found(**(calm | more))


def heard(ago: timedelta, per_hour: float) -> SourceRecord:
    return source_record(last_at=NOW - ago, per_hour=per_hour)


@pytest.mark.parametrize(
    ("ago", "per_hour", "is_quiet"),
    [
        (timedelta(minutes=59), 60.0, False),  # six of its gaps are six minutes, but an hour is the least
        (timedelta(minutes=61), 60.0, True),
        (timedelta(hours=5), 1.0, False),
        (timedelta(hours=7), 1.0, True),
        (timedelta(hours=23), 0.04, False),  # one a day
        (timedelta(hours=23), 0.0, False),
        (timedelta(hours=25), 0.0, True),
        (timedelta(hours=25), 1.0, True),
    ],
)
def test_a_source_is_quiet_by_its_own_habit(ago: timedelta, per_hour: float, *, is_quiet: bool) -> None:
    assert glance.silence(heard(ago, per_hour), NOW) == (ago if is_quiet else None)


def test_nothing_is_wrong_where_nothing_is() -> None:
    proved = Standing(destination="jira", state=Proof.PROVED, proved_at=NOW)
    rules = [{"state": "live"}, {"state": "shadow"}]
    assert glance.troubles(found(standings=[proved, Standing(destination="slack", state=None)], rules=rules)) == []


def test_what_is_wrong_is_named_the_worst_first() -> None:
    backlog = Backlog(alerts_waiting=1, oldest_alert_s=301.0, deliveries_waiting={}, dead_alerts=1, dead_deliveries=2)
    failing = DestinationHealth(
        destination="jira", failures=1, reason="server_error", since=NOW, paused_until=NOW, paused=True
    )
    trying = DestinationHealth(destination="slack", failures=0, reason=None, since=None, paused_until=None, paused=False)
    lost = Standing(destination=WEBHOOK, state=Proof.MISSING)
    refused = Standing(destination="slack", state=Proof.FAILED, detail="invalid_auth", proved_at=NOW)
    troubles = glance.troubles(
        found(
            problems=["a.yml: wrong"],
            failing=[failing, trying],
            backlog=backlog,
            mark="disk",
            quiet={"lab": timedelta(hours=9), "retired": timedelta(days=8)},
            standings=[lost, refused],
            rules=[{"state": "expiring"}, {"state": "expired"}, {"state": "live"}],
        )
    )
    assert [(one.of, one.said) for one in troubles] == [
        ("Intake", "Senders are told to come again later: too little space is free beside the database."),
        ("Intake", "The oldest of 1 waiting alert has waited for 5 min 1 s."),
        ("jira", "Paused until 2026-11-24 02:04 UTC: server error, 1 time in a row since 2026-11-24 02:04 UTC."),
        ("slack", "Tried again: trouble."),
        ("Dead letters", "1 alert and 2 deliveries wait for a person."),
        ("Content", "The last good content stays in use: a.yml: wrong"),
        ("Canary", "the webhook: missing; never proved."),
        ("Canary", "slack: failed, invalid_auth; last proved 2026-11-24 02:04 UTC."),
        ("lab", "Nothing has come for 9 h."),
        ("Tuning", "2 rules end soon or have ended."),
    ]


def test_many_problems_of_the_content_are_counted() -> None:
    said = [one.said for one in glance.troubles(found(problems=[f"{n}" for n in range(8)]))]
    assert len(said) == 6
    assert said[-1] == "3 more problems: enricher check-config lists them."


def test_no_secret_that_a_problem_repeats_is_shown() -> None:
    secret = "Authorization: Bearer xyzzy0123456789plugh"
    refused = Standing(destination="slack", state=Proof.FAILED, detail=secret)
    assert "xyzzy" not in str(glance.troubles(found(problems=[secret], standings=[refused])))


def figures(**more: Any) -> Overview:
    usual: dict[str, Any] = {
        "since": NOW - timedelta(days=1),
        "alerts": {},
        "repeats": 0,
        "opened": {},
        "became": {},
        "open_now": {},
        "most_counted": 1000,
        "deliveries": {},
    }
    return Overview(**(usual | more))


def test_every_severity_has_its_bars_each_kind_by_its_longest() -> None:
    rows = glance.levels(figures(opened={"critical": 1, "low": 4}, open_now={"low": 1000, "high": 250}))
    assert [(row.severity, row.opened, row.opened_width, row.open_now, row.open_width, row.more) for row in rows] == [
        ("critical", 1, 25.0, 0, 0.0, False),
        ("high", 0, 0.0, 250, 25.0, False),
        ("medium", 0, 0.0, 0, 0.0, False),
        ("low", 4, 100.0, 1000, 100.0, True),
        ("informational", 0, 0.0, 0, 0.0, False),
    ]


def test_a_destination_is_there_by_its_deliveries_its_canaries_or_its_trouble() -> None:
    failing = DestinationHealth(destination="slack", failures=1, reason="auth", since=NOW, paused_until=None, paused=False)
    standings = [Standing(destination=name, state=Proof.PROVED) for name in (WEBHOOK, "servicenow")]
    sent = {
        ("jira", "delivered"): 5,
        ("jira", "pending"): 1,
        ("jira", "sending"): 2,
        ("jira", "unknown"): 3,
        ("jira", "dead"): 4,
    }
    jira, servicenow, slack = glance.places(figures(deliveries=sent), [failing], standings)
    assert (jira.delivered, jira.waiting, jira.in_doubt, jira.dead) == (5, 3, 3, 4)
    assert (jira.health, jira.standing) == (None, None)
    assert (servicenow.name, servicenow.delivered, servicenow.standing) == ("servicenow", 0, standings[1])
    assert (slack.name, slack.health) == ("slack", failing)


def test_rules_that_matched_in_the_period_those_that_changed_most_first() -> None:
    def day(rule: str, mode: str, matches: int, ago: int = 0) -> RuleDay:
        return RuleDay(rule=rule, day=NOW.date() - timedelta(days=ago), mode=mode, matches=matches)

    days = [
        day("A", "shadow", 9),
        day("B", "live", 2),
        day("B", "live", 3, 1),
        day("B", "shadow", 1),
        day("gone", "live", 1),
    ]
    docs = [{"id": "A"}, {"id": "B"}, {"id": "idle"}]
    assert [(one.rule, one.live, one.shadow, one.doc) for one in glance.tuned(days, docs)] == [
        ("B", 5, 1, docs[1]),
        ("gone", 1, 0, None),
        ("A", 0, 9, docs[0]),
    ]
    assert len(glance.tuned([day(f"R{n}", "live", 1) for n in range(20)], [])) == 10


def test_drift_is_added_up_by_reason_with_what_is_said_most() -> None:
    line: dict[str, Any] = {"field": "f", "sumo": "a", "ours": "b", "reason": "few", "cases": 1}
    lines = [line, *({**line, "sumo": f"s{n}", "reason": "many", "cases": n} for n in range(1, 6))]
    (first, many), (second, few) = glance.drifted({"drift": lines})
    assert (first, many.cases, [one["sumo"] for one in many.examples]) == ("many", 15, ["s5", "s4", "s3"])
    assert (second, few.cases) == ("few", 1)
    assert glance.drifted({"drift": []}) == []
