"""The folder of published ranges: read whole, followed as it changes, a bad file refused by name while the others stay."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from enricher.lookups import files, ranges
from enricher.lookups.ranges import Ranges, read_folder
from enricher.model import Status
from tests.lookups.test_lookup_mmdb import Time

SHIPPED = Path(__file__).parents[1] / "data/ranges"
NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
ALL = ["Amazon", "Cloudflare", "Fastly", "GitHub", "Google", "Microsoft", "Scaleway"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped files, all written today."""
    copy = tmp_path / "ranges"
    shutil.copytree(SHIPPED, copy)
    for path in copy.iterdir():
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    return copy


def source(folder: Path, now: datetime = NOW) -> Ranges:
    return Ranges(folder, clock=lambda: now)


def test_an_address_in_a_published_range(folder: Path) -> None:
    known = source(folder).ask("13.69.68.20")
    assert (known.answer.status, known.age_s) == (Status.OK, 0)
    assert known.answer.detail == {
        "provider": "GitHub",
        "service": "actions",
        "region": None,
        "prefix": "13.69.68.16/28",
        "dated": "2026-11-24",
        "file": "meta.json",
        "providers": ["GitHub", "Microsoft"],
        "searched": sorted([*ALL, "Oracle"]),
    }


def test_the_age_is_that_of_the_file_by_its_own_date(folder: Path) -> None:
    assert source(folder).ask("3.80.1.1").age_s == int(
        (NOW - datetime(2026, 11, 20, 17, 13, 10, tzinfo=UTC)).total_seconds()
    )


def test_an_address_in_none(folder: Path) -> None:
    answer = source(folder).ask("9.9.9.9").answer
    assert (answer.status, answer.reason) == (Status.NEGATIVE, "in no published range")
    assert answer.detail == {"searched": sorted([*ALL, "Oracle"])}


def test_whoever_publishes_no_range_of_that_version_was_not_searched(folder: Path) -> None:
    assert source(folder).ask("2001:470::1").answer.detail == {"searched": ALL}  # Oracle lists v4 alone


def test_only_recent_and_whole_files_prove_that_an_address_is_not_there(folder: Path) -> None:
    (folder / "goog.json").unlink()  # what customers rent is left
    assert "Google" not in source(folder).ask("9.9.9.9").answer.detail["searched"]  # type: ignore[operator] # a list
    late = source(folder, NOW + timedelta(days=28))
    assert late.ask("9.9.9.9").answer.detail == {"searched": ["Cloudflare", "Fastly", "GitHub", "Scaleway"]}
    old = source(folder, NOW + timedelta(days=31)).ask("104.21.48.117").answer
    assert (old.status, old.detail["searched"]) == (Status.OK, [])  # an old file is still a witness that it is there


def test_a_bad_file_is_refused_by_name_and_the_others_stay(folder: Path) -> None:
    (folder / "ip-ranges.json").write_bytes(b"[" * 1_000_000)
    (folder / "notes.md").write_text("# my notes")
    (folder / ".hidden").write_text("not looked at")
    (folder / "deeper").mkdir()
    found = read_folder(folder)
    assert [problem.partition(":")[0] for problem in found.problems] == ["ip-ranges.json", "notes.md"]
    assert len(found.files) == len(list(SHIPPED.iterdir())) - 1
    with capture_logs() as logs:
        asked = source(folder)
        assert asked.ask("104.21.48.117").answer.status is Status.OK
        assert asked.ask("3.80.1.1").answer.status is Status.NEGATIVE
    assert [(entry["event"], len(entry["problems"])) for entry in logs] == [("ranges_refused", 2)]


def test_a_file_that_is_too_long_is_refused_without_reading_it_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_BYTES", 1_000)
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(50 * 1024 * 1024 * 1024)  # sparse: fifty gigabytes of nothing
    problems = read_folder(folder).problems
    assert [problem for problem in problems if problem.startswith("huge.txt: ")] == [
        "huge.txt: names no provider; begin it with '# provider: NAME', spelled as in the catalog"
    ]


def test_more_files_than_providers_are_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_FILES", 3)
    found = read_folder(folder)
    assert (len(found.files), found.problems) == (3, (f"{folder}: more than 3 files; the rest is not read",))


@pytest.mark.parametrize("name", ["not-there", "a-file"])
def test_a_folder_that_is_none_is_a_problem_and_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("x")
    [problem] = read_folder(tmp_path / name).problems
    assert problem.startswith(f"{tmp_path / name}: cannot be read: ")
    answer = source(tmp_path / name).ask("8.8.8.8").answer
    assert (answer.status, answer.reason) == (Status.ERROR, "no file of published ranges can be read")


def test_files_are_read_again_when_they_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, time = source(folder), Time()
    monkeypatch.setattr(asked._read, "_clock", time)

    def provider() -> object:
        time.now += files.LOOK_EVERY_S + 1
        return asked.ask("51.15.1.1").answer.detail.get("provider")

    assert provider() == "Scaleway"
    (folder / "scaleway.txt").write_text("# provider: Somebody\n51.15.0.0/17\n")
    assert asked.ask("51.15.1.1").answer.detail["provider"] == "Scaleway"  # looked at a moment ago
    assert provider() == "Somebody"
    (folder / "scaleway.txt").unlink()
    assert provider() is None
    (folder / "again.txt").write_text("# provider: Scaleway\n51.15.0.0/17\n")
    assert provider() == "Scaleway"
