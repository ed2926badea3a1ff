"""The families, filled for the corpus' benign cases: those grade low at most, and no malicious case moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from enricher.content import load
from enricher.content.families import TO_FILL, Family, People, families, fill, read_rules
from enricher.core.document import CaseDocument
from enricher.core.programs import Programs
from enricher.errors import ConfigurationError
from enricher.lookups import NoLookups
from enricher.model import Alert, Severity
from enricher.wiring.corpus import cases
from enricher.wiring.flow import Flow
from enricher.wiring.live import load_content

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PEOPLE = People(owner="team-x", approver="soc-detection", ticket="SEC-1")
ESTATE = """\
hosts:
  - {hosts: ['ws-fin-*'], groups: [developers]}
  - {hosts: ['ci-run-*'], groups: [build]}
"""

NODE = r"C:\Program Files\nodejs\node.exe"
PYTHON = r"C:\Users\*\AppData\Local\Programs\Python\Python311\python.exe"
CODE = r"C:\Users\*\AppData\Local\Programs\Microsoft VS Code\Code.exe"
HYBRID = r"C:\Packages\Plugins\Microsoft.Azure.Automation.HybridWorker.HybridWorkerForWindows\*\HybridWorkerPackage\HybridWorkerAgent"
INTUNE = r"C:\Program Files (x86)\Microsoft Intune Management Extension"
PYTHON_HASH = "63040c1a38b29dd20d3b18a51c0a4ef803917304dc8057cda42a06d97cc665db"

FILLED: dict[str, tuple[str, dict[str, str]]] = {
    "benign/node-vite-dev-server": (
        "development",
        {
            "tenant": "storefront-api-git-main-acme.vercel.app",
            "image": NODE,
            "ancestor": CODE,
            "tool": r"C:\Users\*\source\repos\storefront\node_modules\.bin\\..\vite\bin\vite.js",
        },
    ),
    "benign/node-webpack-dev-server": (
        "development",
        {
            "tenant": "portal-bff.netlify.app",
            "image": NODE,
            "ancestor": r"C:\Program Files\JetBrains\WebStorm *\bin\webstorm64.exe",
            "tool": r"C:\dev\portal\node_modules\webpack\bin\webpack.js serve",
        },
    ),
    "benign/serverless-framework-deploy": (
        "development",
        {
            "tenant": "q1w2e3r4t5.execute-api.eu-west-1.amazonaws.com",
            "image": NODE,
            "ancestor": r"C:\Program Files\WindowsApps\Microsoft.WindowsTerminal_*\WindowsTerminal.exe",
            "tool": r"C:\Users\*\AppData\Roaming\npm\node_modules\serverless\bin\serverless.js",
        },
    ),
    "benign/aws-sam-sync": (
        "development",
        {
            "tenant": "z9y8x7w6v5.execute-api.us-east-1.amazonaws.com",
            "image": r"C:\Program Files\Amazon\AWSSAMCLI\runtime\python.exe",
            "ancestor": r"C:\Windows\System32\cmd.exe",
            "tool": "-m samcli sync",
        },
    ),
    "benign/pytest-vscode": (
        "development",
        {
            "tenant": "billing-it-483920117465.europe-west1.run.app",
            "image": PYTHON,
            "ancestor": CODE,
            "tool": r"c:\Users\amartin\.vscode\extensions\ms-python.python-*\python_files\vscode_pytest\run_pytest_script.py",
        },
    ),
    "benign/pytest-pycharm": (
        "development",
        {
            "tenant": "claims-it-b7dkf2hch6g0a3ev.westeurope-01.azurewebsites.net",
            "image": PYTHON,
            "ancestor": r"C:\Program Files\JetBrains\PyCharm *\bin\pycharm64.exe",
            "tool": "C:/Program Files/JetBrains/PyCharm */plugins/python-ce/helpers/pycharm/_jb_pytest_runner.py",
        },
    ),
    "benign/pytest-ci-runner": (
        "development",
        {
            "tenant": "m4n5b6v7c8x9z0q1w2e3r4t5y6u7i8oa.lambda-url.eu-west-1.on.aws",
            "image": r"C:\actions-runner\_work\_tool\Python\*\x64\python.exe",
            "ancestor": r"C:\actions-runner\bin\Runner.Worker.exe",
            "tool": "-m pytest",
            "group": "build",
        },
    ),
    "benign/powershell-dsc-wmiprvse-hosted": (
        "dsc-hosted",
        {"tenant": "corp-dsc-drift.azurewebsites.net", "hosts": "srv-app-*"},
    ),
    "benign/powershell-dsc-wmiprvse-child": (
        "automation",
        {
            "tenant": "corp-dsc-drift.azurewebsites.net",
            "script": r"C:\Program Files\CorpOps\Drift\Send-DriftReport.ps1",
        },
    ),
    "benign/azure-automation-hybrid-worker": (
        "automation",
        {
            "tenant": "ops-provision.azurewebsites.net",
            "image": r"C:\Program Files\PowerShell\7\pwsh.exe",
            "script": r"C:\ProgramData\Microsoft\System Center\Orchestrator\7.2\SMA\Sandboxes\*\Temp\runbook.ps1",
            "parent": rf"{HYBRID}\Orchestrator.Sandbox.exe",
            "grandparent": rf"{HYBRID}\Microsoft.Automation.HybridWorkerService.exe",
        },
    ),
    "benign/intune-management-extension": (
        "automation",
        {
            "tenant": "corp-inventory.azurewebsites.net",
            "script": rf"{INTUNE}\Policies\Scripts\*.ps1",
            "parent": rf"{INTUNE}\AgentExecutor.exe",
            "grandparent": rf"{INTUNE}\Microsoft.Management.Services.IntuneWindowsAgent.exe",
        },
    ),
    "benign/edr-agent-python": (
        "agent",
        {
            "tenant": "us-central1-contoso-ti-prod.cloudfunctions.net",
            "folder": r"C:\Program Files\Contoso Sensor",
            "runtime": r"python\python.exe",
            "service": "ContosoSensorSvc.exe",
            "script": r"plugins\ti_enrich.pyz",
            "sha256": PYTHON_HASH,
        },
    ),
    "benign/soar-connector-node": (
        "agent",
        {
            "tenant": "fabrikam-edge.workers.dev",
            "folder": r"C:\Program Files\Fabrikam SOAR",
            "runtime": r"runtime\node.exe",
            "service": r"bin\FabrikamConnector.exe",
            "script": r"connectors\enrich\index.js",
            "sha256": "5a6a02a9462a6d7881b32c50977cc795d181fbaf26c4f6d1acbbef5a550cb6c8",
            "user": r"CORP\svc-soar$",
        },
    ),
}
"""Benign case → its family, and what a detection engineer would fill in after reading the case."""

UPTIME = {
    "folder": r"C:\Program Files\Contoso Uptime",
    "runtime": r"runtime\node.exe",
    "service": r"bin\UptimeSvc.exe",
    "script": r"probe\index.js",
    "sha256": "a9f3034ad8b0727c2454bbcd86a09ba62ef59493ffccf98edaef22ab87a57a68",
    "user": r"NT AUTHORITY\NETWORK SERVICE",
}
UNTUNED = {"benign/browsers"}
"""Benign cases that are informational by themselves."""


def example(family: Family) -> dict[str, str]:
    """A family's own examples."""
    return {name: gap.example for name, gap in family.file.placeholders.items() if gap.example}


