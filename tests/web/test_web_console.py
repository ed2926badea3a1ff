from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import html as lxml_html
from lxml.html import HtmlElement

from enricher.core.accounts import MonitorRecord
from enricher.core.canary import Proof, Standing
from enricher.core.silence import Watching
from enricher.ports import DestinationHealth, Ticket
from tests.web.fakes import (
    FOREIGN_SCRIPTS,
    NOW,
    World,
    alert_record,
    bare_document,
    case_record,
    critical_document,
    delivery,
    source_record,
    watching,
)

KEY = "enricher-2412d6c5edbed00f"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><a href=https://evil.example>{{7*7}}\u202e\x00"
ASCII_HOSTILE = HOSTILE.replace("\u202e", "").replace("\x00", "")


def parsed(client: FlaskClient, path: str, status: int = 200) -> HtmlElement:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    return lxml_html.document_fromstring(answer.get_data(as_text=True))


def words(page: HtmlElement) -> str:
    return re.sub(r"\s+", " ", page.text_content())


@pytest.fixture
def full(world: World) -> World:
    world.reader.stored = [
        case_record(),
        case_record(bare_document(), state="suppressed", alerts=(), deliveries=(), news=()),
    ]
    world.reader.sent = [delivery("jira"), delivery("slack", "dead", reason="invalid", detail="channel_not_found")]
    world.reader.dead = [
        alert_record("X1", state="dead", reason="not_json: line 1", cases=(), rows=None, repeats=3, repeated_at=NOW)
    ]
    world.inbox.records = {"A1": alert_record(), "X1": world.reader.dead[0]}
    world.inbox.bodies = {"A1": b'{"name":"serverless"}'}
    world.operator.known = frozenset({"X1", "enricher-0000000000000000"})
    return world


def test_the_case_page_says_it_all(full: World, client: FlaskClient) -> None:
    page = parsed(client, f"/cases/{KEY}")
    said = words(page)
    for fact in (
        "critical 98",
        "powershell.exe → example-lab[.]workers[.]dev",
        "ws-fin-0142.corp.example as CORP\\m.alvarez",
        "Malicious, confidence 0.9: 98 of 100 is critical",
        "every 30 seconds",
        "platform.score Cloudflare Workers, weight 5 × 6",
        "not taken",
        "TUN-0031, shadow",
        "hxxps://beacon-7f[.]example-lab[.]workers[.]dev/t",
        "AS13335 CLOUDFLARENET, US",
        "from dns same process, factor 1",
        "no answer within 5 s",
        "no script block event (4104)",
        "Isolate ws-fin-0142.corp.example",
        "Sumo said Cloudflare Pages",
        "Opened, critical 98.",
        "slack unknown",
    ):
        assert fact in said
    assert page.xpath('//a[@href="https://jira.example/browse/SEC-12"]')
    assert page.xpath('//a[@href="/alerts/A1"]')
    assert len(page.xpath('//tr[@class="not-taken"]')) == 3
    assert len(page.xpath('//td[@class="scale"]/svg')) == len(critical_document()["ledger"])
    assert len(page.xpath("//div[@class='tree']//li")) == 4


def test_names_from_logs_are_defanged_outside_the_raw_evidence(full: World, client: FlaskClient) -> None:
    page = parsed(client, f"/cases/{KEY}")
    for raw in page.xpath("//details"):
        raw.drop_tree()
    assert "workers.dev" not in words(page)


def test_a_nearly_empty_case_has_a_page(full: World, client: FlaskClient) -> None:
    said = words(parsed(client, "/cases/enricher-0000000000000000"))
    assert "Unknown process → unknown destination" in said
    assert "No ledger was kept." in said
    assert "not known missing" in said
    assert "None" not in said


def test_a_case_from_before_has_a_page(world: World, client: FlaskClient) -> None:
    older: Any = {"key": "old", "severity": "low", "score": 25, "host": "h"}
    world.reader.stored = [case_record(older)]
    assert "low 25" in words(parsed(client, "/cases/old"))


@pytest.mark.parametrize("path", ["/cases", "/cases/"])
def test_the_list(full: World, client: FlaskClient, path: str) -> None:
    page = parsed(client, path)
    assert page.xpath("//td/a/@href") == [f"/cases/{KEY}", "/cases/enricher-0000000000000000"]
    assert "2 dead letters wait for a person." in words(page)


