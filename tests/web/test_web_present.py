from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import orjson
import pytest
from markupsafe import escape

from enricher.core.document import BeaconDoc, CaseDocument
from enricher.core.feedback import Feedback, Said
from enricher.core.work import CaseWork
from enricher.model import Severity
from enricher.ports import Related
from enricher.web import present, text
from enricher.web.services import usual_bands
from tests.web.fakes import NOW, alert_record, bare_document, case_record, critical_document, delivery, step


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


def test_the_timeline_begins_with_the_newest_and_keeps_links_that_are_safe() -> None:
    record = case_record(deliveries=(delivery("jira"), delivery("evil", url="javascript:alert(1)")))
    moments = present.timeline(record, [alert_record()])
    assert [moment.kind for moment in moments] == ["evidence", "delivery", "delivery", "opened", "alert"]
    assert [moment.link for moment in moments if moment.kind == "delivery"] == ["https://jira.example/browse/SEC-12", None]


def test_news_without_a_readable_time_come_last() -> None:
    record = case_record(news=({"seq": 1, "kind": "opened", "at": "soon", "text": "x", "lines": []},), deliveries=())
    assert [moment.kind for moment in present.timeline(record, [alert_record()])] == ["alert", "opened"]


def test_what_people_did_and_said_stands_in_the_timeline() -> None:
    word = Feedback(said=Said.FALSE_POSITIVE, by="m.ito", at=NOW, source="jira", note="the finance macro")
    work = CaseWork(acknowledged_by="m.ito (account)", acknowledged_at=NOW, assignee="j.doe (account)", assigned_at=NOW)
    record = case_record(news=(), deliveries=(), feedback=(word,), work=work)
    moments = {moment.kind: moment for moment in present.timeline(record, [])}
    assert moments["acknowledged"].text == "by m.ito (account)"
    assert moments["assigned"].text == "to j.doe (account)"
    assert moments["feedback"].lines == ("the finance macro",)
    told: Any = {"seq": 1, "kind": "acknowledged", "at": "2026-11-24T02:04:01Z", "text": "Acknowledged", "lines": []}
    twice = [moment.kind for moment in present.timeline(replace(record, news=(told,)), [])]
    assert twice.count("acknowledged") == 1


# --- what a page holds ----------------------------------------------------------------------------------------------


def test_an_ordinary_case_is_shown_whole() -> None:
    fitted = present.fitted(critical_document())
    assert fitted.document == critical_document()
    assert fitted.more == {}


def test_long_lists_are_cut_and_counted_and_steps_that_were_taken_go_first() -> None:
    document = critical_document()
    refused = [step(f"r.{n}", "", 1, 0, taken=False) for n in range(900)]
    document["ledger"] = [*refused, *(step(f"t.{n}", "", 1, n) for n in range(50))]
    document["missing"] = [f"m{n}" for n in range(100)]
    fitted = present.fitted(document)
    assert fitted.more == {"ledger": 900, "missing": 80}
    assert [one["taken"] for one in fitted.document["ledger"]] == [True] * 50


def test_a_long_text_says_how_much_more_there_is() -> None:
    document = critical_document()
    document["process"]["command_line"] = "x" * 10_000
    assert present.fitted(document).document["process"]["command_line"] == (
        f"{'x' * 8192} … 1,808 more characters, see the JSON"
    )


@pytest.mark.parametrize("filler", ["x", '"', "\u202e", "<&>", "ä"])
def test_however_much_is_said_there_is_an_end_to_it(filler: str) -> None:
    """Bytes as the page has them: escaped, and with hidden characters written out."""
    document = critical_document()
    line = filler * 10_000
    document["process"] |= {"command_line": line, "decoded": [line] * 8}
    document["lineage"] = [{**document["lineage"][0], "command_line": line}] * 4
    document["missing"] = [line] * 100
    shown = present.fitted(document).document
    said = orjson.dumps({**shown, "evidence": [], "findings": []}).decode()
    assert len(escape(text.visible(orjson.loads(orjson.dumps(said)))).encode()) < 200_000


def test_a_secret_that_is_cut_in_two_is_masked_all_the_same() -> None:
    document = critical_document()
    document["process"]["command_line"] = f"{'x' * 8170} https://u:{'p' * 60}@h/"
    assert "ppp" not in str(present.fitted(document).document["process"]["command_line"])


def test_evidence_is_printed_with_secrets_masked_and_cut() -> None:
    shown = present.printed([{"command_line": "net use --password hunter2hunter2"}], 16_000)
    assert (shown.items, shown.left) == (1, 0)
    assert "hunter2" not in shown.text
    long = present.printed([{"a": "\u202e" * 20_000}], 16_000)
    assert long.left > 0
    assert len(str(text.visible(long.text)).encode()) <= 16_100


# --- related --------------------------------------------------------------------------------------------------------


def test_neighbours_are_grouped_and_each_stands_once() -> None:
    one, other = case_record(), case_record(bare_document(), state="suppressed")
    groups = present.neighbours(Related(of_tenant=(one,), of_host=(one, other)))
    assert [(title, [case.key for case in cases]) for title, cases in groups] == [
        ("Same tenant", [one.key]),
        ("Same host", [other.key]),
    ]
    assert present.neighbours(Related(of_tenant=(), of_host=())) == []


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


def test_a_row_of_a_list_is_the_case_without_its_lists() -> None:
    document: Any = critical_document()
    row: Any = present.row(document)
    assert row.keys() == present.complete(document).keys()
    assert document["evidence"]
    assert {name for name in row if row[name] != document[name]} == {
        name for name in row if document[name] and row[name] == []
    }
    assert all(row[name] == document[name] for name in ("severity", "platform", "process", "destination", "last_seen"))
