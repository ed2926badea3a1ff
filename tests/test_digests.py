"""One digest for one judgement: fixed here, so that another Python, another database or a change shows.

A change of the model changes these on purpose: then print them anew and say so in the change log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.document import CaseDocument
from enricher.core.grade import digest
from enricher.core.merge import merge
from enricher.core.programs import Programs
from enricher.core.rules import SeverityPolicy
from enricher.lookups import NoLookups
from enricher.store import Store
from enricher.wiring.flow import Flow
from enricher.worker.alerts import AlertJob
from tests.fakes import case_names, corpus_alert, documents, flow, packaged_programs
from tests.store.fakes import Clock, Estate, submission

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
FIXED = {
    "test1-powershell-workers": "ff394ab35141221b14e503216d67f76c6be605886d218a47565b4ed92c2f413f",
    "extra-malicious/renamed-powershell-task": "fb08cfca0c7a2287e4a8c8288349ea5ce80a9699384d2e006d1812a55cde5dda",
    "benign/edr-agent-python": "3ede13d6056a90f2def5190adac4deacf91eee11946b6810d44af5abb9790297",
}


def judged(case: str, programs: Programs | None = None) -> list[str]:
    return [document["ledger_digest"] for document in documents(flow(corpus_alert(case), programs))]


@pytest.mark.parametrize(("case", "expected"), FIXED.items())
def test_the_digest_is_the_one_that_stands_here(case: str, expected: str) -> None:
    assert judged(case) == [f"sha256:{expected}"]


# --- order of what is configured ------------------------------------------------------------------------------------


def reversed_mappings(policy: SeverityPolicy) -> SeverityPolicy:
    """The same policy, as if each group had been written the other way round."""
    turned: dict[str, Any] = {
        name: dict(reversed(list(value.items())))
        for name in SeverityPolicy.__dataclass_fields__
        if isinstance(value := getattr(policy, name), Mapping)
    }
    return replace(policy, **turned)


@given(st.sampled_from(case_names()))
def test_the_order_of_rules_in_a_file_changes_nothing(case: str) -> None:
    rules = packaged_programs().rules
    turned = replace(
        rules,
        severity=reversed_mappings(rules.severity),
        detections=rules.detections[::-1],
        browsers=rules.browsers[::-1],
        lineage={group: names[::-1] for group, names in reversed(list(rules.lineage.items()))},
    )
    assert documents(flow(corpus_alert(case), Programs(turned))) == documents(flow(corpus_alert(case)))


# --- through the store ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = request.getfixturevalue("tables_in_sqlite")(tmp_path / "enricher.db")
    else:
        url = request.getfixturevalue("tables_in_postgres")
    estate = Estate(url, Clock(START))
    yield estate.open(merge)
    estate.close()


def stored(store: Store, case: str) -> CaseDocument:
    """The case as the database gives it back after the alert was settled there."""
    sent = submission(case, rows=(case,))
    store.inbox.accept(sent)
    judge = Flow(packaged_programs, NoLookups(), None, owner=False)
    job = AlertJob(store.inbox, lambda _, at: judge.settlement_of(corpus_alert(case), at), lambda: 0.0)
    for claim in job.claim(1):
        job.do(claim)
    (record,) = store.reader.cases(limit=10).items
    return record.document


@pytest.mark.parametrize(("case", "expected"), FIXED.items())
def test_a_ledger_comes_back_from_the_database_with_its_digest(store: Store, case: str, expected: str) -> None:
    document = stored(store, case)
    assert document["ledger_digest"] == digest(document["ledger"]) == f"sha256:{expected}"
