"""Sumo Logic's Search Job API: one method a call, and every way in which a call can fail as a `SearchError`.

A job belongs to the cookies that came with it; without them Sumo Logic denies knowing it. So they are kept with the job, not with
the client, whose connections all jobs share. A call is sent once, and redirects are not followed: they would take the access key
to wherever the answer says. Source: Sumo Logic's documentation, "Search Job API".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from time import monotonic
from typing import Any

import httpx2
import orjson

from enricher.core.document import Json
from enricher.core.fields import text
from enricher.core.requery import ms
from enricher.core.sumo_search import Message
from enricher.errors import Reason, SearchError
from enricher.sumo.pace import Pace

READ_S = 15.0
"""How long one answer may take. A job that is not asked about for 20 to 30 seconds is cancelled."""
MAX_ANSWER = 16 * 1024 * 1024
MAX_RETRY_AFTER = 3_600.0
MOST_COOKIES, LONGEST_COOKIE = 20, 4_096
DETAIL = 200

_JOBS = "/api/v1/search/jobs"
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_COOKIE = re.compile(r"[!#-+\--:<-\[\]-~]*", re.ASCII)
_HOST = re.compile(r"https?://([A-Za-z0-9.-]{1,253})(?:[:/]|\Z)", re.ASCII)
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_UNSENDABLE = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL)
_STATUS: Mapping[int, Reason] = {
    401: Reason.AUTH,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    407: Reason.CONFIGURATION,
    408: Reason.TIMEOUT,
    429: Reason.RATE_LIMITED,
}
_NO_SUCH_JOB = "jobid.invalid"


@dataclass(slots=True)
class Job:
    """A job and its session. `born_with` are the cookies that came with it, whatever a later answer put in their place."""

    job_id: str
    cookies: dict[str, str]
    born_with: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.born_with = dict(self.cookies)


@dataclass(frozen=True, slots=True)
class State:
    """How a job stands. Errors and warnings are those since the last question."""

    name: str
    messages: int
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    records: int = 0


class Api:
    """One account at one deployment. Made for many threads."""

    under = _JOBS
    """What every address of its calls begins with."""

    def __init__(
        self,
        url: str,
        access_id: str,
        access_key: str,
        pace: Pace,
        *,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._pace, self._clock = pace, clock
        self._secrets: tuple[str, ...] = (access_key, access_id)
        self._client = httpx2.Client(
            base_url=_base(url),
            auth=(access_id, access_key),
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "enricher"},
            timeout=httpx2.Timeout(connect=3.0, read=READ_S, write=5.0, pool=3.0),
            limits=httpx2.Limits(max_connections=16, max_keepalive_connections=4),
            follow_redirects=False,
            transport=transport,  # None: httpx2's own, which retries nothing
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def close(self) -> None:
        self._client.close()

    def create(self, query: str, begins: datetime, ends: datetime) -> Job:
        """Start a search by message time, to the millisecond. Where no answer came there may be a job all the same, which Sumo Logic cancels itself."""
        asked: Json = {
            "query": query,
            "from": _written(begins),
            "to": _written(ends),
            "timeZone": "UTC",
            "byReceiptTime": False,
            "autoParsingMode": "Manual",
        }
        job = Job("", {})
        try:
            said = self._call("POST", "", job, json=asked)
        except SearchError as error:
            if error.reason is Reason.NOT_FOUND:
                raise SearchError(Reason.CONFIGURATION, f"no Search Job API at this address: {error.detail}") from None
            raise
        job_id = said.get("id")
        if not isinstance(job_id, str) or not _JOB_ID.fullmatch(job_id):
            raise SearchError(Reason.NOT_JSON, "a new job without an id")
        return Job(job_id, job.cookies)

    def state(self, job: Job) -> State:
        said = self._call("GET", f"/{job.job_id}", job)
        name, found = said.get("state"), said.get("messageCount")
        if not isinstance(name, str):
            raise SearchError(Reason.NOT_JSON, "an answer without a state")
        messages, records = (count if isinstance(count, int) else 0 for count in (found, said.get("recordCount")))
        errors, warnings = self._lines(said.get("pendingErrors")), self._lines(said.get("pendingWarnings"))
        return State(name, messages, errors, warnings, records)

    def messages(self, job: Job, offset: int, limit: int) -> list[Message]:
        """Raw messages, newest first: fewer than `limit` where they end, or where they are long."""
        return self._page(job, "messages", offset, limit)

    def records(self, job: Job, offset: int, limit: int) -> list[Message]:
        """What a search with an aggregate has counted: fewer than `limit` where they end, or where they are long."""
        return self._page(job, "records", offset, limit)

    def _page(self, job: Job, what: str, offset: int, limit: int) -> list[Message]:
        said = self._call("GET", f"/{job.job_id}/{what}", job, params={"offset": str(offset), "limit": str(limit)})
        found = said.get(what)
        if not isinstance(found, list):
            raise SearchError(Reason.NOT_JSON, f"an answer without {what}")
        maps = (one.get("map") for one in found if isinstance(one, dict))
        return [one for one in maps if isinstance(one, dict)]

    def delete(self, job: Job) -> None:
        self._call("DELETE", f"/{job.job_id}", job)

    # --- one call ---------------------------------------------------------------------------------------------------

    def _call(
        self, method: str, path: str, job: Job, *, json: Json | None = None, params: Mapping[str, str] | None = None
    ) -> Json:
        content = None if json is None else orjson.dumps(json)
        headers = {} if json is None else {"Content-Type": "application/json"}
        if job.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in job.cookies.items())
        self._pace.take()
        with self._translated():
            request = self._client.build_request(method, self.under + path, content=content, params=params, headers=headers)
            with closing(self._client.send(request, stream=True)) as response:
                body = self._read(response)
        _keep_cookies(job, response)
        if not response.is_success:
            raise self._refusal(response, body)
        data = _object(body) if body.strip() else {}
        if data is None:
            raise SearchError(Reason.NOT_JSON, f"HTTP {response.status_code} without a JSON object")
        return data

    def _read(self, response: httpx2.Response) -> bytes:
        body = bytearray()
        ends = self._clock() + READ_S  # each read has its own time-out; a trickle would never meet it
        for chunk in response.iter_bytes():
            body += chunk
            if self._clock() > ends:
                raise SearchError(Reason.TIMEOUT, f"an answer that took over {READ_S:g} s")
            if len(body) > MAX_ANSWER:
                raise SearchError(Reason.NOT_JSON, f"an answer of more than {MAX_ANSWER} bytes")
        return bytes(body)

    def _refusal(self, response: httpx2.Response, body: bytes) -> SearchError:
        status, said = response.status_code, _object(body)
        if response.is_redirect:
            elsewhere = _HOST.match(response.headers.get("Location", ""))
            return SearchError(
                Reason.CONFIGURATION,
                f"HTTP {status}: this account is elsewhere ({elsewhere[1] if elsewhere else 'unnamed'})",
            )
        words = [str(said[name]) for name in ("code", "message") if said and isinstance(said.get(name), str)]
        detail = self._line(": ".join([f"HTTP {status}", *words]))
        return SearchError(_reason(status, said), detail, retry_after=_retry_after(response.headers))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _NEVER_SENT as error:
            raise SearchError(Reason.CONNECT, type(error).__name__) from None
        except _UNSENDABLE as error:
            raise SearchError(Reason.CONFIGURATION, type(error).__name__) from None
        except httpx2.TimeoutException as error:
            raise SearchError(Reason.TIMEOUT, type(error).__name__) from None
        except httpx2.RequestError as error:
            raise SearchError(Reason.DROPPED, type(error).__name__) from None

    def _lines(self, said: object) -> tuple[str, ...]:
        lines = said if isinstance(said, list) else []
        return tuple(self._line(str(line)) for line in lines[:10] if line)

    def _line(self, said: str) -> str:
        """One printable line without our secrets."""
        visible = "".join(c if c.isprintable() else " " for c in text(said[:4_000]) or "")
        flat = " ".join(visible.split())
        for secret in self._secrets:
            flat = flat.replace(secret, "[masked]")
        return flat[:DETAIL]


def _base(url: str) -> str:
    """Where the documented address ends in `/api` or `/api/v1`, as some pages have it, that is taken off."""
    return re.sub(r"/api(?:/v1)?/*\Z", "", url.rstrip("/"))


def _written(moment: datetime) -> str:
    """A whole second as people write it; anything finer in milliseconds since the epoch, or a stretch would overlap the last one."""
    if moment.microsecond:
        return str(ms(moment))
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _keep_cookies(job: Job, response: httpx2.Response) -> None:
    """What the service sets is sent back with the next call of this job, and with no other."""
    for cookie in response.cookies.jar:
        value = cookie.value or ""
        short = len(cookie.name) + len(value) <= LONGEST_COOKIE
        room = cookie.name in job.cookies or len(job.cookies) < MOST_COOKIES
        if short and room and _COOKIE.fullmatch(cookie.name) and _COOKIE.fullmatch(value):
            job.cookies[cookie.name] = value


def _reason(status: int, said: Json | None) -> Reason:
    if said and str(said.get("code")).endswith(_NO_SUCH_JOB):
        return Reason.NOT_FOUND
    if status >= 500:  # noqa: PLR2004 - the class of server errors
        return Reason.SERVER_ERROR
    if said is None and status not in _STATUS:
        return Reason.NOT_JSON
    return _STATUS.get(status, Reason.INVALID)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds; a date there is not documented, and read as nothing."""
    asked = headers.get("Retry-After", "").strip()
    return min(float(asked), MAX_RETRY_AFTER) if asked.isascii() and asked.isdecimal() else 0.0


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return data if isinstance(data, dict) else None
