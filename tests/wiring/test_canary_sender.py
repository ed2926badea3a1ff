"""Canaries on their way: through the webhook, the inbox and the worker, to a proof for each destination."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from enricher.core.canary import SOURCE, WEBHOOK, Proof
from enricher.errors import Reason
from enricher.settings import Settings, read_settings
from enricher.wiring import Application, application
from enricher.wiring.canary import Sender, await_canary, own_address, send_past_the_webhook
from enricher.worker.alerts import AlertJob
from enricher.worker.chores import ChoreJob
from tests.worker.fakes import FakeDestination, failure

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    given = {
        "database_url": f"sqlite:///{tmp_path}/enricher.db",
        "webhook_tokens": f"sumo:{TOKEN}",
        "lookups": "off",
        "config_dir": str(tmp_path / "none"),
    }
    made = application(read_settings(given))
    made.store.upgrade()
    yield made
    made.store.close()


def send(app: Application, transport: httpx2.BaseTransport | None = None) -> str:
    with closing(
        Sender(app.settings, app.store.canaries, transport=transport or httpx2.WSGITransport(app=app.web()))
    ) as sender:
        return sender.send()


def work(app: Application, *destinations: FakeDestination) -> None:
    """What a worker would do with all that is due."""
    alerts = AlertJob(app.store.inbox, app.flow().settlement, lambda: 0.5)
    for alert in alerts.claim(10):
        alerts.do(alert)
    chores = ChoreJob(app.round({one.name: one for one in destinations}))
    while due := chores.claim(10):
        for chore in due:
            chores.do(chore)


def proofs(app: Application, canary: str) -> dict[str, tuple[Proof, str]]:
    found = app.store.canaries.get(canary)
    assert found is not None
    return {name: (proof.state, proof.detail) for name, proof in found.proofs.items()}


def test_the_whole_way_proves_the_webhook_and_every_destination_and_opens_nothing(app: Application) -> None:
    jira, slack = FakeDestination("jira"), FakeDestination("slack", errors={"check": failure(Reason.AUTH)})
    sent = send(app)
    work(app, jira, slack)
    assert proofs(app, sent) == {
        WEBHOOK: (Proof.PROVED, ""),
        "jira": (Proof.PROVED, ""),
        "slack": (Proof.FAILED, "auth: HTTP 4xx"),
    }
    assert (jira.calls, slack.calls) == ([("check",)], [("check",)])
    assert app.store.reader.cases(limit=5).items == ()
    assert app.store.reader.deliveries(limit=5).items == ()


def test_it_is_no_sign_of_life_of_the_source_whose_token_it_uses(app: Application) -> None:
    send(app)
    work(app)
    assert [source.source for source in app.store.reader.sources()] == [SOURCE]


def test_the_metrics_show_how_each_destination_stands(app: Application) -> None:
    sent = send(app)
    app.store.canaries.noted(sent, "jira", Proof.FAILED, "auth")
    standing = {one.destination: one.failing for one in app.canaries()}
    assert standing == {WEBHOOK: False}
    exposed = app.metrics(None)[0].decode()
    assert 'enricher_canary_failing{destination="own_webhook"} 0.0' in exposed
    assert 'enricher_canary_last_proved_timestamp_seconds{destination="own_webhook"}' in exposed


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(httpx2.Response(401, json={"error": "unauthorized"}), "auth: HTTP 401", id="a wrong token"),
        pytest.param(httpx2.Response(503, json={"error": "busy"}), "server_error: HTTP 503", id="no room"),
        pytest.param(httpx2.Response(200, json={"status": "test"}), "not_json: it was not taken", id="taken for a test"),
        pytest.param(httpx2.Response(200, text=f"<p>{TOKEN}"), "not_json: HTTP 200", id="another server"),
        pytest.param(httpx2.ConnectError(f"refused {TOKEN}"), "connect: ConnectError", id="nobody listens"),
    ],
)
def test_what_the_webhook_refuses_is_a_proof_too(app: Application, answer: httpx2.Response | Exception, said: str) -> None:
    def handle(_request: httpx2.Request) -> httpx2.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    sent = send(app, httpx2.MockTransport(handle))
    state, detail = proofs(app, sent)[WEBHOOK]
    assert state is Proof.FAILED
    assert detail.startswith(said)
    assert TOKEN not in detail


def test_the_token_and_the_canary_are_all_that_is_sent(app: Application) -> None:
    asked: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(202, json={"status": "accepted"})

    send(app, httpx2.MockTransport(handle))
    (request,) = asked
    assert (request.method, str(request.url)) == ("POST", "http://127.0.0.1:8080/webhooks/sumo")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("bind", "expected"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[2001:db8::7]:8080", "http://[2001:db8::7]:8080"),
        ("enricher.corp.example:80", "http://enricher.corp.example:80"),
    ],
)
def test_the_service_s_own_address(bind: str, expected: str) -> None:
    assert own_address(read_settings({"bind": bind})) == expected


def test_another_address_can_be_set(app: Application) -> None:
    settings: Settings = app.settings.model_copy(update={"canary_url": "https://enricher.corp.example/webhooks/sumo"})
    asked: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(202, json={"status": "accepted"})

    with closing(Sender(settings, app.store.canaries, transport=httpx2.MockTransport(handle))) as sender:
        sender.send()
    assert asked == ["https://enricher.corp.example/webhooks/sumo"]


def test_whoever_waits_hears_when_every_proof_is_there(app: Application) -> None:
    sent = send_past_the_webhook(app.store.canaries, app.store.inbox)
    found = await_canary(app.store.canaries, sent, {"jira"}, 60.0, lambda: work(app, FakeDestination("jira")))
    assert found is not None
    assert list(found.proofs) == ["jira"]


def test_whoever_waits_hears_at_once_what_the_webhook_has_refused(app: Application) -> None:
    sent = send(app, httpx2.MockTransport(lambda _: httpx2.Response(401, json={})))

    def never() -> None:
        pytest.fail("it waited")

    assert await_canary(app.store.canaries, sent, {"jira"}, 60.0, never) is not None


def test_the_time_ends_too(app: Application) -> None:
    sent = send_past_the_webhook(app.store.canaries, app.store.inbox)
    found = await_canary(app.store.canaries, sent, {"jira"}, 0.0, lambda: None)
    assert found is not None
    assert found.settled_at is None


def test_none_is_sent_where_the_schedule_is_off(app: Application) -> None:
    off = app.settings.model_copy(update={"canary_minutes": 0.0})
    silent = Application(off, app.live, app.store, app.destinations, app.signing_key)
    assert silent.round({}).send_canary is None
    assert app.round({}).canary_every_s == timedelta(hours=1).total_seconds()
