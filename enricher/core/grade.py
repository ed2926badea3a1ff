"""Facts → score, severity, verdict and the ledger that explains them.

Score = platform × name factor + process + lineage + identity and path + command line + behaviour + DNS + context + address, clamped
to 0–100 and rounded half up, then capped. The order of judgement differs from the order in print, and a rule counts once.
Source: the severity model (docs/severity.md), §"Order".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import floor

import orjson

from enricher.core import circumstances, signs
from enricher.core.commands import driven
from enricher.core.consistency import consistency_of, contacted
from enricher.core.document import StepDoc
from enricher.core.evidence import cut
from enricher.core.gather import Facts
from enricher.core.join import ProcessKey
from enricher.core.programs import Programs
from enricher.core.rules import SeverityPolicy
from enricher.core.sign import Sign, counts
from enricher.core.signs import Identity, Line
from enricher.model import Severity, Status, Verdict

_FOREIGN_CLASSES = frozenset({"script_host", "lolbin"})
_SILENT = frozenset({Status.TIMEOUT, Status.RATE_LIMITED, Status.ERROR})
TOP = 100.0
MOST_SAID = 400
"""Characters of evidence in one step: a path from a log may be very long; the case has it whole elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """One signal, judged. `score` is whole; `ledger` explains it step by step and ends at it."""

    facts: Facts
    score: int
    severity: Severity
    verdict: Verdict
    confidence: float
    ledger: tuple[StepDoc, ...]
    identity: tuple[str, ...]
    is_suspicious: bool
    benign_browser: bool
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which kinds of evidence this installation asks for; what is switched off is not missing."""

    owner: bool = False
    history: bool = False
    estate: bool = False
    search: bool = False
    """Whether Sumo Logic is asked for the starts of processes that no alert brought."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """What does not depend on the tenant."""

    who: Identity
    ran: Sequence[Sign]
    kin: Sequence[Sign]
    lines: Sequence[Line]


def grade(facts: Sequence[Facts], programs: Programs, asked: Asked) -> list[Graded]:
    """Judge each signal, in the order given; a process is judged once, however many tenants it reaches."""
    judged: dict[ProcessKey, _Judged] = {}
    graded = []
    for one in facts:
        key = one.signal.process.key
        if key not in judged:
            judged[key] = _judge(one, programs)
        graded.append(_grade(one, judged[key], programs, asked))
    return graded


def _judge(facts: Facts, programs: Programs) -> _Judged:
    policy = programs.rules.severity
    who = signs.identity(facts, programs, policy)
    ran = signs.process(facts, who, programs, policy)
    verified = any(s.rule == "verified_task" and counts(s, policy) for s in ran)
    kin = signs.lineage(facts, who, verified=verified, programs=programs, policy=policy)
    return _Judged(who, ran, kin, signs.read_lines(facts))


def _grade(facts: Facts, judged: _Judged, programs: Programs, asked: Asked) -> Graded:
    policy = programs.rules.severity
    who, ran, kin = judged.who, judged.ran, judged.kin
    managed = not who.hides and any(s.rule == "management" and f"lineage.{s.rule}" not in policy.shadow for s in kin)
    told = signs.command(facts, judged.lines, programs, policy, managed=managed)
    others = _positive((*who.signs, *ran, *kin, *told), policy)
    beats = circumstances.behaviour(facts, policy, others)
    asking = circumstances.dns(facts, policy)
    around = [*circumstances.context(facts, policy, others), *circumstances.address(facts, policy, others)]
    ledger = _Ledger(policy)
    ledger.add(signs.platform(facts, policy), *ran, *kin, *who.signs, *told, *beats, *asking, *around)
    ledger.close()
    _floor(ledger, facts, (*ran, *kin), beats, programs)
    shown = _positive((*who.signs, *kin), policy)
    benign = _caps(ledger, facts, programs, policy, shown, _positive(told, policy))
    score = int(ledger.score)
    known, total = _known(facts, asked)
    return Graded(
        facts=facts,
        score=score,
        severity=policy.band(score),
        verdict=verdict(score, shown, policy, benign=benign),
        confidence=round(facts.signal.factor * (0.5 + 0.5 * known / total), 2),
        ledger=tuple(ledger.steps),
        identity=who.words,
        is_suspicious=facts.program.kind in programs.rules.processes.tool_classes or bool(who.words),
        benign_browser=benign,
        missing=_missing(facts, asked),
    )


def _positive(found: Iterable[Sign], policy: SeverityPolicy) -> float:
    return sum(s.points for s in found if s.points > 0 and counts(s, policy))


class _Ledger:
    """The running sum and its steps."""

    def __init__(self, policy: SeverityPolicy) -> None:
        self._shadow = policy.shadow
        self.score = 0.0
        self.steps: list[StepDoc] = []

    def add(self, *found: Sign) -> None:
        for sign in found:
            rule = f"{sign.step}.{sign.rule}"
            shadow = rule in self._shadow
            evidence = f"{sign.evidence}; in shadow" if shadow else sign.evidence
            self._step(sign.step, rule, evidence, sign.points, taken=sign.taken and not shadow)

    def close(self) -> None:
        """Clamp and round half up. A step shows where that changed the sum."""
        whole = float(floor(min(TOP, max(0.0, self.score)) + 0.5))
        if whole != round(self.score, 4):
            self._step("sum", "sum.clamp", "0 to 100, whole points, half rounded up", whole - self.score, taken=True)
        self.score = whole

    def floor(self, rule: str, at_least: float, evidence: str, *, met: bool) -> None:
        """A floor that holds and lifts is taken; one that holds for a higher score is printed as not needed."""
        lifts = met and self.score < at_least
        note = evidence if lifts or not met else f"{evidence}; nothing to lift"
        self._step("floor", f"floor.{rule}", note, max(0.0, at_least - self.score), taken=lifts)

    def cap(self, rule: str, at_most: float, evidence: str, *, met: bool) -> None:
        """A cap that applies and bites is taken; one that applies to a lower score is printed as not needed."""
        lowers = met and self.score > at_most
        note = evidence if lowers or not met else f"{evidence}; nothing to cut"
        self._step("cap", f"cap.{rule}", note, min(0.0, at_most - self.score), taken=lowers)

    def _step(self, step: str, rule: str, evidence: str, points: float, *, taken: bool) -> None:
        before = round(self.score, 4)
        self.score = before + points if taken else before
        self.steps.append(
            {
                "step": step,
                "rule": rule,
                "evidence": cut(evidence, MOST_SAID),
                "points": round(points, 4),
                "from": before,
                "to": round(self.score, 4),
                "taken": taken,
            }
        )


def _floor(ledger: _Ledger, facts: Facts, own: Sequence[Sign], beats: Sequence[Sign], programs: Programs) -> None:
    """A tool that calls like a clock is looked at, however little else is known; but not where something says why it calls."""
    policy = programs.rules.severity
    at_least = policy.floor.get("periodic", 0.0)
    if not at_least or not beats or "behaviour.periodic" in policy.shadow:
        return
    kind = facts.program.kind
    excuse = next((s.rule for s in own if counts(s, policy) and (s.points < 0 or s.rule in signs.CEILINGS)), None)
    tool = kind in programs.rules.processes.tool_classes
    why = f"a tool of class {kind}, at even intervals" if tool else f"at even intervals, but class {kind} is no tool"
    ledger.floor("periodic", at_least, f"{why}, as {excuse} explains" if excuse else why, met=tool and not excuse)


def _caps(ledger: _Ledger, facts: Facts, programs: Programs, policy: SeverityPolicy, shown: float, told: float) -> bool:
    """Apply the caps in their order. Returns whether the browser's condition holds."""
    if facts.signal.platform.scope == "context":
        cap = policy.cap["context"]
        met = shown + told < cap["unless_signs"]
        ledger.cap("context", cap["at_most"], _unless("a context platform", shown + told, cap["unless_signs"]), met=met)
    if facts.signal.factor < policy.cap["weak_name"]["factor_below"]:
        cap = policy.cap["weak_name"]
        source = f"the name is only known from {facts.signal.source}"
        ledger.cap(
            "weak_name", cap["at_most"], _unless(source, shown, cap["unless_signs"]), met=shown < cap["unless_signs"]
        )
    if not facts.program.verified_browser:
        return False
    benign = not (driven(facts.program.line) or _foreign_parent(facts, programs))
    reason = "a verified browser" if benign else "a verified browser, but driven from outside"
    ledger.cap("browser", policy.cap["browser"]["at_most"], reason, met=benign)
    return benign


