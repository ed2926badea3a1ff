from __future__ import annotations

import httpx2
import pytest

from enricher.destinations.guard import check_url
from enricher.destinations.http import MAX_ANSWER, Service, retry_after
from enricher.errors import ConfigurationError, DeliveryError, Reason

DATE = "Tue, 24 Nov 2026 02:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"Retry-After": "120"}, 120.0, id="seconds"),
        pytest.param({"Retry-After": "1.5"}, 1.5, id="fraction"),
        pytest.param({"Retry-After": "Tue, 24 Nov 2026 02:00:30 GMT", "Date": DATE}, 30.0, id="date"),
        pytest.param({"Retry-After": "Tue, 24 Nov 2026 01:00:00 GMT", "Date": DATE}, 0.0, id="date in the past"),
        pytest.param({"Retry-After": "Tue, 24 Nov 2026 02:00:30 GMT"}, 0.0, id="date without the service's clock"),
        pytest.param({"X-RateLimit-Reset": "2026-11-24T02:01:00Z", "Date": DATE}, 60.0, id="Jira's reset"),
        pytest.param({"X-RateLimit-Reset": "1795485660", "Date": DATE}, 60.0, id="ServiceNow's reset"),
        pytest.param({"Retry-After": "5", "X-RateLimit-Reset": "1795485660", "Date": DATE}, 5.0, id="Retry-After first"),
        pytest.param({"Retry-After": "99999999"}, 86_400.0, id="a day at most"),
        pytest.param({"Retry-After": "1e9"}, 0.0, id="not a number that we take"),
        pytest.param({"Retry-After": "soon", "Date": "yesterday"}, 0.0, id="nonsense"),
        pytest.param({"X-RateLimit-Reset": "9" * 400, "Date": DATE}, 0.0, id="no such time"),
        pytest.param({}, 0.0, id="nothing named"),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float) -> None:
    assert retry_after(httpx2.Headers(headers)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/x",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.170.2]/",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
        "http://100.100.100.200/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "https://user:pw@host/",
        "https://host/?q",
        "file:///etc/passwd",
    ],
)
def test_refused_addresses(url: str) -> None:
    with pytest.raises(ConfigurationError):
        check_url("slack", url)


@pytest.mark.parametrize(
    "url", ["https://acme.atlassian.net", "http://127.0.0.1:8083", "https://10.0.0.7/jira", "http://[::1]:80/"]
)
def test_the_operators_own_addresses_are_allowed(url: str) -> None:
    check_url("jira", url)


def service(answer: httpx2.Response) -> Service:
    return Service(
        "jira", "https://jira.example", read_s=1.0, secrets=["hush"], transport=httpx2.MockTransport(lambda _: answer)
    )


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    with pytest.raises(DeliveryError) as caught:
        service(httpx2.Response(200, content=b" " * (MAX_ANSWER + 1))).call("GET", "/x")
    assert caught.value.reason is Reason.NOT_JSON


def test_an_error_is_one_short_line_without_secrets() -> None:
    complaint = {"errorMessages": ["a\nb\u202e", "hush " * 200], "errors": {"x": "y"}}
    with pytest.raises(DeliveryError) as caught:
        service(httpx2.Response(400, json=complaint)).call("GET", "/x")
    detail = caught.value.detail
    assert detail.startswith("HTTP 400 a b[U+202E]; [masked]")
    assert len(detail) <= 300
    assert "hush" not in detail


def test_a_limit_says_which() -> None:
    answer = httpx2.Response(429, json={}, headers={"RateLimit-Reason": "jira-per-issue-on-write", "Retry-After": "2"})
    with pytest.raises(DeliveryError, match=r"jira-per-issue-on-write") as caught:
        service(answer).call("POST", "/x", json={})
    assert caught.value.retry_after == 2.0


@pytest.mark.parametrize(
    "kind", [httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.ProxyError, httpx2.DecodingError]
)
def test_every_transport_error_is_ours(kind: type[httpx2.TransportError]) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise kind("hush", request=request)

    one = Service("jira", "https://jira.example", read_s=1.0, secrets=["hush"], transport=httpx2.MockTransport(fail))
    with pytest.raises(DeliveryError) as caught:
        one.call("GET", "/x")
    expected = {httpx2.ProxyError: Reason.CONNECT, httpx2.DecodingError: Reason.DROPPED}.get(kind, Reason.CONFIGURATION)
    assert caught.value.reason is expected


def test_redirects_are_not_followed() -> None:
    seen: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        return httpx2.Response(307, headers={"Location": "https://evil.example/"})

    one = Service("jira", "https://jira.example", read_s=1.0, secrets=[], transport=httpx2.MockTransport(answer))
    with pytest.raises(DeliveryError, match=r"redirects to https://evil\.example/"):
        one.call("POST", "/x", json={})
    assert seen == ["https://jira.example/x"]
