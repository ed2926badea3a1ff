"""Who to write to about an address: the abuse contact and name of its network, by RDAP.

Fetched here and read by ipwhois. Its own fetching reports 404, time-out and a refused connection as one thing, has no limit
on size, and asks further questions for contacts which the first answer holds already, one level down.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from ssl import SSLContext
from typing import Any
from urllib.request import OpenerDirector

import dns.exception
import httpx2
from ipwhois.exceptions import BaseIpwhoisException
from ipwhois.net import Net
from ipwhois.rdap import BOOTSTRAP_URL, RDAP

from enricher.core.addresses import unmap
from enricher.lookups.gate import why_not
from enricher.lookups.source import MAX_REASON, Answer, Keep, one_line
from enricher.lookups.watch import Watch
from enricher.model import Observable, ObservableKind, Status

TIMEOUT_S = 8.0
MAX_BYTES = 1 << 20
MAX_REDIRECTS = 4
MAX_ENTITIES = 64
MAX_DEPTH = 3
MAX_ABUSE = 8
MAX_TEXT = 128
DEFAULT_REST_S = 60.0

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}", re.ASCII)

_HEADERS = {"Accept": "application/rdap+json", "Accept-Encoding": "identity"}

Document = dict[str, Any]


class Rdap:
    """Asks `{url}/ip/{address}`; the default is a bootstrap service that redirects to the registry in charge.

    Time is bounded for each step of the transfer and for the whole: at its end the connection is shut from outside.
    """

    name = "rdap"
    kind = ObservableKind.ADDRESS
    keep = Keep(ok=timedelta(days=7), negative=timedelta(days=1), stale=timedelta(days=30))
    at_once = 4

    def __init__(self, url: str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url, self._timeout_s = (url or BOOTSTRAP_URL).rstrip("/"), timeout_s
        self._lock = threading.Lock()
        self._made: SSLContext | None = None

    def ask(self, about: str) -> Answer:
        with Watch(self._timeout_s) as watch:
            return self._ask(about, watch)

    def _ask(self, about: str, watch: Watch) -> Answer:
        late = Answer(status=Status.TIMEOUT, reason=f"no answer from RDAP in {self._timeout_s:g} s")
        try:
            status, headers, body = self._fetch(f"{self._url}/ip/{about}", watch)
        except httpx2.TimeoutException:
            return late
        except (httpx2.HTTPError, httpx2.InvalidURL) as trouble:
            if watch.over:
                return late
            return Answer(status=Status.ERROR, reason=one_line(f"RDAP: {trouble}", MAX_REASON), source_down=True)
        return late if watch.over else read_answer(about, status, headers, body)

    def _fetch(self, url: str, watch: Watch) -> tuple[int, httpx2.Headers, bytes]:
        """GET with redirects, as far as `followed` lets them; the body is cut soon after `MAX_BYTES`."""
        with httpx2.Client(verify=self._tls(), timeout=self._timeout_s, headers=_HEADERS) as client:
            request = client.build_request("GET", url, extensions={"trace": watch.trace})
            for _ in range(MAX_REDIRECTS + 1):
                response = client.send(request, stream=True)
                try:
                    following = response.next_request
                    if following is None:
                        return response.status_code, response.headers, _read(response)
                finally:
                    response.close()
                request = followed(request, following)
            raise httpx2.TooManyRedirects(f"more than {MAX_REDIRECTS} redirects", request=request)

    def _tls(self) -> SSLContext:
        """One context for all calls: loading the authorities costs more than a call."""
        with self._lock:
            if self._made is None:
                self._made = httpx2.create_ssl_context()
            return self._made


def followed(request: httpx2.Request, following: httpx2.Request) -> httpx2.Request:
    """Let a redirect through that stays on its host, or leads by https to a host outside; and never one that leaves https.

    Otherwise what is asked about would be there for all to read, or a registry could have us call our own network.
    """
    before, after = request.url, following.url
    if before.scheme == "https" and after.scheme != "https":
        raise httpx2.UnsupportedProtocol("redirected from https to something less", request=request)
    if after.host == before.host:
        return following
    host = Observable(ObservableKind.ADDRESS if unmap(after.host) else ObservableKind.HOSTNAME, after.host.lower())
    if after.scheme != "https" or why_not(host):
        raise httpx2.UnsupportedProtocol("redirected to where no registry is", request=request)
    return following


def read_answer(about: str, status: int, headers: httpx2.Headers, body: bytes) -> Answer:
    """Say what an RDAP server's answer means."""
    if status == httpx2.codes.NOT_FOUND:
        return Answer(status=Status.NEGATIVE, reason="RDAP knows no network for it")
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        return Answer(status=Status.RATE_LIMITED, reason="RDAP: too many requests", rest_s=_retry_after_s(headers))
    if status != httpx2.codes.OK:
        down = status >= httpx2.codes.INTERNAL_SERVER_ERROR
        return Answer(status=Status.ERROR, reason=f"RDAP answered {status}", source_down=down)
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        return Answer(status=Status.ERROR, reason="RDAP answered packed, which was not asked for")
    if len(body) > MAX_BYTES:
        return Answer(status=Status.ERROR, reason=f"RDAP answered with more than {MAX_BYTES} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return Answer(status=Status.ERROR, reason="RDAP answered with something else than JSON")
    return read_network(about, document)


def read_network(about: str, document: object) -> Answer:
    """Read an RDAP network, of which nothing can be taken for granted."""
    if not isinstance(document, dict):
        return Answer(status=Status.ERROR, reason="RDAP answered with something else than a network")
    if _is_rate_limit(document):
        return Answer(status=Status.RATE_LIMITED, reason="RDAP: rate limit notice", rest_s=DEFAULT_REST_S)
    try:
        read = _by_ipwhois(about, document)
    # What a hostile document does to a parser that takes shapes for granted.
    except (
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        BaseIpwhoisException,
        dns.exception.DNSException,
    ) as trouble:
        reason = one_line(f"the RDAP network cannot be read: {type(trouble).__name__}", MAX_REASON)
        return Answer(status=Status.ERROR, reason=reason)
    network = read["network"]
    detail = {"abuse": _abuse(read["objects"]), "name": _text(network["name"]), "handle": _text(network["handle"])}
    return Answer(status=Status.OK, detail=detail)


def _by_ipwhois(about: str, document: Document) -> Document:
    """Let ipwhois read a network it did not fetch; so told, it asks nothing itself. An opener of its own is never used."""
    flat = {**document, "entities": list(_entities(document.get("entities"), MAX_DEPTH))[:MAX_ENTITIES]}
    reader = RDAP(Net(about, proxy_opener=OpenerDirector()))
    read: Document = reader.lookup(response=flat, bootstrap=True, root_ent_check=False, retry_count=0, rate_limit_timeout=0)
    return read


def _entities(found: object, depth: int) -> Iterator[Document]:
    """All entities with a handle and a card, from every level: the abuse contact usually belongs to the registrant."""
    for entity in found if isinstance(found, list) and depth else ():
        if isinstance(entity, dict):
            if isinstance(entity.get("handle"), str) and "vcardArray" in entity:
                yield {key: value for key, value in entity.items() if key != "entities"}
            yield from _entities(entity.get("entities"), depth - 1)


def _abuse(contacts: Document) -> list[str]:
    abuse = [c["contact"] for c in contacts.values() if "abuse" in (c["roles"] or ()) and c["contact"]]
    emails = [email["value"] for contact in abuse for email in contact["email"] or ()]
    return sorted({email.lower() for email in emails if isinstance(email, str) and _EMAIL.fullmatch(email)})[:MAX_ABUSE]


def _is_rate_limit(document: Document) -> bool:
    notices = document.get("notices")
    titles = (notice.get("title") for notice in notices if isinstance(notice, dict)) if isinstance(notices, list) else ()
    return "Rate Limit Notice" in titles


def _retry_after_s(headers: httpx2.Headers) -> float:
    """Seconds, given as a number or as a date against the server's own Date; the default where neither can be read."""
    value = headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return (parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
    except (TypeError, ValueError):  # no date, or one aware and one naive
        return DEFAULT_REST_S


def _text(value: object) -> str | None:
    return (one_line(value, MAX_TEXT) or None) if isinstance(value, str) else None


def _read(response: httpx2.Response) -> bytes:
    """The body as it comes, never unpacked: a small packed one may hold gigabytes."""
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_BYTES:
            break
    return bytes(body)
