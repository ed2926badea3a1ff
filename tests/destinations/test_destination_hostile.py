"""Text that an attacker chose, in every field that comes from a log, through every template: in no ticket and no thread does it do
anything but stand there.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from enricher.core.document import CaseDocument, Json, News
from enricher.core.layout import PLACES, PLAIN, Layout, Note
from enricher.destinations import adf, jira_body, machine, pagerduty, servicenow_body, slack_body, slack_digest
from enricher.destinations.jira_flavour import DATA_CENTER, adf_size
from enricher.destinations.lines import FileLines
from enricher.destinations.text import length, neutralise
from enricher.standins.slack.blocks import pings
from tests.destinations import adf_schema, wiki_reader
from tests.destinations.cases import CRITICAL, RAISED, delivery
from tests.destinations.test_destination_render import check_blocks, check_markup, hrefs, texts

BASE = "https://enricher.corp.example"
OURS = (BASE, "https://wiki.corp.example/", "https://service.us2.sumologic.com/", "https://attack.mitre.org/techniques/")
LONG = "powershell -enc " + "QQ<!here>{code}" * 667
PIECES = {
    "script": "<script>alert(1)</script>",
    "html": '"><img src=x onerror=alert(1)>&amp;<b>',
    "slack broadcast": "<!channel> <!here|here> <!everyone>",
    "slack people": "<@U1> <!subteam^S1> <#C1>",
    "slack link": "<https://evil.example/|Sumo alert>",
    "atlassian document": '"},{"type":"text","text":"x","marks":[{"type":"link","attrs":{"href":"javascript:alert(1)"}}]},{"a":"',
    "wiki macros": "{code}x{code} {panel} {color:red}x{color} {html}x{html}",
    "wiki links": "[a|http://evil.example/] [~admin] !http://evil.example/x.png! ^f.exe^ ||head|| -- ---- (x) :)",
    "wiki breaks": "\\\\ \\{code} h1. x # y * z",
    "journal code": "[code]<b>x</b>[/code] [CODE]<a href=x>[/CODE]",
    "markdown": "[x](javascript:alert(1)) **b** `c` ```d```",
    "bidi": "\u202egpj.exe\u202c \u2066a\u2069 \u200b\u200d\ufeff",
    "control": "a\x00b\x07c\x1b[31md\x7f\x9b",
    "lines": "x\r\nSeverity: 0/100\nMISSING\n- nothing\u2028\u2029h1. y",
    "surrogate": "a\ud800b",
    "places": "{url} {key} {0.__class__} {{x}} %(key)s",
    "secret": "password=Winter2026! https://bob:s3cr3tpw@evil.example/",
    "long": LONG,
}
SECRETS = ("Winter2026", "s3cr3tpw")
NOT_FROM_LOGS = {
    "key",
    "detection",
    "severity",
    "raw_severity",
    "verdict",
    "first_seen",
    "last_seen",
    "ledger_digest",
    "links",
}


def poisoned(piece: str) -> CaseDocument:
    """The critical case with the piece in each text that a log, a look-up or Sumo Logic can have written."""

    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoil(item) for key, item in value.items()}
        if isinstance(value, list):
            return [spoil(item) for item in value]
        return f"{value[:10]} {piece}" if isinstance(value, str) else value

    whole = copy.deepcopy(dict(CRITICAL))
    document: dict[str, Any] = {name: value if name in NOT_FROM_LOGS else spoil(value) for name, value in whole.items()}
    document["process"]["decoded"] = [piece]
    document["dns_anomalies"] = document["candidates"] = document["shared_hosts"] = [piece]
    document["destination"]["ptr"] = piece
    document["insight"] = dict.fromkeys(("id", "readable_id", "severity", "entity", "url"), piece)
    document["links"] = {"sumo_alert": piece}
    document["exceptions"] = [{**dict.fromkeys(("rule", "effect", "reason", "owner", "expires"), piece), "mode": "live"}]
    return cast("CaseDocument", document)


def house(plain: Layout) -> Layout:
    """A template that asks for everything that there is."""
    every = " ".join(f"{{{name}}}" for name in sorted(PLACES))
    notes = (
        Note(text="Host {host}, user {user}, tenant {tenant}, {process}", link="https://wiki.corp.example/?host={host}"),
        Note(text=every, link="https://wiki.corp.example/{technique}/{key}"),
    )
    return Layout(summary=f"{{severity}} {every}", sections=plain.sections, facts=plain.facts, notes=notes)


def told(piece: str) -> News:
    return {**RAISED, "text": f"Severity rose: {piece}", "lines": [piece, f"+5 {piece}: {piece}"]}


# --- the sinks ------------------------------------------------------------------------------------------------------


def jira(piece: str, _: Path) -> Iterator[Json]:
    document = poisoned(piece)
    yield jira_body.render(document, project="SEC", layout=house(PLAIN.jira), base_url=BASE)
    yield jira_body.render_comment(document, told(piece))


def datacenter(piece: str, _: Path) -> Iterator[Json]:
    document = poisoned(piece)
    yield jira_body.render(document, project="SEC", flavour=DATA_CENTER, layout=house(PLAIN.jira), base_url=BASE)
    yield jira_body.render_comment(document, told(piece), DATA_CENTER)


def servicenow(piece: str, _: Path) -> Iterator[Json]:
    document, form = poisoned(piece), servicenow_body.Form("sn_si_incident")
    yield servicenow_body.render(document, form, remarks=[piece], layout=house(PLAIN.servicenow), base_url=BASE)
    yield servicenow_body.render_note(document, told(piece))
    yield {"close_notes": servicenow_body.render_close_notes(document, told(piece))}


def slack(piece: str, _: Path) -> Iterator[Json]:
    document = poisoned(piece)
    for severity in ("critical", "low"):
        graded = cast("CaseDocument", {**document, "severity": severity})
        yield slack_body.render(graded, channel="C1", layout=house(PLAIN.slack), base_url=BASE, buttons=True)
    yield slack_body.render_reply(document, told(piece), channel="C1", thread="1.0")
    yield slack_digest.render([document, document], channel="C1", base_url=BASE)
    yield slack_digest.render_reply(document, told(piece), channel="C1", thread="1.0", base_url=BASE)
    yield slack_body.plainly(slack_body.render(document, channel="C1"))


def pager(piece: str, _: Path) -> Iterator[Json]:
    yield pagerduty.render(poisoned(piece), told(piece), base_url=BASE)


def webhook(piece: str, _: Path) -> Iterator[Json]:
    yield machine.message(delivery(poisoned(piece)), told(piece), most=20_000)


def lines(piece: str, folder: Path) -> Iterator[Json]:
    file = FileLines(folder / "cases.jsonl")
    one = delivery(poisoned(piece))
    file.update(one, file.create(one), told(piece))
    written = (folder / "cases.jsonl").read_bytes()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\u2028\ufeff]", written.decode())
    assert written.count(b"\n") == 2
    yield from map(json.loads, written.splitlines())


# --- what each would take for markup --------------------------------------------------------------------------------


def judge_text(body: Json) -> None:
    """What holds of everything that a person reads: visible, one line each, and links that are ours."""
    for text in texts(body):
        assert all(neutralise(line) == " ".join(line.split()) for line in text.split("\n")), text
        assert "javascript:" not in text
    assert all(url.startswith(OURS) for url in hrefs(body)), hrefs(body)


def judge_jira(body: Json) -> None:
    judge_text(body)
    written = body["fields"]["description"] if "fields" in body else body["body"]
    assert adf_schema.faults(written) == []
    assert adf_size(written) <= 30_000
    kinds = {node["type"] for node in nodes(written)}
    assert kinds <= {
        "doc",
        "panel",
        "paragraph",
        "text",
        "heading",
        "status",
        "orderedList",
        "bulletList",
        "listItem",
        *TABLE,
    }
    if "fields" in body:
        assert "\n" not in body["fields"]["summary"]
        assert CRITICAL["key"] in adf.plain(written)


TABLE = ("table", "tableRow", "tableHeader", "tableCell")


def nodes(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        if "content" in value or "text" in value:
            yield value
        yield from nodes(value.get("content"))
    elif isinstance(value, list):
        for item in value:
            yield from nodes(item)


def judge_datacenter(body: Json) -> None:
    judge_text(body)
    written = body["fields"]["description"] if "fields" in body else body["body"]
    check_markup(written.replace("https://wiki.corp.example/", f"{BASE}/"))
    understood = " ".join(wiki_reader.read(written))
    assert not re.search("IMAGE|MENTION|LINK|HTML|FACE|DASH", understood)


def judge_servicenow(body: Json) -> None:
    judge_text(body)
    for text in texts(body):
        assert not re.search(r"<[A-Za-z/!?]|\[/?code\]", text, re.IGNORECASE)
        assert length(text) <= 4000
    if "description" in body:
        assert [line for line in body["description"].split("\n") if line.startswith("Severity: ")] != ["Severity: 0/100"]
        assert body["description"].split("\n").count("MISSING") == 1


def judge_slack(body: Json) -> None:
    judge_text({**body, "blocks": [], "attachments": []})
    check_blocks({**body, "text": body["text"] or "-"}) if body["blocks"] else None
    assert pings(body) == ([], [])
    ours = re.compile(r"<(https://[^|>]+)\|[^<>]*>|<!date\^\d+\^[^<>]*>")
    for text in texts([body["blocks"], body.get("attachments", [])]):
        assert all(url.startswith(OURS) for url in ours.findall(text) if url)
        if text not in hrefs(body):
            assert not re.search("[<>]", ours.sub("", text)), text


def judge_machine(body: Json) -> None:
    """JSON is no markup: what counts is that it is one object with our keys, and that no secret is in it."""
    assert set(body) == {"event", "type", "key", "seq", "trimmed", "tickets", "case", "news"}
    assert set(body["case"]) == set(CRITICAL) - {"evidence", "tickets"}
    assert body["key"] == CRITICAL["key"]
    json.dumps(body, ensure_ascii=False).encode()


SINKS: dict[str, tuple[Callable[[str, Path], Iterator[Json]], Callable[[Json], None]]] = {
    "jira": (jira, judge_jira),
    "jira data center": (datacenter, judge_datacenter),
    "servicenow": (servicenow, judge_servicenow),
    "slack": (slack, judge_slack),
    "pagerduty": (pager, judge_text),
    "webhook": (webhook, judge_machine),
    "lines": (lines, judge_machine),
}


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
@pytest.mark.parametrize("sink", SINKS)
def test_hostile_text_is_only_text(sink: str, piece: str, tmp_path: Path) -> None:
    render, judge = SINKS[sink]
    for body in render(piece, tmp_path):
        judge(body)
        said = json.dumps(body, ensure_ascii=False)
        assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("sink", SINKS)
def test_it_does_stand_there(sink: str, tmp_path: Path) -> None:
    """Otherwise the tests above would hold of a ticket that leaves everything out."""
    render, _ = SINKS[sink]
    for body in render("hostile-word", tmp_path):
        assert "hostile-word" in json.dumps(body)
