"""An end for a whole HTTP call. The client's own time-outs are for each read, and a server that sends a byte now and then meets them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, Self


class Watch:
    """While it is entered, every connection that `trace` hears of is shut when the time is over, whoever is reading from it.

    `trace` is given to the client as the request's `trace` extension.
    """

    def __init__(self, limit_s: float) -> None:
        self._until = monotonic() + limit_s
        self._timer = threading.Timer(limit_s, self._shut)
        self._timer.daemon, self._timer.name = True, "lookup-watch"
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return monotonic() >= self._until

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Hear of a new connection, plain or with TLS."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                self._sockets.append(info["return_value"].get_extra_info("socket"))
            if self.over:
                self._shut()

    def _shut(self) -> None:
        with self._lock:
            for one in self._sockets:
                with suppress(OSError):  # it has gone already
                    socket.socket.shutdown(one, socket.SHUT_RDWR)
