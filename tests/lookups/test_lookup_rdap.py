import gzip
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.lookups.rdap import MAX_ABUSE, MAX_BYTES, Rdap, followed, read_answer, read_network
from enricher.lookups.source import Answer
from enricher.model import Status
from tests.lookups.loopback import Handle, http_server, served

pytestmark = pytest.mark.slow

IP = "104.21.48.117"


def card(*emails: str) -> list[object]:
    return [
        "vcard",
        [["version", {}, "text", "4.0"], ["fn", {}, "text", "Abuse"], *[["email", {}, "text", e] for e in emails]],
    ]


ABUSE = {
    "objectClassName": "entity",
    "handle": "ABUSE2916-ARIN",
    "roles": ["abuse"],
    "vcardArray": card("Abuse@Cloudflare.com"),
}
NETWORK = {
    "objectClassName": "ip network",
    "handle": "NET-104-16-0-0-1",
    "startAddress": "104.16.0.0",
    "endAddress": "104.31.255.255",
    "ipVersion": "v4",
    "name": "CLOUDFLARENET",
    "type": "DIRECT ALLOCATION",
    "entities": [
        {"handle": "CLOUD14", "roles": ["registrant"], "vcardArray": card("someone@cloudflare.com"), "entities": [ABUSE]}
    ],
}
OK = Answer(
    status=Status.OK, detail={"abuse": ["abuse@cloudflare.com"], "name": "CLOUDFLARENET", "handle": "NET-104-16-0-0-1"}
)


def answering(status: int, body: object = b"", **headers: str) -> Handle:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _path: (status, {key.replace("_", "-"): value for key, value in headers.items()}, content)


def rdap(handle: Handle, timeout_s: float = 2.0) -> Answer:
    with http_server(handle) as url:
        return Rdap(url, timeout_s=timeout_s).ask(IP)


def test_the_abuse_contact_is_found_one_level_down_by_one_request() -> None:
    paths: list[str] = []

    def handle(path: str) -> tuple[int, dict[str, str], bytes]:
        paths.append(path)
        return 200, {}, json.dumps(NETWORK).encode()

    assert rdap(handle) == OK
    assert paths == [f"/ip/{IP}"]


def test_redirects_are_followed() -> None:
    def handle(path: str) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/registry"):
            return 200, {}, json.dumps(NETWORK).encode()
        return 302, {"Location": f"/registry{path}"}, b""

    assert rdap(handle) == OK


@pytest.mark.parametrize(
    ("handle", "status", "reason"),
    [
        pytest.param(answering(404), Status.NEGATIVE, "RDAP knows no network for it", id="404"),
        pytest.param(answering(429), Status.RATE_LIMITED, "RDAP: too many requests", id="429"),
        pytest.param(
            answering(200, {"notices": [{"title": "Rate Limit Notice"}]}),
            Status.RATE_LIMITED,
            "RDAP: rate limit notice",
            id="429 in a 200",
        ),
        pytest.param(answering(503), Status.ERROR, "RDAP answered 503", id="503"),
        pytest.param(answering(400), Status.ERROR, "RDAP answered 400", id="400"),
        pytest.param(answering(200, b"<html>"), Status.ERROR, "RDAP answered with something else than JSON", id="HTML"),
        pytest.param(
            answering(200, b"[" * 100_000), Status.ERROR, "RDAP answered with something else than JSON", id="brackets"
        ),
        pytest.param(answering(200, [1]), Status.ERROR, "RDAP answered with something else than a network", id="a list"),
        pytest.param(answering(200, {}), Status.ERROR, "the RDAP network cannot be read: InvalidNetworkObject", id="empty"),
        pytest.param(
            answering(200, b" " * (MAX_BYTES + 1)),
            Status.ERROR,
            f"RDAP answered with more than {MAX_BYTES} bytes",
            id="huge",
        ),
        pytest.param(
            answering(302, Location="/again"), Status.ERROR, "RDAP: more than 4 redirects", id="redirects for ever"
        ),
        pytest.param(
            answering(302, Location="ftp://127.0.0.1/x"),
            Status.ERROR,
            "RDAP: Request URL has an unsupported protocol 'ftp://'.",
            id="redirect to another protocol",
        ),
    ],
)
def test_endings(handle: Handle, status: Status, reason: str) -> None:
    answer = rdap(handle)
    assert (answer.status, answer.reason) == (status, reason)
    assert answer.source_down == (reason == "RDAP answered 503" or "redirect" in reason or "protocol" in reason)


