"""Two made-up cases on which templates are tried before they are used: one at its longest, one of which nothing is known."""

from __future__ import annotations

from typing import Any, cast

from enricher.core.document import CaseDocument

_WORDS = "powershell.exe under EXCEL.EXE calls a tenant that is new in this estate "
LONG = (_WORDS * 9)[:600]
MANY = 40
KEY = "enricher-0123456789abcdef"
_PROGRAM = {"image": LONG, "name": LONG, "command_line": LONG * 4, "guid": LONG, "pid": 7316, "user": LONG}
_STEP = {"step": "platform", "rule": "platform.score", "evidence": LONG, "points": 30, "from": 0, "to": 30}
_RULE = dict.fromkeys(("rule", "effect", "reason", "owner", "expires"), LONG)


def longest() -> CaseDocument:
    """Critical, and as long as can be in every place."""
    document: dict[str, Any] = {
        **bare(),
        **dict.fromkeys(("title", "summary", "host", "user", "hostname", "hostname_source", "tenant"), LONG),
        "severity": "critical",
        "score": 100,
        "raw_severity": "high",
        "raw_score": 75,
        "verdict": "malicious",
        "technique": {
            "id": "T1583.007",
            "name": LONG,
            "tactic": LONG,
            "url": "https://attack.mitre.org/techniques/T1583/007/",
        },
        "platform": dict.fromkeys(("id", "name", "provider", "category", "family", "seed_pattern"), LONG),
        "candidates": [LONG] * MANY,
        "destination": {
            **dict.fromkeys(("ip", "ptr", "holder", "prefix", "country", "origin", "consistency"), LONG),
            "port": 443,
            "asn": 13335,
            "consistent": True,
        },
        "process": {
            **_PROGRAM,
            "class": "shell",
            "decoded": [LONG] * MANY,
            "original_file_name": LONG,
            "company": LONG,
            "hashes": {},
            "identity": [LONG] * MANY,
            "is_suspicious": True,
            "is_browser": False,
        },
        "lineage": [{**_PROGRAM, "source": "observed"}] * 4,
        "enrichments": [
            {"source": "ptr", "about": LONG, "status": "ok", "detail": {}, "age_s": 0, "reason": LONG} for _ in range(MANY)
        ],
        "dns_anomalies": [LONG] * MANY,
        "ledger": [{**_STEP, "taken": number % 2 == 0} for number in range(MANY)],
        "ledger_digest": f"sha256:{'0' * 64}",
        "exceptions": [{**_RULE, "mode": "live"}] * MANY,
        "missing": [LONG] * MANY,
        "next_steps": [LONG] * MANY,
        "first_seen": "2026-11-24T01:52:07.412Z",
        "last_seen": "2026-11-24T02:03:41.090Z",
        "links": {"sumo_alert": f"https://service.example/{'a' * 250}"},
    }
    return cast("CaseDocument", document)


_UNKNOWN = (
    *("user", "hostname", "hostname_source", "hostname_factor", "tenant", "beacon", "estate", "insight"),
    *("first_seen_estate", "prevalence", "history_since", "first_seen", "last_seen"),
)
_NONE = (
    *("rows", "candidates", "lineage", "enrichments", "dns_anomalies", "ledger", "exceptions", "drift", "missing"),
    *("next_steps", "hunts", "tickets", "findings", "evidence", "shared_hosts", "contacts"),
)
_OF_PROCESS = ("image", "name", "guid", "pid", "command_line", "decoded", "original_file_name", "company", "identity")
_OF_ADDRESS = ("ip", "port", "ptr", "asn", "holder", "prefix", "country", "origin", "consistent", "consistency")


def bare() -> CaseDocument:
    """Informational: a name, and nothing else."""
    document: dict[str, Any] = {
        **dict.fromkeys(_UNKNOWN),
        **{name: [] for name in _NONE},
        **dict.fromkeys(("title", "summary", "host", "ledger_digest"), ""),
        "key": KEY,
        "detection": "T1583.007",
        "severity": "informational",
        "score": 0,
        "raw_severity": "informational",
        "raw_score": 0,
        "verdict": "unknown",
        "confidence": 0.0,
        "disposition": "open",
        "technique": dict.fromkeys(("id", "name", "tactic", "url"), ""),
        "platform": {**dict.fromkeys(("id", "name", "provider", "category", "family"), ""), "seed_pattern": None},
        "destination": dict.fromkeys(_OF_ADDRESS),
        "process": {
            **dict.fromkeys(_OF_PROCESS),
            "class": "other",
            "hashes": {},
            "is_suspicious": False,
            "is_browser": False,
        },
        "count": 1,
        "links": {},
    }
    return cast("CaseDocument", document)
