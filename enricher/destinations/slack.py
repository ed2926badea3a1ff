"""Slack: one message per case and a thread of its news.

Sent by our own HTTP client and not by slack_sdk's: that one follows redirects, taking the token along, and cannot tell a
connection that was never made from one that was dropped. Tests hold the blocks to slack_sdk's models.

A message is found again by its metadata in the channel's history. A doubled message is cheaper than a missed page: where the
history of a critical case cannot be read, it is posted again and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import httpx2

from enricher.core.document import Json, News
from enricher.destinations.http import Service, part
from enricher.destinations.slack_body import plainly, render, render_reply
from enricher.destinations.text import safe_url
from enricher.destinations.wording import event_id, unix
from enricher.errors import DeliveryError, Reason
from enricher.model import Severity
from enricher.ports import Delivery, Ticket

PAGE = 200
MOST_PAGES = 50
CLOCKS_APART_S = 300
"""How far our clock may be ahead of Slack's before a look into the history could begin too late."""

REASONS: Mapping[str, Reason] = {
    "ratelimited": Reason.RATE_LIMITED,
    "rate_limited": Reason.RATE_LIMITED,
    "message_limit_exceeded": Reason.RATE_LIMITED,
    "internal_error": Reason.SERVER_ERROR,
    "fatal_error": Reason.SERVER_ERROR,
    "service_unavailable": Reason.SERVER_ERROR,
    "request_timeout": Reason.SERVER_ERROR,
    "invalid_auth": Reason.AUTH,
    "not_authed": Reason.AUTH,
    "token_revoked": Reason.AUTH,
    "token_expired": Reason.AUTH,
    "account_inactive": Reason.AUTH,
    "missing_scope": Reason.FORBIDDEN,
    "ekm_access_denied": Reason.FORBIDDEN,
    "no_permission": Reason.FORBIDDEN,
    "access_denied": Reason.FORBIDDEN,
    "channel_not_found": Reason.CONFIGURATION,
    "not_in_channel": Reason.CONFIGURATION,
    "is_archived": Reason.CONFIGURATION,
    "message_not_found": Reason.NOT_FOUND,
    "thread_not_found": Reason.NOT_FOUND,
    "cannot_reply_to_message": Reason.NOT_FOUND,
    "restricted_action_thread_locked": Reason.NOT_FOUND,
    "restricted_action_thread_only_channel": Reason.NOT_FOUND,
}
"""What Slack's error words mean for a delivery; words that are not here are `invalid`."""

_TOO_MUCH = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "msg_blocks_too_long",
        "msg_too_long",
        "metadata_too_large",
        "no_text",
    }
)
_LOST = frozenset(word for word, reason in REASONS.items() if reason is Reason.NOT_FOUND)
_NO_EDIT = frozenset({"edit_window_closed", "cant_update_message"})
_UNREADABLE = frozenset({Reason.FORBIDDEN, Reason.CONFIGURATION})


