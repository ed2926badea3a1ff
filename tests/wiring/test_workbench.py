"""What the pages of tuning are given, from a real store and the real flow: drafts, trials within their bound, and files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from enricher.core.feedback import Said
from enricher.core.programs import Programs
from enricher.web.workbench import Trial
from enricher.wiring import trial
from enricher.wiring.kit import Kit
from enricher.wiring.trial import MOST_SECONDS, Trier
from enricher.wiring.workbench import LiveWorkbench
from tests.fakes import packaged_programs
from tests.past import BEGIN, Past, bodies, opened
from tests.test_replay import SHELL, VITE, of_rules, rule

NODE = "corpus: benign/node-vite"
SCOPE = "_sourceCategory=*sysmon*"
CONNECTION = "connection-template.json"
RULE = "node-of-the-shop"


@pytest.fixture
def past(tmp_path: Path, tables_in_sqlite: Callable[[Path], str]) -> Iterator[Past]:
    with opened(Past(tables_in_sqlite(tmp_path / "enricher.db"))) as one:
        one.receive(bodies(NODE, SHELL))
        yield one


def bench(past: Past, programs: Programs, *, directory: Path | None = None) -> LiveWorkbench:
    now = BEGIN + timedelta(hours=1)
    return LiveWorkbench(
        past.store,
        lambda: programs,
        past.flow,
        lambda: now,
        lambda: 0.0,
        kit=lambda rules: Kit(rules, SCOPE, "xml", directory=directory),
    )


def tried(past: Past, programs: Programs, since: timedelta = timedelta(days=1)) -> Trial:
    found = bench(past, programs).trial(RULE, BEGIN - since)
    assert found is not None
    return found


# --- trials ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["shadow", "live"])
def test_a_rule_is_tried_as_if_live_and_nothing_is_stored(past: Past, mode: str) -> None:
    before = past.dump()
    found = tried(past, of_rules(rule(VITE, effect="suppress", mode=mode, created=BEGIN.date() + timedelta(days=5))))
    (change,) = found.radius.changes
    assert change.before is not None
    assert (change.before.tenant, change.about.disposition) == (VITE, "suppressed")
    assert change.lowered
    assert (found.radius.cases, found.forgotten, found.cut) == (2, 0, None)
    assert found.radius.now["suppressed"] == 1
    assert past.dump() == before


def test_a_rule_that_fits_nothing_changes_nothing(past: Past) -> None:
    found = tried(past, of_rules(rule("another.vercel.app")))
    assert found.radius.changes == []
    assert found.radius.before == found.radius.now


def test_a_rule_that_may_not_act_says_why_it_must_not_go_live(past: Past) -> None:
    (key,) = [one.key for one in past.store.reader.cases(limit=9).items if one.document["tenant"] == VITE]
    past.store.operator.note_feedback(key, Said.TRUE_POSITIVE, "anna", "console")
    found = tried(past, of_rules(rule(VITE, effect="suppress")))
    assert any("a person called malicious" in reason for reason in found.radius.reasons)


def test_only_cases_of_the_time_are_looked_at(past: Past) -> None:
    assert tried(past, of_rules(rule(VITE)), since=timedelta(days=-1)).radius.cases == 0


def test_a_trial_ends_after_so_many_cases_and_says_so(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MOST_CASES", 1)
    found = tried(past, of_rules(rule(VITE)))
    assert (found.cut, found.radius.cases + found.forgotten) == ("cases", 1)


def test_a_trial_ends_after_so_many_seconds_and_says_so(past: Past) -> None:
    times = iter([0.0, 1.0, MOST_SECONDS, MOST_SECONDS])
    programs = of_rules(rule(VITE))
    trier = Trier(past.store, past.flow, lambda: BEGIN + timedelta(hours=1), lambda: next(times))
    found = trier.run(programs, programs.rules.tuning[0], BEGIN - timedelta(days=1))
    assert (found.cut, found.radius.cases) == ("seconds", 1)
    assert found.oldest is not None


def test_a_rule_that_is_not_there_is_not_tried(past: Past) -> None:
    programs = of_rules(rule(VITE))
    assert bench(past, programs).trial("another", BEGIN) is None
    assert bench(past, programs).rule("another") is None
    written = bench(past, programs).rule(RULE)
    assert written is not None
    assert written.tests["must_not"] == [{"tenant": f"not-{VITE}"}]


# --- drafts ---------------------------------------------------------------------------------------------------------


def case_of(past: Past, tenant: str | None) -> str:
    return next(
        one.key for one in past.store.reader.cases(limit=9).items if (one.document["tenant"] == VITE) == bool(tenant)
    )


def test_a_draft_is_the_one_of_the_command_line_and_names_nobody(past: Past) -> None:
    found = bench(past, packaged_programs()).draft(case_of(past, VITE))
    assert found is not None
    assert found.rule is not None
    assert found.rule["conditions"]["tenant"] == VITE
    assert found.rule["mode"] == "shadow"
    assert found.rule["owner"] is None
    assert f"tenant: {VITE}" in (found.text or "")


def test_a_malicious_case_has_no_draft_but_a_reason(past: Past) -> None:
    found = bench(past, packaged_programs()).draft(case_of(past, None))
    assert found is not None
    assert (found.rule, found.text) == (None, None)
    assert found.problems
    assert bench(past, packaged_programs()).draft("enricher-0000000000000000") is None


# --- downloads ------------------------------------------------------------------------------------------------------


def test_downloads_are_made_once_for_each_content(past: Past) -> None:
    programs = packaged_programs()
    contents = [programs]
    one = LiveWorkbench(
        past.store, lambda: contents[-1], past.flow, lambda: BEGIN, lambda: 0.0, kit=lambda rules: Kit(rules, SCOPE, "xml")
    )
    first = one.downloads()
    assert one.downloads() is first
    assert len({file.name for file in first}) == len(first)
    assert {file.kind for file in first} == {"sigma", "sumo", "hunt", "sysmon", "connection", "terraform"}
    assert {file.name.split("-")[1] for file in first if file.kind == "sumo"} == {"xml", "json", "otel", "cloud"}
    contents.append(Programs(replace(programs.rules, digest="another")))
    assert one.downloads() is not first
    assert one.downloads() == first


def test_the_connections_payload_is_the_houses_own_where_it_has_one(past: Past, tmp_path: Path) -> None:
    (tmp_path / "sumo").mkdir()
    (tmp_path / "sumo" / CONNECTION).write_text("{}")
    texts = {file.name: file.text for file in bench(past, packaged_programs(), directory=tmp_path).downloads()}
    assert texts[CONNECTION] == "{}"
    packaged = {file.name: file.text for file in bench(past, packaged_programs(), directory=tmp_path / "none").downloads()}
    assert "{{ResultsJson}}" in packaged[CONNECTION]
