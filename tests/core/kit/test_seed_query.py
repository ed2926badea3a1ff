"""The query that the kit replaces, run: it cannot be saved, and what is left of it finds nothing that Sysmon ever wrote."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from enricher.standins.sumo.language import QueryError, parse
from tests.core.kit.sumo_messages import RENDERINGS, as_logged, corpus, message

SEED = (Path(__file__).parents[2] / "data" / "sumo-queries" / "seed.txt").read_text()
SAVED = re.sub(r"\| eval (\w+) = (if\(.*?)(?=\n\|)", r"| \2 as \1", SEED, flags=re.DOTALL)
"""Without `eval`."""
RUNS = SAVED.replace("| sort by _messageTime desc\n", "")
"""Nor the order, which is for what was aggregated."""
CURL = "C:\\Windows\\System32\\curl.exe"


def made_up(host: str = "a.b.workers.dev", image: str = CURL, event_id: str = "3", leave_out: str = "") -> str:
    """XML with an element for each field: nobody's."""
    fields = {
        "Image": image,
        "DestinationHostname": host,
        "DestinationIp": "104.21.48.117",
        "DestinationPort": "443",
        "User": "CORP\\amartin",
        "CommandLine": "curl",
        "ParentImage": "cmd.exe",
    }
    return f"<Event><EventID>{event_id}</EventID>" + "".join(
        f"<{name}>{value}</{name}>" for name, value in fields.items() if name != leave_out
    )


def run(text: str, *, full: bool = False, chained: bool = True) -> list[dict[str, str | float | None]]:
    return parse(RUNS).run([message(text, "ws-1")], full=full, chained=chained)


def test_it_cannot_be_saved_and_the_error_says_where() -> None:
    with pytest.raises(QueryError, match="line 22: no operator 'eval'") as refused:
        parse(SEED)
    assert refused.value.line == 22
    assert SEED.splitlines()[21].startswith("| eval is_suspicious")
    second = SEED.replace("| eval is_suspicious = if(", "| if(").replace(" 1, 0)\n", " 1, 0) as is_suspicious\n")
    with pytest.raises(QueryError, match="line 23: no operator 'eval'"):
        parse(second)


def test_what_is_left_orders_messages_that_nothing_aggregated() -> None:
    with pytest.raises(QueryError, match="line 31: sort is for what was aggregated"):
        parse(SAVED)


@pytest.mark.parametrize(("full", "chained"), list(product((False, True), repeat=2)))
def test_without_both_it_finds_nothing_of_what_sysmon_wrote(*, full: bool, chained: bool) -> None:
    logged = [text for raw in corpus() if (text := as_logged(raw)) is not None]
    written = [write(raw.record) for _, write in RENDERINGS.values() for raw in corpus()]
    assert len(logged) > 200
    assert parse(RUNS).run([message(one, "x") for one in (*logged, *written)], full=full, chained=chained) == []


def test_only_xml_that_nobody_writes_would_match() -> None:
    (row,) = run(made_up())
    assert (row["serverless_platform"], row["is_suspicious"]) == ("Cloudflare Workers", 1)


@pytest.mark.parametrize("name", ["Image", "User", "CommandLine", "ParentImage"])
def test_one_field_that_is_not_there_drops_the_event(name: str) -> None:
    assert run(made_up(leave_out=name)) == []


@pytest.mark.parametrize(
    ("host", "found"),
    [
        pytest.param("evilworkers.dev", True, id="no dot before the suffix"),
        pytest.param("landingpages.dev", True, id="another's domain"),
        pytest.param("A.B.WORKERS.DEV", False, id="upper case"),
        pytest.param("a.b.workers.dev.", False, id="a dot behind"),
        pytest.param("x.lambda-url.eu-west-1.on.aws", False, id="a function URL as it is"),
        pytest.param("x.lambda-url.eu-west-1.amazonaws.com", True, id="a function URL that there is none of"),
        pytest.param("script.googleusercontent.com", False, id="where Apps Script sends on to"),
    ],
)
def test_the_names_that_it_takes(host: str, *, found: bool) -> None:
    assert bool(run(made_up(host))) is found


@pytest.mark.parametrize(("event_id", "found"), [("3", True), ("22", False)])
def test_the_event_with_the_name_is_left_out(event_id: str, *, found: bool) -> None:
    assert bool(run(made_up(event_id=event_id))) is found


def test_whether_a_browser_is_left_out_hangs_on_a_reading() -> None:
    """Nor does either reading tell a browser from what only ends like one."""
    for image in ("C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe", "C:\\Temp\\notchrome.exe"):
        assert [bool(run(made_up(image=image), full=full)) for full in (False, True)] == [False, True]
