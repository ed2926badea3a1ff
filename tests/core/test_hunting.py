"""What an analyst does next: lines from general to special, searches, and nothing from a log read as a query or as a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.content import load
from enricher.core.document import CaseDocument
from enricher.core.hunting import LONGEST
from enricher.core.programs import Programs
from enricher.core.rules import Playbook
from enricher.core.sumo_search import asked_name
from enricher.errors import ConfigurationError, Unsearchable
from enricher.lookups import NoLookups
from enricher.model import Alert, Event, Kind, Row
from enricher.wiring.flow import Flow
from tests.fakes import HOST, NOON, TENANT, asked, at, connected, grouped, guid, packaged_programs, started
from tests.test_split import columns_of_query

CONSOLE = "https://service.us2.sumologic.com"
SCOPE = "_sourceCategory=*sysmon*"
TUNNEL = "tunnel.us.ngrok.com"
WORKER = "x.example-lab.workers.dev"


def case(*events: Event, playbook: Playbook | None = None) -> CaseDocument:
    rules = packaged_programs().rules
    found = grouped(*events, programs=Programs(replace(rules, playbook=playbook or rules.playbook)))
    assert len(found.cases) == 1
    return found.cases[0].document


def sent(name: str = WORKER, *, console: str | None = CONSOLE, scope: str | None = SCOPE, **columns: str) -> CaseDocument:
    """The case of one query of the name, as the service makes it."""
    row = Row(index=0, columns=columns_of_query(name, at(0)) | columns)
    flow = Flow(packaged_programs, NoLookups(), None, owner=False, console=console, scope=scope)
    cases = flow.explain_alert(Alert(kind=Kind.MONITOR, rows=(row,), rows_total=1), NOON)["cases"]
    assert len(cases) == 1
    document: CaseDocument = cases[0]
    return document


# --- lines ----------------------------------------------------------------------------------------------------------


def test_lines_come_from_the_general_to_the_special_each_once() -> None:
    def low(*lines: str) -> dict[str, tuple[str, ...]]:
        return {"low": lines}

    playbook = Playbook(
        bands=low("all", "twice") | {"high": ("never",)},
        detections={"T1572": low("detection", "twice"), "T1583.007": low("never")},
        categories={"tunnel-agent": low("category"), "tunnel": low("never")},
        platforms={"ngrok-ctl": low("platform"), "ngrok-ctl2": low("never")},
    )
    found = case(asked(TUNNEL, image="C:\\Program Files\\v\\app.exe"), playbook=playbook)
    assert (found["severity"], found["platform"]["id"]) == ("low", "ngrok-ctl")
    assert found["next_steps"] == ["all", "twice", "detection", "category", "platform"]


def test_what_is_not_known_is_said_in_words() -> None:
    playbook = Playbook(
        bands=dict.fromkeys(("informational", "low", "medium"), ("{host}|{user}|{process}|{since}|{guid}",))
    )
    found = case(asked(computer="", user=None, image=None, guid=None, at=None), playbook=playbook)
    assert found["next_steps"] == ["the host|the user|the process|the first contact|that is not known"]


def test_what_a_log_says_is_filled_in_once_and_cut() -> None:
    long = "x" * (LONGEST + 7)
    playbook = Playbook(bands={"medium": ("{user}!",)})
    for user, shown in (("{host} {0.__class__", "{host} {0.__class__!"), (long, f"{long[:LONGEST]} … 7 more characters!")):
        assert case(started(user=user), asked(), connected(), playbook=playbook)["next_steps"] == [shown]


def test_a_tunnel_has_steps_of_its_own() -> None:
    tunnel, worker = (case(started(), asked(name), connected())["next_steps"] for name in (TUNNEL, WORKER))
    assert any("exposes" in line for line in tunnel)
    assert not any("exposes" in line for line in worker)


def test_every_line_that_comes_with_the_program_can_be_filled_in() -> None:
    playbook = load(None).playbook
    sections = (
        playbook.bands,
        *(s for of in (playbook.detections, playbook.categories, playbook.platforms) for s in of.values()),
    )
    lines = [line for section in sections for band in section.values() for line in band]
    names = ("host", "tenant", "user", "platform", "process", "since", "guid")
    assert len(lines) > 20
    assert not [line for line in lines if "{" in line.format(**dict.fromkeys(names, "x"))]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("high: ['{owner}']\n", "1: high.0: cannot fill in ['owner']; there are ", id="an unknown place"),
        pytest.param("high: ['{}']\n", "1: high.0: cannot fill in ['']; there are ", id="a place without a name"),
        pytest.param("high: ['{host.upper}']\n", "1: high.0: cannot fill in ['host.upper']; ", id="a part of a value"),
        pytest.param("high: ['{host!r}']\n", "1: high.0: a name in braces is filled in as it is; ", id="a conversion"),
        pytest.param("high: ['{host:>9999999}']\n", "1: high.0: a name in braces is filled in as it is; ", id="a width"),
        pytest.param(
            "detections:\n  T1572:\n    high: ['{owner}']\n",
            "3: detections.T1572.high.0: cannot fill in ['owner']",
            id="in a detection's lines",
        ),
        pytest.param(
            "detections:\n  T1573: {}\n", "2: detections: there is no 'T1573', so nobody", id="an unknown detection"
        ),
        pytest.param(
            "categories:\n  tunnels: {}\n", "2: categories: there is no 'tunnels', so nobody", id="an unknown category"
        ),
        pytest.param("platforms:\n  ngrok: {}\n", "2: platforms: there is no 'ngrok', so nobody", id="an unknown platform"),
        pytest.param("platforms:\n  bore: {hihg: []}\n", "2: unknown key 'hihg'", id="an unknown band"),
    ],
)
def test_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "playbook.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path)
    (found,) = caught.value.problems
    assert found.removeprefix(f"{tmp_path}/playbook.yml:").startswith(problem)


def test_a_playbook_that_knows_only_bands_is_read_as_ever(tmp_path: Path) -> None:
    (tmp_path / "playbook.yml").write_text("high: ['Call {user}.']\nlow: []\n", encoding="utf-8")
    playbook = load(tmp_path).playbook
    assert {band: lines for band, lines in playbook.bands.items() if lines} == {"high": ("Call {user}.",)}
    assert (playbook.detections, playbook.categories, playbook.platforms) == ({}, {}, {})


def test_a_house_without_tunnels_keeps_the_packaged_playbook(tmp_path: Path) -> None:
    (tmp_path / "detections").mkdir()
    (tmp_path / "detections" / "all.yml").write_text(
        "id: T1583.007\nname: n\ntactic: t\nurl: https://attack.mitre.org/techniques/T1583/007/\n", encoding="utf-8"
    )
    assert load(tmp_path).playbook == load(None).playbook


# --- searches -------------------------------------------------------------------------------------------------------


def asks(url: str | None) -> dict[str, list[str]]:
    """The query string behind the fragment's path."""
    assert url is not None
    parts = urlsplit(url)
    assert (f"{parts.scheme}://{parts.netloc}{parts.path}", parts.query) == (f"{CONSOLE}/ui/", "")
    place, _, query = parts.fragment.partition("?")
    assert place == "/search/create"
    return parse_qs(query)


