"""Buttons and forms at the Slack stand-in: what an app is sent, signed as Slack signs it, and what a person then sees."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs

import httpx2
import orjson
import pytest
from flask import Flask, Response, request
from slack_sdk.signature import SignatureVerifier

from enricher.standins import Slack, running
from enricher.standins.server import HttpServer
from enricher.standins.service import Refusal
from enricher.standins.slack.pressing import TROUBLE, App, User
from tests.standins.standin_client import connect

pytestmark = pytest.mark.slow

CHANNEL, SECRET = "C0SOCALERT1", "a secret"
FORM = {
    "type": "modal",
    "callback_id": "mute",
    "private_metadata": "C0SOCALERT1 k1",
    "title": {"type": "plain_text", "text": "Mute"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Why?"},
            "element": {"type": "plain_text_input", "action_id": "said"},
        }
    ],
}


class Listener:
    """An app that opens a form when `mute` is pressed, and takes no reason shorter than three letters."""

    def __init__(self, slack: Slack) -> None:
        self.slack, self.heard, self.status = slack, list[dict[str, Any]](), 200
        app = Flask(__name__)
        app.add_url_rule("/in", "in", self.hear, methods=["POST"])
        self.server = HttpServer(app, 0)

    def hear(self) -> Response:
        assert SignatureVerifier(SECRET).is_valid_request(request.get_data(), dict(request.headers))
        payload = orjson.loads(parse_qs(request.get_data().decode())["payload"][0])
        self.heard.append(payload)
        if payload["type"] == "view_submission":
            why = payload["view"]["state"]["values"]["why"]["said"]["value"] or ""
            errors = {"response_action": "errors", "errors": {"why": "Say more."}}
            return Response(orjson.dumps(errors) if len(why) < 3 else b"", content_type="application/json")
        if payload["actions"][0]["action_id"] == "mute":
            sent = {"trigger_id": payload["trigger_id"], "view": FORM}
            headers = {"Authorization": f"Bearer {self.slack.token}"}
            assert httpx2.post(f"{self.slack.api_url}views.open", json=sent, headers=headers).json()["ok"]
        return Response(b"", self.status)


@pytest.fixture
def slack() -> Iterator[Slack]:
    with running(Slack(rate=0)) as standin:
        yield standin


@pytest.fixture
def app(slack: Slack) -> Iterator[Listener]:
    listener = Listener(slack)
    slack.pressing.app = App(url=f"{listener.server.url}/in", secret=SECRET)
    yield listener
    listener.server.close()


def button(action: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": action.title()}, **more}


def posted(slack: Slack, *buttons: dict[str, Any]) -> str:
    blocks = [{"type": "actions", "block_id": "b1", "elements": list(buttons)}]
    ts: str = slack.messages.post(CHANNEL, {"text": "a case", "blocks": blocks}, slack.bot)["ts"]
    return ts


def test_a_press_tells_the_app_who_pressed_what_and_where(slack: Slack, app: Listener) -> None:
    ts = posted(slack, button("ack", value="k1"), button("other"))
    assert slack.pressing.press(CHANNEL, ts, "ack", User(id="U0BO", name="bo")).status == 200
    [heard] = app.heard
    [action] = heard["actions"]
    assert (heard["type"], heard["user"]["id"], heard["user"]["username"]) == ("block_actions", "U0BO", "bo")
    assert (heard["team"]["id"], heard["api_app_id"]) == (slack.bot["team"], slack.bot["app_id"])
    assert (heard["channel"]["id"], heard["container"]["message_ts"], heard["message"]["ts"]) == (CHANNEL, ts, ts)
    assert (action["action_id"], action["value"], action["block_id"]) == ("ack", "k1", "b1")


def test_only_a_button_that_the_message_has_now_is_pressed(slack: Slack, app: Listener) -> None:
    ts = posted(slack, button("ack"))
    slack.messages.update(CHANNEL, {"ts": ts, "text": "a case"})
    for channel, at, action in ((CHANNEL, ts, "ack"), (CHANNEL, "1.000001", "ack"), ("C0NONE", ts, "ack")):
        with pytest.raises(Refusal) as refused:
            slack.pressing.press(channel, at, action)
        assert refused.value.status == 404
    assert app.heard == []


def test_a_form_stays_open_until_the_app_takes_it(slack: Slack, app: Listener) -> None:
    view = slack.pressing.press(CHANNEL, posted(slack, button("mute")), "mute").view
    assert slack.pressing.submit(view, {"why": "no"}).errors == {"why": "Say more."}
    assert slack.pressing.submit(view, {"why": "patch night"}).errors == {}
    assert app.heard[-1]["view"]["private_metadata"] == "C0SOCALERT1 k1"
    with pytest.raises(Refusal):
        slack.pressing.submit(view, {"why": "patch night"})


def test_a_person_does_it_all_on_the_page(slack: Slack, app: Listener) -> None:
    posted(slack, button("mute"), button("page", url="https://enricher.example/drafts/k1"))
    slack.interactions.whisper(CHANNEL, {"user": "U0BO", "text": "not <you>"})
    with connect(slack.url) as client:
        page = client.get(f"/archives/{CHANNEL}").text
        assert "Only U0BO sees this: not &lt;you&gt;" in page
        path = unescape(page.partition('action="')[2].partition('"')[0])
        linked = client.post(path, data={"action_id": "page"})
        assert (linked.status_code, linked.headers["location"]) == (303, "https://enricher.example/drafts/k1")
        form = client.post(path, data={"action_id": "mute"}).headers["location"]
        assert 'for="why">Why?' in client.get(form).text
        assert "Say more." in client.post(form, data={"why": "no"}).text
        assert client.post(form, data={"why": "patch night"}).status_code == 303
    assert [one["type"] for one in app.heard] == ["block_actions", "block_actions", "view_submission", "view_submission"]


def test_an_app_that_fails_is_seen_on_the_page(slack: Slack, app: Listener) -> None:
    ts = posted(slack, button("ack"))
    app.status = 500
    assert slack.pressing.press(CHANNEL, ts, "ack").status == 500
    with connect(slack.url) as client:
        assert unescape(client.get(f"/archives/{CHANNEL}").text).count(TROUBLE) == 1
        app.status = 200
        slack.pressing.press(CHANNEL, ts, "ack")
        assert TROUBLE not in unescape(client.get(f"/archives/{CHANNEL}").text)


def test_without_an_app_buttons_only_look_like_it(slack: Slack) -> None:
    ts = posted(slack, button("ack"))
    with connect(slack.url) as client:
        assert "<form" not in client.get(f"/archives/{CHANNEL}").text
    with pytest.raises(Refusal) as refused:
        slack.pressing.press(CHANNEL, ts, "ack")
    assert refused.value.body["error"] == "no_interactivity"
