from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from enricher.core.document import BeaconDoc, CaseDocument
from enricher.model import Severity
from enricher.web import present
from enricher.web.services import usual_bands
from tests.web.fakes import alert_record, bare_document, case_record, critical_document, delivery, step


@pytest.mark.parametrize(
    ("given", "kind", "points", "left", "width", "end"),
    [
        pytest.param(step("a.b", "", 30, 10), "up", "+30", 10, 30, 40, id="up"),
        pytest.param(step("a.b", "", -15, 40), "down", "−15", 25, 15, 25, id="down"),
        pytest.param(step("a.b", "", 0, 40), "level", "0", 40, 0, 40, id="level"),
        pytest.param(step("a.b", "", 8, 98, taken=False), "not-taken", "+8", 98, 2, 98, id="not taken, beyond the scale"),
        pytest.param(step("a.b", "", -20, 10), "down", "−20", 0, 10, 0, id="below the scale"),
        pytest.param(step("a.b", "", 7.5, 0), "up", "+7.5", 0, 7.5, 7.5, id="halves"),
    ],
)
def test_waterfall(given: Any, kind: str, points: str, left: float, width: float, end: float) -> None:
    (bar,) = present.waterfall([given])
    assert (bar.kind, bar.points, bar.left, bar.width, bar.end) == (kind, points, left, width, end)


def test_bars_join() -> None:
    bars = present.waterfall(critical_document()["ledger"])
    assert all(before.end == after.start for before, after in pairwise(bars))
    assert bars[-1].end == 98


def test_scale_covers_everything_once_and_leaves_out_empty_bands() -> None:
    bands = present.scale(usual_bands())
    assert [(band.severity, band.left, band.width) for band in bands][-1] == (Severity.CRITICAL, 80, 20)
    assert sum(band.width for band in bands) == 100
    odd = present.scale({**usual_bands(), Severity.MEDIUM: 60.0, Severity.HIGH: 60.0, Severity.CRITICAL: 100.0})
    assert [band.severity for band in odd] == [Severity.INFORMATIONAL, Severity.LOW, Severity.HIGH]


def test_tree_runs_from_the_root_to_the_process_itself() -> None:
    links = present.tree(critical_document())
    assert [link.process["name"] for link in links] == [None, "EXCEL.EXE", "mshta.exe", "powershell.exe"]
    assert [link.is_subject for link in links] == [False, False, False, True]


def test_timeline_is_in_order_and_keeps_links_that_are_safe() -> None:
    record = case_record(deliveries=(delivery("jira"), delivery("evil", url="javascript:alert(1)")))
    moments = present.timeline(record, [alert_record()])
    assert [moment.kind for moment in moments] == ["alert", "opened", "delivery", "delivery", "evidence"]
    assert [moment.link for moment in moments if moment.kind == "delivery"] == ["https://jira.example/browse/SEC-12", None]


def test_news_without_a_readable_time_come_first() -> None:
    record = case_record(news=({"seq": 1, "kind": "opened", "at": "soon", "text": "x", "lines": []},), deliveries=())
    assert [moment.kind for moment in present.timeline(record, [alert_record()])] == ["opened", "alert"]


@pytest.mark.parametrize("document", [critical_document(), bare_document()])
def test_a_whole_document_stays_as_it_is(document: CaseDocument) -> None:
    assert present.complete(document) == document


def test_an_older_document_gets_every_key() -> None:
    older: Any = present.complete(
        {"key": "k", "ledger": [{"rule": "a.b"}], "beacon": {"class": "regular"}, "added_later": 1}
    )
    assert set(older) >= {*CaseDocument.__annotations__, "added_later"}
    assert older["destination"]["ip"] is None
    assert older["ledger"][0]["taken"] is None
    assert older["beacon"] == {**dict.fromkeys(BeaconDoc.__annotations__), "class": "regular"}
    assert older["lineage"] == []
