"""A stand-in for an HTTP Source of a hosted collector, as its documentation describes it.

It answers 200 with nothing; what it holds are messages as a search gets them, with the category and host that the headers named, and
those fields only that are declared. `stopped` is an ingest budget that is used up: 200, and the data is gone.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from time import time

from flask import Response, request

from enricher.standins.service import Clock, Refusal, Service
from enricher.standins.shelf import Json

TOKEN = "c3RhbmQtaW4tZm9yLWFuLWh0dHAtc291cmNl"  # noqa: S105 - of a stand-in
"""Of the address; it guards nothing."""
MOST_BYTES = 1_000_000
LONGEST = 64 * 1024
DECLARED = frozenset({"enricher_case", "enricher_severity"})


class SumoSource(Service):
    """Takes `POST /receiver/v1/http/<token>`. `half`: it takes the first half of the lines, and answers 408."""

    def __init__(self, *, token: str = TOKEN, declared: frozenset[str] = DECLARED, clock: Clock = time) -> None:
        super().__init__(clock)
        self.token, self.declared = token, declared
        self.half = self.stopped = False
        self.messages: list[dict[str, str]] = []
        self.posts: list[int] = []
        """How many lines each call brought that was taken."""
        self.api("POST", "/receiver/v1/http/<token>", self._take)

    def address(self) -> str:
        """The whole address while it runs."""
        return f"{self.url}/receiver/v1/http/{self.token}"

    def holdings(self) -> Json:
        return {"messages": self.messages, "posts": self.posts}

    def admit(self, rule: str, values: Mapping[str, str]) -> None:
        """Raises Refusal for a token that is not ours."""
        del rule
        if values.get("token") != self.token:
            raise Refusal(401, {})

    def error(self, status: int, text: str) -> Response:
        return Response(text, status)

    def limited(self, retry_after: float) -> Response:
        """Throttled: the data is dropped, and the client sends again."""
        del retry_after
        return Response("", 429)

    def _take(self, token: str) -> Response:
        del token
        found = [line for line in _body().decode().split("\n") if line.strip()]
        if any(len(line.encode()) > LONGEST for line in found):
            raise Refusal(400, {})  # the real one splits it, which no test may need
        kept = [] if self.stopped else found[: len(found) // 2] if self.half else found
        self.messages += [self._message(line) for line in kept]
        self.posts.append(len(kept))
        return Response("", 408 if self.half else 200)

    def _message(self, line: str) -> dict[str, str]:
        sent = request.headers
        pairs = (pair.partition("=") for pair in sent.get("X-Sumo-Fields", "").split(",") if pair)
        fields = {name.strip(): value.strip() for name, _, value in pairs if name.strip() in self.declared}
        return {
            "_raw": line,
            "_sourceCategory": sent.get("X-Sumo-Category", "source/own"),
            "_sourceName": sent.get("X-Sumo-Name", "Http Input"),
            "_sourceHost": sent.get("X-Sumo-Host", "127.0.0.1"),
            "_messageTime": str(round(self.clock() * 1000)),
            **fields,
        }


def _body() -> bytes:
    """What was sent, unpacked. Raises Refusal."""
    sent, how = request.get_data(), request.headers.get("Content-Encoding", "")
    try:
        body = gzip.decompress(sent) if how == "gzip" else zlib.decompress(sent) if how == "deflate" else sent
    except (OSError, EOFError, zlib.error):
        raise Refusal(400, {}) from None
    if len(body) > MOST_BYTES:
        raise Refusal(413, {})
    return body
