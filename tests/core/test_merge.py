"""A case seen again: what it becomes, whichever alert comes first, and what of that is news."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from enricher.core.casefile import MAX_FINDINGS
from enricher.core.document import CaseDocument, News
from enricher.core.merge import merge
from enricher.model import Event, Severity
from tests.fakes import CMD, CURL, POWERSHELL, RELAY, START, TENANT, asked, connected, grouped, guid, started

URL = f"https://{RELAY}/x"


def case(*events: Event) -> CaseDocument:
    found = grouped(*events).cases
    assert len(found) == 1
    return found[0].document


@cache
def weak() -> CaseDocument:
    return case(connected(10, hostname=RELAY))


@cache
def strong() -> CaseDocument:
    return case(started(POWERSHELL, f"powershell -nop {URL}", parent=CMD), asked(), connected(0.1), connected(20))


def join(stored: CaseDocument | None, new: CaseDocument, contacts: int = 1) -> tuple[CaseDocument, list[News]]:
    return merge(stored, new, contacts, START)


def changed(document: CaseDocument, **changes: Any) -> CaseDocument:
    return document | changes  # type: ignore[return-value]  # the keys are a case's


def kinds(news: Sequence[News]) -> list[str]:
    return [item["kind"] for item in news]


def test_the_first_time() -> None:
    merged, news = join(None, weak())
    assert merged == weak()
    assert (kinds(news), news[0]["text"], news[0]["seq"]) == (["opened"], weak()["summary"], 0)
    assert news[0]["at"] == "2026-11-24T02:00:00.000Z"


def test_a_repeat_without_anything_new_changes_nothing() -> None:
    assert join(strong(), strong(), 0) == (strong(), [])


def test_repeats_are_counted_and_are_no_news() -> None:
    merged, news = join(strong(), strong(), 3)
    assert (merged["count"], news) == (strong()["count"] + 3, [])


def test_a_weaker_alert_lowers_nothing() -> None:
    merged, news = join(strong(), weak(), 1)
    assert {k: merged[k] for k in ("severity", "score", "verdict", "ledger", "hostname_source")} == {
        k: strong()[k] for k in ("severity", "score", "verdict", "ledger", "hostname_source")
    }
    assert news == []


def test_a_stronger_alert_raises_and_says_why() -> None:
    merged, news = join(weak(), strong(), 2)
    assert (merged["severity"], merged["score"]) == (strong()["severity"], strong()["score"])
    assert kinds(news) == ["severity", "evidence"]
    assert news[0]["text"].startswith(f"Severity low → medium, {weak()['score']} → {strong()['score']} of 100: ")
    assert "+15 process.shell: powershell, class shell" in news[0]["lines"]
    assert news[1]["text"] == "Lineage found: cmd.exe → powershell.exe"


def test_a_higher_score_in_the_same_band_is_no_news() -> None:
    higher = changed(strong(), score=strong()["score"] + 1, raw_score=strong()["raw_score"] + 1)
    merged, news = join(strong(), higher)
    assert (merged["score"], news) == (higher["score"], [])


def test_a_further_process_is_news_once() -> None:
    other = case(*(connected(n, image=CURL, guid=guid(n), pid=n, hostname=RELAY) for n in (2, 3)))
    _, news = join(weak(), other, 2)
    assert [n["text"] for n in news] == [f"A further process: {CURL}"]
    merged, _ = join(weak(), other, 2)
    assert join(merged, other, 1)[1] == []
    assert {f["image"] for f in merged["findings"]} == {CURL, weak()["process"]["image"]}


def test_a_further_name_is_news_once() -> None:
    other = case(asked(f"second.{TENANT}"))
    merged, news = join(weak(), other)
    assert [n["text"] for n in news] == [f"Further names of the same tenant: second.{TENANT}"]
    assert {merged["hostname"], *merged["candidates"]} == {RELAY, f"second.{TENANT}"}
    assert join(merged, other)[1] == []
    assert join(merged, weak())[1] == []


def test_lineage_that_comes_late_is_kept() -> None:
    late = changed(weak(), lineage=strong()["lineage"])
    merged, news = join(weak(), late, 0)
    assert merged["lineage"] == strong()["lineage"]
    assert kinds(news) == ["evidence"]
    assert join(strong(), weak())[0]["lineage"] == strong()["lineage"]


def test_times_span_both() -> None:
    early, late = case(connected(-3600, hostname=RELAY)), case(connected(7200, hostname=RELAY))
    for first, second in ((early, late), (late, early)):
        merged, _ = join(first, second)
        assert (merged["first_seen"], merged["last_seen"]) == (early["first_seen"], late["last_seen"])
    nothing = changed(weak(), first_seen=None, last_seen=None)
    assert join(nothing, late)[0]["first_seen"] == late["first_seen"]


def test_the_newer_alerts_rows_and_links_stand() -> None:
    new = changed(weak(), rows=[7], links={"sumo_alert": "https://a.example/2"})
    merged, _ = join(changed(strong(), links={"sumo_alert": "https://a.example/1"}), new)
    assert (merged["rows"], merged["links"]) == ([7], {"sumo_alert": "https://a.example/2"})
    assert join(merged, changed(weak(), links={}))[0]["links"] == {"sumo_alert": "https://a.example/2"}


def test_differences_from_sumo_add_up() -> None:
    first = changed(weak(), drift=[{"field": "is_suspicious", "sumo": "0", "ours": "1"}])
    second = changed(weak(), drift=[{"field": "serverless_platform", "sumo": "x", "ours": "y"}])
    assert [d["field"] for d in join(first, second)[0]["drift"]] == ["is_suspicious", "serverless_platform"]
    assert len(join(first, first)[0]["drift"]) == 1


def test_findings_are_kept_up_to_a_number() -> None:
    many = case(*(connected(n, image=CURL, guid=guid(n), pid=n, hostname=RELAY) for n in range(1, MAX_FINDINGS + 10)))
    assert len(many["findings"]) == MAX_FINDINGS
    merged, _ = join(many, strong())
    assert len(merged["findings"]) == MAX_FINDINGS
    assert merged["findings"][0]["score"] == strong()["score"], "the stronger judgement first"


# --- suppression ----------------------------------------------------------------------------------------------------


def test_what_a_rule_suppresses_hides_nothing_of_another_alert() -> None:
    hidden = changed(strong(), disposition="suppressed")
    for first, second in ((hidden, weak()), (weak(), hidden)):
        merged, news = join(first, second)
        assert (merged["disposition"], merged["severity"]) == ("open", weak()["severity"])
        assert "severity" not in kinds(news)


def test_both_suppressed_stays_suppressed() -> None:
    hidden = changed(strong(), disposition="suppressed")
    assert join(hidden, changed(weak(), disposition="suppressed"))[0]["disposition"] == "suppressed"


# --- in any order ---------------------------------------------------------------------------------------------------

SCORES = st.tuples(
    st.sampled_from(list(Severity)),
    st.integers(0, 100),
    st.integers(0, 100),
    st.sampled_from(["open", "informational", "suppressed"]),
)


def scored(entry: tuple[Severity, int, int, str]) -> CaseDocument:
    severity, score, raw, disposition = entry
    return changed(weak(), severity=severity.value, score=score, raw_score=raw, disposition=disposition)


@given(st.lists(SCORES, min_size=1, max_size=4))
def test_the_order_of_alerts_does_not_change_the_judgement(entries: list[tuple[Severity, int, int, str]]) -> None:
    ends = set()
    for order in permutations(entries):
        stored: CaseDocument | None = None
        for entry in order:
            before = stored
            stored, news = join(stored, scored(entry))
            if before is not None and before["disposition"] != "suppressed":
                assert Severity(stored["severity"]).rank >= Severity(before["severity"]).rank
                assert ("severity" in kinds(news)) is (stored["severity"] != before["severity"])
        assert stored is not None
        ends.add((stored["severity"], stored["score"], stored["raw_score"], stored["disposition"] == "suppressed"))
    assert len(ends) == 1


def test_two_real_alerts_in_either_order() -> None:
    ends = [join(join(None, a)[0], b)[0] for a, b in ((weak(), strong()), (strong(), weak()))]
    ignored = {"count", "rows"}
    assert {k: v for k, v in ends[0].items() if k not in ignored} == {k: v for k, v in ends[1].items() if k not in ignored}
