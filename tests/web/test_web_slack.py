"""A button pressed in Slack: who may, what comes of it, and that nothing acts twice."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from slack_sdk.signature import SignatureVerifier

from enricher.core.feedback import Said
from enricher.core.people import Role
from enricher.errors import DeliveryError, Reason
from enricher.web.services import SlackDoor
from tests.web.conftest import Connect
from tests.web.fakes import NOW, World, case_record

KEY = "enricher-2412d6c5edbed00f"
SECRET = "made up"
DOOR = SlackDoor(secret=SECRET, roles={"U1": Role.ANALYST, "U2": Role.VIEWER}, team="T1", app="A1")
BY = "@m.alvarez (slack)"
WHO = "Slack user U1"
TEXT = "application/x-www-form-urlencoded"


@pytest.fixture
def pressed(world: World, connect: Connect) -> FlaskClient:
    world.reader.stored = [case_record()]
    world.operator.known = frozenset({KEY})
    return connect(slack=DOOR)


def payload(action: str = "case_ack", *, key: str = KEY, user: str = "U1", name: str = "m.alvarez", **more: Any) -> Any:
    return {
        "type": "block_actions",
        "user": {"id": user, "username": name},
        "team": {"id": "T1"},
        "api_app_id": "A1",
        "channel": {"id": "C1"},
        "trigger_id": "13345224609.738474920.8088930838d88f008e0",
        "actions": [{"action_id": action, "value": key, "action_ts": "1"}],
        **more,
    }


def form(why: str | None, **more: Any) -> Any:
    view = {
        "callback_id": "case_mute",
        "private_metadata": f"C1 {KEY}",
        "state": {"values": {"why": {"why": {"type": "plain_text_input", "value": why}}}},
    }
    return payload(**more) | {"type": "view_submission", "view": view, "actions": None}


def body_of(sent: Any) -> bytes:
    return urlencode({"payload": json.dumps(sent)}).encode()


def signed(body: bytes, *, at: int | str | None = None, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int(NOW.timestamp()) if at is None else at)
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body) or ""
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}


def press(client: FlaskClient, sent: Any, **how: Any) -> tuple[int, bytes]:
    body = body_of(sent)
    answer = client.post("/webhooks/slack", data=body, content_type=TEXT, headers=signed(body, **how))
    return answer.status_code, answer.data


@pytest.mark.parametrize(
    ("action", "done"),
    [
        ("case_ack", f"acknowledged by {BY}"),
        ("case_assign", f"assigned to {BY} by {BY}"),
        ("case_unmute", f"unmuted by {BY}"),
    ],
)
def test_a_button_acts_and_names_who_pressed_it(world: World, pressed: FlaskClient, action: str, done: str) -> None:
    assert press(pressed, payload(action)) == (200, b"")
    assert world.operator.worked == [(KEY, done, WHO)]
    assert world.counted == [("slack", "done")]


def test_false_positive_is_kept_as_what_was_said(world: World, pressed: FlaskClient) -> None:
    assert press(pressed, payload("case_false_positive")) == (200, b"")
    [(key, word)] = world.operator.words
    assert (key, word.said, word.by, word.source) == (KEY, Said.FALSE_POSITIVE, "@m.alvarez (U1)", "slack")


def test_mute_asks_why_and_then_mutes(world: World, pressed: FlaskClient) -> None:
    assert press(pressed, payload("case_mute")) == (200, b"")
    assert world.operator.worked == []
    assert world.dialogs.shown == [("ask", payload()["trigger_id"], KEY, "C1")]

    assert press(pressed, form("  patch\n night ")) == (200, b"")
    [(_, what, detail)] = world.operator.worked
    assert what.endswith(f"by {BY}: patch night")
    assert detail == WHO


@pytest.mark.parametrize("why", [None, "", "   ", "\0", "x" * 501, "x" * 10_000], ids=lambda why: repr(why)[:12])
def test_a_reason_is_needed_and_the_form_says_so(world: World, pressed: FlaskClient, why: str | None) -> None:
    status, answer = press(pressed, form(why))
    assert status == 200
    assert json.loads(answer)["errors"]["why"].startswith("Give a reason of at most 500")
    assert world.operator.worked == []
    assert world.counted == [("slack", "no_reason")]


def test_whoever_has_no_role_is_told_so_and_nothing_is_done(world: World, pressed: FlaskClient) -> None:
    for user in ("U2", "U666", ""):
        assert press(pressed, payload(user=user)) == (200, b"")
    assert [shown[:3] for shown in world.dialogs.shown] == [("tell", "C1", user) for user in ("U2", "U666", "")]
    status, answer = press(pressed, form("because", user="U2"))
    assert (status, json.loads(answer)["response_action"]) == (200, "errors")
    assert world.operator.worked == []
    assert world.operator.words == []
    assert {word for _, word in world.counted} == {"not_your_role"}


def test_everybody_may_where_the_settings_say_so(world: World, connect: Connect) -> None:
    world.reader.stored, world.operator.known = [case_record()], frozenset({KEY})
    client = connect(slack=SlackDoor(secret=SECRET, roles={"*": Role.ANALYST, "U2": Role.VIEWER}))
    press(client, payload(user="U9"))
    press(client, payload(user="U2"))
    assert [detail for *_, detail in world.operator.worked] == ["Slack user U9"]


def test_a_case_that_is_not_there(world: World, pressed: FlaskClient) -> None:
    assert press(pressed, payload(key="enricher-ffffffffffffffff")) == (200, b"")
    assert world.dialogs.shown[0][3] == "There is no such case any more."
    assert world.counted == [("slack", "unknown_case")]


def test_a_case_that_is_part_of_another_leads_to_that(world: World, pressed: FlaskClient) -> None:
    world.reader.case = lambda _: case_record()  # type: ignore[method-assign, assignment]  # as the store leads on
    press(pressed, payload(key="enricher-old"))
    assert [key for key, *_ in world.operator.worked] == [KEY]


def test_the_same_press_acts_once(world: World, pressed: FlaskClient) -> None:
    for _ in range(3):
        assert press(pressed, payload("case_assign")) == (200, b"")
    assert len(world.operator.worked) == 1
    assert [word for _, word in world.counted] == ["done", "repeated", "repeated"]
    assert press(pressed, payload("case_assign"), at=int(NOW.timestamp()) + 1) == (200, b"")
    assert len(world.operator.worked) == 2, "a second press a second later is another"


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"secret": "guessed"}, id="another secret"),
        pytest.param({"at": int(NOW.timestamp()) - 301}, id="too old"),
        pytest.param({"at": int(NOW.timestamp()) + 301}, id="from the future"),
        pytest.param({"at": "soon"}, id="no number"),
        pytest.param({"at": "-1"}, id="negative"),
        pytest.param({"at": "٣"}, id="a digit of another script"),
        pytest.param({"at": "9" * 400}, id="no time at all"),
        pytest.param({"at": ""}, id="none"),
    ],
)
def test_what_is_not_signed_now_is_refused(world: World, pressed: FlaskClient, how: Any) -> None:
    body = body_of(payload())
    stamp = str(how.get("at", int(NOW.timestamp())))
    headers = signed(body, **how) if stamp.isascii() else signed(body) | {"X-Slack-Request-Timestamp": stamp}
    answer = pressed.post("/webhooks/slack", data=body, content_type=TEXT, headers=headers)
    assert (answer.status_code, (answer.json or {})["error"]) == (401, "unauthorized")
    assert world.operator.worked == []
    assert world.counted == [("slack", "unauthorized")]


def test_a_signature_is_of_one_body(world: World, pressed: FlaskClient) -> None:
    headers = signed(body_of(payload()))
    for forged in (body_of(payload(user="U2")), body_of(payload("case_unmute")), b"", b"payload=%7B%7D", b"\xff"):
        assert pressed.post("/webhooks/slack", data=forged, content_type=TEXT, headers=headers).status_code == 401
    assert pressed.post("/webhooks/slack", data=body_of(payload()), content_type=TEXT).status_code == 401
    assert world.operator.worked == []


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"team": {"id": "T2"}}, "other_workspace"),
        ({"team": None}, "other_workspace"),
        ({"api_app_id": "A2"}, "other_app"),
    ],
)
def test_another_workspace_or_app_is_refused(world: World, pressed: FlaskClient, more: Any, word: str) -> None:
    status, answer = press(pressed, payload(**more))
    assert (status, json.loads(answer)["error"]) == (403, word)
    assert world.operator.worked == []


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(payload("open_case"), id="a button that is a link"),
        pytest.param(payload("delete_everything"), id="no action of ours"),
        pytest.param(payload(actions=[]), id="no action"),
        pytest.param(payload(actions=[7]), id="no object"),
        pytest.param(payload(type="shortcut"), id="no button"),
        pytest.param(payload(type="view_submission", view={"callback_id": "other"}), id="another form"),
    ],
)
def test_what_is_not_for_us_is_answered_and_counted(world: World, pressed: FlaskClient, sent: Any) -> None:
    assert press(pressed, sent) == (200, b"")
    assert world.counted == [("slack", "ignored")]
    assert world.operator.worked == []


@pytest.mark.parametrize("body", [b"", b"payload=", b"payload=%5B%5D", b"payload=nonsense", b"other=1", b"payload=%FF"])
def test_a_signed_body_that_cannot_be_read(pressed: FlaskClient, body: bytes) -> None:
    answer = pressed.post("/webhooks/slack", data=body, content_type=TEXT, headers=signed(body))
    assert answer.status_code == 400


def test_a_form_that_cannot_be_opened_is_said(world: World, pressed: FlaskClient) -> None:
    world.dialogs.error = DeliveryError("slack", Reason.TIMEOUT)
    assert press(pressed, payload("case_mute")) == (200, b"")
    assert world.counted == [("slack", "no_form")]


def test_a_name_from_slack_is_one_short_line(world: World, pressed: FlaskClient) -> None:
    press(pressed, payload(name="<!channel>\n" + "x" * 500))
    [(_, what, _)] = world.operator.worked
    assert what.startswith("acknowledged by @<!channel> xx"), "it is escaped where it is shown"
    assert len(what) < 100


def test_without_a_secret_there_is_no_such_address(client: FlaskClient, world: World) -> None:
    assert press(client, payload())[0] == 404
    assert world.counted == [("slack", "not_found")]


def test_a_store_in_trouble_is_503(world: World, pressed: FlaskClient) -> None:
    world.replays.refuses = True
    assert press(pressed, payload())[0] == 503
    assert world.counted == [("slack", "unavailable")]
