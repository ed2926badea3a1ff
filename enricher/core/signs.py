"""The signs a finding shows, group by group: what each adds or takes, by which rule, on what evidence.

Every function returns signs in a fixed order; those that were considered and refused come with `taken=False`. Points are those
of severity.yml. Source: the severity model (docs/severity.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enricher.core.behaviour import PERIODIC
from enricher.core.classify import texts_of
from enricher.core.commands import decoded_forms, encoded, flags, headless, inline, loops, names_host
from enricher.core.consistency import consistency_of
from enricher.core.gather import Facts
from enricher.core.lineage import Kinship, kinships
from enricher.core.paths import folder_of
from enricher.core.programs import Program, Programs
from enricher.core.rules import SeverityPolicy
from enricher.core.tasks import helper_at_home, verified_task

_FILE_RUNNERS = frozenset({"script_host", "lolbin", "downloader", "shell", "runtime"})
_ENCODERS = frozenset({"shell", "script_host", "lolbin", "runtime"})
_INLINERS = frozenset({"script_host", "lolbin", "downloader", "shell"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One step of the ledger before it is summed. `step` is the group, `rule` the name within it."""

    step: str
    rule: str
    points: float
    evidence: str
    taken: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """What the program is not: the words of `process.identity`, and the signs behind them."""

    signs: tuple[Sign, ...]
    words: tuple[str, ...]

    @property
    def hides(self) -> bool:
        """Renamed or masquerading: no ceiling, no negative point and no tuning rule applies."""
        return bool({"renamed", "masquerade"} & set(self.words))


def platform(facts: Facts, policy: SeverityPolicy) -> Sign:
    """The platform's weight times how sure the name is."""
    row = facts.signal.platform
    per_weight = policy.platform["context" if row.scope == "context" else "score"]
    rule = "context" if row.scope == "context" else "score"
    source, factor = facts.signal.source, facts.signal.factor
    evidence = f"{row.name}, weight {row.weight} × {per_weight:g}, name from {source} (factor {factor:g})"
    return Sign(step="platform", rule=rule, points=row.weight * per_weight * factor, evidence=evidence)


def identity(facts: Facts, programs: Programs, policy: SeverityPolicy) -> Identity:
    """Renamed, masquerading, a double extension, no version information; and where image and script lie."""
    program = facts.program
    signs: list[Sign] = []
    words: list[str] = []
    if real := programs.renamed(program):
        signs.append(_sign("identity", "renamed", policy.identity, f"{program.name} is {real} by its OriginalFileName"))
        words.append("renamed")
    if disguise := programs.masquerade(program):
        where = folder_of(program.path or "")
        signs.append(_sign("identity", disguise, policy.identity, f"{program.name} runs from {where}"))
        words.append("masquerade")
    image = _where(programs, program.path)
    if image:
        words.append("user_writable")
    if programs.no_version(program):
        signs.append(_sign("identity", "no_version", policy.identity, "Company, Product and OriginalFileName are empty"))
        words.append("no_version")
    if pretended := programs.double_extension(program):
        signs.append(_sign("identity", "double_extension", policy.identity, pretended))
        words.append("double_extension")
    if image:
        signs.append(_sign("path", f"image_{image}", policy.path, program.path or ""))
    script = _worst_script(facts, programs)
    if script:
        signs.append(_sign("path", f"script_{script[0]}", policy.path, script[1]))
    return Identity(tuple(signs), tuple(words))


def _sign(step: str, rule: str, points: Mapping[str, float], evidence: str) -> Sign:
    return Sign(step=step, rule=rule, points=points[rule], evidence=evidence)


def _where(programs: Programs, path: str | None) -> str | None:
    """`writable`, else `writable_more`, else None."""
    if path is None:
        return None
    if programs.places.writable(path):
        return "writable"
    return "writable_more" if programs.places.more(path) else None


def _worst_script(facts: Facts, programs: Programs) -> tuple[str, str] | None:
    if facts.program.kind not in _FILE_RUNNERS:
        return None
    found = [(where, path) for path in programs.scripts(facts.program) if (where := _where(programs, path))]
    return min(found, key=lambda entry: (entry[0] != "writable", entry[1]), default=None)


