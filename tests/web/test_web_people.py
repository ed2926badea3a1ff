from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import html as lxml_html
from werkzeug.test import TestResponse

from enricher.core.people import Account, Proxy, Role, passed_name
from enricher.core.secrets import mask
from enricher.ports import AuditRecord
from enricher.web import create_app
from enricher.web.forms import FormTokens
from enricher.web.text import visible
from tests.web.fakes import NOW, World, alert_record, case_record, critical_document

Connect = Callable[..., FlaskClient]
HTML = {"Accept": "text/html"}
AT = {"REMOTE_ADDR": "10.1.2.3"}
PROXY = Proxy(
    peers=(ip_network("10.1.0.0/16"), ip_network("fd00::/8")),
    user_header="X-Remote-User",
    groups_header="X-Remote-Groups",
    roles={
        Role.VIEWER: ("*",),
        Role.ANALYST: ("anna", "group:soc"),
        Role.ENGINEER: ("eve@corp.example", "group:detection team"),
    },
)

# --- the table ------------------------------------------------------------------------------------------------------

OPEN, VIEWER, ANALYST, ENGINEER = "anonymous", "viewer", "analyst", "engineer"
NEEDED: Mapping[str, str] = {
    "console.login": OPEN,
    "console.logout": VIEWER,
    "console.overview": VIEWER,
    "console.cases": VIEWER,
    "console.case": VIEWER,
    "console.case_text": VIEWER,
    "console.case_as_json": VIEWER,
    "console.deliveries": VIEWER,
    "console.dead_letters": VIEWER,
    "console.intake": VIEWER,
    "console.alert": VIEWER,
    "console.drift": VIEWER,
    "console.tuning": VIEWER,
    "console.rule": VIEWER,
    "console.downloads": VIEWER,
    "console.download": VIEWER,
    "console.alert_body": ANALYST,
    "console.audit": ANALYST,
    "console.retry": ANALYST,
    "console.retry_all": ANALYST,
    "console.discard": ANALYST,
    "console.retry_quarantined": ANALYST,
    "console.reopen": ANALYST,
    "console.acknowledge": ANALYST,
    "console.assign": ANALYST,
    "console.mute": ANALYST,
    "console.unmute": ANALYST,
    "console.judge": ANALYST,
    "console.draft": ANALYST,
    "console.preview": ENGINEER,
}
"""Who comes in where; those above come in too. A page that is not named here fails the test below."""
ROLES = (OPEN, VIEWER, ANALYST, ENGINEER)


@pytest.fixture
def app(world: World, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Every form is taken as ours: here it counts who sends it."""
    monkeypatch.setattr(FormTokens, "fits", lambda *_: True)
    roles = {role: (role.value,) for role in Role}
    proxy = Proxy(peers=(ip_network("10.1.2.3"),), user_header="X-User", roles=roles)
    return create_app(world.services(proxy=proxy, accounts=(Account("x", Role.VIEWER, "scrypt:1024:8:1$a$b"),)))


def console_rules(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, path) of every page and form of the console, with a made-up name in each place."""
    adapter = app.url_map.bind("localhost")
    return [
        (rule.endpoint, method, adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, "x1"), method))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("console.")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def refused(answer: TestResponse) -> bool:
    """Not let in: sent to log in, asked for a token, or told that the role does not do."""
    if answer.status_code == 303:
        return str(answer.location).startswith("/login")
    return answer.status_code == 401 or (answer.json or {}).get("error") == "not_your_role"


@pytest.mark.parametrize("role", ROLES)
def test_every_page_lets_in_whom_the_table_names(app: Flask, world: World, role: str) -> None:
    rules = console_rules(app)
    assert {endpoint for endpoint, _, _ in rules} == set(NEEDED)
    client = app.test_client()
    headers = {} if role == OPEN else {"X-User": role}
    let_in = {
        (endpoint, method): not refused(client.open(path, method=method, headers=headers, environ_overrides=AT))
        for endpoint, method, path in rules
        if endpoint != "console.login"
    }
    expected = {key: ROLES.index(role) >= ROLES.index(NEEDED[key[0]]) for key in let_in}
    assert let_in == expected


