"""Sums, caps, verdicts, confidence and what is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from enricher.core.estate import Entry, Estate
from enricher.core.grade import Asked, Graded, digest, grade, verdict
from enricher.core.programs import Programs
from enricher.model import Enrichment, Event, Severity, Status, Verdict
from tests.fakes import (
    ADDRESS,
    CHROME,
    CMD,
    CURL,
    EXPLORER,
    POWERSHELL,
    RELAY,
    SYSTEM32,
    asked,
    caps,
    connected,
    facts_of,
    graded,
    guid,
    packaged_programs,
    points,
    started,
)

POLICY = packaged_programs().rules.severity
CDN = "d111111abcdef8.cloudfront.net"
TEMP = "C:\\Users\\r\\AppData\\Local\\Temp\\"
URL = f"https://{RELAY}/x"
WORD = "C:\\Program Files\\Microsoft Office\\WINWORD.EXE"


def one(*events: Event, **more: Any) -> Graded:
    found = graded(*events, **more)
    assert len(found) == 1
    return found[0]


def contact(image: str, name: str = RELAY) -> list[Event]:
    return [asked(name, image=image), connected(image=image)]


# --- sums -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (0, "informational"),
        (19, "informational"),
        (20, "low"),
        (39, "low"),
        (40, "medium"),
        (59, "medium"),
        (60, "high"),
        (79, "high"),
        (80, "critical"),
        (100, "critical"),
    ],
)
def test_bands(score: float, band: str) -> None:
    assert POLICY.band(score) == Severity(band)


def test_the_sum_is_clamped_at_100() -> None:
    found = one(
        started(
            f"{TEMP}svc.exe",
            f"x -enc dwBoAG8AYQBtAGkA {URL} while",
            parent=WORD,
            version_info={"original_file_name": "MSHTA.EXE"},
        ),
        *contact(f"{TEMP}svc.exe"),
    )
    assert sum(points(found.ledger).values()) > 100
    assert (found.score, found.ledger[-1]["rule"], found.ledger[-1]["to"]) == (100, "sum.clamp", 100)


def test_the_sum_is_clamped_at_0() -> None:
    agent = "C:\\Program Files (x86)\\Microsoft Intune Management Extension\\AgentExecutor.exe"
    found = one(started(POWERSHELL, parent=agent), asked("x.example", cnames=("d1.azureedge.net",)))
    assert sum(points(found.ledger).values()) < 0
    assert (found.score, found.severity) == (0, Severity.INFORMATIONAL)


def test_half_a_point_is_rounded_up() -> None:
    policy = replace(POLICY, process={**POLICY.process, "shell": 15.5})
    programs = Programs(replace(packaged_programs().rules, severity=policy))
    found = one(*contact(POWERSHELL), programs=programs)
    assert (sum(points(found.ledger).values()), found.score) == (45.5, 46)


def test_the_ledger_prints_in_the_order_of_the_formula() -> None:
    found = one(
        started(f"{TEMP}powershell.exe", f"powershell -nop {URL}", parent=WORD),
        *(connected(30.001 * n, image=f"{TEMP}powershell.exe") for n in range(1, 7)),
        asked(image=f"{TEMP}powershell.exe"),
    )
    steps = list(dict.fromkeys(s["step"] for s in found.ledger))
    assert steps == ["platform", "process", "lineage", "path", "command", "behaviour", "sum", "floor"]


def test_the_digest_is_of_the_steps() -> None:
    first, second = one(*contact(POWERSHELL)), one(*contact(CURL))
    assert digest(first.ledger) == digest(one(*contact(POWERSHELL)).ledger)
    assert digest(first.ledger) != digest(second.ledger)
    assert digest(first.ledger).startswith("sha256:")
    assert len(digest(first.ledger)) == len("sha256:") + 64


def test_a_process_is_judged_alike_for_each_of_its_tenants() -> None:
    line = f"powershell -nop {URL}"
    found = graded(started(POWERSHELL, line), asked(), asked("a.other-lab.workers.dev"), connected())
    shared = [{r: p for r, p in points(g.ledger).items() if not r.startswith(("platform.", "command.url"))} for g in found]
    assert len(found) == 2
    assert shared[0] == shared[1]
    assert {g.facts.signal.host: "command.url" in points(g.ledger) for g in found} == {
        RELAY: True,
        "a.other-lab.workers.dev": False,
    }


# --- caps -----------------------------------------------------------------------------------------------------------


def test_a_context_platform_alone_is_at_most_low() -> None:
    found = one(started(f"{SYSTEM32}mshta.exe"), *contact(f"{SYSTEM32}mshta.exe", CDN))
    assert sum(points(found.ledger).values()) == 27, "so nothing had to be cut"
    assert caps(found.ledger) == []
    beats = [connected(30.001 * n, image=f"{SYSTEM32}mshta.exe") for n in range(1, 7)]
    servers = Programs(replace(packaged_programs().rules, estate=Estate(entries=(Entry(hosts=("ws-*",), role="server"),))))
    cut = one(started(f"{SYSTEM32}mshta.exe"), asked(CDN, image=f"{SYSTEM32}mshta.exe"), *beats, programs=servers)
    assert (sum(points(cut.ledger).values()), cut.score, caps(cut.ledger)) == (45, 39, ["cap.context"])


@pytest.mark.parametrize(
    ("line", "score", "cut"),
    [
        pytest.param("mshta javascript:x", 52, ["cap.context"], id="signs of 25"),
        pytest.param(f"mshta javascript:https://{CDN}/x", 0, [], id="signs of 18 and above"),
    ],
)
def test_command_signs_lift_the_cap_of_context(line: str, score: float, cut: list[str]) -> None:
    """With the line's signs at 30 the platform is context no longer."""
    mshta = f"{SYSTEM32}mshta.exe"
    found = one(started(mshta, f"{line} FromBase64String"), *contact(mshta, CDN))
    told = sum(p for r, p in points(found.ledger).items() if r.startswith("command."))
    assert (caps(found.ledger) == cut) is True
    assert (told >= 30) is (not cut)
    assert sum(points(found.ledger).values()) == score or not cut


