"""From signals to facts: programs and their names, rhythm by group, and what is worth looking up."""

from __future__ import annotations

from dataclasses import replace

from enricher.core.estate import Entry, Estate
from enricher.core.gather import latest_contacts, observe
from enricher.core.programs import Programs
from enricher.model import Enrichment, Observable, ObservableKind, Status
from tests.fakes import (
    ADDRESS,
    CMD,
    CURL,
    EXPLORER,
    HOST,
    NOON,
    POWERSHELL,
    RELAY,
    asked,
    at,
    classified,
    connected,
    facts_of,
    guid,
    packaged_programs,
    started,
)

URL = f"https://{RELAY}/x"


def test_addresses_are_looked_up_and_the_name_is_not() -> None:
    """Asking for a tenant's name can warn its owner."""
    query = asked(answers=(ADDRESS, "104.21.0.9"))
    contacted, answer = Observable(ObservableKind.ADDRESS, ADDRESS), Observable(ObservableKind.ADDRESS, "104.21.0.9")
    assert observe(classified(query, connected()).signals) == (contacted,)
    assert observe(classified(query).signals) == (answer, contacted), "without a connection, what was answered"


def test_the_name_is_looked_up_only_where_no_address_is_known() -> None:
    signals = classified(started(CURL, f"curl {URL}")).signals
    assert observe(signals) == (Observable(ObservableKind.HOSTNAME, RELAY),)


def test_each_is_looked_up_once() -> None:
    signals = classified(connected(hostname=RELAY), connected(1, guid=guid(2), pid=2, hostname=RELAY)).signals
    assert len(signals) == 2
    assert observe(signals) == (Observable(ObservableKind.ADDRESS, ADDRESS),)


def test_answers_go_to_the_facts_they_are_about() -> None:
    mine = Enrichment(source="asn", about=ADDRESS, status=Status.OK, detail={"asns": [13335]})
    other = replace(mine, about="198.51.100.7")
    assert facts_of(asked(), connected(), answers=[other, mine])[0].enrichments == (mine,)


def test_programs_are_worked_out_with_their_original_names() -> None:
    parent = started(CMD, "cmd", guid=guid(2), pid=2, version_info={"original_file_name": "MSHTA.EXE"})
    child = started(CURL, f"curl {URL}", parent_guid=guid(2), parent=CMD)
    facts = facts_of(parent, child)[0]
    assert (facts.program.kind, facts.program.line) == ("transfer", f"curl {URL}")
    assert [(p.kind, p.known_as) for p in facts.lineage] == [("script_host", "mshta")]


def test_cron_anywhere_above_makes_a_download() -> None:
    line = {"parent": "/bin/sh", "parent_guid": guid(2)}
    shell = started("/bin/sh", "sh", guid=guid(2), pid=2, parent="/usr/sbin/cron")
    assert facts_of(shell, started("/usr/bin/curl", f"curl {URL}", **line))[0].program.kind == "downloader"


def test_what_the_line_decodes_to_is_kept() -> None:
    facts = facts_of(started(POWERSHELL, "powershell -enc dwBoAG8AYQBtAGkA"), asked())[0]
    assert facts.decoded == ("whoami",)


# --- rhythm ---------------------------------------------------------------------------------------------------------


def test_a_loop_of_new_processes_is_one_rhythm() -> None:
    events = [connected(30.001 * i, guid=guid(i), pid=i, image=CURL, hostname=RELAY, user="CORP\\a") for i in range(1, 7)]
    found = facts_of(*events)
    assert len(found) == 6
    assert {f.beacon.name for f in found if f.beacon} == {"exact_timer"}
    assert {f.beacon.sightings for f in found if f.beacon} == {6}


def test_another_user_or_image_is_another_rhythm() -> None:
    for i, change in enumerate([{"user": "CORP\\b"}, {"image": EXPLORER}]):
        mine = [connected(30.001 * n, guid=guid(n), pid=n, hostname=RELAY, user="CORP\\a") for n in range(1, 4)]
        other = [
            connected(30.001 * n, **{"guid": guid(n), "pid": n, "hostname": RELAY, "user": "CORP\\a"} | change)
            for n in range(4, 7)
        ]
        assert {f.beacon.sightings for f in facts_of(*mine, *other) if f.beacon} == {3}, i


def test_connections_speak_and_queries_only_without_them() -> None:
    queries = [asked(RELAY, 30.001 * n) for n in range(6)]
    only = facts_of(*queries)[0].beacon
    assert only is not None
    assert only.name == "exact_timer"
    both = facts_of(*queries, connected(0.1), connected(100.1))[0].beacon
    assert both is not None
    assert both.sightings == 2


def test_an_aggregate_is_a_sample() -> None:
    beacon = facts_of(*(connected(30.001 * n, hostname=RELAY, count=2) for n in range(9)))[0].beacon
    assert beacon is not None
    assert beacon.reason == "truncated"


def test_no_contact_no_rhythm() -> None:
    assert facts_of(started(CURL, f"curl {URL}"))[0].beacon is None


# --- the estate -----------------------------------------------------------------------------------------------------


def test_role_and_groups_come_from_the_estate_and_are_unknown_without_it() -> None:
    estate = Estate(entries=(Entry(hosts=("ws-fin-*",), role="server", groups=frozenset({"finance"})),))
    programs = Programs(replace(packaged_programs().rules, estate=estate))
    known, unknown = facts_of(asked(), programs=programs)[0], facts_of(asked())[0]
    assert (known.role, known.groups) == ("server", frozenset({"finance"}))
    assert (unknown.role, unknown.groups) == (None, None)
    assert known.signal.process.computer == HOST


def test_the_address_is_that_of_the_earliest_connection() -> None:
    facts = facts_of(asked(answers=(ADDRESS, "104.21.0.9")), connected(5), connected(1, ip="104.21.0.9", port=8443))[0]
    assert facts.address is not None
    assert (facts.address.ip, facts.address.port) == ("104.21.0.9", 8443)
    assert facts_of(asked())[0].address is None


def test_each_groups_day_ends_with_its_own_latest_contact() -> None:
    """One record from next year, of another process, leaves the others' day alone."""
    ahead = connected(365 * 86_400, guid=guid(2), pid=2, image=CURL, hostname=RELAY)
    told = started(CURL, f"curl https://{RELAY}/", guid=guid(3), pid=3, at=None, user="CORP\\other")
    latest = latest_contacts(classified(asked(), connected(0.1), connected(30), ahead, told).signals, NOON)
    ends = {(group.image, group.user): end for group, end in latest.items()}
    assert ends[POWERSHELL.lower(), ""] == at(30)
    assert ends[CURL.lower(), ""] == at(365 * 86_400)
    assert ends[CURL.lower(), "corp\\other"] == NOON, "no time is known"