def _unless(what: str, shown: float, limit: float) -> str:
    return f"{what}; other signs are {shown:g} of the {limit:g} that lift the cap"


def _foreign_parent(facts: Facts, programs: Programs) -> bool:
    if not facts.lineage or facts.lineage[0].path is None:
        return False
    parent = facts.lineage[0]
    return programs.places.away(parent.path or "") or parent.kind in _FOREIGN_CLASSES


def verdict(score: float, shown: float, policy: SeverityPolicy, *, benign: bool, tuned: bool = False) -> Verdict:
    """What the evidence says. `shown` are the signs of identity, path and lineage; `tuned` a live rule below its limit."""
    at_score, with_signs = policy.verdict_malicious_with_signs
    if score >= policy.verdict_malicious or (score >= at_score and shown >= with_signs):
        return Verdict.MALICIOUS
    if score >= policy.verdict_suspicious:
        return Verdict.SUSPICIOUS
    return Verdict.BENIGN if benign or tuned else Verdict.UNKNOWN


# --- what is known and what is missing ------------------------------------------------------------------------------


def _owner(facts: Facts) -> str:
    """`known`, `not_asked` or `missing`: the holder of the address."""
    answers = [e for e in facts.enrichments if e.source == "asn"]
    if any(e.status in {Status.OK, Status.STALE} for e in answers):
        return "known"
    if not answers or all(e.status in {Status.NOT_APPLICABLE, Status.DISABLED} for e in answers):
        return "not_asked"
    return "missing"


