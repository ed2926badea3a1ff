"""What nobody should send, over the wire: a clear answer, a process that stays up, and memory that stays within bounds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e import alerts
from tests.e2e.harness import Service, memory, serving

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
AT_ONCE = 8
ALLOWED_GROWTH = AT_ONCE * 16 * MIB
"""For each process: eight threads that each hold 5 MiB as it came, inflated, and once more while it is handed on."""
BOMB = (
    '<!DOCTYPE lolz [<!ENTITY a0 "lol">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><Event><EventData><Data Name='Image'>&a9;</Data></EventData></Event>"
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Without destinations: its cases stand on the console."""
    folder = tmp_path_factory.mktemp("service")
    url = f"sqlite:///{folder}/enricher.db" if request.param == "sqlite" else request.getfixturevalue("module_postgres")
    with serving({"ENRICHER_DATABASE_URL": url}, folder / "service.log") as running:
        yield running


def largest(service: Service) -> int:
    """The memory of the largest of its processes."""
    return max(memory(pid) for pid in service.program.processes())


@pytest.fixture(autouse=True)
def stays_up(service: Service) -> Iterator[None]:
    """After each test: the same processes, none of them much larger, and what is right is still accepted."""
    processes, before = service.program.processes(), largest(service)
    yield
    assert service.program.processes() == processes
    assert largest(service) - before < ALLOWED_GROWTH
    assert service.is_ready()


REFUSED = [
    pytest.param(b"<html>", {}, 400, "not_json", id="not JSON"),
    pytest.param(b"", {}, 400, "not_json", id="nothing"),
    pytest.param(b'{"a":"' + b"\xff\xfe" + b'"}', {}, 400, "not_utf8", id="not UTF-8"),
    pytest.param(b'{"a":"\x00"}', {}, 400, "not_json", id="a NUL as it is"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, {}, 400, "too_deep", id="100,000 brackets"),
    pytest.param(b'{"a":' * 50_000 + b"1" + b"}" * 50_000, {}, 400, "too_deep", id="50,000 objects in one another"),
    pytest.param(b" " * 6 * MIB, {}, 413, "too_large", id="6 MiB"),
    pytest.param(
        gzip.compress(b"[" + b" " * 100 * MIB + b"]"), {"Content_Encoding": "gzip"}, 413, "too_large", id="a gzip bomb"
    ),
    pytest.param(b"\x1f\x8bnot gzip", {"Content_Encoding": "gzip"}, 400, "bad_gzip", id="no gzip"),
    pytest.param(b"{}", {"Content_Encoding": "br"}, 415, "unsupported_encoding", id="an encoding that is not spoken"),
]


@pytest.mark.parametrize(("content", "headers", "status", "error"), REFUSED)
def test_it_is_refused_in_words(content: bytes, headers: dict[str, str], status: int, error: str, service: Service) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: service.post(content, Connection="close", **headers), range(2 * AT_ONCE)))

    for answer in answers:
        assert answer.status_code == status
        assert answer.json()["error"] == error
        assert 0 < len(answer.json()["detail"]) < 300


def test_what_cannot_be_read_is_kept_and_can_be_found(service: Service) -> None:
    service.post(b'{"unfinished": ')

    found = [one for one in service.listed("dead-letters", "dead_letters") if one["size"] == 15]

    assert [(one["type"], one["kind"], one["state"]) for one in found] == [("alert", "unreadable", "dead")]
    assert found[0]["reason"].startswith("not_json: ")
    assert service.get(f"alerts/{found[0]['id']}")["state"] == "dead"


def test_broken_rows_do_not_take_the_others_along(service: Service) -> None:
    """200 rows, of which three are broken; each row is in the case or is dropped with a reason."""
    rows: list[object] = [{"Message": alerts.connection("many", second=n)} for n in range(199)]
    rows.insert(0, {"Message": alerts.query("many", second=0)})
    broken = {17: {"Message": rows[17]["Message"][:300]}, 90: {"Message": BOMB}, 150: "no row at all"}  # type: ignore[index] # a row
    for at, row in broken.items():
        rows[at] = row

    alert_id = service.accept(alerts.body("many", numQueryResults="200", results=json.dumps(rows)))

    settled = service.settled(alert_id)
    case = service.case(alert_id)
    assert {one["row"] for one in settled["dropped"]} == set(broken)
    assert all(one["reason"] for one in settled["dropped"])
    assert set(case["rows"]) == set(range(200)) - set(broken)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"Message": BOMB}, id="an XML bomb"),
        pytest.param(
            {"Message": '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><Event>&f;</Event>'}, id="a file asked for"
        ),
        pytest.param({"Message": "<Event>" * 50_000}, id="elements in one another"),
        pytest.param({"Message": "\x00\ud800 \u202e{{}}"}, id="NUL, half a character, text turned round"),
        pytest.param({"Message": {"a": [None] * 1000}}, id="an object for a text"),
        pytest.param([], id="a list for a row"),
    ],
)
def test_a_row_that_says_nothing_is_dropped(row: object, service: Service) -> None:
    alert_id = service.accept(alerts.body(repr(row)[:60], numQueryResults="1", results=json.dumps([row])))

    settled = service.settled(alert_id)

    assert (settled["state"], settled["cases"]) == ("done", [])
    assert [one["row"] for one in settled["dropped"]] == [0]


def test_hostile_text_is_kept_as_text(service: Service) -> None:
    """A command line of 1 MB with all that is special somewhere; the case holds its beginning."""
    command = "powershell \x01\x7f <!channel> {code} <script>alert(1)</script> \u202e\u2066 & " + "A" * MIB
    records = [alerts.creation("hostile", "".join(c for c in command if c >= " ")), *alerts.contact("hostile")]

    case = service.case(service.accept(alerts.trigger("hostile", records)))

    line = case["process"]["command_line"]
    assert line.startswith("powershell ")
    assert len(line) < 64 * 1024
    page = service.client.get(f"/cases/{case['key']}").raise_for_status().text
    assert "<script>alert(1)" not in page
    assert "\u202e" not in page


def test_an_escaped_nul_goes_through_both_databases(service: Service) -> None:
    alert_id = service.accept(alerts.trigger("nul", [alerts.query("nul")], description="a\x00b \ud800"))

    assert service.settled(alert_id)["state"] == "done"
    assert len(service.settled(alert_id)["cases"]) == 1