def test_the_list_filters_and_pages(full: World, client: FlaskClient) -> None:
    page = parsed(client, "/cases?severity=critical&text=ws-fin&state=open")
    assert page.xpath("//td/a/@href") == [f"/cases/{KEY}"]
    assert page.xpath("//select[@name='severity']/option[@selected]/text()") == ["critical"]
    assert page.xpath("//input[@name='text']/@value") == ["ws-fin"]
    (older,) = parsed(client, "/cases?limit=1&text=e").xpath("//a[@rel='next']/@href")
    page = parsed(client, older)
    assert page.xpath("//td/a/@href") == ["/cases/enricher-0000000000000000"]
    assert page.xpath("//nav[@class='pages']/a/@href") == ["/cases?limit=1&text=e"]
    assert "No case fits" in words(parsed(client, "/cases?text=nothing"))


def test_the_other_pages(full: World, client: FlaskClient) -> None:
    assert "channel_not_found" in words(parsed(client, "/deliveries?state=dead"))
    assert len(parsed(client, "/deliveries?state=dead").xpath("//tbody/tr")) == 1
    assert "not_json: line 1" in words(parsed(client, "/dead-letters"))
    assert "Nothing has come in yet" in words(parsed(client, "/intake"))
    alert = words(parsed(client, "/alerts/A1"))
    assert "3 of 13 rows received, the rest cut by Sumo Logic: 1 in cases, 1 seen before, 1 dropped." in alert
    assert "no_match: not in the catalog" in alert
    assert '{"name":"serverless"}' in alert


@pytest.mark.parametrize(
    ("watched", "said"),
    [
        pytest.param(Watching(), "not watched", id="nobody watches"),
        pytest.param(Watching(every_s=900.0), "watched every 15 min", id="watched"),
        pytest.param(Watching(own=True), "sent by Enricher itself", id="our own"),
        pytest.param(
            watching(), "Silent since 2026-11-24 01:04 UTC: the heartbeat “Beat <1>” does not come", id="heartbeat"
        ),
        pytest.param(watching(what="webhook"), "Silent since 2026-11-24 01:04 UTC: nothing comes", id="webhook"),
        pytest.param(watching(what="logs"), "logs do not reach Sumo Logic, says “Beat <1>”", id="logs"),
        pytest.param(watching(fault="interval"), "its heartbeat “Odd <2>” names no usable interval", id="no interval"),
        pytest.param(watching(fault="room"), "its heartbeat “Odd <2>” is one too many to be watched", id="no room"),
    ],
)
def test_intake_says_how_each_source_is_watched(full: World, client: FlaskClient, watched: Watching, said: str) -> None:
    full.reader.heard, full.watchings = [source_record("prod")], {"prod": watched}
    assert said in words(parsed(client, "/intake"))


def test_intake_names_five_silences_and_counts_the_others(full: World, client: FlaskClient) -> None:
    one, full.reader.heard = watching(), [source_record("prod")]
    full.watchings = {"prod": replace(one, silences=one.silences * 7)}
    page = parsed(client, "/intake")
    assert (words(page).count("Silent since"), "and 2 more" in words(page)) == (5, True)


def test_intake_shows_who_sends_and_what_could_not_be_read(full: World, client: FlaskClient) -> None:
    full.reader.heard = [source_record()]
    full.reader.dead += [alert_record(f"Y{n}", state="dead", reason="bad_rows: row 3", source="lab") for n in range(2)]
    page = parsed(client, "/intake")
    for fact in (
        "sumo-prodnot watched",
        "Serverless C2",
        "0.17",
        "monitor 2, recovery 1",
        "10 of 250",
        "not jsonline 1",
        "bad rows 2",
    ):
        assert fact in words(page)
    assert "4,120 bytes 3last 2026-11-24" in words(page)
    assert "/alerts/X1/body" in page.xpath("//a[@download]/@href")
    only = parsed(client, "/intake?reason=bad_rows&limit=1")
    assert len(only.xpath("//form")) == 1
    assert only.xpath("//a[@rel='next']/@href") == ["/intake?after=1&limit=1&reason=bad_rows"]