def process(facts: Facts, who: Identity, programs: Programs, policy: SeverityPolicy) -> Sign:
    """The class's points, or a ceiling where the installation itself runs this."""
    program = facts.program
    shown = program.name or "unknown process"
    if not who.hides:
        reason = verified_task(program, facts.lineage[0] if facts.lineage else None, programs)
        if reason:
            return _ceiling("verified_task", program, policy, f"{shown}, class {program.kind}: {reason}")
        if helper_at_home(program, programs):
            return _ceiling("helper_at_home", program, policy, f"{shown}, class {program.kind}: an updater in its place")
    elsewhere = program.kind == "other" and program.points == policy.process["other_elsewhere"] != policy.process["other"]
    rule = "other_elsewhere" if elsewhere else program.kind
    seen_as = f" (really {program.known_as})" if program.known_as and program.known_as != program.name else ""
    where = ", not where programs are installed" if elsewhere else ""
    evidence = f"{shown}{seen_as}, class {program.kind}{where}"
    return Sign(step="process", rule=rule, points=program.points, evidence=evidence)


def _ceiling(rule: str, program: Program, policy: SeverityPolicy, evidence: str) -> Sign:
    return Sign(step="process", rule=rule, points=min(policy.process[rule], program.points), evidence=evidence)


def lineage(facts: Facts, who: Identity, *, verified: bool, programs: Programs, policy: SeverityPolicy) -> list[Sign]:
    """The largest positive and the largest negative rule; the others are printed as not taken."""
    found = kinships(facts.program, facts.lineage, programs, verified_task=verified)
    positive = [k for k in found if policy.lineage[k.rule] > 0]
    negative = [k for k in found if policy.lineage[k.rule] < 0]
    best = max(positive, key=lambda k: policy.lineage[k.rule], default=None)
    least = min(negative, key=lambda k: policy.lineage[k.rule], default=None)
    signs = [_kin(k, policy, taken=k is best, note="only the largest counts") for k in _each_rule_once(positive, best)]
    for k in _each_rule_once(negative, least):
        note = "refused: the process hides what it is" if who.hides else "only the largest counts"
        signs.append(_kin(k, policy, taken=k is least and not who.hides, note=note))
    return signs


def _each_rule_once(found: list[Kinship], first: Kinship | None) -> list[Kinship]:
    """The chosen one first, then the nearest of every other rule."""
    chosen = {first.rule: first} if first else {}
    for k in found:
        chosen.setdefault(k.rule, k)
    return list(chosen.values())


def _kin(k: Kinship, policy: SeverityPolicy, *, taken: bool, note: str) -> Sign:
    evidence = k.evidence if taken else f"{k.evidence}; {note}"
    return Sign(step="lineage", rule=k.rule, points=policy.lineage[k.rule], evidence=evidence, taken=taken)


# --- command lines --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a process or an ancestor, and what it shows whatever host it names."""

    text: str
    kind: str
    name: str
    own: bool
    encoded: str | None
    flags: frozenset[str]
    inline: str | None
    loops: bool


def read_lines(facts: Facts) -> tuple[Line, ...]:
    """The process's own lines, decoded forms and script blocks, then its ancestors' lines; each is read once."""
    own = [(text, facts.program, True) for text in texts_of(facts.signal.process)]
    above = [(t, a, False) for a in facts.lineage if a.line for t in (a.line, *decoded_forms(a.line))]
    return tuple(_read(text, program, own=of_process) for text, program, of_process in (*own, *above))


def _read(text: str, program: Program, *, own: bool) -> Line:
    kind, name = program.kind, program.known_as or ""
    return Line(
        text=text,
        kind=kind,
        name=name,
        own=own,
        encoded=encoded(text, name) if kind in _ENCODERS else None,
        flags=flags(text) if kind == "shell" else frozenset(),
        inline=inline(text) if kind in _INLINERS else None,
        loops=loops(text),
    )


def command(facts: Facts, read: Sequence[Line], programs: Programs, policy: SeverityPolicy, *, managed: bool) -> list[Sign]:
    """Signs in the process's own lines and in those of ancestors that name the same host. `managed`: started by a management
    agent, whose flags are its habit.
    """
    host = facts.signal.host
    lines = [line for line in read if line.own or names_host(line.text, host)]
    signs: list[Sign] = []
    hidden = next((line.encoded for line in lines if line.encoded), None)
    if hidden:
        signs.append(_sign("command", "encoded", policy.command, hidden))
    kinds = sorted({kind for line in lines for kind in line.flags})
    if kinds:
        points = min(policy.command["flags_most"], policy.command["flag"] * len(kinds))
        evidence = ", ".join(kinds) + ("; started by a management agent" if managed else "")
        signs.append(Sign(step="command", rule="flags", points=points, evidence=evidence, taken=not managed))
    script = next((line.inline for line in lines if line.inline), None)
    if script:
        signs.append(_sign("command", "inline", policy.command, script))
    tools = programs.rules.processes.tool_classes
    naming = [line for line in lines if line.kind in tools and (not line.own or names_host(line.text, host))]
    if naming:
        signs.append(_sign("command", "url", policy.command, f"the line of {naming[0].name} names the host"))
        looping = next((line for line in naming if line.loops), None)
        if looping:
            signs.append(_sign("command", "loop", policy.command, f"the line of {looping.name} repeats it"))
    if _driven(facts, programs):
        signs.append(_sign("command", "headless", policy.command, "a browser run unseen or by remote control"))
    return signs


