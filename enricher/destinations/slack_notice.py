"""Slack, for what people must know of the service itself: one message for each silence, and a reply when it is over.

Found again by its metadata, like the message of a case. A doubled message is cheaper than an alarm that nobody sees: where the
history cannot be read, it is posted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import httpx2

from enricher.core.document import Json
from enricher.core.silence import Silence
from enricher.destinations import blocks
from enricher.destinations.http import part
from enricher.destinations.slack_api import SlackApi
from enricher.destinations.slack_history import windows_of
from enricher.destinations.slack_markup import escaped
from enricher.destinations.slack_words import LOST, NO_EDIT, UNREADABLE
from enricher.destinations.slack_work import calling
from enricher.destinations.text import clean
from enricher.errors import DeliveryError

MOST_PAGES = 20
MOST_NAME = 100
_TYPE = "enricher_notice"


class SlackNotices:
    """The port `Notices` for one channel. `mention` is whom an alarm calls, if anybody."""

    def __init__(
        self,
        token: str,
        channel: str,
        *,
        name: str = "slack",
        url: str = "https://slack.com/api",
        mention: str | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.name, self._channel, self._mention = name, channel, mention
        self._api = SlackApi(token, name=name, url=url, transport=transport)
        self._service, self._call = self._api.service, self._api.call

    def close(self) -> None:
        self._service.close()

    def find(self, silence: Silence, tried_at: datetime) -> str | None:
        query = {"channel": self._channel, "inclusive": "true", **windows_of(tried_at.timestamp(), None)[0]}
        try:
            for message in self._messages("conversations.history", query):
                if _says(message) == (silence.key, "begun"):
                    return f"{self._channel}:{self._service.word(message, 'ts')}"
        except DeliveryError as error:
            if error.reason not in UNREADABLE:
                raise
        return None

    def begun(self, silence: Silence) -> str:
        answer = self._call("chat.postMessage", json=render(silence, self._channel, mention=self._mention))
        return f"{self._service.word(answer, 'channel')}:{self._service.word(answer, 'ts')}"

    def ended(self, silence: Silence, ticket: str, *, in_doubt: bool) -> None:
        """The edit first: twice does no harm, so that only the reply's own outcome can be in doubt."""
        channel, _, ts = ticket.partition(":")
        try:
            self._edit({**render(silence, channel), "ts": ts})
            thread = self._messages("conversations.replies", {"channel": channel, "ts": ts}) if in_doubt else iter(())
            if all(_says(message) != (silence.key, "ended") for message in thread):
                self._call("chat.postMessage", json={**render_end(silence, channel), "thread_ts": ts})
        except DeliveryError as error:
            if error.detail not in LOST:
                raise
            # Somebody has deleted the message: there is nobody left to tell.

    def _edit(self, body: Json) -> None:
        try:
            self._call("chat.update", json={name: value for name, value in body.items() if name != "metadata"})
        except DeliveryError as error:
            if error.detail not in NO_EDIT:
                raise

    def _messages(self, method: str, query: Mapping[str, str]) -> Iterator[Json]:
        return self._api.messages(method, query, most_pages=MOST_PAGES)


def render(silence: Silence, channel: str, *, mention: str | None = None) -> Json:
    """The message as things stand: silent, or silent from then to then."""
    return _body(silence, channel, f"{calling(mention)}*{_title(silence)}*\n{_span(silence)}", "begun")


def render_end(silence: Silence, channel: str) -> Json:
    """The reply in its thread."""
    said = (
        f"Watched no more: silent since {silence.since:%Y-%m-%d %H:%M} UTC"
        if silence.dropped
        else f"Heard again: {_span(silence)}"
    )
    return _body(silence, channel, said, "ended")


def _body(silence: Silence, channel: str, text: str, part_of_it: str) -> Json:
    return {
        "channel": channel,
        "text": text,
        "blocks": [blocks.section(text)],
        "metadata": {"event_type": _TYPE, "event_payload": {"notice_key": silence.key, "part": part_of_it}},
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _title(silence: Silence) -> str:
    source, name = (escaped(clean(text, MOST_NAME), 6 * MOST_NAME) for text in (silence.source, silence.name))
    if silence.what == "heartbeat":
        return f"Silence: the heartbeat “{name}” of {source} does not come"
    if silence.what == "logs":
        return f"Silence: logs do not reach Sumo Logic, says “{name}” ({source})"
    return f"Silence: nothing from {source}"


def _span(silence: Silence) -> str:
    if silence.ended_at is None:
        return f"silent since {silence.since:%Y-%m-%d %H:%M} UTC; alerts may be missing"
    if silence.dropped:
        return f"silent since {silence.since:%Y-%m-%d %H:%M} UTC, and watched no more"
    minutes = round((silence.ended_at - silence.since).total_seconds() / 60)
    same_day = silence.since.date() == silence.ended_at.date()
    until = f"{silence.ended_at:%H:%M}" if same_day else f"{silence.ended_at:%Y-%m-%d %H:%M}"
    return f"silent {silence.since:%Y-%m-%d %H:%M}–{until} UTC, {minutes} min"


def _says(message: Json) -> tuple[object, object] | None:
    metadata = part(message, "metadata")
    if metadata.get("event_type") != _TYPE:
        return None
    payload = part(metadata, "event_payload")
    return payload.get("notice_key"), payload.get("part")
