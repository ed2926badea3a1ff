"""A case → the narrowest tuning rule that covers it, for a person to finish: in shadow, with an end, and with tests of its own.

Every fact that all of the case's findings have becomes a condition, as exact as they are. Only where they differ among themselves is
anything left open: a version folder, a number in a command line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from enricher.core.document import Json
from enricher.core.paths import folder_of
from enricher.core.tune import TuningFacts
from enricher.model import Verdict

FEWEST_KINDS = 3
"""Of evidence, one of them the tenant."""
MOST_VALUES = 8
"""That a condition may list: a case that differs in more is not one thing to live with."""
LONGEST_PATTERN = 900
"""Characters of a command line that an expression can still be made of; a longer one is compared as it is."""
MOST_EXAMPLES = 8
CAP = "low"

_SPECIAL = re.compile(r"[\\.+*?()\[\]{}|^$]")
_ID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_VARIES = re.compile(rf"({_ID}|(?<![0-9a-z])(?:0x)?[0-9a-f]{{8,}}(?![0-9a-z])|\d+)", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_VERSION = re.compile(r"v?\d[\w.+-]*")
_SHA256 = "sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The case that a rule is to cover. `process` is the name of what ran, `verdicts` are the case's and its findings'."""

    key: str
    host: str
    process: str | None
    verdicts: frozenset[str]
    findings: tuple[TuningFacts, ...]

    @property
    def tenants(self) -> list[str]:
        return sorted({facts.tenant for facts in self.findings if facts.tenant})


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What people add to a draft; what is None they still have to, and until then it does not load. `group_sizes` says how many
    entries of the estate are in each group.
    """

    owner: str | None
    approver: str | None
    ticket: str | None
    created: date
    days: int = 90
    reason: str | None = None
    group_sizes: Mapping[str, int] = field(default_factory=dict)


def why_not(subject: Subject, protected: frozenset[str]) -> list[str]:
    """Why no rule may be drafted of a case; none where one may."""
    if not subject.findings:
        return ["nothing is remembered of its events any more"]
    refused = []
    if Verdict.MALICIOUS.value in subject.verdicts:
        refused.append("its verdict is malicious")
    if words := sorted({word for facts in subject.findings for word in facts.identity}):
        refused.append(f"its process is not what it seems: {', '.join(words)}")
    if any(facts.tenant is None for facts in subject.findings):
        refused.append("the platform's names do not tell its customers apart, so that a rule would allow every one of them")
    if len(subject.tenants) > 1:
        refused.append(f"it goes over {len(subject.tenants)} tenants")
    refused += [
        f"{tenant} is protected: a person called a case of it malicious"
        for tenant in subject.tenants
        if tenant in protected
    ]
    conditions = _conditions(subject.findings)
    refused += [
        f"it has {len(v)} kinds of {n.replace('_', ' ')}: not one thing"
        for n, v in conditions.items()
        if len(v) > MOST_VALUES
    ]
    kinds = _kinds(conditions)
    if not refused and len(kinds) < FEWEST_KINDS:
        known = ", ".join(kinds) or "nothing"
        refused.append(f"too little is known of it: {known}; a rule needs {FEWEST_KINDS} kinds of evidence")
    return refused


def draft(subject: Subject, terms: Terms) -> Json:
    """The rule, as `config/tuning/*.yml` has it. Of a case that `why_not` has nothing against."""
    scope, conditions = _scope(subject.findings, terms), _conditions(subject.findings)
    said = f"Drafted from {subject.key}: {subject.process or 'a process'} and {subject.tenants[0]} on {subject.host}"
    return {
        "id": f"draft-{subject.key.removeprefix('enricher-')}",
        "version": 1,
        "owner": terms.owner,
        "approver": terms.approver,
        "reason": terms.reason or said,
        "ticket": terms.ticket,
        "created": terms.created,
        "expires": terms.created + timedelta(days=terms.days),
        "scope": scope,
        "conditions": {name: values[0] if len(values) == 1 else values for name, values in conditions.items()},
        "effect": "cap",
        "cap_at": CAP,
        "mode": "shadow",
        "tests": {
            "must_match": _distinct(_example(facts, conditions) for facts in subject.findings)[:MOST_EXAMPLES],
            "must_not": [*_changed(subject.findings[0], scope, conditions)],
        },
    }


# --- where it may act -----------------------------------------------------------------------------------------------


def _scope(findings: Sequence[TuningFacts], terms: Terms) -> Json:
    """The host's group, else the host; and the account where it is known of all."""
    groups = frozenset.intersection(*(facts.groups or frozenset() for facts in findings))
    smallest = min(groups, key=lambda group: (terms.group_sizes.get(group, 0), group), default=None)
    scope: Json = {"groups": [smallest]} if smallest else {"hosts": sorted({facts.host for facts in findings})}
    if users := _all(findings, lambda facts: facts.user):
        scope["users"] = users
    if all(facts.service_account for facts in findings):
        scope["service_account"] = True
    return scope


# --- what must hold -------------------------------------------------------------------------------------------------


