"""Tuning as truth tables: what a rule does on which day, on which evidence, beside which other rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.content import load
from enricher.core.matcher import Matcher
from enricher.core.rules import TuningRule
from enricher.core.tune import Standing, Tuned, TuningFacts, applies, apply, expiring, holds, standing
from enricher.model import Severity

POLICY = load(None).severity
TODAY = date(2026, 11, 24)


def exactly(*texts: str) -> Matcher:
    return Matcher(frozenset(texts))


def rule(name: str = "r", /, **changes: object) -> TuningRule:
    given = TuningRule(
        id=name,
        version=1,
        owner="team-web",
        approver="soc",
        reason="Known and wanted.",
        ticket="SEC-1",
        created=date(2026, 11, 1),
        expires=date(2027, 1, 30),
        scope={"groups": ("developers",)},
        conditions={},
        effect="cap",
        cap_at=Severity.LOW,
        mode="live",
        matchers={
            "scope.groups": exactly("developers"),
            "image": exactly("c:\\program files\\nodejs\\node.exe"),
            "parent": exactly("c:\\windows\\system32\\cmd.exe"),
            "tenant": exactly("shop.vercel.app"),
        },
    )
    return replace(given, **changes)  # type: ignore[arg-type]  # names and types are the table's


FACTS = TuningFacts(
    host="ws-dev-1.corp.example",
    groups=frozenset({"staff", "developers"}),
    user="CORP\\r.iyer",
    image="c:\\program files\\nodejs\\node.exe",
    parents=("c:\\windows\\system32\\cmd.exe", "c:\\apps\\code.exe", None),
    command_line="node vite.js",
    tenant="shop.vercel.app",
    hostname="www.shop.vercel.app",
    hashes={"sha256": "ab" * 32},
)


def tuned(*rules: TuningRule, score: float = 65, facts: TuningFacts = FACTS, today: date = TODAY) -> Tuned:
    return apply(facts, score, POLICY, rules, today)


# --- does it hold? --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, True, id="all holds"),
        pytest.param({"image": "C:\\Program Files\\NodeJS\\node.exe"}, True, id="case does not matter"),
        pytest.param({"image": "c:\\users\\public\\node.exe"}, False, id="another image"),
        pytest.param({"tenant": "evil.vercel.app"}, False, id="another tenant"),
        pytest.param({"tenant": "x.shop.vercel.app"}, False, id="a tenant that ends in ours"),
        pytest.param(
            {"parents": ("c:\\apps\\code.exe", "c:\\windows\\system32\\cmd.exe")}, False, id="the parent is further up"
        ),
        pytest.param({"groups": frozenset({"servers"})}, False, id="another group"),
        pytest.param({"image": None}, False, id="no image known"),
        pytest.param({"image": ""}, False, id="an empty image"),
        pytest.param({"tenant": None}, False, id="no tenant known"),
        pytest.param({"parents": ()}, False, id="no parent known"),
        pytest.param({"parents": (None, "c:\\windows\\system32\\cmd.exe")}, False, id="the parent itself not known"),
        pytest.param({"groups": None}, False, id="no estate"),
        pytest.param({"groups": frozenset()}, False, id="host in no group"),
    ],
)
def test_holds(changed: dict[str, object], *, expected: bool) -> None:
    assert holds(rule(), replace(FACTS, **changed)) is expected  # type: ignore[arg-type]  # the table's


@pytest.mark.parametrize(
    ("condition", "text", "expected"),
    [
        ("scope.hosts", "ws-dev-1.corp.example", True),
        ("scope.users", "corp\\r.iyer", True),
        ("scope.groups", "staff", True),
        ("ancestor", "c:\\apps\\code.exe", True),
        ("ancestor", "c:\\windows\\system32\\cmd.exe", True),
        ("command_line", "node vite.js", True),
        ("command_line", "vite.js", False),
        ("user", "corp\\r.iyer", True),
        ("user", "r.iyer", False),
        ("hostname", "www.shop.vercel.app", True),
        ("hostname", "shop.vercel.app", False),
        ("hash", "ab" * 32, True),
        ("hash", "cd" * 32, False),
    ],
)
def test_each_condition_asks_its_own_fact(condition: str, text: str, *, expected: bool) -> None:
    assert holds(rule(matchers={condition: exactly(text)}), FACTS) is expected


def test_a_rule_without_conditions_matches_nothing() -> None:
    assert not holds(rule(matchers={}), FACTS)


def test_a_hash_of_another_kind_is_no_evidence() -> None:
    assert not holds(rule(matchers={"hash": exactly("ab" * 32)}), replace(FACTS, hashes={"sha1": "ab" * 32}))


@pytest.mark.parametrize("word", ["renamed", "masquerade"])
def test_a_process_that_lies_is_never_tuned(word: str) -> None:
    lying = replace(FACTS, identity=frozenset({word, "no_version"}))
    assert holds(rule(), lying)
    assert not applies(rule(), lying)
    result = tuned(rule(), rule("s", effect="suppress", cap_at=None), facts=lying)
    assert (result.score, result.severity, result.suppressed, result.exceptions) == (65, Severity.HIGH, False, ())
    assert [(step["rule"], step["taken"]) for step in result.steps] == [("tuning.r", False), ("tuning.s", False)]
    assert word in result.steps[0]["evidence"]


@pytest.mark.parametrize("word", ["user_writable", "no_version", "double_extension"])
def test_other_identity_words_are_no_floor(word: str) -> None:
    assert tuned(rule(), facts=replace(FACTS, identity=frozenset({word}))).score == 39


# --- which day? -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "mode", "expected", "soon"),
    [
        (date(2026, 10, 31), "live", Standing.PENDING, False),
        (date(2026, 11, 1), "live", Standing.LIVE, False),
        (date(2026, 11, 1), "shadow", Standing.SHADOW, False),
        (date(2027, 1, 15), "live", Standing.LIVE, False),
        (date(2027, 1, 16), "live", Standing.LIVE, True),
        (date(2027, 1, 29), "shadow", Standing.SHADOW, True),
        (date(2027, 1, 30), "live", Standing.EXPIRED, False),
    ],
)
def test_standing(today: date, mode: str, expected: Standing, *, soon: bool) -> None:
    subject = rule(mode=mode)
    assert (standing(subject, today), expiring(subject, today)) == (expected, soon)


@pytest.mark.parametrize("today", [date(2026, 10, 31), date(2027, 1, 30), date(2030, 1, 1)])
def test_outside_its_days_a_rule_does_and_says_nothing(today: date) -> None:
    assert tuned(rule(), today=today) == Tuned(score=65, severity=Severity.HIGH)


# --- what does it change? -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "score", "expected", "severity"),
    [
        pytest.param({"cap_at": Severity.LOW}, 65, 39, Severity.LOW, id="cap"),
        pytest.param({"cap_at": Severity.INFORMATIONAL}, 100, 19, Severity.INFORMATIONAL, id="cap at the lowest"),
        pytest.param({"cap_at": Severity.HIGH}, 88, 79, Severity.HIGH, id="cap below critical"),
        pytest.param({"cap_at": Severity.HIGH}, 65, 65, Severity.HIGH, id="cap above the score"),
        pytest.param({"effect": "subtract", "amount": 20.0, "cap_at": None}, 65, 45, Severity.MEDIUM, id="subtract"),
        pytest.param(
            {"effect": "subtract", "amount": 40.0, "cap_at": None}, 25, 0, Severity.INFORMATIONAL, id="not below 0"
        ),
        pytest.param({"effect": "suppress", "cap_at": None}, 65, 65, Severity.HIGH, id="suppress leaves the score"),
    ],
)
def test_one_live_rule(changes: dict[str, object], score: float, expected: float, severity: Severity) -> None:
    result = tuned(rule(**changes), score=score)
    assert (result.score, result.severity, result.live) == (expected, severity, True)
    assert result.suppressed is (changes.get("effect") == "suppress")
    assert [exception["rule"] for exception in result.exceptions] == ["r"]


def test_a_shadow_rule_changes_nothing_and_says_what_it_would() -> None:
    result = tuned(rule(mode="shadow"), rule("s", mode="shadow", effect="suppress", cap_at=None))
    assert (result.score, result.severity, result.suppressed, result.live) == (65, Severity.HIGH, False, False)
    assert [(exception["rule"], exception["mode"]) for exception in result.exceptions] == [("r", "shadow"), ("s", "shadow")]
    step = result.steps[0]
    assert (step["points"], step["from"], step["to"], step["taken"]) == (-26, 65, 65, False)
    assert step["evidence"] == "in shadow, would be: at most low; Known and wanted. (team-web, SEC-1, until 2027-01-30)"


SEVERAL: Sequence[TuningRule] = (
    rule("small", effect="subtract", amount=5.0, cap_at=None),
    rule("large", effect="subtract", amount=15.0, cap_at=None),
    rule("medium", cap_at=Severity.MEDIUM),
    rule("low", cap_at=Severity.LOW),
    rule("maybe", mode="shadow", cap_at=Severity.INFORMATIONAL),
)


def test_of_several_rules_the_strongest_of_each_kind_counts() -> None:
    result = tuned(*SEVERAL, score=85)
    assert result.score == 39
    assert [(step["rule"], step["from"], step["to"], step["taken"]) for step in result.steps] == [
        ("tuning.large", 85, 70, True),
        ("tuning.small", 70, 70, False),
        ("tuning.maybe", 70, 70, False),
        ("tuning.low", 70, 39, True),
        ("tuning.medium", 39, 39, False),
    ]
    assert "another rule does more" in result.steps[1]["evidence"]


def test_the_order_of_the_rules_does_not_matter() -> None:
    answers = [tuned(*order, score=85) for order in permutations(SEVERAL)]
    assert all(answer == answers[0] for answer in answers)


def test_the_exception_names_its_owner_and_end() -> None:
    assert tuned(rule()).exceptions == (
        {
            "rule": "r",
            "effect": "cap",
            "mode": "live",
            "reason": "Known and wanted.",
            "owner": "team-web",
            "expires": "2027-01-30",
        },
    )


@given(st.integers(0, 100), st.lists(st.sampled_from(SEVERAL), unique_by=lambda r: r.id))
def test_tuning_never_raises_a_score(score: int, rules: list[TuningRule]) -> None:
    result = tuned(*rules, score=score)
    assert 0 <= result.score <= score
    assert result.severity.rank <= POLICY.band(score).rank
    running = float(score)
    for step in result.steps:
        assert step["from"] == running
        running = step["to"]
    assert running == result.score
