"""The ledger says what was considered and not taken, and why; nothing that is refused or in shadow changes what counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.document import StepDoc
from enricher.core.estate import Entry, Estate
from enricher.core.grade import MOST_SAID, Graded
from enricher.core.normalise import normalise
from enricher.core.programs import Programs
from enricher.model import Event, Severity
from tests.fakes import (
    CHROME,
    CMD,
    NODE,
    POWERSHELL,
    SCHEDULER,
    SVCHOST,
    SYSTEM32,
    asked,
    caps,
    case_names,
    connected,
    corpus_alert,
    graded,
    guid,
    packaged_programs,
    points,
    started,
)

RULES = packaged_programs().rules
INTUNE = "C:\\Program Files (x86)\\Microsoft Intune Management Extension\\AgentExecutor.exe"
CODE = "C:\\Users\\r\\AppData\\Local\\Programs\\Microsoft VS Code\\Code.exe"
WORD = "C:\\Program Files\\Microsoft Office\\WINWORD.EXE"
WMI = f"{SYSTEM32}wbem\\WmiPrvSE.exe"
TASK = 'powershell -File "C:\\Program Files\\Vendor\\x.ps1"'
UPDATER = "C:\\Users\\r\\AppData\\Local\\Acme\\Update.exe"
VITE = "node C:\\src\\node_modules\\vite\\bin\\vite.js"
RENAMED: dict[str, Any] = {"version_info": {"original_file_name": "MSHTA.EXE"}}
AS_CMD: dict[str, Any] = {"version_info": {"original_file_name": "Cmd.Exe"}}
HIDES = "refused: the process hides what it is"


def with_shadow(*rules: str, **changes: Any) -> Programs:
    policy = replace(RULES.severity, shadow=RULES.severity.shadow | set(rules), **changes)
    return Programs(replace(RULES, severity=policy))


def one(*events: Event, programs: Programs | None = None) -> Graded:
    found = graded(*events, programs=programs)
    assert len(found) == 1
    return found[0]


def ran(image: str, line: str | None = None, programs: Programs | None = None, **more: Any) -> Graded:
    return one(started(image, line, **more), asked(image=image), connected(image=image), programs=programs)


def step(found: Graded, rule: str) -> StepDoc:
    (only,) = [s for s in found.ledger if s["rule"] == rule]
    return only


# --- considered and not taken ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "rule", "worth", "why"),
    [
        pytest.param(ran(POWERSHELL, "p", parent=INTUNE, **AS_CMD), "lineage.management", -20, HIDES, id="a negative rule"),
        pytest.param(
            ran(POWERSHELL, TASK, parent=SVCHOST, parent_line=SCHEDULER, **RENAMED),
            "process.verified_task",
            5,
            HIDES,
            id="a task's ceiling",
        ),
        pytest.param(
            ran(UPDATER, f"{UPDATER} -x", **RENAMED), "process.helper_at_home", 5, HIDES, id="an updater's ceiling"
        ),
        pytest.param(
            ran(POWERSHELL, TASK, parent=SVCHOST, parent_line=SCHEDULER),
            "lineage.task_other",
            5,
            "none for a verified task",
            id="a task's points beside its ceiling",
        ),
        pytest.param(
            ran(POWERSHELL, "p -nop", parent=INTUNE),
            "command.flags",
            5,
            "started by a management agent",
            id="flags of habit",
        ),
        pytest.param(
            one(*(e for n in range(6) for e in (asked(image=NODE), connected(30.001 * n, image=NODE)))),
            "behaviour.periodic",
            10,
            "counts only beside other signs above 10, there are 10, or where the tenant is new",
            id="a rhythm without other signs",
        ),
        pytest.param(
            ran(CHROME, "chrome --headless", parent=CMD),
            "cap.browser",
            -36,
            "a verified browser, but driven from outside",
            id="the browser's cap",
        ),
        pytest.param(ran(POWERSHELL, "p", parent=WORD), "cap.weak_name", None, "", id="a cap that is not in question"),
    ],
)
def test_not_taken(found: Graded, rule: str, worth: float | None, why: str) -> None:
    if worth is None:
        assert not [s for s in found.ledger if s["rule"] == rule]
        return
    refused = step(found, rule)
    assert (refused["taken"], refused["points"], refused["to"]) == (False, worth, refused["from"])
    assert refused["evidence"].endswith(why)


def test_a_cap_says_what_lifted_it() -> None:
    found = one(
        started("C:\\x\\y\\a.pdf.exe", parent=WMI),
        connected(image="C:\\x\\y\\a.pdf.exe", hostname="relay.example-lab.workers.dev"),
    )
    lifted = step(found, "cap.weak_name")
    assert lifted["taken"] is False
    assert lifted["evidence"].endswith("other signs are 40 of the 40 that lift the cap")


def test_context_says_what_it_lacked() -> None:
    estate = Estate(entries=(Entry(hosts=("ws-*",), role="server"),))
    found = ran(NODE, "node x", programs=Programs(replace(RULES, estate=estate)))
    assert step(found, "context.server")["evidence"] == "the host is a server; other signs are 10, more than 10 needed"


def test_evidence_from_a_log_is_cut() -> None:
    image = f"C:\\Users\\r\\Downloads\\{'x' * 5_000}.exe"
    said = step(ran(image), "path.image_writable")["evidence"]
    assert said.startswith(image.lower()[:MOST_SAID])
    assert len(said) < MOST_SAID + 40


# --- shadow ---------------------------------------------------------------------------------------------------------


def test_a_rule_in_shadow_takes_no_other_rules_place() -> None:
    """cmd below mshta below Word: 25 beside 30; without the larger of them the other counts."""
    mshta = f"{SYSTEM32}mshta.exe"
    events = [
        started(mshta, parent=WORD, guid=guid(2)),
        started(CMD, "cmd", parent=mshta, parent_guid=guid(2)),
        asked(image=CMD),
        connected(image=CMD),
    ]
    live, shadowed = one(*events), one(*events, programs=with_shadow("lineage.office_child"))
    assert points(live.ledger) == {"platform.score": 30, "process.shell": 15, "lineage.office_child": 30}
    assert step(live, "lineage.lolbin_child")["evidence"] == "mshta → cmd; only the largest counts"
    assert points(shadowed.ledger) == {"platform.score": 30, "process.shell": 15, "lineage.lolbin_child": 25}
    assert step(shadowed, "lineage.office_child")["evidence"] == "winword → mshta; in shadow"


def test_a_ceiling_in_shadow_gives_the_class_its_points() -> None:
    found = ran(POWERSHELL, TASK, parent=SVCHOST, parent_line=SCHEDULER, programs=with_shadow("process.verified_task"))
    assert {"process.shell": 15, "lineage.task_other": 5}.items() <= points(found.ledger).items()
    assert step(found, "process.verified_task")["evidence"].endswith("; in shadow")


def test_a_management_agent_in_shadow_excuses_no_flags() -> None:
    found = ran(POWERSHELL, "p -nop", parent=INTUNE, programs=with_shadow("lineage.management"))
    assert points(found.ledger) == {"platform.score": 30, "process.shell": 15, "command.flags": 5}


def test_flags_are_excused_whichever_negative_rule_is_the_largest() -> None:
    lower = {**RULES.severity.lineage, "management": -1, "ide": -15}
    found = ran(POWERSHELL, "p -nop", parent=INTUNE, programs=with_shadow(lineage=lower))
    assert step(found, "command.flags")["taken"] is False


def test_an_anomaly_in_shadow_uses_nothing_up() -> None:
    rotation: list[Event] = [asked(f"c2.t{n}.workers.dev", n, answers=("104.21.9.9",)) for n in range(9)]
    failing: list[Event] = [asked("c2.t0.workers.dev", 20 + n, status=9003, answers=()) for n in range(5)]

    def of(programs: Programs | None) -> Graded:
        found = graded(*rotation, *failing, programs=programs)
        return next(g for g in found if g.facts.signal.host == "c2.t0.workers.dev")

    live = step(of(None), "dns.failed_burst")
    assert (live["taken"], live["points"]) == (False, 8)
    assert live["evidence"].endswith("DNS signs give at most 10 together")
    assert points(of(with_shadow("dns.tenant_rotation")).ledger)["dns.failed_burst"] == 8


def test_what_is_left_of_an_anomaly_is_said() -> None:
    failing: list[Event] = [asked("c2.t0.workers.dev", 20 + n, status=9003, answers=()) for n in range(5)]
    more = [asked("c2.t0.workers.dev", 90, answers=("104.21.9.9",)), connected(95, ip="198.51.100.7", guid=guid(9))]
    last = step(graded(*failing, *more)[0], "dns.never_connected")
    assert (last["taken"], last["points"]) == (True, 2)
    assert last["evidence"].endswith("; 2 of 5, DNS signs give at most 10 together")


@given(st.sampled_from(case_names()), st.sets(st.sampled_from(sorted(RULES.severity.lineage)), max_size=4))
def test_shadow_never_moves_a_case_the_wrong_way(case: str, names: set[str]) -> None:
    """Without some positive rules no score rises; without some negative ones none falls."""
    for way in (1, -1):
        shadow = {f"lineage.{name}" for name in names if RULES.severity.lineage[name] * way > 0}
        before, after = (flowed(case, programs) for programs in (None, with_shadow(*shadow)))
        assert before.keys() == after.keys()
        assert all((before[key] - after[key]) * way >= 0 for key in before)


def flowed(case: str, programs: Programs | None) -> dict[tuple[str | None, str], int]:
    found = graded(*normalise(corpus_alert(case)).events, programs=programs)
    return {(g.facts.signal.process.guid, g.facts.signal.host): g.score for g in found}


# --- the floor ------------------------------------------------------------------------------------------------------


def beats(image: str, name: str = "relay.example-lab.workers.dev", **more: Any) -> list[Event]:
    return [asked(name, image=image), *(connected(30.001 * n, image=image, **more) for n in range(1, 7))]


@pytest.mark.parametrize(
    ("events", "score", "severity"),
    [
        pytest.param(beats(NODE), 40, "medium", id="a tool, known by its rhythm alone"),
        pytest.param(beats("C:\\Program Files\\v\\app.exe"), 35, "low", id="no tool"),
        pytest.param([started(NODE, VITE, parent=CODE), *beats(NODE)], 25, "low", id="an IDE says why"),
        pytest.param([started(CHROME, "chrome", parent=CMD), *beats(CHROME)], 19, "informational", id="a browser"),
        pytest.param(beats(NODE, "d111111abcdef8.cloudfront.net"), 39, "low", id="a context platform is capped after it"),
        pytest.param([asked(image=NODE), connected(image=NODE)], 40, "medium", id="no rhythm: 30 and 10 of its own"),
    ],
)
def test_floor(events: list[Event], score: int, severity: str) -> None:
    found = one(*events)
    assert (found.score, found.severity) == (score, Severity(severity))


@pytest.mark.parametrize("floor", [{}, {"periodic": 0.0}], ids=["a file without it", "switched off"])
def test_no_floor(floor: dict[str, float]) -> None:
    found = one(*beats(NODE, "d111111abcdef8.cloudfront.net"), programs=with_shadow(floor=floor))
    assert not [s for s in found.ledger if s["step"] == "floor"]
    assert caps(found.ledger) == []