def _conditions(findings: Sequence[TuningFacts]) -> dict[str, list[str]]:
    """Condition → values, any of which will do; the account stands among them only where there is little else."""
    found = {
        "image": _paths(_all(findings, lambda facts: facts.image)),
        "parent": _paths(_all(findings, lambda facts: facts.parents[0] if facts.parents else None)),
        "command_line": _lines(_all(findings, lambda facts: facts.command_line)),
        "tenant": _all(findings, lambda facts: facts.tenant),
        "hash": _all(findings, lambda facts: facts.hashes.get(_SHA256)),
    }
    if not found["parent"] and (ancestor := _common_ancestor(findings)):
        found["ancestor"] = [ancestor]
    known = {name: values for name, values in found.items() if values}
    if len(_kinds(known)) < FEWEST_KINDS and (users := _all(findings, lambda facts: facts.user)):
        known["user"] = users
    return known


def _kinds(conditions: Mapping[str, object]) -> list[str]:
    return sorted({"parent" if name == "ancestor" else name for name in conditions})


def _all(findings: Sequence[TuningFacts], of: Callable[[TuningFacts], str | None]) -> list[str]:
    """The values of a fact, each once; none where one finding lacks it, for then the rule would not cover that."""
    values = [of(facts) for facts in findings]
    return list({value.lower(): value for value in reversed(values) if value}.values())[::-1] if all(values) else []


def _common_ancestor(findings: Sequence[TuningFacts]) -> str | None:
    """The nearest that all have, with its folder."""
    first, *others = (facts.parents for facts in findings)
    return next((path for path in first if path and folder_of(path) and all(path in one for one in others)), None)


def _paths(paths: Sequence[str]) -> list[str]:
    """Paths with their folders; those that differ in one version folder as one. None where a path has no folder."""
    if not all(folder_of(path).strip("\\/") for path in paths) or any("*" in path for path in paths):
        return []
    parts = [re.split(r"([\\/])", path) for path in paths]
    if len(paths) < 2 or len({len(one) for one in parts}) > 1:  # noqa: PLR2004 - two differ
        return list(paths)
    differ = [i for i, values in enumerate(zip(*parts, strict=True)) if len(set(values)) > 1]
    if len(differ) == 1 and differ[0] < len(parts[0]) - 1 and all(_VERSION.fullmatch(one[differ[0]]) for one in parts):
        return ["".join("*" if i == differ[0] else part for i, part in enumerate(parts[0]))]
    return list(paths)


def _lines(lines: Sequence[str]) -> list[str]:
    """Command lines as anchored expressions: one with its numbers left open where nothing else differs, else one for each."""
    if any(len(line) > LONGEST_PATTERN for line in lines):
        return list(lines)
    shapes = {tuple(text.lower() for text in _VARIES.split(line)[::2]) for line in lines}
    if len(lines) > 1 and len(shapes) == 1:
        columns = zip(*(_VARIES.split(line) for line in lines), strict=True)
        return [f"re:^{''.join(_open(column, varies=i % 2 == 1) for i, column in enumerate(columns))}$"]
    return [f"re:^{_escaped(line)}$" for line in lines]


def _open(values: Sequence[str], *, varies: bool) -> str:
    if not varies or len({value.lower() for value in values}) == 1:
        return _escaped(values[0])
    return r"\d+" if all(_NUMBER.fullmatch(value) for value in values) else "[0-9a-fx-]+"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


# --- its tests ------------------------------------------------------------------------------------------------------


def _example(facts: TuningFacts, conditions: Mapping[str, object]) -> Json:
    """The finding, as a rule's tests write one."""
    told: Json = {
        "host": facts.host,
        "groups": sorted(facts.groups) if facts.groups else None,
        "user": facts.user,
        "image": facts.image,
        "parents": list(facts.parents) or None,
        "command_line": facts.command_line if "command_line" in conditions else None,
        "tenant": facts.tenant,
        "hashes": {_SHA256: facts.hashes[_SHA256]} if "hash" in conditions else None,
        "service_account": facts.service_account,
    }
    return {name: value for name, value in told.items() if value is not None}


def _distinct(examples: Iterable[Json]) -> list[Json]:
    return list({repr(example): example for example in examples}.values())


def _changed(facts: TuningFacts, scope: Json, conditions: Mapping[str, object]) -> Iterator[Json]:
    """For each condition the fact that must not fit any more, and for each part of the scope."""
    name = (facts.image or "any.exe").replace("/", "\\").rpartition("\\")[2]
    elsewhere = f"/tmp/{name}" if (facts.image or "").startswith("/") else f"c:\\users\\public\\{name}"  # noqa: S108 - a name
    others: Mapping[str, Sequence[Json]] = {
        "image": [{"image": elsewhere}],
        "parent": [{"parents": [elsewhere]}, {"parents": []}],
        "ancestor": [{"parents": [elsewhere]}, {"parents": []}],
        "command_line": [{"command_line": f"{facts.command_line} & {name}"}, {"command_line": None}],
        "tenant": [{"tenant": f"not-{facts.tenant}"}],
        "hash": [{"hashes": {_SHA256: "0" * 64}}],
        "user": [{"user": None}],
        "groups": [{"groups": ["another-group"]}],
        "hosts": [{"host": "another-host.example"}],
        "users": [{"user": "another-account"}],
        "service_account": [{"service_account": False}],
    }
    for part in (*conditions, *scope):
        yield from others[part]
    yield {"identity": ["renamed"]}
