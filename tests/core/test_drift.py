from __future__ import annotations

from typing import Any

import pytest

from enricher.core.document import CaseDocument, DriftDoc, iso
from enricher.core.drift import MAX_DIFFERENCES, MAX_TEXT, REASONS, query_digest
from enricher.core.merge import merge
from enricher.model import Alert, Insight, Kind, Row
from tests.fakes import ADDRESS, RELAY, START, flow, guid
from tests.fakes import POWERSHELL as TOOL

APP = r"C:\Program Files\v\app.exe"
SQLCMD = r"C:\Program Files\Microsoft SQL Server\Client SDK\sqlcmd.exe"
IN_PYTHONS_FOLDER = r"C:\python\tools\foo.exe"
CERTUTIL = r"C:\Windows\System32\certutil.exe"


def query(image: str, name: str = RELAY) -> dict[str, str]:
    """The columns of one look-up of a name."""
    return {
        "computer": "ws-1",
        "eventid": "22",
        "processguid": guid(1),
        "image": image,
        "utctime": iso(START),
        "queryname": name,
        "queryresults": ADDRESS,
        "querystatus": "0",
    }


def drift(*images: str, name: str = RELAY, alert: Any = None, **columns: str) -> list[DriftDoc]:
    rows = tuple(Row(index=index, columns=query(image, name) | columns) for index, image in enumerate(images))
    (case,) = flow(Alert(kind=Kind.MONITOR, rows=rows, **(alert or {}))).cases
    return case.document["drift"]


@pytest.mark.parametrize(
    ("image", "columns", "reason"),
    [
        pytest.param(
            TOOL, {"serverlessplatform": "Other Serverless"}, "no_platform", id="the query knows no such platform"
        ),
        pytest.param(TOOL, {"serverlessplatform": "-"}, "no_platform", id="no label at all"),
        pytest.param(TOOL, {"serverlessplatform": "AWS Lambda"}, "other_platform", id="another platform"),
        pytest.param(TOOL, {"serverlessplatform": "CF Relay"}, "platform_name", id="a label of their own"),
        pytest.param(SQLCMD, {"issuspicious": "1"}, "suspicious_regex", id="cmd in sqlcmd"),
        pytest.param(IN_PYTHONS_FOLDER, {"issuspicious": "1"}, "suspicious_regex", id="a folder called python"),
        pytest.param(APP, {"issuspicious": "true"}, "only_in_sumos_list", id="nothing in the image explains it"),
        pytest.param(CERTUTIL, {"issuspicious": "0"}, "not_in_sumos_list", id="the query lacks certutil"),
        pytest.param(
            r"C:\Windows\Temp\svchost.exe", {"issuspicious": "0"}, "identity", id="a name of the system's elsewhere"
        ),
        pytest.param(TOOL, {"issuspicious": "n/a"}, "no_flag", id="neither true nor false"),
    ],
)
def test_reasons(image: str, columns: dict[str, str], reason: str) -> None:
    (one,) = drift(image, **columns)
    assert (one["reason"], one["rows"]) == (reason, [0])
    assert reason in REASONS


@pytest.mark.parametrize(
    ("labels", "differing"),
    [
        pytest.param(("Google Apps Script web app", "Google Apps Script response host"), [], id="both are right"),
        pytest.param(("Google Apps Script", "Google Apps Script response host"), [], id="one is the seed's"),
        pytest.param(("Google Apps Script web app", "AWS Lambda"), ["AWS Lambda"], id="one is no name of either"),
    ],
)
def test_a_case_of_two_names_of_one_family_has_two_right_labels(labels: tuple[str, str], differing: list[str]) -> None:
    names = ("script.google.com", "script.googleusercontent.com")
    rows = tuple(
        Row(index=n, columns=query(TOOL, name) | {"serverlessplatform": label})
        for n, (name, label) in enumerate(zip(names, labels, strict=True))
    )
    (case,) = flow(Alert(kind=Kind.MONITOR, rows=rows)).cases
    assert [one["sumo"] for one in case.document["drift"]] == differing


def test_the_severity_of_an_insight_is_of_no_row() -> None:
    (one,) = drift(TOOL, alert={"insight": Insight(id="1", severity="CRITICAL")})
    assert (one["field"], one["reason"], one["rows"]) == ("insight_severity", "insight_severity", [])


def test_a_difference_stands_once_with_all_its_rows() -> None:
    (one,) = drift(TOOL, TOOL, TOOL, issuspicious="0")
    assert one["rows"] == [0, 1, 2]


def test_a_column_can_hold_anything_and_a_case_stays_small() -> None:
    rows = tuple(Row(index=n, columns=query(TOOL) | {"serverlessplatform": f"{n:03} " + "x" * 5_000}) for n in range(60))
    (case,) = flow(Alert(kind=Kind.MONITOR, rows=rows)).cases
    differences = case.document["drift"]
    assert len(differences) == MAX_DIFFERENCES
    assert {len(one["sumo"]) for one in differences} == {MAX_TEXT}


@pytest.mark.parametrize(
    ("query", "same"),
    [
        pytest.param("_sourceCategory=x  |\n count\tby y ", True, id="white space is no version"),
        pytest.param("_sourceCategory=x | count by Y", False, id="letters are"),
    ],
)
def test_the_digest_of_a_query(query: str, *, same: bool) -> None:
    assert (query_digest(query) == query_digest("_sourceCategory=x | count by y")) is same


@pytest.mark.parametrize("query", [None, "", " \n"], ids=repr)
def test_no_query_has_no_digest(query: str | None) -> None:
    assert query_digest(query) is None


def test_a_query_with_half_a_character_has_one() -> None:
    digest = query_digest("x \ud800")
    assert digest is not None
    assert digest.startswith("sha256:")


def test_however_many_alerts_bring_however_many_labels_a_case_stays_small() -> None:
    def labelled(first: int) -> CaseDocument:
        rows = tuple(Row(index=n, columns=query(TOOL) | {"serverlessplatform": f"label {first + n:03}"}) for n in range(15))
        (case,) = flow(Alert(kind=Kind.MONITOR, rows=rows)).cases
        return case.document

    merged, _ = merge(labelled(0), labelled(15), 1, START)
    assert len(merged["drift"]) == MAX_DIFFERENCES