@pytest.mark.parametrize(
    ("line", "cut"), [("mshta javascript:x", []), ("mshta x", ["cap.context"])], ids=["signs of 30", "signs of 20"]
)
def test_the_line_and_the_lineage_together_lift_the_cap_of_context(line: str, cut: list[str]) -> None:
    mshta = f"{SYSTEM32}mshta.exe"
    beats = [connected(30.001 * n, image=mshta) for n in range(1, 7)]
    found = one(started(mshta, line, parent=f"{SYSTEM32}wbem\\WmiPrvSE.exe"), asked(CDN, image=mshta), *beats)
    assert sum(points(found.ledger).values()) > 39
    assert caps(found.ledger) == cut


@pytest.mark.parametrize(
    ("parent", "image", "cut"),
    [
        pytest.param(EXPLORER, POWERSHELL, [], id="45 points: nothing to cut"),
        pytest.param(f"{SYSTEM32}wbem\\WmiPrvSE.exe", f"{SYSTEM32}mshta.exe", ["cap.weak_name"], id="signs of 20"),
        pytest.param(f"{SYSTEM32}wbem\\WmiPrvSE.exe", "C:\\x\\y\\a.pdf.exe", [], id="signs of 40 lift it"),
        pytest.param(WORD, f"{TEMP}mshta.exe", [], id="signs of 45 lift it"),
    ],
)
def test_a_weak_name_is_at_most_medium(parent: str, image: str, cut: list[str]) -> None:
    found = one(started(image, parent=parent), connected(image=image, hostname=RELAY))
    assert caps(found.ledger) == cut
    assert (found.score == 59) is bool(cut)


def test_a_strong_name_is_not_capped() -> None:
    assert not any(s["step"] == "cap" for s in one(*contact(POWERSHELL)).ledger)