def live(text: str) -> str:
    return text.replace("  mode: shadow\n", "  mode: live\n")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The content of a house with every family filled, and live."""
    known = families(None)
    folder = tmp_path_factory.mktemp("house")
    (folder / "tuning").mkdir()
    (folder / "estate.yml").write_text(ESTATE, encoding="utf-8")
    for name, (family, values) in FILLED.items():
        text = fill(known[family], values, PEOPLE, TODAY)
        (folder / "tuning" / f"{name.partition('/')[2]}.yml").write_text(live(text), encoding="utf-8")
    for number in range(1, 10):
        values = UPTIME | {"tenant": f"shop-{number:02}-status.vercel.app"}
        text = live(fill(known["agent"], values, PEOPLE, TODAY))
        (folder / "tuning" / f"uptime-{number}.yml").write_text(text, encoding="utf-8")
    return load_content(folder, today=TODAY)


def judged(alert: Alert, programs: Programs) -> list[CaseDocument]:
    found: list[CaseDocument] = Flow(lambda: programs, NoLookups(), None, owner=False).explain_alert(alert, NOW)["cases"]
    return found


def untuned(programs: Programs) -> Programs:
    return Programs(replace(programs.rules, tuning=()))


BENIGN = dict(cases("benign"))
MALICIOUS = dict(cases("malicious"))


def test_every_benign_case_with_a_finding_has_its_rule() -> None:
    assert {name for name, alert in BENIGN.items()} == FILLED.keys() | UNTUNED | {"dns-anomalies/busy-benign"}


@pytest.mark.parametrize("name", sorted(BENIGN))
def test_benign_cases_grade_low_at_most(name: str, tuned: Programs) -> None:
    found = judged(BENIGN[name], tuned)
    assert found
    assert {case["severity"] for case in found} <= {"informational", "low"}
    for case in found:
        matched = [exception["rule"] for exception in case["exceptions"] if exception["mode"] == "live"]
        assert len(matched) == (0 if name in UNTUNED else 1)
        assert name in UNTUNED or case["verdict"] == ("benign" if case["raw_score"] < 40 else "suspicious")


def test_the_one_that_needs_it_is_medium_without(tuned: Programs) -> None:
    (case,) = judged(BENIGN["benign/powershell-dsc-wmiprvse-child"], tuned)
    assert (case["raw_severity"], case["raw_score"], case["severity"], case["score"]) == ("medium", 58, "low", 39)


@pytest.mark.parametrize("name", sorted(MALICIOUS))
def test_no_malicious_case_moves(name: str, tuned: Programs) -> None:
    def answer(programs: Programs) -> list[tuple[str, int, str, str]]:
        return [(c["key"], c["score"], c["severity"], c["verdict"]) for c in judged(MALICIOUS[name], programs)]

    found = answer(tuned)
    assert found
    assert found == answer(untuned(tuned))


@pytest.mark.parametrize("name", sorted(families(None)))
def test_a_family_filled_with_its_own_examples_is_sound(name: str) -> None:
    family = families(None)[name]
    text = fill(family, example(family), PEOPLE, TODAY)
    (rule,), problems = read_rules(text, load(None).catalog)
    assert problems == []
    assert (rule.mode, rule.created, rule.expires) == ("shadow", TODAY, date(2027, 2, 22))
    assert rule.cap_at in {Severity.LOW, Severity.INFORMATIONAL}
    (written,) = yaml.safe_load(text)
    changed = [set(test) for test in written["tests"]["must_not"]]
    named = {"tenant", "image", "user", "parents", "command_line", "hashes", "groups", "host", "identity"}
    assert {"tenant", "image", "parents", "identity"} <= set().union(*changed) <= named
    needs = {"chain": "parents", "ancestor": "parents", "parent": "parents", "hash": "hashes"}
    for condition in rule.conditions:
        assert {needs.get(condition, condition)} in changed, f"nothing guards {condition}"


@pytest.mark.parametrize("name", sorted(families(None)))
def test_until_somebody_answers_for_it_it_does_not_load(name: str) -> None:
    family = families(None)[name]
    text = fill(family, example(family), People(), TODAY)
    assert text.count(TO_FILL) == 3
    rules, problems = read_rules(text, load(None).catalog)
    assert rules == []
    assert [problem.partition("0.")[2][:6] for problem in problems] == ["ticket"]
    ticketed = fill(family, example(family), People(ticket="SEC-1"), TODAY)
    assert "owns it and approves it" in read_rules(ticketed, load(None).catalog)[1][0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"tenant": ""}, "automation needs --set tenant=…", id="an empty value"),
        pytest.param({"tennant": "x"}, "automation has no tennant; there are tenant, script, image", id="a slip"),
    ],
)
def test_gaps_are_named(changed: dict[str, str], said: str) -> None:
    family = families(None)["automation"]
    with pytest.raises(ValueError, match=said):
        fill(family, example(family) | changed, PEOPLE, TODAY)


def test_a_value_is_data() -> None:
    """Neither YAML, nor a pattern, nor another gap."""
    family = families(None)["automation"]
    script = r"C:\Ops\a (b)+.'\"#: [x] ${tenant} .ps1"
    text = fill(family, example(family) | {"script": script.replace('"', "")}, PEOPLE, TODAY)
    (rule,), problems = read_rules(text, load(None).catalog)
    assert problems == []
    line = rule.matchers["command_line"]
    assert line.matches(f'powershell -File "{script.replace(chr(34), "")}"')
    assert not line.matches(r"powershell -File C:\Ops\a b.ps1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("about: x\nplaceholders: {}\nrule: {reason: '${who}'}\n", "families/own.yml:3: rule: ${who} is none", id="a gap unknown"),
        pytest.param("about: x\nrule: {}\n", "families/own.yml:1: 'placeholders' is missing", id="no placeholders"),
        pytest.param("- [\n", "families/own.yml:2: is not YAML", id="no YAML"),
    ],
)  # fmt: skip
def test_a_family_of_ones_own_that_cannot_be_read(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "families").mkdir()
    (tmp_path / "families/own.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        families(tmp_path)
    assert any(said in problem for problem in caught.value.problems)
