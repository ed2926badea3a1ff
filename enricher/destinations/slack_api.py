"""Slack's Web API as every adapter here uses it: its way of saying no, and lists that come page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx2

from enricher.core.document import Json
from enricher.destinations.http import Service, part
from enricher.destinations.slack_words import reason_of
from enricher.errors import Reason

READ_S = 10.0
PAGE = 200


class SlackApi:
    """One workspace, by one token. `service` is the HTTP client beneath."""

    def __init__(
        self, token: str, *, name: str, url: str, read_s: float = READ_S, transport: httpx2.BaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.service = Service(name, url, read_s=read_s, secrets=[token], headers=headers, transport=transport)

    def call(self, method: str, *, json: Json | None = None, form: Mapping[str, str] | None = None) -> Json:
        """Slack says no with `"ok": false` in a 200; the error's detail is then Slack's own word for it. Raises DeliveryError."""
        data = self.service.call("POST", f"/{method}", json=json, form=form).data
        if data.get("ok") is True:
            return data
        word = self.service.word(data, "error")
        raise self.service.error(reason_of(word), word)

    def messages(self, method: str, query: Mapping[str, str], *, most_pages: int) -> Iterator[Json]:
        """The messages of a history or a thread, with our metadata. Raises DeliveryError, SETTLING where there are more pages."""
        cursor = ""
        for _ in range(most_pages):
            form = {**query, "limit": str(PAGE), "include_all_metadata": "true", **({"cursor": cursor} if cursor else {})}
            page = self.call(method, form=form)
            yield from self.service.objects(page, "messages")
            cursor = str(part(page, "response_metadata").get("next_cursor") or "")
            if not cursor:
                return
        raise self.service.error(Reason.SETTLING, f"the history is longer than {most_pages} pages of {PAGE}")
