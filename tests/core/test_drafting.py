"""The narrowest rule that covers a case: it fits that case, nothing bad, and no fact that it does not need to leave open."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from enricher.content.families import dump, read_rules
from enricher.core.document import Json
from enricher.core.drafting import LONGEST_PATTERN, Subject, Terms, draft, why_not
from enricher.core.finding import tuning_facts
from enricher.core.programs import Programs
from enricher.core.rules import TuningRule
from enricher.core.tune import TuningFacts, applies
from enricher.wiring.corpus import hidden_by
from tests.fakes import corpus_alert, flow, manifest, packaged_programs

TENANT = "storefront-api-git-main-acme.vercel.app"
NODE = "c:\\program files\\nodejs\\node.exe"
CODE = "c:\\users\\amartin\\appdata\\local\\programs\\microsoft vs code\\code.exe"
FACTS = TuningFacts(
    host="ws-1.corp.example",
    user="CORP\\amartin",
    image=NODE,
    parents=("c:\\windows\\system32\\cmd.exe", CODE),
    command_line="node C:\\src\\shop\\vite.js --port 5173",
    tenant=TENANT,
)
TERMS = Terms(owner="team-web", approver="soc-detection", ticket="SEC-1042", created=date(2026, 11, 24))


def subject(*findings: TuningFacts, verdicts: frozenset[str] = frozenset({"unknown"})) -> Subject:
    return Subject(
        key="enricher-0123456789abcdef",
        host=findings[0].host if findings else "ws-1.corp.example",
        process="node.exe",
        verdicts=verdicts,
        findings=findings,
    )


def conditions(*findings: TuningFacts) -> Json:
    found: Json = draft(subject(*findings), TERMS)["conditions"]
    return found


def loaded(rule: Json) -> TuningRule:
    """The rule, read with all guards, its own tests among them."""
    rules, problems = read_rules(dump([rule]), packaged_programs().rules.catalog)
    assert problems == []
    (one,) = rules
    return one


# --- the corpus -----------------------------------------------------------------------------------------------------

BENIGN = [entry["case"] for entry in manifest() if entry["kind"] == "benign" and entry["expect"]["cases"]]


@cache
def subjects(case: str) -> tuple[Subject, ...]:
    """The cases of a folder of the corpus."""
    return tuple(
        Subject(
            key=one.document["key"],
            host=one.document["host"],
            process=one.document["process"]["name"],
            verdicts=frozenset({one.document["verdict"]}),
            findings=tuple(tuning_facts(finding.graded) for finding in one.findings),
        )
        for one in flow(corpus_alert(case)).cases
    )


@pytest.mark.parametrize("case", BENIGN)
def test_of_a_benign_case_it_fits_that_and_nothing_malicious(case: str) -> None:
    for about in subjects(case):
        assert why_not(about, frozenset()) == []
        rule = loaded(draft(about, TERMS))
        assert all(applies(rule, facts) for facts in about.findings)
        assert hidden_by(Programs(replace(packaged_programs().rules, tuning=(rule,)))) == []
        others = (other for name in BENIGN for other in subjects(name) if other.key != about.key)
        assert not any(applies(rule, facts) for other in others for facts in other.findings)


MALICIOUS = [entry["case"] for entry in manifest() if entry["kind"] == "malicious"]


@pytest.mark.parametrize("case", MALICIOUS)
def test_of_a_malicious_case_there_is_none(case: str) -> None:
    """Refused for what it is, else by the guard: a rule that would fit it does not load."""
    for about in subjects(case):
        if why_not(about, frozenset()):
            continue
        rules, problems = read_rules(dump([draft(about, TERMS)]), packaged_programs().rules.catalog)
        assert problems or hidden_by(Programs(replace(packaged_programs().rules, tuning=tuple(rules))))


# --- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        pytest.param(subject(), "nothing is remembered", id="its events are forgotten"),
        pytest.param(subject(FACTS, verdicts=frozenset({"unknown", "malicious"})), "verdict is malicious", id="malicious"),
        pytest.param(subject(replace(FACTS, identity=frozenset({"renamed"}))), "not what it seems: renamed", id="renamed"),
        pytest.param(
            subject(FACTS, replace(FACTS, identity=frozenset({"user_writable"}))),
            "not what it seems: user_writable",
            id="one finding of it in a folder of the user",
        ),
        pytest.param(subject(replace(FACTS, tenant=None)), "do not tell its customers apart", id="no tenant"),
        pytest.param(subject(FACTS, replace(FACTS, tenant="b.vercel.app")), "over 2 tenants", id="several tenants"),
        pytest.param(
            subject(replace(FACTS, parents=(), command_line=None, user=None)),
            "too little is known",
            id="too little evidence",
        ),
        pytest.param(
            subject(*(replace(FACTS, image=f"c:\\tools\\{name}\\node.exe") for name in "abcdefghi")),
            "9 kinds of image",
            id="too many images",
        ),
    ],
)
def test_why_there_can_be_none(about: Subject, reason: str) -> None:
    assert reason in "; ".join(why_not(about, frozenset()))


def test_a_protected_tenant_is_not_tuned() -> None:
    assert why_not(subject(FACTS), frozenset({"another.vercel.app"})) == []
    (reason,) = why_not(subject(FACTS), frozenset({TENANT}))
    assert reason.startswith(f"{TENANT} is protected")


# --- as exact as the case -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        pytest.param({"image": "c:\\tools\\node.exe"}, "image", id="another image"),
        pytest.param({"parents": ("c:\\tools\\any.exe", CODE)}, "parent", id="another parent"),
        pytest.param({"parents": ()}, "parent", id="no parent known"),
        pytest.param({"command_line": "node C:\\src\\shop\\vite.js --port 5174"}, "command line", id="another number"),
        pytest.param({"command_line": "node C:\\src\\shop\\vite.js --port 51730"}, "command line", id="a longer line"),
        pytest.param(
            {"command_line": "x & node C:\\src\\shop\\vite.js --port 5173"}, "command line", id="a line around it"
        ),
        pytest.param({"command_line": "node C:\\src\\shop\\viteXjs --port 5173"}, "command line", id="a dot is a dot"),
        pytest.param({"command_line": None}, "command line", id="no line known"),
        pytest.param({"tenant": f"x-{TENANT}"}, "tenant", id="another tenant"),
        pytest.param({"user": "CORP\\other"}, "user", id="another user"),
        pytest.param({"host": "ws-2.corp.example"}, "host", id="another host"),
        pytest.param({"identity": frozenset({"masquerade"})}, "identity", id="a masquerade"),
    ],
)
def test_every_fact_counts(changed: dict[str, Any], name: str) -> None:
    rule = loaded(draft(subject(FACTS), TERMS))
    assert applies(rule, FACTS)
    assert not applies(rule, replace(FACTS, **changed)), name


def test_each_condition_has_a_test_that_must_not_match() -> None:
    hashed = replace(FACTS, hashes={"sha256": "a" * 64}, service_account=True)
    rule = draft(subject(hashed), TERMS)
    told = {key for example in rule["tests"]["must_not"] for key in example}
    assert told == {"image", "parents", "command_line", "tenant", "hashes", "host", "user", "service_account", "identity"}
    loaded(rule)


def test_the_smallest_group_of_the_host_is_its_scope() -> None:
    terms = replace(TERMS, group_sizes={"developers": 40, "web-team": 3})
    about = subject(replace(FACTS, groups=frozenset({"developers", "web-team"})))
    rule = draft(about, terms)
    assert rule["scope"] == {"groups": ["web-team"], "users": ["CORP\\amartin"]}
    assert not applies(loaded(rule), replace(about.findings[0], groups=frozenset({"developers"})))


def test_a_service_account_is_said_where_all_are_one() -> None:
    own = replace(FACTS, service_account=True)
    assert draft(subject(own), TERMS)["scope"]["service_account"] is True
    assert "service_account" not in draft(subject(own, FACTS), TERMS)["scope"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["run 1"], "re:^run 1$", id="one line, whole"),
        pytest.param(["run 1", "run 22"], r"re:^run \d+$", id="a number that differs"),
        pytest.param(["run 1 of 9", "run 2 of 9"], r"re:^run \d+ of 9$", id="only the number that differs"),
        pytest.param(
            ["run 11111111-2222-3333-4444-555555555555", "run aaaaaaaa-2222-3333-4444-555555555555"],
            "re:^run [0-9a-fx-]+$",
            id="an id",
        ),
        pytest.param(["RUN 1", "run 1"], "re:^RUN 1$", id="case is no difference"),
        pytest.param(["run a", "run b"], ["re:^run a$", "re:^run b$"], id="a word that differs is listed"),
        pytest.param(["run 1", "go 1"], ["re:^run 1$", "re:^go 1$"], id="lines of another shape are listed"),
        pytest.param(
            ["a (b) [c] {d} ^e$ f|g *.?+ \\"], r"re:^a \(b\) \[c\] \{d\} \^e\$ f\|g \*\.\?\+ \\$", id="signs are escaped"
        ),
    ],
)
def test_command_lines(lines: list[str], expected: str | list[str]) -> None:
    assert conditions(*(replace(FACTS, command_line=line) for line in lines))["command_line"] == expected


def test_a_line_too_long_for_an_expression_is_compared_whole() -> None:
    line = "run " + "x" * LONGEST_PATTERN
    rule = draft(subject(replace(FACTS, command_line=line)), TERMS)
    assert rule["conditions"]["command_line"] == line
    assert not applies(loaded(rule), replace(FACTS, command_line=line + "x"))


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        pytest.param(
            ["c:\\nvm\\v20.1.0\\node.exe", "c:\\nvm\\v22.3.1\\node.exe"], "c:\\nvm\\*\\node.exe", id="version folder"
        ),
        pytest.param(["/opt/node-a/node", "/opt/node-b/node"], ["/opt/node-a/node", "/opt/node-b/node"], id="no version"),
        pytest.param(
            ["c:\\t\\python3.exe", "c:\\t\\python4.exe"], ["c:\\t\\python3.exe", "c:\\t\\python4.exe"], id="the name"
        ),
        pytest.param(["c:\\1\\2\\a.exe", "c:\\2\\3\\a.exe"], ["c:\\1\\2\\a.exe", "c:\\2\\3\\a.exe"], id="two folders"),
    ],
)
def test_images(images: list[str], expected: str | list[str]) -> None:
    assert conditions(*(replace(FACTS, image=image) for image in images))["image"] == expected


def test_an_ancestor_that_all_have_stands_in_for_parents_that_some_lack() -> None:
    found = conditions(FACTS, replace(FACTS, parents=(None, CODE)))
    assert "parent" not in found
    assert found["ancestor"] == CODE


def test_a_fact_that_one_finding_lacks_is_no_condition() -> None:
    found = conditions(replace(FACTS, hashes={"sha256": "a" * 64}), replace(FACTS, command_line=None))
    assert set(found) == {"image", "parent", "tenant"}


# --- nobody has signed it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["owner", "approver", "ticket"])
def test_it_does_not_load_until_it_is_signed(name: str) -> None:
    unsigned = draft(subject(FACTS), replace(TERMS, **{name: None}))  # type: ignore[arg-type] # one of the three
    rules, problems = read_rules(dump([unsigned]), packaged_programs().rules.catalog)
    assert rules == []
    assert all(name in problem for problem in problems)
    loaded(unsigned | {name: "SEC-1042"})


def test_it_is_in_shadow_and_ends() -> None:
    rule = draft(subject(FACTS), replace(TERMS, days=30))
    assert (rule["mode"], rule["effect"], rule["cap_at"]) == ("shadow", "cap", "low")
    assert (rule["created"], rule["expires"]) == (date(2026, 11, 24), date(2026, 12, 24))


# --- whatever the log says ------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(lines=st.lists(TEXT, min_size=1, max_size=4), around=TEXT)
def test_any_command_line_is_fitted_whole_and_stays_one_value(lines: list[str], around: str) -> None:
    written = conditions(*(replace(FACTS, command_line=line) for line in lines))["command_line"]
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    expressions = [one.removeprefix("re:") for one in ([written] if isinstance(written, str) else written)]
    assert all(any(re2.compile(one, options).fullmatch(line) for one in expressions) for line in lines)
    longer = f"{around}{lines[0]}"
    if not any(re.sub(r"[0-9a-fx-]+", "", longer.lower()) == re.sub(r"[0-9a-fx-]+", "", line.lower()) for line in lines):
        assert not any(re2.compile(one, options).fullmatch(longer) for one in expressions)
