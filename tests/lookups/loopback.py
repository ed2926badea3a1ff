"""A DNS and an HTTP server on loopback that do what they are told, and remember what they were asked."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Final, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

SILENT: Final = "SILENT"
GARBAGE: Final = "GARBAGE"
TRUNCATED: Final = "TRUNCATED"
NO_DATA: Final = "NO_DATA"
RCODES: Final = ("NXDOMAIN", "SERVFAIL", "REFUSED")

Script = Callable[[dns.message.Message, str], bytes | None]
"""(query, `udp` or `tcp`) → the answer's bytes, None for silence."""
Zone = Mapping[tuple[str, str], str | list[str] | Script]
"""(name without its last dot, type) → records, one of the words above, or a script. A list that begins with TRUNCATED comes
whole by TCP."""


class DnsServer:
    """Serves a zone over UDP and TCP on one port of 127.0.0.1; what is not in it is NXDOMAIN."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str, str]] = []

    @property
    def servers(self) -> tuple[tuple[str, int], ...]:
        return (("127.0.0.1", self.port),)

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.asked]

    def reply(self, wire: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), question.rdtype.name
        self.asked.append((name, kind, transport))
        found = self.zone.get((name, kind), "NXDOMAIN")
        if callable(found):
            return found(query, transport)
        if found == SILENT:
            return None
        if found == GARBAGE:
            return wire[:2] + b"\x84\x00\xff\xff\xff\xff rubbish \xc0\xff"
        response = dns.message.make_response(query)
        if isinstance(found, str):
            if found in RCODES:
                response.set_rcode(dns.rcode.from_text(found))
        elif found[0] == TRUNCATED and transport == "udp":
            response.flags |= dns.flags.TC
        else:
            records = [text for text in found if text != TRUNCATED]
            response.answer.append(dns.rrset.from_text(question.name, 300, "IN", kind, *records))
        return response.to_wire(max_size=65535)

    def __enter__(self) -> Self:
        owner = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                wire, sock = self.request
                if (reply := owner.reply(wire, "udp")) is not None:
                    sock.sendto(reply, self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                wire = self.rfile.read(int.from_bytes(self.rfile.read(2), "big"))
                if (reply := owner.reply(wire, "tcp")) is not None:
                    self.wfile.write(len(reply).to_bytes(2, "big") + reply)
                else:
                    self.rfile.read(1)  # silent, until whoever asked hangs up

        self._udp, self._tcp = _same_port(Udp, Tcp)
        self.port = int(self._udp.server_address[1])
        self._threads = [_serve(self._udp), _serve(self._tcp)]
        return self

    def __exit__(self, *_: object) -> None:
        for server, thread in zip((self._udp, self._tcp), self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


Handle = Callable[[str], tuple[int, dict[str, str], bytes]]


@contextmanager
def http_server(handle: Handle) -> Iterator[str]:
    """Answer GETs by `handle(path)`, → (status, headers, body). Yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = handle(self.path)
            try:
                self.send_response(status)
                for key, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # who asked has gone: that is what some tests are about

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    with served(Handler) as url:
        yield url


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run an HTTP server with that handler. Yields the base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = _serve(server)
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Crashes:
    """What threads died of, from now on, instead of a warning that may reach the wrong test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._seen: SimpleQueue[type[BaseException]] = SimpleQueue()
        monkeypatch.setattr(threading, "excepthook", lambda args: self._seen.put(args.exc_type))

    def next(self) -> type[BaseException]:
        return self._seen.get(timeout=5.0)


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def _same_port(
    udp: type[socketserver.BaseRequestHandler], tcp: type[socketserver.BaseRequestHandler]
) -> tuple[_UdpServer, _TcpServer]:
    for _ in range(20):
        first = _UdpServer(("127.0.0.1", 0), udp)
        try:
            return first, _TcpServer(first.server_address, tcp)
        except OSError:  # taken for TCP by another
            first.server_close()
    raise RuntimeError("no port is free for both UDP and TCP")


def _serve(server: socketserver.BaseServer) -> threading.Thread:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    return thread
