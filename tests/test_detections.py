"""More than one detection: which speaks for a case, what the loader refuses, and cases that were opened before there were two."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from enricher.content import load, packaged
from enricher.core.casefile import case_key
from enricher.core.document import CaseDocument
from enricher.core.programs import Programs
from enricher.errors import ConfigurationError
from enricher.lookups import NoLookups
from enricher.model import Alert, Kind, Row
from enricher.wiring.flow import Flow
from tests.fakes import (
    HOST,
    NOON,
    RELAY,
    asked,
    at,
    case_names,
    connected,
    corpus_alert,
    documents,
    flow,
    grouped,
    guid,
    manifest,
    packaged_programs,
    started,
)
from tests.shelf import Shelf
from tests.test_split import columns_of_query

CONFIG = packaged("config")
SERVERLESS = (CONFIG / "detections" / "T1583.007.yml").read_text(encoding="utf-8")
TUNNELS = (CONFIG / "detections" / "T1572.yml").read_text(encoding="utf-8")
BIN = "C:\\Tools\\"

# --- which detection ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "name", "detection"),
    [
        pytest.param("ngrok.exe", "tunnel.us.ngrok.com", "T1572", id="ngrok's agent to its control plane"),
        pytest.param("curl.exe", "4f1c-203-0-113-7.ngrok-free.app", "T1572", id="a client of an ngrok tunnel"),
        pytest.param("cloudflared.exe", "region1.v2.argotunnel.com", "T1572", id="cloudflared to its control plane"),
        pytest.param("powershell.exe", "red-fox-1.trycloudflare.com", "T1572", id="a quick tunnel"),
        pytest.param("devtunnel.exe", "x4t9k2-8080.euw.devtunnels.ms", "T1572", id="a dev tunnel"),
        pytest.param("code-tunnel.exe", "global.rel.tunnels.api.visualstudio.com", "T1572", id="the editor's own tunnel"),
        pytest.param("powershell.exe", RELAY, "T1583.007", id="a worker"),
        pytest.param("python.exe", "abc.lambda-url.eu-west-1.on.aws", "T1583.007", id="a function's own address"),
        pytest.param("wscript.exe", "script.google.com", "T1583.007", id="Apps Script"),
    ],
)
def test_the_platform_says_which_detection_speaks(image: str, name: str, detection: str) -> None:
    image = BIN + image
    found = grouped(started(image), asked(name, image=image), connected(image=image))
    document = found.cases[0].document
    assert len(found.cases) == 1
    assert document["detection"] == document["technique"]["id"] == detection
    assert document["key"] == case_key(detection, HOST, target_of(document), document["process"]["class"])


def target_of(document: CaseDocument) -> str:
    return document["tenant"] or document["platform"]["family"]


def test_a_tunnel_is_named_in_the_case() -> None:
    found = grouped(asked("tunnel.us.ngrok.com", image=f"{BIN}ngrok.exe"))
    assert found.cases[0].document["technique"] == {
        "id": "T1572",
        "name": "Protocol Tunneling",
        "tactic": "Command and Control",
        "url": "https://attack.mitre.org/techniques/T1572/",
    }


def test_one_process_towards_a_worker_and_a_tunnel_is_two_cases() -> None:
    found = grouped(started(), asked(), connected(), asked("red-fox-1.trycloudflare.com", 20, answers=("104.16.230.132",)))
    assert sorted(case.document["detection"] for case in found.cases) == ["T1572", "T1583.007"]


def test_no_case_of_the_corpus_is_a_tunnel() -> None:
    """So none of its keys has changed: `python.exe` towards Lambda is the same case as ever."""
    keys = {document["detection"] for case in case_names() for document in documents(flow(corpus_alert(case)))}
    assert keys == {"T1583.007"}
    assert len(manifest()) == len(case_names())


def test_every_platform_has_a_detection() -> None:
    rules = load(None)
    of = {platform.id: rules.detection_of(platform).id for platform in rules.catalog.platforms.values()}
    with (CONFIG / "catalog" / "platforms.csv").open(encoding="utf-8", newline="") as file:
        tunnels = {row["id"] for row in csv.DictReader(file) if row["category"] in {"tunnel", "tunnel-agent"}}
    assert {id_ for id_, detection in of.items() if detection == "T1572"} == tunnels
    assert len(tunnels) == 33
    assert set(of.values()) == {"T1572", "T1583.007"}


# --- files ----------------------------------------------------------------------------------------------------------


def folder(base: Path, **files: str) -> Path:
    """A configuration folder with these detections and nothing else of its own."""
    place = base / "detections"
    place.mkdir()
    for name, text in files.items():
        (place / f"{name}.yml").write_text(text, encoding="utf-8")
    return base


def problems_of(directory: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(directory)
    return [problem.replace(f"{directory}/detections/", "") for problem in caught.value.problems]


def detection(text: str, **keys: Any) -> str:
    return text + "".join(f"{key}: {value}\n" for key, value in keys.items())


def test_a_house_with_only_the_first_detection_has_its_tunnels_there(tmp_path: Path) -> None:
    rules = load(folder(tmp_path, a=SERVERLESS))
    assert {rules.detection_of(platform).id for platform in rules.catalog.platforms.values()} == {"T1583.007"}


def test_a_house_without_detections_of_its_own_has_the_packaged_ones(tmp_path: Path) -> None:
    assert load(tmp_path).detections == load(None).detections


def test_the_order_of_files_makes_no_difference(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    one, other = (
        load(folder(tmp_path / "1", a=SERVERLESS, b=TUNNELS)),
        load(folder(tmp_path / "2", a=TUNNELS, b=SERVERLESS)),
    )
    assert one.detections == other.detections == load(None).detections


def test_a_smaller_catalog_keeps_the_packaged_detections(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    lines = (CONFIG / "catalog" / "platforms.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    with (CONFIG / "catalog" / "platforms.csv").open(encoding="utf-8", newline="") as file:
        kept = [lines[0], *(lines[row["line"]] for row in _numbered(file) if row["category"] == "edge-worker")]
    (tmp_path / "catalog" / "platforms.csv").write_text("".join(kept), encoding="utf-8")
    assert {load(tmp_path).detection_of(p).id for p in load(tmp_path).catalog.platforms.values()} == {"T1583.007"}


def _numbered(file: Any) -> list[dict[str, Any]]:
    return [row | {"line": number} for number, row in enumerate(csv.DictReader(file), 1)]


def test_every_category_named_leaves_no_rest(tmp_path: Path) -> None:
    rules = load(None)
    others = sorted({p.category for p in rules.catalog.platforms.values()} - {"tunnel", "tunnel-agent"})
    named = load(folder(tmp_path, a=detection(SERVERLESS, categories=f"[{', '.join(others)}]"), b=TUNNELS))
    assert {id_: named.detection_of(p).id for id_, p in named.catalog.platforms.items()} == {
        id_: rules.detection_of(p).id for id_, p in rules.catalog.platforms.items()
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {},
            ["detections:1: no detection; copy T1583.007.yml there, or remove the folder to have the packaged ones"],
            id="none",
        ),
        pytest.param(
            {"a": SERVERLESS, "b": TUNNELS.replace("[tunnel, tunnel-agent]", "[tunnels]")},
            ["b.yml:7: the catalog has no category 'tunnels'; there are api-gateway, automation"],
            id="unknown category",
        ),
        pytest.param(
            {"a": SERVERLESS, "b": TUNNELS.replace("categories: [tunnel, tunnel-agent]\n", "")},
            ["b.yml:1: names no categories, and neither does a.yml; one detection speaks for the rest"],
            id="two for the rest",
        ),
        pytest.param(
            {"a": SERVERLESS, "b": detection(SERVERLESS, categories="[paas]")},
            ["b.yml:2: id 'T1583.007' is already in a.yml:2; one detection speaks for it"],
            id="an id twice",
        ),
        pytest.param(
            {"a": SERVERLESS, "b": TUNNELS, "c": TUNNELS.replace("T1572", "T1090")},
            [
                "c.yml:7: categories 'tunnel' is already in b.yml:7; one detection speaks for it",
                "c.yml:7: categories 'tunnel-agent' is already in b.yml:7; one detection speaks for it",
            ],
            id="a category in two files",
        ),
        pytest.param(
            {"a": SERVERLESS, "b": TUNNELS.replace("tunnel-agent", "tunnel")},
            ["b.yml:7: categories 'tunnel' is already in b.yml:7; one detection speaks for it"],
            id="a category twice in one file",
        ),
        pytest.param({"b": TUNNELS}, ["b.yml:1: no detection for api-gateway, automation, backend-service"], id="no rest"),
        pytest.param(
            {"a": SERVERLESS, "b": TUNNELS.replace("[tunnel, tunnel-agent]", "[]")},
            ["b.yml:7: categories: "],
            id="no category in the list",
        ),
        pytest.param(
            {"a": SERVERLESS, "b": TUNNELS.replace("categories", "category")},
            ["b.yml:7: unknown key 'category'"],
            id="a slip of the key",
        ),
        pytest.param({"a": SERVERLESS, "b": "id: [\n"}, ["b.yml:2: is not YAML as read here"], id="no YAML"),
        pytest.param({"a": SERVERLESS.replace("T1583", "1583")}, ["a.yml:2: id: "], id="an id that is none"),
    ],
)
def test_refused(tmp_path: Path, files: dict[str, str], expected: Sequence[str]) -> None:
    found = problems_of(folder(tmp_path, **files))
    assert [line[: len(begins)] for line, begins in zip(found, expected, strict=False)] == list(expected)
    assert len(found) == len(expected)


# --- cases that are older than the second detection -----------------------------------------------------------------

NOW = packaged_programs()
BEFORE = Programs(replace(NOW.rules, detections=tuple(one for one in NOW.rules.detections if not one.categories)))
TUNNEL = "red-fox-1.trycloudflare.com"
OLD_KEY = case_key("T1583.007", HOST, TUNNEL, "runtime")
NEW_KEY = case_key("T1572", HOST, TUNNEL, "runtime")


def sent(shelf: Shelf, programs: Programs, minute: int, **columns: str) -> list[str]:
    """One more query of the tunnel's name comes in; the keys of the cases that it was put in."""
    row = Row(index=0, columns=columns_of_query(TUNNEL, at(60 * minute)) | columns)
    judge = Flow(lambda: programs, NoLookups(), shelf, owner=False)
    moment = NOON + timedelta(minutes=minute)
    return shelf.settle(judge.settlement_of(Alert(kind=Kind.MONITOR, rows=(row,), rows_total=1), moment), moment)


