from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from enricher.web import create_app
from enricher.web.openapi import openapi_document
from tests.web.fakes import NOW, World, alert_record, bare_document, case_record, delivery, source_record, watching

KEY = "enricher-2412d6c5edbed00f"
HOSTILE_BODY = b"<script>alert(1)</script>\x00\xff\x1f\x8b"


@pytest.fixture
def full(world: World) -> World:
    """A world in which every list has something on it."""
    world.reader.stored = [case_record(), case_record(bare_document(), state="suppressed", deliveries=())]
    world.reader.sent = [delivery("jira"), delivery("slack", "dead", reason="invalid", detail="channel_not_found")]
    world.reader.dead = [alert_record(f"X{n}", state="dead", reason="not_json: line 1", cases=()) for n in range(3)]
    world.reader.heard = [source_record("prod")]
    world.inbox.records = {"A1": alert_record()} | {record.alert_id: record for record in world.reader.dead}
    world.inbox.bodies = {"A1": HOSTILE_BODY}
    world.operator.known = frozenset({"X1", KEY})
    return world


def got(client: FlaskClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.data
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json


def test_alert(full: World, client: FlaskClient) -> None:
    assert got(client, "/api/v1/alerts/A1") == {
        "id": "A1",
        "state": "done",
        "kind": "monitor",
        "source": "sumo-prod",
        "received_at": "2026-11-24T02:04:00Z",
        "attempts": 1,
        "reason": None,
        "cases": [KEY],
        "dropped": [{"row": 3, "reason": "no_match: not in the catalog"}],
        "size": 4120,
        "rows": {"received": 3, "total": 13, "cut": True, "in_cases": 1, "repeats": 1, "dropped": 1, "set_aside": 0},
        "repeats": 0,
        "repeated_at": None,
    }


def test_a_body_is_a_file_and_nothing_else(full: World, client: FlaskClient) -> None:
    answer = client.get("/api/v1/alerts/A1/body")
    assert answer.data == HOSTILE_BODY
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="alert-A1.txt"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get("/api/v1/alerts/none/body").status_code == 404


def test_quarantine(full: World, client: FlaskClient) -> None:
    full.reader.dead += [
        alert_record("X9", state="dead", reason="bad_rows: row 3", source="lab", repeats=2, repeated_at=NOW)
    ]
    by_reason = got(client, "/api/v1/quarantine?reason=bad_rows")["quarantine"]
    assert [(item["id"], item["reason"], item["detail"], item["repeats"]) for item in by_reason] == [
        ("X9", "bad_rows", "row 3", 2)
    ]
    assert [item["id"] for item in got(client, "/api/v1/quarantine?source=lab")["quarantine"]] == ["X9"]
    assert got(client, "/api/v1/quarantine?reason=%27%3B--")["quarantine"] == []
    listed = [item["id"] for page in pages(client, "/api/v1/quarantine", "quarantine", 3) for item in page]
    assert listed == ["X0", "X1", "X2", "X9"]


def test_what_lies_in_quarantine_is_read_again(full: World, client: FlaskClient) -> None:
    assert client.post("/api/v1/quarantine/X1/retry").json == {"status": "accepted", "id": "X1"}
    assert full.operator.done == ["X1"]
    for name in ("A1", "none", KEY):  # done, not there, and no alert
        assert client.post(f"/api/v1/quarantine/{name}/retry").status_code == 404
    assert full.operator.done == ["X1"]


def test_case_is_the_document_and_what_surrounds_it(full: World, client: FlaskClient) -> None:
    case = got(client, f"/api/v1/cases/{KEY}")
    document = full.reader.stored[0].document
    assert {name: case[name] for name in document} == document
    assert case["alerts"] == ["A1"]
    assert case["state"] == "open"
    assert [item["destination"] for item in case["deliveries"]] == ["jira", "servicenow", "slack"]
    assert set(case["deliveries"][0]) >= {"destination", "state", "external_id", "url", "attempts", "due_at", "reason"}


def test_listed_cases_carry_no_evidence(full: World, client: FlaskClient) -> None:
    listing = got(client, "/api/v1/cases")
    assert [case["key"] for case in listing["cases"]] == [KEY, "enricher-0000000000000000"]
    assert all("evidence" not in case for case in listing["cases"])
    assert listing["next"] is None


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("severity=critical", [KEY]),
        ("severity=high", []),
        ("state=suppressed", ["enricher-0000000000000000"]),
        ("text=ws-fin", [KEY]),
        ("severity=&state=&text=", [KEY, "enricher-0000000000000000"]),
    ],
)
def test_filters(full: World, client: FlaskClient, query: str, keys: list[str]) -> None:
    assert [case["key"] for case in got(client, f"/api/v1/cases?{query}")["cases"]] == keys


