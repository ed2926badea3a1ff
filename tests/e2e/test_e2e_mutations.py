"""Payloads that are a little wrong, by sixteen clients at once: the right answer to each, and nothing unaccounted for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from enricher.core.document import Json
from enricher.errors import PayloadError
from enricher.wiring.flow import submission
from tests import mutations
from tests.e2e.harness import PATIENCE_S, serving

pytestmark = pytest.mark.slow

CLIENTS = 16
BODIES = [*mutations.originals().values(), *mutations.corpus().values()]


def expected(body: bytes) -> tuple[int, str]:
    """The status and the word that a body deserves when it comes for the first time."""
    try:
        sent = submission(body, "anybody")
    except PayloadError as error:
        return 400, error.code
    return (200, "test") if sent is None else (202, "accepted")


def answer(url: str, bodies: list[bytes]) -> list[tuple[bytes, int, Json]]:
    """What one client hears, over one connection."""
    with httpx2.Client(base_url=url, timeout=PATIENCE_S) as client:
        headers = {"Content-Type": "application/json"}
        answers = [(body, client.post("/webhooks/sumo", content=body, headers=headers)) for body in bodies]
        return [(body, said.status_code, said.json()) for body, said in answers]


def balance(database: str, monkeypatch: pytest.MonkeyPatch) -> Json:
    monkeypatch.setenv("ENRICHER_DATABASE_URL", database)
    printed = subprocess.run([sys.executable, "-m", "enricher", "balance", "--json"], capture_output=True, check=False)
    document: Json = json.loads(printed.stdout)
    assert printed.returncode == 0, document["problems"]
    return document


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_every_body_is_answered_and_accounted_for(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/enricher.db" if engine == "sqlite" else request.getfixturevalue("module_postgres")
    with serving({"ENRICHER_DATABASE_URL": url}, tmp_path / "service.log") as service:
        with ThreadPoolExecutor(CLIENTS) as clients:
            heard = clients.map(lambda n: answer(service.url, BODIES[n::CLIENTS]), range(CLIENTS))
            answers = [each for client in heard for each in client]
        accepted = {said["alert_id"] for _, status, said in answers if status == 202}
        for alert_id in accepted:
            service.settled(alert_id)
        assert service.is_ready()

    for body, status, said in answers:
        wanted, word = expected(body)
        # What another client has sent already is a duplicate, and only that may be said instead.
        assert (status, said.get("error") or said["status"]) in {(wanted, word), (200 if wanted == 202 else 0, "duplicate")}
    refused = Counter(body for body, status, _ in answers if status == 400)
    found = balance(url, monkeypatch)
    assert found["bodies"]["accepted"] == len(accepted) + len(refused)
    assert found["bodies"]["open"] == found["bodies"]["unaccounted"] == found["rows"]["unaccounted"] == 0
    assert found["bodies"]["dead"] >= len(refused)
    assert found["rows"]["in_cases"] > 0
    assert sum(found["rows"]["dropped"].values()) > 0
