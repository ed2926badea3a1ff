"""The case page as a whole: what leads somewhere, what is folded, who may do what, and that it stays small."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from lxml import html
from lxml.html import HtmlElement

import enricher.web
from enricher.core.document import CaseDocument
from tests.web.conftest import Connect
from tests.web.fakes import (
    FOREIGN_SCRIPTS,
    NOW,
    World,
    alert_record,
    ancestor,
    bare_document,
    case_record,
    critical_document,
    delivery,
    enrichment,
    step,
)

KEY = "enricher-2412d6c5edbed00f"
STATIC = Path(enricher.web.__file__).parent / "static"
MOST_BYTES = 200 * 1024


def page(client: FlaskClient, key: str = KEY, **headers: str) -> HtmlElement:
    answer = client.get(f"/cases/{key}", headers={"Accept": "text/html", **headers})
    assert answer.status_code == 200
    return html.document_fromstring(answer.get_data(as_text=True))


def section(found: HtmlElement, name: str) -> HtmlElement:
    (one,) = found.xpath(f"//section[@aria-labelledby='{name}']")
    return cast("HtmlElement", one)


def words(found: HtmlElement) -> str:
    return re.sub(r"\s+", " ", found.text_content()).strip()


def case(**changes: Any) -> CaseDocument:
    return cast("CaseDocument", {**critical_document(), **changes})


# --- the head -------------------------------------------------------------------------------------------------------


def test_the_title_says_it_all(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case_record()]
    found = page(client)
    assert words(found.xpath("//title")[0]) == (
        "critical 98: powershell.exe → example-lab[.]workers[.]dev on ws-fin-0142.corp.example · Enricher"
    )
    assert words(found.xpath("//p[@class='verdict']")[0]).startswith("Malicious, confidence 0.9: 98 of 100 is critical")


def test_what_tuning_changed_is_before_and_after(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case_record(case(score=39, severity="low"))]
    assert words(page(client).xpath("//p[@class='before']")[0]) == "Before tuning critical 98 → after low 39"
    world.reader.stored = [case_record()]
    assert page(client).xpath("//p[@class='before']") == []


def test_every_link_into_the_page_leads_somewhere(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case_record(), case_record(bare_document(), deliveries=(), news=(), alerts=())]
    for key in (KEY, "enricher-0000000000000000"):
        found = page(client, key)
        inside = {str(href)[1:] for href in found.xpath("//a/@href") if str(href).startswith("#")}
        assert len(inside) > 5
        assert inside <= set(found.xpath("//@id"))


# --- copies ---------------------------------------------------------------------------------------------------------


def test_the_copy_button_is_a_link_to_markdown(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case_record()]
    (button,) = page(client).xpath("//a[@data-copy]")
    assert button.get("href") == button.get("data-copy") == f"/case-text/{KEY}"
    answer = client.get(button.get("href"))
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    said = answer.get_data(as_text=True)
    assert said.startswith("# Critical 98: `powershell.exe`")
    assert f"- Case: `{KEY}` <http://localhost/cases/{KEY}>" in said
    assert "- Ticket: INC0010042 <https://snow.example/incident/1>" in said


@pytest.mark.parametrize("path", ["/case-text/none", "/case-json/none"])
def test_a_case_that_is_not_there_has_no_copy(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_an_older_case_has_a_copy(world: World, client: FlaskClient) -> None:
    older: Any = {"key": "old", "severity": "low", "score": 25, "host": "h"}
    world.reader.stored = [case_record(older)]
    assert client.get("/case-text/old").get_data(as_text=True).startswith("# Low 25: `unknown process`")


def test_the_whole_case_is_behind_the_link_to_its_json(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case_record()]
    assert f"/case-json/{KEY}" in page(client).xpath("//a/@href")
    whole: Any = client.get(f"/case-json/{KEY}").json
    assert whole["process"]["command_line"] == critical_document()["process"]["command_line"]
    assert whole["alerts"] == ["A1"]


@pytest.mark.parametrize("path", [f"/cases/{KEY}", f"/case-text/{KEY}", f"/case-json/{KEY}"])
def test_strangers_see_none_of_it(world: World, connect: Connect, path: str) -> None:
    world.reader.stored = [case_record()]
    answer = connect(read_tokens=("r" * 32,), write_tokens=("w" * 32,)).get(path)
    assert answer.status_code in {302, 303, 401}
    assert "powershell" not in answer.get_data(as_text=True)


# --- steps, timeline, evidence --------------------------------------------------------------------------------------


def test_steps_that_were_not_taken_are_folded_and_have_their_evidence(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case_record()]
    (folded,) = section(page(client), "why").xpath("./details")
    assert words(folded.xpath("./summary")[0]) == "3 steps considered and not taken"
    assert folded.get("open") is None
    rows = [words(row.xpath("./td")[0]) for row in folded.xpath(".//tbody/tr")]
    assert rows[1] == "context.server host is a workstation"
    assert len(section(page(client), "why").xpath("./table//tbody/tr")) == 7


def test_the_bands_have_names(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case_record()]
    (names, _) = section(page(client), "why").xpath(".//svg[@class='names']")
    assert names.xpath(".//text/text()") == ["info", "low", "med", "high", "crit"]


def test_the_timeline_is_newest_first_and_its_end_is_folded(world: World, client: FlaskClient) -> None:
    news: Any = tuple(
        {"seq": n, "kind": "evidence", "at": (NOW + timedelta(minutes=n)).isoformat(), "text": f"news {n}.", "lines": []}
        for n in range(1, 101)
    )
    world.reader.stored = [case_record(news=news, deliveries=(), alerts=())]
    found = section(page(client), "timeline")
    assert words(found.xpath("./h2")[0]) == "Timeline newest first"
    shown = [words(line) for line in found.xpath("./ol/li/span[last()]")]
    assert shown == [f"news {n}." for n in range(100, 88, -1)]
    assert words(found.xpath("./details/summary")[0]) == "24 earlier"
    assert words(found.xpath("./p")[0]) == "… 64 more, see the JSON"


def test_raw_evidence_is_folded_and_says_that_it_is_not_defanged(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case_record()]
    found = section(page(client), "evidence")
    assert "not defanged here" in words(found)
    folded = found.xpath("./details")
    assert [words(one.xpath("./summary")[0]) for one in folded] == ["1 finding", "1 event"]
    assert "beacon-7f.example-lab.workers.dev" in words(folded[1])


# --- deliveries, related, forms -------------------------------------------------------------------------------------


def dead(**more: Any) -> Any:
    return delivery("slack", "dead", label=None, url=None, reason="channel_gone", **more)


def test_a_dead_delivery_has_its_reason_and_a_way_on(world: World, client: FlaskClient) -> None:
    said = "HTTP 400: Authorization: Bearer xyzzy0123456789plugh is not valid"
    world.reader.stored = [case_record(deliveries=(delivery("jira"), dead(attempts=7, detail=said)))]
    world.operator.known = frozenset({"D-slack"})
    found = section(page(client), "deliveries")
    assert "slack dead channel gone: HTTP 400: Authorization: Bearer [masked]" in words(found)
    assert "7 attempts" in words(found)
    (form,) = found.xpath(".//form")
    fields = {field.get("name"): field.get("value") for field in form.xpath(".//input")}
    assert client.post(form.get("action"), data=fields).status_code == 303
    assert world.operator.done == ["D-slack"]


def test_who_may_only_read_gets_no_buttons(world: World, connect: Connect) -> None:
    world.reader.stored = [case_record(deliveries=(dead(),), state="suppressed")]
    client = connect(read_tokens=("r" * 32,), write_tokens=("w" * 32,))
    reader, writer = (page(client, Authorization=f"Bearer {token * 32}") for token in "rw")
    assert section(reader, "deliveries").xpath(".//form") == section(reader, "about").xpath(".//form") == []
    assert len(section(writer, "deliveries").xpath(".//form")) == len(section(writer, "about").xpath(".//form")) == 1


def test_related_cases_are_listed_with_their_severity(world: World, client: FlaskClient) -> None:
    tenant = case_record(case(key="b", host="ws-hr-0007", severity="low", score=25), state="recovered")
    host = case_record(case(key="c", tenant="other.workers.dev"))
    world.reader.stored = [case_record(), tenant, host, case_record(case(key="d", tenant=None, host=""))]
    found = section(page(client), "related")
    assert [words(title) for title in found.xpath("./h3")] == ["Same tenant", "Same host"]
    assert found.xpath(".//li/a/@href") == ["/cases/b", "/cases/c"]
    assert "low 25 powershell.exe → example-lab[.]workers[.]devws-hr-0007, recovered" in words(found)
    world.reader.stored = [case_record()]
    assert "No other case of this tenant or this host." in words(section(page(client), "related"))


# --- size and harm --------------------------------------------------------------------------------------------------


def monster(filler: str) -> CaseDocument:
    """As much as can be in every place."""
    document: Any = critical_document()
    line = filler * 10_000
    document["process"] |= {"command_line": line, "decoded": [line] * 8, "identity": [line] * 50, "company": line}
    document["process"]["hashes"] = {f"{filler}{n}": line for n in range(50)}
    document["lineage"] = [ancestor(line, line, line, n) for n in range(4)]
    document["ledger"] = [step(f"s.{n}", line, 1, n % 100, taken=n % 2 == 0) for n in range(1_000)]
    document["contacts"] = [f"{NOW + timedelta(seconds=431 * n)}" for n in range(200)]
    document["enrichments"] = [enrichment("ptr", line, "ok", {"names": [line] * 5}, reason=line)] * 200
    document["hunts"] = [{"title": line, "query": line, "url": line}] * 50
    document["evidence"] = [{"event_id": 1, "command_line": line}] * 40
    document["findings"] = [{"image": line}] * 40
    document["exceptions"] = document["exceptions"] * 100
    document["drift"] = [{"field": line, "sumo": line, "ours": line, "reason": line, "rows": [0]}] * 50
    for name in ("candidates", "shared_hosts", "missing", "next_steps", "dns_anomalies"):
        document[name] = [line] * 300
    for name in ("host", "user", "hostname", "tenant", "summary", "title", "verdict", "hostname_source"):
        document[name] = line
    return cast("CaseDocument", document)


@pytest.mark.parametrize("filler", ["x", "<", "\u202e"])
def test_no_case_makes_a_page_of_more_than_200_kilobytes(world: World, client: FlaskClient, filler: str) -> None:
    news: Any = (
        {"seq": 1, "kind": "evidence", "at": "2026-11-24", "text": filler * 9_000, "lines": [filler * 9_000] * 50},
    )
    sent = tuple(dead(delivery_id=f"D{n}", detail=filler * 9_000) for n in range(10))
    world.reader.stored = [
        case_record(monster(filler), news=news * 300, deliveries=sent, alerts=tuple(f"A{n}" for n in range(500))),
        *(replace(case_record(monster(filler)), key=f"k{n}") for n in range(12)),
    ]
    world.inbox.records = {f"A{n}": alert_record(f"A{n}") for n in range(500)}
    files = sum((STATIC / name).stat().st_size for name in ("console.css", "case.css", "console.js", "icon.svg"))
    body = client.get(f"/cases/{KEY}").get_data()
    assert len(body) + files <= MOST_BYTES
    found = page(client)
    assert found.xpath(FOREIGN_SCRIPTS) == []
    assert "475 more alerts belong to this case." in words(found)
    assert "… 950 more steps, see the JSON" in words(found)


@pytest.mark.parametrize("key", [KEY, "enricher-0000000000000000"])
def test_nothing_on_the_page_is_inline_and_the_policy_lets_nothing_inline_run(
    world: World, client: FlaskClient, key: str
) -> None:
    world.reader.stored = [case_record(), case_record(bare_document())]
    found = page(client, key)
    assert found.xpath(f"{FOREIGN_SCRIPTS} | //style | //*[@style] | //@*[starts-with(name(), 'on')]") == []
    assert found.xpath("//script/@src") == ["/static/console.js"]
    policy = dict(part.split(" ", 1) for part in client.get(f"/cases/{key}").headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == "'none'"
    assert {policy[name] for name in ("script-src", "connect-src", "style-src", "img-src", "form-action")} == {"'self'"}


# --- the script -----------------------------------------------------------------------------------------------------


def test_the_script_is_small_and_its_header_names_every_hook() -> None:
    script = (STATIC / "console.js").read_text()
    header = script.partition("*/")[0]
    assert len(script.encode()) <= 6 * 1024
    used = set(re.findall(r"dataset\.(\w+)|\[data-(\w+)\]", script))
    assert {name for pair in used for name in pair if name} == set(re.findall(r"data-(\w+)", header))
    assert not re.search(r"eval\(|innerHTML|document\.write|https?://", script)
