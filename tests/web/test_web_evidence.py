"""What the case page says of the evidence: whose child, whose address, how regular, how new, and what is missing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from lxml import html
from lxml.html import HtmlElement

from enricher.core.document import CaseDocument
from tests.web.fakes import FOREIGN_SCRIPTS, NOW, World, bare_document, beacon, case_record, critical_document, enrichment

HARM = "\u202e<b onclick=x>\x1b[31m</title></svg><script>alert(1)</script>\u2028"


def page(world: World, client: FlaskClient, document: CaseDocument) -> HtmlElement:
    world.reader.stored = [case_record(document)]
    answer = client.get(f"/cases/{document['key']}", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    return html.document_fromstring(answer.get_data(as_text=True))


def case(**changes: Any) -> CaseDocument:
    return cast("CaseDocument", {**critical_document(), **changes})


def words(found: HtmlElement) -> str:
    return re.sub(r"\s+", " ", found.text_content()).strip()


def section(found: HtmlElement, name: str) -> HtmlElement:
    (one,) = found.xpath(f"//section[@aria-labelledby='{name}']")
    return cast("HtmlElement", one)


def card(found: HtmlElement, name: str) -> dict[str, str]:
    """A card's labels and what stands under them."""
    one = section(found, name)
    return dict(zip(map(words, one.xpath(".//dt")), map(words, one.xpath(".//dd")), strict=True))


def every(seconds: float, count: int) -> list[str]:
    return [(NOW + timedelta(seconds=seconds * n)).isoformat() for n in range(count)]


# --- lineage --------------------------------------------------------------------------------------------------------


def test_each_process_hangs_below_its_parent(world: World, client: FlaskClient) -> None:
    nodes = page(world, client, critical_document()).xpath("//div[@class='tree']//li/div[@class='node']")
    assert [words(node.xpath("./p")[0]) for node in nodes] == [
        "not known missing",
        "EXCEL.EXE pid 5044 history",
        "mshta.exe pid 6120 observed",
        "powershell.exe pid 7316 this process",
    ]
    assert [len(node.xpath("./ancestor::ol")) for node in nodes] == [1, 2, 3, 4]
    assert "GUID 7C1E2B40-11AA-65F0-0401-00000000A100 only its GUID is known; Sumo Logic is being asked" in words(nodes[0])


@pytest.mark.parametrize(
    ("source", "badge"),
    [
        ("payload", "columns"),
        ("search", "Sumo search"),
        ("history", "history"),
        ("observed", "observed"),
        (HARM, "⟨U+202E⟩"),
    ],
    ids=["payload", "search", "history", "observed", "a source nobody knows"],
)
def test_every_link_says_where_it_is_known_from(world: World, client: FlaskClient, source: str, badge: str) -> None:
    lineage = [{**critical_document()["lineage"][0], "source": source}]
    (first, _) = page(world, client, case(lineage=lineage)).xpath("//div[@class='tree']//li/div[@class='node']")
    assert badge in words(first.xpath(".//span[@class='tag']")[0])


def test_no_parent_at_all_has_its_reason(world: World, client: FlaskClient) -> None:
    found = page(world, client, case(lineage=[], missing=["parent process: not logged"]))
    assert words(found.xpath("//li[@class='gone']/div")[0]) == "not known missing not logged"


@pytest.mark.parametrize("length", [140, 141, 8192])
def test_long_lines_are_cut_and_folded(world: World, client: FlaskClient, length: int) -> None:
    line = "x" * length
    process = {**critical_document()["process"], "command_line": line, "decoded": ["y" * length]}
    (node,) = page(world, client, case(process=process)).xpath("//li[@class='subject']/div")
    folded = node.xpath("./details[summary/code]")
    assert len(folded) == (length > 140)
    if folded:
        assert words(folded[0].xpath("./summary")[0]) == f"{'x' * 140}… {length:,} characters"
    assert words(node.xpath(".//code[@class='command']")[0]) == line
    assert f"What it runs, decoded: {length:,} characters" in words(node)


