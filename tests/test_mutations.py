"""What is a little wrong is read, or refused in words; and whatever is read loses no row."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enricher.core.document import Json
from enricher.core.payload import read
from enricher.errors import PayloadError
from enricher.lookups import NoLookups
from enricher.wiring.flow import Flow, submission
from tests import mutations
from tests.fakes import START, packaged_programs

FLOW = Flow(packaged_programs, NoLookups(), None, owner=False)
CORPUS = mutations.corpus()
ORIGINALS = mutations.originals()
AT_LEAST = 300
LONGEST_DETAIL = 300
MOST_EXAMPLES = 300
"""In `make fuzz` too: each goes through the whole core, twenty times the work of the other properties."""


def outcome(body: bytes) -> tuple[str, Json | None]:
    """What the accept path says of a body, and what the worker makes of it where that is to be worked on."""
    try:
        sent = submission(body, "fuzz")
    except PayloadError as error:
        refused = error
    else:
        return ("test", None) if sent is None else (sent.kind, FLOW.explain(body, START))
    with pytest.raises(PayloadError):
        read(body)
    assert 0 < len(refused.detail) < LONGEST_DETAIL
    return refused.code, None


def assert_no_row_is_lost(body: bytes, explained: Json) -> None:
    rows = {row.index for row in read(body).rows}
    told = {row for case in explained["cases"] for row in case["rows"]} | {one["row"] for one in explained["dropped"]}
    assert told == rows
    assert all(one["reason"] for one in explained["dropped"])


def test_there_are_enough_and_no_two_alike() -> None:
    assert len(set(CORPUS.values())) >= AT_LEAST
    assert set(ORIGINALS.values()).isdisjoint(CORPUS.values())


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_a_mutated_body_is_read_or_refused_in_words(name: str) -> None:
    _, explained = outcome(CORPUS[name])

    if explained is not None:
        assert_no_row_is_lost(CORPUS[name], explained)


def test_both_happen() -> None:
    """A corpus that is all refused, or all read, would show nothing."""
    read_or_not = [outcome(body)[1] is not None for body in CORPUS.values()]

    assert 0.2 < sum(read_or_not) / len(read_or_not) < 0.9


@settings(max_examples=MOST_EXAMPLES)
@given(
    body=st.sampled_from(sorted(ORIGINALS.values())),
    ways=st.lists(st.sampled_from(mutations.MUTATIONS[4:]), min_size=1, max_size=4),
    last=st.sampled_from((None, *mutations.MUTATIONS[:4])),
    seed=st.integers(0, 2**32),
)
def test_mutations_upon_mutations(
    body: bytes, ways: list[mutations.Mutation], last: mutations.Mutation | None, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - repeatable
    for way in ways:
        body = way(body, chance)
    if last is not None:
        body = last(body, chance)

    _, explained = outcome(body)

    if explained is not None:
        assert_no_row_is_lost(body, explained)
