"""What Slack lets into a message: blocks with their limits, the undocumented total, metadata; and whom the message pings.

The limits are those of `facts` and of slack_sdk's models; the total is the smallest that was seen to fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from enricher.standins.shelf import Json

BLOCKS = 50
TOTAL = 11_340
SECTION_TEXT, FIELDS, FIELD_TEXT = 3_000, 10, 2_000
HEADER_TEXT, CONTEXT_ELEMENTS, ACTIONS, MARKDOWN_TEXT = 150, 10, 25, 12_000
BUTTON_TEXT, VALUE, URL, ID = 75, 2_000, 3_000, 255
CONFIRM = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
METADATA = 16_000
BROADCAST = re.compile(r"<!(channel|here|everyone)(?:\|[^>]*)?>")
MENTION = re.compile(r"<(!subteam\^[A-Z0-9]+|@[A-Z0-9]+)(?:\|[^>]*)?>")
WORDS = {"mrkdwn", "plain_text"}


def problems(blocks: Any) -> list[str]:
    """Everything wrong with a message's blocks, as Slack words it."""
    if not isinstance(blocks, list):
        return ["[ERROR] must be an array [json-pointer:/blocks]"]
    found = [f"[ERROR] no more than {BLOCKS} items allowed [json-pointer:/blocks]"] if len(blocks) > BLOCKS else []
    seen: set[str] = set()
    for n, block in enumerate(blocks):
        at = f"/blocks/{n}"
        if _kind(block) not in CHECKS:
            found.append(f"[ERROR] unsupported type: {_kind(block)} [json-pointer:{at}/type]")
            continue
        block_id = block.get("block_id")
        if block_id is not None and (not isinstance(block_id, str) or len(block_id) > ID or block_id in seen):
            found.append(f"[ERROR] invalid block_id [json-pointer:{at}/block_id]")
        seen.add(str(block_id))
        found += CHECKS[block["type"]](block, at)
    return found


def total(blocks: list[Any], attachments: list[Any]) -> int:
    """The characters of all blocks as JSON, those in attachments too."""
    inside = [one.get("blocks", []) for one in attachments if isinstance(one, dict)]
    return sum(len(orjson.dumps(part).decode()) for part in (blocks, *inside) if part)


def metadata_error(metadata: Any) -> str | None:
    """Slack's error for a message's metadata, None where it is good."""
    if not isinstance(metadata, dict):
        return "invalid_metadata_format"
    payload = metadata.get("event_payload")
    if not isinstance(metadata.get("event_type"), str) or not metadata["event_type"] or not isinstance(payload, dict):
        return "invalid_metadata_schema"
    if not all(map(_may_be_metadata, payload.values())):
        return "invalid_metadata_schema"
    return "metadata_too_large" if len(orjson.dumps(metadata)) > METADATA else None


def _may_be_metadata(value: Any) -> bool:
    """As Slack's own types have it: text, numbers and booleans, objects of these, and arrays of such objects."""
    if isinstance(value, list):
        return all(isinstance(one, dict) and _may_be_metadata(one) for one in value)
    return all(isinstance(one, str | int | float) for one in (value.values() if isinstance(value, dict) else [value]))


def pings(message: Json) -> tuple[list[str], list[str]]:
    """(whole-channel pings, mentions of a person or group) that the message's texts make."""
    texts = [message.get("text", ""), *_mrkdwn(message.get("blocks", [])), *_mrkdwn(message.get("attachments", []))]
    broadcasts = [found for text in texts for found in BROADCAST.findall(text)]
    mentions = [found for text in texts for found in MENTION.findall(text)]
    return broadcasts, mentions


def _mrkdwn(part: Any) -> Iterator[str]:
    """Every text in it that Slack reads as markup."""
    if isinstance(part, dict):
        if part.get("type", "mrkdwn") in {"mrkdwn", "markdown"}:
            yield from (part[name] for name in ("text", "pretext") if isinstance(part.get(name), str))
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _mrkdwn(one)


def _kind(block: Any) -> str:
    return str(block.get("type")) if isinstance(block, dict) else type(block).__name__


def _text(value: Any, longest: int, at: str, kinds: frozenset[str] = frozenset(WORDS)) -> Iterator[str]:
    if not isinstance(value, dict) or _kind(value) not in kinds or not isinstance(value.get("text"), str):
        yield f"[ERROR] failed to match all allowed schemas [json-pointer:{at}]"
    elif not value["text"]:
        yield f"[ERROR] must be more than 0 characters [json-pointer:{at}/text]"
    elif len(value["text"]) > longest:
        yield f"[ERROR] must be less than {longest + 1} characters [json-pointer:{at}/text]"


def _section(block: Json, at: str) -> Iterator[str]:
    fields = block.get("fields")
    if block.get("text") is None and not fields:
        yield f"[ERROR] missing required field: text [json-pointer:{at}]"
    if block.get("text") is not None:
        yield from _text(block["text"], SECTION_TEXT, f"{at}/text")
    if fields is not None and (not isinstance(fields, list) or not 0 < len(fields) <= FIELDS):
        yield f"[ERROR] no more than {FIELDS} items allowed [json-pointer:{at}/fields]"
    for n, one in enumerate(fields if isinstance(fields, list) else []):
        yield from _text(one, FIELD_TEXT, f"{at}/fields/{n}")
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory")


def _header(block: Json, at: str) -> Iterator[str]:
    yield from _text(block.get("text"), HEADER_TEXT, f"{at}/text", frozenset({"plain_text"}))


def _context(block: Json, at: str) -> Iterator[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 0 < len(elements) <= CONTEXT_ELEMENTS:
        yield f"[ERROR] between 1 and {CONTEXT_ELEMENTS} items allowed [json-pointer:{at}/elements]"
        return
    for n, one in enumerate(elements):
        yield from _text(one, SECTION_TEXT, f"{at}/elements/{n}")


def _actions(block: Json, at: str) -> Iterator[str]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 0 < len(elements) <= ACTIONS:
        yield f"[ERROR] between 1 and {ACTIONS} items allowed [json-pointer:{at}/elements]"
        return
    for n, one in enumerate(elements):
        yield from _element(one, f"{at}/elements/{n}")


def _element(element: Any, at: str) -> Iterator[str]:
    """A button: the one element that a case uses."""
    if not isinstance(element, dict) or element.get("type") != "button":
        yield f"[ERROR] unsupported type: {_kind(element)} [json-pointer:{at}/type]"
        return
    yield from _text(element.get("text"), BUTTON_TEXT, f"{at}/text", frozenset({"plain_text"}))
    for name, longest in (("value", VALUE), ("url", URL), ("action_id", ID)):
        value = element.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > longest):
            yield f"[ERROR] must be less than {longest + 1} characters [json-pointer:{at}/{name}]"
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{at}/confirm")


def _confirm(dialogue: Any, at: str) -> Iterator[str]:
    if not isinstance(dialogue, dict):
        yield f"[ERROR] must be an object [json-pointer:{at}]"
        return
    for name, longest in CONFIRM.items():
        if name in dialogue:
            yield from _text(dialogue[name], longest, f"{at}/{name}")


def _markdown(block: Json, at: str) -> Iterator[str]:
    if not isinstance(block.get("text"), str) or not 0 < len(block["text"]) <= MARKDOWN_TEXT:
        yield f"[ERROR] must be less than {MARKDOWN_TEXT + 1} characters [json-pointer:{at}/text]"


def _divider(_: Json, __: str) -> Iterator[str]:
    return iter(())


CHECKS = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "markdown": _markdown,
    "divider": _divider,
}
