"""A missing fact is called missing: it lowers no severity where it was benign, and adds no points.

What that means, exactly, when a fact that was known is taken away (an event 1, its parent, an image, a version, an ancestor, a hash,
an answer, what the estate says):

1. What took points away or capped the score can only vanish: no negative step and no cap is taken that was not taken before,
   but a cap that had been lifted by signs which are now unknown as well.
2. No rule of lineage, identity, path, command line, behaviour, DNS or context counts that the ledger did not already hold.
   (It may have held one untaken: flags that a management agent's habit excused, a rhythm that lacked other signs.) The class
   of the process may become that of a process without an image, or lose a ceiling.
3. So, where the fact taken away had given no points, the score does not fall, and the severity is not lower. (A floor's points
   are the rhythm's: it may hold once nothing explains the rhythm any more.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.estate import ROLES, Entry, Estate
from enricher.core.grade import Asked, Graded, grade
from enricher.core.normalise import normalise
from enricher.core.novelty import UNKNOWN, Horizon, Novelty
from enricher.core.programs import Programs
from enricher.model import Connection, Enrichment, Event, ProcessCreate, Status
from tests.fakes import (
    CHROME,
    CMD,
    NODE,
    NOON,
    POWERSHELL,
    SCHEDULER,
    SVCHOST,
    asked,
    at,
    case_names,
    connected,
    corpus_alert,
    facts_of,
    graded,
    packaged_programs,
    points,
    started,
)

Events = Sequence[Event]
Removal = Callable[[Events], list[Event]]


def each(kind: type[Event], **changes: Any) -> Removal:
    return lambda events: [replace(e, **changes) if isinstance(e, kind) else e for e in events]


def without_version(name: str) -> Removal:
    """One field of the version information, as if Sumo Logic had not delivered it."""
    return lambda events: [
        replace(e, version_info={n: v for n, v in e.version_info.items() if n != name})
        if isinstance(e, ProcessCreate)
        else e
        for e in events
    ]


NO_PARENT = {
    "parent_guid": None,
    "parent_pid": None,
    "parent_image": None,
    "parent_command_line": None,
    "parent_user": None,
}

REMOVALS: dict[str, Removal] = {
    "event 1": lambda events: [e for e in events if not isinstance(e, ProcessCreate)],
    "parents": each(ProcessCreate, **NO_PARENT),
    "parents' images": each(ProcessCreate, parent_image=None),
    "parents' lines": each(ProcessCreate, parent_command_line=None),
    "images": each(Event, image=None),
    "versions": each(ProcessCreate, version_info={}),
    "companies": without_version("company"),
    "products": without_version("product"),
    "descriptions": without_version("description"),
    "original names": without_version("original_file_name"),
    "folders": each(ProcessCreate, current_directory=None),
    "lines": each(ProcessCreate, command_line=None),
    "users": each(Event, user=None),
    "hashes": each(ProcessCreate, hashes={}),
    "times of starts": each(ProcessCreate, at=None),
}
FREE = ("platform", "process", "sum", "cap")


def events_of(case: str) -> list[Event]:
    return list(normalise(corpus_alert(case)).events)


def by_target(found: Sequence[Graded]) -> dict[tuple[str, str, str | None], Graded]:
    """Findings by what a removal leaves alone: host, tenant, process."""
    return {key_of(g): g for g in found}


def key_of(one: Graded) -> tuple[str, str, str | None]:
    return one.facts.signal.process.computer, one.facts.signal.target, one.facts.signal.process.guid


def steps(one: Graded, *, sign: int) -> dict[str, float]:
    return {s["rule"]: s["points"] for s in one.ledger if s["taken"] and s["points"] * sign > 0 and s["step"] != "sum"}


def pairs(case: str, removal: Removal) -> list[tuple[Graded, Graded]]:
    events = events_of(case)
    before, after = by_target(graded(*events)), by_target(graded(*removal(events)))
    return [(before[key], after[key]) for key in before.keys() & after.keys()]


@cache
def all_pairs(removal: str) -> list[tuple[Graded, Graded]]:
    """Every finding of the corpus, before and after."""
    return [pair for case in case_names() for pair in pairs(case, REMOVALS[removal])]


@pytest.mark.parametrize("removal", REMOVALS)
def test_an_unknown_takes_nothing_away(removal: str) -> None:
    for before, after in all_pairs(removal):
        gone = steps(before, sign=1).keys() - steps(after, sign=1).keys()
        lifted = {r for r in steps(after, sign=-1) if r in {"cap.context", "cap.weak_name"} and gone}
        assert steps(after, sign=-1).keys() - lifted <= steps(before, sign=-1).keys()


@pytest.mark.parametrize("removal", REMOVALS)
def test_an_unknown_adds_no_points(removal: str) -> None:
    for before, after in all_pairs(removal):
        held = {s["rule"] for s in before.ledger}
        counted = {s["rule"] for s in after.ledger if s["taken"] and s["points"] > 0 and s["step"] not in FREE}
        assert counted <= held


@pytest.mark.parametrize("removal", REMOVALS)
def test_a_benign_fact_turned_unknown_lowers_no_severity(removal: str) -> None:
    for before, after in all_pairs(removal):
        was, still = steps(before, sign=1), steps(after, sign=1)
        lost = sum(was.values()) - sum(still.values())
        if lost <= 0:
            assert after.severity.rank >= before.severity.rank
            assert after.score >= before.score


# --- one fact of one event ------------------------------------------------------------------------------------------

OF_ANY = ("image", "user", "at")
OF_A_START = (
    *(f"parent_{name}" for name in ("guid", "pid", "image", "command_line", "user")),
    *("command_line", "current_directory", "hashes", "integrity"),
)
NOTHING: dict[str, Any] = {"hashes": {}}


def single_removals(event: Event) -> list[Event]:
    """The event with one of its facts gone, for each that it has."""
    names = (*OF_ANY, *(OF_A_START if isinstance(event, ProcessCreate) else ()))
    gone: list[Event] = [each(Event, **{name: NOTHING.get(name)})([event])[0] for name in names if getattr(event, name)]
    if isinstance(event, ProcessCreate):
        gone += [without_version(name)([event])[0] for name in event.version_info]
    return gone


@cache
def before_of(case: str) -> dict[tuple[str, str, str | None], Graded]:
    return by_target(graded(*events_of(case)))


@given(st.data())
def test_one_fact_less_lowers_a_score_only_where_it_spoke_against_the_process(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(case_names()))
    events = events_of(case)
    at = data.draw(st.integers(0, len(events) - 1))
    events[at] = data.draw(st.sampled_from(single_removals(events[at]) or [events[at]]))
    before, after = before_of(case), by_target(graded(*events))
    for key in before.keys() & after.keys():
        incriminating = sum(steps(before[key], sign=1).values()) > sum(steps(after[key], sign=1).values())
        assert incriminating or after[key].score >= before[key].score


# --- facts that no event carries ------------------------------------------------------------------------------------


def in_an_estate(role: str | None) -> Programs:
    """Every computer of the corpus is in the file, with this role; None: the file names another."""
    entry = Entry(hosts=("*",), role=role, groups=frozenset({"g"})) if role else Entry(hosts=("nobody",), role="server")
    return Programs(replace(packaged_programs().rules, estate=Estate(entries=(entry,), service_accounts=frozenset({"x"}))))


@cache
def graded_in(case: str, role: str | None) -> dict[tuple[str, str, str | None], Graded]:
    return by_target(graded(*events_of(case), programs=in_an_estate(role), asking=Asked(estate=True)))


@pytest.mark.parametrize("role", ROLES)
def test_a_host_that_leaves_the_estate_file_loses_only_what_its_role_had_added(role: str) -> None:
    servers = {"server", "domain_controller", "jump_host"}
    for case in case_names():
        named, unnamed = graded_in(case, role), graded_in(case, None)
        assert named.keys() == unnamed.keys()
        for key, before in named.items():
            after = unnamed[key]
            added = points(before.ledger).get("context.server", 0)
            assert added == 0 or role in servers
            assert after.score >= before.score - added
            assert steps(after, sign=-1).keys() <= steps(before, sign=-1).keys()
            assert after.confidence < before.confidence
            assert [m for m in after.missing if m.startswith("estate role")]
            assert not [m for m in before.missing if m.startswith("estate role")]


def test_the_estate_is_missing_only_where_there_is_a_file() -> None:
    for case in case_names():
        assert not [m for one in before_of(case).values() for m in one.missing if m.startswith("estate")]


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.OK])
def test_an_answer_that_does_not_come_takes_nothing_away(status: Status) -> None:
    for case in case_names():
        answers = [
            Enrichment(source=source, about=address, status=Status.OK, detail=detail)
            for address in {e.ip for e in events_of(case) if isinstance(e, Connection) and e.ip}
            for source, detail in (("asn", {"asns": [64_500], "holder": "X"}), ("ptr", {"names": ["x.example"]}))
        ]
        silent = [replace(answer, status=status, detail={}) for answer in answers]
        with_answers, without = ({key_of(g): g for g in graded_with(case, told)} for told in (answers, silent))
        for key, before in with_answers.items():
            after = without[key]
            lost = sum(steps(before, sign=1).values()) - sum(steps(after, sign=1).values())
            assert lost > 0 or after.score >= before.score
            assert steps(after, sign=-1).keys() <= steps(before, sign=-1).keys()


def graded_with(case: str, answers: Sequence[Enrichment]) -> list[Graded]:
    programs = packaged_programs()
    return grade(facts_of(*events_of(case), answers=answers), programs, Asked(owner=True))


OLD = Novelty(first_seen=at(-90 * 86_400), hosts=40, others=("ws-1",), new_tenant=False, starters=1)
BENIGN_FACTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a tenant that is old and known to many": ({"novelty": OLD}, {"novelty": UNKNOWN}),
    "how far back history goes": ({"horizon": Horizon(now=NOON, since=at(-90 * 86_400))}, {"horizon": None}),
    "a workstation": ({"role": "workstation"}, {"role": None}),
    "a maintenance window": ({"maintenance": True}, {"maintenance": None}),
    "a service account": ({"service_account": True}, {"service_account": None}),
    "groups of the host": ({"groups": frozenset({"developers"})}, {"groups": None}),
}
"""What is known beside the events, and the same not known."""


@pytest.mark.parametrize("fact", BENIGN_FACTS)
def test_what_stands_beside_the_events_lowers_nothing_when_it_is_not_known(fact: str) -> None:
    known, unknown = BENIGN_FACTS[fact]
    for case in case_names():
        facts = facts_of(*events_of(case))
        before, after = (
            grade([replace(one, **said) for one in facts], packaged_programs(), Asked(history=True, estate=True))
            for said in (known, unknown)
        )
        for was, now in zip(before, after, strict=True):
            assert now.score >= was.score
            assert now.severity.rank >= was.severity.rank
            assert steps(now, sign=1) == steps(was, sign=1), "and adds nothing"
            assert now.confidence <= was.confidence


# --- what the corpus shows ------------------------------------------------------------------------------------------


def test_the_corpus_puts_the_promise_to_the_test() -> None:
    """The removals do meet benign facts: without these the three tests above would say little."""
    raised = {
        (case, removal)
        for case in case_names()
        for removal in REMOVALS
        for before, after in pairs(case, REMOVALS[removal])
        if after.score > before.score
    }
    assert {case for case, _ in raised} >= {
        "benign/node-vite-dev-server",
        "benign/pytest-ci-runner",
        "benign/edr-agent-python",
        "benign/intune-management-extension",
    }
    assert {removal for _, removal in raised} >= {"event 1", "parents", "parents' images"}


# --- each benign fact by itself -------------------------------------------------------------------------------------

VITE = "node C:\\src\\node_modules\\vite\\bin\\vite.js"
CODE = "C:\\Users\\r\\AppData\\Local\\Programs\\Microsoft VS Code\\Code.exe"
RUNNER = "C:\\actions-runner\\Runner.Worker.exe"
INTUNE = "C:\\Program Files (x86)\\Microsoft Intune Management Extension\\AgentExecutor.exe"
SCRIPT = 'powershell -File "C:\\Program Files\\Vendor\\x.ps1"'
UPDATER = "C:\\Users\\r\\AppData\\Local\\Acme\\Update.exe"
UNKNOWN_PARENT = {"parent": None, "parent_line": None}


def score(image: str | None, line: str | None, **more: Any) -> Graded:
    return graded(started(image, line, **more), asked(image=image), connected(image=image))[0]


@pytest.mark.parametrize(
    ("image", "line", "known", "unknown", "rises_by"),
    [
        pytest.param(NODE, VITE, {"parent": CODE}, UNKNOWN_PARENT, 15, id="an IDE above"),
        pytest.param(NODE, VITE, {"parent": RUNNER}, UNKNOWN_PARENT, 15, id="a CI agent above"),
        pytest.param(POWERSHELL, "powershell", {"parent": INTUNE}, UNKNOWN_PARENT, 20, id="a management agent above"),
        pytest.param(
            POWERSHELL,
            "powershell -nop",
            {"parent": INTUNE},
            UNKNOWN_PARENT,
            25,
            id="a management agent, and flags it excused",
        ),
        pytest.param(
            POWERSHELL,
            SCRIPT,
            {"parent": SVCHOST, "parent_line": SCHEDULER},
            UNKNOWN_PARENT,
            10,
            id="a task of the installation",
        ),
        pytest.param(
            POWERSHELL,
            SCRIPT,
            {"parent": SVCHOST, "parent_line": SCHEDULER},
            {"parent": SVCHOST, "parent_line": None},
            10,
            id="a service host whose line is not known",
        ),
        pytest.param(
            POWERSHELL,
            "powershell -File x.ps1",
            {"parent": SVCHOST, "parent_line": SCHEDULER, "current_directory": "C:\\Program Files\\Vendor\\"},
            {"parent": SVCHOST, "parent_line": SCHEDULER, "current_directory": None},
            15,
            id="a script whose folder is not known, and then the task's own points",
        ),
    ],
)
def test_a_benign_parent_that_is_not_known(
    image: str, line: str, known: dict[str, Any], unknown: dict[str, Any], rises_by: float
) -> None:
    before, after = score(image, line, **known), score(image, line, **unknown)
    assert after.score - before.score == rises_by
    assert after.severity.rank >= before.severity.rank


def test_a_browser_whose_image_is_not_known_is_no_browser() -> None:
    before, after = score(CHROME, "chrome", parent=CMD), score(None, "chrome", parent=CMD)
    assert (before.score, after.score) == (19, 35)


def test_an_updater_whose_line_is_not_known_may_have_been_told_anything() -> None:
    assert points(score(UPDATER, UPDATER).ledger)["process.helper_at_home"] == 5
    assert points(score(UPDATER, None).ledger)["process.downloader"] == 18


def test_an_agent_whose_image_is_not_known_is_any_other_program() -> None:
    agent = "C:\\Program Files\\Elastic\\elastic-agent.exe"
    assert score(None, None).score - score(agent, None).score == 5


def test_a_host_that_the_estate_does_not_name_adds_nothing() -> None:
    named = Programs(replace(packaged_programs().rules, estate=Estate(entries=(Entry(hosts=("ws-*",), role="server"),))))
    nobody = Programs(replace(packaged_programs().rules, estate=Estate(entries=(Entry(hosts=("other",), role="server"),))))
    events: list[Event] = [asked(), connected()]
    known, unknown, none = (
        graded(*events, programs=p, asking=Asked(estate=True))[0] for p in (named, nobody, packaged_programs())
    )
    assert (known.score - none.score, unknown.score) == (8, none.score)
    assert any(line.startswith("estate role") for line in unknown.missing)
    assert unknown.confidence < known.confidence


@pytest.mark.parametrize("removal", REMOVALS)
def test_less_evidence_is_never_more_confidence(removal: str) -> None:
    for before, after in all_pairs(removal):
        assert after.confidence <= before.confidence
        assert {m for m in before.missing if not m.startswith("rhythm")} <= set(after.missing)
