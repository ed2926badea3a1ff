"""JSON lines: in a file each piece of news once, whatever was cut off; on standard output at least once."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from enricher.destinations import lines
from enricher.destinations.lines import FileLines, StandardOutput
from enricher.errors import DeliveryError, Outcome, Reason
from tests.destinations.cases import CRITICAL, CRITICAL_KEY, LOW, RECOVERY, TICKET, delivery, hostile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cases.jsonl"


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def events(path: Path) -> list[str]:
    return [line["event"] for line in read(path)]


def test_each_piece_of_news_is_a_line(path: Path) -> None:
    file = FileLines(path)
    ticket = file.create(delivery())
    file.update(delivery(), ticket, RECOVERY)
    file.update(delivery(), ticket, TICKET)
    assert events(path) == [f"{CRITICAL_KEY}-01", f"{CRITICAL_KEY}-02"]
    assert (ticket.external_id, ticket.label, ticket.url) == (CRITICAL_KEY, f"cases.jsonl: {CRITICAL_KEY}", None)


def test_only_the_owner_may_read_it(path: Path) -> None:
    FileLines(path).create(delivery())
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_written_is_found_again_and_nothing_else(path: Path) -> None:
    file = FileLines(path)
    assert file.find(delivery(in_doubt=True)) is None
    made = file.create(delivery())
    assert file.find(delivery(in_doubt=True)) == made
    assert file.find(delivery(LOW, in_doubt=True)) is None


@pytest.mark.parametrize("seen", [True, False])
def test_news_in_doubt_is_written_once(path: Path, seen: bool) -> None:  # noqa: FBT001 - the row says it
    file = FileLines(path)
    ticket = file.create(delivery())
    if seen:
        file.update(delivery(), ticket, RECOVERY)
    file.update(delivery(in_doubt=True), ticket, RECOVERY)
    assert events(path) == [f"{CRITICAL_KEY}-01", f"{CRITICAL_KEY}-02"]


def test_a_line_that_was_cut_off_is_no_line_and_spoils_no_other(path: Path) -> None:
    file = FileLines(path)
    file.create(delivery())
    path.write_bytes(path.read_bytes()[:-40])
    assert file.find(delivery(in_doubt=True)) is None
    file.create(delivery(in_doubt=True))
    assert events(path) == [f"{CRITICAL_KEY}-01"]


def test_log_text_cannot_pass_for_a_line(path: Path) -> None:
    file = FileLines(path)
    forged: Any = {**LOW, "summary": f'x\n{{"event":"{CRITICAL_KEY}-01","type":"case.opened"}}\n'}
    file.create(delivery(forged))
    file.create(delivery({**hostile(), "key": "enricher-2222222222222222"}))
    assert file.find(delivery(in_doubt=True)) is None
    assert len(path.read_bytes().splitlines()) == 2


def test_a_line_far_back_is_found_as_far_as_is_looked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = FileLines(path)
    file.create(delivery())
    first = path.stat().st_size
    file.create(delivery(LOW))
    monkeypatch.setattr(lines, "SEARCHED", path.stat().st_size)
    assert file.find(delivery(in_doubt=True)) is not None
    monkeypatch.setattr(lines, "SEARCHED", path.stat().st_size - first + 10)
    assert file.find(delivery(in_doubt=True)) is None
    assert file.find(delivery(LOW, in_doubt=True)) is not None


def test_many_writers_take_turns(path: Path) -> None:
    keys = [f"enricher-{n:016x}" for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: FileLines(path).create(delivery({**CRITICAL, "key": key})), keys))
    assert sorted(events(path)) == [f"{key}-01" for key in keys]


def test_a_full_disk_is_in_doubt_and_the_line_is_whole_afterwards(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = FileLines(path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(DeliveryError) as caught:
            file.create(delivery())
    assert caught.value.outcome is Outcome.UNKNOWN
    assert file.find(delivery(in_doubt=True)) is not None


def test_only_a_regular_file_will_do(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("pipe", "link", "missing/cases.jsonl", "."):
        with pytest.raises(DeliveryError) as caught:
            FileLines(tmp_path / name).check()
        assert caught.value.reason is Reason.CONFIGURATION
    assert not (tmp_path / "elsewhere").exists()


def test_a_check_writes_no_line(path: Path) -> None:
    assert FileLines(path).check() == ()
    assert path.read_bytes() == b""


def test_standard_output_is_told_again_under_the_same_event() -> None:
    out = BytesIO()
    stdout = StandardOutput(out=out)
    assert stdout.find(delivery(in_doubt=True)) is None
    ticket = stdout.create(delivery())
    stdout.create(delivery(in_doubt=True))
    stdout.update(delivery(), ticket, RECOVERY)
    stdout.update(delivery(), ticket, TICKET)
    told = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert told == [f"{CRITICAL_KEY}-01", f"{CRITICAL_KEY}-01", f"{CRITICAL_KEY}-02"]


def test_a_standard_output_that_nobody_reads_is_for_a_person() -> None:
    class Broken(BytesIO):
        def write(self, _data: Any) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(DeliveryError) as caught:
        StandardOutput(out=Broken()).create(delivery())
    assert caught.value.reason is Reason.CONFIGURATION
