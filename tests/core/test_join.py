"""Events → processes: the key, what stands in for a missing one, and the way up to four ancestors."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from enricher.core.join import MAX_ANCESTORS, Activity, Ancestor, join
from enricher.model import Event, FileCreate, ProcessCreate
from tests.fakes import CMD, CURL, EXPLORER, HOST, POWERSHELL, asked, at, connected, guid, script, started

OTHER_HOST = "ws-hr-0007.corp.example"


def processes(*events: Event) -> list[list[str]]:
    """The kinds of each process's events."""
    found = join([replace(event, row=row) for row, event in enumerate(events)]).processes
    return [[type(event).__name__ for event in process.events] for process in found.values()]


def test_one_guid_is_one_process() -> None:
    dropped = FileCreate(computer=HOST, row=0, at=at(2), guid=guid(1), pid=7316, target="C:\\x.js")
    assert processes(started(), connected(), asked(), dropped, script("x")) == [
        ["ProcessCreate", "Connection", "DnsQuery", "FileCreate", "ScriptBlock"]
    ]


def test_one_guid_on_two_computers_is_two_processes() -> None:
    assert len(processes(connected(), connected(computer=OTHER_HOST))) == 2


def test_a_pid_alone_is_no_key() -> None:
    """The id comes again within minutes: rundll32 first, then svchost."""
    first = started("C:\\Windows\\System32\\rundll32.exe", at=at(-600), guid=guid(1), pid=6044)
    second = started("C:\\Windows\\System32\\svchost.exe", at=at(-30), guid=guid(2), pid=6044)
    old, new = (
        connected(-300, guid=None, pid=6044, image=None),
        connected(0, guid=None, pid=6044, image=None, ip="198.51.100.7"),
    )
    found = join([first, second, old, new]).processes
    assert found[HOST, guid(1)].connections == [old]
    assert found[HOST, guid(2)].connections == [new]


def test_two_clocks_are_given_two_seconds() -> None:
    create = started(at=at(0), pid=5)
    assert len(join([create, connected(-1.9, guid=None, pid=5)]).processes) == 1
    assert len(join([create, connected(-2.1, guid=None, pid=5)]).processes) == 2


def test_an_event_without_guid_and_time_belongs_to_the_only_process_of_its_pid() -> None:
    query = asked(guid=None, at=None)
    assert len(join([started(), query]).processes) == 1
    twice = [started(), started(guid=guid(2), at=at(-5)), query]
    assert len(join(twice).processes) == 3, "with two it stays by itself"


def test_an_event_without_guid_follows_another_event_of_the_process() -> None:
    assert len(join([asked(), connected(1, guid=None)]).processes) == 1


def test_all_zero_guids_are_no_key() -> None:
    """Null GUIDs of different PIDs are different processes, and of different images too."""
    assert len(processes(connected(guid=None, pid=1), connected(guid=None, pid=2))) == 2
    assert len(processes(connected(guid=None, pid=1), connected(guid=None, pid=1, image=CURL))) == 2
    assert len(processes(connected(guid=None, pid=1), connected(5, guid=None, pid=1))) == 1


def test_a_row_without_guid_and_pid_stands_for_image_and_user() -> None:
    row = connected(guid=None, pid=None, user="CORP\\a")
    same, other_user = replace(row, image=POWERSHELL.upper(), user="corp\\A"), replace(row, user="CORP\\b")
    assert len(processes(row, same)) == 1
    assert len(processes(row, other_user)) == 2


def test_two_starts_of_one_pid_without_guid_are_two_processes() -> None:
    assert len(processes(started(guid=None, at=at(-60)), started(guid=None, at=at(-5)))) == 2


def test_the_first_event_that_says_it_names_image_and_user() -> None:
    found = join([connected(image=None, user=None), asked(), started(image=None, user=None)]).processes[HOST, guid(1)]
    assert (found.image, found.user, found.pid) == (POWERSHELL, None, 7316)
    told = join([connected(image=CURL), started()]).processes[HOST, guid(1)]
    assert told.image == POWERSHELL, "an event 1 knows best"


def test_a_logged_event_1_beats_one_from_columns() -> None:
    logged = started(POWERSHELL, "powershell")
    columns = started(CMD, "cmd with a much longer line", observed=False, parent="C:\\long\\parent.exe")
    for events in permutations([logged, columns]):
        assert join(events).processes[HOST, guid(1)].created == logged


