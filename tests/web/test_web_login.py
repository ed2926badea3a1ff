from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from lxml import html as lxml_html
from structlog.testing import capture_logs
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from enricher.core.people import Account, Person, Role
from enricher.web.logins import Logins, Refused
from enricher.web.pages.login import own_path
from enricher.web.throttle import FIRST_WAIT_S, LONGEST_WAIT_S, Throttle
from tests.web.fakes import NOW, FakeSessions, World, alert_record

Connect = Callable[..., FlaskClient]
PASSWORD = "correct horse battery"
CHEAP = "scrypt:1024:8:1"
ANNA = Account("anna", Role.ANALYST, generate_password_hash(PASSWORD, method=CHEAP))
BO = Account("bo", Role.VIEWER, generate_password_hash("another long password", method=CHEAP))
ACCOUNTS = (ANNA, BO)
HTML = {"Accept": "text/html"}
COOKIE = "enricher_session"


@pytest.fixture
def client(connect: Connect) -> FlaskClient:
    return connect(accounts=ACCOUNTS)


def form_token(client: FlaskClient, path: str, action: str) -> str:
    page: Any = lxml_html.document_fromstring(client.get(path, headers=HTML).get_data(as_text=True))
    [token] = page.xpath(f"//form[@action='{action}']//input[@name='form_token']/@value")
    return str(token)


def log_in(client: FlaskClient, name: str = "anna", password: str = PASSWORD, **more: str) -> TestResponse:
    token = form_token(client, "/login", "/login")
    return client.post("/login", data={"form_token": token, "name": name, "password": password, **more}, headers=HTML)


def session_of(client: FlaskClient) -> str:
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    return cookie.value


# --- in and out -----------------------------------------------------------------------------------------------------


def test_a_browser_is_asked_for_its_name_and_gets_the_page_it_wanted(client: FlaskClient, world: World) -> None:
    asked = client.get("/dead-letters?kind=alert", headers=HTML)
    assert (asked.status_code, asked.location) == (303, "/login?next=/dead-letters?kind%3Dalert")
    page = client.get(asked.location, headers=HTML)
    assert page.status_code == 200
    token = re.findall(r'name="form_token" value="([^"]+)"', page.get_data(as_text=True))[0]
    data = {"form_token": token, "name": "anna", "password": PASSWORD, "next": "/dead-letters?kind=alert"}
    with capture_logs() as logs:
        let_in = client.post("/login", data=data, headers=HTML)
    assert (let_in.status_code, let_in.location) == (303, "/dead-letters?kind=alert")
    shown = client.get(let_in.location, headers=HTML).get_data(as_text=True)
    assert "anna" in shown
    assert "Log out" in shown
    assert logs == [
        {"event": "logged_in", "log_level": "info", "name": "anna", "role": "analyst", "peer": "127.0.0.1"},
    ]
    assert world.operator.notes == [("anna (account)", "logged_in", "anna", "from 127.0.0.1")]


def test_programs_are_told_what_they_need(client: FlaskClient) -> None:
    answer = client.get("/dead-letters")
    assert (answer.status_code, (answer.json or {})["error"]) == (401, "unauthorized")


def test_a_form_that_is_sent_without_a_session_leads_to_the_first_page(client: FlaskClient) -> None:
    assert client.post("/dead-letters/D1/retry", headers=HTML).location == "/login"


def test_what_the_browser_holds_is_not_what_is_stored(client: FlaskClient, world: World) -> None:
    cookies = log_in(client).headers.getlist("Set-Cookie")
    [cookie] = [one for one in cookies if one.startswith(f"{COOKIE}=")]
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=43200"} <= set(cookie.split("; "))
    [(digest, (name, ends_at))] = world.sessions.kept.items()
    assert session_of(client) not in f"{digest} {name}"
    assert name.startswith("anna:")
    assert ends_at == NOW + timedelta(hours=12)


