from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from enricher.errors import ConfigurationError
from enricher.web.access import Gate, is_foreign, is_loopback
from enricher.web.rate import Rate
from tests.web.fakes import World

TOKENS = (("prod", "old"), ("prod", "new"), ("lab", "geheim:ü"))
FAR = {"REMOTE_ADDR": "203.0.113.9", "HTTP_HOST": "enricher.example"}
NEAR = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8080"}


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def as_header(text: str) -> str:
    """As WSGI hands on a header's bytes."""
    return text.encode().decode("latin-1")


@pytest.mark.parametrize(
    ("headers", "source"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer old"}, "prod", id="bearer"),
        pytest.param({"HTTP_AUTHORIZATION": "bEaReR   new "}, "prod", id="a second token of one source, odd blanks"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer olds"}, None, id="one letter more"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer"}, None, id="no token"),
        pytest.param({"HTTP_AUTHORIZATION": "old"}, None, id="no scheme"),
        pytest.param({"HTTP_AUTHORIZATION": "Digest old"}, None, id="another scheme"),
        pytest.param({"HTTP_AUTHORIZATION": basic("anyone", "old")}, "prod", id="basic: the password counts"),
        pytest.param({"HTTP_AUTHORIZATION": basic("", "geheim:ü")}, "lab", id="basic: colon and umlaut"),
        pytest.param({"HTTP_AUTHORIZATION": basic("old", "")}, None, id="basic: the user does not"),
        pytest.param({"HTTP_AUTHORIZATION": "Basic !!!"}, None, id="basic: no base64"),
        pytest.param({"HTTP_X_ENRICHER_TOKEN": "new"}, "prod", id="own header"),
        pytest.param({"HTTP_X_ENRICHER_TOKEN": as_header("geheim:ü")}, "lab", id="own header, umlaut"),
        pytest.param(
            {"HTTP_AUTHORIZATION": "Basic cHJveHk6cHJveHk=", "HTTP_X_ENRICHER_TOKEN": "new"},
            "prod",
            id="a proxy's own login",
        ),
        pytest.param({"HTTP_X_ENRICHER_TOKEN": ""}, None, id="empty"),
        pytest.param({"HTTP_X_ENRICHER_TOKEN": "prod:old"}, None, id="with its source"),
    ],
)
def test_tokens(headers: dict[str, str], source: str | None) -> None:
    gate = Gate(TOKENS, loopback=False)
    assert gate.admit({**FAR, **headers}) == source
    assert gate.admit({**NEAR, **headers}) == source


@pytest.mark.parametrize(
    ("peer", "host", "expected"),
    [
        pytest.param("127.0.0.1", "localhost:8080", True, id="localhost"),
        pytest.param("127.8.9.1", "127.0.0.1", True, id="all of 127/8"),
        pytest.param("::1", "[::1]:8080", True, id="IPv6"),
        pytest.param("::ffff:127.0.0.1", "localhost", True, id="mapped"),
        pytest.param("127.0.0.1", "evil.example", False, id="DNS rebinding"),
        pytest.param("127.0.0.1", "localhost.evil.example", False, id="a name that begins with it"),
        pytest.param("127.0.0.1", "", False, id="no host"),
        pytest.param("127.0.0.1", "[", False, id="no host either"),
        pytest.param("10.0.0.5", "localhost", False, id="a neighbour"),
        pytest.param("", "localhost", False, id="no address (a Unix socket)"),
        pytest.param("127.0.0.1.evil.example", "localhost", False, id="not an address"),
    ],
)
def test_loopback(peer: str, host: str, *, expected: bool) -> None:
    environ = {"REMOTE_ADDR": peer, "HTTP_HOST": host}
    assert is_loopback(environ) is expected
    assert Gate((), loopback=True).admit(environ) == ("loopback" if expected else None)
    assert Gate((), loopback=False).admit(environ) is None


def test_headers_do_not_make_a_peer_local() -> None:
    claims = ("X_FORWARDED_FOR", "X_REAL_IP", "FORWARDED", "X_CLIENT_IP", "X_FORWARDED_HOST")
    environ = {**FAR, "HTTP_HOST": "localhost", **{f"HTTP_{claim}": "127.0.0.1" for claim in claims}}
    assert Gate((), loopback=True).admit(environ) is None


def test_an_empty_token_is_refused_at_start() -> None:
    with pytest.raises(ConfigurationError, match="lab"):
        Gate((("prod", "x"), ("lab", " ")), loopback=False)


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        pytest.param({}, False, id="a program"),
        pytest.param({"HTTP_SEC_FETCH_SITE": "same-origin"}, False, id="own page"),
        pytest.param({"HTTP_SEC_FETCH_SITE": "none"}, False, id="typed by a person"),
        pytest.param({"HTTP_SEC_FETCH_SITE": "cross-site"}, True, id="another site"),
        pytest.param({"HTTP_SEC_FETCH_SITE": "same-site"}, True, id="a neighbour of the site"),
        pytest.param({"HTTP_ORIGIN": "https://enricher.example"}, False, id="own origin"),
        pytest.param({"HTTP_ORIGIN": "https://evil.example"}, True, id="another origin"),
        pytest.param({"HTTP_ORIGIN": "https://enricher.example.evil.example"}, True, id="a longer origin"),
        pytest.param({"HTTP_ORIGIN": "null"}, True, id="hidden origin"),
    ],
)
def test_foreign(headers: dict[str, str], *, foreign: bool) -> None:
    assert is_foreign({**FAR, **headers}) is foreign


