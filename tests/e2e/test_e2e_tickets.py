"""What becomes of a case whose issue people have closed or deleted, from the webhook to Jira's own store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from enricher.core.document import Json
from tests.e2e import alerts
from tests.e2e.harness import Service, Standins, serving, until
from tests.e2e.judge import held, problems

pytestmark = pytest.mark.slow


class Analyst:
    """Somebody who works on issues; the stand-in takes our account's word for it."""

    def __init__(self, standins: Standins) -> None:
        self._standins, environment = standins, standins.environment()
        self._jira = httpx2.Client(
            base_url=f"{environment['ENRICHER_JIRA_URL']}/rest/api/3/issue",
            auth=(environment["ENRICHER_JIRA_EMAIL"], environment["ENRICHER_JIRA_TOKEN"]),
        )

    def close(self, key: str) -> None:
        done = {"transition": {"id": "31"}, "fields": {"resolution": {"name": "Won't Do"}}}
        self._jira.post(f"/{key}/transitions", json=done).raise_for_status()

    def issues(self) -> list[Json]:
        found: list[Json] = self._standins.store("jira")["issues"]
        return found

    def leave(self) -> None:
        self._jira.close()


@pytest.fixture
def standins(tmp_path: Path) -> Iterator[Standins]:
    with Standins(tmp_path / "standins", "--no-limits") as standins:
        yield standins


@pytest.fixture
def analyst(standins: Standins) -> Iterator[Analyst]:
    somebody = Analyst(standins)
    yield somebody
    somebody.leave()


def further_name(name: str) -> bytes:
    """A second alert of the case, which is news: another name of its tenant."""
    host = f"other.{name}.workers.dev"
    return alerts.trigger(
        f"{name}-2", [alerts.query(name, host=host, guid=1, second=30), alerts.connection(name, second=31)]
    )


def contact_after_closing(service: Service, analyst: Analyst, name: str) -> Json:
    """A case whose only issue is closed, and that is seen again; the case when Jira knows."""
    case = service.case(service.accept(alerts.trigger(name)))
    service.delivered(case["key"])
    (issue,) = analyst.issues()
    analyst.close(issue["key"])
    service.case(service.accept(further_name(name)))
    until(lambda: [one for one in analyst.issues() if one["status"] == "To Do"], "an open issue")
    return service.delivered(case["key"])


def test_an_issue_that_was_closed_is_opened_again(standins: Standins, analyst: Analyst, tmp_path: Path) -> None:
    with serving(standins.environment() | database(tmp_path), tmp_path / "service.log") as service:
        case = contact_after_closing(service, analyst, "closed")
        (issue,) = analyst.issues()
        assert (issue["status"], issue["resolution"], len(issue["comments"])) == ("To Do", None, 1)
        assert list(problems([case], held(standins))) == []


def test_an_issue_that_was_closed_too_long_ago_is_followed(standins: Standins, analyst: Analyst, tmp_path: Path) -> None:
    settings = standins.environment() | database(tmp_path) | {"ENRICHER_JIRA_REOPEN_DAYS": "0"}
    with serving(settings, tmp_path / "service.log") as service:
        case = contact_after_closing(service, analyst, "followed")
        first, second = analyst.issues()
        assert (first["status"], first["comments"], second["status"]) == ("Done", [], "To Do")
        assert [(link["type"], link["key"]) for link in second["links"]] == [("Relates", first["key"])]
        assert f"{case['key']}-g2" in second["fields"]["labels"]
        jira = next(one for one in case["deliveries"] if one["destination"] == "jira")
        assert jira["external_id"] == second["key"]
        assert list(problems([case], held(standins))) == []


def database(folder: Path) -> dict[str, str]:
    return {"ENRICHER_DATABASE_URL": f"sqlite:///{folder / 'enricher.db'}"}