def test_over_https_the_cookie_is_this_hosts_alone(connect: Connect) -> None:
    client = connect(accounts=ACCOUNTS, https=True)
    form = client.get("/login", base_url="https://enricher.example", headers=HTML)
    token = re.findall(r'name="form_token" value="([^"]+)"', form.get_data(as_text=True))[0]
    data = {"form_token": token, "name": "anna", "password": PASSWORD}
    let_in = client.post("/login", base_url="https://enricher.example", data=data)
    [cookie] = [one for one in let_in.headers.getlist("Set-Cookie") if one.startswith("__Host-enricher_session=")]
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert client.get("/dead-letters", base_url="https://enricher.example", headers=HTML).status_code == 200
    client.set_cookie(COOKIE, cookie.partition("=")[2].partition(";")[0])
    client.delete_cookie("__Host-enricher_session", domain="enricher.example")
    assert client.get("/dead-letters", headers=HTML).status_code == 303, "a cookie without the prefix is not read"


def test_logging_out_ends_it_on_the_server(client: FlaskClient, world: World) -> None:
    log_in(client)
    held = session_of(client)
    assert client.get("/logout", headers=HTML).status_code == 405
    assert client.post("/logout", headers=HTML).status_code == 403, "not without its form"
    token = form_token(client, "/dead-letters", "/logout")
    with capture_logs() as logs:
        out = client.post("/logout", data={"form_token": token}, headers=HTML)
    assert (out.status_code, out.location) == (303, "/login")
    assert client.get_cookie(COOKIE) is None
    assert logs == [{"event": "logged_out", "log_level": "info", "name": "anna"}]
    assert world.operator.notes[-1] == ("anna (account)", "logged_out", "anna", None)
    client.set_cookie(COOKIE, held)
    assert client.get("/dead-letters", headers=HTML).status_code == 303, "replayed after the log-out"


def test_a_session_that_was_put_there_by_somebody_else_is_not_taken_over(client: FlaskClient, world: World) -> None:
    log_in(client)
    first = session_of(client)
    log_in(client)
    assert session_of(client) != first
    assert len(world.sessions.kept) == 1, "the earlier one is over"
    fixed = "A" * 43
    client.set_cookie(COOKIE, fixed)
    assert client.get("/dead-letters", headers=HTML).status_code == 303
    log_in(client)
    assert session_of(client) != fixed


@pytest.mark.parametrize("value", ["", "x", "A" * 42, "A" * 100_000, "../../etc", "%00", "A" * 42 + "é"])
def test_what_is_no_session(client: FlaskClient, world: World, value: str) -> None:
    world.sessions.refuses = True
    assert client.get("/dead-letters", headers={**HTML, "Cookie": f"{COOKIE}={value}"}).status_code == 303


def test_a_session_ends_by_the_clock(client: FlaskClient, world: World) -> None:
    log_in(client)
    world.sessions.now = NOW + timedelta(hours=11, minutes=59)
    assert client.get("/dead-letters", headers=HTML).status_code == 200
    world.sessions.now = NOW + timedelta(hours=12)
    assert client.get("/dead-letters", headers=HTML).status_code == 303


def test_an_account_that_is_gone_or_changed_ends_its_sessions(connect: Connect) -> None:
    first = connect(accounts=ACCOUNTS)
    log_in(first)
    held = session_of(first)
    seen: dict[str, int] = {}
    changed = {
        "gone": (BO,),
        "another password": (Account("anna", Role.ANALYST, generate_password_hash(PASSWORD, method=CHEAP)), BO),
        "another role": (Account("anna", Role.VIEWER, ANNA.hash),),
    }
    for what, accounts in changed.items():
        later = connect(accounts=accounts)
        later.set_cookie(COOKIE, held)
        seen[what] = later.get("/audit", headers=HTML).status_code
    assert seen == {"gone": 303, "another password": 303, "another role": 403}


def test_a_session_opens_no_door_of_the_api(connect: Connect) -> None:
    client = connect(accounts=ACCOUNTS, read_tokens=("r",), write_tokens=("w",))
    log_in(client)
    assert client.get("/api/v1/cases").status_code == 401
    assert client.post("/api/v1/dead-letters/D1/retry").status_code == 401


def test_the_store_gone_is_said_and_lets_nobody_in(client: FlaskClient, world: World) -> None:
    log_in(client)
    world.sessions.refuses = True
    assert client.get("/dead-letters", headers=HTML).status_code == 503


def test_without_accounts_there_is_nothing_to_log_in_to(connect: Connect) -> None:
    client = connect()
    assert client.get("/login", headers=HTML).status_code == 404
    assert client.post("/login", data={"name": "anna", "password": PASSWORD}).status_code == 404


# --- refused --------------------------------------------------------------------------------------------------------