def pages(client: FlaskClient, path: str, name: str, limit: int) -> Iterator[list[Any]]:
    cursor: str | None = ""
    while cursor is not None:
        page = got(client, f"{path}{'&' if '?' in path else '?'}limit={limit}&after={cursor}")
        yield page[name]
        cursor = page["next"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 50])
def test_pages_join_to_the_whole_list(full: World, client: FlaskClient, limit: int) -> None:
    dead = [item["id"] for page in pages(client, "/api/v1/dead-letters", "dead_letters", limit) for item in page]
    assert dead == ["X0", "X1", "X2", "D-slack"]
    assert all(len(page) <= limit for page in pages(client, "/api/v1/dead-letters", "dead_letters", limit))
    cases = [item["key"] for page in pages(client, "/api/v1/cases", "cases", limit) for item in page]
    assert cases == [KEY, "enricher-0000000000000000"]


def test_deliveries_and_sources(full: World, client: FlaskClient) -> None:
    assert [item["id"] for item in got(client, "/api/v1/deliveries")["deliveries"]] == ["D-jira", "D-slack"]
    assert [item["id"] for item in got(client, "/api/v1/deliveries?state=dead")["deliveries"]] == ["D-slack"]
    sent = {"last_at": "2026-11-24T02:04:00Z", "rows": 31, "kinds": {"monitor": 2, "recovery": 1}}
    newest = {"received": 10, "total": 250, "cut": True, "in_cases": 4, "repeats": 5, "dropped": 1, "set_aside": 0}
    monitor = {"monitor": "Serverless C2", "alerts": 3, "per_hour": 0.12, "newest": newest, **sent}
    assert got(client, "/api/v1/sources") == {
        "sources": [
            {
                "source": "prod",
                "alerts": 4,
                "dead": 1,
                "repeats": 2,
                "per_hour": 0.17,
                "monitors": [monitor],
                "watched": False,
                "every_s": None,
                "heartbeat_at": None,
                "heartbeat_fault": None,
                "silent_since": None,
                **sent,
            }
        ]
    }


def test_a_source_says_how_it_is_watched(full: World, client: FlaskClient) -> None:
    full.watchings = {"prod": watching(fault="interval")}
    [source] = got(client, "/api/v1/sources")["sources"]
    shown = {name: source[name] for name in ("watched", "every_s", "heartbeat_at", "heartbeat_fault", "silent_since")}
    assert shown == {
        "watched": True,
        "every_s": 900.0,
        "heartbeat_at": "2026-11-24T01:04:00Z",
        "heartbeat_fault": "interval",
        "silent_since": "2026-11-24T01:04:00Z",
    }


@pytest.mark.parametrize(
    "query",
    [
        *(f"cases?limit={limit}" for limit in ("0", "201", "-1", "x", "1.5", "9999999999999999999999", "%C2%B2", "%D9%A3")),
        "cases?severity=CRITICAL",
        "cases?state=closed",
        "cases?text=a%00b",
        "deliveries?state=lost",
        "dead-letters?after=elsewhere:3",
    ],
)
def test_bad_parameters_are_400(full: World, client: FlaskClient, query: str) -> None:
    answer = client.get(f"/api/v1/{query}")
    assert (answer.status_code, (answer.json or {})["error"]) == (400, "bad_parameter")


@pytest.mark.parametrize(
    "path", ["/api/v1/alerts/none", "/api/v1/cases/none", "/api/v1/nothing", "/webhooks/other", "/api/v1/cases/a//b"]
)
def test_what_is_not_there_is_404_in_json(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, (answer.json or {})["error"]) == (404, "not_found")


def test_retry_and_reopen(full: World, client: FlaskClient) -> None:
    assert client.post("/api/v1/dead-letters/X1/retry").status_code == 202
    assert client.post(f"/api/v1/cases/{KEY}/reopen").json == {"status": "accepted", "key": KEY}
    assert full.operator.done == ["X1", KEY]
    assert client.post("/api/v1/dead-letters/none/retry").status_code == 404
    assert client.post("/api/v1/cases/none/reopen").status_code == 404


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("kind=alert", ["X0", "X1", "X2"]),
        ("kind=delivery", ["D-slack"]),
        ("reason=not_json", ["X0", "X1", "X2"]),
        ("reason=invalid", ["D-slack"]),
        ("destination=slack", ["D-slack"]),
        ("destination=jira", []),
        ("destination=slack&kind=alert", []),
        ("destination=slack&reason=forbidden", []),
    ],
)
def test_dead_letters_are_narrowed_down(full: World, client: FlaskClient, query: str, ids: list[str]) -> None:
    for limit in (1, 2, 50):
        listed = pages(client, f"/api/v1/dead-letters?{query}", "dead_letters", limit)
        assert [item["id"] for page in listed for item in page] == ids