def test_contacts_of_a_process_that_has_a_case_stay_in_it() -> None:
    shelf = Shelf()
    assert sent(shelf, BEFORE, 0) == [OLD_KEY]
    assert sent(shelf, NOW, 1) == [OLD_KEY], "known under the key it was opened with"
    assert (list(shelf.cases), shelf.cases[OLD_KEY]["count"]) == ([OLD_KEY], 2)


def test_what_comes_later_of_another_process_follows_the_alias() -> None:
    shelf = Shelf()
    sent(shelf, BEFORE, 0)
    sent(shelf, NOW, 1)
    assert sent(shelf, NOW, 200, processguid=f"{{{guid(2)}}}", processid="99") == [OLD_KEY]
    assert shelf.aliases == {NEW_KEY: OLD_KEY}


def test_a_tunnel_seen_first_by_both_detections_is_of_its_own() -> None:
    shelf = Shelf()
    assert sent(shelf, NOW, 0) == sent(shelf, NOW, 1) == [NEW_KEY]
    assert shelf.cases[NEW_KEY]["detection"] == "T1572"


def test_other_cases_are_not_touched_by_the_second_detection() -> None:
    before, now = (documents(flow(corpus_alert("test1-powershell-workers"), programs)) for programs in (BEFORE, NOW))
    assert before == now
