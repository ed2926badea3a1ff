"""`enricher --help`, what a wrong command line or a wrong world is answered, and completion."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from enricher.cli import main
from enricher.cli.completing import SHELLS
from enricher.cli.root import SECTIONS

EVERYTHING = [name for names in SECTIONS.values() for name in names]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENRICHER_DATABASE_URL", f"sqlite:///{tmp_path}/none.db")
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_every_command_stands_under_one_purpose() -> None:
    assert sorted(EVERYTHING) == sorted(main.commands)


@pytest.mark.parametrize("columns", ["80", "200"])
def test_the_help_says_all_of_it_in_any_width(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = run("--help").stdout
    assert "..." not in shown.partition("Options:")[2]
    assert max(map(len, shown.splitlines())) <= int(columns)
    at = [shown.index(f"\n{heading}:\n") for heading in SECTIONS]
    assert at == sorted(at)
    for name in EVERYTHING:
        assert sum(line.split()[:1] == [name] and line.startswith("  ") for line in shown.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["tunnig"], "No such command 'tunnig'. Did you mean 'tuning'?", id="a command"),
        pytest.param(["dead-letters", "lst"], "No such command 'lst'. Did you mean 'list'?", id="one of a group"),
        pytest.param(
            ["replay", "--sinse", "3d"],
            "No such option '--sinse'. (Did you mean one of: '--json', '--since'?)",
            id="an option",
        ),
        pytest.param(["check-config", "/nowhere"], "Directory '/nowhere' does not exist", id="a folder"),
        pytest.param(
            ["explain", "/nowhere"], "/nowhere: no such file or directory; give a file, a folder, or -", id="a file"
        ),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(arguments: list[str], said: str) -> None:
    found = run(*arguments)
    assert found.exit_code == 2
    assert said in found.stderr


@pytest.mark.parametrize("command", ["balance", "drift", "dead-letters list", "quarantine list", "tuning draft x"])
def test_a_database_that_is_not_there_is_one_line_with_what_to_do(command: str, nowhere: Path) -> None:
    found = run(*command.split())
    assert (found.exit_code, found.stdout) == (1, "")
    [line] = found.stderr.splitlines()
    assert line.startswith("the database refuses: ")
    assert "ENRICHER_DATABASE_URL names it, enricher db upgrade makes its tables" in line
    assert not (nowhere / "none.db").exists()


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENRICHER_WEB_THREADS", "many")
    found = run("balance")
    assert found.exit_code == 1
    assert "ENRICHER_WEB_THREADS" in found.stderr
    assert "Traceback" not in found.stderr


# --- completion -----------------------------------------------------------------------------------------------------


def completed(*words: str) -> list[str]:
    asked = ShellComplete(main, {}, "enricher", "_ENRICHER_COMPLETE")
    return [item.value for item in asked.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(shell: str) -> None:
    found = run("completion", shell)
    assert found.exit_code == 0
    assert "_ENRICHER_COMPLETE" in found.stdout


def test_bash_takes_its_script() -> None:
    script = run("completion", "bash").stdout
    taken = subprocess.run(["bash", "-c", f"{script}\ncomplete -p enricher"], capture_output=True, text=True, check=True)  # noqa: S607 - the shell that is there
    assert "_enricher_completion" in taken.stdout


def test_words_are_completed(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed("tu") == ["tuning"]
    assert "--since" in completed("replay", "--s")
    assert completed("tuning", "preview", "example-dev") == ["example-dev-vite-preview"]
    assert "automation" in completed("tuning", "new", "")
    assert completed("tuning", "draft", "") == []
    assert not (nowhere / "none.db").exists()
    (nowhere / "tuning").mkdir()
    (nowhere / "tuning" / "own.yml").write_text("- id: [", encoding="utf-8")
    monkeypatch.setenv("ENRICHER_CONFIG_DIR", str(nowhere))
    assert completed("tuning", "preview", "") == []