def test_nobody_anonymous_changes_anything(app: Flask, world: World) -> None:
    client = app.test_client()
    for endpoint, method, path in console_rules(app):
        if endpoint != "console.login":
            answer = client.open(path, method=method, headers=HTML, environ_overrides=AT)
            assert (answer.status_code, str(answer.location).partition("?")[0]) == (303, "/login")
    assert (world.operator.done, world.operator.discarded, world.operator.notes) == ([], [], [])


def test_what_is_not_the_consoles_stays_as_open_as_it_was(app: Flask) -> None:
    client = app.test_client()
    open_to_all = ("/static/console.css", "/static/icon.svg", "/login", "/healthz", "/openapi.json")
    assert [client.get(path, headers=HTML, environ_overrides=AT, buffered=True).status_code for path in open_to_all] == [
        200
    ] * 5


# --- the proxy ------------------------------------------------------------------------------------------------------


@pytest.fixture
def behind(connect: Connect) -> Callable[..., TestResponse]:
    """Asks for the audit page, which tells analysts from viewers, through a proxy at `peer`."""
    client = connect(proxy=PROXY, trust_loopback=False)

    def ask(user: str | None, groups: str | None = None, peer: str = "10.1.2.3", path: str = "/audit") -> TestResponse:
        given = {"X-Remote-User": user, "X-Remote-Groups": groups}
        headers = {name: value for name, value in given.items() if value is not None}
        return client.get(path, headers=headers | HTML, environ_overrides={"REMOTE_ADDR": peer})

    return ask


@pytest.mark.parametrize(
    ("user", "groups", "status"),
    [
        pytest.param("anna", None, 200, id="by name"),
        pytest.param("bo", "other, soc", 200, id="by group"),
        pytest.param("bo", "detection team", 200, id="by a group with a blank"),
        pytest.param("eve@corp.example", None, 200, id="by address"),
        pytest.param("bo", "other", 403, id="everybody reads, and no more"),
        pytest.param("group:soc", None, 403, id="nobody is a group"),
        pytest.param("bo", "group:soc", 403, id="a group's name is what stands there"),
        pytest.param("Anna", None, 403, id="another spelling"),
    ],
)
def test_the_proxy_says_who_it_is(behind: Callable[..., TestResponse], user: str, groups: str, status: int) -> None:
    assert behind(user, groups).status_code == status
    assert behind(user, groups, path="/dead-letters").status_code == 200


@pytest.mark.parametrize(
    ("peer", "status"),
    [
        ("10.1.2.3", 200),
        ("::ffff:10.1.2.3", 200),
        ("fd00::1", 200),
        ("10.2.0.1", 401),
        ("127.0.0.1", 401),
        ("::1", 401),
        ("", 401),
        ("10.1.2.3, 10.1.2.3", 401),
    ],
)
def test_the_header_of_a_stranger_is_nothing(behind: Callable[..., TestResponse], peer: str, status: int) -> None:
    assert behind("anna", "soc", peer).status_code == status


def test_addresses_in_headers_are_nothing_either(connect: Connect) -> None:
    headers = {"X-Remote-User": "anna", "X-Forwarded-For": "10.1.2.3", "X-Real-IP": "10.1.2.3", "Forwarded": "for=10.1.2.3"}
    client = connect(proxy=PROXY, trust_loopback=False)
    assert client.get("/audit", headers=headers | HTML).status_code == 401


@pytest.mark.parametrize(
    "user",
    [
        *("", " ", "anna,bo", "anna, bo", "anna;bo", '"anna"', "<anna>", "an\x00na", "an\tna", "an\x7fna", "a" * 101),
        *("loopback", "token", "account", "proxy", "slack", "anna\u202e".encode().decode("latin-1"), "\xff\xfe"),
    ],
)
def test_what_names_no_single_person_is_refused(connect: Connect, user: str) -> None:
    client = connect(proxy=PROXY, trust_loopback=False)
    environ: dict[str, Any] = {**AT, "HTTP_X_REMOTE_USER": user}
    answer = client.get("/dead-letters", environ_overrides=environ)
    assert (answer.status_code, (answer.json or {})["error"]) == (403, "unreadable_user")


def test_names_are_read_as_utf_8(connect: Connect) -> None:
    client = connect(proxy=PROXY, trust_loopback=False)
    sent = "CORP\\jürgen müller".encode().decode("latin-1")
    page = client.get("/dead-letters", headers=HTML, environ_overrides={**AT, "HTTP_X_REMOTE_USER": sent})
    assert "CORP\\jürgen müller" in page.get_data(as_text=True)
    assert passed_name("x" * 100) == "x" * 100


