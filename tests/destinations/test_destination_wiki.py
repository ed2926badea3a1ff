"""Wiki markup from an Atlassian document: the same text, and none of it markup."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enricher.core.document import CaseDocument, Json
from enricher.destinations import adf, jira_body, wiki
from tests.destinations.cases import CRITICAL, EMPTY, LOW, MARKUP, RECOVERY, hostile
from tests.destinations.wiki_reader import read

HOSTILE = (
    "{code}x{code} {noformat}y{noformat} {panel:title=a}z{panel} {color:red}r{color} {html}<b>h</b>{html} {{m}}",
    "[link|http://evil.example] [http://evil.example] [~admin] [^file.exe] [#anchor] [a|javascript:alert(1)]",
    "!http://evil.example/x.png! !image.png|thumbnail! @admin mail@evil.example",
    "*b* _i_ -s- +u+ ^sup^ ~sub~ ??cite?? | cell || head | a--b --- ----",
    "h1. heading",
    "bq. quotation",
    "* item",
    "# item",
    "- item",
    "|a|b|",
    "||a||b||",
    "\\\\ two are a line break \\{code} \\\\server\\share C:\\*\\x \\",
    "&amp; &#123;code&#125; &lt;b&gt; <script>alert(1)</script>",
    ":) ;) :D :P (!) (/) (x) (y)",
    "a_b_c x-y-z node_modules T1583.007 CORP\\m.alvarez",
    "}} {{ }}} }{",
    MARKUP,
)


def texts(node: Json) -> list[str]:
    """The texts of a document, one for each paragraph, heading, item and cell; empty ones are left out."""
    if node["type"] in {"paragraph", "heading"}:
        parts = [_shown(part) for part in node["content"]]
        return [text] if (text := " ".join("".join(parts).split())) else []
    return [text for child in node["content"] for text in texts(child)]


def _shown(node: Json) -> str:
    shown: str = node["attrs"]["text"].upper() if node["type"] == "status" else node["text"]
    return shown


def everywhere(text: str) -> Json:
    """A document that has the text wherever a text can stand."""
    return adf.document(
        adf.paragraph(text),
        adf.paragraph(adf.strong(text), " ", adf.code(text), f" {text}"),
        adf.panel("error", adf.paragraph(adf.strong(f"{text} "), text)),
        adf.heading(text),
        *adf.table([[text, adf.code(text), adf.strong(text)], [text, "", text]], head=[text, "b", "c"]),
        *adf.table([[text, [adf.link(text, "https://enricher.corp.example/a"), ", ", text]]], label_column=True),
        *adf.bullets([text, adf.code(text)]),
        *adf.descent([[text], [adf.strong(text), " ", adf.code(text)], [text]]),
        *adf.numbers([text]),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup_wherever_it_stands(text: str) -> None:
    document = everywhere(text)
    assert read(wiki.write(document)) == texts(document)


@pytest.mark.parametrize("text", HOSTILE[:-2])
def test_the_reader_takes_it_for_markup_where_it_is_not_escaped(text: str) -> None:
    """Guards the test above: it must be able to fail."""
    if text == "a_b_c x-y-z node_modules T1583.007 CORP\\m.alvarez":
        assert read(text) == [text]
    else:
        assert read(text) != [" ".join(text.split())]


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.sampled_from("ab1 {}[]()*_-+^~?!|\\#@<>&:;.,/=\"'`%$h…é😀DP\n\t"), min_size=1, max_size=40))
def test_any_text_is_read_back_as_it_was(text: str) -> None:
    document = everywhere(text)
    assert read(wiki.write(document)) == texts(document)


@pytest.mark.parametrize("case", [CRITICAL, LOW, EMPTY, hostile()], ids=["critical", "low", "empty", "hostile"])
def test_both_outputs_say_the_same(case: CaseDocument) -> None:
    description = jira_body.render(case, project="SEC", base_url="https://enricher.corp.example")["fields"]["description"]
    assert read(wiki.write(description)) == texts(description)
    comment = jira_body.render_comment(case, RECOVERY)["body"]
    assert read(wiki.write(comment)) == texts(comment)


@pytest.mark.parametrize(
    ("document", "markup"),
    [
        pytest.param(adf.paragraph("a ", adf.strong(" b "), "c"), "a  *b* c", id="blanks stand outside the stars"),
        pytest.param(adf.paragraph(adf.code("C:\\x")), "{{C:&#92;x}}", id="a backslash cannot be escaped by another"),
        pytest.param(adf.paragraph("ws-fin-0142 a_b -x _y"), "ws-fin-0142 a_b &#45;x &#95;y", id="host names stay whole"),
        pytest.param(
            adf.paragraph(adf.link("a|b]", "https://x.example/?q=[1]!&r=(2)#/z~")),
            "[a&#124;b&#93;|https://x.example/?q=%5B1%5D%21&r=%282%29#/z~]",
            id="a link's address is quoted",
        ),
        pytest.param(adf.paragraph(adf.link("a", "javascript:x")), "a", id="an unsafe link is its label"),
        pytest.param(adf.paragraph(adf.status("high", "red")), "{color:#de350b}*HIGH*{color}", id="status"),
        pytest.param(adf.heading("A", 2), "h2. A", id="heading"),
        pytest.param(adf.panel("note", adf.paragraph("a")), None, id="panel"),
        pytest.param(adf.table([["a", ""]], head=["x", "y"])[0], "|| x || y ||\n| a |  |", id="table"),
        pytest.param(adf.table([["a", "b"]], label_column=True)[0], "|| a | b |", id="table with labels"),
        pytest.param(adf.bullets(["a", ["b", adf.code("c")]])[0], "* a\n* b{{c}}", id="bullets"),
        pytest.param(adf.numbers(["a", "b"])[0], "# a\n# b", id="numbers"),
    ],
)
def test_markup(document: Any, markup: str | None) -> None:
    written = wiki.write(adf.document(document))
    assert written == (markup or "{panel:borderColor=#5243aa|bgColor=#eae6ff}\na\n{panel}")


def test_a_node_that_nobody_writes_is_not_lost_in_silence() -> None:
    with pytest.raises(KeyError):
        wiki.write(adf.document({"type": "expand", "content": []}))
