"""Evidence that comes late, from elsewhere, from nowhere, or from an enemy, through the running service to the tickets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from enricher.core.document import Json
from enricher.core.payload import read
from enricher.standins import KEY, Answer, Dns, Fault, FaultKind, Network, Rdap, SumoLogic, running
from enricher.standins.sumo import Behaviour, Message
from tests.e2e import alerts
from tests.e2e.harness import DESTINATIONS, Service, Standins, Waiting, serving, until
from tests.e2e.judge import held
from tests.fakes import corpus_alert, flow, manifest
from tests.test_split import OFFICE, VITE, starts_last

pytestmark = pytest.mark.slow

FROM = "ws-fin-0142"
ADDRESS = "104.21.48.117"
ORIGIN = "13335 | 104.16.0.0/12 | US | arin | 2014-03-28"
HOLDER = "13335 | US | arin | 2010-07-14 | CLOUDFLARENET, US"
JOBS = "/api/v1/search/jobs"


@dataclass(frozen=True, slots=True)
class Site:
    """A running service with everything around it."""

    service: Service
    tickets: Standins
    sumo: SumoLogic
    dns: Dns
    rdap: Rdap
    waiting: Waiting

    def send(self, link: str, events: list[str]) -> Json:
        """An alert with these records; its case, when it is there."""
        return self.service.case(self.service.accept(alerts.trigger(link, events)))

    def amended(self, key: str, what: str, *, news: int) -> Json:
        """The case with so many pieces of news, told everywhere. What it waits for is due whenever we look."""

        def look() -> Json | None:
            self.waiting.hasten(key)
            case = self.service.get(f"cases/{key}")
            return case if len(case["news"]) >= news else None

        until(look, what)
        return self.service.delivered(key)

    def nothing_waits(self, key: str) -> bool:
        self.waiting.hasten(key)
        return not self.waiting.open(key)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    database = f"sqlite:///{folder}/enricher.db"
    if request.param == "postgresql":
        database = request.getfixturevalue("module_postgres")
    sumo, dns = SumoLogic(), Dns(origins={"104.16.0.0/12": ORIGIN}, as_names={13335: HOLDER})
    rdap = Rdap([Network(prefix="104.16.0.0/12", handle="NET-104-16", name="CLOUDFLARENET", holder="Cloudflare, Inc.")])
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
            "ENRICHER_LOOKUPS": "on",
            "ENRICHER_LOOKUP_DEADLINE_SECONDS": "1",
            "ENRICHER_DNS_SERVERS": stack.enter_context(running(dns)).address,
            "ENRICHER_RDAP_URL": stack.enter_context(running(rdap)).url,
        }
        service = stack.enter_context(serving(tickets.environment() | settings, folder / "service.log"))
        yield Site(service, tickets, sumo, dns, rdap, stack.enter_context(Waiting(database)))


def of_host(case: str, host: str) -> tuple[list[str], list[str]]:
    """The records of a case of the corpus, told of another computer: those of contacts, and the starts of processes."""
    contacts, starts = (
        [str(row.text).replace(FROM, host).replace(FROM.upper(), host) for row in rows]
        for rows in starts_last(corpus_alert(case).rows)
    )
    return contacts, starts


def expected(case: str) -> Json:
    [entry] = [entry for entry in manifest() if entry["case"] == case]
    [one] = entry["expect"]["cases"]
    return {name: one[name] for name in ("score", "severity", "verdict")}


def judgement(case: Json) -> Json:
    return {name: case[name] for name in ("score", "severity", "verdict")}


def comments(site: Site, key: str) -> dict[str, list[str]]:
    """What each ticket of the case has been told since it was opened; each destination has just one."""
    stores = {name: site.tickets.store(name) for name in DESTINATIONS}
    [issue] = [one for one in stores["jira"]["issues"] if key in one["fields"]["labels"]]
    [record] = [one for one in stores["servicenow"]["incidents"] if one["correlation_id"] == key]
    [thread] = [
        one for one in stores["slack"]["messages"] if one["metadata"]["event_payload"]["delivery_key"] == key
    ]
    return {
        "jira": [json.dumps(comment["body"]) for comment in issue["comments"]],
        "servicenow": [note for note in record["work_notes"] if not note.startswith("Opened by Enricher")],
        "slack": [json.dumps(reply) for reply in thread["thread"]],
    }


def assert_told_once(site: Site, case: Json, *words: str) -> None:
    """One ticket everywhere, with one comment, that has these words."""
    told = {name: one.tickets[case["key"]] for name, one in held(site.tickets).items()}
    assert told == dict.fromkeys(DESTINATIONS, [[f"{case['key']}-02"]])
    for texts in comments(site, case["key"]).values():
        [text] = texts
        assert [word for word in words if word not in text] == []


# --- late -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("corpus", "before", "words"),
    [
        pytest.param(OFFICE, "medium", ("excel.exe", "mshta.exe"), id="it was Office"),
        pytest.param(VITE, "low", ("code.exe", "node.exe"), id="it was an IDE"),
    ],
)
def test_starts_an_hour_later_amend_one_ticket(site: Site, corpus: str, before: str, words: tuple[str, ...]) -> None:
    contacts, starts = of_host(corpus, "ws-late")
    opened = site.send(f"late {corpus}", contacts)
    site.service.delivered(opened["key"])
    assert opened["severity"] == before

    case = site.service.delivered(site.send(f"late {corpus} again", starts)["key"])

    assert case["key"] == opened["key"]
    assert judgement(case) == expected(corpus)
    assert {link["source"] for link in case["lineage"]} == {"observed"}
    until(lambda: site.nothing_waits(case["key"]), "the end of what it waits for")
    assert_told_once(site, case, *words)
