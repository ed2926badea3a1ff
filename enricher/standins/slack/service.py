"""Slack's methods: form or JSON, token and scopes, one channel's rate, and answers that are 200 whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from math import ceil, inf
from pathlib import Path
from time import time
from typing import Any

import orjson
from flask import Response, redirect, render_template, request

from enricher.standins.limits import Buckets
from enricher.standins.service import KEY, Clock, Refusal, Service, answer
from enricher.standins.shelf import Json
from enricher.standins.slack import blocks, mrkdwn
from enricher.standins.slack.channel import Messages, no, shown
from enricher.standins.slack.interaction import Interactions
from enricher.standins.slack.pressing import TROUBLE, Pressing

SCOPES = frozenset({"chat:write", "channels:history", "channels:read"})
NEEDED = {"chat": "chat:write", "conversations.history": "channels:history", "conversations.replies": "channels:history"}
AS_JSON = ("blocks", "attachments", "metadata")
LARGEST_PAGE = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel of the workspace, and whether the bot may post there."""

    id: str
    name: str
    member: bool = True
    archived: bool = False


CHANNELS = (Channel(id="C0SOCALERT1", name="soc-alerts"), Channel(id="C0SOCRECORD", name="soc-record"))


class Slack(Service):
    """One workspace. `rate` messages a second and channel, `burst` at once; a rate of 0 limits nothing."""

    def __init__(
        self,
        *,
        token: str = KEY,
        channels: tuple[Channel, ...] = CHANNELS,
        scopes: frozenset[str] = SCOPES,
        rate: float = 1.0,
        burst: float = 3.0,
        total_block_characters: int = blocks.TOTAL,
        state: Path | None = None,
        clock: Clock = time,
    ) -> None:
        super().__init__(clock)
        self.token, self.channel, self.scopes = token, channels[0].id, scopes
        self.channels = {channel.id: channel for channel in channels}
        self.messages = Messages(clock, state, total_block_characters)
        self.interactions = Interactions(clock)
        self._rate = Buckets(rate, burst, clock)
        self.bot: Json = {"user": "U0ENRICHER", "bot_id": "B0ENRICHER", "app_id": "A0ENRICHER", "team": "T0SOC"}
        methods: dict[str, Callable[[Json], Json]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.postEphemeral": lambda sent: self.interactions.whisper(self._readable(sent).id, sent),
            "views.open": self.interactions.open,
            "chat.getPermalink": self._permalink,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.info": self._info,
        }
        for name, method in methods.items():
            for verb in ("POST", "GET"):
                self.api(verb, f"/api/{name}", self._handler(method))
        self.app.add_url_rule("/", "home", lambda: redirect(f"/archives/{self.channel}"))
        self.page("/archives/<channel>", self._page)
        self.page("/archives/<channel>/<message>", self._page)
        self.pressing = Pressing(self)

    @property
    def api_url(self) -> str:
        """What a client takes as base URL, with the slash at the end that slack_sdk wants."""
        return f"{self.url}/api/"

    def delete(self, ts: str) -> None:
        """A person deletes a message of the first channel."""
        with self.lock:
            self.messages.delete(self.channel, ts)

    # --- what every stand-in has -----------------------------------------------------------------------------------

    def holdings(self) -> Json:
        """Messages of the channels with their replies under `thread`; `pings` are those that woke a whole channel."""
        messages = self.messages.all()
        threads: dict[tuple[str, str], list[Json]] = {}
        for one in messages:
            if one["thread_ts"] not in {None, one["ts"]}:
                threads.setdefault((one["channel"], one["thread_ts"]), []).append(one)
        parents = [one for one in messages if one["thread_ts"] in {None, one["ts"]}]
        told = [
            {**one, "thread": threads.get((one["channel"], one["ts"]), []), "url": self._path(one["channel"], one["ts"])}
            for one in parents
        ]
        return {"messages": told, "pings": [{"ts": one["ts"], "pings": one["pings"]} for one in messages if one["pings"]]}

    def error(self, status: int, text: str) -> Response:
        """A path that is no method is an error like any other; an outage is not."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return answer(status, {"ok": False, "error": "internal_error"})
        return answer(200, {"ok": False, "error": "unknown_method" if status == HTTPStatus.NOT_FOUND else text})

    def deny(self, status: int, field: str) -> Response:
        """200 all the same."""
        word = {400: "invalid_arguments", 401: "invalid_auth", 403: "missing_scope"}.get(status, "channel_not_found")
        where = (
            {"response_metadata": {"messages": [f"[ERROR] not valid [json-pointer:/{field}]"]}}
            if status == HTTPStatus.BAD_REQUEST
            else {}
        )
        return answer(200, {"ok": False, "error": word, **where})

    def limited(self, retry_after: float) -> Response:
        return answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(max(1, ceil(retry_after)))})

    def admit(self, rule: str, values: Mapping[str, str]) -> None:
        del values
        method = rule.removeprefix("/api/")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.values.get("token", "")
        if not token:
            raise no("not_authed")
        if token != self.token:
            raise no("invalid_auth")
        needed = NEEDED.get(method) or NEEDED.get(method.partition(".")[0])
        if needed and needed not in self.scopes:
            body = {"ok": False, "error": "missing_scope", "needed": needed, "provided": ",".join(sorted(self.scopes))}
            raise Refusal(200, body)

    def _handler(self, method: Callable[[Json], Json]) -> Callable[[], Response]:
        def handle() -> Response:
            return answer(200, {"ok": True, **method(self._arguments())}, {"X-OAuth-Scopes": ",".join(sorted(self.scopes))})

        return handle

    def _arguments(self) -> Json:
        """The call's arguments: of a JSON body, or of a form and the query with JSON in some of its fields."""
        if request.mimetype == "application/json":
            try:
                sent = orjson.loads(request.get_data() or b"{}")
            except orjson.JSONDecodeError as unreadable:
                raise no("invalid_json", [str(unreadable)]) from unreadable
            if not isinstance(sent, dict):
                raise no("json_not_object")
            return {**request.args, **sent}
        form: Json = dict(request.values)
        for name in AS_JSON:
            if name in form:
                try:
                    form[name] = orjson.loads(form[name])
                except orjson.JSONDecodeError as unreadable:
                    raise no(f"invalid_{name}_format", [str(unreadable)]) from unreadable
        return form

    # --- methods ---------------------------------------------------------------------------------------------------

    def _auth_test(self, _: Json) -> Json:
        return {
            "url": f"{self.url}/",
            "team": "SOC",
            "user": "enricher",
            "team_id": "T0SOC",
            "user_id": "U0ENRICHER",
            "bot_id": "B0ENRICHER",
        }

    def _post(self, sent: Json) -> Json:
        channel = self._writable(sent, by_name=True)
        message = self.messages.post(channel.id, sent, self.bot)
        return {"channel": channel.id, "ts": message["ts"], "message": shown(message, metadata=True)}

    def _update(self, sent: Json) -> Json:
        channel = self._writable(sent, by_name=False)
        message = self.messages.update(channel.id, sent)
        return {
            "channel": channel.id,
            "ts": message["ts"],
            "text": message["text"],
            "message": shown(message, metadata=True),
        }

    def _permalink(self, sent: Json) -> Json:
        channel = self._channel(sent)
        ts = str(sent.get("message_ts"))
        if self.messages.get(channel.id, ts) is None:
            raise no("message_not_found")
        return {"channel": channel.id, "permalink": self.url + self._path(channel.id, ts)}

    def _history(self, sent: Json) -> Json:
        channel = self._readable(sent)
        oldest, latest = _number(sent, "oldest", 0.0), _number(sent, "latest", inf)
        return self._paged(self.messages.history(channel.id, oldest, latest, inclusive=_flag(sent, "inclusive")), sent)

    def _replies(self, sent: Json) -> Json:
        return self._paged(self.messages.thread(self._readable(sent).id, str(sent.get("ts"))), sent)

    def _info(self, sent: Json) -> Json:
        channel = self._channel(sent)
        return {
            "channel": {
                "id": channel.id,
                "name": channel.name,
                "is_channel": True,
                "is_member": channel.member,
                "is_archived": channel.archived,
            }
        }

    def _paged(self, found: list[Json], sent: Json) -> Json:
        size = min(int(_number(sent, "limit", 100)), LARGEST_PAGE)
        start = int(_number({"cursor": str(sent.get("cursor") or "next:0").removeprefix("next:")}, "cursor", 0))
        page = [
            self._read(message, metadata=_flag(sent, "include_all_metadata")) for message in found[start : start + size]
        ]
        more = start + size < len(found)
        return {
            "messages": page,
            "has_more": more,
            "response_metadata": {"next_cursor": f"next:{start + size}" if more else ""},
        }

    def _read(self, message: Json, *, metadata: bool) -> Json:
        seen = shown(message, metadata=metadata)
        if message["thread_ts"] == message["ts"]:
            replies = self.messages.thread(message["channel"], message["ts"])[1:]
            seen |= {"reply_count": len(replies), "latest_reply": replies[-1]["ts"]}
        return seen

    def _channel(self, sent: Json, *, by_name: bool = False) -> Channel:
        asked = str(sent.get("channel", ""))
        found = self.channels.get(asked)
        if found is None and by_name:
            found = next((one for one in self.channels.values() if one.name == asked.removeprefix("#")), None)
        if found is None:
            raise no("channel_not_found")
        return found

    def _readable(self, sent: Json) -> Channel:
        channel = self._channel(sent)
        if not channel.member:
            raise no("not_in_channel")
        return channel

    def _writable(self, sent: Json, *, by_name: bool) -> Channel:
        """Raises the refusal of a channel that takes nothing, or nothing just now."""
        channel = self._channel(sent, by_name=by_name)
        if channel.archived:
            raise no("is_archived")
        if not channel.member:
            raise no("not_in_channel")
        if by_name and (wait := self._rate.take(channel.id)):
            said = self.limited(wait)
            raise Refusal(429, orjson.loads(said.get_data()), dict(said.headers))
        return channel

    def _path(self, channel: str, ts: str) -> str:
        return f"/archives/{channel}/p{ts.replace('.', '')}"

    def _page(self, channel: str, message: str = "") -> str:
        """The channel with its threads; a permalink shows its own thread alone."""
        found = self.channels.get(channel)
        if found is None:
            raise no("channel_not_found")
        parents = self.messages.history(channel, 0.0, inf, inclusive=True)
        if message:
            ts = f"{message[1:-6]}.{message[-6:]}"
            parents = [self.messages.thread(channel, ts)[0]]
        takes = self.pressing.app is not None
        found_here = [
            {
                **one,
                "html": mrkdwn.html(one, f"/press/{channel}/{one['ts']}" if takes else ""),
                "reply": one["ts"] != parent["ts"],
                "at": datetime.fromtimestamp(float(one["ts"]), UTC).strftime("%Y-%m-%d %H:%M:%S"),
            }
            for parent in parents
            for one in self.messages.thread(channel, parent["ts"])
        ]
        whispers = [one for one in self.interactions.whispers if one["channel"] == channel]
        return render_template(
            "slack_channel.html",
            channel=found,
            messages=found_here,
            whispers=whispers,
            trouble=TROUBLE if self.pressing.trouble else "",
        )


def _number(sent: Json, name: str, default: float) -> float:
    value: Any = sent.get(name)
    try:
        return default if value in (None, "") else float(value)
    except (TypeError, ValueError) as unreadable:
        raise no("invalid_arguments", [f"{name} is not a number"]) from unreadable


def _flag(sent: Json, name: str) -> bool:
    return str(sent.get(name, "")).lower() in {"true", "1"}
