"""The signs a process shows, group by group: what each adds or takes, by which rule, on what evidence.

Every function returns signs in a fixed order; those that were considered and refused come with `taken=False`. Points are those
of severity.yml. Source: the severity model (docs/severity.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from enricher.core.classify import texts_of
from enricher.core.commands import decoded_forms, encoded, flags, headless, inline, loops, names_host
from enricher.core.gather import Facts
from enricher.core.lineage import Kinship, kinships
from enricher.core.paths import folder_of
from enricher.core.programs import Program, Programs
from enricher.core.rules import SeverityPolicy
from enricher.core.sign import Sign, counts, refused, sign_of
from enricher.core.tasks import helper_at_home, verified_task

_FILE_RUNNERS = frozenset({"script_host", "lolbin", "downloader", "shell", "runtime"})
_ENCODERS = frozenset({"shell", "script_host", "lolbin", "runtime"})
_INLINERS = frozenset({"script_host", "lolbin", "downloader", "shell"})


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
        signs.append(sign_of("identity", "renamed", policy.identity, f"{program.name} is {real} by its OriginalFileName"))
        words.append("renamed")
    if disguise := programs.masquerade(program):
        where = folder_of(program.path or "")
        signs.append(sign_of("identity", disguise, policy.identity, f"{program.name} runs from {where}"))
        words.append("masquerade")
    image = _where(programs, program.path)
    if image:
        words.append("user_writable")
    if programs.no_version(program):
        signs.append(sign_of("identity", "no_version", policy.identity, "Company, Product and OriginalFileName are empty"))
        words.append("no_version")
    if pretended := programs.double_extension(program):
        signs.append(sign_of("identity", "double_extension", policy.identity, pretended))
        words.append("double_extension")
    if image:
        signs.append(sign_of("path", f"image_{image}", policy.path, program.path or ""))
    script = _worst_script(facts, programs)
    if script:
        signs.append(sign_of("path", f"script_{script[0]}", policy.path, script[1]))
    return Identity(tuple(signs), tuple(words))


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


def process(facts: Facts, who: Identity, programs: Programs, policy: SeverityPolicy) -> list[Sign]:
    """The class's points, or a ceiling where the installation itself runs this. A ceiling that does not hold comes second."""
    ceiling = _ceiling(facts, programs, policy)
    if ceiling is None:
        return [_of_class(facts.program, policy)]
    if who.hides:
        return [_of_class(facts.program, policy), refused(ceiling, _HIDES)]
    return [ceiling] if counts(ceiling, policy) else [_of_class(facts.program, policy), ceiling]


CEILINGS = frozenset({"verified_task", "helper_at_home"})
_HIDES = "refused: the process hides what it is"


def _of_class(program: Program, policy: SeverityPolicy) -> Sign:
    elsewhere = program.kind == "other" and program.points == policy.process["other_elsewhere"] != policy.process["other"]
    rule = "other_elsewhere" if elsewhere else program.kind
    seen_as = f" (really {program.known_as})" if program.known_as and program.known_as != program.name else ""
    where = ", not where programs are installed" if elsewhere else ""
    evidence = f"{program.name or _UNKNOWN}{seen_as}, class {program.kind}{where}"
    return Sign(step="process", rule=rule, points=program.points, evidence=evidence)


_UNKNOWN = "unknown process"


def _ceiling(facts: Facts, programs: Programs, policy: SeverityPolicy) -> Sign | None:
    program = facts.program
    if reason := verified_task(program, facts.lineage[0] if facts.lineage else None, programs):
        rule = "verified_task"
    elif helper_at_home(program, programs):
        rule, reason = "helper_at_home", "an updater in its place"
    else:
        return None
    evidence = f"{program.name or _UNKNOWN}, class {program.kind}: {reason}"
    return Sign(step="process", rule=rule, points=min(policy.process[rule], program.points), evidence=evidence)


def lineage(facts: Facts, who: Identity, *, verified: bool, programs: Programs, policy: SeverityPolicy) -> list[Sign]:
    """The largest positive and the largest negative rule; the others are printed as not taken. What is in shadow takes the place
    of none.
    """
    found = kinships(facts.program, facts.lineage, programs)
    why_not = {id(k): _why_not(k, facts, who, verified=verified, policy=policy) for k in found}
    live = [k for k in found if why_not[id(k)] is None and f"lineage.{k.rule}" not in policy.shadow]
    signs: list[Sign] = []
    for way in (1, -1):
        largest = max(live, key=lambda k: policy.lineage[k.rule] * way, default=None)
        best = largest if largest and policy.lineage[largest.rule] * way > 0 else None
        alike = [k for k in found if policy.lineage[k.rule] * way > 0]
        signs += [_kin(k, policy, best, why_not[id(k)]) for k in _each_rule_once(alike, best)]
    return signs


def _why_not(k: Kinship, facts: Facts, who: Identity, *, verified: bool, policy: SeverityPolicy) -> str | None:
    """Why a rule that fits does not count, whatever else there is."""
    if policy.lineage[k.rule] < 0 and who.hides:
        return _HIDES
    return "none for a verified task" if k.rule == "task_other" and k.child is facts.program and verified else None


def _each_rule_once(found: list[Kinship], first: Kinship | None) -> list[Kinship]:
    """The chosen one first, then the nearest of every other rule."""
    chosen = {first.rule: first} if first else {}
    for k in found:
        chosen.setdefault(k.rule, k)
    return list(chosen.values())


def _kin(k: Kinship, policy: SeverityPolicy, best: Kinship | None, why_not: str | None) -> Sign:
    sign = Sign(step="lineage", rule=k.rule, points=policy.lineage[k.rule], evidence=k.evidence)
    if k is best or not counts(sign, policy):
        return sign
    return refused(sign, why_not or "only the largest counts")


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
        signs.append(sign_of("command", "encoded", policy.command, hidden))
    kinds = sorted({kind for line in lines for kind in line.flags})
    if kinds:
        points = min(policy.command["flags_most"], policy.command["flag"] * len(kinds))
        evidence = ", ".join(kinds) + ("; started by a management agent" if managed else "")
        signs.append(Sign(step="command", rule="flags", points=points, evidence=evidence, taken=not managed))
    script = next((line.inline for line in lines if line.inline), None)
    if script:
        signs.append(sign_of("command", "inline", policy.command, script))
    tools = programs.rules.processes.tool_classes
    naming = [line for line in lines if line.kind in tools and (not line.own or names_host(line.text, host))]
    if naming:
        signs.append(sign_of("command", "url", policy.command, f"the line of {naming[0].name} names the host"))
        looping = next((line for line in naming if line.loops), None)
        if looping:
            signs.append(sign_of("command", "loop", policy.command, f"the line of {looping.name} repeats it"))
    if _driven(facts, programs):
        signs.append(sign_of("command", "headless", policy.command, "a browser run unseen or by remote control"))
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
