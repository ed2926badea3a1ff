"""The lineage table, row by row: who starts whom, and the neighbours that give nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from enricher.core.lineage import kinships, known_tool
from enricher.core.programs import Program
from tests.fakes import CMD, EXPLORER, NODE, POWERSHELL, SVCHOST, SYSTEM32, packaged_programs, program

PROGRAMS = packaged_programs()
TEMP = "C:\\Users\\r\\AppData\\Local\\Temp\\"
OTHER = "C:\\Program Files\\Vendor\\other.exe"
HOME = "/" + "home/r"
AT = {"curl": "/usr/bin/curl", "java": "C:\\Program Files\\Java\\java.exe", "node": NODE, "explorer": EXPLORER}
"""Where programs lie that do not lie in System32."""


def at(name: str, line: str | None = None) -> Program:
    return program(AT.get(name, f"{SYSTEM32}{name}.exe"), line)


def rules(*chain: Program) -> list[str]:
    """Of a chain that begins at the process and goes up."""
    return [k.rule for k in kinships(chain[0], chain[1:], PROGRAMS)]


OFFICE = "winword excel powerpnt outlook olk onenote onenotem msaccess mspub visio acrord32 acrobat foxitreader eqnedt32"
SERVERS = "w3wp sqlservr tomcat9 tomcat nginx httpd apache apache2 php-fpm8.2 php-cgi"
ELEVATORS = (
    "fodhelper eventvwr sdclt sysprep wsreset computerdefaults slui changepk werfault osk taskmgr winlogon smss taskhostw taskeng "
    "spoolsv"
)

TABLE = [
    ("office_child", OFFICE, "mshta rundll32 certutil powershell"),
    ("server_shell", SERVERS, "cmd powershell curl"),
    ("browser_child", "chrome msedge firefox 7zfm 7zg winrar", "wscript mshta hh"),
    (
        "lolbin_child",
        "mshta wscript cscript rundll32 regsvr32 hh wmic msbuild installutil control",
        "cmd powershell curl wget node python regasm",
    ),
    ("wmi_child", "wmiprvse", "powershell cmd curl other notepad"),
    ("service_child", "services", "cmd python mshta rundll32 regsvr32 msbuild installutil regasm regsvcs"),
    ("server_any", "w3wp sqlservr", "whoami python notepad"),
    ("winrm_child", "wsmprovhost winrshost", "powershell cmd mshta"),
    ("elevated_child", ELEVATORS, "cmd powershell mshta"),
    ("no_network_app", "winword services python other", "notepad calc wordpad mspaint"),
]


@pytest.mark.parametrize(
    ("rule", "parent", "child"),
    [
        pytest.param(rule, parent, child, id=f"{rule}: {parent} → {child}")
        for rule, parents, children in TABLE
        for parent, child in (
            *((p, children.split()[0]) for p in parents.split()),
            *((parents.split()[0], c) for c in children.split()),
        )
    ],
)
def test_the_table(rule: str, parent: str, child: str) -> None:
    assert rule in rules(at(child), at(parent))
    assert rule not in rules(at(child), at("explorer"))


@pytest.mark.parametrize(
    ("rule", "parent", "child"),
    [
        ("office_child", "winword", "python"),
        ("office_child", "winword", "curl"),
        ("server_shell", "w3wp", "python"),
        ("browser_child", "chrome", "powershell"),
        ("browser_child", "winrar", "cmd"),
        ("lolbin_child", "rundll32", "rundll32"),
        ("lolbin_child", "mshta", "java"),
        *(
            ("wmi_child", "wmiprvse", c)
            for c in ["wmiprvse", "werfault", "conhost", "unsecapp", "wmiadap", "mofcomp", "csc"]
        ),
        ("service_child", "services", "curl"),
        ("service_child", "services", "svchost"),
        *(
            ("server_any", "w3wp", c)
            for c in ["w3wp", "sqlservr", "werfault", "conhost", "csc", "cvtres", "vbc", "cmd", "powershell"]
        ),
        ("server_any", "nginx", "python"),
        ("winrm_child", "wsmprovhost", "python"),
        ("elevated_child", "fodhelper", "python"),
        *(
            ("no_network_app", p, "notepad")
            for p in ["explorer", "cmd", "powershell", "pwsh", "userinit", "windowsterminal"]
        ),
    ],
)
def test_the_tables_neighbours(rule: str, parent: str, child: str) -> None:
    assert rule not in rules(at(child), at(parent))


@pytest.mark.parametrize(
    "word",
    [
        "catalina",
        "tomcat",
        "jboss",
        "wildfly",
        "weblogic",
        "websphere",
        "jetty",
        "coldfusion",
        "solr",
        "activemq",
        "confluence",
        "jira",
    ],
)
def test_java_servers(word: str) -> None:
    assert "server_shell" in rules(at("cmd"), at("java", f"java -jar C:\\x\\{word.upper()}.jar"))
    assert "server_shell" not in rules(at("cmd"), at("java", "java -jar C:\\x\\game.jar"))
    assert "server_shell" not in rules(at("cmd"), at("python", f"python {word}"))


# --- scheduled tasks ------------------------------------------------------------------------------------------------

SCHEDULE = program(SVCHOST, f"{SVCHOST} -k netsvcs -p -s Schedule")


@pytest.mark.parametrize(
    ("child", "rule"),
    [
        pytest.param(
            at("powershell", f"powershell -File {TEMP}x.ps1"), "task_writable", id="a script in a writable folder"
        ),
        pytest.param(program(f"{TEMP}rundll32.exe"), "task_writable", id="an image in a writable folder"),
        pytest.param(at("rundll32", f"rundll32 {TEMP}x.dll,Run"), "task_writable", id="a library in a writable folder"),
        pytest.param(at("python", "python C:\\Users\\r\\Desktop\\x.py"), "task_writable", id="a folder where people work"),
        pytest.param(
            program(NODE, "node x.js", current_directory="C:\\Users\\r\\Downloads\\"),
            "task_writable",
            id="a relative script",
        ),
        pytest.param(at("powershell", "powershell -File C:\\Scripts\\x.ps1"), "task_other", id="nothing writable"),
        pytest.param(at("certutil"), "task_other", id="a downloader"),
        pytest.param(at("curl"), None, id="a transfer is not in the row for Windows"),
        pytest.param(program(OTHER), None, id="any other program"),
    ],
)
def test_tasks_of_windows(child: Program, rule: str | None) -> None:
    assert rules(child, SCHEDULE) == ([rule] if rule else [])
    assert rules(child, program(SVCHOST, f"{SVCHOST} -k netsvcs -s BITS")) == []
    assert rules(child, program(SVCHOST)) == [], "a service host whose line is not known"


@pytest.mark.parametrize("cron", ["cron", "crond", "anacron", "atd"])
@pytest.mark.parametrize(
    ("image", "line", "rule"),
    [
        ("/bin/sh", "sh /tmp/x.sh", "task_writable"),
        ("/usr/bin/curl", "curl -o /dev/shm/x https://x", "task_writable"),
        ("/usr/bin/python3", "python3 /opt/x.py", "task_other"),
        ("/usr/bin/find", "find /tmp/x", None),
    ],
)
def test_tasks_elsewhere(cron: str, image: str, line: str, rule: str | None) -> None:
    child = program(image, line, ancestors=(cron,))
    assert rules(child, program(f"/usr/sbin/{cron}")) == ([rule] if rule else [])


# --- people ---------------------------------------------------------------------------------------------------------

LONG = "x" * 100


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        *(
            pytest.param(at(n, f"{n} https://x/y.hta"), True, id=n)
            for n in ["mshta", "wscript", "cscript", "hh", "rundll32"]
        ),
        pytest.param(at("wscript", f"wscript {TEMP}x.js"), True, id="a writable script"),
        pytest.param(at("wscript", "wscript C:\\Users\\r\\Desktop\\x.js"), True, id="a script where people work"),
        pytest.param(at("wscript", "wscript C:\\Scripts\\x.js"), False, id="a script elsewhere"),
        pytest.param(at("wscript"), False, id="no line"),
        pytest.param(at("powershell", "powershell https://x"), False, id="another program"),
    ],
)
def test_explorer_script(child: Program, *, expected: bool) -> None:
    assert ("explorer_script" in rules(child, at("explorer"))) is expected
    assert "explorer_script" not in rules(child, at("cmd"))


@pytest.mark.parametrize("shell", ["powershell", "pwsh", "cmd"])
def test_explorer_one_liner(shell: str) -> None:
    assert rules(at(shell, f"{shell} {LONG} https://x"), at("explorer")) == ["explorer_one_liner"]
    assert rules(at(shell, f"{shell} https://x"), at("explorer")) == [], "short"
    assert rules(at(shell, f"{shell} {LONG}"), at("explorer")) == [], "plain"
    assert rules(at(shell, f"{shell} {LONG} https://x"), program(OTHER)) == [], "another parent"


@pytest.mark.parametrize("tool", ["npm-cli.js", "npx-cli.js", "yarn.js", "yarn", "pnpm.cjs", "pnpm"])
@pytest.mark.parametrize("verb", ["install", "i", "ci", "add", "update", "up", "rebuild"])
def test_install_hooks(tool: str, verb: str) -> None:
    assert rules(at("cmd", "cmd /c x"), at("node", f'node "C:\\x\\{tool}" {verb}')) == ["install_hook"]
    assert rules(at("cmd", "cmd /c x"), at("node", f"node C:\\x\\{tool} run build")) == []


@pytest.mark.parametrize(
    ("child", "line", "expected"),
    [
        *((name, "x preinstall.js", True) for name in ("curl", "wget", "powershell", "pwsh", "cmd", "sh", "bash")),
        ("curl", "curl postinstall", True),
        ("curl", "curl x", False),
        ("python", "python postinstall", False),
    ],
)
def test_hook_scripts(child: str, line: str, *, expected: bool) -> None:
    assert ("install_hook" in rules(at(child, line), at("node", "node x.js"))) is expected
    assert "install_hook" not in rules(at(child, line), at("explorer"))


@pytest.mark.parametrize(
    ("parent", "child", "expected"),
    [
        ("msiexec", "curl", True),
        ("AcmeSetup-1.2", "python", True),
        ("acme-installer", "node", True),
        ("installutil", "curl", False),
        ("msiexec", "cmd", False),
        ("vendor", "curl", False),
    ],
)
def test_installers(parent: str, child: str, *, expected: bool) -> None:
    assert ("installer_child" in rules(at(child), at(parent))) is expected


def test_a_browser_under_a_foreign_parent() -> None:
    chrome = program("C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe")
    away = program(f"{TEMP}x.exe")
    assert rules(chrome, away) == ["browser_foreign_parent"]
    assert rules(chrome, at("explorer")) == []
    assert rules(chrome, program("x.exe")) == [], "a bare name is not away"
    assert rules(program(f"{TEMP}chrome.exe"), away) == [], "not verified"
    assert rules(at("curl"), chrome, away) == [], "only the process itself"


# --- what takes points away -----------------------------------------------------------------------------------------

INTUNE = "C:\\Program Files (x86)\\Microsoft Intune Management Extension\\AgentExecutor.exe"


@pytest.mark.parametrize("child", ["powershell", "pwsh", "cmd"])
@pytest.mark.parametrize(
    "parent",
    [
        INTUNE,
        "C:\\Windows\\CCM\\anything.exe",
        "C:\\Packages\\Plugins\\Microsoft.Azure.Automation.HybridWorker.X\\1.0\\bin\\Orchestrator.Sandbox.exe",
        "C:\\Program Files\\Microsoft Monitoring Agent\\Agent\\AzureAutomation\\7.3\\HybridAgent\\Orchestrator.Sandbox.exe",
        "C:\\Program Files\\Amazon\\SSM\\ssm-agent-worker.exe",
        "C:\\Program Files\\Amazon\\SSM\\ssm-document-worker.exe",
    ],
)
def test_management(parent: str, child: str) -> None:
    assert rules(at(child), program(parent)) == ["management"]
    assert rules(at("python"), program(parent)) == []


@pytest.mark.parametrize(
    "parent",
    [
        f"{TEMP}AgentExecutor.exe",
        "C:\\Windows\\CCM2\\x.exe",
        "C:\\Program Files\\Amazon\\SSM\\other.exe",
        "C:\\ssm-agent-worker.exe",
        "AgentExecutor.exe",
    ],
)
def test_management_elsewhere_is_none(parent: str) -> None:
    assert "management" not in rules(at("powershell"), program(parent))


CODE = "C:\\Users\\r\\AppData\\Local\\Programs\\Microsoft VS Code\\Code.exe"
RUNNER = "C:\\actions-runner\\bin\\Runner.Worker.exe"
VITE = at("node", "node C:\\src\\app\\node_modules\\vite\\bin\\vite.js")
PYTEST = at("python", "python -m pytest -q")


@pytest.mark.parametrize(
    "name",
    ["code", "cursor", "devenv", "rider64", "pycharm64", "webstorm64", "idea64", "goland64", "clion64", "phpstorm64"],
)
def test_ides(name: str) -> None:
    ide = program(f"C:\\Program Files\\V\\{name}.exe")
    assert rules(VITE, ide) == ["ide"]
    assert rules(VITE, at("cmd"), at("conhost"), at("explorer"), ide) == ["ide"], "the fourth ancestor"
    assert rules(VITE, program(f"{TEMP}{name}.exe")) == [], "not at home"
    assert rules(at("node", "node server.js"), ide) == [], "no known tool"
    assert rules(at("mshta", "mshta vite.js"), ide) == [], "no runtime, shell or transfer"


@pytest.mark.parametrize(
    "path",
    [
        RUNNER,
        "C:\\actions-runner-2\\bin\\Runner.Worker.exe",
        "C:\\agent\\bin\\Agent.Worker.exe",
        "C:\\agents\\1\\Agent.Worker.exe",
        "C:\\gitlab-runner\\gitlab-runner.exe",
        "C:\\jenkins\\jenkins-agent.exe",
        "C:\\BuildAgent\\buildAgent.exe",
        "C:\\Program Files\\TeamCity\\teamcity-agent.exe",
        f"{HOME}/actions-runner/bin/Runner.Worker",
        "/opt/agent/bin/Agent.Worker",
        "/srv/gitlab-runner/gitlab-runner",
        "/usr/bin/gitlab-runner",
    ],
)
def test_ci(path: str) -> None:
    assert rules(PYTEST, program(path)) == ["ci"]
    assert rules(PYTEST, at("cmd"), program(path)) == ["ci"]
    assert rules(at("python", "python x.py"), program(path)) == [], "no known tool"


@pytest.mark.parametrize("path", [f"{TEMP}Runner.Worker.exe", "C:\\x\\agent\\Agent.Worker.exe", "/tmp/agent/Agent.Worker"])
def test_ci_elsewhere_is_none(path: str) -> None:
    assert rules(PYTEST, program(path)) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('node "C:\\Program Files\\nodejs\\node_modules\\npm\\bin\\npm-cli.js" run dev', True),
        ("node C:\\x\\npx-cli.js serve", True),
        ("node C:\\x\\yarn.js build", True),
        ("node C:\\x\\pnpm.cjs i", True),
        ("node /x/webpack serve", True),
        ("node C:\\x\\next", True),
        ("node C:\\x\\serverless.js deploy", True),
        *((f"node C:\\x\\{tool} x", True) for tool in ["wrangler", "vercel", "netlify", "firebase", "func", "cdk"]),
        ("python C:\\x\\_jb_pytest_runner.py", True),
        ("python C:\\x\\run_pytest_script.py", True),
        ("python -m pytest", True),
        ("python -m samcli deploy", True),
        ("python -m pytester", False),
        ("python -m http.server", False),
        ("node C:\\x\\vite.js.evil", False),
        ("node C:\\x\\notvite.js", False),
        ("node vite.js", False),
        ("curl https://x/vite.js", False),
        ("node C:\\x\\vite.js -e require('https://x')", False),
        ("python -m pytest -p https://x", False),
        ("python -m pytest -c x.ini", True),
    ],
)
def test_known_tools(line: str, *, expected: bool) -> None:
    assert known_tool(at("node", line), PROGRAMS) is expected


AGENT = "C:\\Program Files\\Acme\\Sensor\\sensor.exe"
PLUGIN = "C:\\Program Files\\Acme\\Sensor\\python\\python.exe"


@pytest.mark.parametrize(
    ("child", "service", "starter", "expected"),
    [
        pytest.param(PLUGIN, AGENT, "services", True, id="the vendor's own runtime"),
        pytest.param("C:\\Program Files\\Other\\python.exe", AGENT, "services", False, id="another vendor's runtime"),
        pytest.param("C:\\Program Files\\Acme2\\python.exe", AGENT, "services", False, id="a name that begins the same"),
        pytest.param("C:\\Program Files\\Acme\\curl.exe", AGENT, "services", False, id="no runtime or shell"),
        pytest.param(PLUGIN, AGENT, "explorer", False, id="started by a person"),
        pytest.param(
            "C:\\Program Files\\Common Files\\x\\python.exe",
            "C:\\Program Files\\Common Files\\x\\s.exe",
            "services",
            False,
            id="common files",
        ),
        pytest.param(
            "C:\\Program Files\\WindowsApps\\x\\python.exe",
            "C:\\Program Files\\WindowsApps\\x\\s.exe",
            "services",
            False,
            id="apps",
        ),
        pytest.param(
            "C:\\ProgramData\\Acme\\python.exe", "C:\\ProgramData\\Acme\\s.exe", "services", False, id="elsewhere"
        ),
        pytest.param("/opt/acme/bin/python3", "/opt/acme/sensor", "systemd", True, id="Linux"),
        pytest.param("/opt/other/bin/python3", "/opt/acme/sensor", "systemd", False, id="Linux, another vendor"),
    ],
)
def test_vendor_services(child: str, service: str, starter: str, *, expected: bool) -> None:
    found = rules(program(child), program(service), program(AT.get(starter, f"{SYSTEM32}{starter}.exe")))
    assert ("vendor_service" in found) is expected
    assert "vendor_service" not in rules(program(child), program(service)), "nobody knows who started it"


# --- chains ---------------------------------------------------------------------------------------------------------


def test_every_link_counts_and_the_nearest_comes_first() -> None:
    chain = [at("curl"), at("cmd"), at("mshta"), at("winword"), at("explorer")]
    assert rules(*chain) == ["lolbin_child", "office_child"]


def test_a_renamed_parent_is_still_what_it_is() -> None:
    hidden = program("C:\\Users\\Public\\svc.exe", original="MSHTA.EXE")
    assert rules(at("cmd"), hidden) == ["lolbin_child"]
    assert kinships(at("cmd"), [hidden], PROGRAMS)[0].evidence == "mshta → cmd"


@pytest.mark.parametrize("chain", [(program(None), at("winword")), (at("powershell"), program(None)), (at("powershell"),)])
def test_a_null_image_fits_no_rule(chain: Sequence[Program]) -> None:
    assert rules(*chain) == []


def test_a_terminal_gives_nothing() -> None:
    terminal = program("C:\\Program Files\\WindowsApps\\Microsoft.WindowsTerminal_1\\WindowsTerminal.exe")
    assert rules(VITE, program(POWERSHELL), terminal, at("explorer")) == []
    assert rules(VITE, program(CMD), at("explorer")) == []
