"""Stored payloads judged anew: by the same content nothing is otherwise, by other content exactly what that content changes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from enricher.cli import main
from enricher.cli.replay import is_changed
from enricher.content.families import dump, read_rules
from enricher.content.platforms import registrable
from enricher.core.catalog import Catalog
from enricher.core.comparison import Moved
from enricher.core.programs import Programs
from enricher.model import ProcessCreate
from enricher.ports import FoundStarts
from enricher.store.purge import purge
from enricher.wiring import clock
from enricher.wiring.comparing import Compared, compared
from enricher.wiring.replay import Anew, as_if_in_force, judged_anew, not_in_force
from tests.fakes import HOST, POWERSHELL, packaged_programs
from tests.past import BEGIN, Past, Weather, bodies, opened

pytestmark = pytest.mark.slow

Tables = Callable[[Path], str]
DAY = timedelta(days=1)
SHELL = "corpus: test1-powershell-workers/offline"


@contextmanager
def replayed(past: Past, programs: Programs | None = None, since: Any = BEGIN) -> Iterator[tuple[Anew, Compared]]:
    with judged_anew(past.store, programs or past.programs, past.flow, since) as anew:
        yield anew, compared(past.store.reader, anew)


@pytest.fixture
def past(tmp_path: Path, tables_in_sqlite: Tables) -> Iterator[Past]:
    with opened(Past(tables_in_sqlite(tmp_path / "enricher.db"))) as one:
        yield one


def of_severity(**points: dict[str, float]) -> Programs:
    """The packaged content with other points."""
    rules = packaged_programs().rules
    groups = {group: {**getattr(rules.severity, group), **values} for group, values in points.items()}
    return Programs(replace(rules, severity=replace(rules.severity, **groups)))  # type: ignore[arg-type] # groups of points


# --- nothing is otherwise -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [None, 1, 2], ids=["as received", "another order", "yet another"])
def test_the_same_content_changes_nothing(tmp_path: Path, tables_in_sqlite: Tables, order: int | None) -> None:
    """All of the corpus and every payload, look-ups that come late and hosts that learn of each other included."""
    url = tables_in_sqlite(tmp_path / "enricher.db")
    with opened(Past(url, lookups=Weather())) as past:
        past.receive(bodies(), settled=random.Random(order) if order else None)  # noqa: S311 - a fixed order, not a secret
        past.rest()
        before = past.dump()
        with replayed(past) as (anew, found):
            assert found.changes == ()
            assert (anew.rows, anew.unreadable, found.incomplete) == ([], {}, ())
            assert found.before == found.now
            assert sum(found.now.values()) == len(past.store.reader.cases(limit=200).items) > 50
            assert anew.alerts == anew.compared == len(past.store.reader.judged())
        assert past.dump() == before


def test_what_a_person_reopened_is_no_change(past: Past) -> None:
    past.receive(bodies("corpus: benign/node-vite"))
    (case,) = past.store.reader.cases(limit=2).items
    past.programs = suppressing(case.document["tenant"])
    past.write("UPDATE cases SET state = 'suppressed' WHERE key = ?", case.key)
    with replayed(past) as (_, found):
        assert Moved("disposition", "informational", "suppressed") in found.changes[0].fields
    assert past.store.operator.reopen_case(case.key)
    with replayed(past) as (_, found):
        assert "disposition" not in [moved.name for moved in found.changes[0].fields]


class Archive:
    """Sumo Logic, where it has the start of a process or nothing."""

    def __init__(self, *starts: ProcessCreate) -> None:
        self.starts_kept = starts

    def starts(self, computer: str, guid: str, until: Any) -> FoundStarts:
        del until
        found = tuple(one for one in self.starts_kept if (one.computer, one.guid) == (computer, guid))
        return FoundStarts(events=found, reason=None if found else "Sumo Logic has no start of it")

    def sweep(self) -> None: ...

    def stop(self) -> None: ...


def of_columns(guid: str) -> bytes:
    row = {
        "Computer": HOST,
        "Image": POWERSHELL,
        "ProcessGuid": "{" + guid + "}",
        "EventID": "22",
        "QueryName": "relay.example-lab.workers.dev",
        "UtcTime": "2026-11-24 07:00:00.000",
        "User": "CORP\\m.alvarez",
    }
    return json.dumps(
        {"schema": "enricher/1", "name": "m", "triggerType": "Critical", "results": json.dumps([row])}
    ).encode()


@pytest.mark.parametrize("kept", [True, False], ids=["it had the start", "it had nothing"])
def test_starts_that_sumo_logic_was_asked_for(tmp_path: Path, tables_in_sqlite: Tables, *, kept: bool) -> None:
    guid = "7C1E2B40-96D1-65F0-0001-000000000000"
    start = ProcessCreate(
        computer=HOST,
        row=0,
        guid=guid,
        pid=7316,
        image=POWERSHELL,
        at=BEGIN - timedelta(hours=2),
        command_line="powershell -nop -w hidden -enc SQBFAFgA",
        parent_image="C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE",
        parent_guid="7C1E2B40-96D1-65F0-0002-000000000000",
    )
    archive = Archive(*([start] if kept else []))
    with opened(Past(tables_in_sqlite(tmp_path / "enricher.db"), search=archive)) as past:
        past.receive([of_columns(guid)])
        past.rest()
        (stored,) = past.store.reader.cases(limit=2).items
        assert bool(stored.document["lineage"] and stored.document["lineage"][0]["source"] != "missing") is kept
        with replayed(past) as (anew, found):
            assert found.changes == ()
            again = anew.reader.case(stored.key)
            assert again is not None
            assert again.document["lineage"] == stored.document["lineage"]
            assert again.document["missing"] == stored.document["missing"]


# --- what other content changes -------------------------------------------------------------------------------------


def test_other_points_say_by_which_rule(past: Past) -> None:
    past.receive(bodies("corpus: benign/node-vite", SHELL))
    before = {record.key: record.document for record in past.store.reader.cases(limit=10).items}
    with replayed(past, of_severity(process={"shell": 9.0})) as (anew, found):
        (change,) = found.changes
        assert change.kind == "changed"
        assert change.before is not None
        assert before[change.before.key]["process"]["name"] == "powershell.exe"
        assert Moved("process.shell", "+15", "+9") in change.steps
        assert {moved.name for moved in change.fields} >= {"score", "raw_score"}
        assert is_changed(anew, found)


def suppressing(tenant: str | None, mode: str = "live") -> Programs:
    return of_rules(rule(tenant or "", effect="suppress", mode=mode))


def rule(tenant: str, **more: Any) -> dict[str, Any]:
    """A rule about node.exe, as a file has it."""
    facts = {
        "user": "CORP\\amartin",
        "image": "C:\\Program Files\\nodejs\\node.exe",
        "parents": ["C:\\Windows\\System32\\cmd.exe"],
    }
    written = {
        "id": "node-of-the-shop",
        "version": 1,
        "owner": "team-web",
        "approver": ["soc-detection", "soc-lead"],
        "reason": "The shop's own preview deployment.",
        "ticket": "SEC-1042",
        "created": (BEGIN - DAY).date(),
        "expires": (BEGIN + 30 * DAY).date(),
        "scope": {"users": ["CORP\\amartin"]},
        "conditions": {"image": facts["image"], "parent": facts["parents"][0], "tenant": tenant},
        "effect": "cap",
        "mode": "live",
        "tests": {"must_match": [facts | {"tenant": tenant}], "must_not": [{"tenant": f"not-{tenant}"}]},
    }
    capped = {"cap_at": "informational"} if more.get("effect", "cap") == "cap" else {}
    return written | capped | more


def of_rules(*rules: dict[str, Any]) -> Programs:
    found, problems = read_rules(dump(rules), packaged_programs().rules.catalog)
    assert problems == []
    return Programs(replace(packaged_programs().rules, tuning=tuple(found)))


VITE = "storefront-api-git-main-acme.vercel.app"


def test_a_tuning_rule_and_its_mode(past: Past) -> None:
    past.receive(bodies("corpus: benign/node-vite"))
    with replayed(past, suppressing(VITE)) as (_, found):
        (change,) = found.changes
        assert change.rules == (Moved("node-of-the-shop", None, "live"),)
        assert Moved("disposition", "informational", "suppressed") in change.fields
        assert (found.before["informational"], found.now["suppressed"]) == (1, 1)
    with replayed(past, suppressing(VITE, mode="shadow")) as (_, found):
        (change,) = found.changes
        assert change.fields == ()
        assert change.rules == (Moved("node-of-the-shop", None, "shadow"),)


def test_rules_act_on_the_days_they_were_in_force(past: Past) -> None:
    past.receive(bodies("corpus: benign/node-vite"))
    later = of_rules(rule(VITE, effect="suppress", created=(BEGIN + DAY).date()))
    with replayed(past, later) as (_, found):
        assert found.changes == ()
    assert not_in_force(later.rules.tuning, BEGIN.date(), BEGIN.date()) == [
        "rule node-of-the-shop is in force from 2026-11-25 to 2026-12-23 only"
    ]
    with replayed(past, as_if_in_force(later)) as (_, found):
        assert [change.newly_hidden for change in found.changes] == [False]
        assert found.now["suppressed"] == 1


def without_platform(name: str) -> Programs:
    rules = packaged_programs().rules
    rest = [row for row in rules.catalog.platforms.values() if row.family != name]
    return Programs(replace(rules, catalog=Catalog(rest, registrable())))


def test_a_platform_less_and_its_case_is_gone(past: Past) -> None:
    past.receive(bodies("corpus: benign/node-vite"))
    with replayed(past, without_platform("vercel")) as (anew, found):
        (change,) = found.changes
        assert (change.kind, change.now, change.lowered, change.newly_hidden) == ("gone", None, True, False)
        assert {row.before for row in anew.rows} == {None}
        assert {str(row.now).partition(":")[0] for row in anew.rows} <= {"no_match", "unrelated"}


def test_a_platform_more_and_its_case_is_opened(past: Past) -> None:
    past.programs = without_platform("vercel")
    past.receive(bodies("corpus: benign/node-vite"))
    with replayed(past, packaged_programs()) as (anew, found):
        (change,) = found.changes
        assert (change.kind, change.before) == ("opened", None)
        assert change.about.tenant == VITE
        assert anew.rows
        assert {row.now for row in anew.rows} == {None}


# --- what cannot be judged, or compared -----------------------------------------------------------------------------


def test_a_body_that_cannot_be_read_any_more(past: Past) -> None:
    first, _ = past.receive(bodies("corpus: benign/node-vite", SHELL))
    past.write("UPDATE alerts SET body = ? WHERE id = ?", b"{", first)
    with replayed(past) as (anew, found):
        assert list(anew.unreadable) == [first]
        assert anew.unreadable[first].startswith("not_json")
        assert [change.kind for change in found.changes] == ["gone"]
        assert is_changed(anew, found)


def test_only_the_time_asked_about_is_compared(past: Past) -> None:
    past.receive(bodies("corpus: benign/node-vite"))
    past.clock.now += DAY
    since = past.clock.now
    past.receive(bodies(SHELL))
    with replayed(past, of_severity(process={"shell": 9.0, "runtime": 20.0}), since) as (anew, found):
        assert (anew.alerts, anew.compared) == (2, 1)
        assert [change.about.process for change in found.changes] == ["powershell.exe"]


def test_cases_of_forgotten_payloads_are_named_and_not_compared(past: Past) -> None:
    past.receive(bodies("corpus: benign/node-vite"))
    past.clock.now += DAY
    purge(past.store.access, past.clock.now)
    past.receive(bodies("corpus: benign/node-vite", SHELL))
    with replayed(past, of_severity(process={"shell": 9.0})) as (_, found):
        assert len(found.incomplete) == 1
        assert [change.about.process for change in found.changes] == ["powershell.exe"]


def test_what_was_never_judged_is_counted_and_left_out(past: Past) -> None:
    _, discarded = past.receive(bodies("corpus: benign/node-vite", SHELL))
    past.write("UPDATE alerts SET reason = 'discarded by a person' WHERE id = ?", discarded)
    with replayed(past) as (anew, _):
        assert (anew.alerts, anew.left_out) == (1, 1)


def test_look_ups_that_nobody_asked_for_then_are_said(past: Past) -> None:
    past.programs = without_platform("vercel")
    past.receive(bodies("corpus: benign/node-vite"))
    with replayed(past, packaged_programs()) as (anew, found):
        (change,) = found.changes
        again = anew.reader.case(change.about.key)
        assert again is not None
        asked = {entry["about"] for entry in again.document["enrichments"]}
        assert anew.unrecorded == asked
        assert {entry["status"] for entry in again.document["enrichments"]} == {"disabled"}


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def command(past: Past, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """`enricher` with these arguments, on the database of `past`."""
    monkeypatch.setenv("ENRICHER_DATABASE_URL", past.url)
    monkeypatch.setenv("ENRICHER_CONFIG_DIR", str(tmp_path / "nothing"))
    monkeypatch.setenv("ENRICHER_LOOKUPS", "off")
    return lambda *arguments: CliRunner().invoke(main, list(arguments))


def from_now_on(past: Past) -> None:
    """The command's own clock is the machine's."""
    past.clock.now = clock() - timedelta(hours=1)


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["page", "json"])
def test_the_command_says_that_nothing_changes(past: Past, command: Callable[..., Any], more: tuple[str, ...]) -> None:
    from_now_on(past)
    past.receive(bodies("corpus: benign/node-vite"))
    result = command("replay", "--since", "1d", "--fail-on-change", *more)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["changed"] is False if more else "nothing is otherwise in 1 cases" in result.stdout


@pytest.mark.parametrize("fails", [True, False], ids=["asked to fail", "not asked"])
def test_the_command_says_what_changes(past: Past, command: Callable[..., Any], tmp_path: Path, *, fails: bool) -> None:
    from_now_on(past)
    past.receive(bodies(SHELL))
    severity = (Path(__file__).parents[1] / "config" / "severity.yml").read_text()
    other = tmp_path / "other"
    other.mkdir()
    assert "shell: 15" in severity
    (other / "severity.yml").write_text(severity.replace("shell: 15", "shell: 9"))
    arguments = ["replay", "--config", str(other), *(["--fail-on-change"] if fails else [])]
    page, document = command(*arguments), command(*arguments, "--json")
    assert page.exit_code == document.exit_code == int(fails)
    assert "process.shell: +15 → +9" in page.stdout
    told = json.loads(document.stdout)
    assert {"name": "process.shell", "before": "+15", "now": "+9"} in told["changes"][0]["steps"]


@pytest.mark.parametrize("span", ["30", "0d", "-1d", "1m", "99999d", "٣d"])
def test_what_is_no_span(command: Callable[..., Any], span: str) -> None:
    result = command("replay", f"--since={span}")
    assert result.exit_code == 2
    assert "is no span" in result.output


def test_a_configuration_that_cannot_be_read(command: Callable[..., Any], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "severity.yml").write_text("[")
    result = command("replay", "--config", str(broken))
    assert result.exit_code == 1
    assert "severity.yml:2:" in result.output