class Slack:
    """The port `Destination` for one channel. `channel` is its id, `mention` the id of the user group called for critical."""

    name = "slack"

    def __init__(
        self,
        token: str,
        channel: str,
        *,
        url: str = "https://slack.com/api",
        base_url: str | None = None,
        mention: str | None = None,
        buttons: bool = False,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._service = Service(self.name, url, read_s=10.0, secrets=[token], headers=headers, transport=transport)
        self._channel, self._base_url = channel, base_url
        self._mention, self._buttons = mention, buttons
        self._workspace: str | None = None
        self._unreadable: set[str] = set()
        """Deliveries whose history could not be read; their message says "possible repeat"."""

    def close(self) -> None:
        self._service.close()

    # --- the port ---------------------------------------------------------------------------------------------------

    def find(self, delivery: Delivery) -> Ticket | None:
        try:
            return next(self._parents(delivery, self._channel), None)
        except DeliveryError as error:
            if error.reason not in _UNREADABLE or delivery.case["severity"] != Severity.CRITICAL:
                raise
            self._unreadable.add(delivery.delivery_id)
            return None

    def create(self, delivery: Delivery) -> Ticket:
        body = self._render(delivery, self._channel, repeat=delivery.delivery_id in self._unreadable)
        ticket = self._post(body)
        self._unreadable.discard(delivery.delivery_id)
        return ticket

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        if news["kind"] == "opened":
            return
        try:
            self._tell(delivery, ticket, news)
        except DeliveryError as error:
            if error.detail not in _LOST:
                raise
            self._start_again(delivery, ticket, news)

    def check(self) -> Sequence[str]:
        self._call("auth.test", form={})
        self._call("conversations.info", form={"channel": self._channel})
        return ()

    # --- telling ----------------------------------------------------------------------------------------------------

    def _tell(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        """The message first: editing it twice does no harm, so that only the reply's own outcome can be in doubt."""
        channel, _, ts = ticket.external_id.partition(":")
        self._edit({**self._render(delivery, channel), "ts": ts})
        if news["kind"] == "ticket":
            return
        if delivery.in_doubt and self._has_reply(channel, ts, event_id(delivery.case, news["seq"])):
            return
        answer = self._send("chat.postMessage", render_reply(delivery.case, news, channel=channel, thread=ts))
        self._service.word(answer, "ts")

    def _start_again(self, delivery: Delivery, lost: Ticket, news: News) -> None:
        """The message is gone, with its thread: tell the news under the newer one, or post that."""
        if news["kind"] == "ticket":
            return
        channel = lost.external_id.partition(":")[0]
        newer = next((found for found in self._parents(delivery, channel) if found.external_id != lost.external_id), None)
        self._tell(delivery, newer or self._post(self._render(delivery, channel)), news)

    def _render(self, delivery: Delivery, channel: str, *, repeat: bool = False) -> Json:
        return render(
            delivery.case,
            channel=channel,
            tickets=delivery.tickets,
            base_url=self._base_url,
            mention=self._mention,
            buttons=self._buttons,
            repeat=repeat,
        )

    # --- looking ----------------------------------------------------------------------------------------------------

    def _parents(self, delivery: Delivery, channel: str) -> Iterator[Ticket]:
        opened = unix(delivery.news[0]["at"] if delivery.news else delivery.case["first_seen"])
        since = {"oldest": str(opened - CLOCKS_APART_S)} if opened is not None else {}
        for message in self._messages("conversations.history", {"channel": channel, **since}):
            if _payload(message).get("delivery_key") == delivery.case["key"] and message.get("thread_ts") in {
                None,
                message.get("ts"),
            }:
                yield self._ticket(channel, self._service.word(message, "ts"))

    def _has_reply(self, channel: str, ts: str, event: str) -> bool:
        replies = self._messages("conversations.replies", {"channel": channel, "ts": ts})
        return any(_payload(message).get("event_id") == event for message in replies)

    def _messages(self, method: str, query: Mapping[str, str]) -> Iterator[Json]:
        cursor = ""
        for _ in range(MOST_PAGES):
            form = {**query, "limit": str(PAGE), "include_all_metadata": "true", **({"cursor": cursor} if cursor else {})}
            page = self._call(method, form=form)
            yield from self._service.objects(page, "messages")
            cursor = str(part(page, "response_metadata").get("next_cursor") or "")
            if not cursor:
                return
        raise self._service.error(Reason.SETTLING, f"the history is longer than {MOST_PAGES} pages of {PAGE}")

    # --- calls ------------------------------------------------------------------------------------------------------

    def _post(self, body: Json) -> Ticket:
        answer = self._send("chat.postMessage", body)
        return self._ticket(self._service.word(answer, "channel"), self._service.word(answer, "ts"))

    def _ticket(self, channel: str, ts: str) -> Ticket:
        return Ticket(external_id=f"{channel}:{ts}", label=f"Slack thread {ts}", url=self._permalink(channel, ts))

    def _permalink(self, channel: str, ts: str) -> str | None:
        """Where to click. Only a convenience: the workspace is asked for its address once, not for every message."""
        if self._workspace is None:
            with suppress(DeliveryError):
                self._workspace = self._service.word(self._call("auth.test", form={}), "url").rstrip("/")
        return safe_url(f"{self._workspace}/archives/{channel}/p{ts.replace('.', '')}") if self._workspace else None

    def _edit(self, body: Json) -> None:
        try:
            self._send("chat.update", body)
        except DeliveryError as error:
            # The workspace does not let messages be edited (any more): the thread still tells everything.
            if error.detail not in _NO_EDIT:
                raise

    def _send(self, method: str, body: Json) -> Json:
        try:
            return self._call(method, json=body)
        except DeliveryError as error:
            if error.detail not in _TOO_MUCH:
                raise
        # Slack refused our blocks, so nothing was posted: say it in plain text.
        return self._call(method, json=plainly(body))

    def _call(self, method: str, *, json: Json | None = None, form: Mapping[str, str] | None = None) -> Json:
        """Slack says no with `"ok": false` in a 200; the error's detail is then Slack's own word for it."""
        data = self._service.call("POST", f"/{method}", json=json, form=form).data
        if data.get("ok") is True:
            return data
        word = self._service.word(data, "error")
        raise self._service.error(_reason(word), word)


def _reason(word: str) -> Reason:
    return REASONS.get(word, Reason.FORBIDDEN if word.startswith("restricted_action") else Reason.INVALID)


def _payload(message: Json) -> Json:
    """Our metadata on a message; empty where it is somebody else's."""
    metadata = part(message, "metadata")
    return part(metadata, "event_payload") if metadata.get("event_type") == "enricher_case" else {}
