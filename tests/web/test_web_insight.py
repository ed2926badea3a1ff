"""The Insight on the case page: named, linked to Sumo Logic alone, and harmless whatever it is called."""

from __future__ import annotations

import re
from typing import cast

import pytest
from flask.testing import FlaskClient
from lxml import html
from lxml.html import HtmlElement

from enricher.core.document import CaseDocument, InsightDoc
from tests.web.fakes import World, case_record, critical_document

URL = "https://service.us2.sumologic.com/sec/insight/3f0d7c52"
INSIGHT = InsightDoc(id="3f0d7c52", readable_id="INSIGHT-4821", severity="HIGH", entity="ws-fin-0142.corp.example", url=URL)


def page(world: World, client: FlaskClient, document: CaseDocument) -> HtmlElement:
    record = case_record(document)
    world.reader.stored = [record]
    answer = client.get(f"/cases/{record.key}", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    return html.document_fromstring(answer.get_data(as_text=True))


def words(found: HtmlElement) -> str:
    return re.sub(r"\s+", " ", found.text_content())


def with_insight(**changes: object) -> CaseDocument:
    return cast("CaseDocument", critical_document() | {"insight": INSIGHT | changes})


def test_the_case_page_names_the_insight(world: World, client: FlaskClient) -> None:
    found = page(world, client, with_insight())
    assert "INSIGHT-4821 about ws-fin-0142.corp.example, severity there HIGH" in words(found)
    assert [link.text for link in found.xpath(f'//a[@href="{URL}"]')] == ["INSIGHT-4821"]


@pytest.mark.parametrize("url", [None, "https://evil.example/sec/insight/1", "javascript:alert(1)"])
def test_an_address_elsewhere_is_no_link(world: World, client: FlaskClient, url: str | None) -> None:
    found = page(world, client, with_insight(url=url))
    assert "INSIGHT-4821" in words(found)
    assert not [link for link in found.xpath("//a/@href") if "evil" in link or "javascript" in link]


def test_a_hostile_name_is_text(world: World, client: FlaskClient) -> None:
    hostile = "<img src=x onerror=alert(1)>\u202e{{7*7}}"
    found = page(world, client, with_insight(readable_id=hostile, entity=hostile, severity=hostile, url=None))
    assert not found.xpath("//img")
    assert "<img src=x onerror=alert(1)>" in words(found)
    assert "49" not in words(found).partition("<img")[2].partition("Tickets")[0]


def test_a_case_of_none_shows_none(world: World, client: FlaskClient) -> None:
    older = critical_document()
    del older["insight"]  # type: ignore[misc] # a case that was stored before there were Insights
    for document in (critical_document(), older):
        assert "Insight" not in words(page(world, client, document))
