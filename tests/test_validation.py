"""`docs/validation.md` says what the four atomic tests look like here: each row of its first table, judged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from enricher.core.files import read_files
from enricher.lookups import NoLookups
from enricher.wiring.flow import Flow
from tests.fakes import packaged_programs
from tests.house.pages import ROOT, page, rows, section

CORPUS = ROOT / "tests/data/sysmon-events"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TABLE = rows(section(page("docs/validation.md"), "Before anything runs: the same events from files"))


def judged(folder: str) -> list[list[str]]:
    """What the cases of a folder come to, as the table has them."""
    files = [(path.name, path.read_bytes()) for path in sorted((CORPUS / folder).glob("*.xml"))]
    found = Flow(packaged_programs, NoLookups(), None, owner=False).explain_alert(read_files(files), NOW)
    return [
        [case["severity"], str(case["score"]), case["verdict"], case["process"]["name"], case["hostname_source"]]
        for case in found["cases"]
    ]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row[0]))
def test_each_row_of_the_page_is_what_comes_out(row: list[str]) -> None:
    assert judged(row[0].strip("`")) == [row[1:]]


def test_the_page_has_every_atomic_test() -> None:
    told = {row[0].strip("`").partition("/")[0] for row in TABLE}
    assert told == {path.name for path in CORPUS.iterdir() if path.name.startswith("test")}