# --- contacts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contacts", "strokes"),
    [
        pytest.param([], 0, id="none"),
        pytest.param(["soon"], 0, id="none with a time"),
        pytest.param(every(1, 1), 1, id="one"),
        pytest.param(every(0, 200), 1, id="two hundred at one instant"),
        pytest.param(every(600, 200), 200, id="two hundred"),
        pytest.param([*every(0.001, 199), "1970-01-01T00:00:00Z"], 2, id="a clock that is off"),
    ],
)
def test_the_strip_draws_the_contacts(world: World, client: FlaskClient, contacts: list[str], strokes: int) -> None:
    found = section(page(world, client, case(contacts=contacts)), "contacts")
    drawn = found.xpath(".//line[@class='mark']/@x1")
    assert len(drawn) == strokes
    assert all(0 < float(x) < 1000 for x in drawn)
    assert drawn == sorted(drawn, key=float)
    assert words(found.xpath(".//dl")[0]).startswith("Contacts")


def test_the_strip_has_words_for_those_who_do_not_see_it(world: World, client: FlaskClient) -> None:
    (drawing,) = section(page(world, client, critical_document()), "contacts").xpath(".//svg")
    assert drawing.get("role") == "img"
    (title,) = drawing.xpath("./title")
    assert drawing.get("aria-labelledby") == title.get("id")
    assert title.text == "24 contacts in 11 min 32 s, every 30.1 s ± 4.2 % (regular)"


def test_behaviour_says_what_was_judged_and_what_the_other_window_gave(world: World, client: FlaskClient) -> None:
    changed = beacon(
        window="24h", other="irregular", beats=20, bursts=3, requery="exact_timer", resolution_s=1.0, truncated=True
    )
    said = card(page(world, client, case(beacon=changed)), "contacts")
    assert said["Judged over"] == "the last 24 h; the contacts of this case: irregular"
    assert said["Beats"] == "20, of 24 times"
    assert said["Bursts"] == "3"
    assert said["Queries"] == "asked again: exact_timer"
    assert said["Clock"] == "the times are whole seconds"
    assert "more contacts" in said["Cut"]


def test_too_few_contacts_have_a_reason(world: World, client: FlaskClient) -> None:
    few = beacon(**{"class": "insufficient"}, period_s=None, score=None, reason="4 contacts are needed")
    said = card(page(world, client, case(beacon=few, contacts=every(30, 3))), "contacts")
    assert said["Contacts"] == "3 contacts in 1 min"
    assert said["Rhythm"] == "too few to tell a rhythm: 4 contacts are needed"
    assert not {"Score", "Judged over"} & set(said)


# --- the cards ------------------------------------------------------------------------------------------------------


def test_the_destination_and_who_says_so(world: World, client: FlaskClient) -> None:
    to = {**critical_document()["destination"], "ptr": "evil.holder.example"}
    said = card(page(world, client, case(destination=to)), "destination")
    assert said["Holder"] == "AS13335 CLOUDFLARENET, US104.21.48.0/20, USsource: Team Cymru"
    assert said["Range"] == "Cloudflare, 104.16.0.0/13, file of 2026-11-01"
    assert said["PTR"] == "evil[.]holder[.]exampleset by the holder of the block, no evidence of the tenant"
    assert said["Consistent"] == "yesAS13335 is one of those that Cloudflare Workers is served from."


def test_look_ups_have_an_end_an_age_and_an_answer_or_a_reason(world: World, client: FlaskClient) -> None:
    answers = [*critical_document()["enrichments"], enrichment("ptr", "10.0.0.1", "not_applicable", reason="private")]
    rows = section(page(world, client, case(enrichments=answers)), "lookups").xpath(".//tbody/tr")
    assert [" | ".join(map(words, row.xpath("./td"))) for row in rows] == [
        "Owner (ASN) | 104.21.48.117 | ok | 3 min | Team Cymru",
        "Reverse lookup (PTR) | 104.21.48.117 | negative | just asked | no such name",
        "Abuse contact (RDAP) | 104.21.48.117 | timeout | just asked | no answer within 5 s",
        "Forward lookup | beacon-7f[.]example-lab[.]workers[.]dev | stale | 2 h | 104.21.48.117",
        "Published ranges | 104.21.48.117 | ok | 2 d | Cloudflare, 104.16.0.0/13, file of 2026-11-01",
        "Reverse lookup (PTR) | 10.0.0.1 | not applicable |  | private",
    ]


def test_look_ups_that_are_switched_off_take_one_line(world: World, client: FlaskClient) -> None:
    off = [enrichment(source, "192.0.2.1", "disabled", reason="look-ups are off") for source in ("asn", "ptr", "rdap")]
    one = section(page(world, client, case(enrichments=off)), "lookups")
    assert one.xpath(".//table") == []
    assert [words(line) for line in one.xpath("./p")] == ["Not asked: look-ups are off"]


