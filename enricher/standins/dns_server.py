"""The sockets of the DNS stand-in: UDP and TCP on one port of loopback."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from socket import AF_INET, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, socket
from socketserver import BaseRequestHandler, ThreadingTCPServer, ThreadingUDPServer
from struct import pack
from threading import Event, Thread

from enricher.standins.server import JOIN_S, LOOPBACK, POLL_S

LONGEST_WAIT_S = 30.0
Respond = Callable[[bytes, str], bytes | None]
"""(message, `udp` or `tcp`) → the answer."""


def pair(port: int) -> tuple[socket, socket]:
    """A TCP and a UDP socket on one port; where the port is free to choose, one that both can have."""
    while True:
        tcp, udp = socket(AF_INET, SOCK_STREAM), socket(AF_INET, SOCK_DGRAM)
        try:
            tcp.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            tcp.bind((LOOPBACK, port))
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
            if port:
                raise
            continue
        return tcp, udp


class _UdpHandler(BaseRequestHandler):
    server: UdpServer

    def handle(self) -> None:
        wire, sock = self.request
        if answer := self.server.respond(wire, "udp"):
            sock.sendto(answer, self.client_address)


class _TcpHandler(BaseRequestHandler):
    server: TcpServer

    def handle(self) -> None:
        with suppress(ConnectionError), self.request.makefile("rb") as stream:
            while len(size := stream.read(2)) == 2:  # noqa: PLR2004 - the length field of a message
                answer = self.server.respond(stream.read(int.from_bytes(size, "big")), "tcp")
                if answer is None:
                    self.server.closing.wait(LONGEST_WAIT_S)
                    return
                self.request.sendall(pack("!H", len(answer)) + answer)


class UdpServer(ThreadingUDPServer):
    """Answers datagrams. `respond` gives None where no answer goes out."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, respond: Respond, bound: socket) -> None:
        super().__init__((LOOPBACK, 0), _UdpHandler, bind_and_activate=False)
        self.respond = respond
        _take_over(self, bound)
        self._thread = _serve(self)

    def close(self) -> None:
        """End it, and close the port."""
        self.shutdown()
        self._thread.join(JOIN_S)
        self.server_close()


class TcpServer(ThreadingTCPServer):
    """Answers messages on connections; where no answer goes out, the connection stays open and silent."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, respond: Respond, bound: socket) -> None:
        super().__init__((LOOPBACK, 0), _TcpHandler, bind_and_activate=False)
        self.respond, self.closing = respond, Event()
        _take_over(self, bound)
        self.server_activate()
        self._thread = _serve(self)

    def close(self) -> None:
        """End it, and close the port."""
        self.closing.set()
        self.shutdown()
        self._thread.join(JOIN_S)
        self.server_close()


def _take_over(server: ThreadingUDPServer | ThreadingTCPServer, bound: socket) -> None:
    server.socket.close()
    server.socket = bound
    server.server_address = bound.getsockname()


def _serve(server: ThreadingUDPServer | ThreadingTCPServer) -> Thread:
    thread = Thread(target=server.serve_forever, args=(POLL_S,), name="stand-in dns", daemon=True)
    thread.start()
    return thread