def test_scripts_are_put_together_in_order_of_their_parts() -> None:
    parts = [
        script("c", part=3, parts=3),
        script("a", part=1, parts=3),
        script("x", block_id=None),
        script("b", part=2, parts=3),
    ]
    found = next(iter(join([*parts, started()]).processes.values()))
    assert found.scripts == ("abc", "x")


def test_a_lost_part_leaves_a_gap() -> None:
    found = next(iter(join([script("a", part=1, parts=3), script("c", part=3, parts=3), started()]).processes.values()))
    assert found.scripts == ("ac",)


# --- upwards --------------------------------------------------------------------------------------------------------


def generation(number: int, image: str, **more: object) -> ProcessCreate:
    """Process `number`, whose parent is the next number."""
    given: dict[str, object] = {
        "guid": guid(number),
        "pid": number,
        "parent_guid": guid(number + 1),
        "parent": f"C:\\p{number + 1}.exe",
    }
    return started(image, f"line {number}", **given | more)


def chain(activity: Activity) -> tuple[Ancestor, ...]:
    return activity.ancestors(activity.processes[HOST, guid(1)])


def start_missing(*events: Event) -> str | None:
    activity = join(events)
    return activity.start_missing(activity.processes[HOST, guid(1)])


def test_up_to_four_ancestors() -> None:
    events = [generation(n, f"C:\\g{n}.exe") for n in range(1, 8)]
    found = chain(join(events))
    assert [a.image for a in found] == [f"C:\\g{n}.exe" for n in range(2, 2 + MAX_ANCESTORS)]
    assert {a.source for a in found} == {"observed"}


def test_a_parent_known_only_by_its_child_ends_the_chain() -> None:
    found = chain(join([generation(1, POWERSHELL)]))
    assert [(a.image, a.source, a.guid, a.key) for a in found] == [("C:\\p2.exe", "observed", guid(2), None)]


def test_a_parent_from_parsed_columns_says_so() -> None:
    assert chain(join([generation(1, POWERSHELL, observed=False)]))[0].source == "payload"


@pytest.mark.parametrize("origin", ["history", "search"])
def test_what_is_remembered_goes_on_where_the_alert_ends(origin: str) -> None:
    past = generation(3, EXPLORER, version_info={"original_file_name": "EXPLORER.EXE"}, origin=origin)
    found = chain(join([generation(1, POWERSHELL), generation(2, CMD), past]))
    assert [(a.image, a.source) for a in found] == [(CMD, "observed"), (EXPLORER, origin), ("C:\\p4.exe", origin)]
    assert found[1].original_file_name == "EXPLORER.EXE"


def test_a_parent_known_by_its_guid_alone_is_missing() -> None:
    found = chain(join([generation(1, POWERSHELL, parent=None)]))
    assert [(a.image, a.guid, a.source) for a in found] == [(None, guid(2), "missing")]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([generation(1, POWERSHELL), generation(2, CMD)], guid(3), id="the nearest ancestor without a start"),
        pytest.param([connected()], guid(1), id="the process itself"),
        pytest.param([started(observed=False, parent_guid=None)], guid(1), id="only columns without a parent"),
        pytest.param([started(parent_guid=None)], None, id="a parent without a GUID"),
        pytest.param([generation(n, CMD) for n in range(1, 6)], None, id="four ancestors are at hand"),
        pytest.param([generation(1, CMD), generation(2, CMD, parent_guid=guid(1))], None, id="a circle"),
        pytest.param(
            [generation(1, POWERSHELL), generation(2, CMD, computer=OTHER_HOST)], guid(2), id="another computer's"
        ),
    ],
)
def test_which_start_is_missing(events: list[Event], expected: str | None) -> None:
    assert start_missing(*events) == expected


def test_an_all_zero_parent_is_only_its_image() -> None:
    found = chain(join([started(parent_guid=None, parent=EXPLORER, parent_line="explorer")]))
    assert [(a.image, a.command_line, a.guid) for a in found] == [(EXPLORER, "explorer", None)]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([generation(1, CMD, parent_guid=guid(1))], id="its own parent"),
        pytest.param([generation(1, CMD), generation(2, CMD, parent_guid=guid(1))], id="a circle of two"),
    ],
)
def test_circles_end(events: list[ProcessCreate]) -> None:
    assert len(chain(join(events))) == len(events) - 1
    assert start_missing(*events) is None


def test_no_event_1_no_ancestors() -> None:
    assert chain(join([connected()])) == ()


def test_a_parent_on_another_computer_is_not_ours() -> None:
    found = chain(join([generation(1, POWERSHELL), generation(2, CMD, computer=OTHER_HOST)]))
    assert [a.image for a in found] == ["C:\\p2.exe"]