BASE = "https://rdap.example/ip/104.21.48.117"
MIRROR = "http://rdap.corp:8080/ip/104.21.48.117"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(BASE, "https://rdap.arin.net/registry/ip/104.21.48.117", id="to a registry"),
        pytest.param(BASE, "https://rdap.example/other", id="on its host"),
        pytest.param(BASE, "https://193.0.6.142/ip/104.21.48.117", id="to a public address"),
        pytest.param(MIRROR, "http://rdap.corp:8080/other", id="on its own host, plain"),
        pytest.param(MIRROR, "https://rdap.arin.net/registry", id="from a mirror to a registry"),
    ],
)
def test_redirects_that_are_followed(before: str, after: str) -> None:
    following = httpx2.Request("GET", after)
    assert followed(httpx2.Request("GET", before), following) is following


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(BASE, "http://rdap.example/ip/104.21.48.117", id="out of https"),
        pytest.param(BASE, "http://169.254.169.254/latest/meta-data/", id="to the metadata service"),
        pytest.param(BASE, "https://169.254.169.254/latest/meta-data/", id="to the metadata service by https"),
        pytest.param(MIRROR, "http://169.254.169.254/latest/meta-data/", id="from a plain mirror to the metadata service"),
        pytest.param(MIRROR, "http://[::ffff:169.254.169.254]/", id="the same, mapped"),
        pytest.param(MIRROR, "http://[fd00:ec2::254]/latest/", id="the same, v6"),
        pytest.param(BASE, "https://metadata.google.internal/", id="to a name inside"),
        pytest.param(BASE, "https://localhost/", id="to this machine by name"),
        pytest.param(BASE, "https://127.0.0.1/", id="to this machine"),
        pytest.param(BASE, "https://10.1.2.3/", id="to a private address"),
        pytest.param(MIRROR, "http://other.example/", id="from a mirror in plain text to somebody else"),
    ],
)
def test_redirects_that_are_not(before: str, after: str) -> None:
    with pytest.raises(httpx2.UnsupportedProtocol):
        followed(httpx2.Request("GET", before), httpx2.Request("GET", after))


def test_a_redirect_to_the_metadata_service_is_an_error_and_never_called() -> None:
    answer = rdap(answering(302, Location="http://169.254.169.254/latest/meta-data/"))
    assert (answer.status, answer.reason) == (Status.ERROR, "RDAP: redirected to where no registry is")


@pytest.mark.parametrize(
    ("headers", "rest_s"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "9" * 500}, 999_999_999.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:27:00 GMT"}, 60.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:27:00 -0000"}, 60.0),
        ({"Retry-After": "soon"}, 60.0),
        ({}, 60.0),
    ],
)
def test_how_long_to_rest(headers: dict[str, str], rest_s: float) -> None:
    answer = read_answer(IP, 429, httpx2.Headers(headers), b"")
    assert answer.rest_s == rest_s


def test_a_hanging_server_is_a_timeout() -> None:
    release = threading.Event()

    def handle(path: str) -> tuple[int, dict[str, str], bytes]:
        release.wait(10)
        return 200, {}, b"{}"

    with http_server(handle) as url:
        answer = Rdap(url, timeout_s=0.2).ask(IP)
        release.set()
    assert answer == Answer(status=Status.TIMEOUT, reason="no answer from RDAP in 0.2 s")


