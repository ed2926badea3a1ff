from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import html as lxml_html
from lxml.html import HtmlElement

from enricher.core.silence import Watching
from enricher.core.uses import RuleDay
from enricher.core.work import CaseWork
from enricher.ports import DestinationHealth
from tests.web.conftest import Connect
from tests.web.fakes import NOW, World, alert_record, case_record, critical_document, delivery, source_record, watching

MOST_BYTES = 200_000
CALM = "Nothing: alerts are judged"


def parsed(client: FlaskClient, path: str) -> HtmlElement:
    answer = client.get(path)
    assert answer.status_code == 200
    return lxml_html.document_fromstring(answer.get_data(as_text=True))


def words(element: HtmlElement) -> str:
    return " ".join(element.text_content().split())


def section(page: HtmlElement, name: str) -> HtmlElement:
    (found,) = page.xpath(f"//section[@aria-labelledby='{name}']")
    assert isinstance(found, HtmlElement)
    return found


def case(number: int, severity: str, **more: Any) -> Any:
    document = critical_document()
    document["key"], document["severity"] = f"enricher-{number:016x}", severity
    return case_record(document, **more)


def rule(**more: Any) -> Any:
    usual = {"id": "TUN-0031", "state": "live", "mode": "live", "does": "cap at medium", "matches": 1412}
    return {**usual, "last_match": "2026-11-24T01:40:00Z", **more}


def test_an_empty_world_says_so(client: FlaskClient) -> None:
    page = parsed(client, "/")
    said = words(page)
    assert CALM in said
    assert page.xpath("//title/text()") == ["Overview · Enricher"]
    for empty in (
        "None is open.",
        "No destination is set up",
        "Nothing has come in yet",
        "No tuning rule has matched",
        "None: Sumo",
    ):
        assert empty in said
    assert page.xpath("//ul[contains(@class, 'troubles')]") == []


def test_what_is_wrong_comes_first_with_a_way_to_it(world: World, client: FlaskClient) -> None:
    world.problems = ["config/severity.yml: bands: missing"]
    world.reader.failing = [
        DestinationHealth(destination="jira", failures=7, reason="rate_limited", since=NOW, paused_until=NOW, paused=True)
    ]
    world.reader.dead = [alert_record("X1", state="dead", reason="not_json")]
    world.reader.heard = [source_record("lab", last_at=NOW - timedelta(hours=9), per_hour=3.0)]
    world.pressure.reached = "inbox"
    page = parsed(client, "/")
    said = words(section(page, "attention"))
    for fact in (
        "too many alerts wait",
        "jira Paused until 2026-11-24 02:04 UTC: rate limited",
        "1 alert waits",
        "bands: missing",
        "lab Nothing",
    ):
        assert fact in said
    assert CALM not in said
    links = section(page, "attention").xpath(".//a/@href")
    assert links == ["/intake", "/deliveries?destination=jira", "/dead-letters", "/tuning", "/intake"]
    assert "quiet for 9 h" in words(section(page, "sources"))
    sections = page.xpath("//main//section/@aria-labelledby")
    assert sections[0] == "attention"


def test_silence_is_one_line_that_leads_to_intake(world: World, client: FlaskClient) -> None:
    world.reader.heard = [source_record("prod", last_at=NOW - timedelta(hours=9), per_hour=3.0)]
    world.watchings = {"calm": Watching(every_s=60.0), "lab": watching(source="lab"), "prod": watching()}
    world.watchings["sysmon"] = watching(source="sysmon", what="logs")
    attention = section(parsed(client, "/"), "attention")
    assert words(attention) == (
        "Needs attention Silence Nothing is heard in time of lab, prod; logs do not reach Sumo Logic, says sysmon."
        " Since 2026-11-24 01:04 UTC. Look at Silence"
    )
    assert attention.xpath(".//a/@href") == ["/intake"]


def test_of_many_silent_sources_five_are_named(world: World, client: FlaskClient) -> None:
    world.watchings = {f"s{number}": watching(source=f"s{number}", what="logs") for number in range(7)}
    assert "Logs do not reach Sumo Logic, says s0, s1, s2, s3, s4 and 2 more." in words(parsed(client, "/"))