@pytest.mark.parametrize(
    ("line", "parent", "capped"),
    [
        pytest.param("chrome", EXPLORER, True, id="a person's browser"),
        pytest.param("chrome", None, True, id="parent not known"),
        pytest.param("chrome --headless", EXPLORER, False, id="unseen"),
        pytest.param("chrome --remote-debugging-port=1", EXPLORER, False, id="by remote control"),
        pytest.param("chrome --remote-debugging-address=::", EXPLORER, False, id="by any other switch of remote control"),
        pytest.param("chrome", f"{TEMP}x.exe", False, id="a parent away from home"),
        pytest.param("chrome", f"{SYSTEM32}wscript.exe", False, id="a script host"),
        pytest.param("chrome", f"{SYSTEM32}rundll32.exe", False, id="a lolbin"),
        pytest.param("chrome", CMD, True, id="a shell at home"),
    ],
)
def test_a_verified_browser_is_informational(line: str, parent: str | None, *, capped: bool) -> None:
    found = one(started(CHROME, line, parent=parent), *contact(CHROME))
    assert caps(found.ledger) == (["cap.browser"] if capped else [])
    assert found.benign_browser is capped
    assert (found.verdict is Verdict.BENIGN) is capped
    assert (found.score <= 19) is capped


def test_a_browser_below_the_cap_is_still_benign() -> None:
    found = one(asked("x.example", cnames=("app.azurewebsites.net",), image=CHROME))
    assert (found.score, caps(found.ledger), found.verdict) == (10, [], Verdict.BENIGN)
    assert next(s for s in found.ledger if s["rule"] == "cap.browser")["evidence"].endswith("nothing to cut")


# --- verdict --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "signs", "benign", "tuned", "expected"),
    [
        (80, 0, False, False, "malicious"),
        (79, 39, False, False, "suspicious"),
        (79, 40, False, False, "malicious"),
        (60, 40, False, False, "malicious"),
        (59, 100, False, False, "suspicious"),
        (40, 0, False, False, "suspicious"),
        (39, 100, False, False, "unknown"),
        (39, 0, True, False, "benign"),
        (39, 0, False, True, "benign"),
        (40, 0, True, True, "suspicious"),
        (0, 0, False, False, "unknown"),
    ],
)
def test_verdicts(score: float, signs: float, benign: bool, tuned: bool, expected: str) -> None:  # noqa: FBT001 - a truth table
    assert verdict(score, signs, POLICY, benign=benign, tuned=tuned) == Verdict(expected)


def test_signs_of_the_line_do_not_make_it_malicious() -> None:
    line = f"powershell -nop -w hidden -ep bypass -enc dwBoAG8AYQBtAGkA; while(1){{iwr {URL}}}"
    found = one(started(POWERSHELL, line), connected(hostname=RELAY))
    assert found.score >= 60
    assert found.verdict is (Verdict.MALICIOUS if found.score >= 80 else Verdict.SUSPICIOUS)


# --- confidence -----------------------------------------------------------------------------------------------------

EVERYTHING = Asked(owner=True, history=True, estate=True)
CREATED = started(POWERSHELL, "powershell", parent=CMD)


def owner(status: Status) -> Enrichment:
    return Enrichment(source="asn", about=ADDRESS, status=status)


@pytest.mark.parametrize(
    ("events", "confidence"),
    [
        pytest.param([CREATED, *contact(POWERSHELL)], 1.0, id="all three"),
        pytest.param([started(POWERSHELL, "powershell"), *contact(POWERSHELL)], 0.83, id="no parent"),
        pytest.param([started(POWERSHELL, None, parent=CMD), *contact(POWERSHELL)], 0.83, id="no line"),
        pytest.param([*contact(POWERSHELL)], 0.67, id="a connection only"),
        pytest.param([CREATED, asked()], 0.67, id="no connection: 0.8 × 5/6"),
        pytest.param([connected(hostname=RELAY)], 0.33, id="event 3 alone: 0.5 × 2/3"),
    ],
)
def test_confidence_offline(events: list[Event], confidence: float) -> None:
    assert one(*events).confidence == confidence