def test_a_person_without_a_role_is_told_so(connect: Connect) -> None:
    proxy = Proxy(peers=PROXY.peers, user_header="X-Remote-User", roles={Role.VIEWER: ("anna",)})
    client = connect(proxy=proxy, trust_loopback=False)
    answer = client.get("/dead-letters", headers={"X-Remote-User": "bo"}, environ_overrides=AT)
    assert (answer.status_code, (answer.json or {})["error"]) == (403, "no_role")


def test_who_comes_by_the_proxy_signs_with_their_name(connect: Connect, world: World) -> None:
    world.operator.known = frozenset({"X1"})
    world.reader.dead = [alert_record("X1", state="dead", reason="not_json")]
    client = connect(proxy=PROXY, trust_loopback=False)
    headers = {"X-Remote-User": "anna", **HTML}
    page: Any = lxml_html.document_fromstring(client.get("/dead-letters", headers=headers, environ_overrides=AT).get_data())
    form = page.xpath("//form[@action='/dead-letters/X1/discard']")[0]
    assert form.xpath(".//input[@name='by']") == []
    data = {"form_token": form.xpath(".//input[@name='form_token']/@value")[0], "by": "somebody else", "why": "known"}
    assert client.post("/dead-letters/X1/discard", data=data, headers=headers, environ_overrides=AT).status_code == 303
    assert world.operator.discarded == [("X1", "anna (proxy)", "known")]
    headers["X-Remote-User"] = "eve@corp.example"
    assert client.post("/dead-letters/X1/discard", data=data, headers=headers, environ_overrides=AT).status_code == 403


# --- this machine, and tokens ---------------------------------------------------------------------------------------

ACCOUNT = Account("anna", Role.VIEWER, "scrypt:1024:8:1$a$b")


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        pytest.param({}, 200, id="nothing is set"),
        pytest.param({"accounts": (ACCOUNT,)}, 401, id="accounts"),
        pytest.param({"proxy": PROXY}, 401, id="a proxy"),
        pytest.param({"read_tokens": ("r",)}, 401, id="this door's token"),
        pytest.param({"write_tokens": ("w",)}, 200, id="the other door's token"),
    ],
)
def test_this_machine_is_trusted_only_where_nobody_has_a_name(connect: Connect, settings: Any, status: int) -> None:
    assert connect(**settings).get("/dead-letters").status_code == status


@pytest.mark.parametrize(("token", "status"), [("r", 403), ("w", 200), ("x", 401)])
def test_tokens_go_on_beside_accounts(connect: Connect, token: str, status: int) -> None:
    client = connect(accounts=(ACCOUNT,), read_tokens=("r",), write_tokens=("w",))
    assert client.get("/audit", headers={"Authorization": f"Bearer {token}"}).status_code == status


def test_who_has_no_name_gives_one_and_how_they_came_in_is_noted(connect: Connect, world: World) -> None:
    world.operator.known = frozenset({"X1"})
    world.reader.dead = [alert_record("X1", state="dead", reason="not_json")]
    client = connect()
    page: Any = lxml_html.document_fromstring(client.get("/dead-letters", headers=HTML).get_data())
    form = page.xpath("//form[@action='/dead-letters/X1/discard']")[0]
    data = {"form_token": form.xpath(".//input[@name='form_token']/@value")[0], "by": "anna (account)"}
    assert client.post("/dead-letters/X1/discard", data=data).status_code == 303
    assert world.operator.discarded == [("X1", "anna (account) (loopback)", "")]


# --- what is shown --------------------------------------------------------------------------------------------------


