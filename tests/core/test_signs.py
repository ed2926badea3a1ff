"""Every sign of the severity model as a truth table: what it takes, and the one thing less that gives nothing."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from enricher.core.estate import Entry, Estate
from enricher.core.grade import Graded
from enricher.core.programs import Programs
from enricher.model import Event
from tests.fakes import (
    CHROME,
    CMD,
    CURL,
    EXPLORER,
    NODE,
    POWERSHELL,
    RELAY,
    SYSTEM32,
    asked,
    connected,
    graded,
    guid,
    packaged_programs,
    points,
    script,
    started,
)

URL = f"https://{RELAY}/x"
TEMP = "C:\\Users\\r\\AppData\\Local\\Temp\\"
DESKTOP = "C:\\Users\\r\\Desktop\\"
PYTHON = "C:\\Program Files\\Python312\\python.exe"
BLOB = "dwBoAG8AYQBtAGkAIAAvAGEAbABsAA=="


def of(image: str, line: str | None = None, *others: Event, **more: Any) -> Graded:
    """The grade of a process that asks for the relay and connects to it."""
    seen = {"image": image}
    return graded(started(image, line, **more), asked(**seen), connected(**seen), *others)[0]


def taken(image: str, line: str | None = None, *others: Event, **more: Any) -> dict[str, float]:
    """Its rules with their points, without those of the platform and the class."""
    found = points(of(image, line, *others, **more).ledger)
    return {rule: amount for rule, amount in found.items() if not rule.startswith(("platform.", "process."))}


# --- platform -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rule", "amount"),
    [
        ("relay.example-lab.workers.dev", "platform.score", 30),
        ("app.vercel.app", "platform.score", 18),
        ("us-central1-p.cloudfunctions.net", "platform.score", 24),
        ("d111111abcdef8.cloudfront.net", "platform.context", 2),
    ],
)
def test_platform(name: str, rule: str, amount: float) -> None:
    found = graded(asked(name), connected())[0]
    assert points(found.ledger)[rule] == pytest.approx(amount)


def test_the_factor_weighs_the_name() -> None:
    assert points(graded(connected(hostname=RELAY))[0].ledger)["platform.score"] == 15
    assert points(graded(asked("x.example", cnames=(RELAY,)))[0].ledger)["platform.score"] == 9


# --- identity and path ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "line", "info", "expected", "words"),
    [
        pytest.param(
            "C:\\Program Files\\v\\svc.exe",
            None,
            {"original_file_name": "PowerShell.EXE"},
            {"identity.renamed": 30},
            ("renamed",),
            id="renamed",
        ),
        pytest.param(
            f"{TEMP}chrome.exe",
            None,
            {"original_file_name": "chrome.exe", "company": "x"},
            {"identity.browser_outside": 30, "path.image_writable": 15},
            ("masquerade", "user_writable"),
            id="a browser outside",
        ),
        pytest.param(
            "C:\\x\\svchost.exe",
            None,
            {"original_file_name": "svchost.exe"},
            {"identity.system_outside": 30},
            ("masquerade",),
            id="a system program outside",
        ),
        pytest.param(
            "C:\\x\\y\\invoice.pdf.exe",
            None,
            {},
            {"identity.double_extension": 20},
            ("double_extension",),
            id="double extension",
        ),
        pytest.param(
            "C:\\x\\y\\tool.exe",
            None,
            {"original_file_name": None, "company": None},
            {"identity.no_version": 8},
            ("no_version",),
            id="no version",
        ),
        pytest.param(f"{TEMP}tool.exe", None, {}, {"path.image_writable": 15}, ("user_writable",), id="writable image"),
        pytest.param(
            f"{DESKTOP}tool.exe",
            None,
            {},
            {"path.image_writable_more": 15},
            ("user_writable",),
            id="image where people work",
        ),
        pytest.param(PYTHON, f"python {TEMP}x.py", {}, {"path.script_writable": 15}, (), id="writable script"),
        pytest.param(PYTHON, f"python {DESKTOP}x.py", {}, {}, (), id="script where people work: in shadow"),
        pytest.param(
            PYTHON, f"python {DESKTOP}x.py {TEMP}y.py", {}, {"path.script_writable": 15}, (), id="the worst script"
        ),
        pytest.param(CURL, f"curl {TEMP}x.py", {}, {}, (), id="a transfer runs no files"),
        pytest.param(PYTHON, f"python {TEMP}x.txt", {}, {}, (), id="no script"),
        pytest.param(PYTHON, "python C:\\src\\x.py", {}, {}, (), id="a script elsewhere"),
    ],
)
def test_identity_and_path(
    image: str, line: str | None, info: dict[str, str | None], expected: dict[str, float], words: tuple[str, ...]
) -> None:
    assert taken(image, line, version_info=info) == expected
    assert of(image, line, version_info=info).identity == words


def test_a_sign_in_shadow_is_printed_and_not_counted() -> None:
    found = of(PYTHON, f"python {DESKTOP}x.py")
    step = next(s for s in found.ledger if s["rule"] == "path.script_writable_more")
    assert (step["taken"], step["points"]) == (False, 15)
    assert step["evidence"].endswith("; in shadow")
    quiet = of(PYTHON, f"python {DESKTOP}x.py", *beats(PYTHON))
    assert "behaviour.periodic" not in points(quiet.ledger), "nor do others count because of it"


# --- command lines --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "line", "expected"),
    [
        pytest.param(POWERSHELL, f"powershell -enc {BLOB}", {"command.encoded": 15}, id="encoded, shell"),
        pytest.param(PYTHON, "python " + "A" * 120, {"command.encoded": 15}, id="encoded, runtime"),
        pytest.param(f"{SYSTEM32}mshta.exe", "x FromBase64String(", {"command.encoded": 15}, id="encoded, script host"),
        pytest.param(CURL, "curl " + "A" * 120, {}, id="encoded, transfer"),
        pytest.param(POWERSHELL, "powershell -nop", {"command.flags": 5}, id="one flag"),
        pytest.param(POWERSHELL, "powershell -nop -w hidden", {"command.flags": 10}, id="two flags"),
        pytest.param(
            POWERSHELL, "powershell -nop -w hidden -ep bypass -c iex", {"command.flags": 15}, id="four flags, at most 15"
        ),
        pytest.param(PYTHON, "python -nop -w hidden", {}, id="flags of no shell"),
        pytest.param(f"{SYSTEM32}mshta.exe", "mshta javascript:x", {"command.inline": 10}, id="inline, script host"),
        pytest.param(f"{SYSTEM32}certutil.exe", "certutil -urlcache x", {"command.inline": 10}, id="inline, downloader"),
        pytest.param(CMD, "cmd /c bitsadmin /transfer x", {"command.inline": 10}, id="inline, shell"),
        pytest.param(PYTHON, "python javascript:x", {}, id="inline, runtime"),
        pytest.param(CURL, f"curl {URL}", {"command.url": 8}, id="a URL"),
        pytest.param(CURL, "curl https://a.other-lab.example", {}, id="another host's URL"),
        pytest.param("C:\\Program Files\\v\\x.exe", f"x {URL}", {}, id="a URL, no tool"),
        pytest.param(PYTHON, f"python while 1: {URL}", {"command.url": 8, "command.loop": 10}, id="a URL in a loop"),
        pytest.param(PYTHON, "python while 1: x", {}, id="a loop without the host"),
    ],
)
def test_command(image: str, line: str, expected: dict[str, float]) -> None:
    assert taken(image, line) == expected


def test_a_decoded_line_and_a_script_are_read_too() -> None:
    encoded = "powershell -enc " + b64encode(f"1..9|%{{iwr {URL}}}".encode("utf-16-le")).decode()
    assert taken(POWERSHELL, encoded) == {"command.encoded": 15, "command.url": 8, "command.loop": 10}
    assert taken(POWERSHELL, "powershell -File x", script(f"while($true){{iwr {URL}}}")) == {
        "command.url": 8,
        "command.loop": 10,
    }


def test_an_ancestors_line_counts_where_it_names_the_same_host() -> None:
    under = {"parent": CMD, "parent_line": f"cmd /c for /l %i in (1,1,5) do curl {URL}"}
    assert taken(CURL, "curl x", **under) == {"command.url": 8, "command.loop": 10}
    other = {"parent": CMD, "parent_line": "cmd /c -nop for /l %i in (1,1,5) do curl https://a.example/"}
    assert taken(CURL, "curl x", **other) == {}


def test_a_line_is_judged_by_the_class_of_the_process_it_belongs_to() -> None:
    under = {"parent": PYTHON, "parent_line": f"python -nop -w hidden {URL}"}
    assert taken(CURL, "curl x", **under) == {"command.url": 8}, "flags are a shell's"


def test_a_management_agents_flags_are_its_habit() -> None:
    agent = "C:\\Program Files (x86)\\Microsoft Intune Management Extension\\AgentExecutor.exe"
    found = of(POWERSHELL, f"powershell -nop -w hidden {URL}", parent=agent)
    assert points(found.ledger)["lineage.management"] == -20
    refused = next(s for s in found.ledger if s["rule"] == "command.flags")
    assert (refused["taken"], refused["points"]) == (False, 10)
    renamed = of(POWERSHELL, f"powershell -nop {URL}", parent=agent, version_info={"original_file_name": "Cmd.Exe"})
    assert "lineage.management" not in points(renamed.ledger), "the process hides what it is"
    assert "refused" in next(s["evidence"] for s in renamed.ledger if s["rule"] == "lineage.management")


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        (PYTHON, 20),
        (CMD, 20),
        (None, 0),
        (EXPLORER, 0),
        (f"{SYSTEM32}sihost.exe", 0),
        (f"{SYSTEM32}userinit.exe", 0),
        (f"{SYSTEM32}RuntimeBroker.exe", 0),
        (f"{SYSTEM32}svchost.exe", 0),
        (CHROME, 0),
        ("C:\\Program Files\\V\\code.exe", 0),
        ("C:\\x\\code.exe", 20),
    ],
)
def test_a_driven_browser(parent: str | None, expected: float) -> None:
    for switch in ("--headless", "--remote-debugging-port=9222", "--remote-debugging-pipe"):
        assert taken(CHROME, f"chrome {switch}", parent=parent).get("command.headless", 0) == expected
    assert "command.headless" not in taken(CHROME, "chrome", parent=parent)


# --- lineage --------------------------------------------------------------------------------------------------------


def test_the_largest_of_each_sign_counts_and_the_others_are_printed() -> None:
    word = "C:\\Program Files\\Microsoft Office\\WINWORD.EXE"
    parent = started(f"{SYSTEM32}mshta.exe", "mshta", guid=guid(2), pid=2, parent=word)
    found = of(CMD, "cmd", parent, parent_guid=guid(2), parent=f"{SYSTEM32}mshta.exe")
    kin = {s["rule"]: s["taken"] for s in found.ledger if s["step"] == "lineage"}
    assert kin == {"lineage.office_child": True, "lineage.lolbin_child": False}
    assert points(found.ledger)["lineage.office_child"] == 30


def test_a_negative_rule_counts_beside_a_positive_one() -> None:
    runner = "C:\\actions-runner\\Runner.Worker.exe"
    parent = started(NODE, "node npm-cli.js ci", guid=guid(2), pid=2, parent=runner)
    line = "cmd /c node C:\\x\\npm-cli.js ci"
    found = points(of(CMD, line, parent, parent_guid=guid(2), parent=NODE).ledger)
    assert found["lineage.install_hook"] == 15
    assert found["lineage.ci"] == -15


# --- behaviour, DNS, context ----------------------------------------------------------------------------------------


def beats(image: str) -> list[Event]:
    return [connected(30.001 * n, image=image) for n in range(1, 7)]


@pytest.mark.parametrize(
    ("image", "line", "counts"),
    [
        pytest.param(POWERSHELL, "powershell", True, id="other signs of 15"),
        pytest.param(PYTHON, "python", False, id="other signs of 10 are not more than 10"),
        pytest.param("C:\\Program Files\\v\\agent.exe", "agent", False, id="an agent is periodic too"),
    ],
)
def test_periodic_counts_only_beside_other_signs(image: str, line: str, *, counts: bool) -> None:
    found = of(image, line, *beats(image))
    step = next(s for s in found.ledger if s["rule"] == "behaviour.periodic")
    assert (step["taken"], step["points"]) == (counts, 10)


def test_dns_anomalies_together_give_at_most_ten() -> None:
    rotation: list[Event] = [asked(f"c2.t{n}.workers.dev", n, answers=("104.21.9.9",)) for n in range(9)]
    failing: list[Event] = [asked("c2.t0.workers.dev", 20 + n, status=9003, answers=()) for n in range(5)]
    found = next(g for g in graded(*rotation, *failing) if g.facts.signal.host == "c2.t0.workers.dev")
    dns = [(s["rule"], s["points"], s["taken"]) for s in found.ledger if s["step"] == "dns"]
    assert dns == [("dns.tenant_rotation", 10, True), ("dns.failed_burst", 8, False)]
    burst = graded(
        *failing, asked("c2.t0.workers.dev", 90, answers=("104.21.9.9",)), connected(95, ip="198.51.100.7", guid=guid(9))
    )[0]
    assert [s["points"] for s in burst.ledger if s["step"] == "dns"] == [8, 2]


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("server", 8),
        ("domain_controller", 8),
        ("jump_host", 8),
        ("workstation", 0),
        ("developer", 0),
        ("build", 0),
        (None, 0),
    ],
)
def test_context(role: str | None, expected: float) -> None:
    estate = Estate(entries=(Entry(hosts=("ws-fin-*",), role=role),))
    programs = Programs(replace(packaged_programs().rules, estate=estate))
    strong = graded(asked(), connected(), programs=programs)[0]
    assert points(strong.ledger).get("context.server", 0) == expected
    weak = graded(asked(image=PYTHON), connected(image=PYTHON), programs=programs)[0]
    assert "context.server" not in points(weak.ledger), "other signs are not more than 10"
