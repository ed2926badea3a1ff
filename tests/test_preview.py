"""What a rule would have done to the cases of a time, and whether it may go live; and the drafts of stored cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from enricher.cli import main
from enricher.content.families import dump
from enricher.core.comparison import CaseChange, Moved, Stand
from enricher.core.feedback import Said
from enricher.core.programs import Programs
from enricher.core.radius import Radius
from enricher.ports import History, Lookups
from enricher.wiring import clock
from enricher.wiring.comparing import compared
from enricher.wiring.flow import Flow
from enricher.wiring.preview import blast_radius
from enricher.wiring.replay import experience_then, judged_anew
from tests.fakes import packaged_programs
from tests.past import BEGIN, Past, bodies, opened
from tests.test_replay import SHELL, VITE, of_rules, rule

pytestmark = pytest.mark.slow

Tables = Callable[[Path], str]
NODE = "corpus: benign/node-vite"


@pytest.fixture
def past(tmp_path: Path, tables_in_sqlite: Tables) -> Iterator[Past]:
    with opened(Past(tables_in_sqlite(tmp_path / "enricher.db"))) as one:
        yield one


def radius_of(past: Past, programs: Programs, *, at_most: float = 100.0) -> Radius:
    (of,) = programs.rules.tuning
    return blast_radius(past.store, packaged_programs(), of, past.flow, BEGIN, at_most=at_most)


# --- what it would have done ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["shadow", "live"])
def test_a_rule_counts_as_live_and_in_force_throughout(past: Past, mode: str) -> None:
    past.receive(bodies(NODE, SHELL))
    before = past.dump()
    found = radius_of(past, of_rules(rule(VITE, effect="suppress", mode=mode, created=BEGIN.date() + timedelta(days=5))))
    (change,) = found.changes
    assert change.before is not None
    assert change.now is not None
    assert (change.before.tenant, change.before.disposition, change.now.disposition) == (
        VITE,
        "informational",
        "suppressed",
    )
    assert (found.cases, len(found.lowered), found.reasons) == (2, 1, ())
    assert found.now["suppressed"] == 1
    assert past.dump() == before


def test_a_rule_that_is_in_force_already_is_judged_by_what_would_be_without_it(past: Past) -> None:
    programs = of_rules(rule(VITE, effect="suppress"))
    past.programs = programs
    past.receive(bodies(NODE))
    (of,) = programs.rules.tuning
    found = blast_radius(past.store, programs, of, past.flow, BEGIN, at_most=100)
    assert (found.before["suppressed"], found.now["suppressed"]) == (0, 1)


def test_a_rule_that_fits_nothing(past: Past) -> None:
    past.receive(bodies(NODE))
    found = radius_of(past, of_rules(rule("another-of-acme.vercel.app")))
    assert (found.changes, found.share, found.reasons) == ((), 0.0, ())


def test_no_case_no_share(past: Past) -> None:
    assert radius_of(past, of_rules(rule(VITE))).share == 0.0


# --- may it go live? ------------------------------------------------------------------------------------------------

CALM = Stand(
    key="enricher-1",
    host="ws-1",
    tenant="a.vercel.app",
    target="a.vercel.app",
    process="node.exe",
    severity="medium",
    score=45,
    verdict="suspicious",
    disposition="open",
    identity=(),
)
LOW = replace(CALM, severity="low", score=30)


def change(before: Stand = CALM, now: Stand | None = None, *, matched: bool = True) -> CaseChange:
    after = now or replace(before, severity="low", score=30)
    rules = (Moved("r", None, "live"),) if matched else ()
    return CaseChange(kind="changed", before=before, now=after, rules=rules, steps=(Moved("tuning.r", None, "-15"),))


def radius(*changes: CaseChange, cases: int = 100, **more: Any) -> Radius:
    return Radius(rule="r", before={"medium": cases}, now={"low": cases}, changes=changes, **more)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(radius(change()), None, id="one in a hundred"),
        pytest.param(radius(change(), change(), cases=10), None, id="just the share"),
        pytest.param(radius(*[change()] * 3, cases=10), "lowers 3 of 10 cases, 30 %; at most 20 %", id="over the share"),
        pytest.param(radius(change(replace(CALM, verdict="malicious"))), "what is malicious: enricher-1", id="malicious"),
        pytest.param(
            radius(change(replace(CALM, verdict="malicious"), replace(CALM, verdict="malicious"))),
            None,
            id="malicious, and left as it is",
        ),
        pytest.param(
            radius(change(), protected=frozenset({"a.vercel.app"})), "a person called malicious: enricher-1", id="protected"
        ),
        pytest.param(radius(change(replace(CALM, identity=("user_writable",)))), "not what it seems", id="identity word"),
        pytest.param(radius(change(now=CALM, matched=False)), "no rule may lower: enricher-1", id="refused by a floor"),
        pytest.param(
            radius(change(replace(CALM, verdict="malicious"), replace(CALM, disposition="suppressed"))),
            "what is malicious",
            id="hidden with its score",
        ),
        pytest.param(radius(hides=["rule r fits the malicious case x"]), "malicious case x", id="the corpus"),
        pytest.param(
            radius(*[change(replace(CALM, verdict="malicious", key=str(n))) for n in range(7)]),
            "0, 1, 2, 3, 4 and 2 more",
            id="many are counted",
        ),
    ],
)
def test_the_verdict(found: Radius, reason: str | None) -> None:
    assert found.as_json()["safe"] is (reason is None)
    assert found.reasons == () if reason is None else any(reason in line for line in found.reasons)


def test_hidden_cases_are_named() -> None:
    gone = change(now=replace(LOW, severity="informational", disposition="informational"))
    assert radius(gone).as_json()["hides"] == ["enricher-1"]
    assert radius(change()).as_json()["hides"] == []


# --- the commands ---------------------------------------------------------------------------------------------------


@pytest.fixture
def command(past: Past, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """`enricher tuning` with these arguments, on the database of `past`, which has received `NODE` and `SHELL` an hour ago."""
    past.clock.now = clock() - timedelta(hours=1)
    past.receive(bodies(NODE, SHELL))
    monkeypatch.setenv("ENRICHER_DATABASE_URL", past.url)
    monkeypatch.setenv("ENRICHER_CONFIG_DIR", str(tmp_path / "nothing"))
    monkeypatch.setenv("ENRICHER_LOOKUPS", "off")
    return lambda *arguments: CliRunner().invoke(main, ["tuning", *arguments])


def case_of(past: Past, process: str) -> str:
    (key,) = (r.key for r in past.store.reader.cases(limit=10).items if r.document["process"]["name"] == process)
    return key


def in_file(path: Path, *rules: dict[str, Any]) -> str:
    today = clock().date()
    dated = [one | {"created": today, "expires": today + timedelta(days=30)} for one in rules]
    path.write_text(dump(dated))
    return str(path)


def test_preview_of_a_file(command: Callable[..., Any], past: Past, tmp_path: Path) -> None:
    named = in_file(tmp_path / "own.yml", rule(VITE, effect="suppress"))
    page, document = (command("preview", named, "--at-most", "50", *more) for more in ((), ("--json",)))
    assert page.exit_code == document.exit_code == 0, page.output
    assert "may go live: yes" in page.stdout
    assert "informational → suppressed" in page.stdout
    told = json.loads(document.stdout)
    assert [one["key"] for one in told["changes"]] == [case_of(past, "node.exe")]
    assert (told["safe"], told["fits"], told["lowers"], told["hosts"]) == (True, 1, 1, ["ws-fin-0142.corp.example"])


def test_preview_refuses_a_protected_tenant(command: Callable[..., Any], past: Past, tmp_path: Path) -> None:
    past.store.operator.note_feedback(case_of(past, "node.exe"), Said.TRUE_POSITIVE, "anna", "jira")
    named = in_file(tmp_path / "own.yml", rule(VITE, effect="subtract", amount=5.0))
    result = command("preview", named, "--at-most", "100")
    assert result.exit_code == 1
    assert "lowers a tenant that a person called malicious" in result.stdout


def test_preview_by_share(command: Callable[..., Any], tmp_path: Path) -> None:
    named = in_file(tmp_path / "own.yml", rule(VITE, effect="subtract", amount=5.0))
    assert command("preview", named).exit_code == 1
    assert command("preview", named, "--at-most", "50").exit_code == 0


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        pytest.param([rule(VITE), rule(VITE, id="another")], "holds 2 rules", id="two rules"),
        pytest.param([rule(VITE, owner="soc-lead")], "own.yml:1: rule 'node-of-the-shop'", id="a rule that does not load"),
    ],
)
def test_files_that_are_no_one_rule(
    command: Callable[..., Any], tmp_path: Path, rules: list[dict[str, Any]], says: str
) -> None:
    result = command("preview", in_file(tmp_path / "own.yml", *rules))
    assert result.exit_code == 1
    assert says.partition(":1")[0] in result.output


def test_preview_of_an_id_that_is_none(command: Callable[..., Any]) -> None:
    result = command("preview", "no-such-rule")
    assert result.exit_code == 1
    assert "'no-such-rule' is neither a file nor a rule" in result.output


def test_a_draft_of_a_stored_case_loads_fits_and_may_go_live(
    command: Callable[..., Any], past: Past, tmp_path: Path
) -> None:
    key = case_of(past, "node.exe")
    result = command("draft", key, "--owner", "team-web", "--approver", "soc-detection", "--ticket", "SEC-1")
    assert result.exit_code == 0, result.output
    drafted = tmp_path / "drafted.yml"
    drafted.write_text(result.stdout)
    told = json.loads(command("preview", str(drafted), "--json").stdout)
    assert [one["key"] for one in told["changes"]] == [key]
    assert told["safe"]


def test_a_draft_says_what_is_to_be_filled_in(command: Callable[..., Any], past: Past) -> None:
    key = case_of(past, "node.exe")
    result = command("draft", key, "--owner", "team-web", "--days", "30")
    assert "fill in approver, ticket: until then it does not load" in result.stderr
    (written,) = yaml.safe_load(result.stdout)
    assert (written["owner"], written["approver"], written["ticket"]) == ("team-web", None, None)
    assert (written["expires"] - written["created"]).days == 30
    document = json.loads(command("draft", key, "--json").stdout)
    assert document["to_fill"] == ["owner", "approver", "ticket"]


def test_a_draft_is_refused_with_its_reason(command: Callable[..., Any], past: Past) -> None:
    past.store.operator.note_feedback(case_of(past, "node.exe"), Said.TRUE_POSITIVE, "anna", "jira")
    result = command("draft", case_of(past, "node.exe"))
    assert result.exit_code == 1
    assert "a person called a case of it malicious" in result.stderr
    result = command("draft", "enricher-0000000000000000", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"] == ["there is no such case"]


def test_a_tenant_is_protected_from_when_it_was_said(past: Past) -> None:
    """A replay by the same rules changes nothing, though the tenant has come to be protected since."""
    past.programs = of_rules(rule(VITE, effect="suppress"))
    past.receive(bodies(NODE))
    past.clock.now += timedelta(hours=1)
    past.store.operator.note_feedback(case_of(past, "node.exe"), Said.TRUE_POSITIVE, "anna", "jira")
    then = experience_then(past.store.reader)
    assert then(BEGIN + timedelta(minutes=1)).protected == frozenset()
    assert then(past.clock.now).protected == {VITE}

    def flow(
        programs: Programs, lookups: Lookups, history: History, time: Callable[[], datetime], *, always: bool = False
    ) -> Flow:
        known = (lambda _: then(past.clock.now)) if always else (lambda _: then(time()))
        return Flow(lambda: programs, lookups, history, owner=False, experience=known)

    with judged_anew(past.store, past.programs, flow, BEGIN) as anew:
        assert compared(past.store.reader, anew).changes == ()
    with judged_anew(past.store, past.programs, partial(flow, always=True), BEGIN) as anew:
        (change,) = compared(past.store.reader, anew).changes
        assert Moved("disposition", "suppressed", "informational") in change.fields
