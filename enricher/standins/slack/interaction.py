"""Buttons and forms: what a press gives an app to answer with, and what only one person sees."""

from __future__ import annotations

from typing import Any

from enricher.standins.service import Clock
from enricher.standins.shelf import Json
from enricher.standins.slack.channel import no

TRIGGER_S = 3.0
TITLE, CALLBACK, PRIVATE, BLOCKS = 24, 255, 3_000, 100


class Interactions:
    """Triggers are good for three seconds, once. `views` and `whispers` are what was opened and said, in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._triggers: dict[str, float] = {}
        self.views: list[Json] = []
        self.whispers: list[Json] = []

    def trigger(self) -> str:
        """What a press brings along, for whoever wants to open a form."""
        name = f"{len(self._triggers) + 1}.738474920.8088930838d88f008e0"
        self._triggers[name] = self._clock()
        return name

    def open(self, sent: Json) -> Json:
        """`views.open`. Raises Refusal."""
        at = self._triggers.get(str(sent.get("trigger_id")))
        if at is None:
            raise no("invalid_trigger_id")
        if self._clock() - at > TRIGGER_S:
            raise no("expired_trigger_id")
        view = sent.get("view")
        if wrong := _wrong(view):
            raise no("invalid_arguments", wrong)
        if any(one["trigger_id"] == sent["trigger_id"] for one in self.views):
            raise no("exchanged_trigger_id")
        self.views.append({"trigger_id": sent["trigger_id"], "view": view})
        return {"view": {"id": f"V{len(self.views)}"}}

    def whisper(self, channel: str, sent: Json) -> Json:
        """`chat.postEphemeral`. Raises Refusal."""
        if not sent.get("user"):
            raise no("user_not_in_channel")
        if not sent.get("text"):
            raise no("no_text")
        self.whispers.append({"channel": channel, "user": sent["user"], "text": sent["text"]})
        return {"message_ts": f"{self._clock():.6f}"}


def _wrong(view: Any) -> list[str]:
    """What Slack would not take of a modal."""
    if not isinstance(view, dict) or view.get("type") != "modal":
        return ["[ERROR] unsupported type [json-pointer:/view/type]"]
    blocks = view.get("blocks")
    checks = {
        "/view/title": 0 < len(str((view.get("title") or {}).get("text", ""))) <= TITLE,
        "/view/callback_id": len(str(view.get("callback_id", ""))) <= CALLBACK,
        "/view/private_metadata": len(str(view.get("private_metadata", ""))) <= PRIVATE,
        "/view/blocks": isinstance(blocks, list) and 0 < len(blocks) <= BLOCKS,
    }
    return [f"[ERROR] invalid [json-pointer:{where}]" for where, is_good in checks.items() if not is_good]
