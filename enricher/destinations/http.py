"""One HTTP client for every destination, and the translation of all that can go wrong into `DeliveryError`.

A call is sent once: no transport retries, no redirects followed. What happens next is decided by the reason: only a call that
surely never arrived may go out again without a look-up.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic

import httpx2
import orjson

from enricher.core.document import Json
from enricher.destinations.guard import check_url, transport_to
from enricher.destinations.text import cut, neutralise, safe_url
from enricher.errors import DeliveryError, Reason
from enricher.ports.sending import about_to_send

MAX_ANSWER = 4 * 1024 * 1024
"""Bytes of an answer; the largest that we ask for is a page of Slack history."""
MAX_RETRY_AFTER = 86_400.0
DETAIL = 300

_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_UNSENDABLE = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL)
_STATUS: Mapping[int, Reason] = {
    401: Reason.AUTH,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    407: Reason.CONFIGURATION,
    408: Reason.TIMEOUT,
    409: Reason.CONFLICT,
    410: Reason.CONFIGURATION,
    429: Reason.RATE_LIMITED,
}
_OF_ONE_TICKET = frozenset({"jira-per-issue-on-write"})
"""What a `RateLimit-Reason` says of a limit that others need not wait for."""
_WHOEVER_SAYS_IT = frozenset({401, 403, 407, 408, 413, 414, 429, 431})
"""4xx that hold even where a gateway says them, in HTML. Any other needs the service's own word, which is JSON."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer. `data` is empty where the service answers with nothing."""

    status: int
    data: Json


