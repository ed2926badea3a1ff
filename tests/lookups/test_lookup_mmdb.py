"""The operator's own AS file: read as its maker writes it, followed as it changes, refused when it is none."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from structlog.testing import capture_logs

from enricher.lookups import files, mmdb
from enricher.lookups.mmdb import AsnFile, problem_of
from enricher.model import Status

BUILT = datetime(2026, 11, 20, tzinfo=UTC)
NOW = BUILT + timedelta(days=4)
GEOLITE = {"autonomous_system_number": 13335, "autonomous_system_organization": "CLOUDFLARENET"}


def written(path: Path, networks: dict[str, Any], *, built: datetime = BUILT) -> Path:
    """A file in MaxMind's format, put in place at once as a careful operator does."""
    writer = MMDBWriter(ip_version=6, database_type="Test-ASN", languages=["en"], ipv4_compatible=True)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    new = path.with_suffix(".new")
    writer.to_db_file(str(new))
    # The library writes when it wrote: a number of 64 bits, behind one byte with its size and one with its type.
    head, mark, tail = new.read_bytes().rpartition(b"build_epoch")
    size = tail[0] & 0x1F
    new.write_bytes(head + mark + tail[:2] + int(built.timestamp()).to_bytes(size, "big") + tail[2 + size :])
    new.replace(path)
    return path


def asked(path: Path, ip: str = "104.21.48.117") -> tuple[Status, dict[str, object], int]:
    known = AsnFile(path, clock=lambda: NOW).ask(ip)
    return known.answer.status, dict(known.answer.detail), known.age_s


CLOUDFLARE = {
    "asns": [13335],
    "prefix": "104.16.0.0/13",
    "country": None,
    "registry": None,
    "holder": "CLOUDFLARENET",
    "origin": "mmdb",
    "dated": "2026-11-20",
}


@pytest.mark.parametrize(
    ("record", "changed"),
    [
        pytest.param(GEOLITE, {}, id="GeoLite2 and DB-IP"),
        pytest.param(
            {"asn": "AS13335", "name": "Cloudflare, Inc.", "domain": "cloudflare.com", "country": "US", "type": "hosting"},
            {"holder": "Cloudflare, Inc.", "country": "US"},
            id="IPinfo",
        ),
        pytest.param(
            {"asn": "AS13335", "as_name": "Cloudflare, Inc.", "country": "United States", "country_code": "US"},
            {"holder": "Cloudflare, Inc.", "country": "US"},
            id="IPinfo Lite",
        ),
        pytest.param({"asn": 13335}, {"holder": None}, id="a number alone"),
        pytest.param({"as_number": "13335", "organization": "X"}, {"holder": "X"}, id="others' names"),
        pytest.param({**GEOLITE, "country": {"iso_code": "US"}}, {}, id="a country in another shape"),
        pytest.param(
            {"asn": 13335, "name": "\x1b[31mA\u202e\nB"}, {"holder": "[31mA B"}, id="control and direction characters"
        ),
        pytest.param({"asn": 13335, "name": "x" * 500}, {"holder": "x" * 127 + "…"}, id="a long holder"),
        pytest.param({"asn": 13335, "name": 5}, {"holder": None}, id="a holder that is none"),
    ],
)
def test_a_record(record: dict[str, object], changed: dict[str, object], tmp_path: Path) -> None:
    path = written(tmp_path / "asn.mmdb", {"104.16.0.0/13": record})
    assert asked(path) == (Status.OK, CLOUDFLARE | changed, 4 * 86_400)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({}, id="an empty record"),
        pytest.param("AS13335", id="no map"),
        pytest.param({"asn": "NA"}, id="no number"),
        pytest.param({"asn": 0}, id="zero"),
        pytest.param({"asn": 2**32}, id="too large"),
        pytest.param({"asn": True}, id="a truth"),
        pytest.param({"asn": [13335]}, id="a list"),
    ],
)
def test_a_record_without_an_as_is_no_answer(record: object, tmp_path: Path) -> None:
    path = written(tmp_path / "asn.mmdb", {"104.16.0.0/13": record})
    known = AsnFile(path, clock=lambda: NOW).ask("104.21.48.117")
    assert (known.answer.status, known.answer.reason) == (Status.NEGATIVE, "asn.mmdb has no AS number for it")


