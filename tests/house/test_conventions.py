"""What the house style asks for and no linter checks: layers, sizes, words, and who may read the environment."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "enricher"

MODULE_LINES = 350
"""The style aims at 300; past this a module is split."""
FUNCTION_LINES = 60
"""The style aims at 50 at most, and usually fewer than 12."""

MAY_READ_THE_ENVIRONMENT = {
    "settings/__init__.py": "every variable of ours",
    "settings/references.py": "the variables in which destinations.yml says that a secret is",
    "telemetry.py": "PROMETHEUS_MULTIPROC_DIR, by which the metrics library itself is told",
    "cli/look.py": "COLUMNS and TERM, which are the terminal's",
    "cli/counters.py": "the same variable, set for the processes of a service",
    "demo/surroundings.py": "hands on what is not ours to the service it starts",
}
FOLDERS_OF_THEIR_OWN = {"browser", "data", "e2e", "faults", "golden", "house", "plugins"}
"""Folders under tests/ that mirror no part of enricher/."""

NOT_OURS_TO_WORD = {("tests", "data"), ("tests", "golden"), ("config", "catalog")}

SAID_OTHERWISE = {
    r"white-?list": "tuning rule, allow-list",
    r"black-?list": "deny-list",
    r"TODO|FIXME|XXX|HACK": "finish it, or write it into the known limits",
    r"pragma: no cover": "a test",
    r"(?m)^\s*except(?: Exception\b.*)?:": "the narrow error; bugs should end the attempt",
    r"(?<![\w.~-])/(?:home|root|work)/": "a path that exists on every machine",
}


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def written_files() -> Iterator[Path]:
    """Everything a person wrote here; not test data, locks, the catalog (it speaks of paths and of others' lists) or leftovers."""
    for pattern in ("*.md", "*.yaml", "*.toml", "Makefile", "Dockerfile", ".ci/run"):
        yield from ROOT.glob(pattern)
    for folder in ("enricher", "config", "docs", "helm", "scripts", "bench", "tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            inside = path.relative_to(ROOT).parts
            if (
                path.is_file()
                and path.suffix != ".png"
                and "__pycache__" not in inside
                and inside[:2] not in NOT_OURS_TO_WORD
            ):
                yield path


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def reads_environment(tree: ast.AST) -> bool:
    """Whether os.environ or os.getenv is named anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
            if isinstance(node.value, ast.Name) and node.value.id == "os":
                return True
        elif (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {a.name for a in node.names} & {"environ", "getenv"}
        ):
            return True
    return False


def banned(text: str) -> list[str]:
    return [f"{found[0]!r}: say {instead}" for word, instead in SAID_OTHERWISE.items() if (found := re.search(word, text))]


def test_imports_point_inward(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    failed = lint_imports(no_cache=True, no_logo=True)
    assert not failed, capsys.readouterr().out


def test_modules_are_short() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in python_files("enricher", "scripts")
    }
    assert {path: count for path, count in lines.items() if count > MODULE_LINES} == {}


def test_functions_are_short() -> None:
    lines = dict(found for path in python_files("enricher", "scripts") for found in functions(path))
    assert {name: count for name, count in lines.items() if count > FUNCTION_LINES} == {}


def test_settings_read_the_environment_for_all() -> None:
    readers = {
        p.relative_to(PACKAGE).as_posix() for p in python_files("enricher") if reads_environment(ast.parse(p.read_text()))
    }
    assert readers - set(MAY_READ_THE_ENVIRONMENT) == set()


def test_words() -> None:
    said = {str(path.relative_to(ROOT)): banned(path.read_text()) for path in written_files() if path != Path(__file__)}
    assert [f"{path}: {word}" for path, words in said.items() for word in words] == []


@pytest.mark.parametrize(
    "text",
    [
        "the whitelist",
        "# TODO: later",
        "except Exception as error:",
        "open('/home/someone/file')",
    ],
)
def test_words_are_found(text: str) -> None:
    assert banned(text)


@pytest.mark.parametrize("text", ["an allow-list", "except ExceptionGroup:", "see https://example.org/home/page"])
def test_other_words_are_left_alone(text: str) -> None:
    assert not banned(text)


def test_every_exemption_says_why() -> None:
    codes = r"noqa(?::\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?|type:\s*ignore(?:\[[\w, -]+\])?"
    bare = re.compile(rf"#\s*(?:{codes})\s*$")
    unexplained = []
    for path in python_files("enricher", "scripts", "tests"):
        lines = path.read_text().splitlines()
        for before, line in pairwise(["", *lines]):
            if bare.search(line) and not before.lstrip().startswith("#"):
                unexplained.append(f"{path.relative_to(ROOT)}: {line.strip()}")
    assert unexplained == []


def test_tests_mirror_the_package() -> None:
    parts = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - FOLDERS_OF_THEIR_OWN <= parts
