"""Escape sequences from logs, planted in every listing: shown, never obeyed by a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from enricher.cli import main
from enricher.cli.balance import _show as show_balance
from enricher.cli.drift import _show as show_drift
from enricher.cli.look import console
from enricher.cli.ranges import _show as show_ranges
from enricher.cli.replay import show_change
from enricher.cli.tuning_preview import _show as show_preview
from enricher.core.comparison import CaseChange, Moved, Stand
from enricher.core.document import Json
from enricher.core.radius import Radius
from enricher.store import Store
from tests.store.fakes import Clock, Estate, document, settle, submission

PLANTED = "\x1b]0;owned\x07\x1b[31mred\x9b2J\r\u202egnp.exe\u2066\nforged line"
BALANCE = {
    "balanced": False,
    "bodies": {"accepted": 1, "quarantined": {PLANTED: 1}},
    "rows": {"found": 1, "dropped": {PLANTED: 1}, "set_aside": {PLANTED: 1}},
    "problems": [{"alert": PLANTED, "problem": PLANTED}],
}
DRIFT = {
    "days": 7,
    "drift": [dict.fromkeys(("day", "field", "sumo", "ours", "reason"), PLANTED) | {"cases": 1, "rows": 2}],
    "queries": [dict.fromkeys(("source", "monitor", "digest", "first_at", "last_at"), PLANTED)],
}
RANGES = {
    "folder": PLANTED,
    "files": [dict.fromkeys(("file", "provider", "dated"), PLANTED) | {"prefixes": 1, "age_days": 2, "too_old": True}],
    "problems": [PLANTED],
}
STAND = Stand(
    key=PLANTED,
    host=PLANTED,
    tenant=PLANTED,
    target=PLANTED,
    process=PLANTED,
    severity="high",
    score=60,
    verdict="suspicious",
    disposition="open",
    identity=(),
)
CHANGE = CaseChange(
    kind="changed",
    before=STAND,
    now=STAND,
    fields=(Moved(PLANTED, PLANTED, PLANTED),),
    rules=(Moved(PLANTED, None, PLANTED),),
    steps=(Moved(PLANTED, PLANTED, None),),
    notes=(PLANTED,),
)
RADIUS = Radius(
    rule=PLANTED,
    before={"high": 1},
    now={"high": 1},
    changes=[CHANGE],
    protected=frozenset({PLANTED}),
    hides=[PLANTED],
    at_most=20.0,
)


def harmless(shown: str) -> bool:
    return "\\u001b" in shown and all(char.isprintable() or char == "\n" for char in shown)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables_in_sqlite: Callable[[Path], str]) -> Iterator[Store]:
    url = tables_in_sqlite(tmp_path / "enricher.db")
    monkeypatch.setenv("ENRICHER_DATABASE_URL", url)
    made = Estate(url, Clock(datetime(2100, 1, 1, tzinfo=UTC))).open()
    made.inbox.accept(submission("x", source=PLANTED, dead_reason=f"not_json: {PLANTED}"))
    settle(made, "a", document())
    [delivery] = made.outbox.claim("jira", 1)
    made.outbox.bury(delivery, "invalid", PLANTED)
    yield made
    made.close()


@pytest.mark.parametrize("columns", ["40", "200"])
@pytest.mark.parametrize("group", ["dead-letters", "quarantine"])
def test_what_lies_in_the_database(group: str, columns: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    alert = store.reader.dead_alerts(limit=1).items[0].alert_id
    for arguments in (["list"], ["show", alert]):
        found = CliRunner().invoke(main, [group, *arguments])
        assert found.exit_code == 0
        assert harmless(found.stdout), arguments
    asked = CliRunner().invoke(main, [group, "retry", PLANTED])
    assert harmless(asked.stderr)


@pytest.mark.parametrize(
    ("show", "report"),
    [
        pytest.param(show_balance, BALANCE, id="balance"),
        pytest.param(show_drift, DRIFT, id="drift"),
        pytest.param(show_ranges, RANGES, id="ranges"),
    ],
)
def test_what_a_report_holds(show: Callable[[Json], None], report: Json, capsys: pytest.CaptureFixture[str]) -> None:
    show(report)
    assert harmless(capsys.readouterr().out)


def test_what_a_replay_or_a_preview_tells(capsys: pytest.CaptureFixture[str]) -> None:
    show_change(console(), CHANGE)
    assert harmless(capsys.readouterr().out)
    show_preview(RADIUS, PLANTED)
    assert harmless(capsys.readouterr().out)