def test_the_figures_of_the_period(world: World, client: FlaskClient) -> None:
    world.reader.came, world.reader.repeats = {"done": 1284, "stored": 3, "working": 1, "dead": 2}, 211
    world.reader.stored = [
        case(1, "critical"),
        case(2, "critical", state="suppressed"),
        case(3, "low", opened_at=NOW - timedelta(hours=30)),
    ]
    world.rules = [rule(), rule(id="TUN-0001", last_match=None)]
    today = NOW.date()
    world.reader.matched = [
        RuleDay(rule="TUN-0031", day=today, mode="live", matches=1412),
        RuleDay(rule="TUN-0002", day=today - timedelta(days=2), mode="live", matches=5),
    ]
    page = parsed(client, "/")
    said = words(page)
    assert "1,290 1,284 done, 4 waiting, 2 given up 211 sent again" in said
    assert "Cases opened2 1 still open, 0 recovered" in said
    assert "Tuned away1 suppressed by a rule" in said
    assert "TUN-0031cap at medium live 1,4120" in words(section(page, "tuned"))
    assert "TUN-0001" not in said
    assert "TUN-0002" not in said
    rows = {row.xpath("string(th)"): words(row) for row in section(page, "severities").xpath(".//tbody/tr")}
    assert (rows["critical"], rows["low"], rows["high"]) == ("critical 2 1", "low 0 1", "high 0 0")
    links = section(page, "severities").xpath(".//td/a/@href")
    assert links == ["/cases?severity=critical&state=open", "/cases?severity=low&state=open"]
    assert len(section(page, "severities").xpath(".//svg/rect")) == 3


def test_the_newest_open_cases_that_should_not_wait(world: World, client: FlaskClient) -> None:
    muted = CaseWork(assignee="anna (account)", muted_by="anna", muted_until=NOW + timedelta(hours=1), mute_reason="known")
    over = CaseWork(acknowledged_by="ben (slack)", acknowledged_at=NOW, muted_by="ben", muted_until=NOW)
    world.reader.stored = [
        case(1, "high", opened_at=NOW - timedelta(hours=2), work=muted),
        case(2, "critical", opened_at=NOW - timedelta(hours=1), work=over),
        case(3, "medium"),
        case(4, "critical", state="recovered"),
        *(case(5 + n, "high", opened_at=NOW - timedelta(days=1 + n)) for n in range(12)),
    ]
    table = section(parsed(client, "/"), "grave")
    keys = table.xpath(".//td/a/@href")
    assert len(keys) == 8
    assert [key[-1] for key in keys[:3]] == ["2", "1", "5"]
    said = words(table)
    assert "anna (account)" in said
    assert "muted until 2026-11-24 03:04 UTC" in said
    assert "seen by ben (slack)" in said
    assert said.count("muted") == 1
    assert "nobody" in said


@pytest.mark.parametrize(("query", "hours"), [("", 24), ("?hours=1", 1), ("?hours=168", 168)])
def test_the_period_is_in_the_address(world: World, client: FlaskClient, query: str, hours: int) -> None:
    page = parsed(client, f"/{query}")
    assert world.reader.asked_since == [NOW - timedelta(hours=hours)]
    assert len(page.xpath("//nav[@aria-label='Period']/a[@aria-current]")) == 1
    assert page.xpath(f"//nav[@aria-label='Period']/a[@aria-current][@href='/?hours={hours}']")


@pytest.mark.parametrize("hours", ["0", "169", "x", "-1", "٣"])
def test_no_other_period_is_taken(client: FlaskClient, hours: str) -> None:
    assert client.get("/", query_string={"hours": hours}).status_code == 400


# --- the frame ------------------------------------------------------------------------------------------------------


def menu(page: HtmlElement) -> list[str]:
    return list(page.xpath("//nav[@aria-label='Main']/a/text()"))


def test_the_menu_shows_where_one_is_and_what_one_may_see(world: World, connect: Connect) -> None:
    world.reader.stored = [case_record()]
    client = connect(read_tokens=("r",), write_tokens=("w",))
    pages = {}
    for token in ("r", "w"):
        answer = client.get(f"/cases/{case_record().key}", headers={"Authorization": f"Bearer {token}"})
        pages[token] = lxml_html.document_fromstring(answer.get_data(as_text=True))
    assert menu(pages["w"])[:6] == ["Overview", "Cases", "Deliveries", "Dead letters", "Intake", "Tuning"]
    assert [name for name in menu(pages["w"]) if name not in menu(pages["r"])] == ["Audit"]
    for page in pages.values():
        assert page.xpath("//nav[@aria-label='Main']/a[@aria-current='page']/text()") == ["Cases"]
        assert page.xpath("//button/@popovertarget") == page.xpath("//nav[@popover]/@id")


def test_only_who_may_act_sees_buttons(world: World, connect: Connect) -> None:
    world.reader.sent = [delivery("slack", "dead", reason="invalid")]
    world.reader.dead = [alert_record("X1", state="dead", reason="not_json")]
    world.inbox.records = {"X1": world.reader.dead[0]}
    client = connect(read_tokens=("r",), write_tokens=("w",))
    for path in ("/deliveries", "/dead-letters", "/intake", "/alerts/X1"):
        counts = []
        for token in ("r", "w"):
            answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
            page = lxml_html.document_fromstring(answer.get_data(as_text=True))
            counts.append(sum(form.get("method") == "post" for form in page.iter("form")))
        assert counts[0] == 0, path
        assert counts[1] > 0, path


