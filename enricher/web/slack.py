"""`POST /webhooks/slack`: the buttons of a case's message. Who may, what, once; answered within Slack's three seconds.

A press is signed by Slack. What it says of the case is a key and no more; who may do what is ours to say, by the user's id.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

import orjson
import structlog
from flask import Flask, Response, request
from slack_sdk.signature import Clock, SignatureVerifier

from enricher.core.feedback import Said
from enricher.core.people import Person, Role
from enricher.core.work import MUTE_FOR
from enricher.errors import DeliveryError, StoreUnavailable
from enricher.web.answers import Refusal, json_answer
from enricher.web.bodies import read_body
from enricher.web.services import Services, SlackDoor

log = structlog.get_logger()

MOST_BODY = 256 * 1024
"""Bytes; a press with its message has about twenty thousand."""
MOST_NAME, MOST_WHY = 60, 500
_STAMP = re.compile("[0-9]{1,15}")
TIMESTAMP, SIGNATURE = "HTTP_X_SLACK_REQUEST_TIMESTAMP", "HTTP_X_SLACK_SIGNATURE"
NOT_YOURS = "You may not do this: your Slack account has no role that may. Whoever runs the enricher can give you one."
GONE = "There is no such case any more."
NO_FORM = "Slack did not let the form be opened. Press the button again, or mute the case on its page."

Answer = tuple[str, Response]
"""The word that is counted, and what Slack is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """What somebody has pressed or sent. `why` is None for a button; `trigger` lets us show them something."""

    action: str
    key: str
    channel: str
    user: str
    person: Person
    trigger: str
    why: str | None = None

    @property
    def detail(self) -> str:
        return f"Slack user {self.user}"


def add_slack(app: Flask, services: Services) -> None:
    """Route it; without a secret it answers 404."""
    door = services.settings.slack

    def receive() -> Response:
        word = "internal"
        try:
            word, answer = _Presses(services, door).receive() if door else _not_there()
        except Refusal as refusal:
            word = refusal.error
            raise
        except StoreUnavailable:
            word = "unavailable"
            raise
        finally:
            services.count("slack", word)
        return answer

    app.add_url_rule("/webhooks/slack", "slack_webhook", receive, methods=["POST"])


def _not_there() -> Answer:
    raise Refusal(404, "not_found", "No signing secret is set for Slack.")


