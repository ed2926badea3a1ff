"""Tuning as truth tables: what a rule does on which day, on which evidence, beside which other rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.content import load
from enricher.core.estate import Window
from enricher.core.matcher import Matcher
from enricher.core.rules import TuningRule
from enricher.core.tune import (
    Experience,
    Standing,
    Tuned,
    TuningFacts,
    about,
    applies,
    apply,
    expiring,
    holds,
    holds_somewhere,
    standing,
    states,
)
from enricher.core.uses import RuleUse
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


# --- an end for want of matches -------------------------------------------------------------------------------------


def used(first: date, last: date | None = None) -> RuleUse:
    def moment(day: date) -> datetime:
        return datetime(day.year, day.month, day.day, 13, tzinfo=UTC)

    return RuleUse(rule="r", matches=1 if last else 0, last_at=moment(last) if last else None, first_seen_at=moment(first))


@pytest.mark.parametrize(
    ("use", "days", "today", "expected"),
    [
        pytest.param(None, 10, date(2027, 1, 15), Standing.LIVE, id="nobody counts: not known, so no end"),
        pytest.param(used(date(2026, 11, 5)), None, date(2027, 1, 15), Standing.LIVE, id="no such end"),
        pytest.param(used(date(2026, 11, 5)), 10, date(2026, 11, 14), Standing.LIVE, id="never matched, the last day"),
        pytest.param(used(date(2026, 11, 5)), 10, date(2026, 11, 15), Standing.UNMATCHED, id="never matched since it was loaded"),
        pytest.param(used(date(2026, 11, 5), date(2026, 12, 1)), 10, date(2026, 12, 10), Standing.LIVE, id="matched, the last day"),
        pytest.param(used(date(2026, 11, 5), date(2026, 12, 1)), 10, date(2026, 12, 11), Standing.UNMATCHED, id="no match since"),
        pytest.param(used(date(2026, 6, 5), date(2026, 7, 1)), 10, date(2026, 11, 10), Standing.LIVE, id="written anew since"),
        pytest.param(used(date(2026, 11, 5)), 10, date(2027, 1, 30), Standing.EXPIRED, id="its end has come as well"),
    ],
)  # fmt: skip
def test_unmatched(use: RuleUse | None, days: int | None, today: date, expected: Standing) -> None:
    subject = rule(ends_when_unmatched_days=days)
    uses = {"r": use} if use else {}
    assert standing(subject, today, use) is expected
    assert states([subject], uses, today)["r"] in {expected, Standing.EXPIRING if expected is Standing.LIVE else expected}
    result = apply(FACTS, 65, POLICY, [subject], today, Experience(uses=uses))
    assert (result.score, result.steps == ()) == ((39, False) if expected is Standing.LIVE else (65, True))


def test_states_of_many_rules() -> None:
    rules = [
        rule("a"),
        rule("b", mode="shadow"),
        rule("c", expires=date(2026, 12, 8)),
        rule("d", expires=date(2026, 12, 9)),
        rule("e", expires=TODAY),
        rule("f", created=date(2026, 11, 25)),
        rule("g", ends_when_unmatched_days=5),
        rule("h", mode="shadow", expires=date(2026, 11, 25)),
    ]
    assert {name: state.value for name, state in states(rules, {"g": used(date(2026, 11, 2))}, TODAY).items()} == {
        "a": "live",
        "b": "shadow",
        "c": "expiring",
        "d": "live",
        "e": "expired",
        "f": "pending",
        "g": "unmatched",
        "h": "expiring",
    }


# --- a tenant that was confirmed malicious --------------------------------------------------------------------------


def test_nothing_is_tuned_for_a_tenant_that_was_confirmed_malicious() -> None:
    known = Experience(protected=frozenset({"shop.vercel.app"}))
    rules = [rule(), rule("s", effect="suppress", cap_at=None), rule("t", mode="shadow")]
    result = apply(FACTS, 65, POLICY, rules, TODAY, known)
    assert (result.score, result.severity, result.suppressed, result.exceptions) == (65, Severity.HIGH, False, ())
    assert [(step["rule"], step["taken"]) for step in result.steps] == [
        ("tuning.r", False),
        ("tuning.t", False),
        ("tuning.s", False),
    ]
    assert {step["evidence"] for step in result.steps} == {"refused: a case of shop.vercel.app was confirmed malicious"}


@pytest.mark.parametrize("protected", [frozenset({"evil.vercel.app"}), frozenset[str]()])
def test_another_tenants_confirmation_changes_nothing(protected: frozenset[str]) -> None:
    assert apply(FACTS, 65, POLICY, [rule()], TODAY, Experience(protected=protected)).score == 39


# --- schedule and chain ---------------------------------------------------------------------------------------------

NIGHT = Window(days=frozenset({1}), begins=time(22), ends=time(2))
"""Tuesday night, until Wednesday at two."""


def contacts(*times: str | None, until: str | None = None) -> dict[str, object]:
    moments = [datetime.fromisoformat(f"2026-11-{text}+00:00") if text else None for text in times]
    last = datetime.fromisoformat(f"2026-11-{until}+00:00") if until else None
    return {"contacts": tuple((moment, last) for moment in moments)}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(contacts("24T22:00:00"), True, id="as it opens"),
        pytest.param(contacts("25T01:59:59.999"), True, id="before it closes, on the day after"),
        pytest.param(contacts("25T02:00:00"), False, id="as it closes"),
        pytest.param(contacts("24T23:00:00", "25T01:00:00"), True, id="every contact inside"),
        pytest.param(contacts("24T23:00:00", "25T02:10:00"), False, id="one outside"),
        pytest.param(contacts("24T23:00:00", None), False, id="one whose time is not known"),
        pytest.param(contacts(), False, id="no contact at all"),
        pytest.param(contacts("25T23:00:00"), False, id="another night"),
        pytest.param(contacts("24T23:00:00", until="25T01:30:00"), True, id="one row for several, all inside"),
        pytest.param(contacts("24T23:00:00", until="25T02:30:00"), False, id="one row for several, until later"),
        pytest.param(contacts("17T23:00:00", until="24T23:00:00"), False, id="from one night to the next"),
        pytest.param(contacts("24T23:00:00", until="24T22:30:00"), False, id="an end before its beginning"),
    ],
)
def test_schedule(changed: dict[str, object], *, expected: bool) -> None:
    subject = rule(schedule=(NIGHT,))
    facts = replace(FACTS, **changed)  # type: ignore[arg-type]  # the table's
    assert holds(subject, facts) is expected
    assert holds_somewhere(subject, facts)


def test_any_of_several_windows_will_do() -> None:
    noon = Window(days=frozenset(range(7)), begins=time(12), ends=time(13))
    facts = replace(FACTS, **contacts("24T23:00:00", "24T12:30:00"))  # type: ignore[arg-type]  # the helper's
    assert holds(rule(schedule=(NIGHT, noon)), facts)
    assert not holds(rule(schedule=(noon,)), facts)


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        pytest.param(("a", "b"), True, id="each in its place"),
        pytest.param(("a", "b", "c"), True, id="more above"),
        pytest.param(("b", "a"), False, id="the other way round"),
        pytest.param(("a",), False, id="the second not known"),
        pytest.param((None, "b"), False, id="the first not known"),
        pytest.param(("x", "a", "b"), False, id="one link further up"),
    ],
)
def test_chain(parents: tuple[str | None, ...], *, expected: bool) -> None:
    subject = rule(matchers={"chain.1": exactly("a"), "chain.2": exactly("b")})
    assert holds(subject, replace(FACTS, parents=parents)) is expected


def test_what_holds_somewhere_holds_for_another_host_user_and_time() -> None:
    subject = rule(schedule=(NIGHT,))
    elsewhere = replace(FACTS, groups=None, user=None, host="other")
    assert (holds(subject, elsewhere), holds_somewhere(subject, elsewhere)) == (False, True)
    assert not holds_somewhere(subject, replace(elsewhere, tenant="evil.vercel.app"))
    assert not holds_somewhere(rule(matchers={"scope.groups": exactly("developers")}), FACTS)


# --- many rules -----------------------------------------------------------------------------------------------------

TENANTS, IMAGES, GROUPS = ("a.vercel.app", "b.vercel.app"), ("c:\\a\\x.exe", "c:\\b\\x.exe"), ("dev", "ops")


@st.composite
def any_rules(draw: st.DrawFn) -> list[TuningRule]:
    """Rules over a small world, so that they meet; ids are unique."""
    names = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=2, max_size=8))
    return [draw(any_rule(name)) for name in names]


SHAPES = (("tenant",), ("tenant", "image"), ("tenant", "scope.groups"), ("hash", "image"), ("parent",), ())
WORLD = {"tenant": TENANTS, "image": IMAGES, "scope.groups": GROUPS, "hash": ("ab" * 32, "cd" * 32), "parent": IMAGES}


def any_rule(name: str) -> st.SearchStrategy[TuningRule]:
    """A rule that asks for one value of a kind, or for either."""
    asked = {
        kind: st.sampled_from([exactly(*texts), exactly(texts[0]), exactly(texts[1])]) for kind, texts in WORLD.items()
    }
    matchers = st.sampled_from(SHAPES).flatmap(lambda kinds: st.fixed_dictionaries({kind: asked[kind] for kind in kinds}))
    effects = st.sampled_from(
        [
            {"effect": "cap", "cap_at": Severity.INFORMATIONAL},
            {"effect": "cap", "cap_at": Severity.MEDIUM},
            {"effect": "subtract", "amount": 5.0, "cap_at": None},
            {"effect": "subtract", "amount": 40.0, "cap_at": None},
            {"effect": "suppress", "cap_at": None},
        ]
    )
    modes, ends = (
        st.sampled_from(["live", "shadow"]),
        st.sampled_from([date(2027, 1, 30), date(2027, 3, 1), date(2026, 11, 20)]),
    )
    return st.builds(
        lambda kept, effect, mode, end: rule(name, matchers=kept, mode=mode, expires=end, **effect),
        matchers,
        effects,
        modes,
        ends,
    )


any_facts = st.builds(
    TuningFacts,
    host=st.just("h"),
    tenant=st.sampled_from([*TENANTS, *TENANTS, None]),
    image=st.sampled_from([*IMAGES, *IMAGES, None]),
    parents=st.sampled_from([(), (IMAGES[0],), (None, IMAGES[1])]),
    groups=st.sampled_from([None, frozenset[str](), frozenset({"dev"}), frozenset(GROUPS)]),
    hashes=st.sampled_from([{}, {"sha256": "ab" * 32}]),
    identity=st.sampled_from([*[frozenset[str]()] * 5, frozenset({"renamed"})]),
)
any_experience = st.builds(Experience, protected=st.sampled_from([frozenset[str](), frozenset({TENANTS[0]})]))
RULES = load(None)


def spoken(facts: TuningFacts, rules: Sequence[TuningRule], known: Experience, score: int = 85) -> Tuned:
    """As the flow does it: through the index."""
    found = about(facts, replace(RULES, tuning=tuple(rules)))
    return apply(facts, score, POLICY, found, TODAY, known)


@given(any_rules(), any_facts)
def test_the_index_finds_every_rule_that_holds(rules: list[TuningRule], facts: TuningFacts) -> None:
    found = about(facts, replace(RULES, tuning=tuple(rules)))
    assert [one.id for one in found] == sorted({one.id for one in found})
    assert {one.id for one in rules if holds(one, facts)} <= {one.id for one in found} <= {one.id for one in rules}


@given(any_rules(), any_facts, any_experience, st.randoms(use_true_random=False))
def test_rules_in_any_order_give_the_same_ledger(
    rules: list[TuningRule], facts: TuningFacts, known: Experience, chance: Random
) -> None:
    shuffled = chance.sample(rules, len(rules))
    assert spoken(facts, shuffled, known) == spoken(facts, rules, known)


@given(any_rules(), any_rule("z"), any_facts, any_experience, st.integers(0, 100))
def test_one_rule_more_never_raises_a_severity(
    rules: list[TuningRule], one: TuningRule, facts: TuningFacts, known: Experience, score: int
) -> None:
    before, after = spoken(facts, rules, known, score), spoken(facts, [*rules, one], known, score)
    assert after.score <= before.score <= score
    assert after.severity.rank <= before.severity.rank
    assert after.suppressed >= before.suppressed


@given(any_rules(), any_facts)
def test_no_floor_is_crossed(rules: list[TuningRule], facts: TuningFacts) -> None:
    lying = replace(facts, identity=frozenset({"masquerade"}))
    watched = replace(facts, tenant=TENANTS[0])
    known = Experience(protected=frozenset({TENANTS[0]}))
    for result in (spoken(lying, rules, Experience()), spoken(watched, rules, known)):
        assert (result.score, result.suppressed, result.exceptions) == (85, False, ())
        assert not any(step["taken"] for step in result.steps)
