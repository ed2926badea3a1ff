"""What is shown in Slack to a person who has pressed a button. Implements `ports.Dialogs`.

Slack waits three seconds for the answer to a press, and a trigger is good for as long: so the calls are short, and none is repeated.
"""

from __future__ import annotations

import httpx2

from enricher.core.document import Json
from enricher.destinations.http import Service
from enricher.destinations.slack_markup import escaped
from enricher.destinations.slack_words import reason_of
from enricher.destinations.slack_work import why_form

READ_S = 1.2
MOST_SAID = 500


class SlackDialogs:
    """Over the bot's token. `transport` is for tests."""

    def __init__(self, token: str, url: str, *, transport: httpx2.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._service = Service("slack", url, read_s=READ_S, secrets=[token], headers=headers, transport=transport)

    def ask_why(self, trigger: str, key: str, channel: str) -> None:
        self._call("views.open", {"trigger_id": trigger, "view": why_form(key, channel)})

    def tell(self, channel: str, user: str, text: str) -> None:
        self._call("chat.postEphemeral", {"channel": channel, "user": user, "text": escaped(text, MOST_SAID)})

    def close(self) -> None:
        """Let go of its connections."""
        self._service.close()

    def _call(self, method: str, body: Json) -> None:
        data = self._service.call("POST", f"/{method}", json=body).data
        if data.get("ok") is not True:
            word = self._service.word(data, "error")
            raise self._service.error(reason_of(word), word)
