"""`enricher beacon`: what is printed, for people and as JSON, and how it ends."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from enricher.cli import main
from enricher.core import beacon_trial as trial
from enricher.core.behaviour import beacon_document, rhythm
from tests.fakes import START, at

D = (1000, 1300, 1610, 1900, 2205, 2500, 3100, 3400)
SIZES = (*[500] * 6, 520, 900)


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["beacon", *arguments], input=given)


def scores(*arguments: str, given: str | None = None) -> Any:
    result = run("score", "--json", *arguments, given=given)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def lines(*, sized: bool = False) -> str:
    written = [at(t).isoformat() for t in D]
    return "\n".join(f"{time}\t{size}" for time, size in zip(written, SIZES, strict=True) if sized) or "\n".join(written)


# --- score ----------------------------------------------------------------------------------------------------------


def test_scores_of_the_vector_worked_by_hand(tmp_path: Path) -> None:
    file = tmp_path / "times"
    file.write_text(lines(sized=True))
    found = scores(str(file))
    assert (found["contacts"], found["beacon"]["class"], found["beacon"]["period_s"]) == (8, "exact_timer", 300.0)
    assert found["beacon"] == beacon_document(rhythm(map(at, D), ()) or pytest.fail("no rhythm"))
    assert [found["rita"][version]["score"] for version in ("5", "4.8", "4.7", "4.5")] == [0.456, 0.498, 0.45, 0.805]
    assert (found["threat"], found["severity"]) == (0.0, "none")


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda t: t.isoformat(), id="ISO with a zone"),
        pytest.param(lambda t: f"{t:%Y-%m-%d %H:%M:%S}.000", id="Sysmon's UtcTime"),
        pytest.param(lambda t: f"{t.timestamp():.0f}", id="epoch seconds"),
        pytest.param(lambda t: f"{1000 * t.timestamp():.0f}", id="epoch milliseconds"),
        pytest.param(lambda t: f"  {t.astimezone().isoformat()}  \r", id="another zone, spaces, a carriage return"),
    ],
)
def test_forms_of_a_time(write: Any) -> None:
    given = "\n\n".join(write(at(t)) for t in D)
    found = scores("-", given=given)
    assert (found["beacon"]["class"], found["beacon"]["sightings"]) == ("exact_timer", 8)
    assert found["rita"]["5"]["score"] == 0.275, "without sizes"
    assert found["rita"]["4.5"]["score"] is None


@pytest.mark.parametrize("given", ["", "\n \n"])
def test_nothing_is_nothing(given: str) -> None:
    found = scores("-", given=given)
    assert (found["contacts"], found["beacon"], set(found["rita"].values())) == (0, None, {None})
    assert "no contact" in run("score", "-", given=given).stdout


@pytest.mark.parametrize(
    "bad", ["soon", "2026-13-01T00:00:00Z", "nan", "9" * 400, f"{START.isoformat()}\tmany", f"{START.isoformat()}\t-1"]
)
def test_a_line_that_cannot_be_read_is_named(bad: str) -> None:
    result = run("score", "-", given=f"{lines()}\n{bad}\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "-:9: not a time, or not bytes after a tab\n"


def test_bytes_that_are_no_text_are_no_time(tmp_path: Path) -> None:
    file = tmp_path / "times"
    file.write_bytes(b"\xff\x00\x1b[2J")
    result = run("score", str(file))
    assert (result.exit_code, result.stderr) == (2, f"{file}:1: not a time, or not bytes after a tab\n")


def test_a_file_that_is_not_there() -> None:
    assert run("score", "nowhere/at/all").exit_code == 2


def test_sizes_count_only_where_all_are_known() -> None:
    given = f"{lines(sized=True)}\n" + at(3700).isoformat()
    assert scores("-", given=given)["rita"]["5"]["ds"] is None


def test_rita_looks_at_the_last_day_only() -> None:
    older = (at(0) - timedelta(days=2)).isoformat()
    assert scores("-", given=f"{older}\n{lines()}")["rita"] == scores("-", given=lines())["rita"]


def test_a_page_says_the_same() -> None:
    printed = run("score", "-", given=lines(sized=True)).stdout
    assert "exact_timer" in printed
    assert "unknown" not in printed
    assert "0.825  1.000  0.000  0.000  0.456" in printed
    assert "too few contacts for that version" in printed


def test_a_strobe_is_high() -> None:
    given = "\n".join(f"{1_780_000_000 + second}" for second in range(86_400))
    found = scores("-", given=given)
    assert (found["rita"]["5"], found["threat"], found["severity"]) == (None, 0.8, "high")


# --- simulate -------------------------------------------------------------------------------------------------------


def test_simulate_prints_every_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "TIMED_SIZES", (5, 10))
    result = run("simulate", "--runs", "20", "--seed", "7")
    assert result.exit_code == 0
    for heading in ("20 series a cell, seed 7", "False alarms", "Narrower gaps", "two windows", "Timers found"):
        assert heading in result.stdout
    assert "contacts      5     10" in result.stdout
    assert result.stdout.endswith("Target of 1 % for each class: met\n")


def test_simulate_as_json() -> None:
    result = run("simulate", "--runs", "4", "--json")
    found = json.loads(result.stdout)
    assert (found["runs"], found["seed"], found["target"], found["target_met"]) == (4, 1, 0.01, True)
    assert len(found["cells"]) == 3 * 17 * 6
    assert {row["gaps"] for row in found["narrow"]} == {"log-normal 0.7", "log-normal 0.5"}
    assert run("simulate", "--runs", "4", "--json").stdout == result.stdout


def test_a_missed_target_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "RANDOM", trial.NARROW)
    result = run("simulate", "--runs", "30")
    assert result.exit_code == 1
    assert "!" in result.stdout
    assert result.stdout.endswith("missed\n")
