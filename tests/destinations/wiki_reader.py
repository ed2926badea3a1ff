"""Reads Jira's wiki markup as eagerly as Jira might: all that can be markup is taken as such, and only text is left.

Written from Atlassian's notation guide, not from our writer: what comes back differs from what went in wherever a piece of
data has become markup.
"""

from __future__ import annotations

import html
import re

_INLINE = (
    (re.compile(r"\\\\"), "\n"),
    (re.compile(r"\\([^\w\s])"), r"\1"),
    (re.compile(r"\{\{(.+?)\}\}"), r"\1"),
    (re.compile(r"\{[a-z]+(:[^{}\n]*)?\}"), ""),
    (re.compile(r"!\S[^!\n]*!"), "IMAGE"),
    (re.compile(r"\[~[^\]\n]+\]"), "MENTION"),
    (re.compile(r"\[([^\]|\n]+)\|[^\]\n]+\]"), r"\1"),
    (re.compile(r"\[[^\]\n]+\]"), "LINK"),
    (re.compile(r"\b(https?|ftp|file)://\S+|\bmailto:\S+|\b[\w.]+@[\w.]+\b"), "LINK"),
    (re.compile(r"<[^<>\n]+>"), "HTML"),
    (re.compile(r"\?\?(\S.*?)\?\?"), r"\1"),
    (re.compile(r"(?<![^\W_])([*_+^~-])(?=\S)(.+?)(?<=\S)\1(?![^\W_])"), r"\2"),
    (re.compile(r":[)(PD]|;\)|\([yni/x!+?*-]\)"), "FACE"),
    (re.compile(r"(?<!\S)-{2,3}(?!\S)"), "DASH"),
)
_BLOCK = re.compile(r"^(h[1-6]\.|bq\.|[*#-]+|----+)(\s+|$)")


def read(markup: str) -> list[str]:
    """The texts in the markup, one for each paragraph, heading, item and cell; empty ones are left out."""
    texts = [text for line in markup.split("\n") for text in _line(line)]
    return [text for text in (" ".join(html.unescape(text).split()) for text in texts) if text]


def _line(line: str) -> list[str]:
    if not line.startswith("|"):
        return [_inline(_BLOCK.sub("", line))]
    # A bar inside a link does not end a cell.
    whole = re.sub(r"\[([^\]|\n]+)\|[^\]\n]+\]", r"\1", line)
    return [_inline(_BLOCK.sub("", cell.strip())) for cell in re.split(r"\|\|?", whole)]


def _inline(text: str) -> str:
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return text
