"""A message as HTML, for the page on which a person reads the channel. Everything from the message is escaped."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from markupsafe import Markup, escape

SPECIAL = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
STYLES = ((re.compile(r"`([^`\n]+)`"), "code"), (re.compile(r"(?<!\w)\*([^*\n]+)\*(?!\w)"), "b"))


def html(message: dict[str, Any], press: str = "") -> Markup:
    """Blocks where there are any, else the text; then attachments. Buttons are sent to the path `press`; without one they only look like it."""
    parts = [_block(block, press) for block in message["blocks"]] or [Markup("<p>{}</p>").format(text(message["text"]))]
    for attachment in message["attachments"]:
        inner = Markup("").join(_block(block, press) for block in attachment.get("blocks", []))
        inner = inner or Markup("<p>{}</p>").format(text(str(attachment.get("text") or attachment.get("fallback", ""))))
        parts.append(
            Markup('<div class="panel" style="border-color:{}">{}</div>').format(_colour(attachment.get("color")), inner)
        )
    return Markup("").join(parts)


def text(source: str) -> Markup:
    """Slack's mrkdwn: `<…>` are links and mentions, entities are the characters they stand for."""
    shown, at = Markup(""), 0
    for match in SPECIAL.finditer(source):
        shown += _styled(source[at : match.start()]) + _special(unescape(match[1]), unescape(match[2] or ""))
        at = match.end()
    return shown + _styled(source[at:])


def _styled(source: str) -> Markup:
    shown = str(escape(unescape(source)))
    for pattern, tag in STYLES:
        shown = pattern.sub(rf"<{tag}>\1</{tag}>", shown)
    return Markup(shown.replace("\n", "<br>"))  # noqa: S704 - escaped two lines above


def _special(what: str, label: str) -> Markup:
    if what.startswith(("http://", "https://")):
        return Markup('<a href="{}" rel="noreferrer">{}</a>').format(what, label or what)
    return Markup('<span class="tag">{}</span>').format(label or what)


def _block(block: dict[str, Any], press: str) -> Markup:
    match block["type"]:
        case "header":
            return Markup("<h2>{}</h2>").format(block["text"]["text"])
        case "divider":
            return Markup("<hr>")
        case "markdown":
            return Markup("<pre>{}</pre>").format(block["text"])
        case "actions":
            return Markup('<div class="buttons">{}</div>').format(
                Markup("").join(_button(one, press) for one in block["elements"])
            )
        case "context":
            return Markup('<p class="small">{}</p>').format(Markup(" ").join(_object(one) for one in block["elements"]))
    body = Markup("<p>{}</p>").format(_object(block["text"])) if block.get("text") else Markup("")
    fields = Markup("").join(Markup("<div>{}</div>").format(_object(one)) for one in block.get("fields", []))
    return body + Markup('<div class="fields">{}</div>').format(fields) if fields else body


def _object(value: dict[str, Any]) -> Markup:
    return text(value["text"]) if value["type"] == "mrkdwn" else escape(value["text"])


def _button(element: dict[str, Any], press: str) -> Markup:
    label = element["text"]["text"]
    if press and element.get("action_id"):
        asks = element.get("confirm", {}).get("text", {}).get("text", "")
        return Markup(
            '<form method="post" action="{}"><input type="hidden" name="action_id" value="{}">'
            '<button class="button" title="{}">{}</button></form>'
        ).format(press, element["action_id"], asks, label)
    if element.get("url", "").startswith(("http://", "https://")):
        return Markup('<a class="button" href="{}" rel="noreferrer">{}</a>').format(element["url"], label)
    return Markup('<span class="button">{}</span>').format(label)


def _colour(value: Any) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"#[0-9A-Fa-f]{6}", value) else "#dfe1e6"
