"""The webhook behind the server it runs on: what only a real socket can send."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

pytestmark = pytest.mark.slow

KIB, MIB = 1024, 1024 * 1024
TOKEN = {"X-Enricher-Token": "secret"}
PATIENCE_S = 20


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where gunicorn listens; it has said so before the first test begins."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        command = [sys.executable, "-m", "gunicorn", "tests.web.served:app", "--bind", f"fd://{listener.fileno()}"]
        options = ["--worker-class", "gthread", "--threads", "4", "--no-control-socket", "--timeout", str(PATIENCE_S)]
        server = subprocess.Popen([*command, *options], pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
        try:
            yield listener.getsockname()[1]
        finally:
            server.terminate()
            server.wait(PATIENCE_S)


def send(port: int, body: Any, headers: dict[str, str], *, chunked: bool = False) -> int:
    """The status answered."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        connection.request("POST", "/webhooks/sumo", body, headers, encode_chunked=chunked)
        return connection.getresponse().status


def stored(port: int) -> int:
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        connection.request("GET", "/metrics")
        return int(connection.getresponse().read())


def test_chunked_bodies(port: int) -> None:
    before = stored(port)
    headers = {**TOKEN, "Transfer-Encoding": "chunked"}
    assert send(port, iter([b'{"a":', b"1}"]), headers, chunked=True) == 202
    packed = gzip.compress(b'{"a":2}')
    gzipped = {**headers, "Content-Encoding": "gzip"}
    assert send(port, iter([packed[:5], packed[5:]]), gzipped, chunked=True) == 202
    assert stored(port) == before + 2


def test_a_stranger_is_answered_before_his_body_arrives(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(b"POST /webhooks/sumo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 401 ")


def test_a_body_too_large_is_answered_before_it_has_arrived(port: int) -> None:
    """Announced, or found out while reading; the client never finishes sending."""
    head = b"POST /webhooks/sumo HTTP/1.1\r\nHost: x\r\nX-Enricher-Token: secret\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(head + b"Content-Length: 6291456\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.sendall(b"%x\r\n" % (6 * MIB) + b" " * (5 * MIB + 64 * KIB))
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(b'Content-Length: 100\r\n\r\n{"a":1}', id="shorter than announced"),
        pytest.param(b'Transfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}', id="chunks without end"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", id="no chunk at all"),
    ],
)
def test_a_broken_off_body_is_never_accepted(port: int, rest: bytes) -> None:
    before = stored(port)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(b"POST /webhooks/sumo HTTP/1.1\r\nHost: x\r\nX-Enricher-Token: secret\r\n" + rest)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(64).startswith(b"HTTP/1.1 400 ")
    assert stored(port) == before
    assert send(port, b'{"test":1}', TOKEN) == 200