@pytest.mark.parametrize(
    ("status", "confidence"),
    [
        (Status.OK, 1.0),
        (Status.STALE, 1.0),
        (Status.TIMEOUT, 0.88),
        (Status.NEGATIVE, 0.88),
        (Status.DISABLED, 1.0),
        (Status.NOT_APPLICABLE, 1.0),
    ],
)
def test_the_owner_counts_only_where_it_was_asked_for(status: Status, confidence: float) -> None:
    facts = facts_of(CREATED, *contact(POWERSHELL), answers=[owner(status)])
    assert grade(facts, packaged_programs(), Asked(owner=True))[0].confidence == confidence
    assert grade(facts, packaged_programs(), Asked())[0].confidence == 1.0


def test_what_is_not_known_of_what_was_asked() -> None:
    found = grade(facts_of(CREATED, *contact(POWERSHELL), answers=[owner(Status.OK)]), packaged_programs(), EVERYTHING)[0]
    assert found.confidence == 0.83, "4 of 6: history and role are not known"


# --- missing --------------------------------------------------------------------------------------------------------


def missing(*events: Event, asking: Asked | None = None) -> set[str]:
    """The first words of what is missing."""
    return {line.partition(":")[0] for line in one(*events, asking=asking).missing}


COMPLETE = [CREATED, *contact(POWERSHELL), *(connected(30.001 * n) for n in range(1, 7))]


@pytest.mark.parametrize(
    ("events", "lacking"),
    [
        pytest.param(COMPLETE, set(), id="complete"),
        pytest.param(
            [*contact(POWERSHELL), *(connected(30.001 * n) for n in range(1, 7))],
            {"process start", "command line", "parent process"},
            id="no event 1",
        ),
        pytest.param(
            [started(None, "x", parent=CMD), asked(image=None), *(connected(30.001 * n, image=None) for n in range(6))],
            {"image"},
            id="no image",
        ),
        pytest.param([started(POWERSHELL, "x"), *COMPLETE[1:]], {"parent process"}, id="no parent"),
        pytest.param([started(POWERSHELL, None, parent=CMD), *COMPLETE[1:]], {"command line"}, id="no line"),
        pytest.param([CREATED, asked()], {"connection", "rhythm"}, id="no connection"),
        pytest.param([CREATED, connected(hostname=RELAY)], {"the name asked for", "rhythm"}, id="no query"),
        pytest.param([CREATED, *contact(POWERSHELL)], {"rhythm"}, id="one contact"),
        pytest.param([CREATED, *contact(POWERSHELL, "script.google.com")], {"tenant", "rhythm"}, id="no tenant"),
        pytest.param(
            [
                started(POWERSHELL, " ".join(f"https://t{n}.example-lab.workers.dev" for n in range(60)), parent=CMD),
                *COMPLETE[1:],
            ],
            {"names"},
            id="more names in the line than are followed",
        ),
    ],
)
def test_missing(events: list[Event], lacking: set[str]) -> None:
    assert missing(*events) - {"history"} == lacking


def test_missing_of_what_was_asked() -> None:
    assert "history" in missing(*COMPLETE)
    assert "estate role" in missing(*COMPLETE, asking=EVERYTHING)
    assert "estate role" not in missing(*COMPLETE)


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.RATE_LIMITED, Status.ERROR])
def test_an_unanswered_look_up_is_missing(status: Status) -> None:
    enrichment = replace(owner(status), reason="no answer in 5 s")
    found = grade(facts_of(*COMPLETE, answers=[enrichment]), packaged_programs(), Asked(owner=True))[0]
    assert f"asn of {ADDRESS}: no answer in 5 s" in found.missing
    off = grade(facts_of(*COMPLETE, answers=[owner(Status.DISABLED)]), packaged_programs(), Asked())[0]
    assert "owner of the address: look-ups are switched off" in off.missing


# --- suspicious -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (POWERSHELL, True),
        (CURL, True),
        ("C:\\Program Files\\v\\app.exe", False),
        (WORD, False),
        (CHROME, False),
        (f"{TEMP}app.exe", True),
        (None, False),
    ],
)
def test_is_suspicious(image: str | None, *, expected: bool) -> None:
    """A tool, or a program that hides what it is."""
    assert one(asked(image=image, guid=guid(1))).is_suspicious is expected
