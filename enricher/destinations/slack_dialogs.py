"""What is shown in Slack to a person who has pressed a button. Implements `ports.Dialogs`.

Slack waits three seconds for the answer to a press, and a trigger is good for as long: so the calls are short, and none is repeated.
"""

from __future__ import annotations

import httpx2

from enricher.core.document import Json
from enricher.destinations.slack_api import SlackApi
from enricher.destinations.slack_markup import escaped
from enricher.destinations.slack_work import why_form

READ_S = 1.2
MOST_SAID = 500


class SlackDialogs:
    """Over the bot's token. `transport` is for tests."""

    def __init__(self, token: str, url: str, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._api = SlackApi(token, name="slack", url=url, read_s=READ_S, transport=transport)

    def ask_why(self, trigger: str, key: str, channel: str) -> None:
        self._call("views.open", {"trigger_id": trigger, "view": why_form(key, channel)})

    def tell(self, channel: str, user: str, text: str) -> None:
        self._call("chat.postEphemeral", {"channel": channel, "user": user, "text": escaped(text, MOST_SAID)})

    def close(self) -> None:
        """Let go of its connections."""
        self._api.service.close()

    def _call(self, method: str, body: Json) -> None:
        self._api.call(method, json=body)
