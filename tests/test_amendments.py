"""A stored case looked at again: answers that come late, starts that Sumo Logic had, another host that shares the tenant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from enricher.core.document import CaseDocument
from enricher.core.memory import SPAN_NEEDED
from enricher.core.normalise import normalise
from enricher.lookups import NoLookups
from enricher.model import Alert, Enrichment, Event, Kind, ProcessCreate, Row, Status
from enricher.ports import Lookups, Settlement
from enricher.wiring.flow import Flow
from tests.fakes import ADDRESS, HOST, NOON, POWERSHELL, Answers, corpus_alert, packaged_programs
from tests.shelf import Shelf
from tests.test_split import OFFICE, columns_of_query, starts_last

LATER = NOON + timedelta(minutes=1)
OWNER = {"asns": [13335], "prefix": "104.21.48.0/20", "country": "US", "registry": "arin", "holder": "CLOUDFLARENET, US"}


def flow(shelf: Shelf, lookups: Lookups | None = None, *, search: bool = False) -> Flow:
    return Flow(packaged_programs, lookups or NoLookups(), shelf, owner=lookups is not None, search=search)


def opened(
    shelf: Shelf, lookups: Lookups | None = None, *, host: str = HOST, at: datetime = NOON, search: bool = False
) -> str:
    """One query for a tenant, in a case of its own; the case's key."""
    columns = columns_of_query("relay.example-lab.workers.dev", at) | {"computer": host, "image": POWERSHELL}
    alert = Alert(kind=Kind.MONITOR, rows=(Row(index=0, columns=columns),), rows_total=40, truncated=True)
    (key,) = shelf.settle(flow(shelf, lookups, search=search).settlement_of(alert, at), at)
    return key


def owner(status: Status) -> Answers:
    detail = OWNER if status is Status.OK else {}
    reason = None if status is Status.OK else "no answer within the deadline of 5 s"
    return Answers(Enrichment(source="asn", about=ADDRESS, status=status, detail=detail, reason=reason))


def amended(shelf: Shelf, key: str, lookups: Lookups | None = None) -> tuple[CaseDocument, Settlement]:
    settlement = flow(shelf, lookups).amendment(key, LATER)
    assert settlement is not None
    shelf.settle(settlement, LATER)
    return shelf.cases[key], settlement


def test_answers_that_come_late_amend_the_case() -> None:
    shelf = Shelf()
    key = opened(shelf, owner(Status.TIMEOUT))
    assert (key, "lookups", "") in shelf.follow_ups
    assert shelf.cases[key]["destination"]["asn"] is None
    case, settlement = amended(shelf, key, owner(Status.OK))
    assert (case["destination"]["asn"], case["destination"]["holder"]) == (13335, "CLOUDFLARENET, US")
    assert [item["text"] for item in shelf.news[key][1:]] == [
        f"The address {ADDRESS} belongs to AS13335, CLOUDFLARENET, US"
    ]
    assert not [f for f in settlement.follow_ups if f.kind == "lookups"]
    assert case["severity"] == "low"


def test_a_case_looked_at_again_keeps_what_its_alert_said() -> None:
    shelf = Shelf()
    key = opened(shelf)
    before = shelf.cases[key]
    after, _ = amended(shelf, key)
    assert after["rows"] == before["rows"] == [0]
    assert any(line.startswith("rows: 1 of 40 received") for line in after["missing"])
    assert shelf.news[key][1:] == [], "nothing was learnt, nothing is told"


def test_answers_that_fail_this_time_take_nothing_away() -> None:
    shelf = Shelf()
    key = opened(shelf, owner(Status.OK))
    after, _ = amended(shelf, key, owner(Status.TIMEOUT))
    assert after["destination"]["asn"] == 13335


def late_starts() -> tuple[Shelf, str, tuple[Event, ...]]:
    """A case of contacts alone, and the starts that Sumo Logic has."""
    alert = corpus_alert(OFFICE)
    contacts, starts = starts_last(alert.rows)
    shelf = Shelf()
    part = replace(alert, rows=tuple(contacts), rows_total=len(contacts))
    (key,) = shelf.settle(flow(shelf, search=True).settlement_of(part, NOON), NOON)
    return shelf, key, normalise(Alert(kind=Kind.SYSMON, rows=tuple(starts))).events


def test_starts_that_sumo_logic_had_are_the_lineage() -> None:
    shelf, key, starts = late_starts()
    assert [(kind, subject) for case, kind, subject in shelf.follow_ups if case == key] == [
        ("lineage", f"{shelf.cases[key]['host']}|{shelf.cases[key]['process']['guid']}")
    ]
    settlement = flow(shelf, search=True).amendment(key, LATER, found=starts)
    assert settlement is not None
    shelf.settle(settlement, LATER)
    case = shelf.cases[key]
    assert {link["source"] for link in case["lineage"]} == {"search"}
    assert case["severity"] == "critical"
    assert [item["kind"] for item in shelf.news[key]] == ["opened", "severity"]
    again = flow(shelf, search=True).amendment(key, LATER)
    assert again is not None
    assert {link["source"] for link in again.cases[0]["lineage"]} == {"search"}, "they are remembered"


def test_a_search_without_an_answer_is_said() -> None:
    shelf, key, _ = late_starts()
    assert any("Sumo Logic is being asked for it" in line for line in shelf.cases[key]["missing"])
    place = shelf.cases[key]["host"], shelf.cases[key]["process"]["guid"] or ""
    settlement = flow(shelf, search=True).amendment(key, LATER, asked={place: "no event 1 of it in the day before"})
    assert settlement is not None
    shelf.settle(settlement, LATER)
    assert any(
        line.endswith("; Sumo Logic was asked: no event 1 of it in the day before") for line in shelf.cases[key]["missing"]
    )
    assert not [f for f in settlement.follow_ups if f.kind == "lineage"], "asked once"
    assert shelf.news[key][1:] == []


def test_starts_of_another_computer_change_nothing() -> None:
    shelf, key, starts = late_starts()
    elsewhere = [replace(event, computer="srv-other.corp.example") for event in starts if isinstance(event, ProcessCreate)]
    settlement = flow(shelf, search=True).amendment(key, LATER, found=elsewhere)
    assert settlement is not None
    assert settlement.cases[0]["lineage"] == []
    assert settlement.events == (), "and nothing of it is kept"


def test_a_case_that_is_gone() -> None:
    assert flow(Shelf()).amendment("enricher-0000000000000000", NOON) is None


def test_hosts_that_share_a_tenant_learn_of_each_other() -> None:
    shelf = Shelf()
    keys = [opened(shelf, host=f"ws-{n}.corp.example", at=NOON + timedelta(hours=n)) for n in range(3)]
    shelf.aged(SPAN_NEEDED.days)
    case, _ = amended(shelf, keys[0])
    assert case["prevalence"] == 3
    assert case["shared_hosts"] == ["ws-1.corp.example", "ws-2.corp.example"]
    rules = {step["rule"]: step for step in case["ledger"]}
    assert rules["context.shared_hosts"]["taken"], "three began within a day, beside other signs"
    assert rules["context.new_tenant"]["taken"]