WRONG = [
    pytest.param("anna", "wrong", id="password"),
    pytest.param("nobody", PASSWORD, id="name"),
    pytest.param("bo", PASSWORD, id="somebody else's password"),
    pytest.param("Anna", PASSWORD, id="another spelling"),
    pytest.param("anna\0", PASSWORD, id="NUL"),
    pytest.param("anna", "", id="no password"),
    pytest.param("anna", PASSWORD + "x" * 1_024, id="too long, though it begins right"),
    pytest.param("a" * 10_000, PASSWORD, id="a long name"),
    pytest.param("<script>alert(1)</script>", PASSWORD, id="markup"),
    pytest.param("an\u202ena", PASSWORD, id="bidi"),
]


@pytest.mark.parametrize(("name", "password"), WRONG)
def test_every_refusal_reads_the_same(client: FlaskClient, world: World, name: str, password: str) -> None:
    answer = log_in(client, name, password)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 403
    assert "That is not a name and a password of ours." in page
    assert client.get_cookie(COOKIE) is None
    assert world.sessions.kept == {}
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert not password or password not in page


def test_only_names_of_accounts_are_logged_and_no_password(client: FlaskClient, world: World) -> None:
    with capture_logs() as logs:
        log_in(client, "anna", "wrong")
        log_in(client, PASSWORD, "oops")
    assert [(one["event"], one["name"], one["reason"]) for one in logs] == [
        ("login_refused", "anna", "wrong"),
        ("login_refused", None, "wrong"),
    ]
    assert PASSWORD not in str(logs)
    assert world.operator.notes == [("nobody", "login_refused", "anna", "from 127.0.0.1")]


def test_a_megabyte_is_not_a_password(client: FlaskClient, world: World) -> None:
    answer = log_in(client, "anna", "x" * 1_000_000)
    assert answer.status_code == 413
    assert world.sessions.kept == {}


def test_nobody_is_logged_in_from_another_site(client: FlaskClient, connect: Connect, world: World) -> None:
    """The attacker has a form of ours, and makes the victim's browser send it: neither has the cookie that goes with it."""
    stolen = form_token(connect(accounts=ACCOUNTS), "/login", "/login")
    data = {"form_token": stolen, "name": "anna", "password": PASSWORD}
    victim = client
    assert victim.post("/login", data=data, headers={"Origin": "null"}).status_code == 403
    victim.get("/login", headers=HTML)
    assert victim.post("/login", data=data, headers={"Origin": "null"}).status_code == 403
    own = form_token(victim, "/login", "/login")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert victim.post("/login", data={**data, "form_token": own}, headers=headers).status_code == 403
    assert world.sessions.kept == {}


@pytest.mark.parametrize(
    "onward",
    [
        *("//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)", "evil"),
        *(
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "/\0",
            "/é",
            "/" + "a" * 3_000,
            "/login",
            "/logout",
            "",
        ),
    ],
)
def test_nobody_is_sent_to_another_site(client: FlaskClient, onward: str) -> None:
    assert own_path(onward) == "/"
    assert log_in(client, next=onward).location == "/"


@pytest.mark.parametrize("onward", ["/", "/cases", "/cases/enricher-1?x=1&y=%2F#top", "/?text=a//b"])
def test_pages_of_ours_are_where_one_goes_on(client: FlaskClient, onward: str) -> None:
    assert log_in(client, next=onward).location == onward


# --- forms ----------------------------------------------------------------------------------------------------------


def test_a_form_of_another_person_or_another_session_does_nothing(connect: Connect, world: World) -> None:
    world.operator.known = frozenset({"X1"})
    world.reader.dead = [alert_record("X1", state="dead", reason="not_json")]
    carl = Account("carl", Role.ANALYST, ANNA.hash)
    one, other = connect(accounts=(ANNA, carl)), connect(accounts=(ANNA, carl))
    log_in(one, "anna")
    log_in(other, "carl")
    action = "/dead-letters/X1/retry"
    of_anna = form_token(one, "/dead-letters", action)
    assert other.post(action, data={"form_token": of_anna}).status_code == 403
    log_in(other, "anna")
    assert other.post(action, data={"form_token": of_anna}).status_code == 403, "another session of the same person"
    assert world.operator.done == []
    assert one.post(action, data={"form_token": of_anna}).status_code == 303
    log_in(one, "anna")
    assert one.post(action, data={"form_token": of_anna}).status_code == 403, "a later session"
    assert world.operator.done == ["X1"]


