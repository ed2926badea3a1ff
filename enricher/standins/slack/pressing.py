"""A person at Slack who presses a message's buttons and sends the forms that an app opens; signed and worded as Slack does.

Nothing here holds the stand-in's lock while the app is asked: the app calls back before it answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx2
import orjson
from flask import redirect, render_template, request
from slack_sdk.signature import SignatureVerifier
from werkzeug.wrappers import Response as BaseResponse

from enricher.standins.service import Refusal
from enricher.standins.shelf import Json
from enricher.standins.slack import mrkdwn
from enricher.standins.slack.channel import shown
from enricher.standins.slack.interaction import TRIGGER_S

if TYPE_CHECKING:
    from enricher.standins.slack.service import Slack

TROUBLE = "We had some trouble connecting. Try again?"
"""What Slack shows of an app that does not answer, or with anything but 200."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Where an app takes what people press, and the secret that it is signed with."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who presses."""

    id: str = "U0ANALYST1"
    name: str = "analyst"


SOMEBODY = User()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it: the app's status (0: no answer), the form that it opened, the address that the button opens, errors by input."""

    status: int
    view: str = ""
    url: str = ""
    errors: Json


class Pressing:
    """Presses and submissions of one workspace; `app` is None while no app takes any."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._closed: set[str] = set()
        self.app: App | None = None
        self.trouble = False
        slack.app.add_url_rule("/press/<channel>/<ts>", "press", self._press_page, methods=["POST"])
        slack.app.add_url_rule("/views/<view>", "view", self._view_page, methods=["GET", "POST"])

    def press(self, channel: str, ts: str, action_id: str, user: User = SOMEBODY) -> Outcome:
        """Press a button that the message has now. Raises Refusal (404)."""
        slack = self._slack
        with slack.lock:
            message = slack.messages.get(channel, ts)
            if message is None:
                raise _absent("message_not_found")
            block, element = _button(message, action_id)
            trigger = slack.interactions.trigger()
            payload = self._payload("block_actions", user, trigger) | {
                "container": {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": False},
                "channel": {"id": channel, "name": slack.channels[channel].name},
                "message": shown(message, metadata=True),
                "response_url": f"{slack.url}/response",
                "actions": [_action(block, element, slack.clock())],
            }
        status, _ = self._send(payload)
        with slack.lock:
            opened = [n for n, one in enumerate(slack.interactions.views, 1) if one["trigger_id"] == trigger]
        return Outcome(status=status, view=f"V{opened[0]}" if opened else "", url=element.get("url", ""), errors={})

    def submit(self, view: str, values: dict[str, str], user: User = SOMEBODY) -> Outcome:
        """Send a form that is open, with its inputs by block. It stays open where the app finds errors. Raises Refusal (404)."""
        slack = self._slack
        with slack.lock:
            form = self._view(view)
            typed = {
                block["block_id"]: {
                    block["element"]["action_id"]: {
                        "type": block["element"]["type"],
                        "value": values.get(block["block_id"]) or None,
                    }
                }
                for block in form["blocks"]
                if block["type"] == "input"
            }
            sent = form | {"id": view, "team_id": slack.bot["team"], "hash": f"{slack.clock():.0f}.{view}"}
            payload = self._payload("view_submission", user, slack.interactions.trigger()) | {
                "view": sent | {"state": {"values": typed}},
                "response_urls": [],
            }
        status, said = self._send(payload)
        errors = said.get("errors") or {} if said.get("response_action") == "errors" else {}
        if status == httpx2.codes.OK and not errors:
            self._closed.add(view)
        return Outcome(status=status, view=view, errors=errors)

    def _payload(self, kind: str, user: User, trigger: str) -> Json:
        team = {"id": self._slack.bot["team"], "domain": "soc"}
        return {
            "type": kind,
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": team["id"]},
            "api_app_id": self._slack.bot["app_id"],
            "team": team,
            "token": "deprecated",
            "trigger_id": trigger,
        }

    def _send(self, payload: Json) -> tuple[int, Json]:
        """The app's status and JSON. Raises Refusal (404) where no app takes presses."""
        if self.app is None:
            raise _absent("no_interactivity")
        body = urlencode({"payload": orjson.dumps(payload).decode()})
        stamp = str(int(self._slack.clock()))
        signature = SignatureVerifier(self.app.secret).generate_signature(timestamp=stamp, body=body) or ""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature,
        }
        try:
            answer = httpx2.post(self.app.url, content=body, headers=headers, timeout=TRIGGER_S)
            said = orjson.loads(answer.content or b"{}")
        except (httpx2.TransportError, orjson.JSONDecodeError):
            self.trouble = True
            return 0, {}
        self.trouble = answer.status_code != httpx2.codes.OK
        return answer.status_code, said if isinstance(said, dict) else {}

    def _view(self, view: str) -> Json:
        views = self._slack.interactions.views
        number = int(view[1:]) if view[:1] == "V" and view[1:].isdecimal() else 0
        if not 0 < number <= len(views) or view in self._closed:
            raise _absent("view_not_found")
        form: Json = views[number - 1]["view"]
        return form

    # --- pages -----------------------------------------------------------------------------------------------------

    def _press_page(self, channel: str, ts: str) -> BaseResponse:
        came = self.press(channel, ts, request.form.get("action_id", ""))
        if came.view:
            return redirect(f"/views/{came.view}", 303)
        if came.url.startswith(("http://", "https://")):
            return redirect(came.url, 303)
        return redirect(f"/archives/{channel}#p{ts.replace('.', '')}", 303)

    def _view_page(self, view: str) -> str | BaseResponse:
        errors: Json = {}
        if request.method == "POST":
            came = self.submit(view, request.form.to_dict())
            if came.status == httpx2.codes.OK and not came.errors:
                return redirect("/", 303)
            errors = came.errors
        form = self._view(view)
        told = {"blocks": [one for one in form["blocks"] if one["type"] != "input"], "text": "", "attachments": []}
        inputs = [one for one in form["blocks"] if one["type"] == "input"]
        trouble = TROUBLE if self.trouble else ""
        return render_template(
            "slack_view.html",
            view=form,
            about=mrkdwn.html(told),
            inputs=inputs,
            errors=errors,
            typed=request.form,
            trouble=trouble,
        )


def _button(message: Json, action_id: str) -> tuple[Json, Json]:
    """The message's button of that name, with its block. Raises Refusal (404)."""
    inside = [one.get("blocks", []) for one in message["attachments"]]
    for block in (one for part in (message["blocks"], *inside) for one in part):
        for element in [*block.get("elements", []), block.get("accessory")]:
            if isinstance(element, dict) and element.get("type") == "button" and element.get("action_id") == action_id:
                return block, element
    raise _absent("action_not_found")


def _action(block: Json, element: Json, now: float) -> Json:
    kept = {name: element[name] for name in ("type", "action_id", "text", "value", "style") if name in element}
    return kept | {"block_id": block.get("block_id", ""), "action_ts": f"{now:.6f}"}


def _absent(error: str) -> Refusal:
    body: Any = {"ok": False, "error": error}
    return Refusal(404, body)
