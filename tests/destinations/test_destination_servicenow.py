from __future__ import annotations

import pytest

from enricher.destinations.servicenow import sys_id_of
from enricher.errors import DeliveryError, Reason, TicketClosed
from tests.destinations.cases import CRITICAL_KEY, LOW, RAISED, RECOVERY, delivery
from tests.destinations.fakes import FakeServiceNow, Fault, answering

SYS_ID = "02a85418c8df5f96962ac60cb275b5f1"


def test_the_primary_key_is_worked_out_from_the_case_key() -> None:
    assert sys_id_of(CRITICAL_KEY) == SYS_ID
    assert sys_id_of("enricher-f4c3fb6beeb87ca5") == "27932ec94bbc5c0499dc3ee73e216956"
    assert sys_id_of(CRITICAL_KEY, "sn_si_incident") != SYS_ID


def test_a_second_insert_finds_the_first() -> None:
    fake = FakeServiceNow()
    servicenow = fake.destination()
    first = servicenow.create(delivery())
    assert servicenow.create(delivery()) == first
    assert fake.tickets() == 1
    assert first.external_id == SYS_ID
    assert first.label == "INC0010042"
    assert first.url == f"https://acme.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3D{SYS_ID}"


def test_a_refusal_stays_a_refusal_when_the_look_up_fails_too() -> None:
    fake = FakeServiceNow(faults=[Fault(answering(403, {"error": {"message": "ACL Exception", "detail": ""}}))])
    with pytest.raises(DeliveryError) as caught:
        fake.destination().create(delivery())
    assert (caught.value.reason, fake.tickets()) == (Reason.FORBIDDEN, 0)
    assert "ACL Exception" in caught.value.detail


def test_an_instance_that_ignores_our_key_is_searched_by_correlation() -> None:
    fake = FakeServiceNow(keeps_sys_id=False)
    servicenow = fake.destination()
    made = servicenow.create(delivery())
    assert made.external_id != SYS_ID
    assert servicenow.find(delivery(in_doubt=True)) == made


def test_unrelated_records_are_not_adopted() -> None:
    fake = FakeServiceNow(keeps_sys_id=False, understands_queries=False)
    servicenow = fake.destination()
    servicenow.create(delivery(LOW))
    assert servicenow.find(delivery(in_doubt=True)) is None


def test_an_instance_that_keeps_neither_key_is_reported() -> None:
    answer = {"result": {"sys_id": "0" * 32, "number": "INC0000001", "correlation_id": ""}}
    fake = FakeServiceNow(faults=[Fault(answering(201, answer))])
    with pytest.raises(DeliveryError) as caught:
        fake.destination().create(delivery())
    assert caught.value.reason is Reason.CONFIGURATION
    assert "INC0000001" in caught.value.detail


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(("2", "3"), ("1", "1"), id="raised"),
        pytest.param(("1", "3"), ("1", "1"), id="one of them"),
        pytest.param(("1", "1"), ("1", "1"), id="already there"),
    ],
)
def test_severity_raises_impact_and_urgency(now: tuple[str, str], expected: tuple[str, str]) -> None:
    fake = FakeServiceNow()
    servicenow = fake.destination()
    made = servicenow.create(delivery())
    record = fake.records[made.external_id]
    record["impact"], record["urgency"] = now
    servicenow.update(delivery(), made, RAISED)
    assert (record["impact"], record["urgency"]) == expected


def test_severity_never_lowers_what_a_person_set() -> None:
    fake = FakeServiceNow()
    servicenow = fake.destination()
    made = servicenow.create(delivery(LOW))
    record = fake.records[made.external_id]
    record["impact"], record["urgency"] = "1", "1"
    servicenow.update(delivery(LOW), made, RAISED)
    assert (record["impact"], record["urgency"]) == ("1", "1")


@pytest.mark.parametrize("kind", ["severity", "evidence", "reopened", "seen"])
def test_a_record_of_a_sites_own_table_is_over_when_it_is_not_active(kind: str) -> None:
    fake = FakeServiceNow(table="u_soc_case")
    servicenow = fake.destination()
    made = servicenow.create(delivery())
    fake.records[made.external_id] |= {"active": "false", "state": "3"}
    with pytest.raises(TicketClosed):
        servicenow.update(delivery(), made, {**RAISED, "kind": kind})
    assert len(fake.records[made.external_id]["notes"]) == 1


def test_a_note_is_written_apart_from_everything_else() -> None:
    fake = FakeServiceNow()
    servicenow = fake.destination()
    made = servicenow.create(delivery())
    servicenow.update(delivery(), made, RECOVERY)
    note = fake.records[made.external_id]["notes"][-1]
    assert note.startswith(
        "Recovered in Sumo Logic at 2026-11-24T02:32:30Z (ResolvedCritical). Severity is critical, 98/100."
    )
    assert "abuse@cloudflare[.]com" in note
    assert note.endswith(f"Event {CRITICAL_KEY}-02.")
    assert fake.requests[-1].content.startswith(b'{"work_notes":')


def test_both_content_headers_are_sent() -> None:
    fake = FakeServiceNow()
    fake.destination().create(delivery())
    assert fake.requests[0].headers["accept"] == "application/json"
    assert fake.requests[0].headers["content-type"] == "application/json"