def test_the_case_page_says_how_many_rows_an_alert_brought(full: World, client: FlaskClient) -> None:
    assert "monitor from sumo-prod, done, 3 of 13 rows" in words(parsed(client, f"/cases/{KEY}"))


def test_dead_letters_are_counted_by_reason_and_narrowed_down(full: World, client: FlaskClient) -> None:
    page = parsed(client, "/dead-letters")
    assert "Alerts not json 1" in words(page)
    assert "slack invalid 1" in words(page)
    links = page.xpath("//section//td/a/@href")
    assert "/dead-letters?kind=delivery&reason=invalid&destination=slack" in links
    only = parsed(client, "/dead-letters?kind=delivery&reason=invalid&destination=slack")
    assert only.xpath("//section//a[@aria-current]/text()") == ["invalid"]
    assert only.xpath("//h2/text()") == ["Reasons", "Deliveries"]


def test_a_person_is_told_what_trying_again_will_do(full: World, client: FlaskClient) -> None:
    full.reader.sent = [delivery("jira", "dead", reason=reason) for reason in ("gone", "held", "forbidden")]
    said = words(parsed(client, "/dead-letters?kind=delivery"))
    assert "Look for it, else open another" in said
    assert "There is no ticket: open one" in said


@pytest.mark.parametrize("path", ["/cases", "/deliveries"])
def test_a_paused_destination_is_named_with_its_reason(full: World, client: FlaskClient, path: str) -> None:
    full.reader.failing = [
        DestinationHealth(destination="jira", failures=7, reason="rate_limited", since=NOW, paused_until=NOW, paused=True)
    ]
    assert "jira is paused until 2026-11-24 02:04 UTC: rate limited, 7 times in a row" in words(parsed(client, path))


def test_a_ticket_that_follows_a_closed_one_says_which(full: World, client: FlaskClient) -> None:
    closed = Ticket("10001", "SEC-1", "https://jira.example/browse/SEC-1")
    again = delivery("jira", generation=2, previous=closed)
    full.reader.stored, full.reader.sent = [case_record(deliveries=(again,))], [again]
    for path in ("/deliveries", f"/cases/{KEY}"):
        page = parsed(client, path)
        assert "follows SEC-1" in words(page)
        assert page.xpath('//a[@href="https://jira.example/browse/SEC-1"]')


def test_what_lies_in_quarantine_is_read_again_by_its_form(full: World, client: FlaskClient) -> None:
    action, fields = next(forms(parsed(client, "/intake")))
    answer = client.post(action, data=fields)
    assert (answer.status_code, answer.location) == (303, "/intake?retried=X1")
    assert full.operator.done == ["X1"]
    assert "X1 is read again." in words(parsed(client, answer.location))
    assert client.post(action, data={}).status_code == 403


@pytest.mark.parametrize("path", ["/cases/none", "/alerts/none", "/nothing"])
def test_what_is_not_there_is_a_page_for_a_browser(client: FlaskClient, path: str) -> None:
    assert "404 not found" in words(parsed(client, path, 404))
    assert client.get(path).json == {"error": "not_found", "detail": (client.get(path).json or {})["detail"]}


# --- hostile text ---------------------------------------------------------------------------------------------------


def poisoned(value: Any) -> Any:
    """The same shape with every text replaced."""
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, dict):
        return {name: poisoned(item) for name, item in value.items()}
    return [poisoned(item) for item in value] if isinstance(value, list) else value


DRIFT = {"day": "2026-11-24", "field": "f", "sumo": "s", "ours": "o", "reason": "r", "cases": 12, "rows": 40}
QUERY = {"source": "s", "monitor": "m", "digest": "d", "first_at": "t", "last_at": "t"}