def _driven(facts: Facts, programs: Programs) -> bool:
    program = facts.program
    if program.known_as not in programs.browser_names or not headless(program.line) or not facts.lineage:
        return False
    parent = facts.lineage[0]
    if parent.name is None or parent.known_as in programs.browser_names:
        return False
    ide = programs.group("ides", parent.known_as) and parent.path is not None and programs.places.at_home(parent.path)
    return not ide and not programs.group("headless_usual_parents", parent.known_as)


# --- behaviour, DNS, context ----------------------------------------------------------------------------------------


def behaviour(facts: Facts, policy: SeverityPolicy, others: float) -> list[Sign]:
    """Periodic contact; agents are periodic too, so it counts only beside other signs, or where the tenant is new here."""
    beacon, needs = facts.beacon, policy.context["needs"]
    if beacon is None or beacon.name not in PERIODIC:
        return []
    evidence = f"class {beacon.name}, {beacon.sightings} sightings, median gap {beacon.period_s:g} s"
    counts = others > needs or facts.new_tenant is True
    if not counts:
        evidence += f"; counts only beside other signs above {needs:g}, there are {others:g}, or where the tenant is new"
    points = policy.behaviour["periodic"]
    return [Sign(step="behaviour", rule="periodic", points=points, evidence=evidence, taken=counts)]


_ANOMALIES = {
    "tenant_rotation": "more than eight tenants of the platform asked for within an hour",
    "failed_burst": "five or more failed queries for the tenant within ten minutes",
    "never_connected": "asked for and never connected to, though connections are collected",
}


def dns(facts: Facts, policy: SeverityPolicy) -> list[Sign]:
    """DNS anomalies; together they give at most `dns.most`."""
    signs: list[Sign] = []
    left = policy.dns["most"]
    for rule, evidence in _ANOMALIES.items():
        if rule in facts.dns_anomalies:
            points = min(policy.dns[rule], left)
            left -= points
            signs.append(Sign(step="dns", rule=rule, points=points, evidence=evidence, taken=points > 0))
    return signs


_SERVER_ROLES = frozenset({"server", "domain_controller", "jump_host"})
SHARED_FROM = 3
"""Hosts that began with a tenant within a day, from which on that is a sign."""


def context(facts: Facts, policy: SeverityPolicy, others: float) -> list[Sign]:
    """How new the tenant is, what the estate says of the host, and who began with the tenant on the same day; all of it
    counts only beside other signs.
    """
    found: list[tuple[str, str]] = []
    if facts.new_tenant:
        found.append(("new_tenant", "nobody here contacted the tenant before the last seven days"))
    if facts.role in _SERVER_ROLES:
        found.append(("server", f"the host is a {facts.role.replace('_', ' ')}"))
    if facts.shared_start is not None and facts.shared_start >= SHARED_FROM:
        found.append(("shared_hosts", f"{facts.shared_start} hosts began with the tenant within a day"))
    needs = policy.context["needs"]
    short = others <= needs
    note = f"; other signs are {others:g}, more than {needs:g} needed" if short else ""
    return [
        Sign(step="context", rule=rule, points=policy.context[rule], evidence=evidence + note, taken=not short)
        for rule, evidence in found
    ]


def address(facts: Facts, policy: SeverityPolicy, others: float) -> list[Sign]:
    """An address that is not the platform's; it counts only beside other signs. One that is, or may be, gives nothing."""
    found = consistency_of(facts)
    if found.consistent is not False:
        return []
    needs = policy.address["needs"]
    short = others <= needs
    evidence = found.why + (f"; other signs are {others:g}, more than {needs:g} needed" if short else "")
    return [
        Sign(step="address", rule="inconsistent", points=policy.address["inconsistent"], evidence=evidence, taken=not short)
    ]