# --- lists ----------------------------------------------------------------------------------------------------------


def test_each_filter_in_force_has_a_way_out_of_it(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case(n, "critical") for n in range(3)]
    page = parsed(client, "/cases?severity=critical&state=open&text=ws-fin&limit=2&after=1")
    chips = page.xpath("//ul[@class='chosen']//a")
    assert [chip.get("href") for chip in chips] == [
        "/cases?limit=2&severity=critical&state=open",
        "/cases?limit=2&state=open&text=ws-fin",
        "/cases?limit=2&severity=critical&text=ws-fin",
        "/cases",
    ]
    assert "Text: ws-fin" in words(chips[0])
    assert page.xpath("//title/text()") == ["Cases, critical, open, “ws-fin” · Enricher"]
    assert parsed(client, "/cases").xpath("//ul[@class='chosen']") == []


def test_deliveries_are_found_by_destination_state_and_reason(world: World, client: FlaskClient) -> None:
    said = "HTTP 400: no channel"
    world.reader.sent = [
        delivery("jira", "dead", reason="invalid", detail=said),
        delivery("slack", "dead", reason="invalid"),
        delivery("slack", "pending", reason="timeout", due_at=NOW),
    ]
    page = parsed(client, "/deliveries?destination=jira&state=dead&reason=invalid")
    (row,) = page.xpath("//tbody/tr")
    assert said in words(row)
    assert page.xpath("//select/option[@selected]/text()") == ["jira", "dead", "invalid"]
    assert "No delivery fits." in words(parsed(client, "/deliveries?destination=elsewhere"))


def test_drift_says_why_with_examples(world: World, client: FlaskClient) -> None:
    line: dict[str, Any] = {"day": "2026-11-24", "field": "is_suspicious", "sumo": "1", "ours": "0", "cases": 3, "rows": 3}
    world.drift = {"drift": [{**line, "reason": "suspicious_regex"}] * 101, "queries": []}
    page = parsed(client, "/drift?days=7")
    assert "is suspicious: 1 there, 0 here" in words(section(page, "reasons"))
    assert "an unanchored expression" in words(section(page, "reasons"))
    assert "303" in words(section(page, "reasons"))
    assert "1 older lines are left out" in words(section(page, "columns"))
    assert page.xpath("//nav[@aria-label='Period']/a[@aria-current]/text()") == ["7 days"]
    assert parsed(client, "/").xpath("//a[@href='/drift#suspicious_regex']")


def test_times_are_for_people_and_for_machines(world: World, client: FlaskClient) -> None:
    world.reader.stored = [case(1, "critical")]
    (time,) = parsed(client, "/cases").xpath("//tbody//time")
    assert (time.get("datetime"), time.text) == ("2026-11-24T02:03:41Z", "2026-11-24 02:03 UTC")


def addresses(page: HtmlElement) -> list[str]:
    """Of all that a browser loads with the page."""
    elements = [element for element in page.iter("link", "script", "img") if isinstance(element, HtmlElement)]
    return [element.get("href") or element.get("src") or "" for element in elements]


@pytest.mark.parametrize("path", ["/", "/cases", "/deliveries", "/dead-letters", "/intake", "/drift"])
def test_a_full_page_is_no_load(world: World, client: FlaskClient, path: str) -> None:
    """Fifty rows, with all the style sheets and scripts that it names."""
    world.reader.stored = [case(n, "critical") for n in range(60)]
    world.reader.sent = [
        delivery("jira", "dead", reason="invalid", detail="x" * 300, delivery_id=f"D{n}") for n in range(60)
    ]
    world.reader.dead = [alert_record(f"X{n}", state="dead", reason=f"not_json: {'y' * 200}") for n in range(60)]
    world.reader.heard = [source_record(f"source-{n}") for n in range(20)]
    line = {
        "day": "2026-11-24",
        "field": "is_suspicious",
        "sumo": "s" * 100,
        "ours": "0",
        "reason": "identity",
        "cases": 1,
        "rows": 1,
    }
    world.drift = {"drift": [line] * 1000, "queries": []}
    world.rules = [rule(id=f"TUN-{n}") for n in range(200)]
    answer = client.get(path)
    page = lxml_html.document_fromstring(answer.get_data(as_text=True))
    loaded = [client.get(source, buffered=True).data for source in addresses(page)]
    assert len(answer.data) + sum(map(len, loaded)) < MOST_BYTES
