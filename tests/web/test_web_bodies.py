from __future__ import annotations

import gzip
import tracemalloc
import zlib
from io import BytesIO
from typing import Any

import pytest

from enricher.web.answers import Refusal
from enricher.web.bodies import read_body

KIB, MIB = 1024, 1024 * 1024
LIMIT = 5 * MIB


class Counting(BytesIO):
    """Knows how much was read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self.taken += len(chunk)
        return chunk


class Breaking(Counting):
    """A connection that is reset after its bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        if chunk := super().read(size):
            return chunk
        raise ConnectionResetError


def chunked(stream: BytesIO, **more: Any) -> dict[str, Any]:
    """As a server presents a chunked body: it ends by itself, and has no length."""
    return {"wsgi.input": stream, "wsgi.input_terminated": True, **more}


def announced(stream: BytesIO, length: int, **more: Any) -> dict[str, Any]:
    return {"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": str(length), **more}


GZIP = {"HTTP_CONTENT_ENCODING": "gzip"}


def test_chunked_and_announced_bodies_are_read_whole() -> None:
    body = bytes(range(256)) * 1000
    assert read_body(chunked(BytesIO(body)), LIMIT) == body
    assert read_body(announced(BytesIO(body), len(body)), LIMIT) == body
    assert read_body(chunked(BytesIO(gzip.compress(body)), **GZIP), LIMIT) == body


@pytest.mark.parametrize("encoding", [{}, GZIP])
def test_a_chunked_body_without_end_is_not_read_to_its_end(encoding: dict[str, str]) -> None:
    raw = zlib.compress(b"", 0) if not encoding else gzip.compress(b"\0" * 7 * MIB, compresslevel=0)
    stream = Counting(raw.ljust(64 * MIB, b"\0"))
    with pytest.raises(Refusal) as refused:
        read_body(chunked(stream, **encoding), LIMIT)
    assert refused.value.code == 413
    assert stream.taken <= LIMIT + 64 * KIB


def test_an_announced_length_over_the_limit_is_refused_unread() -> None:
    stream = Counting(b"x" * 100)
    with pytest.raises(Refusal) as refused:
        read_body(announced(stream, LIMIT + 1), LIMIT)
    assert (refused.value.code, stream.taken) == (413, 0)


@pytest.mark.parametrize("stream", [BytesIO(b'{"a":'), Breaking(b'{"a":')])
def test_less_than_announced_is_not_taken_for_a_body(stream: BytesIO) -> None:
    with pytest.raises(Refusal) as refused:
        read_body(announced(stream, 100), LIMIT)
    assert (refused.value.code, refused.value.error) == (400, "incomplete")


def test_a_gzip_bomb_is_noticed_early_and_costs_little_memory() -> None:
    """A gibibyte of zeros in about a mebibyte: after a full flush, every block packs the same."""
    pack = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    first, block = (pack.compress(b"\0" * MIB) + pack.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bomb = first + block * 1023
    stream = Counting(bomb)
    tracemalloc.start()
    with pytest.raises(Refusal) as refused:
        read_body(announced(stream, len(bomb), **GZIP), LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.code == 413
    assert stream.taken <= 64 * KIB
    assert peak < 4 * LIMIT
