"""Slack's Block Kit, the few blocks of it that we send. Tests hold them to slack_sdk's models, which know every limit.

`verbatim` keeps Slack from making links of names by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from enricher.core.document import Json


def section(text: str, *, block_id: str | None = None) -> Json:
    """A paragraph of Slack's markup."""
    return _named({"type": "section", "text": _markup(text)}, block_id)


def fields(texts: Sequence[str], *, block_id: str) -> Json:
    """Short texts of Slack's markup, in two columns."""
    return _named({"type": "section", "fields": [_markup(text) for text in texts]}, block_id)


def header(text: str, *, block_id: str) -> Json:
    """A line in large letters, without markup."""
    return _named({"type": "header", "text": _plain(text)}, block_id)


def context(text: str, *, block_id: str) -> Json:
    """A line in small letters."""
    return _named({"type": "context", "elements": [_markup(text)]}, block_id)


def actions(buttons: Sequence[Json], *, block_id: str) -> Json:
    """A row of buttons."""
    return _named({"type": "actions", "elements": list(buttons)}, block_id)


def button(text: str, *, action_id: str, **more: str | Json) -> Json:
    """A button; `more` is its `style`, `value`, `url` or `confirm`."""
    return {"type": "button", "text": _plain(text), "action_id": action_id, **more}


def confirm(title: str, text: str, *, yes: str, no: str) -> Json:
    """The question that is asked before a button counts."""
    return {"title": _plain(title), "text": _markup(text), "confirm": _plain(yes), "deny": _plain(no)}


def _named(block: Json, block_id: str | None) -> Json:
    return {**block, "block_id": block_id} if block_id else block


def _markup(text: str) -> Json:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": True}
