"""Counts and words reach the flow: read at most once a minute, kept where the store refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from enricher.core.feedback import Said
from enricher.core.uses import RuleUse
from enricher.errors import StoreUnavailable
from enricher.store import Store
from enricher.wiring import Application, application
from enricher.wiring.experience import REFRESH_EVERY_S, LiveExperience
from enricher.wiring.flow import submission
from tests.fakes import packaged_programs
from tests.web.fakes import FakeReader

AT = datetime(2026, 11, 24, tzinfo=UTC)
RULES = packaged_programs().rules
PAYLOADS = Path(__file__).parent / "data/sumo-payloads"


@dataclass
class Counts(FakeReader):
    """Counts how often it is read; `down` makes it refuse."""

    reads: int = 0
    down: bool = False
    tenants: frozenset[str] = frozenset({"one.workers.dev"})

    def rule_uses(self) -> dict[str, RuleUse]:
        self.reads += 1
        if self.down:
            raise StoreUnavailable("database gone")
        return {"R1": RuleUse(rule="R1", matches=self.reads, first_seen_at=AT)}

    def protected_tenants(self) -> frozenset[str]:
        return self.tenants


@dataclass
class Book:
    """Remembers what it was told."""

    told: list[list[str]] = field(default_factory=list)

    def loaded(self, rules: Iterable[str]) -> None:
        self.told.append(list(rules))


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_store_is_asked_once_a_minute() -> None:
    reader, book, clock = Counts(), Book(), Hands()
    live = LiveExperience(reader, book, monotonic=clock)

    known = [live.of(RULES) for _ in range(5)]
    clock.now += REFRESH_EVERY_S - 1
    known.append(live.of(RULES))
    assert {one.uses["R1"].matches for one in known} == {1}
    assert known[0].protected == {"one.workers.dev"}
    assert book.told == [[rule.id for rule in RULES.tuning]]

    clock.now += 1
    assert live.of(RULES).uses["R1"].matches == 2


def test_a_store_that_refuses_keeps_what_was_known() -> None:
    reader, clock = Counts(), Hands()
    live = LiveExperience(reader, None, monotonic=clock)
    before = live.of(RULES)
    reader.down, reader.tenants = True, frozenset()
    clock.now += REFRESH_EVERY_S

    assert [live.of(RULES) for _ in range(3)] == [before] * 3
    assert reader.reads == 2, "and is not asked again at once"

    reader.down = False
    clock.now += REFRESH_EVERY_S
    assert live.of(RULES).protected == frozenset()


# --- the whole way, on a real store ---------------------------------------------------------------------------------


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    for name, value in {
        "DATABASE_URL": f"sqlite:///{tmp_path}/enricher.db",
        "CONFIG_DIR": str(tmp_path / "none"),
        "LOOKUPS": "off",
        "JIRA_WEBHOOK_SECRET": "jira-secret",
    }.items():
        monkeypatch.setenv(f"ENRICHER_{name}", value)
    made = application()
    made.store.upgrade()
    yield made
    made.store.close()


def investigated(app: Application, body: bytes) -> list[str]:
    """Accept a body and settle it; the keys of its cases."""
    sent = submission(body, "sumo")
    assert sent is not None
    app.store.inbox.accept(sent)
    (claim,) = app.store.inbox.claim(1)
    settlement = app.flow(stores=True).settlement(claim.body, claim.received_at)
    assert app.store.inbox.settle(claim, settlement)
    return [case["key"] for case in settlement.cases]


def aggregate() -> bytes:
    return (PAYLOADS / "monitor-alert-aggregate.json").read_bytes()


def protected(store: Store) -> frozenset[str]:
    return store.reader.protected_tenants()


def test_a_resolved_issue_protects_the_tenant_in_the_next_judgement(app: Application) -> None:
    key, *_ = investigated(app, aggregate())
    issue = {"issue": {"key": "SEC-1", "fields": {"labels": ["enricher", key], "resolution": {"name": "True Positive"}}}}
    client = app.web().test_client()

    answer = client.post("/webhooks/jira", json=issue, headers={"X-Enricher-Token": "jira-secret"})

    assert (answer.status_code, answer.json) == (202, {"status": "marked", "case": key})
    record = app.store.reader.case(key)
    assert record is not None
    assert record.feedback[0].said is Said.TRUE_POSITIVE
    assert protected(app.store) == {record.document["tenant"]}
    rules = app.live.programs().rules
    assert LiveExperience(app.store.reader, None).of(rules).protected == protected(app.store)


def test_drift_and_the_deployed_query_are_told_by_the_api(app: Application) -> None:
    investigated(app, aggregate())

    told = app.web().test_client().get("/api/v1/drift").json or {}

    assert [(one["sumo"], one["reason"], one["cases"], one["rows"]) for one in told["drift"]] == [
        ("Other Serverless", "no_platform", 1, 1)
    ]
    assert [one["monitor"] for one in told["queries"]] == ["T1583.007 Serverless C2 - non-browser process"]


def test_white_space_of_a_query_makes_no_other_version(app: Application) -> None:
    body = orjson.loads(aggregate())
    investigated(app, aggregate())
    (name,) = (key for key in body if key.lower() == "query")
    for number, query in enumerate((f"  {body[name]}\n", f"{body[name]} | limit 5")):
        changed = {**body, name: query, "alertResponseUrl": f"https://service.sumologic.com/ui/#/alert/{number}"}
        investigated(app, orjson.dumps(changed))

    versions = app.drift(30)["queries"]
    assert len(versions) == 2


def test_every_loaded_rule_stands_on_the_api_and_in_the_metrics(app: Application) -> None:
    investigated(app, aggregate())
    client = app.web().test_client()

    rules = (client.get("/api/v1/tuning").json or {})["rules"]
    loaded = app.live.programs().rules.tuning
    assert {rule["id"] for rule in rules} == {rule.id for rule in loaded} == set(app.store.reader.rule_uses())
    metrics = client.get("/metrics").get_data(as_text=True)
    counted = sum(
        float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith("enricher_tuning_rules{")
    )
    assert counted == len(loaded)
