"""The Makefile, the scripts and the YAML: linted, listed, and sure to call what exists."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
MAKEFILE = (ROOT / "Makefile").read_text()
LISTED = re.findall(r"(?m)^([a-z]+):.*## .+$", MAKEFILE)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which("make")
    assert found, "make is not installed"
    return run(found, "--no-print-directory", *arguments)


def test_make_alone_lists_the_commands() -> None:
    lines = make().stdout.splitlines()
    assert [line.split()[1] for line in lines] == LISTED
    assert {"demo", "run", "check", "test", "fuzz", "lock", "image", "chart"} <= set(LISTED)


def test_every_target_without_a_file_is_declared_phony() -> None:
    [declared] = re.findall(r"(?m)^\.PHONY: (.*)$", MAKEFILE)
    assert sorted(declared.split()) == sorted(re.findall(r"(?m)^([a-z]+):", MAKEFILE))


@pytest.mark.parametrize("target", LISTED)
def test_every_command_resolves(target: str) -> None:
    finished = make("--dry-run", target)
    assert finished.returncode == 0, finished.stderr


def test_every_file_a_command_names_exists() -> None:
    named = set(re.findall(r"(?:scripts|requirements|tests|helm)/[\w./-]+\w", MAKEFILE)) - {"requirements/"}
    assert named
    assert {path for path in named if not (ROOT / path).exists()} == set()
    plugins = re.findall(r"-p (tests[\w.]+)", MAKEFILE)
    assert [name for name in plugins if not (ROOT / f"{name.replace('.', '/')}.py").exists()] == []


def test_shell_scripts_are_sound() -> None:
    scripts = [ROOT / ".ci/run", *sorted((ROOT / "scripts").glob("*.sh"))]
    finished = run(TOOLS / "shellcheck", "--enable=all", "--exclude=SC2310,SC2312,SC2292,SC2250", *scripts)
    assert finished.returncode == 0, finished.stdout
    assert all(script.stat().st_mode & 0o111 for script in scripts)


def test_yaml_is_tidy() -> None:
    finished = run(TOOLS / "yamllint", "--strict", ".")
    assert finished.returncode == 0, finished.stdout


def test_ci_stops_at_the_first_failure_and_tests_with_nothing_skipped() -> None:
    text = (ROOT / ".ci/run").read_text()
    assert "set -euo pipefail" in text
    assert "export ENRICHER_CI=1" in text
    assert "stage test make test" in text
