"""The corpus, whole: every case directory of tests/data/sysmon-events comes out as its manifest says.

Nothing is left out of the comparison: cases, findings with every rule's points, lineage, rhythm, DNS anomalies and caps, and
the rows that leave with their reasons. Behaviour and DNS are judged from an alert's own events, as the manifest expects with
an empty history. Cases and dropped rows are those that `enricher explain --json` prints; what the document does not repeat for
each finding (its points, its lineage) comes from the same flow one layer below.
"""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from click.testing import CliRunner

from enricher.cli import main
from enricher.core.document import CaseDocument, Json
from enricher.core.finding import Finding
from enricher.core.wording import shown_name
from enricher.model import Alert
from enricher.pipeline import Investigation
from tests.fakes import CORPUS, beacon_class, caps, case_names, corpus_alert, documents, flow, manifest, points

CASES = [pytest.param(entry["case"], entry["expect"], id=entry["case"]) for entry in manifest()]
NAMES = case_names()


@cache
def explain(case: str) -> Json:
    """What the command line prints, in this process."""
    result = CliRunner().invoke(main, ["explain", "--json", str(CORPUS / case)])
    assert result.exit_code == 0, result.stderr
    printed: Json = json.loads(result.stdout)
    return printed


@cache
def investigated(case: str) -> Investigation:
    """The same, one layer below."""
    return flow(corpus_alert(case))


def said(document: Json, found: Investigation) -> Json:
    """The same shape as the manifest's `expect`; a case holds its findings instead of their numbers."""
    of = {case.document["key"]: case.findings for case in found.cases}
    return {
        "cases": ordered(
            {
                "host": case["host"],
                "tenant_or_family": case["tenant"] or case["platform"]["family"],
                "class": case["process"]["class"],
                "findings": ordered(finding(one) for one in of[case["key"]]),
                "contacts": case["count"],
                "score": case["score"],
                "severity": case["severity"],
                "verdict": case["verdict"],
            }
            for case in document["cases"]
        ),
        "dropped": ordered({"file": gone["file"], "reason": gone["reason"]} for gone in document["dropped"]),
    }


def finding(one: Finding) -> Json:
    facts, signal = one.graded.facts, one.graded.facts.signal
    return {
        "hostname": signal.host,
        "hostname_source": signal.source,
        "tenant": signal.tenant,
        "platform": signal.platform.id,
        "process": {
            "name": shown_name(signal.process.image),
            "class": facts.program.kind,
            "is_suspicious": one.graded.is_suspicious,
            "is_browser": facts.program.verified_browser,
            "identity": sorted(one.graded.identity),
        },
        "lineage": [shown_name(ancestor.image) for ancestor in facts.ancestors],
        "contacts": signal.contacts,
        "beacon": beacon_class(facts.beacon),
        "dns_anomalies": sorted(facts.dns_anomalies),
        "score": one.graded.score,
        "severity": one.graded.severity.value,
        "verdict": one.verdict.value,
        "points": points(one.graded.ledger),
        "caps": caps(one.graded.ledger),
    }


def expected(expect: Json) -> Json:
    listed = copy.deepcopy(expect["findings"])
    for one in listed:
        one["process"]["identity"].sort()
        one["dns_anomalies"].sort()
    return {
        "cases": ordered(case | {"findings": ordered(listed[i] for i in case["findings"])} for case in expect["cases"]),
        "dropped": ordered(expect["dropped"]),
    }


def ordered(entries: Iterable[Json]) -> list[Json]:
    return sorted(entries, key=lambda entry: json.dumps(entry, sort_keys=True))


@pytest.mark.parametrize(("case", "expect"), CASES)
def test_agrees_with_the_manifest(case: str, expect: Json) -> None:
    assert said(explain(case), investigated(case)) == expected(expect)


def test_every_folder_is_in_the_manifest() -> None:
    assert {path.parent.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("*.xml")} <= set(NAMES)


def test_every_finding_belongs_to_one_case() -> None:
    for entry in manifest():
        numbers = [number for case in entry["expect"]["cases"] for number in case["findings"]]
        assert sorted(numbers) == list(range(len(entry["expect"]["findings"])))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    """The paths of every value in an expectation."""
    if isinstance(value, dict) and value:
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path