@pytest.fixture
def evil(world: World) -> World:
    document = poisoned(critical_document())
    document["links"] = {HOSTILE: "javascript:alert(1)", "sumo_alert": "https://evil.example/.sumologic.com"}
    document["technique"]["url"] = "javascript:alert(1)"
    sent = delivery(HOSTILE, HOSTILE, label=HOSTILE, url="javascript:alert(1)", reason=HOSTILE, detail=HOSTILE)
    dead = replace(sent, state="dead", previous=Ticket(HOSTILE, HOSTILE, "javascript:alert(1)"))
    news: Any = ({"seq": 1, "kind": HOSTILE, "at": HOSTILE, "text": HOSTILE, "lines": [HOSTILE]},)
    record = case_record(document, key=KEY, state=HOSTILE, news=news, deliveries=(sent,), alerts=("A1",))
    alert = alert_record(
        state="dead",
        kind=HOSTILE,
        source=HOSTILE,
        reason=HOSTILE,
        dropped=({"row": 0, "reason": HOSTILE},),
        cases=(HOSTILE,),
    )
    world.reader.stored, world.reader.sent, world.reader.dead = [record], [sent, dead], [alert]
    world.reader.failing = [
        DestinationHealth(destination=HOSTILE, failures=7, reason=HOSTILE, since=NOW, paused_until=NOW, paused=True)
    ]
    monitor = MonitorRecord(monitor=HOSTILE, last_at=NOW, alerts=1, rows=1, per_hour=0.0, kinds={HOSTILE: 1})
    world.reader.heard = [source_record(HOSTILE, monitors=(monitor,), kinds={HOSTILE: 1})]
    world.inbox.records, world.inbox.bodies = {"A1": alert}, {"A1": HOSTILE.encode() + b"\xff\xfe"}
    world.problems = [HOSTILE]
    world.standings = [Standing(destination=HOSTILE, state=Proof.FAILED, detail=HOSTILE)]
    world.drift = {"drift": [poisoned(DRIFT)], "queries": [poisoned(QUERY)]}
    return world


EVERY_PAGE = ["/", "/cases", f"/cases/{KEY}", "/alerts/A1", "/deliveries", "/dead-letters", "/intake", "/drift"]


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_hostile_text_is_text(evil: World, client: FlaskClient, path: str) -> None:
    page = parsed(client, path)
    assert page.xpath(FOREIGN_SCRIPTS) == []
    assert page.xpath("//img | //iframe | //object | //base") == []
    assert [
        name for element in page.iter() for name in element.attrib if str(name).startswith("on") or name == "style"
    ] == []
    assert page.xpath("//style") == []
    assert [link for link in page.xpath("//a/@href") if not str(link).startswith(("/", "#"))] == []
    source = client.get(path).get_data(as_text=True)
    assert "\u202e" not in source
    assert "\x00" not in source
    assert "⟨U+202E⟩" in source
    assert "<script>alert(1)</script>" in unescape(source)
    assert "49" not in words(page)


@pytest.mark.parametrize("path", [*EVERY_PAGE, "/api/v1/dead-letters", "/api/v1/deliveries", f"/api/v1/cases/{KEY}"])
def test_no_secret_that_a_service_or_a_sender_repeats_is_shown(full: World, client: FlaskClient, path: str) -> None:
    said = "HTTP 400: Authorization: Bearer xyzzy0123456789plugh is not valid"
    sent = delivery("jira", "dead", reason="invalid", detail=said)
    full.reader.sent, full.reader.stored = [sent], [case_record(deliveries=(sent,))]
    full.reader.dead = [alert_record("X1", state="dead", reason=f"bad_rows: {said}")]
    full.inbox.records = {"A1": full.reader.dead[0], "X1": full.reader.dead[0]}
    answer = client.get(path)
    assert answer.status_code == 200
    assert "xyzzy" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_what_was_asked_for_is_text_too(evil: World, client: FlaskClient, path: str) -> None:
    page = parsed(client, f"{path}?text=%22%3E%3Cscript%3Ex&retried=%3Cscript%3E")
    assert page.xpath(FOREIGN_SCRIPTS) == []


def test_pages_load_only_from_here(full: World, client: FlaskClient) -> None:
    for path in EVERY_PAGE:
        page = parsed(client, path)
        assert page.xpath(FOREIGN_SCRIPTS) == []
        assert all(str(source).startswith("/static/") for source in page.xpath("//link/@href | //*/@src"))


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_pages_are_sound(full: World, client: FlaskClient, path: str) -> None:
    """One heading, no id twice, every field labelled, every label pointing somewhere, every `aria-labelledby` resolved."""
    page = parsed(client, path)
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert len(page.xpath("//h1")) == 1
    assert page.xpath("//html/@lang") == ["en"]
    assert page.xpath("//input[not(@type='hidden')][not(ancestor::label)] | //select[not(ancestor::label)]") == []
    assert set(page.xpath("//@aria-labelledby")) <= set(ids)
    assert page.xpath("//title/text()")