class Service:
    """One remote service. `read_s` is how long it may think; `secrets` never appear in an error."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        read_s: float,
        secrets: Collection[str],
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        check_url(name, url)
        self.name, self._url = name, url
        self._read_s = read_s
        self._secrets = sorted((s for s in (*secrets, *_as_sent(auth)) if s), key=len, reverse=True)
        self._learnt: list[str] = []
        limits = httpx2.Limits(max_connections=32, max_keepalive_connections=8)
        self._client = httpx2.Client(
            base_url=url.rstrip("/"),
            auth=auth,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "enricher",
                **(headers or {}),
            },
            timeout=httpx2.Timeout(connect=3.0, read=read_s, write=10.0, pool=3.0),
            limits=limits,
            follow_redirects=False,
            transport=transport or transport_to(url, limits),
        )

    def close(self) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Json | None = None,
        raw: bytes | None = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        empty: bool = False,
        lenient: bool = False,
    ) -> Reply:
        """Send one request, once. `raw` is JSON already written. `empty`: the service may answer with no body at all;
        `lenient`: with any body but a web page.
        """
        content = raw if json is None else orjson.dumps(json)
        kind = {**({} if content is None else {"Content-Type": "application/json"}), **(headers or {})}
        with self._translated():
            # Without a path the address as it was given: joined with nothing, it would end in a slash.
            request = self._client.build_request(
                method, path or self._url, content=content, data=form, params=params, headers=kind
            )
            request.extensions["trace"] = _last_look
            with closing(self._client.send(request, stream=True)) as response:
                body = self._read(response)
        if not response.is_success:
            raise self._refusal(response, body, lenient=lenient)
        if (empty and not body.strip()) or (lenient and not _is_page(body)):
            return Reply(response.status_code, {})
        data = _object(body)
        if data is None:
            raise self.error(Reason.NOT_JSON, f"HTTP {response.status_code} without a JSON object")
        return Reply(response.status_code, data)

    def error(self, reason: Reason, detail: str, *, retry_after: float = 0.0, of_one: bool = False) -> DeliveryError:
        """A DeliveryError whose detail is short, printable and free of our secrets."""
        for secret in (*self._secrets, *self._learnt):
            detail = detail.replace(secret, "[masked]")
        said = cut(neutralise(detail[:4000]), DETAIL)
        return DeliveryError(self.name, reason, retry_after=retry_after, detail=said, of_one=of_one)

    def keep_secret(self, secret: str, *, most: int) -> None:
        """Mask a secret that was learnt later, such as a token; the last `most` of them are remembered."""
        self._learnt = [*self._learnt, secret][-most:]

    def objects(self, data: Json, name: str) -> list[Json]:
        """The list of objects that an answer must have under `name`."""
        items = data.get(name)
        if not isinstance(items, list):
            raise self.error(Reason.NOT_JSON, f"the answer has no list of {name}")
        return [item for item in items if isinstance(item, dict)]

    def word(self, data: Json, name: str) -> str:
        """The text that an answer must have under `name`."""
        value = data.get(name)
        if not isinstance(value, str) or not value:
            raise self.error(Reason.NOT_JSON, f"the answer has no {name}")
        return value

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _NEVER_SENT as error:
            raise self.error(Reason.CONNECT, _named(error)) from None
        except _UNSENDABLE as error:
            raise self.error(Reason.CONFIGURATION, _named(error)) from None
        except httpx2.TimeoutException as error:
            raise self.error(Reason.TIMEOUT, _named(error)) from None
        except httpx2.RequestError as error:
            raise self.error(Reason.DROPPED, _named(error)) from None

    def _read(self, response: httpx2.Response) -> bytes:
        body = bytearray()
        ends = monotonic() + self._read_s  # each read has its own time-out; a trickle would never meet it
        for chunk in response.iter_bytes():
            body += chunk
            if monotonic() > ends:
                raise self.error(Reason.TIMEOUT, f"HTTP {response.status_code}, but its body took over {self._read_s:g} s")
            if len(body) > MAX_ANSWER:
                raise self.error(Reason.NOT_JSON, f"HTTP {response.status_code} with more than {MAX_ANSWER} bytes")
        return bytes(body)

    def _refusal(self, response: httpx2.Response, body: bytes, *, lenient: bool) -> DeliveryError:
        status, data = response.status_code, _object(body)
        reason = _reason(status, is_json=data is not None or (lenient and not _is_page(body)))
        detail = f"HTTP {status} {_complaint(data or {})}".strip()
        if response.is_redirect:
            detail = f"HTTP {status} redirects to {safe_url(response.headers.get('Location')) or 'elsewhere'}; redirects are not followed"
        if limited := response.headers.get("RateLimit-Reason"):
            detail = f"{detail} ({limited})"
        if denied := response.headers.get("X-Authentication-Denied-Reason"):  # Jira: a person must solve a CAPTCHA first
            reason, detail = Reason.AUTH, f"{detail} ({denied})"
        return self.error(reason, detail, retry_after=retry_after(response.headers), of_one=limited in _OF_ONE_TICKET)


def _last_look(event: str, info: Mapping[str, object]) -> None:
    """Called by the transport at each of its steps: a connection may take seconds, and a process may sleep between any two."""
    del info
    if event.endswith((".send_request_headers.started", ".send_request_body.started")):
        about_to_send()


def _as_sent(auth: tuple[str, str] | None) -> list[str]:
    """A password as Basic authentication spells it, which a service may repeat to us."""
    return [b64encode(":".join(auth).encode()).decode()] if auth else []


def part(data: Json, *path: str) -> Json:
    """The object at `path` inside an answer; empty where there is none."""
    for name in path:
        data = found if isinstance(found := data.get(name), dict) else {}
    return data


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds the service asked for, 0 if it named none: `Retry-After` (seconds or date), else `X-RateLimit-Reset`.

    Dates are read against the answer's own `Date`, so that neither clock matters.
    """
    asked = headers.get("Retry-After", "").strip()
    seconds = _number(asked)
    if seconds is None:
        now = _http_date(headers.get("Date", ""))
        then = _http_date(asked) or _reset(headers.get("X-RateLimit-Reset", ""))
        seconds = (then - now).total_seconds() if now and then else 0.0
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _reset(text: str) -> datetime | None:
    """Jira writes ISO 8601, ServiceNow Unix seconds."""
    try:
        if (number := _number(text.strip())) is not None:
            return datetime.fromtimestamp(number, UTC)
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else None


def _reason(status: int, *, is_json: bool) -> Reason:
    if status >= 500:  # noqa: PLR2004 — the class of server errors
        return Reason.SERVER_ERROR
    if status < 400:  # noqa: PLR2004 — a redirect
        return Reason.CONFIGURATION
    if not is_json and status not in _WHOEVER_SAYS_IT:
        return Reason.NOT_JSON
    return _STATUS.get(status, Reason.INVALID)


def _object(body: bytes) -> Json | None:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return data if isinstance(data, dict) else None


def _is_page(body: bytes) -> bool:
    """Whether it is what a gateway or a login page says, and not the service."""
    return body.lstrip()[:1] == b"<"


def _complaint(data: Json) -> str:
    """What the service says is wrong, from the shapes in which the three say it."""
    error = data.get("error")
    said = [error.get("message"), error.get("detail")] if isinstance(error, dict) else [error]
    messages = data.get("errorMessages")
    said += messages if isinstance(messages, list) else [messages]
    said += [data.get("message"), data.get("errorMessage")]
    fields = data.get("errors")
    said += [f"{name}: {text}" for name, text in fields.items()] if isinstance(fields, dict) else [fields]
    return "; ".join(str(text) for text in said if text)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