@pytest.mark.parametrize("case", ["benign/browsers", "edge-cases/zero-guid", "test4-curl-cloudfunctions"])
def test_the_comparison_can_fail(case: str) -> None:
    """Any single value of an expectation, changed, is noticed."""
    expect = next(entry["expect"] for entry in manifest() if entry["case"] == case)
    found = said(explain(case), investigated(case))
    assert found == expected(expect)
    for path in leaves(expect):
        if "findings" in path and path[0] == "cases":
            continue  # the numbers only say which finding is meant
        changed = copy.deepcopy(expect)
        holder = changed
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = ["something else"] if holder[path[-1]] == [] else "something else"
        assert found != expected(changed), path


@pytest.mark.parametrize("case", NAMES)
def test_every_row_is_accounted_for(case: str) -> None:
    document = explain(case)
    kept = {row for one in document["cases"] for row in one["rows"]}
    dropped = {gone["row"] for gone in document["dropped"]}
    assert kept | dropped == set(range(document["input"]["rows"]))
    assert not kept & dropped


@pytest.mark.parametrize("case", NAMES)
def test_the_ledger_ends_at_the_score(case: str) -> None:
    for document in documents(investigated(case)):
        at = 0.0
        for step in document["ledger"]:
            assert step["from"] == at
            assert step["to"] == (pytest.approx(at + step["points"], abs=1e-3) if step["taken"] else at)
            at = step["to"]
        assert at == document["score"]


# --- order and repetition -------------------------------------------------------------------------------------------


def shuffled(alert: Alert, seed: int) -> Alert:
    rows = list(alert.rows)
    random.Random(seed).shuffle(rows)  # noqa: S311 - a fixed order, not a secret
    return replace(alert, rows=tuple(replace(row, index=index) for index, row in enumerate(rows)))


def told(document: CaseDocument) -> dict[str, object]:
    """A case without the numbers of its rows."""
    without = {key: value for key, value in document.items() if key not in {"rows", "evidence"}}
    return without | {"evidence": [{k: v for k, v in e.items() if k != "row"} for e in document["evidence"]]}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("case", NAMES)
def test_the_order_of_rows_changes_nothing(case: str, seed: int) -> None:
    alert = corpus_alert(case)
    mixed = shuffled(alert, seed)
    before, after = investigated(case), flow(mixed)
    assert [told(d) for d in documents(after)] == [told(d) for d in documents(before)]
    names = {row.index: row.name for row in alert.rows}, {row.index: row.name for row in mixed.rows}
    for one, other in zip(documents(before), documents(after), strict=True):
        assert sorted(str(names[1][r]) for r in other["rows"]) == sorted(str(names[0][r]) for r in one["rows"])
    assert {(d.name, d.reason) for d in after.dropped} == {(d.name, d.reason) for d in before.dropped}


@pytest.mark.parametrize("case", NAMES)
def test_every_row_twice_counts_once(case: str) -> None:
    alert = corpus_alert(case)
    size = len(alert.rows)
    again = tuple(replace(row, index=row.index + size) for row in alert.rows)
    once, twice = investigated(case), flow(replace(alert, rows=(*alert.rows, *again)))
    assert [told(d) for d in documents(twice)] == [told(d) for d in documents(once)]
    for one, other in zip(documents(once), documents(twice), strict=True):
        assert other["rows"] == sorted([*one["rows"], *(row + size for row in one["rows"])])
    assert len(twice.seen.events) == len(once.seen.events)


# --- another process ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("case", ["test1-powershell-workers", "dns-anomalies/rotation"])
def test_another_process_says_the_same(case: str) -> None:
    """The program as installed, under two other hash seeds: the same bytes, so the same digests."""
    printed = []
    for seed in ("1", "4096"):
        run = subprocess.run(
            [sys.executable, "-m", "enricher", "explain", "--json", str(CORPUS / case)],
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
            timeout=60,
        )
        printed.append(run.stdout)
    assert printed[0] == printed[1]
    assert json.loads(printed[0]) == explain(case)