def test_what_a_service_answered_is_shown_without_its_secrets(full: World, client: FlaskClient) -> None:
    full.reader.sent = [
        delivery("jira", "dead", reason="invalid", detail="sent Authorization: Bearer abcdef0123456789abcdef")
    ]
    shown = got(client, "/api/v1/dead-letters/D-jira")
    assert (shown["type"], shown["reason"], shown["attempts"]) == ("delivery", "invalid", 1)
    assert "abcdef" not in shown["detail"]
    assert "sent" in shown["detail"]


def test_all_of_a_reason_are_tried_again_by_one_order(full: World, client: FlaskClient) -> None:
    answer = client.post("/api/v1/dead-letters/retry", json={"reason": "forbidden", "destination": "jira"})
    assert (answer.status_code, answer.json) == (202, {"status": "accepted", "retried": 3, "left": 1})
    assert client.post("/api/v1/dead-letters/retry", json={"reason": "x", "kind": "alert"}).status_code == 202
    assert full.operator.done == ["all forbidden jira None by API", "all x None alert by API"]


def test_a_dead_letter_is_discarded_by_somebody(full: World, client: FlaskClient) -> None:
    order = {"by": " Anna \n Alvarez", "why": "opened by hand"}
    assert client.post("/api/v1/dead-letters/X1/discard", json=order).json == {"status": "accepted", "id": "X1"}
    assert full.operator.discarded == [("X1", "Anna Alvarez (API)", "opened by hand")]


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        pytest.param("X1/discard", b"{}", "bad_parameter", id="nobody's name"),
        pytest.param("X1/discard", b'{"by": "  "}', "bad_parameter", id="a blank name"),
        pytest.param("X1/discard", b'{"by": 7}', "bad_parameter", id="a name that is no text"),
        pytest.param("X1/discard", b'{"by": "%s"}' % (b"a" * 101), "bad_parameter", id="a name without end"),
        pytest.param("X1/discard", b"by=anna", "not_json", id="a form"),
        pytest.param("X1/discard", b"[]", "not_an_object", id="a list"),
        pytest.param("retry", b"{}", "bad_parameter", id="all of no reason"),
        pytest.param("retry", b'{"reason": "x", "kind": "case"}', "bad_parameter", id="of another kind"),
    ],
)
def test_an_order_that_cannot_be_read_does_nothing(
    full: World, client: FlaskClient, path: str, body: bytes, error: str
) -> None:
    answer = client.post(f"/api/v1/dead-letters/{path}", data=body)
    assert (answer.status_code, (answer.json or {})["error"]) == (400, error)
    assert (full.operator.done, full.operator.discarded) == ([], [])


def test_explain_stores_nothing(full: World, client: FlaskClient) -> None:
    answer = client.post("/api/v1/explain", data=gzip.compress(b'{"a":1}'), headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json) == (
        200,
        {"input": {"kind": "monitor", "rows": 0}, "cases": [], "dropped": []},
    )
    for body, error in ((b"{", "not_json"), (b'{"test":1}', "no_rows")):
        answer = client.post("/api/v1/explain", data=body)
        assert (answer.status_code, (answer.json or {})["error"]) == (400, error)
    assert full.inbox.accepted == []


# --- the OpenAPI document -------------------------------------------------------------------------------------------