def test_history_leads_to_the_other_cases_of_the_tenant(world: World, client: FlaskClient) -> None:
    found = page(world, client, case(prevalence=2, shared_hosts=["ws-hr-0007"]))
    said = card(found, "history")
    assert (said["First seen"], said["Seen on"]) == ("2026-11-24 01:52:07 UTC", "2 hosts")
    assert said["Kept since"] == "2026-09-30 11:20:00 UTC"
    assert said["Also on"].startswith("ws-hr-0007")
    assert section(found, "history").xpath(".//a/@href") == ["/cases?text=example-lab.workers.dev"]


def test_unknown_history_has_its_reason(world: World, client: FlaskClient) -> None:
    found = page(world, client, case(first_seen_estate=None, prevalence=None, missing=["history: none is kept"]))
    (known, *_) = section(found, "history").xpath(".//dl")
    assert words(known).startswith("First seennot known")
    assert "none is kept" in words(known)
    assert "Seen on" not in words(known)


def test_the_estate(world: World, client: FlaskClient) -> None:
    known = {"role": "jump_host", "groups": ["a", "b"], "owner": None, "maintenance": True, "service_account": None}
    assert card(page(world, client, case(estate=known)), "estate") == {
        "Role": "jump host",
        "Groups": "a, b",
        "Owner": "not given",
        "Maintenance": "a contact fell into a window",
        "Account": "not known",
    }
    assert "No entry of config/estate.yml" in words(section(page(world, client, case(estate=None)), "estate"))


def test_who_the_process_really_is(world: World, client: FlaskClient) -> None:
    said = card(page(world, client, critical_document()), "identity")
    assert said["Original name"] == "PowerShell.EXE"
    assert said["Company"] == "Microsoft Corporation"
    assert said["Class"] == "shell"
    assert said["Identity"] == "user writableit, or a script it runs, lies where a user may write"
    assert said["SHA256"].startswith("9f914d42706fe215")
    assert card(page(world, client, bare_document()), "identity")["Hashes"] == "not known"


def test_what_is_missing_stands_beside_the_next_steps_with_its_why(world: World, client: FlaskClient) -> None:
    found = page(world, client, case(missing=["rhythm: 4 are needed", "everything"]))
    cards = found.xpath("//div[@class='column side']/section/@aria-labelledby")
    assert cards[:2] == ["next", "missing"]
    assert [words(line) for line in section(found, "missing").xpath(".//li")] == ["rhythm: 4 are needed", "everything"]


# --- harm -----------------------------------------------------------------------------------------------------------


def harmful() -> dict[str, Any]:
    document: Any = critical_document()
    known = {"role": HARM, "groups": [HARM] * 50, "owner": HARM, "maintenance": True, "service_account": True}
    return {
        "estate": known,
        "contacts": [HARM] * 200,
        "history_since": HARM,
        "first_seen_estate": HARM,
        "shared_hosts": [HARM * 100] * 20,
        "missing": [f"{HARM}: {HARM * 500}"] * 40,
        "destination": {**document["destination"], "ptr": HARM, "consistency": HARM, "origin": HARM},
        "enrichments": [enrichment(HARM, HARM, HARM, {"names": [HARM], "origin": HARM}, reason=HARM)] * 20
        + [enrichment(source, "104.21.48.117", "ok", dict.fromkeys(_DETAILS, HARM)) for source in ("asn", "ranges")]
        + [enrichment("ptr", "104.21.48.117", "ok", {"names": [HARM, None, 7]})],
        "beacon": beacon(**{"class": HARM}, window=HARM, other=HARM, reason=HARM, requery=HARM),
        "lineage": [{**document["lineage"][0], "source": HARM, "command_line": HARM * 300, "guid": HARM}] * 4,
    }


_DETAILS = ("origin", "dated", "provider", "service", "region", "prefix")


@pytest.mark.parametrize("name", harmful())
def test_hostile_text_in_a_new_place_is_text(world: World, client: FlaskClient, name: str) -> None:
    found = page(world, client, case(**{name: harmful()[name]}))
    assert found.xpath(f"{FOREIGN_SCRIPTS} | //b[@onclick] | //*[@style]") == []
    assert len(found.xpath("//h1")) == 1
    assert len(found.xpath("//section[@aria-labelledby='about']")) == 1
    source = client.get(f"/cases/{critical_document()['key']}").get_data(as_text=True)
    assert not set("\u202e\x1b\u2028") & set(source)
