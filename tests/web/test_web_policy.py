"""What the pages' policy forbids stands in no template: no script, style or handler within a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "enricher/web"
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
FORBIDDEN = {
    "a script within the page": r"<script(?![^>]*\bsrc=)",
    "a style within the page": r"<style\b|\sstyle\s*=",
    "a handler": r"\son[a-z]+\s*=",
    "an address that is a program": r"javascript:|data:text/",
    "text that is not escaped": r"\|\s*safe\b|\bautoescape\s+false\b|\bMarkup\b",
    "something from elsewhere": r"<(?:script|link|img|iframe|object|embed)\b[^>]*(?:src|href)\s*=\s*[\"'](?:https?:)?//",
}


def found(text: str) -> list[str]:
    return [name for name, pattern in FORBIDDEN.items() if re.search(pattern, text, re.IGNORECASE)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_keeps_the_policy(path: Path) -> None:
    assert found(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("<script>x</script>", "a script within the page"),
        ('<p style="color: red">', "a style within the page"),
        ('<img src="x" onerror="y">', "a handler"),
        ('<a href="javascript:x">', "an address that is a program"),
        ("{{ text | safe }}", "text that is not escaped"),
        ('<script src="https://cdn.example/x.js"></script>', "something from elsewhere"),
    ],
)
def test_what_breaks_it_is_found(text: str, named: str) -> None:
    assert named in found(text)


def test_the_style_sheets_fetch_nothing_from_elsewhere() -> None:
    for path in (WEB / "static").glob("*.css"):
        assert not re.search(r"@import|url\(\s*[\"']?(?:https?:)?//", path.read_text(encoding="utf-8")), path.name