EXAMPLES = [
    ("get", "/api/v1/alerts/{alert_id}", "/api/v1/alerts/A1", 200),
    ("get", "/api/v1/alerts/{alert_id}", "/api/v1/alerts/none", 404),
    ("get", "/api/v1/alerts/{alert_id}/body", "/api/v1/alerts/none/body", 404),
    ("get", "/api/v1/cases", "/api/v1/cases", 200),
    ("get", "/api/v1/cases", "/api/v1/cases?limit=0", 400),
    ("get", "/api/v1/cases/{key}", f"/api/v1/cases/{KEY}", 200),
    ("post", "/api/v1/cases/{key}/reopen", f"/api/v1/cases/{KEY}/reopen", 202),
    ("post", "/api/v1/cases/{key}/acknowledge", f"/api/v1/cases/{KEY}/acknowledge", 202),
    ("post", "/api/v1/cases/{key}/assign", f"/api/v1/cases/{KEY}/assign", 202),
    ("post", "/api/v1/cases/{key}/mute", f"/api/v1/cases/{KEY}/mute", 202),
    ("post", "/api/v1/cases/{key}/unmute", "/api/v1/cases/none/unmute", 404),
    ("get", "/api/v1/deliveries", "/api/v1/deliveries", 200),
    ("get", "/api/v1/dead-letters", "/api/v1/dead-letters", 200),
    ("get", "/api/v1/dead-letters", "/api/v1/dead-letters?kind=case", 400),
    ("get", "/api/v1/dead-letters/{item_id}", "/api/v1/dead-letters/X1", 200),
    ("get", "/api/v1/dead-letters/{item_id}", "/api/v1/dead-letters/D-slack", 200),
    ("get", "/api/v1/dead-letters/{item_id}", "/api/v1/dead-letters/A1", 404),
    ("post", "/api/v1/dead-letters/{item_id}/retry", "/api/v1/dead-letters/X1/retry", 202),
    ("post", "/api/v1/dead-letters/{item_id}/discard", "/api/v1/dead-letters/X1/discard", 202),
    ("post", "/api/v1/dead-letters/{item_id}/discard", "/api/v1/dead-letters/none/discard", 404),
    ("post", "/api/v1/dead-letters/retry", "/api/v1/dead-letters/retry", 202),
    ("get", "/api/v1/quarantine", "/api/v1/quarantine", 200),
    ("post", "/api/v1/quarantine/{alert_id}/retry", "/api/v1/quarantine/X1/retry", 202),
    ("get", "/api/v1/sources", "/api/v1/sources", 200),
    ("get", "/api/v1/tuning", "/api/v1/tuning", 200),
    ("get", "/api/v1/audit", "/api/v1/audit?item=D1&limit=1", 200),
    ("get", "/api/v1/drift", "/api/v1/drift", 200),
    ("get", "/api/v1/drift", "/api/v1/drift?days=0", 400),
    ("post", "/webhooks/jira", "/webhooks/jira", 404),
    ("post", "/webhooks/servicenow", "/webhooks/servicenow", 404),
    ("post", "/webhooks/slack", "/webhooks/slack", 404),
    ("post", "/api/v1/explain", "/api/v1/explain", 200),
    ("post", "/webhooks/sumo", "/webhooks/sumo", 202),
    ("get", "/healthz", "/healthz", 200),
    ("get", "/readyz", "/readyz", 200),
    ("get", "/openapi.json", "/openapi.json", 200),
]


BODIES = {
    **{
        f"/api/v1/cases/{{key}}/{what}": b'{"by": "anna", "to": "bo", "why": "x"}'
        for what in ("acknowledge", "assign", "mute", "unmute")
    },
    "/api/v1/dead-letters/{item_id}/discard": b'{"by": "anna"}',
    "/api/v1/dead-letters/retry": b'{"reason": "forbidden", "destination": "jira"}',
}


@pytest.mark.parametrize(("method", "template", "path", "status"), EXAMPLES)
def test_answers_are_as_documented(
    full: World, client: FlaskClient, method: str, template: str, path: str, status: int
) -> None:
    answer = client.open(path, method=method.upper(), data=BODIES.get(template, b"{}") if method == "post" else None)
    assert answer.status_code == status
    document = openapi_document()
    response = document["paths"][template][method]["responses"][str(status)]
    schema = {**response["content"]["application/json"]["schema"], "components": document["components"]}
    Draft202012Validator(schema).validate(orjson.loads(answer.data))


def test_every_documented_operation_has_an_example() -> None:
    documented = {(method, path) for path, item in openapi_document()["paths"].items() for method in item}
    assert documented - {(method, template) for method, template, _, _ in EXAMPLES} == {("get", "/metrics")}


def test_documented_and_routed_are_the_same(world: World) -> None:
    app = create_app(world.services())
    routed = {
        (method.lower(), rule.rule.replace("<path:", "<").replace("<", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith("console.") and rule.endpoint != "static"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    document = openapi_document()
    assert routed == {(method, path) for path, item in document["paths"].items() for method in item}


def test_path_parameters_are_declared_and_schemas_are_sound() -> None:
    document = openapi_document()
    for path, item in document["paths"].items():
        for operation in item.values():
            named = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
