"""Further destinations behind `enricher serve`: cases go where the routes lead, signed, and each piece of news once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from enricher.standins import Fault, FaultKind, PagerDuty, Receiver, running
from tests.e2e.alerts import recovery, trigger
from tests.e2e.harness import UNPACED, Service, serving, until

pytestmark = pytest.mark.slow

FILE = """\
further:
  pager: {{kind: pagerduty, url: "{pager}", routing_key_env: E2E_PAGER_KEY}}
  soar: {{kind: webhook, url: "{hook}/hook", secret_file: ["{folder}/secret"]}}
  record: {{kind: file, path: "{folder}/cases.jsonl"}}
  never: {{kind: file, path: "{folder}/never.jsonl"}}
routes:
  - {{when: {{severity: informational, disposition: informational}}, to: never}}
  - {{to: [pager, soar, record]}}
"""


@pytest.fixture
def pager() -> Iterator[PagerDuty]:
    with running(PagerDuty()) as standin:
        yield standin


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running(Receiver()) as standin:
        yield standin


@pytest.fixture
def service(pager: PagerDuty, receiver: Receiver, tmp_path: Path) -> Iterator[Service]:
    folder = tmp_path / "config"
    folder.mkdir()
    (tmp_path / "secret").write_text(receiver.secret + "\n")
    (folder / "destinations.yml").write_text(FILE.format(pager=pager.url, hook=receiver.url, folder=tmp_path))
    environment = {
        **UNPACED,
        "ENRICHER_CONFIG_DIR": str(folder),
        "ENRICHER_DATABASE_URL": f"sqlite:///{tmp_path}/enricher.db",
        "E2E_PAGER_KEY": pager.routing_key,
    }
    with serving(environment, tmp_path / "service.log") as made:
        yield made


def test_a_case_goes_where_the_route_leads_and_recovers_there(
    service: Service, pager: PagerDuty, receiver: Receiver, tmp_path: Path
) -> None:
    for standin in (pager, receiver):
        standin.fail(Fault(kind=FaultKind.DROP, method="POST", calls=(1,)))
    [key] = service.settled(service.accept(trigger("anna")))["cases"]
    case = service.delivered(key, timeout_s=90.0)
    assert {one["destination"] for one in case["deliveries"]} == {"pager", "soar", "record"}
    service.accept(recovery("anna"))

    def recovered() -> bool:
        alerts, messages = pager.store()["alerts"], receiver.store()["messages"]
        lines = (tmp_path / "cases.jsonl").read_text().splitlines()
        return [one["status"] for one in alerts] == ["resolved"] and len(messages) == 2 and len(lines) == 2

    until(recovered, "the recovery in all three", 90.0)
    messages = receiver.store()["messages"]
    lines = [json.loads(line) for line in (tmp_path / "cases.jsonl").read_text().splitlines()]
    for told in (messages, lines):
        assert [(one["key"], one["type"]) for one in told] == [(key, "case.opened"), (key, "case.updated")]
        assert (told[0]["event"], told[1]["news"]["kind"]) == (f"{key}-01", "recovery")
    assert not (tmp_path / "never.jsonl").exists()
    log = (tmp_path / "service.log").read_text()
    assert receiver.secret not in log
    assert pager.routing_key not in log
