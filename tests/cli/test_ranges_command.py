"""`enricher ranges` and what `check-config` says of the files in the house."""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from enricher.cli import main
from enricher.wiring import clock

SHIPPED = Path(__file__).parents[1] / "data/ranges"
UNDATED = ("ips-v4", "ips-v6", "scaleway.txt")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files whose date is that of their writing: today's."""
    found = tmp_path / "ranges"
    found.mkdir()
    for name in UNDATED:
        shutil.copyfile(SHIPPED / name, found / name)
    monkeypatch.setenv("ENRICHER_RANGES_DIR", str(found))
    return found


def ranges(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["ranges", *arguments])


def document(*arguments: str) -> Any:
    return json.loads(ranges("--json", *arguments).stdout)


def aged(path: Path, days: int) -> None:
    written = (clock() - timedelta(days=days, minutes=1)).timestamp()
    os.utime(path, (written, written))


def test_each_file_with_its_provider_and_age(folder: Path) -> None:
    aged(folder / "ips-v6", 3)
    found = document()
    assert [(f["file"], f["provider"], f["prefixes"], f["age_days"], f["too_old"]) for f in found["files"]] == [
        ("ips-v4", "Cloudflare", 15, 0, False),
        ("ips-v6", "Cloudflare", 7, 3, False),
        ("scaleway.txt", "Scaleway", 3, 0, False),
    ]
    assert (found["folder"], found["problems"]) == (str(folder), [])
    page = ranges()
    assert page.exit_code == 0
    assert all(name in page.stdout for name in (*UNDATED, "Cloudflare", "Scaleway"))


@pytest.mark.parametrize(
    ("days", "arguments", "code"),
    [
        pytest.param(29, (), 0, id="recent by default"),
        pytest.param(30, (), 1, id="old by default"),
        pytest.param(8, ("--max-age", "7"), 1, id="old by what was asked for"),
        pytest.param(60, ("--max-age", "90"), 0, id="recent by what was asked for"),
    ],
)
def test_a_file_that_is_too_old_is_a_fault(days: int, arguments: tuple[str, ...], code: int, folder: Path) -> None:
    aged(folder / "ips-v4", days)
    result = ranges(*arguments)
    assert (result.exit_code, "too old" in result.stdout) == (code, code == 1)


def test_a_file_that_cannot_be_read_is_a_fault_with_its_reason(folder: Path) -> None:
    (folder / "bad\x1b[31m.json").write_text("{")
    result = ranges()
    assert result.exit_code == 1
    assert "is no JSON" in result.stdout
    assert "\x1b[31m" not in result.stdout
    assert len(document()["files"]) == 3


def test_a_folder_that_is_not_there_is_a_fault(folder: Path) -> None:
    shutil.rmtree(folder)
    assert ranges().exit_code == 1


def test_without_a_folder_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENRICHER_RANGES_DIR", raising=False)
    result = ranges()
    assert (result.exit_code, result.stdout) == (0, "ENRICHER_RANGES_DIR is not set: no published ranges are read\n")
    assert document() == {"folder": None, "files": [], "problems": []}


def test_check_config_names_what_is_wrong_with_the_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "ips-v4").write_text("<html>")
    monkeypatch.setenv("ENRICHER_ASN_MMDB", str(folder / "asn.mmdb"))
    result = CliRunner().invoke(main, ["check-config", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"] == [
        "ENRICHER_ASN_MMDB: asn.mmdb cannot be read: No such file or directory",
        "ENRICHER_RANGES_DIR: ips-v4: '<html>' is no range",
    ]