def test_a_case_has_a_search_for_its_tenant_and_one_for_its_process() -> None:
    tenant, process = sent()["hunts"]
    assert tenant["query"] == f'({SCOPE}) "{TENANT}" | count by _sourceHost'
    assert process["query"] == f'({SCOPE}) "{guid(1)}"'
    days = [(at(0).timestamp() * 1000 - int(asks(hunt["url"])["startTime"][0])) / 86_400_000 for hunt in (tenant, process)]
    assert days == [30, 1]
    assert [asks(hunt["url"])["query"] for hunt in (tenant, process)] == [[tenant["query"]], [process["query"]]]


def test_a_platform_without_tenants_is_searched_by_the_name() -> None:
    assert sent("script.google.com")["hunts"][0]["query"].startswith(f'({SCOPE}) "script.google.com" |')


def test_without_a_time_the_last_thirty_days_are_searched() -> None:
    assert asks(sent(utctime="-")["hunts"][0]["url"])["startTime"] == ["-30d"]


@pytest.mark.parametrize("scope", [None, "", " ", "a | delete", "a\nb", "x" * 1001])
def test_a_scope_that_would_end_the_query_is_left_out(scope: str | None) -> None:
    assert sent(scope=scope)["hunts"][0]["query"] == f'"{TENANT}" | count by _sourceHost'


def test_without_a_console_there_are_queries_and_no_links() -> None:
    found = sent(console=None)["hunts"]
    assert [hunt["url"] for hunt in found] == [None, None]
    assert all(hunt["query"] for hunt in found)


@pytest.mark.parametrize("given", ["{00000000-0000-0000-0000-000000000000}", "-", '" OR *'])
def test_a_process_without_a_guid_is_not_searched(given: str) -> None:
    assert [hunt["title"] for hunt in sent(processguid=given)["hunts"]] == [
        f"every host that names {TENANT}, from 30 days before"
    ]


@given(st.text(max_size=30))
def test_nothing_but_a_host_name_comes_into_a_query(text: str) -> None:
    try:
        name = asked_name(text)
    except Unsearchable:
        return
    assert name == text
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")


HOSTILE: tuple[Any, ...] = (
    'a" OR "b',
    "a*b",
    "a|b",
    "a\\b",
    "a b",
    "ä.example",
    "A.example",
    "",
    ".",
    "a..b",
    "a\n",
    "x" * 254,
)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_host_name(name: str) -> None:
    with pytest.raises(Unsearchable):
        asked_name(name)


def test_the_host_of_a_case_is_no_part_of_a_query() -> None:
    assert not any(HOST in hunt["query"] for hunt in sent()["hunts"])