class _Presses:
    """The way of one press to its case."""

    def __init__(self, services: Services, door: SlackDoor) -> None:
        self._services, self._door = services, door
        self._does: dict[str, Callable[[Press], Answer]] = {
            "case_ack": self._acknowledge,
            "case_assign": self._assign,
            "case_false_positive": self._false_positive,
            "case_mute": self._mute,
            "case_unmute": self._unmute,
        }

    def receive(self) -> Answer:
        """Signed, of our workspace, and not here before."""
        signature, payload = self._payload()
        if (self._door.team or _text(payload, "team", "id")) != _text(payload, "team", "id"):
            raise Refusal(403, "other_workspace", "This is not of the workspace that is set.")
        if (self._door.app or _text(payload, "api_app_id")) != _text(payload, "api_app_id"):
            raise Refusal(403, "other_app", "This is not of the app that is set.")
        press = _pressed(payload, self._door)
        if press is None or press.action not in self._does:
            return _done("ignored")
        if not self._services.replays.fresh(sha256(signature.encode()).hexdigest()):
            return _done("repeated")
        word, answer = self._do(press)
        log.info("slack_pressed", action=press.action, outcome=word, user=press.user)
        return word, answer

    def _do(self, press: Press) -> Answer:
        if not press.person.role.may(Role.ANALYST):
            return self._told("not_your_role", press, NOT_YOURS)
        record = self._services.reader.case(press.key)
        if record is None:
            return self._told("unknown_case", press, GONE)
        return self._does[press.action](replace(press, key=record.key))

    def _payload(self) -> tuple[str, dict[str, Any]]:
        """The signature and what it stands for. Raises Refusal (400, 401, 413)."""
        environ = request.environ
        stamp, signature = str(environ.get(TIMESTAMP, "")), str(environ.get(SIGNATURE, ""))
        if not _STAMP.fullmatch(stamp) or not signature.isascii():
            raise _unsigned()
        body = read_body(environ, MOST_BODY)
        if not self._is_signed(body, stamp, signature):
            raise _unsigned()
        try:
            payload = orjson.loads(parse_qs(body.decode())["payload"][0])
        except (KeyError, ValueError) as error:
            raise Refusal(400, "not_json", "The form field `payload` is to hold JSON.") from error
        if not isinstance(payload, dict):
            raise Refusal(400, "not_an_object", "The form field `payload` is to hold a JSON object.")
        return signature, payload

    def _is_signed(self, body: bytes, stamp: str, signature: str) -> bool:
        try:
            return SignatureVerifier(self._door.secret, clock=_Now(self._services)).is_valid(body, stamp, signature)
        except UnicodeDecodeError:  # Slack's own bodies are forms, and so ASCII
            return False

    # --- what is done -----------------------------------------------------------------------------------------------

    def _acknowledge(self, press: Press) -> Answer:
        return _kept(self._services.operator.acknowledge(press.key, press.person.signed, press.detail))

    def _assign(self, press: Press) -> Answer:
        by = press.person.signed
        return _kept(self._services.operator.assign(press.key, by, by, press.detail))

    def _false_positive(self, press: Press) -> Answer:
        by = f"{press.person.name} ({press.user})"
        self._services.operator.note_feedback(press.key, Said.FALSE_POSITIVE, by, "slack", "pressed in Slack")
        return _done("done")

    def _unmute(self, press: Press) -> Answer:
        return _kept(self._services.operator.unmute(press.key, press.person.signed, press.detail))

    def _mute(self, press: Press) -> Answer:
        """The button asks for the reason, the form brings it."""
        if press.why is None:
            return self._ask_why(press)
        if not 0 < len(press.why) <= MOST_WHY:
            said = f"Give a reason of at most {MOST_WHY} characters."
            return "no_reason", json_answer({"response_action": "errors", "errors": {"why": said}})
        until = self._services.now() + MUTE_FOR
        return _kept(self._services.operator.mute(press.key, until, press.person.signed, press.why, press.detail))

    def _ask_why(self, press: Press) -> Answer:
        dialogs = self._services.dialogs
        if dialogs is None:
            return _done("no_form")
        try:
            dialogs.ask_why(press.trigger, press.key, press.channel)
        except DeliveryError as error:
            log.warning("slack_form_not_opened", reason=error.reason.value, detail=error.detail)
            return self._told("no_form", press, NO_FORM)
        return _done("asked")

    def _told(self, word: str, press: Press, text: str) -> Answer:
        """Say it where only they see it: in the form they have sent, else in the channel."""
        if press.why is not None:
            return word, json_answer({"response_action": "errors", "errors": {"why": text}})
        if self._services.dialogs is not None:
            try:
                self._services.dialogs.tell(press.channel, press.user, text)
            except DeliveryError as error:
                log.warning("slack_not_told", reason=error.reason.value, detail=error.detail)
        return _done(word)


class _Now(Clock):
    """The clock that slack_sdk asks how old a signature is."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def now(self) -> float:
        return self._services.now().timestamp()


def _done(word: str) -> Answer:
    return word, Response("", 200)


def _kept(done: bool) -> Answer:  # noqa: FBT001 - what the operator says
    """False: the case has become part of another one meanwhile, whose message has buttons of its own."""
    return _done("done" if done else "unknown_case")


def _unsigned() -> Refusal:
    return Refusal(401, "unauthorized", "Slack's signature is needed, not older than five minutes.")


def _pressed(payload: dict[str, Any], door: SlackDoor) -> Press | None:
    """What was pressed or sent; None for what is no button and no form of ours."""
    user = _text(payload, "user", "id")
    role = door.roles.get(user) or door.roles.get("*") or Role.VIEWER
    name = _text(payload, "user", "username") or _text(payload, "user", "name") or user
    press = partial(
        Press, user=user, person=Person(f"@{name[:MOST_NAME]}", role, "slack"), trigger=_text(payload, "trigger_id")
    )
    if payload.get("type") == "block_actions":
        actions = payload.get("actions")
        action = actions[0] if isinstance(actions, list) and actions else {}
        return press(action=_text(action, "action_id"), key=_text(action, "value"), channel=_text(payload, "channel", "id"))
    if payload.get("type") == "view_submission":
        channel, _, key = _text(payload, "view", "private_metadata").partition(" ")
        why = _text(payload, "view", "state", "values", "why", "why", "value")
        return press(action=_text(payload, "view", "callback_id"), key=key, channel=channel, why=why)
    return None


def _text(value: object, *path: str) -> str:
    """One text of the payload, on one line; empty where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return " ".join(value.replace("\0", " ").split()) if isinstance(value, str) else ""
