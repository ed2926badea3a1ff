"""Text as Slack takes it: escaped, and links that are ours."""

from __future__ import annotations

from enricher.destinations.text import length, safe_url

MOST_ANCHOR = 350
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"})


def escaped(text: str, limit: int) -> str:
    """`text` without Slack's markup, at most `limit` characters *after* escaping; no entity is cut in two."""
    whole = text.translate(_ESCAPES)
    if length(whole) <= limit:
        return whole
    room = limit - len("… 1000000 more, see case")
    kept, used = 0, 0
    for char in text:
        used += length(char.translate(_ESCAPES))
        if used > room:
            break
        kept += 1
    return f"{text[:kept].translate(_ESCAPES)}… {len(text) - kept} more, see case"


def anchor(label: str, url: str | None, most: int = 60) -> str:
    """A link in Slack's markup; its label alone where it is not safe, or too long."""
    safe = (safe_url(url) or "").replace("&", "&amp;")
    return f"<{safe}|{escaped(label, most)}>" if safe and len(safe) <= MOST_ANCHOR else escaped(label, most)
