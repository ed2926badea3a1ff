"""A small HTTP server for WSGI applications on loopback: threads, keep-alive, no delay, and connections that can be dropped.

The development server of Flask closes each connection after its answer and waits after each; the real services do neither.
An application drops its connection by raising ConnectionAbortedError, and resets it by raising ConnectionResetError.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET, socket
from socketserver import ThreadingTCPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import unquote

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

LOOPBACK = "127.0.0.1"
RESET_AT_ONCE = struct.pack("ii", 1, 0)
"""Linger for no time at all."""
JOIN_S = 5.0
POLL_S = 0.02
"""How soon a server notices that it is to stop."""


class Runnable(Protocol):
    """What `running` can run."""

    def start(self, port: int = 0) -> None:
        """Listen; when this returns, a client can connect."""
        ...

    def stop(self) -> None:
        """End every connection and close the port."""
        ...


R = TypeVar("R", bound=Runnable)


@contextmanager
def running(standin: R, port: int = 0) -> Iterator[R]:
    """Run one stand-in in threads of this process; port 0 takes a free one."""
    standin.start(port)
    try:
        yield standin
    finally:
        standin.stop()


class HttpServer(ThreadingTCPServer):
    """Serves one application. Threads are daemons: a request that hangs never keeps the process alive."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, app: WSGIApplication, port: int) -> None:
        self.app = app
        self._open: dict[socket, Thread] = {}
        self._guard = Lock()
        super().__init__((LOOPBACK, port), _Connection)
        self._acceptor = Thread(target=self.serve_forever, args=(POLL_S,), name="stand-in", daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def close(self) -> None:
        """Stop listening and end the connections that are open, idle ones too."""
        self.shutdown()
        self._acceptor.join(JOIN_S)
        with self._guard:
            still_open = list(self._open.items())
        for connection, _ in still_open:
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        for _, thread in still_open:
            thread.join(JOIN_S)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._guard:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    """One client's connection, request after request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: HttpServer

    def serve(self) -> None:
        """Answer one request, or drop the connection."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        try:
            self._write(self._environ(body))
        except ConnectionResetError:
            self._reset()
        except ConnectionError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815 - http.server names them

    def _reset(self) -> None:
        """End the connection with a reset: what closes without lingering sends one."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(SOL_SOCKET, SO_LINGER, RESET_AT_ONCE)
            self.connection.close()  # for good when the last file of it is closed, and before anybody shuts it down in order

    def log_message(self, *_: Any) -> None:
        """Say nothing: each request is in the stand-in's store."""

    def _write(self, environ: WSGIEnvironment) -> None:
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            head[:] = [status, headers]

        chunks = self.server.app(environ, start_response)
        code, _, phrase = head[0].partition(" ")
        self.send_response(int(code), phrase)
        for name, value in head[1]:
            self.send_header(name, value)
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(chunk)
            self.wfile.flush()
        self.wfile.flush()

    def _environ(self, body: bytes) -> WSGIEnvironment:
        path, _, query = self.path.partition("?")
        environ: WSGIEnvironment = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": LOOPBACK,
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.request_version,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        if "Content-Type" in self.headers:
            environ["CONTENT_TYPE"] = self.headers["Content-Type"]
        return environ
