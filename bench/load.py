"""A small load generator: many connections in one thread, prepared requests, latencies kept.

One process on the machine under test steals from it; that is the same for everything compared in one run.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

RECEIVE = 1 << 16
PER_CONNECTION = 25
"""Requests before a connection is made anew: which of the server's processes accepts it is chance, and one kept for good
would give all the work to one of them in this round, to two in the next.
"""


@dataclass(slots=True)
class Result:
    """What came back: counts by status, and every latency in seconds."""

    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return sum(self.statuses.values()) / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else 0.0


class _Connection:
    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.sent_at = 0.0
        self.sent = 0

    def worn(self) -> bool:
        """It has sent its share."""
        self.sent += 1
        return self.sent >= PER_CONNECTION

    def send(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def answered(self) -> int | None:
        """The status once the whole answer is there."""
        chunk = self.socket.recv(RECEIVE)
        if not chunk:
            raise ConnectionError("the server closed a kept connection")
        self.received += chunk
        head, gap, body = self.received.partition(b"\r\n\r\n")
        if not gap:
            return None
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        length = int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) < length:
            return None
        self.received = b""
        return int(head[9:12])


def request(path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def drive(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> Result:
    """Keep `connections` busy until the time or the requests run out."""
    result = Result()
    selector = selectors.DefaultSelector()
    pool = [_Connection(("127.0.0.1", port)) for _ in range(connections)]
    began = time.perf_counter()
    until = began + seconds
    busy = 0
    for connection in pool:
        if (following := next(requests, None)) is not None:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(following)
            busy += 1
    while busy:
        for key, _ in selector.select(timeout=5):
            connection = key.data
            status = connection.answered()
            if status is None:
                continue
            now = time.perf_counter()
            result.latencies.append(now - connection.sent_at)
            result.statuses[status] = result.statuses.get(status, 0) + 1
            following = next(requests, None) if now < until else None
            if following is not None and not connection.worn():
                connection.send(following)
                continue
            selector.unregister(connection.socket)
            connection.socket.close()
            busy -= 1
            if following is not None:
                connection = _Connection(("127.0.0.1", port))
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.send(following)
                busy += 1
    result.seconds = time.perf_counter() - began
    return result
