"""What a tuning rule asks, in words."""

from __future__ import annotations

import pytest

from enricher.content.tuning_entry import ConditionsEntry, ScopeEntry
from enricher.core.tuning_words import condition_parts, scope_parts


def test_every_part_that_a_rule_may_have_is_put_into_words() -> None:
    for name in ScopeEntry.model_fields:
        (part,) = scope_parts({name: ["x"]})
        assert part.why
        assert part.said != name
    for name in ConditionsEntry.model_fields:
        (part,) = condition_parts({name: ["x"]})
        assert part.why
        assert part.said != name


@pytest.mark.parametrize(
    ("value", "values", "brief"),
    [
        ("c:\\a.exe", ("c:\\a.exe",), "c:\\a.exe"),
        (["a", "b", "c"], ("a", "b", "c"), "a or 2 more"),
        ("x" * 100, ("x" * 100,), "x" * 80 + "…"),
        (["true"], (), ""),
        (True, (), ""),
    ],
)
def test_values(value: object, values: tuple[str, ...], brief: str) -> None:
    (part,) = condition_parts({"image": value})
    assert (part.values, part.brief) == (values, brief)


def test_names_and_expressions_are_told() -> None:
    tenant, line = condition_parts({"tenant": ["a.vercel.app"], "command_line": ["re:^a$"]})
    assert (tenant.is_name, tenant.is_expression) == (True, False)
    assert (line.is_name, line.is_expression) == (False, True)


def test_a_part_that_nobody_knows_is_shown_by_its_name() -> None:
    (part,) = condition_parts({"signed_by": ["x"]})
    assert (part.said, part.why) == ("signed by", "")
