"""A stand-in for Jira Data Center, REST API v2: what it does differently from Cloud."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

from flask import Response, request

from enricher.standins.jira import search
from enricher.standins.jira.fields import Layout
from enricher.standins.jira.service import Jira
from enricher.standins.jira.trouble import NO_AUTH
from enricher.standins.limits import Buckets
from enricher.standins.service import KEY, Clock, Refusal, answer
from enricher.standins.shelf import Json

WRONG_LOGINS = 3
"""After so many, a person must solve a CAPTCHA before the account's password is looked at again."""
INTERVAL_S = 1


class JiraDataCenter(Jira):
    """Jira Data Center with one project: personal access tokens, wiki markup, users by name, a search that pages by number.

    `nodes` answer searches in turn: the first has always indexed everything, the others lag by `search_lag` seconds.
    `tokens` are the requests that a user has in a second.
    """

    root = "/rest/api/2"
    product = "Jira Data Center"

    def __init__(
        self,
        *,
        layout: Layout | None = None,
        token: str = KEY,
        search_lag: float = 0.0,
        nodes: int = 1,
        tokens: int = 1_000,
        limits: bool = True,
        state: Path | None = None,
        clock: Clock = time,
    ) -> None:
        layout = replace(layout or Layout(), data_center=True)
        super().__init__(layout=layout, token=token, search_lag=search_lag, limits=limits, state=state, clock=clock)
        self.me: Json = {
            "name": "enricher",
            "key": "JIRAUSER10100",
            "displayName": "Enricher",
            "emailAddress": self.email,
            "active": True,
        }
        self.nodes, self._searches = nodes, 0
        self.wrong_logins: Counter[str | None] = Counter()
        self._tokens = Buckets(tokens if limits else 0, tokens, clock)
        self._limit = tokens
        self.app.after_request(self._with_limits)

    def _add_search_routes(self) -> None:
        self.api("POST", f"{self.root}/search", lambda: self._found(self.body()))
        self.api("GET", f"{self.root}/search", self._search_by_query)

    def authenticate(self) -> None:
        """A token, or nothing: passwords are for people. Raises 401, and 403 once a password was wrong too often."""
        sent = request.authorization
        if sent is not None and sent.type == "bearer" and sent.token == self.token:
            return
        if sent is not None and sent.type == "basic":
            self.wrong_logins[sent.username] += 1
            if self.wrong_logins[sent.username] > WRONG_LOGINS:
                raise Refusal(403, {"message": "CAPTCHA"}, self._denied())
        raise Refusal(401, {"message": NO_AUTH, "status-code": 401}, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})

    def _denied(self) -> dict[str, str]:
        return {
            "X-Seraph-LoginReason": "AUTHENTICATION_DENIED",
            "X-Authentication-Denied-Reason": f"CAPTCHA_CHALLENGE; login-url={self.url}/login.jsp",
        }

    def throttle(self, rule: str, values: Mapping[str, str]) -> None:
        del rule, values
        wait = self._tokens.take("enricher")
        if wait:
            raise Refusal(429, {"message": "Rate limit exceeded."}, {"Retry-After": str(max(1, round(wait)))})

    def limited(self, retry_after: float, reason: str = "") -> Response:
        del reason
        return answer(429, {"message": "Rate limit exceeded."}, {"Retry-After": str(max(1, round(retry_after)))})

    def _with_limits(self, response: Response) -> Response:
        """Every answer of the API tells how many requests are left, and to wait for nothing while there are some."""
        if request.path.startswith("/rest/"):
            left = self._tokens.left("enricher")
            response.headers["X-RateLimit-Limit"] = str(self._limit)
            response.headers["X-RateLimit-Remaining"] = str(left)
            response.headers["X-RateLimit-Interval-Seconds"] = str(INTERVAL_S)
            response.headers["X-RateLimit-FillRate"] = str(self._limit)
            response.headers.setdefault("Retry-After", "0")
        return response

    def _found(self, body: Json) -> Response:
        fresh = self._searches % self.nodes == 0 and self.nodes > 1
        self._searches += 1
        return answer(200, search.old_search(self.site, body, self.clock(), self.api_url, fresh=fresh))

    def _search_by_query(self) -> Response:
        body: dict[str, Any] = dict(request.args)
        body |= {name: request.args.get(name, 0, int) for name in ("startAt", "maxResults") if name in body}
        if "fields" in body:
            body["fields"] = body["fields"].split(",")
        return self._found(body)