# --- too many -------------------------------------------------------------------------------------------------------


def test_after_five_wrong_passwords_an_account_waits(client: FlaskClient, world: World) -> None:
    assert [log_in(client, password="wrong").status_code for _ in range(5)] == [403] * 5
    refused = log_in(client)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "15")
    assert "Wait 15 s" in refused.get_data(as_text=True)
    assert log_in(client, "bo", "another long password").status_code == 303, "another account does not"
    world.now += 15
    assert log_in(client).status_code == 303


def test_a_name_that_is_nobodys_waits_like_any_other(client: FlaskClient) -> None:
    assert [log_in(client, "zoe", "x").status_code for _ in range(6)] == [403] * 5 + [429]


def test_an_address_that_tries_many_names_waits(connect: Connect, world: World) -> None:
    client = connect(accounts=ACCOUNTS)
    assert [log_in(client, f"name{i}", "x").status_code for i in range(21)] == [403] * 20 + [429]


@pytest.mark.parametrize(
    ("peers", "last"),
    [
        pytest.param([f"2001:db8::{i:x}" for i in range(21)], Refused.THROTTLED, id="one network of IPv6"),
        pytest.param([f"2001:db8:0:{i:x}::1" for i in range(21)], Refused.WRONG, id="many networks"),
        pytest.param([f"10.0.0.{i}" for i in range(21)], Refused.WRONG, id="many addresses of IPv4"),
        pytest.param([f"::ffff:10.0.0.{i}" for i in range(21)], Refused.WRONG, id="the same, wrapped"),
        pytest.param(
            ["10.0.0.1", "::ffff:10.0.0.1"] * 10 + ["10.0.0.1"], Refused.THROTTLED, id="one address, wrapped or not"
        ),
        pytest.param([""] * 21, Refused.THROTTLED, id="a socket without an address"),
    ],
)
def test_what_counts_as_one_address(peers: list[str], last: Refused) -> None:
    tried = logins()
    assert [tried.begin(f"name{i}", "x", peer).refused for i, peer in enumerate(peers)][-1] is last


def guesses(world_now: list[float], throttle: Throttle, count: int) -> list[float]:
    """The waits between so many failures, each as soon as it may be."""
    waits = []
    for _ in range(count):
        wait = throttle.attempt({"k": 5})
        world_now[0] += wait
        if wait:
            assert throttle.attempt({"k": 5}) == 0.0
        waits.append(wait)
    return waits


def test_the_waits_grow_to_a_quarter_of_an_hour() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    assert guesses(now, throttle, 14) == [0.0] * 5 + [15, 30, 60, 120, 240, 480, 900, 900, 900]
    assert (FIRST_WAIT_S, LONGEST_WAIT_S) == (15, 900)
    throttle.forget("k")
    assert throttle.attempt({"k": 5}) == 0.0


def test_what_was_tried_long_ago_is_forgotten_and_memory_is_bounded() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(5):
        throttle.attempt({"k": 5})
    assert throttle.attempt({"k": 5}) == 15
    now[0] += 3_600
    assert [throttle.attempt({"k": 5}) for _ in range(5)] == [0.0] * 5
    for i in range(10_050):
        throttle.attempt({f"other {i}": 5})
    assert len(throttle._records) == 10_000


def logins(**more: Any) -> Logins:
    return Logins(ACCOUNTS, FakeSessions(), monotonic=lambda: 0.0, lasts=timedelta(hours=1), **more)


def test_few_passwords_are_checked_at_once_and_the_others_are_told_at_once() -> None:
    tried = logins()
    with tried._checks, tried._checks:
        busy = tried.begin("anna", PASSWORD, "10.0.0.1")
    assert (busy.secret, busy.refused, busy.wait_s) == (None, Refused.BUSY, 1.0)
    assert tried.of(tried.begin("anna", PASSWORD, "10.0.0.1").secret) == Person("anna", Role.ANALYST, "account")


def test_an_unknown_name_costs_a_hash_too(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []

    def check(pwhash: str, password: str) -> bool:
        checked.append(pwhash)
        return True

    monkeypatch.setattr("enricher.web.logins.check_password_hash", check)
    assert logins().begin("nobody", PASSWORD, "10.0.0.1").refused is Refused.WRONG
    assert checked == [ANNA.hash]
