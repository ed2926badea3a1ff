"""Reading a request's body: as sent or gzip, never more than the limit, whatever its headers claim."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_content_length, get_input_stream

from enricher.errors import PayloadError
from enricher.web.answers import Refusal

_CHUNK = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_BROKEN = (OSError, ClientDisconnected, ParseException)
"""A socket that fails, Werkzeug's word for one that ended, gunicorn's for chunks that are none."""


class UndecodableBody(PayloadError):
    """The body is not the gzip it claims to be; `raw` is what came."""

    def __init__(self, detail: str, raw: bytes) -> None:
        super().__init__("bad_gzip", detail)
        self.raw = raw


def read_body(environ: dict[str, Any], limit: int) -> bytes:
    """The body, inflated. Raises Refusal (413, 415; 400 when the connection broke), UndecodableBody."""
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding in {"", "identity"}:
        return _plain(environ, limit)
    if encoding == "gzip":
        return _inflated(environ, limit)
    raise Refusal(415, "unsupported_encoding", "Content-Encoding may be identity or gzip.", Accept_Encoding="gzip")


def _plain(environ: dict[str, Any], limit: int) -> bytes:
    body = bytearray()
    for chunk in _chunks(environ, limit, size=get_content_length(environ) or _CHUNK):
        body += chunk
    return bytes(body)


def _inflated(environ: dict[str, Any], limit: int) -> bytes:
    """Inflate while reading, so that a bomb is noticed in the chunk in which it bursts the limit."""
    inflate = zlib.decompressobj(_GZIP)
    raw, body = bytearray(), bytearray()
    chunks = _chunks(environ, limit, size=_CHUNK)
    problem = "the gzip stream ends too early"
    for chunk in chunks:
        raw += chunk
        try:
            body += inflate.decompress(chunk, limit + 1 - len(body))
        except zlib.error as error:
            problem = str(error)
            break
        if len(body) > limit:
            raise _too_large(limit)
        if inflate.eof:
            break
    end = len(raw) - len(inflate.unused_data)
    for chunk in chunks:
        raw += chunk
    if not inflate.eof:
        raise UndecodableBody(problem, bytes(raw))
    if len(raw) > end:
        raise UndecodableBody("more bytes follow the gzip stream", bytes(raw))
    return bytes(body)


def _chunks(environ: dict[str, Any], limit: int, *, size: int) -> Iterator[bytes]:
    """The body as it comes, at most `limit` bytes of it; more is refused and not read."""
    announced = get_content_length(environ)
    if announced is not None and announced > limit:
        raise _too_large(limit)
    stream = get_input_stream(environ)
    received = 0
    try:
        while received <= limit and (chunk := stream.read(min(size, limit + 1 - received))):
            received += len(chunk)
            yield chunk
    except _BROKEN as error:
        raise _incomplete() from error
    if received > limit:
        raise _too_large(limit)
    if announced is not None and received < announced:
        raise _incomplete()


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "too_large", f"A body may have {limit} bytes once inflated.")


def _incomplete() -> Refusal:
    return Refusal(400, "incomplete", "The body ended too early, or its chunks cannot be read.")