def test_a_hidden_origin_may_be_our_own_page_which_sends_no_referrer() -> None:
    assert not is_foreign({**FAR, "HTTP_ORIGIN": "null"}, own_page=True)
    assert is_foreign({**FAR, "HTTP_ORIGIN": "null", "HTTP_SEC_FETCH_SITE": "cross-site"}, own_page=True)


READ, WRITE = {"Authorization": "Bearer r"}, {"Authorization": "Bearer w"}
RETRIES = ("/api/v1/dead-letters/D1/retry", "/api/v1/quarantine/D1/retry")
BODY = "/api/v1/alerts/D1/body"


@pytest.mark.parametrize(
    ("read_tokens", "write_tokens", "peer", "headers", "reads", "writes"),
    [
        pytest.param((), (), "127.0.0.1", {}, True, True, id="no tokens, here"),
        pytest.param((), (), "203.0.113.9", {}, False, False, id="no tokens, elsewhere"),
        pytest.param(("r",), (), "127.0.0.1", {}, False, True, id="read token, here: reading asks for it"),
        pytest.param(("r",), (), "203.0.113.9", READ, True, False, id="read token, elsewhere"),
        pytest.param((), ("w",), "127.0.0.1", {}, True, False, id="write token, here"),
        pytest.param((), ("w",), "203.0.113.9", WRITE, True, True, id="the write token reads too"),
        pytest.param(("r",), ("w",), "203.0.113.9", READ, True, False, id="the read token does not write"),
        pytest.param(("r",), ("w",), "203.0.113.9", WRITE, True, True, id="both, with write"),
        pytest.param(("r",), ("w",), "127.0.0.1", {}, False, False, id="both, here, with nothing"),
    ],
)
def test_doors(
    connect: Callable[..., FlaskClient],
    read_tokens: tuple[str, ...],
    write_tokens: tuple[str, ...],
    peer: str,
    headers: dict[str, str],
    *,
    reads: bool,
    writes: bool,
) -> None:
    client = connect(read_tokens=read_tokens, write_tokens=write_tokens)
    at = {"REMOTE_ADDR": peer}
    for path in ("/api/v1/cases", "/api/v1/quarantine", "/api/v1/sources", "/", "/dead-letters", "/intake"):
        assert client.get(path, headers=headers, environ_overrides=at).status_code == (200 if reads else 401)
    assert client.get(BODY, headers=headers, environ_overrides=at).status_code == (404 if reads else 401)
    for path in RETRIES:
        assert client.post(path, headers=headers, environ_overrides=at).status_code == (404 if writes else 401)


def test_a_refusal_asks_a_browser_for_the_token(connect: Callable[..., FlaskClient]) -> None:
    answer = connect(read_tokens=("r",)).get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert answer.mimetype == "text/html"


def test_behind_a_proxy_on_the_same_machine_nobody_is_local(connect: Callable[..., FlaskClient]) -> None:
    client = connect(trust_loopback=False)
    assert client.get("/api/v1/cases").status_code == 401
    assert client.post("/webhooks/sumo", data=b"{}").status_code == 401


def test_a_stranger_is_turned_away_before_the_body_is_read(connect: Callable[..., FlaskClient], world: World) -> None:
    client = connect(webhook_tokens=TOKENS)
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = client.post(
            "/webhooks/sumo",
            headers={**headers, "Content-Encoding": "br"},
            data=b"",
            environ_overrides={"wsgi.input": None, "CONTENT_LENGTH": str(10**12)},
        )
        assert (answer.status_code, (answer.json or {})["error"]) == (401, "unauthorized")
    assert world.inbox.accepted == []
    assert world.counted == [("webhook", "unauthorized")] * 2


def test_another_site_cannot_drive_a_local_browser(client: FlaskClient, world: World) -> None:
    world.operator.known = frozenset({"D1"})
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert client.post("/webhooks/sumo", data=b"{}", headers=headers).status_code == 401
    assert [client.post(path, headers=headers).status_code for path in RETRIES] == [403, 403]
    assert client.post("/dead-letters/D1/retry", headers=headers).status_code == 403
    assert world.operator.done == []
    assert world.inbox.accepted == []


def test_rate_fills_again_steadily() -> None:
    now = 0.0
    rate = Rate(60, lambda: now)
    assert [rate.wait("a") for _ in range(60)] == [0.0] * 60
    assert rate.wait("a") == pytest.approx(1.0)
    now = 1.0
    assert rate.wait("a") == 0.0
    assert rate.wait("a") > 0.0
    assert rate.wait("b") == 0.0


def test_less_than_one_a_minute() -> None:
    now = 0.0
    rate = Rate(0.5, lambda: now)
    assert rate.wait("a") == 0.0
    assert rate.wait("a") == pytest.approx(120.0)