def _known(facts: Facts, asked: Asked) -> tuple[int, int]:
    """How many kinds of evidence are known, of how many asked."""
    created = facts.signal.process.created
    parent = bool(facts.ancestors) and facts.ancestors[0].source != "missing"
    kinds = [created is not None and created.command_line is not None, parent, bool(facts.signal.connections)]
    if asked.owner and (owner := _owner(facts)) != "not_asked":
        kinds.append(owner == "known")
    if asked.history:
        kinds.append(facts.horizon is not None and facts.horizon.long_enough)
    if asked.estate:
        kinds.append(facts.role is not None)
    return sum(kinds), len(kinds)


def _missing(facts: Facts, asked: Asked) -> tuple[str, ...]:
    signal = facts.signal
    lacking = _missing_of_process(facts, asked)
    if not signal.connections:
        lacking.append("connection: no event 3 of this process to this tenant, so no address and no port")
    elif signal.source in {"command_line", "payload", "reverse_lookup"}:
        lacking.append(f"the name asked for: no event 22 with this address; the name is from {signal.source}")
    if signal.tenant is None:
        lacking.append("tenant: this platform's names do not tell which customer")
    if signal.names_left:
        lacking.append(f"names: {signal.names_left} more in the process's own lines were not followed")
    if facts.beacon is None or facts.beacon.name == "insufficient":
        why = facts.beacon.reason if facts.beacon else "no contact with a time"
        lacking.append(f"rhythm: {why}")
    lacking += [*_unanswered(facts), *_missing_of_platform(facts)]
    lacking += _missing_of_history(facts)
    if asked.estate and facts.role is None:
        known = "names the host without one" if facts.groups is not None else "does not name the host"
        lacking.append(f"estate role: config/estate.yml {known}")
    return tuple(lacking)


def _missing_of_process(facts: Facts, asked: Asked) -> list[str]:
    process, searched = facts.signal.process, _searched(facts, asked)
    lacking: list[str] = []
    if process.created is None:
        lacking.append(f"process start: no event 1 of this process in the alert or in history{searched}")
    if process.image is None:
        lacking.append("image: the process had ended before its name was looked up")
    if process.command_line is None:
        lacking.append("command line: only event 1 carries it")
    if process.created is None:
        lacking.append("parent process: events 3 and 22 carry none")
    elif not facts.ancestors:
        lacking.append("parent process: not logged")
    elif facts.ancestors[-1].source == "missing":
        lacking.append(f"{_ORDINALS[len(facts.ancestors) - 1]}: only its GUID is known{searched}")
    elif searched:
        lacking.append(f"{_ORDINALS[len(facts.ancestors) - 1]}: its own event 1 is not at hand{searched}")
    return lacking


_ORDINALS = ("parent process", "grandparent process", "third ancestor", "fourth ancestor")


def _searched(facts: Facts, asked: Asked) -> str:
    """How the question to Sumo Logic stands, as the end of a sentence; nothing where nobody asks or nothing is to be asked."""
    if facts.start_asked is None:
        return "; Sumo Logic is being asked for it" if asked.search and facts.start_missing else ""
    return (
        "; Sumo Logic is being asked for it"
        if facts.start_asked == "waiting"
        else f"; Sumo Logic was asked: {facts.start_asked}"
    )


def _missing_of_history(facts: Facts) -> list[str]:
    horizon = facts.horizon
    if horizon is None:
        return ["history: none is kept, so how new or how common the tenant is cannot be said"]
    if horizon.since is None:
        return ["history: it begins with this alert; 30 days are needed to say how new or how common the tenant is"]
    if not horizon.long_enough:
        return [f"history: it goes back to {horizon.since:%Y-%m-%d}; 30 days are needed to say how new the tenant is"]
    return []


def _unanswered(facts: Facts) -> list[str]:
    lacking = [f"{e.source} of {e.about}: {e.reason or e.status.value}" for e in facts.enrichments if e.status in _SILENT]
    off = [e for e in facts.enrichments if e.status is Status.DISABLED and e.source in {"asn", "forward"}]
    return [*lacking, f"owner of the address: {off[0].reason or 'look-ups are switched off'}"] if off else lacking


def _missing_of_platform(facts: Facts) -> list[str]:
    """Whether the address is the platform's, where somebody answered and it still cannot be told."""
    found, address = consistency_of(facts), contacted(facts)
    ended = {e.status for e in facts.enrichments if e.source in {"asn", "ranges"} and e.about == address}
    answered = bool(ended & {Status.OK, Status.STALE, Status.NEGATIVE}) and not ended & _SILENT
    if found.consistent is not None or not facts.signal.platform.expected_asn or not answered:
        return []
    return [f"platform consistency: {found.why}"]


def digest(ledger: Sequence[StepDoc]) -> str:
    """`sha256:…` over the steps: the same evidence under the same configuration gives the same digest."""
    return "sha256:" + sha256(orjson.dumps(list(ledger), option=orjson.OPT_SORT_KEYS)).hexdigest()
