"""A channel's messages: posting, changing and reading them, with Slack's errors raised as refusals in a 200."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from enricher.standins.service import Clock, Refusal
from enricher.standins.shelf import Json, Shelf
from enricher.standins.slack import blocks

TEXT_LONGEST, UPDATE_LONGEST = 40_000, 4_000
MICRO = 1_000_000
NEVER = 4e9


def no(error: str, why: Iterable[str] = ()) -> Refusal:
    """Slack's way to say no: 200, `ok` false, and the reasons where it has some."""
    messages = list(why)
    return Refusal(200, {"ok": False, "error": error} | ({"response_metadata": {"messages": messages}} if messages else {}))


class Messages:
    """All messages of all channels, by channel and `ts`."""

    def __init__(self, clock: Clock, state: Path | None, total: int) -> None:
        self._clock, self._total = clock, total
        self._shelf = Shelf(state / "messages" if state else None)
        self._last = max((_micros(message["ts"]) for message in self._shelf), default=0)
        self._tops: dict[str, list[int]] = defaultdict(list)
        """By channel the times of its own messages, the oldest first: a busy one is read hundreds of times a second."""
        self._threads: dict[tuple[str, str], list[str]] = defaultdict(list)
        """By channel and the parent's `ts`: the parent and its replies."""
        for message in sorted(self._shelf, key=lambda one: _micros(one["ts"])):
            self._index(message)

    def all(self) -> list[Json]:
        return list(self._shelf)

    def get(self, channel: str, ts: str) -> Json | None:
        return self._shelf.get(f"{channel} {ts}")

    def post(self, channel: str, sent: Json, author: Json) -> Json:
        """Raises Refusal. A message without text, blocks and attachments is none."""
        message = _content(sent)
        if not any(message.values()):
            raise no("no_text")
        if len(message["text"]) > TEXT_LONGEST:
            raise no("msg_too_long")
        self._check(message)
        thread = sent.get("thread_ts")
        parent = self.get(channel, str(thread)) if thread else None
        if thread and (parent is None or parent["thread_ts"] not in {None, parent["ts"]}):
            raise no("cannot_reply_to_message")
        message |= {
            "type": "message",
            "channel": channel,
            "ts": self._next_ts(),
            "thread_ts": thread or None,
            "edited": None,
        }
        message |= {"metadata": _metadata(sent), **author}
        if parent and parent["thread_ts"] is None:
            parent["thread_ts"] = parent["ts"]
            self._put(parent)
        self._put(message)
        self._index(message)
        return message

    def update(self, channel: str, sent: Json) -> Json:
        """Raises Refusal. With a text and no blocks the old blocks go; attachments and metadata that are left out stay."""
        message = self.get(channel, str(sent.get("ts")))
        if message is None:
            raise no("message_not_found")
        new = _content(sent)
        if len(new["text"]) > UPDATE_LONGEST:
            raise no("msg_too_long")
        if "attachments" not in sent:
            new["attachments"] = message["attachments"]
        if not any(new.values()):
            raise no("no_text")
        self._check(new)
        changed = message | new | {"edited": {"ts": self._next_ts()}}
        if "metadata" in sent:
            changed["metadata"] = _metadata(sent)
        self._put(changed)
        return changed

    def delete(self, channel: str, ts: str) -> None:
        """Its replies are left behind, in a thread that is not there. Raises Refusal."""
        if self.get(channel, ts) is None:
            raise no("message_not_found")
        self._shelf.remove(f"{channel} {ts}")

    def history(self, channel: str, oldest: float, latest: float, *, inclusive: bool) -> list[Json]:
        """Messages of the channel itself, newest first; replies are in their threads."""
        tops = self._tops[channel]
        around = tops[bisect_left(tops, int(oldest * MICRO) - 1) : bisect_right(tops, min(latest, NEVER) * MICRO + 1)]
        found = (self.get(channel, _ts(at)) for at in reversed(around))
        return [message for message in found if message and _within(message, oldest, latest, inclusive)]

    def thread(self, channel: str, ts: str) -> list[Json]:
        """The parent and its replies, oldest first. Raises Refusal."""
        parent = self.get(channel, ts)
        if parent is None:
            raise no("thread_not_found")
        found = (self.get(channel, one) for one in self._threads[channel, parent["thread_ts"] or ts])
        return [message for message in found if message]

    def _check(self, message: Json) -> None:
        wrong = blocks.problems(message["blocks"])
        for n, attachment in enumerate(message["attachments"]):
            if not isinstance(attachment, dict):
                raise no("invalid_attachments")
            inside = blocks.problems(attachment.get("blocks", []))
            wrong += [text.replace("pointer:/", f"pointer:/attachments/{n}/") for text in inside]
        if wrong:
            raise no("invalid_blocks", wrong)
        if blocks.total(message["blocks"], message["attachments"]) > self._total:
            raise no("msg_blocks_too_long")

    def _put(self, message: Json) -> None:
        message["pings"], message["mentions"] = blocks.pings(message)
        self._shelf.put(f"{message['channel']} {message['ts']}", message)

    def _index(self, message: Json) -> None:
        channel, ts, root = message["channel"], message["ts"], message["thread_ts"]
        if root in {None, ts}:
            self._tops[channel].append(_micros(ts))
        self._threads[channel, root or ts].append(ts)

    def _next_ts(self) -> str:
        self._last = max(self._last + 1, round(self._clock() * MICRO))
        return _ts(self._last)


def shown(message: Json, *, metadata: bool) -> Json:
    """A message as a client sees it: metadata only where it was asked for."""
    hidden = {"channel", "pings", "mentions"} | (set() if metadata and message["metadata"] else {"metadata"})
    return {name: value for name, value in message.items() if name not in hidden and value is not None}


def _content(sent: Json) -> Json:
    text = sent.get("text") or ""
    parts = {name: sent.get(name) or [] for name in ("blocks", "attachments")}
    if not isinstance(text, str):
        raise no("invalid_arguments")
    for name, part in parts.items():
        if not isinstance(part, list):
            raise no(f"invalid_{name}_format")
    return {"text": text, **parts}


def _metadata(sent: Json) -> Any:
    metadata = sent.get("metadata")
    if metadata is None:
        return None
    error = blocks.metadata_error(metadata)
    if error:
        raise no(error)
    return metadata


def _micros(ts: str) -> int:
    seconds, _, micros = ts.partition(".")
    return int(seconds) * MICRO + int(micros)


def _ts(micros: int) -> str:
    return f"{micros // MICRO}.{micros % MICRO:06d}"


def _within(message: Json, oldest: float, latest: float, inclusive: bool) -> bool:  # noqa: FBT001 - Slack's own flag
    at = _micros(message["ts"]) / MICRO
    return oldest <= at <= latest if inclusive else oldest < at < latest
