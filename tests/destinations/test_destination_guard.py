"""A name is resolved once, and the connection goes to the address that was checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import httpcore2
import httpx2
import pytest

from enricher.destinations.guard import Guarded, GuardedTransport, is_refused, resolve, transport_to
from enricher.destinations.http import Service
from enricher.errors import DeliveryError, Outcome, Reason

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Dialling(httpcore2.MockBackend):
    """Connects to nothing, and remembers to what; `dead` addresses do not answer."""

    def __init__(self, *dead: str) -> None:
        super().__init__([ANSWER])
        self.dialled: list[str] = []
        self._dead = dead

    def connect_tcp(self, host: str, *rest: Any, **more: Any) -> httpcore2.NetworkStream:
        self.dialled.append(host)
        if host in self._dead:
            raise httpcore2.ConnectError("no answer")
        return super().connect_tcp(host, *rest, **more)


def saying(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda _name, _port: addresses


def call(resolve: Callable[[str, int], Sequence[str]], backend: Dialling) -> int:
    transport = GuardedTransport(httpx2.Limits(), Guarded(resolve, backend))
    service = Service("jira", "http://jira.corp.example", read_s=1.0, secrets=[], transport=transport)
    try:
        return service.call("GET", "/x").status
    finally:
        service.close()


@pytest.mark.parametrize(
    "addresses",
    [
        ("169.254.169.254",),
        ("10.0.0.7", "169.254.169.254"),
        ("fd00:ec2::254",),
        ("fe80::1%eth0",),
        ("::ffff:169.254.169.254",),
        ("64:ff9b::a9fe:a9fe",),
        ("2002:a9fe:a9fe::1",),
        ("100.100.100.200",),
        ("0.0.0.0",),
        ("224.0.0.1",),
    ],
)
def test_a_name_that_leads_where_no_destination_is_is_not_connected_to(addresses: Sequence[str]) -> None:
    backend = Dialling()
    with pytest.raises(DeliveryError) as caught:
        call(saying(*addresses), backend)
    assert (caught.value.reason, caught.value.outcome) == (Reason.CONFIGURATION, Outcome.REJECTED)
    assert "no destination has" in caught.value.detail
    assert backend.dialled == []


def test_the_address_that_was_checked_is_the_one_that_is_dialled() -> None:
    asked: list[str] = []

    def changing(name: str, _port: int) -> Sequence[str]:
        asked.append(name)
        return ["10.0.0.7"] if len(asked) == 1 else ["169.254.169.254"]

    backend = Dialling()
    assert call(changing, backend) == 200
    assert (asked, backend.dialled) == (["jira.corp.example"], ["10.0.0.7"])


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    backend = Dialling("fd12::7")
    assert call(saying("fd12::7", "10.0.0.7"), backend) == 200
    assert backend.dialled == ["fd12::7", "10.0.0.7"]


def test_where_none_answers_nothing_was_sent() -> None:
    with pytest.raises(DeliveryError) as caught:
        call(saying("10.0.0.7"), Dialling("10.0.0.7"))
    assert caught.value.reason is Reason.CONNECT


def no_such_name(_name: str, _port: int) -> Sequence[str]:
    raise OSError(-2, "Name or service not known")


@pytest.mark.parametrize("resolver", [no_such_name, saying()])
def test_a_name_without_an_address_was_never_sent_to(resolver: Callable[[str, int], Sequence[str]]) -> None:
    with pytest.raises(DeliveryError) as caught:
        call(resolver, Dialling())
    assert caught.value.reason is Reason.CONNECT


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fd12::7", "192.168.1.1", "jira.corp.example"])
def test_the_operators_own_addresses_are_let_through(address: str) -> None:
    assert not is_refused(address)


def test_the_system_resolves_loopback() -> None:
    assert "127.0.0.1" in resolve("127.0.0.1", 80)


def test_a_proxy_of_the_environment_is_kept_and_its_exceptions_are_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.corp.example:3128")
    monkeypatch.setenv("no_proxy", "corp.example")
    assert transport_to("https://acme.atlassian.net", httpx2.Limits()) is None
    assert isinstance(transport_to("https://jira.corp.example", httpx2.Limits()), GuardedTransport)


def test_every_destination_is_guarded_unless_it_is_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("169.254.169.254", 80))])
    service = Service("webhook", "http://rebound.example", read_s=1.0, secrets=[])
    with pytest.raises(DeliveryError) as caught:
        service.call("GET", "/latest/meta-data")
    service.close()
    assert caught.value.reason is Reason.CONFIGURATION