@contextmanager
def trickling_server(
    release: threading.Event, head: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
) -> Iterator[str]:
    """Send a header, then a byte every 50 ms until released: no single read ever times out."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head)
                while not release.wait(0.05):
                    try:
                        connection.sendall(b"0")
                    except OSError:  # hung up on, as it should be
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        release.set()
        thread.join()


def test_a_trickling_server_is_a_timeout() -> None:
    with trickling_server(threading.Event()) as url:
        assert Rdap(url, timeout_s=0.3).ask(IP).status is Status.TIMEOUT


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Slow: ", id="within the headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="within a body that only the end of the connection ends"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", id="within a chunk's length"),
    ],
)
def test_a_drip_that_meets_every_read_is_a_timeout_of_the_whole(head: bytes) -> None:
    with trickling_server(threading.Event(), head) as url:
        answer = Rdap(url, timeout_s=0.3).ask(IP)
    assert answer == Answer(status=Status.TIMEOUT, reason="no answer from RDAP in 0.3 s")


def test_a_body_without_end_is_left_soon_after_the_limit() -> None:
    sent = 0

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal sent
            self.send_response(200)
            self.send_header("Content-Length", str(50 * 1024 * 1024))
            self.end_headers()
            try:
                for _ in range(50 * 16):
                    self.wfile.write(b" " * 65_536)
                    sent += 65_536
            except OSError:
                self.close_connection = True  # hung up on, as it should be

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    with served(Endless) as url:
        answer = Rdap(url, timeout_s=5.0).ask(IP)
    assert (answer.status, answer.reason) == (Status.ERROR, f"RDAP answered with more than {MAX_BYTES} bytes")
    assert sent < 50 * 1024 * 1024


def test_a_packed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    answer = rdap(answering(200, bomb, Content_Encoding="gzip"))
    assert (answer.status, answer.reason) == (Status.ERROR, "RDAP answered packed, which was not asked for")


def test_nobody_listening_is_an_error_of_the_source() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = Rdap(f"http://127.0.0.1:{port}", timeout_s=1.0).ask(IP)
    assert (answer.status, answer.source_down) == (Status.ERROR, True)


def test_contacts_are_checked_and_cut() -> None:
    emails = [f"abuse{i}@example.net" for i in range(20)]
    hostile = ["<script>@example.net", "a b@example.net", "x@localhost", "@", "abuse@example.net\nBcc: all@example.net"]
    network = {
        **NETWORK,
        "name": "\x1b[2JNAME\u202e\n" + "x" * 500,
        "entities": [{**ABUSE, "vcardArray": card(*hostile, *emails)}],
    }
    detail = read_network(IP, network).detail
    assert detail["abuse"] == sorted(emails)[:MAX_ABUSE]
    name = detail["name"]
    assert isinstance(name, str)
    assert name.startswith("[2JNAME xxx")
    assert len(name) == 128


def test_a_network_without_contacts_is_still_a_network() -> None:
    bare = {key: value for key, value in NETWORK.items() if key != "entities"}
    assert read_network(IP, bare).detail == {**OK.detail, "abuse": []}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*NETWORK, *ABUSE, "contact"]), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_document_is_read_or_refused(document: object) -> None:
    assert read_network(IP, document).status in {Status.OK, Status.ERROR, Status.RATE_LIMITED}


@given(st.sampled_from(list(NETWORK)), JSON, JSON)
def test_a_network_with_anything_in_one_place_is_read_or_refused(key: str, value: object, contact: object) -> None:
    network = {**NETWORK, "entities": [{**ABUSE, "vcardArray": contact}, ABUSE], key: value}
    assert read_network(IP, network).status in {Status.OK, Status.ERROR}


@given(st.binary(max_size=200))
def test_any_body_is_an_answer(body: bytes) -> None:
    assert read_answer(IP, 200, httpx2.Headers(), body).status in {Status.OK, Status.ERROR}
