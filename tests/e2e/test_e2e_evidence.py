"""Evidence that comes late, from elsewhere, from nowhere, or from an enemy, through the running service to the tickets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from enricher.core.document import Json
from enricher.core.payload import read
from enricher.core.wording import NOT_ALL_READ
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
EXPLORER, EXCEL = "7f3a91c4-137b-69b1-170a-000000001b00", "7f3a91c4-4680-69b1-1e0a-000000001b00"
NO_GUID = "00000000-0000-0000-0000-000000000000"


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

    def amended(self, key: str, what: str) -> Json:
        """The case when something has been learnt and told everywhere. What it waits for is due whenever we look."""

        def look() -> bool:
            self.waiting.hasten(key)
            return bool(learnt(self.service.get(f"cases/{key}")))

        until(look, what)
        return self.service.delivered(key)

    def await_nothing(self, key: str) -> None:
        """Until the case waits for nothing any more, which is due whenever we look."""

        def look() -> bool:
            self.waiting.hasten(key)
            return not self.waiting.open(key)

        until(look, "the end of what the case waits for")

    def await_job(self) -> None:
        """Until a search is being polled."""
        until(lambda: any(job["polls"] for job in open_jobs(self.sumo)), "a search that is polled")


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
    [thread] = [one for one in stores["slack"]["messages"] if one["metadata"]["event_payload"]["delivery_key"] == key]
    return {
        "jira": [json.dumps(comment["body"]) for comment in issue["comments"]],
        "servicenow": [note for note in record["work_notes"] if not note.startswith("Opened by Enricher")],
        "slack": [json.dumps(reply) for reply in thread["thread"]],
    }


def assert_told_once(site: Site, case: Json, *words: str) -> None:
    """One ticket everywhere, with one comment, that has these words."""
    [news] = learnt(case)
    told = {name: one.tickets[case["key"]] for name, one in held(site.tickets).items()}
    assert told == {name: [[f"{case['key']}-{news['seq']:02}"]] for name in DESTINATIONS}
    for texts in comments(site, case["key"]).values():
        [text] = texts
        assert [word for word in words if word not in text] == []


def learnt(case: Json) -> list[Json]:
    """The news that tickets have a comment for."""
    return [news for news in case["news"] if news["kind"] not in {"opened", "ticket"}]


def open_jobs(sumo: SumoLogic) -> list[Json]:
    return [job for job in sumo.store()["jobs"] if not job["deleted"]]


def logged(starts: list[str], *unnamed: str) -> list[Message]:
    """The records as Sumo Logic has collected them, without these GUIDs: no search goes beyond.

    They lie in every window, for the corpus is older than any.
    """
    for guid in unnamed:
        starts = [start.replace(guid, NO_GUID) for start in starts]
    return [Message(raw=start) for start in starts]


# --- asked for ----------------------------------------------------------------------------------------------------


def test_starts_that_sumo_logic_has_amend_one_ticket(site: Site) -> None:
    contacts, starts = of_host(OFFICE, "ws-searched")
    site.sumo.messages += logged(starts, EXPLORER)
    opened = site.send("searched", contacts)
    site.service.delivered(opened["key"])
    assert any("Sumo Logic is being asked for it" in line for line in opened["missing"])

    case = site.amended(opened["key"], "the starts that Sumo Logic has")

    assert judgement(case) == expected(OFFICE)
    assert {link["source"] for link in case["lineage"]} == {"search"}
    assert_told_once(site, case, "excel.exe", "mshta.exe")
    assert open_jobs(site.sumo) == []


def test_a_worker_killed_while_it_polls_leaves_no_search_behind(site: Site) -> None:
    contacts, starts = of_host(OFFICE, "ws-killed")
    site.sumo.behaviour = Behaviour(never_ends=True)
    opened = site.send("killed", contacts)
    site.waiting.hasten(opened["key"])
    site.await_job()
    site.service.kill()
    left = {job["id"] for job in open_jobs(site.sumo)}
    asked = len(site.sumo.store()["requests"])

    site.sumo.behaviour = Behaviour(polls=1)
    site.sumo.messages += logged(starts, EXCEL)
    site.service.start()
    site.service.await_ready()
    case = site.amended(opened["key"], "the starts that Sumo Logic has")

    assert {link["source"] for link in case["lineage"]} == {"search"}
    assert_told_once(site, case, "excel.exe", "mshta.exe")
    requests = [(one["method"], one["path"]) for one in site.sumo.store()["requests"][asked:]]
    swept = requests[: len(left)]
    assert set(swept) == {("DELETE", f"{JOBS}/{job}") for job in left}, "before anything else is asked"
    until(lambda: not open_jobs(site.sumo), "the end of all searches")


# --- everything is dead ---------------------------------------------------------------------------------------------


def test_a_case_opens_while_everything_is_silent_and_learns_its_owner_later(site: Site) -> None:
    """The resolver comes back; RDAP and Sumo Logic stay silent, and hold nothing up."""
    contacts = [alerts.query("silent", address=ADDRESS), alerts.connection("silent", address=ADDRESS)]
    site.dns.answers["*.arpa"] = site.dns.answers["*.com"] = Answer.TIMEOUT
    for silent in (site.rdap, site.sumo):
        silent.fail(Fault(kind=FaultKind.HANG, commits=False))
    try:
        opened = site.send("silent", contacts)
        site.waiting.hasten(opened["key"])
        opened = site.service.delivered(opened["key"])
        site.dns.answers.clear()
        case = site.amended(opened["key"], "the owner of the address")
    finally:
        site.dns.answers.clear()
        for silent in (site.rdap, site.sumo):
            silent.fail()
            silent.release()

    asked = {answer["source"]: answer for answer in opened["enrichments"] if answer["about"] == ADDRESS}
    for source in ("ptr", "asn", "rdap"):
        assert (asked[source]["status"], asked[source]["reason"]) == ("timeout", "no answer within the deadline of 1 s")
        assert any("no answer within the deadline of 1 s" in line for line in opened["missing"])
    [alone] = flow(read(alerts.trigger("silent", contacts))).cases
    assert (opened["severity"], opened["score"]) == (alone.document["severity"], alone.document["score"])
    assert (case["destination"]["asn"], case["destination"]["holder"]) == (13335, "CLOUDFLARENET, US")
    assert case["severity"] == opened["severity"]
    assert [(one["method"], one["path"]) for one in site.sumo.store()["requests"] if one["fault"] == "hang"] == [
        ("POST", JOBS)
    ]
    assert_told_once(site, case, f"{ADDRESS} belongs to AS13335, CLOUDFLARENET")


# --- late ---------------------------------------------------------------------------------------------------------


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
    assert_told_once(site, case, *words)


# --- an enemy -------------------------------------------------------------------------------------------------------

NOON = "2026-11-24 12:00:00.000"
THREE_HOURS_BEFORE = "2026-11-24 09:00:00.000"
LATER = "2031-05-01 12:00:00.000"
OFFICE_GUID = "{7c1e2b40-4fc0-6a25-0001-000000000000}"
OWN_GUID = "{7c1e2b40-4fc0-6a25-0002-000000000000}"
"""Both say that their process began on 2026-11-24 at 12:00:00."""
MOST_ROWS = 2_000


def columns(host: str, number: int, guid: str = OWN_GUID, at: str = NOON, **more: str) -> Json:
    """A record as a query parses it: of PowerShell, unless `more` says otherwise."""
    fields = {"Image": alerts.POWERSHELL, "ProcessId": "7316", "User": rf"CORP\{host}"}
    return {"EventID": str(number), "Computer": host, "ProcessGuid": guid, "UtcTime": at} | fields | more


def contact(host: str, guid: str = OWN_GUID, at: str = NOON, **more: str) -> list[Json]:
    """A name asked for, and a connection to its address."""
    asked = {"QueryName": f"x.{host}.workers.dev", "QueryStatus": "0", "QueryResults": f"::ffff:{alerts.ADDRESS};"}
    where = {"DestinationIp": alerts.ADDRESS, "DestinationPort": "443", "Initiated": "true", "Protocol": "tcp"}
    return [columns(host, 22, guid, at, **asked, **more), columns(host, 3, guid, at, **where, **more)]


def start(host: str, guid: str = OWN_GUID, parent: str = OFFICE_GUID, at: str = NOON, **more: str) -> Json:
    """Event 1 of PowerShell under Word."""
    of_parent = {"ParentProcessGuid": parent, "ParentImage": alerts.WORD, "ParentCommandLine": "WINWORD.EXE /n"}
    return columns(host, 1, guid, at, CommandLine="powershell.exe", **of_parent, **more)


def sent(site: Site, link: str, rows: list[Json]) -> Json:
    """An alert with these rows, when it is settled; nothing of it may be left out."""
    content = alerts.body(link, numQueryResults=str(len(rows)), results=json.dumps(rows))
    return site.service.settled(site.service.accept(content))


def case_of(site: Site, alert: Json) -> Json:
    [key] = alert["cases"]
    return site.service.get(f"cases/{key}")


def test_a_process_that_is_its_own_grandparent(site: Site) -> None:
    rows = [start("ws-cycle"), start("ws-cycle", OFFICE_GUID, OWN_GUID, Image=alerts.WORD), *contact("ws-cycle")]
    case = case_of(site, sent(site, "cycle", rows))
    assert [link["name"] for link in case["lineage"]] == ["winword.exe"]
    assert not site.waiting.open(case["key"]), "there is no start to be asked for"


def test_a_pid_used_again_lends_nobody_a_name(site: Site) -> None:
    contacts, starts = of_host("variants/pid-reuse", "ws-reuse")
    opened = site.send("reuse", contacts)
    case = site.send("reuse, starts", starts)
    assert case["key"] == opened["key"]
    assert judgement(case) == expected("variants/pid-reuse")
    assert case["count"] == 1


def test_the_start_of_another_computer_is_no_lineage(site: Site) -> None:
    opened = case_of(site, sent(site, "guid, contacts", contact("ws-guid-a")))
    alert = sent(site, "guid, start", [start("ws-guid-b")])
    assert alert["cases"] == []
    case = case_of(site, sent(site, "guid, more", contact("ws-guid-a", at="2026-11-24 12:10:00.000")))
    assert (case["key"], case["lineage"], judgement(case)) == (opened["key"], [], judgement(opened))


@pytest.mark.parametrize(
    ("host", "at"),
    [
        pytest.param("ws-clock", THREE_HOURS_BEFORE, id="three hours before its process began"),
        pytest.param("ws-future", LATER, id="years ahead"),
    ],
)
def test_clocks_that_are_wrong_lose_no_lineage(site: Site, host: str, at: str) -> None:
    right = [start(f"{host}-right"), *contact(f"{host}-right")]
    wanted = judgement(case_of(site, sent(site, f"{host}, right", right)))
    opened = case_of(site, sent(site, f"{host}, contacts", contact(host, at=at)))
    case = case_of(site, sent(site, f"{host}, start", [start(host)]))
    assert case["key"] == opened["key"]
    assert [link["name"] for link in case["lineage"]] == ["winword.exe"]
    assert judgement(case) == wanted


def test_thousands_of_events_of_one_computer_are_all_counted(site: Site) -> None:
    """More than are read at once: the case says so, and is judged by what tells most."""
    moments = [f"2026-11-24 {8 + n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000" for n in range(2 * MOST_ROWS)]
    connections = [contact("ws-crowd", at=moment)[1] for moment in moments]
    [asked, _] = contact("ws-crowd", at=moments[0])
    alert = sent(site, "crowd, first", [asked, *connections[:MOST_ROWS]])
    first = case_of(site, alert)
    assert (first["count"], alert["dropped"]) == (MOST_ROWS, [])
    alert = sent(site, "crowd, second", connections[MOST_ROWS:])
    case = case_of(site, alert)
    assert (case["key"], case["count"], alert["dropped"]) == (first["key"], 2 * MOST_ROWS, [])
    assert NOT_ALL_READ in case["missing"]
    assert NOT_ALL_READ not in first["missing"]
    after = case_of(site, sent(site, "crowd, start", [start("ws-crowd")]))
    assert (after["key"], after["count"]) == (first["key"], 2 * MOST_ROWS)
    assert [link["name"] for link in after["lineage"]] == ["winword.exe"]


@pytest.mark.parametrize(
    ("link", "host", "guid"),
    [
        pytest.param("quote", "ws-quote", OWN_GUID[:-1] + '" OR *}', id="a quote in a GUID"),
        pytest.param("pipe", "ws-pipe", OWN_GUID + " | delete", id="a pipe in a GUID"),
        pytest.param("host", 'ws-host" OR *', OWN_GUID, id="a quote in a computer's name"),
    ],
)
def test_no_search_is_sent_for_what_would_break_out_of_it(site: Site, link: str, host: str, guid: str) -> None:
    rows = [row | {"Computer": host, "ProcessGuid": guid} for row in contact(f"ws-{link}")]
    case = case_of(site, sent(site, link, rows))
    site.await_nothing(case["key"])
    queries = [job["query"] for job in site.sumo.store()["jobs"]]
    assert [query for query in queries if " OR *" in query or "delete" in query] == []
    refused = [one for one in site.sumo.store()["requests"] if (one["path"], one["status"]) == (JOBS, 400)]
    assert refused == []
