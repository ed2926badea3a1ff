"""Slack: one message per case and a thread of its news.

Sent by our own HTTP client and not by slack_sdk's: that one follows redirects, taking the token along, and cannot tell a
connection that was never made from one that was dropped. Tests hold the blocks to slack_sdk's models.

A message is found again by its metadata in the channel's history. A doubled message is cheaper than a missed page: where the
history of a critical case cannot be read, it is posted again and says so.

The message shows the case as it stands now, replies tell what has changed. A burst of cases shares one message, a digest.

Whom a severity calls is called by the first message, and once more in the thread when the case rises to another: the metadata of
what was posted says which severity has called, and an edit leaves it as it is. A muted case calls nobody, and is only shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import httpx2

from enricher.core.document import Json, News
from enricher.core.layout import PLAIN, Layout
from enricher.destinations import slack_digest
from enricher.destinations.http import part
from enricher.destinations.slack_api import SlackApi
from enricher.destinations.slack_body import plainly, render, render_reply
from enricher.destinations.slack_history import Stopped, windows_of
from enricher.destinations.slack_words import LOST, NO_EDIT, TOO_MUCH, UNREADABLE
from enricher.destinations.text import safe_url
from enricher.destinations.wording import standing, unix
from enricher.errors import DeliveryError, Reason
from enricher.model import Severity
from enricher.ports import Delivery, Ticket

MOST_PAGES = 50

_OURS = frozenset({"enricher_case", "enricher_digest"})
_RANKS = {severity.value: severity.rank for severity in Severity}
_SHOWN = frozenset({"ticket", "seen"})
"""News that the message shows, and that is worth no reply."""


class Slack:
    """The port `Destination` for one channel, and `Digests`. `channel` is its id, `mentions` are those of whom a severity calls."""

    def __init__(
        self,
        token: str,
        channel: str,
        *,
        name: str = "slack",
        url: str = "https://slack.com/api",
        base_url: str | None = None,
        mentions: Mapping[str, str] | None = None,
        buttons: bool = False,
        digest_at: int = 0,
        layout: Callable[[], Layout] = lambda: PLAIN.slack,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.name, self.digest_at = name, digest_at
        self._api = SlackApi(token, name=name, url=url, transport=transport)
        self._service, self._call = self._api.service, self._api.call
        self._channel, self._base_url = channel, base_url
        self._mentions, self._buttons, self._layout = mentions or {}, buttons, layout
        self._workspace: str | None = None
        self._unreadable: set[str] = set()
        """Deliveries whose history could not be read; their message says "possible repeat"."""
        self._stopped: dict[str, Stopped] = {}

    def close(self) -> None:
        self._service.close()

    # --- the port ---------------------------------------------------------------------------------------------------

    def find(self, delivery: Delivery) -> Ticket | None:
        try:
            return next(self._holding(delivery, self._channel, latest=delivery.doubt_since), None)
        except DeliveryError as error:
            if error.reason not in UNREADABLE or delivery.case["severity"] != Severity.CRITICAL:
                raise
            self._unreadable.add(delivery.delivery_id)
            return None

    def create(self, delivery: Delivery) -> Ticket:
        body = self._render(delivery, self._channel, repeat=delivery.delivery_id in self._unreadable)
        ticket = self._post(body)
        self._unreadable.discard(delivery.delivery_id)
        return ticket

    def create_together(self, deliveries: Sequence[Delivery]) -> Ticket:
        body = slack_digest.render([one.case for one in deliveries], channel=self._channel, base_url=self._base_url)
        answer = self._send("chat.postMessage", body)
        return self._digest(self._service.word(answer, "channel"), self._service.word(answer, "ts"))

    def update(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        if news["kind"] == "opened":
            return
        tell = self._tell_in_digest if slack_digest.is_digest(ticket.external_id) else self._tell
        try:
            tell(delivery, ticket, news)
        except DeliveryError as error:
            if error.detail not in LOST:
                raise
            self._start_again(delivery, ticket, news)

    def check(self) -> Sequence[str]:
        self._call("auth.test", form={})
        self._call("conversations.info", form={"channel": self._channel})
        try:
            self._call("conversations.history", form={"channel": self._channel, "limit": "1"})
        except DeliveryError as error:
            if error.reason not in UNREADABLE:
                raise
            return [
                f"the channel's history may not be read ({error.detail}): a message whose answer is lost is not found again"
            ]
        return ()

    # --- telling ----------------------------------------------------------------------------------------------------

    def _tell(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        """The message first: editing it twice does no harm, so that only the reply's own outcome can be in doubt."""
        channel, ts = slack_digest.place(ticket.external_id)
        self._edit({**self._render(delivery, channel), "ts": ts})
        if _is_told(delivery, news):
            called = self._called_by(delivery, news, channel, ts)
            self._reply(delivery, render_reply(delivery.case, news, channel=channel, thread=ts, mention=called))

    def _tell_in_digest(self, delivery: Delivery, ticket: Ticket, news: News) -> None:
        """The digest stands for many cases, so one case's news never changes it: a reply there, or in the case's own thread."""
        own = self._own(delivery, ticket, news)
        if own is not None:
            self._tell(delivery, own, news)
        elif _is_told(delivery, news):
            channel, ts = slack_digest.place(ticket.external_id)
            self._reply(
                delivery,
                slack_digest.render_reply(delivery.case, news, channel=channel, thread=ts, base_url=self._base_url),
            )

    def _own(self, delivery: Delivery, digest: Ticket, news: News) -> Ticket | None:
        """The thread of a case that has risen out of its digest: found, or begun; None where it has not risen."""
        severe = Severity(delivery.case["severity"]) in slack_digest.ALONE
        if not severe and all(one["kind"] != "severity" for one in delivery.news):
            return None
        channel, ts = slack_digest.place(digest.external_id)
        try:
            own = next(self._parents(delivery, channel), None)
        except DeliveryError as error:
            if error.reason not in UNREADABLE:
                raise
            return None  # then the digest's thread tells it: better than a further message for each piece of news
        if own is None and (not severe or _is_muted(delivery)):
            return None
        begun = own or self._post(self._render(delivery, channel))
        if own is None or delivery.in_doubt or news["kind"] == "severity":
            self._leave(delivery, channel, ts, begun, look=own is not None)
        return begun

    def _leave(self, delivery: Delivery, channel: str, ts: str, own: Ticket, *, look: bool) -> None:
        """Say in the digest's thread, once, where the case goes on; nobody has to be sent on from a digest that is gone."""
        leaving = slack_digest.render_leaving(delivery.case, channel=channel, thread=ts, url=own.url)
        try:
            self._reply(delivery, leaving, look=look)
        except DeliveryError as error:
            if error.detail not in LOST:
                raise

    def _reply(self, delivery: Delivery, body: Json, *, look: bool = False) -> None:
        """Post it, but look first when in doubt."""
        channel, thread, event = body["channel"], body["thread_ts"], body["metadata"]["event_payload"]["event_id"]
        if (look or delivery.in_doubt) and self._has_reply(channel, thread, event):
            return
        self._service.word(self._send("chat.postMessage", body), "ts")

    def _start_again(self, delivery: Delivery, lost: Ticket, news: News) -> None:
        """The message is gone, with its thread: tell the news under the newer one, or post that."""
        if not _is_told(delivery, news):
            return
        channel, _ = slack_digest.place(lost.external_id)
        newer = next((found for found in self._parents(delivery, channel) if found.external_id != lost.external_id), None)
        self._tell(delivery, newer or self._post(self._render(delivery, channel, calls=False)), news)

    def _mention(self, delivery: Delivery) -> str | None:
        return None if _is_muted(delivery) else self._mentions.get(delivery.case["severity"])

    def _called_by(self, delivery: Delivery, news: News, channel: str, ts: str) -> str | None:
        """Whom a reply calls: those of a severity that the case has risen to, and that nothing in its thread has called yet."""
        mention = self._mention(delivery) if news["kind"] == "severity" else None
        if mention is None:
            return None
        try:
            called = [_payload(message).get("called") for message in self._thread(channel, ts)]
        except DeliveryError as error:
            if error.reason not in UNREADABLE:
                raise
            return None if delivery.in_doubt else mention
        now = Severity(delivery.case["severity"]).rank
        return None if any(now <= _RANKS.get(str(severity), -1) for severity in called) else mention

    def _render(self, delivery: Delivery, channel: str, *, repeat: bool = False, calls: bool = True) -> Json:
        return render(
            delivery.case,
            channel=channel,
            tickets={name: ticket for name, ticket in delivery.tickets.items() if name != self.name},
            base_url=self._base_url,
            mention=self._mention(delivery) if calls else None,
            buttons=self._buttons,
            repeat=repeat,
            standing=standing(delivery.news),
            work=delivery.work,
            layout=self._layout(),
        )

    # --- looking ----------------------------------------------------------------------------------------------------

    def _holding(self, delivery: Delivery, channel: str, *, latest: datetime | None = None) -> Iterator[Ticket]:
        """Messages that stand for the case, alone or with others, newest first."""
        key = delivery.case["key"]
        for message in self._history(delivery, channel, latest=latest):
            payload, ts = _payload(message), message.get("ts")
            if payload.get("delivery_key") == key and message.get("thread_ts") in {None, ts}:
                yield self._ticket(channel, self._service.word(message, "ts"))
            elif slack_digest.holds(payload, key):
                yield self._digest(channel, self._service.word(message, "ts"))

    def _parents(self, delivery: Delivery, channel: str) -> Iterator[Ticket]:
        """Those of them that are the case's own."""
        return (found for found in self._holding(delivery, channel) if not slack_digest.is_digest(found.external_id))

    def _history(self, delivery: Delivery, channel: str, *, latest: datetime | None) -> Iterator[Json]:
        """The messages since the first attempt, until `latest`: what is outside of that is not worth a call for each page."""
        opened = unix(delivery.news[0]["at"] if delivery.news else delivery.case["first_seen"])
        oldest = delivery.tried_at.timestamp() if delivery.tried_at else opened
        windows = windows_of(oldest, latest.timestamp() if latest else None)
        stopped = self._stopped.pop(delivery.delivery_id, None)
        if stopped and stopped.latest == latest:
            windows = stopped.windows
        for number, window in enumerate(windows):
            last = None
            try:
                for message in self._messages("conversations.history", {"channel": channel, "inclusive": "true", **window}):
                    last = message.get("ts")
                    yield message
            except DeliveryError as error:
                if latest and last and error.reason is Reason.SETTLING:
                    rest = [{**window, "latest": str(last)}, *windows[number + 1 :]]
                    self._stopped[delivery.delivery_id] = Stopped(latest, rest)
                raise

    def _has_reply(self, channel: str, ts: str, event: str) -> bool:
        return any(_payload(message).get("event_id") == event for message in self._thread(channel, ts))

    def _thread(self, channel: str, ts: str) -> Iterator[Json]:
        """The message and its replies."""
        return self._messages("conversations.replies", {"channel": channel, "ts": ts})

    def _messages(self, method: str, query: Mapping[str, str]) -> Iterator[Json]:
        return self._api.messages(method, query, most_pages=MOST_PAGES)

    # --- calls ------------------------------------------------------------------------------------------------------

    def _post(self, body: Json) -> Ticket:
        answer = self._send("chat.postMessage", body)
        return self._ticket(self._service.word(answer, "channel"), self._service.word(answer, "ts"))

    def _ticket(self, channel: str, ts: str) -> Ticket:
        return Ticket(external_id=f"{channel}:{ts}", label=f"Slack thread {ts}", url=self._permalink(channel, ts))

    def _digest(self, channel: str, ts: str) -> Ticket:
        ticket_id = slack_digest.external_id(channel, ts)
        return Ticket(external_id=ticket_id, label=f"Slack digest {ts}", url=self._permalink(channel, ts))

    def _permalink(self, channel: str, ts: str) -> str | None:
        """Where to click. Only a convenience: the workspace is asked for its address once, not for every message."""
        if self._workspace is None:
            with suppress(DeliveryError):
                self._workspace = self._service.word(self._call("auth.test", form={}), "url").rstrip("/")
        return safe_url(f"{self._workspace}/archives/{channel}/p{ts.replace('.', '')}") if self._workspace else None

    def _edit(self, body: Json) -> None:
        """Without the metadata, which stays as it was posted: it says whom the message has called."""
        try:
            self._send("chat.update", {name: value for name, value in body.items() if name != "metadata"})
        except DeliveryError as error:
            # The workspace does not let messages be edited (any more): the thread still tells everything.
            if error.detail not in NO_EDIT:
                raise

    def _send(self, method: str, body: Json) -> Json:
        try:
            return self._call(method, json=body)
        except DeliveryError as error:
            if error.detail not in TOO_MUCH:
                raise
        # Slack refused our blocks, so nothing was posted: say it in plain text.
        return self._call(method, json=plainly(body))


def _is_muted(delivery: Delivery) -> bool:
    return delivery.work.muted_until is not None


def _is_told(delivery: Delivery, news: News) -> bool:
    """Whether news is worth a reply, which wakes those who follow the thread."""
    return news["kind"] not in _SHOWN and not _is_muted(delivery)


def _payload(message: Json) -> Json:
    """Our metadata on a message; empty where it is somebody else's."""
    metadata = part(message, "metadata")
    return part(metadata, "event_payload") if metadata.get("event_type") in _OURS else {}
