"""Signs that need more than the alert: a new tenant, hosts that began on one day, and what a rhythm is worth beside them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from enricher.core.estate import Entry, Estate
from enricher.core.gather import Facts
from enricher.core.grade import Asked, Graded, grade
from enricher.core.novelty import Novelty
from enricher.core.programs import Programs
from enricher.model import Event
from tests.fakes import START, asked, connected, facts_of, packaged_programs, points

PYTHON = "C:\\Program Files\\Python312\\python.exe"
STRONG: tuple[Event, ...] = (asked(), connected())
"""PowerShell: other signs of 15."""
WEAK: tuple[Event, ...] = (asked(image=PYTHON), connected(image=PYTHON))
"""Python: other signs of 10, and more than 10 are needed."""


def with_history(*events: Event, programs: Programs | None = None, **known: Any) -> Graded:
    programs = programs or packaged_programs()
    [facts] = facts_of(*events, programs=programs)
    return grade([replace_novelty(facts, **known)], programs, Asked(history=True))[0]


def replace_novelty(facts: Facts, **known: Any) -> Facts:
    return replace(facts, novelty=replace(Novelty(first_seen=START - timedelta(days=2), hosts=1), **known))


@pytest.mark.parametrize(("new", "counted"), [(True, 8), (False, 0), (None, 0)])
def test_a_new_tenant(new: bool | None, counted: float) -> None:  # noqa: FBT001 - a case of the table
    assert points(with_history(*STRONG, new_tenant=new).ledger).get("context.new_tenant", 0) == counted


@pytest.mark.parametrize(("hosts", "counted"), [(None, 0), (1, 0), (2, 0), (3, 5), (40, 5)])
def test_hosts_that_began_on_one_day(hosts: int | None, counted: float) -> None:
    found = with_history(*STRONG, starters=hosts)
    assert points(found.ledger).get("context.shared_hosts", 0) == counted
    assert any(s["rule"] == "context.shared_hosts" for s in found.ledger) is bool(counted)


def test_what_the_world_says_comes_in_a_fixed_order() -> None:
    estate = Estate(entries=(Entry(hosts=("ws-fin-*",), role="server"),))
    programs = Programs(replace(packaged_programs().rules, estate=estate))
    found = with_history(*STRONG, programs=programs, new_tenant=True, starters=4)
    steps = [(s["rule"], s["points"], s["taken"]) for s in found.ledger if s["step"] == "context"]
    assert steps == [("context.new_tenant", 8, True), ("context.server", 8, True), ("context.shared_hosts", 5, True)]


def test_beside_weak_signs_all_of_it_is_printed_and_not_taken() -> None:
    found = with_history(*WEAK, new_tenant=True, starters=4)
    steps = [s for s in found.ledger if s["step"] == "context"]
    assert [(s["rule"], s["taken"]) for s in steps] == [("context.new_tenant", False), ("context.shared_hosts", False)]
    assert all(s["evidence"].endswith("; other signs are 10, more than 10 needed") for s in steps)


def test_context_adds_nothing_to_the_other_signs_of_itself() -> None:
    """A new tenant does not lift the hosts that share it over the limit, nor the other way round."""
    alone = with_history(*WEAK).score
    assert with_history(*WEAK, new_tenant=True, starters=9).score == alone


def beats(image: str) -> list[Event]:
    return [connected(30.001 * n, image=image) for n in range(1, 7)]


@pytest.mark.parametrize(
    ("new", "counts"),
    [
        pytest.param(True, True, id="new: counts although other signs are weak"),
        pytest.param(False, False, id="known"),
        pytest.param(None, False, id="not known"),
    ],
)
def test_a_rhythm_towards_a_new_tenant_counts(new: bool | None, counts: bool) -> None:  # noqa: FBT001 - a case of the table
    found = with_history(asked(image=PYTHON), *beats(PYTHON), new_tenant=new)
    step = next(s for s in found.ledger if s["rule"] == "behaviour.periodic")
    assert (step["taken"], step["points"]) == (counts, 10)
    assert step["evidence"].endswith("or where the tenant is new") is not counts


@pytest.mark.parametrize("name", ["irregular", "persistent_irregular", "insufficient"])
def test_other_classes_are_no_sign(name: str) -> None:
    [facts] = facts_of(asked(), *beats("C:\\x\\a.exe")[:1])
    assert facts.beacon
    other = replace(facts, beacon=replace(facts.beacon, name=name, period_s=30.0))
    assert not [s for s in grade([other], packaged_programs(), Asked())[0].ledger if s["step"] == "behaviour"]
