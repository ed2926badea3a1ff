"""Rules are found by what a finding shows, not by asking each; that no rule is overlooked is a property in test_tune.py."""

from __future__ import annotations

from datetime import date

import pytest

from enricher.core.matcher import Expression, Matcher
from enricher.core.rules import TuningRule
from enricher.core.tuning_index import TuningIndex


class Anything(Expression):
    def fullmatch(self, text: bytes) -> object | None:
        return text


def rule(name: str, **matchers: Matcher) -> TuningRule:
    return TuningRule(
        id=name,
        version=1,
        owner="team",
        approver="soc",
        reason="Known and wanted.",
        ticket="SEC-1",
        created=date(2026, 11, 1),
        expires=date(2027, 1, 30),
        scope={},
        conditions={},
        effect="cap",
        matchers=matchers,
    )


def exactly(*texts: str) -> Matcher:
    return Matcher(frozenset(texts))


PATTERN = Matcher(expressions=(Anything(),))


def candidates(rules: list[TuningRule], **evidence: str | None) -> list[str]:
    index = TuningIndex.of(rules)
    return [one.id for one in index.candidates(lambda name: (evidence.get(name),))]


MANY_OF_ONE_TENANT = [rule(f"r{n:05}", tenant=exactly("t"), host=exactly(f"h{n}")) for n in range(1_000)]
MANY_TENANTS = [rule(f"r{n:05}", tenant=exactly(f"t{n}"), host=PATTERN) for n in range(1_000)]


@pytest.mark.parametrize(
    ("rules", "evidence", "expected"),
    [
        pytest.param(MANY_TENANTS, {"tenant": "t7"}, ["r00007"], id="by tenant"),
        pytest.param(MANY_TENANTS, {"tenant": "T7"}, ["r00007"], id="in any case"),
        pytest.param(MANY_TENANTS, {"tenant": "other"}, [], id="no rule for it"),
        pytest.param(MANY_TENANTS, {"tenant": None}, [], id="not known"),
        pytest.param(MANY_TENANTS, {"tenant": ""}, [], id="empty"),
        pytest.param(MANY_OF_ONE_TENANT, {"tenant": "t", "host": "h7"}, ["r00007"], id="by what is rarest"),
        pytest.param([rule("b", hash=exactly("x")), rule("a", tenant=exactly("t"))], {"tenant": "t", "hash": "x"}, ["a", "b"], id="by the order of ids"),
        pytest.param([rule("a", tenant=exactly("t", "u"))], {"tenant": "u"}, ["a"], id="any of several values"),
        pytest.param([rule("a", tenant=Matcher(frozenset({"t"}), (Anything(),)))], {}, ["a"], id="values beside a pattern are no way in"),
        pytest.param([rule("a", image=PATTERN)], {}, ["a"], id="without a value it is always asked"),
    ],
)  # fmt: skip
def test_candidates(rules: list[TuningRule], evidence: dict[str, str | None], expected: list[str]) -> None:
    assert candidates(rules, **evidence) == expected
    assert candidates(rules[::-1], **evidence) == expected
