"""After tuning: the verdict, and which finding speaks for its case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import combinations
from typing import Any

import pytest

from enricher.core.casefile import MAX_FINDINGS
from enricher.core.finding import Finding, tune, tuning_facts
from enricher.core.matcher import Matcher
from enricher.core.programs import Programs
from enricher.core.rules import TuningRule
from enricher.model import Event, Severity, Verdict
from tests.fakes import (
    CMD,
    CURL,
    EXPLORER,
    HOST,
    POWERSHELL,
    RELAY,
    TENANT,
    TODAY,
    USER,
    asked,
    connected,
    graded,
    grouped,
    guid,
    packaged_programs,
    started,
)


def rule(name: str = "r", /, **changes: Any) -> TuningRule:
    """A rule on the tenant; what it needs beside that is the business of content."""
    given: dict[str, Any] = {
        "id": name,
        "version": 1,
        "owner": "team-web",
        "approver": "soc, soc-lead",
        "reason": "Known and wanted.",
        "ticket": "SEC-1",
        "created": date(2026, 11, 1),
        "expires": date(2027, 1, 30),
        "scope": {},
        "conditions": {},
        "effect": "cap",
        "cap_at": Severity.LOW,
        "mode": "live",
        "matchers": {"tenant": Matcher(frozenset({TENANT}))},
    }
    return TuningRule(**given | changes)


def ruled(*rules: TuningRule) -> Programs:
    return Programs(replace(packaged_programs().rules, tuning=rules))


def findings(*events: Event, rules: tuple[TuningRule, ...] = ()) -> list[Finding]:
    programs = ruled(*rules)
    return tune(graded(*events, programs=programs), programs.rules, TODAY)


WEAK = [connected(hostname=RELAY, image=CURL)]
STRONG = [started(POWERSHELL, "powershell -nop -w hidden -ep bypass", parent=CMD), asked(), connected()]


def test_without_a_rule_nothing_changes() -> None:
    found = findings(*STRONG)[0]
    assert (found.tuned.score, found.verdict) == (found.graded.score, found.graded.verdict)
    assert found.tuned.exceptions == ()


@pytest.mark.parametrize(
    ("events", "rules", "verdict"),
    [
        pytest.param(WEAK, (), Verdict.UNKNOWN, id="no rule"),
        pytest.param(WEAK, (rule(),), Verdict.BENIGN, id="a live rule, raw score below 40"),
        pytest.param(WEAK, (rule(mode="shadow"),), Verdict.UNKNOWN, id="in shadow"),
        pytest.param(WEAK, (rule(expires=TODAY),), Verdict.UNKNOWN, id="expired"),
        pytest.param(STRONG, (rule(),), Verdict.SUSPICIOUS, id="a live rule, raw score above"),
    ],
)
def test_verdict_after_tuning(events: list[Event], rules: tuple[TuningRule, ...], verdict: Verdict) -> None:
    assert findings(*events, rules=rules)[0].verdict is verdict


def test_the_raw_grade_stays_visible() -> None:
    found = findings(*STRONG, rules=(rule(),))[0]
    assert (found.tuned.score, found.tuned.severity) == (39, Severity.LOW)
    assert found.graded.score == 60
    assert found.tuned.steps[0]["points"] == -21


def test_what_a_rule_may_ask() -> None:
    parent = started(EXPLORER, "explorer", guid=guid(2), pid=2, parent=None)
    child = started(
        POWERSHELL,
        "powershell -x",
        parent_guid=guid(2),
        parent=EXPLORER,
        hashes={"sha256": "ab"},
        version_info={"company": "x"},
    )
    facts = tuning_facts(graded(parent, child, asked(), connected())[0])
    assert facts.host == HOST
    assert facts.user == USER
    assert facts.image == POWERSHELL.lower()
    assert facts.parents == (EXPLORER.lower(),)
    assert facts.command_line == "powershell -x"
    assert (facts.tenant, facts.hostname) == (TENANT, RELAY)
    assert facts.hashes == {"sha256": "ab"}
    assert facts.groups is None, "no estate file: not known, rather than none"


def test_without_event_1_a_rule_can_ask_little() -> None:
    facts = tuning_facts(graded(*WEAK)[0])
    assert (facts.command_line, facts.parents, dict(facts.hashes)) == (None, (), {})


# --- who speaks -----------------------------------------------------------------------------------------------------


LOUD = Matcher(frozenset({"powershell -nop -w hidden -ep bypass"}))


def two(rules: tuple[TuningRule, ...] = ()) -> Any:
    """The case of a quiet and a loud PowerShell."""
    loud = [started(POWERSHELL, "powershell -nop -w hidden -ep bypass", parent=CMD), asked(), connected()]
    quiet = [connected(-30, hostname=RELAY, guid=guid(2), pid=2)]
    found = grouped(*quiet, *loud, programs=ruled(*rules)).cases
    assert len(found) == 1
    return found[0].document


def test_the_highest_speaks_though_another_was_earlier() -> None:
    case = two()
    assert (case["score"], case["process"]["guid"]) == (60, guid(1))
    assert [f["score"] for f in case["findings"]] == [60, 30]


def test_of_equals_the_earliest_speaks() -> None:
    events = [connected(n, hostname=RELAY, guid=guid(n), pid=n) for n in (5, 3, 9)]
    assert grouped(*events).cases[0].document["process"]["guid"] == guid(3)


def test_a_suppressed_finding_hides_no_other() -> None:
    matchers = {
        "tenant": Matcher(frozenset({TENANT})),
        "command_line": Matcher(frozenset({"powershell -nop -w hidden -ep bypass"})),
    }
    case = two((rule(effect="suppress", cap_at=None, matchers=matchers),))
    assert (case["disposition"], case["score"], case["process"]["guid"]) == ("open", 30, guid(2))
    assert [e["rule"] for e in case["exceptions"]] == ["r"], "the rule is named all the same"


def test_a_case_of_suppressed_findings_is_suppressed_and_names_its_rule() -> None:
    case = two((rule(effect="suppress", cap_at=None),))
    assert (case["disposition"], case["score"]) == ("suppressed", 60)
    assert [(e["rule"], e["effect"], e["owner"]) for e in case["exceptions"]] == [("r", "suppress", "team-web")]
    assert case["ledger"][-1]["rule"] == "tuning.r"


RULES_ON_TWO = [
    rule("both"),
    rule("sub", effect="subtract", amount=15, cap_at=None),
    rule("hide", effect="suppress", cap_at=None),
    rule("info", cap_at=Severity.INFORMATIONAL),
    *(
        rule(name, effect=effect, cap_at=cap, matchers={"tenant": Matcher(frozenset({TENANT})), "command_line": LOUD})
        for name, effect, cap in (("hide-loud", "suppress", None), ("cap-loud", "cap", Severity.LOW))
    ),
]


@pytest.mark.parametrize("one", RULES_ON_TWO, ids=lambda one: one.id)
def test_one_rule_more_never_raises_an_open_case(one: TuningRule) -> None:
    """A case under suppression shows what it would have if it were reopened; an open one only ever falls."""
    others = [other for other in RULES_ON_TWO if other is not one]
    for count in range(len(others) + 1):
        for some in combinations(others, count):
            before, after = two(some), two((*some, one))
            if after["disposition"] == "suppressed":
                assert any(exception["effect"] == "suppress" for exception in after["exceptions"])
                continue
            assert before["disposition"] != "suppressed"
            assert after["score"] <= before["score"]


def test_the_ledger_ends_with_the_tuning() -> None:
    case = two((rule(), rule("s", mode="shadow", effect="subtract", amount=5, cap_at=None)))
    assert [(s["rule"], s["taken"]) for s in case["ledger"][-2:]] == [("tuning.s", False), ("tuning.r", True)]
    assert case["ledger"][-1]["to"] == case["score"] == 39
    assert case["raw_score"] == 60
    assert len(case["findings"]) <= MAX_FINDINGS
