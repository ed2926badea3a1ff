"""A case seen again: what it becomes, whichever alert comes first, and what of that is news."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.casefile import MAX_FINDINGS
from enricher.core.document import CaseDocument, News, iso
from enricher.core.merge import SEEN_AFTER, TOLD_HOSTS, merge, seen_again
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


STRONG = (started(POWERSHELL, f"powershell -nop {URL}", parent=CMD), asked(), connected(0.1), connected(10), connected(20))


@cache
def strong() -> CaseDocument:
    """What `weak` shows and more, as a judgement does that rests on what is remembered too."""
    return case(*STRONG)


def join(
    stored: CaseDocument | None, new: CaseDocument, contacts: int = 1, *, whole: bool = False
) -> tuple[CaseDocument, list[News]]:
    return merge(stored, new, contacts, START, whole=whole)


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
    more = case(*STRONG, connected(333), connected(340))
    merged, news = join(strong(), more, 2)
    assert (merged["count"], merged["last_seen"], news) == (strong()["count"] + 2, more["last_seen"], [])
    apart, news = join(more, weak(), 1)
    assert (apart["count"], news) == (more["count"] + 1, [])


def test_a_weaker_alert_lowers_nothing() -> None:
    merged, news = join(strong(), weak(), 1)
    assert {k: merged[k] for k in ("severity", "score", "verdict", "ledger", "hostname_source")} == {
        k: strong()[k] for k in ("severity", "score", "verdict", "ledger", "hostname_source")
    }
    assert news == []


def test_a_stronger_alert_raises_and_says_why() -> None:
    merged, news = join(weak(), strong(), 2)
    assert (merged["severity"], merged["score"]) == (strong()["severity"], strong()["score"])
    assert kinds(news) == ["severity"], "one occasion is one piece of news"
    assert news[0]["text"].startswith(f"Severity low → medium, {weak()['score']} → {strong()['score']} of 100: ")
    assert news[0]["lines"][0] == "Lineage found: cmd.exe → powershell.exe"
    assert "+15 process.shell: powershell, class shell" in news[0]["lines"]


def test_a_title_that_changes_is_remembered() -> None:
    assert join(weak(), changed(weak(), count=2))[0]["earlier_titles"] == []
    merged, _ = join(weak(), strong())
    assert (merged["title"], merged["earlier_titles"]) == (strong()["title"], [weak()["title"]])
    back, _ = join(merged, changed(strong(), title=weak()["title"], severity="critical", score=99))
    assert back["earlier_titles"] == [strong()["title"]]


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


def test_a_further_host_of_the_tenant_is_news_once() -> None:
    alone, joined = changed(weak(), shared_hosts=["ws-2"]), changed(weak(), shared_hosts=["ws-2", "ws-3"])
    merged, news = join(alone, joined, 0)
    assert [item["text"] for item in news] == ["Further hosts that contact the same tenant: ws-3"]
    assert merged["shared_hosts"] == ["ws-2", "ws-3"]
    assert join(merged, joined, 0) == (merged, [])
    assert join(merged, alone, 0) == (merged, []), "nor does a look that saw fewer forget one"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"shared_hosts": [f"ws-{n}" for n in range(TOLD_HOSTS + 1)]}, id="a popular one"),
        pytest.param({"shared_hosts": ["ws-2"], "tenant": None}, id="no tenant: everybody uses the platform"),
    ],
)
def test_further_hosts_that_are_no_news(changes: dict[str, Any]) -> None:
    assert join(weak(), changed(weak(), **changes), 0)[1] == []


def test_lineage_that_comes_late_is_kept() -> None:
    late = changed(weak(), lineage=strong()["lineage"])
    merged, news = join(weak(), late, 0)
    assert merged["lineage"] == strong()["lineage"]
    assert kinds(news) == ["evidence"]
    assert join(strong(), weak())[0]["lineage"] == strong()["lineage"]


def lower(**changes: Any) -> CaseDocument:
    """A judgement of all that `strong` rests on, and more, that comes out lower."""
    more = case(*STRONG, connected(333), connected(340))
    return changed(more, severity="informational", score=10, raw_score=10, **changes)


def test_a_judgement_of_all_that_is_known_takes_the_place_of_the_stored_one() -> None:
    merged, news = join(strong(), lower(), 2, whole=True)
    assert (merged["severity"], merged["score"], merged["count"]) == ("informational", 10, lower()["count"])
    assert kinds(news) == ["evidence"]
    assert news[0]["text"].startswith("Severity medium → informational, ")
    assert join(strong(), lower(), 2)[0]["severity"] == "medium", "one that may lack something lowers nothing"


ANSWER = {"about": "104.21.48.117", "source": "asn", "status": "ok", "detail": {}, "age_s": 0, "reason": None}


@pytest.mark.parametrize(
    "lacks",
    [
        pytest.param({"lineage": [], "enrichments": [ANSWER]}, id="an ancestor that was forgotten meanwhile"),
        pytest.param({"enrichments": [ANSWER | {"status": "timeout"}]}, id="an answer that did not come this time"),
        pytest.param({"enrichments": []}, id="an answer that was not asked for"),
        pytest.param({"disposition": "suppressed", "enrichments": [ANSWER]}, id="nothing, but it would hide the case"),
    ],
)
def test_what_takes_nothing_away(lacks: dict[str, Any]) -> None:
    stored = changed(strong(), enrichments=[ANSWER])
    assert join(stored, lower(enrichments=[ANSWER]), whole=True)[0]["severity"] == "informational"
    merged, _ = join(stored, lower(**lacks), whole=True)
    assert (merged["severity"], merged["disposition"]) == (strong()["severity"], "open")


def test_an_owner_found_late_is_news() -> None:
    found = strong()["destination"] | {"asn": 13335, "holder": "CLOUDFLARENET, US"}
    _, news = join(strong(), changed(strong(), destination=found), 0)
    assert [n["text"] for n in news] == ["The address 104.21.48.117 belongs to AS13335, CLOUDFLARENET, US"]


def test_looked_at_again_it_keeps_its_rows_and_what_was_cut() -> None:
    cut = "rows: 10 of 40 received, Sumo Logic cut the rest"
    stored = changed(strong(), rows=[3], missing=[*strong()["missing"], cut])
    again = changed(case(*STRONG, connected(30)), rows=[])
    merged, _ = join(stored, again, 0)
    assert merged["rows"] == [3]
    assert cut in merged["missing"]


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
    ignored = {"count", "rows", "earlier_titles"}
    assert {k: v for k, v in ends[0].items() if k not in ignored} == {k: v for k, v in ends[1].items() if k not in ignored}


# --- that it goes on --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(SEEN_AFTER - timedelta(seconds=1), None, id="not within an hour of what was said last"),
        pytest.param(SEEN_AFTER, "Seen again: 2 contacts since 2026-11-24 01:00 UTC", id="an hour after it"),
    ],
)
def test_that_contact_goes_on_is_said_at_most_so_often(after: timedelta, expected: str | None) -> None:
    told_at = START.replace(hour=1, minute=0, second=0, microsecond=0)
    found = seen_again(weak(), 2, told_at, told_at + after)
    assert (found and (found["kind"], found["text"])) == (expected and ("seen", expected))


@pytest.mark.parametrize(
    ("times", "new", "expected"),
    [
        pytest.param([-60, 60, 120, 180], 1, "3 contacts", id="all since then, not those of the last alert only"),
        pytest.param([-60], 1, "1 contact", id="one that came late"),
        pytest.param(range(1, 201), 1, "at least 200 contacts", id="more than a case remembers"),
    ],
)
def test_contacts_are_counted_since_what_was_said_last(times: Sequence[int], new: int, expected: str) -> None:
    contacts = [iso(START + timedelta(seconds=s)) for s in times]
    found = seen_again(changed(weak(), contacts=contacts), new, START, START + SEEN_AFTER)
    assert found is not None
    assert f"Seen again: {expected} since" in found["text"]