def test_no_button_is_shown_that_does_nothing(connect: Connect, world: World) -> None:
    world.reader.stored = [case_record(), case_record(critical_document() | {"key": "s"}, state="suppressed")]
    world.reader.dead = [alert_record("X1", state="dead", reason="not_json", cases=(), rows=None)]
    world.inbox.records, world.inbox.bodies = {"X1": world.reader.dead[0]}, {"X1": b'{"password":"hunter2"}'}
    client = connect(proxy=PROXY, trust_loopback=False)
    for path in (
        "/",
        "/cases",
        "/dead-letters",
        "/intake",
        "/alerts/X1",
        f"/cases/{world.reader.stored[0].key}",
        "/cases/s",
    ):
        forms: dict[str, list[str]] = {}
        for user in ("bo", "anna"):
            answer = client.get(path, headers={"X-Remote-User": user, **HTML}, environ_overrides=AT)
            page: Any = lxml_html.document_fromstring(answer.get_data())
            assert answer.status_code == 200
            forms[user] = page.xpath("//form[@method='post']/@action")
            assert bool(page.xpath("//a[@href='/audit']")) is (user == "anna")
            assert not page.xpath("//a[starts-with(@href, '/api/')]")
        assert forms["bo"] == []
        assert forms["anna"] or path not in {"/dead-letters", "/intake", "/alerts/X1", "/cases/s"}


def test_a_body_as_it_came_is_for_analysts(connect: Connect, world: World) -> None:
    world.inbox.records, world.inbox.bodies = {"A1": alert_record()}, {"A1": b'{"name":"serverless"}'}
    client = connect(proxy=PROXY, trust_loopback=False)
    seen = {}
    for user in ("bo", "anna"):
        headers = {"X-Remote-User": user, **HTML}
        page = client.get("/alerts/A1", headers=headers, environ_overrides=AT)
        body = client.get("/alerts/A1/body", headers=headers, environ_overrides=AT)
        seen[user] = (page.status_code, "serverless" in page.get_data(as_text=True), body.status_code)
    assert seen == {"bo": (200, False, 403), "anna": (200, True, 200)}


# --- the audit ------------------------------------------------------------------------------------------------------


@pytest.fixture
def done(world: World) -> None:
    """Three lines, the newest first."""
    lines = [
        ("3", "anna (account)", "discard", "D1", "token=hunter2hunter2 <b>\u202e"),
        ("2", "bo (proxy)", "retry", "D1", None),
        ("1", "anna (account)", "logged_in", "anna", "from 10.0.0.1"),
    ]
    world.reader.lines = [
        AuditRecord(audit_id=line, at=NOW, by=by, action=action, item_id=item, detail=detail)
        for line, by, action, item, detail in lines
    ]


def audited(client: FlaskClient, path: str) -> list[str]:
    page: Any = lxml_html.document_fromstring(client.get(path, headers=HTML).get_data(as_text=True))
    return [" ".join(" ".join(cell.text_content() for cell in row).split()) for row in page.xpath("//tbody/tr")]


def test_the_audit_page_shows_who_did_what(connect: Connect, done: None) -> None:
    client = connect()
    assert audited(client, "/audit") == [
        "2026-11-24 02:04:00 UTC anna (account) discard D1 " + str(visible(mask("token=hunter2hunter2 <b>\u202e"))),
        "2026-11-24 02:04:00 UTC bo (proxy) retry D1",
        "2026-11-24 02:04:00 UTC anna (account) logged in anna from 10.0.0.1",
    ]
    assert len(audited(client, "/audit?item=D1")) == 2
    assert len(audited(client, "/audit?by=anna+(account)")) == 2
    assert audited(client, "/audit?by=nobody") == []


def test_its_pages_keep_the_filter(connect: Connect, done: None) -> None:
    client = connect()
    page: Any = lxml_html.document_fromstring(client.get("/audit?item=D1&limit=1", headers=HTML).get_data(as_text=True))
    [older] = page.xpath("//a[@rel='next']/@href")
    assert "item=D1" in older
    assert ["bo (proxy)" in row for row in audited(client, older)] == [True]


def test_the_api_lists_the_audit_for_readers(connect: Connect, done: None) -> None:
    client = connect(read_tokens=("r",))
    assert client.get("/api/v1/audit").status_code == 401
    answer = client.get("/api/v1/audit?by=bo+(proxy)&limit=1", headers={"Authorization": "Bearer r"})
    assert answer.json == {
        "audit": [
            {"id": "2", "at": "2026-11-24T02:04:00Z", "by": "bo (proxy)", "action": "retry", "item": "D1", "detail": None}
        ],
        "next": None,
    }
    masked = client.get("/api/v1/audit?item=D1", headers={"Authorization": "Bearer r"})
    assert "hunter2" not in masked.get_data(as_text=True)