# --- forms ----------------------------------------------------------------------------------------------------------


def form(page: HtmlElement, ending: str) -> tuple[str, dict[str, str]]:
    """The first form whose address ends so."""
    return next((action, fields) for action, fields in forms(page) if action.endswith(ending))


def forms(page: HtmlElement) -> Iterator[tuple[str, dict[str, str]]]:
    for form in page.xpath("//form[@method='post']"):
        yield form.get("action"), {field.get("name"): field.get("value") for field in form.xpath(".//input")}


def test_a_dead_letter_is_retried_once_by_its_form(full: World, client: FlaskClient) -> None:
    action, fields = form(parsed(client, "/dead-letters"), "/X1/retry")
    answer = client.post(action, data=fields, headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.location) == (303, "/dead-letters?retried=X1")
    assert full.operator.done == ["X1"]
    assert "X1 is on its way again." in words(parsed(client, answer.location))


def test_all_of_a_reason_are_tried_again_by_their_form(full: World, client: FlaskClient) -> None:
    page = parsed(client, "/dead-letters")
    action, fields = form(page, "/delivery/invalid/retry")
    answer = client.post(action, data=fields)
    assert (answer.status_code, answer.location) == (303, "/dead-letters?opened=3&left=1")
    assert full.operator.done == ["all invalid slack delivery by loopback"]
    assert "3 on their way again; 1 of the same reason are left." in words(parsed(client, answer.location))
    other, _ = form(page, "/alert/not_json/retry")
    assert client.post(other, data=fields).status_code == 403
    assert client.post(action, data={}).status_code == 403
    assert len(full.operator.done) == 1


def test_a_dead_letter_is_discarded_by_its_form_with_a_name(full: World, client: FlaskClient) -> None:
    page = parsed(client, "/dead-letters")
    action, fields = form(page, "/X1/discard")
    assert client.post(action, data=fields | {"by": " "}).status_code == 400
    assert client.post(action, data={"by": "anna"}).status_code == 403
    answer = client.post(action, data=fields | {"by": "anna", "why": "a test"})
    assert (answer.status_code, answer.location) == (303, "/dead-letters?discarded=X1")
    assert full.operator.discarded == [("X1", "anna (loopback)", "a test")]
    assert "X1 is discarded, and never tried again." in words(parsed(client, answer.location))


def test_a_suppressed_case_is_reopened_by_its_form(full: World, client: FlaskClient) -> None:
    action, fields = form(parsed(client, "/cases/enricher-0000000000000000"), "/reopen")
    assert client.post(action, data=fields).status_code == 303
    assert full.operator.done == ["enricher-0000000000000000"]
    assert [other for other, _ in forms(parsed(client, f"/cases/{KEY}")) if other.endswith("/reopen")] == []


def test_forms_of_others_do_nothing(full: World, client: FlaskClient) -> None:
    action, fields = form(parsed(client, "/dead-letters"), "/X1/retry")
    _, reopen = form(parsed(client, "/cases/enricher-0000000000000000"), "/reopen")
    token = fields["form_token"]
    for data in ({}, {"form_token": ""}, {"form_token": token[:-1]}, {"form_token": "x" + token}, reopen):
        answer = client.post(action, data=data, headers={"Accept": "text/html"})
        assert answer.status_code == 403
        assert "form out of date" in answer.get_data(as_text=True)
    for site in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert client.post(action, data=fields, headers=site).status_code == 403
    assert full.operator.done == []


def test_a_form_token_ends(full: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    action, fields = form(parsed(client, "/dead-letters"), "/X1/retry")
    later = NOW.timestamp() * 2
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert client.post(action, data=fields).status_code == 403


def test_the_store_gone_is_a_page(world: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.reader, "backlog", world.reader.ready)
    world.reader.refuses = True
    page = parsed(client, "/", 503)
    assert "database gone" in words(page)
