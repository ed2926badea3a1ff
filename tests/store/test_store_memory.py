"""What is remembered around an alert or a case, and that a judgement of what has become outdated is not stored."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from enricher.core.memory import WINDOW, Group, Memory
from enricher.errors import Outdated
from enricher.model import NO_ROW, Connection, DnsQuery, Event, ProcessCreate, ScriptBlock
from enricher.ports import ClaimedAlert, FollowUp, Rotation, SeenEvent
from enricher.store import Store, contacts, schema, statements, surroundings
from enricher.store.parts import Question
from tests.store.fakes import (
    DESTINATIONS,
    GROUP,
    SEC_12,
    Clock,
    Estate,
    deliver,
    document,
    event,
    seen,
    settle,
    settlement,
    sighting,
    take,
)

AT = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
LONG_AGO = AT - timedelta(days=3)
_numbers = itertools.count()


def start(guid: str, parent: str | None = None, at: datetime | None = LONG_AGO, computer: str = "ws-1") -> ProcessCreate:
    return ProcessCreate(computer=computer, row=0, guid=guid, parent_guid=parent, at=at, image=r"C:\a.exe")


def contact(guid: str | None, at: datetime | None = AT, computer: str = "ws-1", ip: str = "192.0.2.1") -> Connection:
    return Connection(computer=computer, row=0, guid=guid, at=at, ip=ip)


def remember(store: Store, *events: Event, case_key: str | None = None, **more: Any) -> None:
    cases = () if case_key is None else (document(case_key),)
    settle(store, f"remembered {next(_numbers)}", *cases, events=[seen(one, case_key) for one in events], **more)


def names(memory: Memory) -> list[str]:
    """Each event found, in order: its process, or what it is."""
    return [f"{'start' if isinstance(one.event, ProcessCreate) else 'contact'} {one.event.guid}" for one in memory.events]


# --- around -----------------------------------------------------------------------------------------------------------


def test_nothing_is_known_of_a_computer_never_seen(store: Store) -> None:
    remember(store, contact("G1"))

    memory = store.history.around([contact("G1", computer="ws-2")])

    assert memory == Memory(marks={"ws-2": 0})


def test_an_event_comes_back_whole(store: Store) -> None:
    whole = ProcessCreate(
        computer="ws-1",
        row=3,
        guid="G1",
        at=AT,
        image=r"C:\a.exe",
        command_line="a --b \u202e",
        version_info={"company": None},
        hashes={"sha256": "ab"},
    )
    remember(store, whole, case_key="case-1")

    [one] = store.history.around([contact("G1")]).events

    assert one.event == ProcessCreate(
        computer="ws-1",
        row=NO_ROW,
        guid="G1",
        at=AT,
        image=r"C:\a.exe",
        command_line="a --b \u202e",
        version_info={"company": None},
        hashes={"sha256": "ab"},
        origin="history",
    )
    assert one.case_key == "case-1"


def test_what_was_searched_for_says_so_and_is_of_no_alert(estate: Estate, store: Store) -> None:
    settle(store, "a", events=[seen(start("G1"), searched=True)])

    [one] = store.history.around([contact("G1")]).events

    assert one.event.origin == "search"
    assert estate.rows("SELECT alert_id FROM events") == [("",)]


FAMILY = [start(f"G{level}", f"G{level - 1}", at=None) for level in range(12)]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param([contact("G6")], {"G6", "G5", "G4", "G3", "G2"}, id="four ancestors"),
        pytest.param([start("G6", "G5", at=AT)], {f"G{level}" for level in range(2, 11)}, id="four generations down"),
        pytest.param([start("G99", "G1", at=AT)], {"G1", "G0"}, id="a start names its parent"),
        pytest.param([contact("G99")], set(), id="a process that nothing is known of"),
        pytest.param([contact(None)], set(), id="no process"),
    ],
)
def test_ancestors_and_descendants(store: Store, asked: Sequence[Event], found: set[str]) -> None:
    remember(store, *FAMILY)

    memory = store.history.around(asked)

    assert {one.event.guid for one in memory.events} == found
    assert not memory.cut


def test_all_that_descendants_did_is_found_and_of_ancestors_the_start(store: Store) -> None:
    remember(store, *FAMILY[:4], contact("G1", LONG_AGO), contact("G3", None))

    memory = store.history.around([start("G2", "G1", at=AT)])

    assert set(names(memory)) == {"start G0", "start G1", "start G2", "start G3", "contact G3"}


def test_processes_of_another_computer_are_not_ours(store: Store) -> None:
    remember(store, start("G1", computer="ws-2"), start("G1"))

    memory = store.history.around([contact("G1")])

    assert [one.event.computer for one in memory.events] == ["ws-1"]


@pytest.mark.parametrize(
    ("minutes", "is_found"),
    [
        pytest.param(-61, False, id="more than an hour before"),
        pytest.param(-60, True, id="an hour before"),
        pytest.param(70, True, id="an hour after the last"),
        pytest.param(71, False, id="more than an hour after"),
    ],
)
def test_everything_of_the_same_hour_is_found(store: Store, minutes: int, is_found: bool) -> None:  # noqa: FBT001 - a parameter
    remember(store, ScriptBlock(computer="ws-1", row=0, at=AT + timedelta(minutes=minutes), text="x"))

    memory = store.history.around([contact("G1"), contact("G2", AT + timedelta(minutes=10))])

    assert bool(memory.events) == is_found


def test_the_hour_is_that_of_the_process_too(store: Store) -> None:
    remember(store, start("G1"), contact("G2", LONG_AGO - timedelta(minutes=50)))

    assert names(store.history.around([contact("G1")])) == ["start G1", "contact G2"]


def test_the_end_of_time_is_a_time(store: Store) -> None:
    ends = [contact("G1", datetime.max.replace(tzinfo=UTC)), contact("G1", datetime.min.replace(tzinfo=UTC))]
    remember(store, *ends)

    memory = store.history.around(ends)
    contacts = store.history.contacts({GROUP: datetime.min.replace(tzinfo=UTC)})

    assert len(memory.events) == 2
    assert contacts[GROUP].connections == ()


def test_what_is_too_much_is_cut_farthest_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "MAX_EVENTS", 5)
    others = [contact("G9", AT - timedelta(minutes=minute)) for minute in range(1, 9)]
    remember(store, start("G1", "G0"), start("G0"), start("G2", "G1"), *others)

    memory = store.history.around([start("G1", "G0", at=AT)])

    assert memory.cut
    assert names(memory) == ["start G1", "start G2", "start G0", "contact G9", "contact G9"]
    assert [one.event.at for one in memory.events][3:] == [AT - timedelta(minutes=1), AT - timedelta(minutes=2)]


def test_a_process_with_more_than_is_wanted_shows_its_latest(
    store: Store, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(surroundings, "MAX_EVENTS", 3)
    for number in range(5):
        remember(store, contact("G1", LONG_AGO + timedelta(hours=3 * number)))
        clock.now += timedelta(seconds=1)

    memory = store.history.around([contact("G1")])

    assert memory.cut
    assert [one.event.at for one in memory.events] == [LONG_AGO + timedelta(hours=3 * number) for number in (4, 3, 2)]


def test_of_a_process_with_more_than_is_wanted_start_and_names_come_first(
    store: Store, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(surroundings, "MAX_EVENTS", 3)
    asked = DnsQuery(computer="ws-1", row=0, guid="G1", at=LONG_AGO, name="x.lab.workers.dev")
    for number, what in enumerate([start("G1"), asked, *(contact("G1", AT + timedelta(hours=n)) for n in range(9))]):
        remember(store, what)
        clock.now += timedelta(seconds=number)

    memory = store.history.around([contact("G1", AT - timedelta(hours=9))])

    assert memory.cut
    assert [type(one.event) for one in memory.events] == [ProcessCreate, DnsQuery, Connection]
    assert memory.events[-1].event.at == AT + timedelta(hours=8)


def test_hostile_names_are_found_again(store: Store) -> None:
    """Names as long as may be, of characters that take four bytes each and cannot be compressed, for indexes hold only so much."""
    chance = Random(1)  # noqa: S311 - no secret
    long = "\x00" + "".join(chr(chance.randrange(0x20000, 0x2FFFF)) for _ in range(70_000))
    events = [start(long, f"{long}y", computer=long), contact(long, computer=long)]
    key = f"case {long}"
    found = [seen(one, key) for one in events]
    settle(
        store,
        "a",
        document(key),
        events=found,
        sightings=(sighting("1", AT, Group(long, long, long, long)),),
        aliases={f"alias {long}": key},
        rotations=(Rotation(host=long, family=long, since=AT),),
        follow_ups=(FollowUp(case_key=key, kind="lineage", subject=f"{long}|{long}"),),
    )

    memory = store.history.around(events)

    assert len(memory.events) == 2
    [mark] = memory.marks.values()
    assert mark == 1
    assert store.inbox.settle(take(store, "b"), settlement(events=found, marks=memory.marks))
    group = Group(long, long, long, long)
    assert store.history.contacts({group: AT})[group].connections == (AT,)


def test_many_computers_in_one_alert(store: Store) -> None:
    events = [contact("G1", computer=f"ws-{number}") for number in range(300)]
    remember(store, *events)

    memory = store.history.around(events)

    assert len(memory.events) == 300
    assert set(memory.marks.values()) == {1}


def test_rotations_are_those_of_the_alerts_hosts_the_earliest_of_each(store: Store) -> None:
    for number, since in enumerate((AT, LONG_AGO, AT)):
        found = tuple(Rotation(host=host, family="cf", since=since) for host in ("ws-1", "ws-2"))
        settle(store, f"a{number}", events=[event("e")], rotations=found)

    assert store.history.around([contact(None)]).rotations == {("ws-1", "cf"): LONG_AGO}


# --- a case -----------------------------------------------------------------------------------------------------------


def test_a_case_is_read_with_its_events_and_what_is_around_them(store: Store) -> None:
    remember(store, start("G1", "G0"), contact("G1"), case_key="case-1")
    remember(store, start("G0"), contact("G9", AT + timedelta(minutes=5)), contact("G8", LONG_AGO - timedelta(days=9)))

    found = store.history.of_case("case-1")

    assert found is not None
    stored, memory = found
    assert stored["key"] == "case-1"
    assert [one.case_key for one in memory.events] == ["case-1", "case-1", None, None]
    assert set(names(memory)) == {"start G1", "contact G1", "start G0", "contact G9"}
    assert memory.marks == {"ws-1": 2}
    assert memory.whole == {"case-1"}


def test_there_is_no_such_case(store: Store) -> None:
    assert store.history.of_case("case-1") is None


def test_a_case_is_whole_only_with_all_it_ever_had(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(store, contact("G1"), contact("G2"), case_key="case-1")
    whole = store.history.around([contact("G1")])
    with monkeypatch.context() as patched:
        patched.setattr(surroundings, "MAX_EVENTS", 1)
        cut = store.history.around([contact("G1")])
    store.purge(datetime(2999, 1, 1, tzinfo=UTC))
    remember(store, contact("G3"), case_key="case-1")
    purged = store.history.around([contact("G3")])

    assert (whole.sizes, whole.whole) == ({"case-1": 2}, frozenset({"case-1"}))
    assert (cut.cut, cut.whole) == (True, frozenset())
    assert (purged.sizes, purged.whole) == ({"case-1": 3}, frozenset())


def test_a_case_is_known_by_what_it_was_judged_by_last(store: Store) -> None:
    """Also where the stored judgement stands: else the same weaker one would be offered with every alert of the host."""
    settle(store, "a", document(ledger_digest="sha256:ab", count=7), events=[seen(contact("G1"), "case-1")])
    settle(store, "b", document(ledger_digest="sha256:cd", count=3))
    memory = store.history.around([contact("G1")])
    assert (memory.ledgers, memory.counts) == ({"case-1": "sha256:cd"}, {"case-1": 3})


def test_a_case_that_is_only_judged_anew_is_not_the_alerts(store: Store) -> None:
    settle(store, "a", document(rows=[0]), events=[seen(contact("G1"), "case-1")])
    settle(store, "b", document(rows=[]))
    record = store.reader.case("case-1")
    assert record is not None
    assert len(record.alerts) == 1


def test_the_ledger_of_each_case_is_told(store: Store) -> None:
    settle(store, "a", document(ledger_digest="sha256:ab"), events=[seen(contact("G1"), "case-1")])

    assert store.history.around([contact("G1")]).ledgers == {"case-1": "sha256:ab"}


# --- contacts ---------------------------------------------------------------------------------------------------------


def hosts_of(target: str, *firsts: tuple[str, datetime]) -> list[Any]:
    return [sighting(f"{target} {host} {at}", at, Group.of(host, "anna", "a.exe", target)) for host, at in firsts]


def test_contacts_of_a_group_within_a_day_in_any_order(store: Store) -> None:
    times = [AT - WINDOW, AT - WINDOW + timedelta(seconds=1), AT, AT + timedelta(seconds=1)]
    other = Group.of("ws-1", "bob", r"C:\Temp\a.exe", "lab.workers.dev")
    for number in (2, 0, 3, 1):
        settle(
            store,
            f"a{number}",
            sightings=(
                sighting(f"c{number}", times[number]),
                sighting(f"q{number}", times[number], kind="query"),
                sighting(f"o{number}", times[number], other),
            ),
        )
    spelled_otherwise = Group.of("ws-1", r"corp\ANNA", "C:/temp/A.EXE", "lab.workers.dev")

    past = store.history.contacts({spelled_otherwise: AT, Group.of("ws-1", None, None, "lab.workers.dev"): AT})

    ours, nobodys = past.values()
    assert ours.connections == ours.queries == (times[1], times[2])
    assert not ours.cut
    assert nobodys.connections == ()
    assert ours.first_here == nobodys.first_here == times[0]
    assert (ours.host_count, dict(ours.hosts)) == (1, {"ws-1": times[0]})


def test_the_newest_thousand_of_each_kind(store: Store) -> None:
    seconds = [sighting(f"c{number}", AT - timedelta(seconds=number)) for number in range(1_002)]
    settle(store, "a", sightings=(*seconds, sighting("q", AT, kind="query")))

    past = store.history.contacts({GROUP: AT})[GROUP]

    assert (len(past.connections), past.connections[-1], past.connections[0]) == (1_000, AT, AT - timedelta(seconds=999))
    assert past.queries == (AT,)
    assert past.cut


def test_the_earliest_hosts_of_a_target_and_how_many_there_are(store: Store) -> None:
    firsts = [(f"ws-{number:02d}", AT - timedelta(hours=number)) for number in range(30)]
    settle(store, "a", sightings=tuple(hosts_of("t.example", *firsts)))
    settle(store, "b", sightings=tuple(hosts_of("t.example", ("ws-00", AT - timedelta(days=9)), ("ws-29", AT))))
    late, unknown = (Group.of(host, "anna", "a.exe", "t.example") for host in ("ws-01", "ws-99"))

    past = store.history.contacts({late: AT, unknown: AT})

    assert list(past[late].hosts)[:2] == ["ws-00", "ws-29"]
    assert (len(past[late].hosts), past[late].host_count) == (21, 30)
    assert (past[late].first_here, past[unknown].first_here) == (AT - timedelta(hours=1), None)


def test_memory_goes_back_to_the_oldest_that_remains_by_our_clock(estate: Estate, store: Store, clock: Clock) -> None:
    before = store.history.since()
    began = clock.now
    settle(store, "a", events=[seen(contact("G1", LONG_AGO))])
    first = estate.open().history.since()
    clock.now += timedelta(days=1)
    settle(store, "b", events=[seen(contact("G2", LONG_AGO))])
    second = estate.open().history.since()

    assert before is None
    assert first is not None
    assert second == first
    if estate.url.startswith("sqlite"):
        assert first == began
        store.purge(began + timedelta(hours=1))
        assert estate.open().history.since() == clock.now


# --- storing ----------------------------------------------------------------------------------------------------------


def test_an_outdated_judgement_is_not_stored_and_stays_ours(estate: Estate, store: Store) -> None:
    claim, other = take(store, "a"), take(store, "b")
    marks = store.history.around([contact("G1")]).marks
    store.inbox.settle(other, settlement(events=[seen(contact("G2"))], marks=marks))

    with pytest.raises(Outdated):
        store.inbox.settle(claim, settlement(document(), events=[seen(contact("G1"), "case-1")], marks=marks))

    assert store.reader.case("case-1") is None
    assert estate.count(schema.events) == 1
    again = store.history.around([contact("G1")])
    assert store.inbox.settle(claim, settlement(document(), events=[seen(contact("G1"), "case-1")], marks=again.marks))


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param([seen(contact("G9", computer="ws-2"))], id="another computer"),
        pytest.param([seen(contact("G0"))], id="a repeat of what is known"),
    ],
)
def test_what_changes_nothing_outdates_nothing(store: Store, meanwhile: list[SeenEvent]) -> None:
    settle(store, "known", events=[seen(contact("G0"))])
    claim, other = take(store, "a"), take(store, "b")
    marks = store.history.around([contact("G1")]).marks
    store.inbox.settle(other, settlement(events=meanwhile))

    assert store.inbox.settle(claim, settlement(events=[seen(contact("G1"))], marks=marks))


def test_without_marks_nothing_is_checked(store: Store) -> None:
    settle(store, "a", events=[seen(contact("G1"))])

    assert store.inbox.settle(take(store, "b"), settlement(events=[seen(contact("G2"))]))


def test_to_get_a_case_outdates_too(store: Store) -> None:
    settle(store, "a", events=[seen(contact("G1"))])
    claim = take(store, "b")
    marks = store.history.around([contact("G1")]).marks
    settle(store, "c", document(), events=[seen(contact("G1"), "case-1")])

    with pytest.raises(Outdated):
        store.inbox.settle(claim, settlement(document("case-2"), events=[seen(contact("G1"), "case-2")], marks=marks))


def test_of_many_at_once_on_one_computer_each_rests_on_all_before(estate: Estate) -> None:
    """Two stores stand for two processes. Nobody may pass on marks that another has moved, and nothing is lost."""
    stores = [estate.open(), estate.open()]
    claims = [(stores[number % 2], take(stores[number % 2], f"a{number}")) for number in range(8)]
    begin, refused, seen_before = threading.Barrier(len(claims)), list[int](), list[int]()

    def work(number: int, store: Store, claim: ClaimedAlert) -> None:
        begin.wait()
        while True:
            memory = store.history.around([contact(f"G{number}")])
            what = settlement(document(), events=[seen(contact(f"G{number}"), "case-1")], marks=memory.marks)
            try:
                store.inbox.settle(claim, what)
            except Outdated:
                refused.append(number)
            else:
                seen_before.append(len(memory.events))
                return

    threads = [threading.Thread(target=work, args=(number, *claims[number])) for number in range(len(claims))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    record = stores[0].reader.case("case-1")
    assert record is not None
    assert (record.document["count"], len(record.alerts)) == (8, 8)
    assert sorted(seen_before) == list(range(8))
    assert refused


def test_what_left_an_alert_counts_once_it_belongs_to_a_case(estate: Estate, store: Store) -> None:
    leaves, stays = seen(contact("G1"), rows=frozenset({0})), seen(contact("G2"), rows=frozenset({1}))
    first = settle(store, "a", events=[leaves, stays], rows=2)
    before = store.reader.case("case-1")
    second = settle(
        store, "b", document(), events=[seen(contact("G3"), "case-1"), seen(contact("G1"), "case-1", count=4)], rows=1
    )
    settle(store, "c", document(), events=[seen(contact("G1"), "case-1", count=4)], rows=1)
    settle(store, "d", document("case-2"), events=[seen(contact("G1"), "case-2", count=4)], rows=1)

    ours, others = store.reader.case("case-1"), store.reader.case("case-2")
    assert before is None
    assert ours is not None
    assert others is not None
    assert (ours.document["count"], others.document["count"]) == (5, 0)
    assert sorted(estate.rows("SELECT alert_id, case_key, count FROM events WHERE case_key IS NOT NULL")) == [
        (first, "case-1", 4),
        (second, "case-1", 1),
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)], ids=str)
@pytest.mark.parametrize("times", [1, 2])
def test_however_events_were_split_the_same_is_remembered(store: Store, order: Sequence[int], times: int) -> None:
    parts: list[list[Event]] = [[start("G1", "G0"), contact("G1")], [start("G0")], [contact("G1", ip="192.0.2.2")]]
    for turn in range(times):
        for part in order:
            settle(store, f"{turn}-{part}", document(), events=[seen(one, "case-1") for one in parts[part]])

    memory = store.history.around([contact("G1")])

    assert sorted(names(memory)) == ["contact G1", "contact G1", "start G0", "start G1"]
    assert (memory.marks, memory.sizes) == ({"ws-1": 3}, {"case-1": 4})


# --- aliases ----------------------------------------------------------------------------------------------------------


def test_what_would_go_to_an_alias_goes_to_its_case(estate: Estate, store: Store) -> None:
    settle(store, "a", document("old"), events=[seen(contact("G1"), "old")], aliases={"new": "old"})

    wanted = FollowUp(case_key="new", kind="lookups")
    settle(store, "b", document("new"), events=[seen(contact("G2"), "new")], follow_ups=(wanted,))

    record = store.reader.case("old")
    assert store.reader.case("new") == record
    assert record is not None
    assert (record.document["key"], record.document["count"], len(record.alerts)) == ("old", 2, 2)
    assert estate.rows("SELECT DISTINCT case_key FROM events") == [("old",)]
    assert [claim.case_key for claim in store.follow_ups.claim(5)] == ["old"]


def test_a_key_with_a_case_of_its_own_is_no_alias(store: Store) -> None:
    settle(store, "a", document("new"), document("old"), aliases={"new": "old"})
    settle(store, "b", document("new"), events=[seen(contact("G2"), "new")])

    record = store.reader.case("new")
    assert record is not None
    assert record.document["count"] == 1


def test_an_alias_of_an_alias_is_one_of_its_case(store: Store) -> None:
    settle(store, "a", document("old"), aliases={"new": "old"})
    settle(store, "b", document("new"), aliases={"newer": "new"})
    settle(
        store, "c", document("newer"), document("old"), events=[seen(contact("G1"), "newer"), seen(contact("G2"), "old")]
    )

    record = store.reader.case("old")
    assert record is not None
    assert (record.document["count"], len(record.alerts)) == (2, 3)
    assert len(store.reader.cases(limit=5).items) == 1


def test_a_case_that_is_part_of_another_ends_in_it(store: Store) -> None:
    settle(store, "a", document("part"), events=[seen(contact("G1"), "part", count=3)], aliases={"nickname": "part"})
    settle(store, "b", document("all"), events=[seen(contact("G2"), "all")])
    claim = take(store, "late")
    marks = store.history.around([contact("G2")]).marks

    settle(store, "c", document("all"), events=[seen(contact("G3"), "all")], joined={"part": "all"})
    for name, key in (("d", "part"), ("e", "nickname")):
        settle(store, name, document(key), events=[seen(contact(name), key)])

    [whole] = store.reader.cases(limit=5).items
    assert (whole.key, whole.state, whole.document["count"]) == ("all", "open", 7)
    assert store.reader.case("part") == store.reader.case("nickname") == whole
    assert {one.case_key for one in store.history.around([contact("G1")]).events} == {"all"}
    assert not store.operator.reopen_case("part")
    with pytest.raises(Outdated):
        store.inbox.settle(claim, settlement(marks=marks))


def test_the_tickets_of_a_case_that_is_part_of_another_are_told(store: Store) -> None:
    settle(store, "a", document("part"), events=[seen(contact("G1"), "part")])
    store.outbox.delivered(deliver(store, "jira"), 1, SEC_12)
    store.outbox.retry(deliver(store, "slack"), "timeout", "", 0, unknown=True)

    settle(store, "b", document("all"), joined={"part": "all"})

    told = {name: {d.case["key"]: d for d in store.outbox.claim(name, 5)} for name in DESTINATIONS}
    assert {name: sorted(due) for name, due in told.items()} == {
        "jira": ["all", "part"],
        "servicenow": ["all"],
        "slack": ["all", "part"],
    }
    assert told["jira"]["part"].news[-1]["text"] == "Part of another case: what it was about goes on in all"
    assert told["slack"]["part"].in_doubt


def test_what_ends_the_alert_of_a_joined_case_ends_the_other(store: Store) -> None:
    settle(store, "a", document("part"), events=[seen(contact("G1"), "part")], alert={"alert_ref": "R1"})
    settle(store, "b", document("all"), joined={"part": "all"})

    settle(store, "r", alert={"kind": "recovery", "alert_ref": "R1"}, kind="recovery", recovers="R1")

    record = store.reader.case("all")
    assert record is not None
    assert record.state == "recovered"


def test_a_case_is_joined_only_into_one_that_is_stored_with_it(store: Store) -> None:
    settle(store, "a", document("part"), events=[seen(contact("G1"), "part")])
    settle(store, "b", document("all"), joined={"part": "nothing", "absent": "all", "all": "all"})

    assert {one.case_key for one in store.history.around([contact("G1")]).events} == {"part"}
    assert {record.state for record in store.reader.cases(limit=5).items} == {"open"}


# --- how it is read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "index"),
    [
        pytest.param(surroundings._OF_PROCESS, "events_by_process (guid=? AND computer=?)", id="a process"),
        pytest.param(surroundings._STARTS, "events_telling (guid=? AND computer=? AND event_id=?)", id="a start"),
        pytest.param(surroundings._NAMES, "events_telling (guid=? AND computer=? AND event_id=?)", id="names"),
        pytest.param(surroundings._CHILDREN, "events_by_parent (parent_guid=? AND computer=?)", id="children"),
        pytest.param(surroundings._SAME_HOUR, "events_by_time (computer=? AND at>? AND at<?)", id="the same hour"),
        pytest.param(surroundings._OF_CASE, "events_by_case (case_key=?)", id="a case"),
        pytest.param(contacts._CONTACTS, "sightings_by_host (host=? AND target=? AND at>? AND at<?)", id="contacts"),
        pytest.param(contacts._EARLIEST, "target_hosts_earliest (target=?)", id="hosts of a target"),
    ],
)
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_every_question_takes_its_index_and_sorts_nothing(store: Store, question: Question, index: str) -> None:
    """SQLite's plan; PostgreSQL chooses by size, and an empty table needs no index."""
    spelled = statements._spelled(question._statement(1), "sqlite", ())

    with store.access.read() as conn:
        driver: Any = conn.connection.driver_connection
        plan = " ".join(row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {spelled.sql}", [None] * len(spelled.places)))

    assert index in plan
    assert "TEMP B-TREE" not in plan
