"""The checker of Atlassian documents: the rules that bite, and agreement with the example bodies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.standins.jira.adf import problem
from enricher.standins.jira.page import html

pytestmark = pytest.mark.slow

BODIES = Path(__file__).parents[1] / "data" / "destination-bodies"
PARAGRAPH = {"type": "paragraph", "content": [{"type": "text", "text": "a"}]}


def doc(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def inline(node: Any) -> dict[str, Any]:
    return doc({"type": "paragraph", "content": [node]})


def text(**more: Any) -> dict[str, Any]:
    return {"type": "text", "text": "a", **more}


def link(href: Any) -> dict[str, Any]:
    return inline(text(marks=[{"type": "link", "attrs": {"href": href}}]))


def table(*cells: Any) -> dict[str, Any]:
    return doc({"type": "table", "content": [{"type": "tableRow", "content": list(cells)}]})


@pytest.mark.parametrize("path", sorted(BODIES.glob("jira-*.json")), ids=lambda path: path.stem)
def test_the_example_bodies_are_valid(path: Path) -> None:
    body = json.loads(path.read_text())
    assert problem(body.get("body") or body["fields"]["description"]) is None


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(doc(), id="nothing in it"),
        pytest.param(doc({"type": "paragraph"}), id="empty paragraph"),
        pytest.param(link("https://enricher.corp.example/cases/1"), id="https link"),
        pytest.param(
            inline(text(marks=[{"type": "code"}, {"type": "link", "attrs": {"href": "http://a.example"}}])), id="code link"
        ),
        pytest.param(doc({"type": "codeBlock", "content": [text()]}), id="code block"),
        pytest.param(doc({"type": "codeBlock", "attrs": {"language": "text"}}), id="empty code block"),
        pytest.param(
            table({"type": "tableHeader", "content": [PARAGRAPH]}, {"type": "tableCell", "content": [PARAGRAPH]}),
            id="table",
        ),
        pytest.param(doc({"type": "expand", "attrs": {"title": "more"}, "content": [PARAGRAPH]}), id="expand"),
        pytest.param(inline({"type": "status", "attrs": {"text": "HIGH", "color": "red"}}), id="status"),
        pytest.param(inline({"type": "date", "attrs": {"timestamp": "1795485127000"}}), id="date"),
        pytest.param(doc({"type": "bulletList", "content": [{"type": "listItem", "content": [PARAGRAPH]}]}), id="list"),
    ],
)
def test_valid(document: Any) -> None:
    assert problem(document) is None
    assert html(document)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("text", id="a string"),
        pytest.param({"type": "doc", "content": []}, id="no version"),
        pytest.param({**doc(), "attrs": []}, id="attrs that are no object"),
        pytest.param({**doc(), "extra": 1}, id="additional property at the top"),
        pytest.param(inline({"type": "text", "text": ""}), id="empty text"),
        pytest.param(inline({"type": "text", "text": None}), id="null text"),
        pytest.param(inline(text(extra=1)), id="additional property of text"),
        pytest.param(doc({**PARAGRAPH, "extra": 1}), id="additional property of a node"),
        pytest.param(doc({**PARAGRAPH, "attrs": {"class": "x"}}), id="additional attribute"),
        pytest.param(doc(text()), id="text at the top"),
        pytest.param(doc({"type": "listItem", "content": [PARAGRAPH]}), id="item without a list"),
        pytest.param(doc({"type": "bulletList", "content": [PARAGRAPH]}), id="list of paragraphs"),
        pytest.param(doc({"type": "bulletList", "content": []}), id="empty list"),
        pytest.param(doc({"type": "codeBlock", "content": [text(marks=[{"type": "strong"}])]}), id="marked code"),
        pytest.param(doc({"type": "codeBlock", "content": [{"type": "hardBreak"}]}), id="break in code"),
        pytest.param(table({"type": "tableCell", "content": []}), id="empty cell"),
        pytest.param(table({"type": "tableCell", "content": [doc()]}), id="document in a cell"),
        pytest.param(table(PARAGRAPH), id="paragraph in a row"),
        pytest.param(doc({"type": "table", "content": [PARAGRAPH]}), id="paragraph in a table"),
        pytest.param(doc({"type": "panel", "content": [PARAGRAPH]}), id="panel without a type"),
        pytest.param(doc({"type": "panel", "attrs": {"panelType": "danger"}, "content": [PARAGRAPH]}), id="unknown panel"),
        pytest.param(doc({"type": "heading", "attrs": {"level": 7}}), id="heading 7"),
        pytest.param(doc({"type": "heading", "attrs": {"level": True}}), id="heading true"),
        pytest.param(doc({"type": "rule", "content": []}), id="content of a rule"),
        pytest.param(doc({"type": "marquee"}), id="unknown node"),
        pytest.param(doc({"type": ["paragraph"]}), id="type that is no text"),
        pytest.param(doc(None), id="null node"),
        pytest.param(inline({"type": "status", "attrs": {"text": "", "color": "red"}}), id="empty status"),
        pytest.param(inline(text(marks=[{"type": "blink"}])), id="unknown mark"),
        pytest.param(inline(text(marks=[{"type": "code"}, {"type": "strong"}])), id="strong code"),
        pytest.param(inline(text(marks=[{"type": "em"}, {"type": "em"}])), id="mark twice"),
        pytest.param(inline(text(marks=[{"type": "textColor", "attrs": {"color": "red"}}])), id="colour by name"),
        pytest.param(link("javascript:alert(1)"), id="javascript link"),
        pytest.param(link("JavaScript:alert(1)//https://a.example"), id="javascript link in disguise"),
        pytest.param(link("data:text/html,x"), id="data link"),
        pytest.param(link("//a.example"), id="link without a scheme"),
        pytest.param(link("https://[bad"), id="link that cannot be read"),
        pytest.param(link(None), id="link to nothing"),
        pytest.param(inline({"type": "inlineCard", "attrs": {"url": "javascript:x"}}), id="javascript card"),
    ],
)
def test_invalid(document: Any) -> None:
    assert problem(document) is not None


def test_a_document_that_is_nested_without_end_is_refused() -> None:
    node: dict[str, Any] = PARAGRAPH
    for _ in range(200):
        node = {"type": "bulletList", "content": [{"type": "listItem", "content": [PARAGRAPH, node]}]}
    assert problem(doc(node)) is not None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["doc", "paragraph", "text", "link", "panel"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "version", "content", "attrs", "text", "marks", "x"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_gives_an_answer(document: Any) -> None:
    found = problem(doc(document))
    assert found is None or ":" in found