def test_v6_and_the_narrowest_prefix(tmp_path: Path) -> None:
    path = written(
        tmp_path / "asn.mmdb",
        {"2606:4700::/32": GEOLITE, "104.16.0.0/13": {"asn": 64500}, "104.21.48.0/20": GEOLITE},
    )
    assert asked(path, "2606:4700::6815:3075")[1]["prefix"] == "2606:4700::/32"
    assert (asked(path)[1]["prefix"], asked(path)[1]["asns"]) == ("104.21.48.0/20", [13335])
    assert asked(path, "104.16.0.1")[1]["asns"] == [64500]
    assert asked(path, "9.9.9.9")[0] is Status.NEGATIVE


def test_a_file_for_v4_alone_is_asked_nothing_else(tmp_path: Path) -> None:
    writer = MMDBWriter(ip_version=4, database_type="Test-ASN")
    writer.insert_network(IPSet(["104.16.0.0/13"]), GEOLITE)
    writer.to_db_file(str(tmp_path / "asn.mmdb"))
    assert asked(tmp_path / "asn.mmdb")[0] is Status.OK
    assert asked(tmp_path / "asn.mmdb", "2606:4700::1")[0] is Status.ERROR


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "asn.mmdb cannot be read: No such file or directory", id="not there"),
        pytest.param(b"", "asn.mmdb cannot be read: InvalidDatabaseError", id="empty"),
        pytest.param(b"<html>Access denied</html>", "asn.mmdb cannot be read: InvalidDatabaseError", id="a page"),
        pytest.param(b"\xab\xcd\xefMaxMind.com", "asn.mmdb cannot be read: ", id="nothing but the mark"),
    ],
)
def test_a_file_that_is_none_is_a_problem_and_logged_once(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "asn.mmdb"
    if content is not None:
        path.write_bytes(content)
    source = AsnFile(path, clock=lambda: NOW)
    with capture_logs() as logs:
        answers = [source.ask("8.8.8.8").answer for _ in range(3)]
    assert {answer.status for answer in answers} == {Status.ERROR}
    assert str(answers[0].reason).startswith(reason)
    assert str(problem_of(path)).startswith(reason)
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("asn_file_refused", "warning")]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert problem_of(tmp_path) == f"{tmp_path.name} cannot be read: Is a directory"


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "asn.mmdb", {"104.16.0.0/13": GEOLITE})
    assert problem_of(path) is None
    monkeypatch.setattr(mmdb, "MAX_BYTES", 100)
    assert problem_of(path) == "asn.mmdb is longer than 100 bytes"


WHOLE: dict[str, bytes] = {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_answers_or_fails_and_nothing_more(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "asn.mmdb"
    if "file" not in WHOLE:
        WHOLE["file"] = written(path, {"104.16.0.0/13": GEOLITE, "2606:4700::/32": GEOLITE}).read_bytes()
    content = bytearray(WHOLE["file"])
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    assert asked(path)[0] in {Status.OK, Status.NEGATIVE, Status.ERROR}


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_changed_file_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, time = tmp_path / "asn.mmdb", Time()
    source = AsnFile(path, clock=lambda: NOW)
    monkeypatch.setattr(source._file, "_clock", time)

    def asns() -> object:
        time.now += files.LOOK_EVERY_S + 1
        return source.ask("104.21.48.117").answer.detail.get("asns")

    assert asns() is None  # it is not there yet
    written(path, {"104.16.0.0/13": GEOLITE})
    assert asns() == [13335]
    written(path, {"104.16.0.0/13": {"asn": 64500}})
    assert source.ask("104.21.48.117").answer.detail["asns"] == [13335]  # looked at a moment ago
    assert asns() == [64500]
    path.write_bytes(b"half of a file")
    assert asns() is None
    path.unlink()
    assert asns() is None
    written(path, {"104.16.0.0/13": GEOLITE})
    assert asns() == [13335]


def test_a_file_written_over_in_place_ends_nothing(tmp_path: Path) -> None:
    """Were it mapped, reading what is no longer there would end the process."""
    path = written(tmp_path / "asn.mmdb", {"104.16.0.0/13": GEOLITE})
    source = AsnFile(path, clock=lambda: NOW)
    assert source.ask("104.21.48.117").answer.status is Status.OK
    os.truncate(path, 0)
    assert source.ask("104.21.48.117").answer.status is Status.OK


def test_a_file_from_the_future_has_no_negative_age(tmp_path: Path) -> None:
    path = written(tmp_path / "asn.mmdb", {"104.16.0.0/13": GEOLITE}, built=NOW + timedelta(days=1))
    assert asked(path)[2] == 0
