"""The webhook receiver: whom it believes, and what it keeps."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256

import httpx2
import pytest

from enricher.standins import Receiver, running
from tests.standins.standin_client import Clock, connect

pytestmark = pytest.mark.slow


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running(Receiver(clock=Clock())) as standin:
        yield standin


def send(receiver: Receiver, *, event: str = "e-1", body: bytes = b"{}", late_s: int = 0, signed: bytes = b"") -> int:
    """The status. `signed`: what was signed instead of the body."""
    at = int(receiver.clock()) - late_s
    key = b64decode(receiver.secret.removeprefix("whsec_"))
    made = hmac.digest(key, f"{event}.{at}.".encode() + (signed or body), sha256)
    headers = {
        "webhook-id": event,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,bm9uZQ== v1,{b64encode(made).decode()}",
    }
    with connect(receiver.url) as client:
        answer: httpx2.Response = client.post("/hook", content=body, headers=headers)
    return answer.status_code


def test_one_message_of_each_id_is_kept(receiver: Receiver) -> None:
    assert [send(receiver), send(receiver, body=b'{"again": 1}'), send(receiver, event="e-2")] == [204, 204, 204]
    assert (receiver.store()["messages"], receiver.store()["repeats"]) == ([{}, {}], 1)


def test_what_was_not_signed_is_not_believed(receiver: Receiver) -> None:
    assert send(receiver, signed=b'{"other": 1}') == 401
    assert receiver.store()["messages"] == []


@pytest.mark.parametrize("late_s", [301, -301])
def test_a_message_of_another_time_is_not_believed(late_s: int, receiver: Receiver) -> None:
    assert send(receiver, late_s=late_s) == 400


def test_a_large_message_is_refused(receiver: Receiver) -> None:
    assert send(receiver, body=b'{"x": "' + b"x" * 21_000 + b'"}') == 413


def test_a_receiver_that_is_gone_says_so(receiver: Receiver) -> None:
    receiver.gone = True
    assert send(receiver) == 410
