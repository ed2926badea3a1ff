"""What Sumo Logic does not send by itself, through the running service: it is searched, and the open tickets are told, once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from enricher.core.document import Json
from enricher.core.requery import SOURCE
from enricher.standins import KEY, SumoLogic, running
from enricher.standins.sumo import Behaviour, Message
from tests.e2e import alerts
from tests.e2e.harness import DESTINATIONS, Service, Standins, Waiting, serving, until
from tests.e2e.judge import held
from tests.worker.searched import OURS, SEARCHES, Contact, counted, trigger

pytestmark = pytest.mark.slow

TENANT = "beacon.example-lab.workers.dev"
SOON_S = 90.0


@dataclass(frozen=True, slots=True)
class Site:
    """A running service, its tickets, and the Sumo Logic that it searches."""

    service: Service
    tickets: Standins
    sumo: SumoLogic
    waiting: Waiting

    def opened(self, ref: str, host: str, at: datetime, **more: object) -> Json:
        """An alert of one contact of a host, whose search ended right after it; its case, when its tickets are there."""
        body = trigger(counted([Contact(host, at)]), at - timedelta(minutes=5), at + timedelta(seconds=1), ref=ref, **more)  # type: ignore[arg-type] # as given
        return self.service.delivered(self.service.case(self.service.accept(body))["key"])

    def told(self, case: Json) -> dict[str, list[list[str]]]:
        return {name: one.tickets[case["key"]] for name, one in held(self.tickets).items()}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("requery")
    database = f"sqlite:///{folder}/enricher.db"
    if request.param == "postgresql":
        database = request.getfixturevalue("module_postgres")
    sumo = SumoLogic()
    sumo.behaviour = Behaviour(polls=1)
    with ExitStack() as stack:
        tickets = stack.enter_context(Standins(folder / "tickets", "--no-limits"))
        settings = {
            "ENRICHER_DATABASE_URL": database,
            "ENRICHER_LEASE_SECONDS": "1",
            "ENRICHER_JIRA_QUIET_SECONDS": "1",
            "ENRICHER_SUMO_API_URL": stack.enter_context(running(sumo)).url,
            "ENRICHER_SUMO_ACCESS_ID": "enricher",
            "ENRICHER_SUMO_ACCESS_KEY": KEY,
            "ENRICHER_SUMO_REQUERY_MINUTES": "5",
        }
        service = stack.enter_context(serving(tickets.environment() | settings, folder / "service.log"))
        yield Site(service, tickets, sumo, stack.enter_context(Waiting(database)))


def ago(minutes: float) -> datetime:
    """A time whose stretch is over, so that nothing need be waited for."""
    return datetime.fromtimestamp(time.time() - minutes * 60, UTC)


def logged(host: str, at: datetime, *, name: str = TENANT, guid: int = 1, image: str = alerts.POWERSHELL) -> Message:
    """One event 22 as Sumo Logic has collected it."""
    data = {
        "UtcTime": f"{at:%Y-%m-%d %H:%M:%S.000}",
        "ProcessGuid": f"{{7c1e2b40-96d1-65f0-3b12-{guid:012x}}}",
        "ProcessId": str(4000 + guid),
        "Image": image,
        "User": rf"CORP\{host}",
        "QueryName": name,
        "QueryStatus": "0",
        "QueryResults": "::ffff:203.0.113.24;",
    }
    return Message(raw=alerts.sysmon(22, f"{host}.corp.example", data), host=host, at=at.timestamp())


def told(case: Json) -> list[Json]:
    """The news that tickets have a comment for."""
    return [item for item in case["news"] if item["kind"] not in {"opened", "ticket"}]


def queries(sumo: SumoLogic) -> set[str]:
    return {str(job["query"]) for job in sumo.store()["jobs"]}


def ours() -> set[str]:
    return {query.text for query in SEARCHES.chosen(None)}


def one_comment(site: Site, case: Json, words: Sequence[str]) -> None:
    """Every ticket of the case has one comment, and that is this news."""
    [news] = told(case)
    said = " ".join([news["text"], *news["lines"]])
    assert [word for word in words if word not in said] == []
    assert site.told(case) == {name: [[f"{case['key']}-{news['seq']:02}"]] for name in DESTINATIONS}


def changed(site: Site, key: str) -> Json:
    """The case, when its tickets have been told something. What it waits for is due whenever we look."""

    def look() -> bool:
        site.waiting.hasten(key)
        return bool(told(site.service.get(f"cases/{key}")))

    until(look, "news of the case", SOON_S)
    return site.service.delivered(key)


def test_a_new_process_of_an_open_alert_is_one_comment_everywhere(site: Site) -> None:
    at = ago(10)
    site.sumo.messages += [
        logged(
            "ws-process",
            at + timedelta(seconds=20),
            name="a.process-lab.workers.dev",
            guid=2,
            image=r"C:\Temp\powershell.exe",
        ),
        logged("ws-process", at + timedelta(seconds=30), name="a.process-lab.workers.dev"),
    ]
    contact = Contact("ws-process", at, "a.process-lab.workers.dev")
    body = trigger(
        counted([contact]),
        at - timedelta(minutes=5),
        at + timedelta(seconds=1),
        ref="00000000000A0001",
        alertGroup="_sourceHost=ws-process",
    )
    opened = site.service.delivered(site.service.case(site.service.accept(body))["key"])
    case = changed(site, opened["key"])
    one_comment(site, case, [r"C:\Temp\powershell.exe"])
    assert case["count"] == 3
    assert {site.service.get(f"alerts/{alert}")["source"] for alert in case["alerts"]} >= {SOURCE}


def test_a_new_host_has_a_ticket_of_its_own_and_is_one_comment_on_the_open_one(site: Site) -> None:
    at = ago(10)
    site.sumo.messages.append(logged("ws-second", at + timedelta(seconds=20)))
    opened = site.opened("00000000000A0002", "ws-first", at)
    case = changed(site, opened["key"])
    one_comment(site, case, ["ws-second.corp.example"])
    [second] = [one for one in site.service.listed("cases", "cases") if one["host"] == "ws-second.corp.example"]
    assert site.told(site.service.delivered(second["key"])) == {name: [[]] for name in DESTINATIONS}


def test_a_query_that_a_payload_brings_reaches_nobody(site: Site) -> None:
    hostile = '_index=sumologic_audit "password" | count by _raw'
    site.opened("00000000000A0003", "ws-hostile", ago(10), query=hostile, alertGroup="_sourceHost=ws-hostile")
    until(lambda: ours() <= queries(site.sumo), "all searches", 2 * SOON_S)
    assert not [query for query in queries(site.sumo) if "password" in query]


def test_the_rest_of_a_cut_alert_joins_its_case(site: Site) -> None:
    at = ago(10)
    names = [f"n{n}.rest-lab.workers.dev" for n in range(450)]
    contacts = [Contact("ws-rest", at, name) for name in names]
    site.sumo.messages += [logged("ws-rest", at, name=name) for name in names]
    body = trigger(
        counted(contacts[:200]),
        at - timedelta(minutes=5),
        at + timedelta(seconds=1),
        ref="00000000000A0004",
        total=450,
        alertGroup="_sourceHost=ws-rest",
    )
    opened = site.service.case(site.service.accept(body))
    assert opened["missing"][0] == "rows: 200 of 450 received, Sumo Logic cut the rest"

    def complete() -> Json | None:
        case = site.service.get(f"cases/{opened['key']}")
        return case if case["count"] == 450 else None

    case = until(complete, "the rest", SOON_S)
    assert not [line for line in case["missing"] if line.startswith("rows:") and "a search has found 250 more" not in line]


def test_who_is_killed_while_it_searches_has_the_rows_once(site: Site) -> None:
    at = ago(10)
    site.sumo.messages.append(
        logged(
            "ws-killed", at + timedelta(seconds=20), name="a.kill-lab.workers.dev", guid=2, image=r"C:\Temp\powershell.exe"
        )
    )
    site.sumo.behaviour = Behaviour(never_ends=True)
    contact = Contact("ws-killed", at, "a.kill-lab.workers.dev")
    body = trigger(
        counted([contact]),
        at - timedelta(minutes=5),
        at + timedelta(seconds=1),
        ref="00000000000A0005",
        alertGroup="_sourceHost=ws-killed",
    )
    opened = site.service.delivered(site.service.case(site.service.accept(body))["key"])
    until(lambda: any(not job["deleted"] and job["polls"] for job in site.sumo.store()["jobs"]), "a search", SOON_S)
    site.service.kill()
    site.sumo.behaviour = Behaviour(polls=1)
    site.service.start()
    site.service.await_ready()
    case = changed(site, opened["key"])
    one_comment(site, case, [r"C:\Temp\powershell.exe"])
    assert case["count"] == 2
    assert OURS.text in queries(site.sumo)
    until(lambda: not site.sumo.left_open(), "the end of all searches", SOON_S)
