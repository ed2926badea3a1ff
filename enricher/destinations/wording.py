"""What every destination says about a case, in the same words and the same order; only the markup is theirs.

`Description` turns a case document into text that is already harmless (`text.clean`) and short enough; a renderer only places
it. A fact that is not known reads "unknown" or is left out, and what is missing is always said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from enricher.core.document import AncestorDoc, CaseDocument, EnrichmentDoc, ExceptionDoc, News, StepDoc
from enricher.core.phrases import LOOKUPS, NEVER_ANSWERED, SOURCES, age, decoded, found
from enricher.destinations.facts import Fact, fact_of, facts_of, verdict_of
from enricher.destinations.saying import HEAD, Limits, Speaker, part_of
from enricher.destinations.text import cut, safe_url, shorten
from enricher.model import Severity

MOST_RULE = 60
MOST_URL = 300
"""Longer links are left out: they would crowd out the facts."""


@dataclass(frozen=True, slots=True)
class Link:
    """A place to go: a label and an address that is safe to click."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One process of the lineage, from the oldest down to the one that called. `source` says where it is known from; empty
    for the process itself. `decoded` are what its encoded arguments say.
    """

    source: str
    name: str
    command_line: str
    decoded: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """`EXCEL.EXE (history)`."""
        return f"{self.name} ({self.source})" if self.source else self.name


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the ledger."""

    step: str
    evidence: str
    points: str
    score: str
    taken: bool

    @property
    def reached(self) -> str:
        """The score after it."""
        return self.score.rsplit(" ", 1)[-1]

    @property
    def line(self) -> str:
        return f"{self.points if self.taken else f'not taken, {self.points}'} {self.step}: {self.evidence} ({self.score})"


@dataclass(frozen=True, slots=True)
class Rule:
    """A tuning rule that matched, and what it did or would have done."""

    rule: str
    effect: str
    reason: str
    owner: str
    expires: str

    @property
    def line(self) -> str:
        return f"{self.rule}: {self.effect}; owner {self.owner}, expires {self.expires}. {self.reason}"


class Description:
    """A case in words, within `limits`. Each part is worked out when it is first asked for: no destination says all of them.

    `base_url` is the console's; without it no link to the case page is made. `facts` are by name, in the order in which they
    are printed.
    """

    def __init__(self, document: CaseDocument, limits: Limits, base_url: str | None = None) -> None:
        self._document, self._base_url, self._say = document, base_url, Speaker(document, limits)
        self.key, self.score = document["key"], document["score"]
        self.severity = Severity(document["severity"])

    @property
    def grade(self) -> str:
        return f"{self.severity.value.capitalize()} {self.score}"

    @property
    def opening(self) -> str:
        """`Critical, 98 of 100, verdict malicious.`: how the first sentence begins."""
        verdict = self._say.value(self._document["verdict"])
        return f"{self.severity.value.capitalize()}, {self.score} of 100, verdict {verdict}."

    @cached_property
    def technique(self) -> str:
        return self._say.value(self._document["detection"])

    @cached_property
    def title(self) -> str:
        return self._say.value(self._document["title"], most=HEAD)

    @cached_property
    def summary(self) -> str:
        said = self._say.value(self._document["summary"], most=HEAD + 100)
        return " ".join(filter(None, (said, _insight(self._document, self._say))))

    @cached_property
    def verdict(self) -> str:
        return verdict_of(self._document, self._say)

    @cached_property
    def facts(self) -> Mapping[str, Fact]:
        return facts_of(self._document, self._say)

    def fact(self, name: str) -> Fact:
        """One fact, for a destination that does not print them all."""
        return fact_of(name, self._document, self._say)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        return _links(self._document, self._base_url)

    @cached_property
    def technique_url(self) -> str | None:
        """The technique's page at ATT&CK."""
        return safe_url(part_of(self._document, "technique").get("url"), MOST_URL)

    @cached_property
    def lineage(self) -> tuple[Ancestor, ...]:
        return _lineage(self._document, self._say)

    @cached_property
    def chain(self) -> str:
        return _chain(self._document, self._say)

    @cached_property
    def ledger(self) -> tuple[Step, ...]:
        return _ledger(self._document["ledger"], self._say)

    @cached_property
    def digest(self) -> str:
        return self._say.value(self._document["ledger_digest"], most=max(self._say.limits.text, 80))

    @cached_property
    def tuning(self) -> tuple[Rule, ...]:
        rules = self._document["exceptions"][: self._say.limits.rows]
        return tuple(_rule(rule, self._document, self._say) for rule in rules)

    @cached_property
    def lookups(self) -> tuple[str, ...]:
        return self._say.lines(_lookups(self._document))

    @cached_property
    def missing(self) -> tuple[str, ...]:
        return self._say.lines(self._document["missing"]) or ("Nothing that we ask for",)

    @cached_property
    def next_steps(self) -> tuple[str, ...]:
        return self._say.lines(self._document["next_steps"])


def headline(document: CaseDocument, most: int) -> str:
    """`[Critical 98] T1583.007 powershell.exe … from ws-fin-0142`."""
    say = Speaker(document, Limits(most, most, 1))
    technique, title = say.value(document["detection"]), say.value(document["title"], most=HEAD)
    named = title if title.startswith(technique) else f"{technique} {title}"
    return f"[{document['severity'].capitalize()} {document['score']}] {named}"


def event_id(document: CaseDocument, seq: int = 1) -> str:
    """What marks one piece of news inside a ticket, so that it is found again."""
    return f"{document['key']}-{seq:02d}"


def ticket_key(case_key: str, generation: int) -> str:
    """Our key in a ticket: the case's own, and for one that follows a closed ticket its number behind it."""
    return case_key if generation == 1 else f"{case_key}-g{generation}"


_STANDINGS = {"recovery": "recovered", "reopened": "reopened"}
_PART_OF = "Part of another case"
"""How the store begins the last news of a case that was joined into another."""


def standing(news: Sequence[News]) -> str:
    """What has become of a case by its news: `recovered`, `reopened` or `joined`; empty where nothing has."""
    for one in reversed(news):
        if one["text"].startswith(_PART_OF):
            return "joined"
        if one["kind"] in _STANDINGS:
            return _STANDINGS[one["kind"]]
    return ""


def tell(document: CaseDocument, news: News, limits: Limits) -> tuple[str, tuple[str, ...]]:
    """One piece of news: its sentence, its details."""
    say = Speaker(document, limits)
    steps = {f"{step['points']:+g} {step['rule']}" for step in document["ledger"] if _is_rule(step["rule"])}
    lines = shorten(news["lines"], limits.rows)
    return say.value(news["text"]), tuple(_told(line, steps, say) for line in lines if line)


def _is_rule(name: str) -> bool:
    return len(name) <= MOST_RULE and name.isascii() and name.replace(".", "_").isidentifier()


def _told(line: str, steps: Collection[str], say: Speaker) -> str:
    """A step of the ledger at the beginning stays as it is: some rules are called as hosts could be, `process.shell`."""
    step, _, evidence = line.partition(": ")
    return f"{step}: {say.value(evidence)}" if step in steps else say.value(line)


def where_it_stands(document: CaseDocument) -> str:
    """The state that a piece of news leaves the case in."""
    return f"Severity is {document['severity']}, {document['score']}/100."


def unix(moment: str | None) -> int | None:
    """An ISO 8601 time as Unix seconds; None where it is none."""
    try:
        return int(datetime.fromisoformat(moment).timestamp()) if moment else None
    except (ValueError, OverflowError):
        return None


def case_page(document: CaseDocument, base_url: str | None) -> str | None:
    """Where the console shows the case; None where nobody has said where that is."""
    return f"{base_url.rstrip('/')}/cases/{document['key']}" if base_url else None


def _links(document: CaseDocument, base_url: str | None) -> tuple[Link, ...]:
    insight = document.get("insight")
    offered = (
        ("case page", case_page(document, base_url)),
        ("Sumo alert", part_of(document, "links").get("sumo_alert")),
        ("Sumo Insight", insight["url"] if insight else None),
        ("Sumo search", next((hunt["url"] for hunt in document.get("hunts", ())), None)),
    )
    return tuple(Link(label, safe) for label, url in offered if (safe := safe_url(url, MOST_URL)))


def _insight(document: CaseDocument, say: Speaker) -> str:
    """One sentence about the Cloud SIEM Insight that the case came in with; empty for any other, or one stored before there were."""
    insight = document.get("insight")
    if insight is None:
        return ""
    named = say.value(insight["readable_id"] or insight["id"])
    entity = f" about {say.value(insight['entity'])}" if insight["entity"] else ""
    return f"Cloud SIEM Insight {named}{entity}, severity there {say.value(insight['severity'])}."


MOST_ANCESTORS = 4
"""As many as a case has at most; with them the lists in a ticket are never deeper than Jira's editor can indent."""


def _lineage(document: CaseDocument, say: Speaker) -> tuple[Ancestor, ...]:
    process = part_of(document, "process")
    above = [_ancestor(link, say) for link in reversed(document["lineage"][: min(MOST_ANCESTORS, say.limits.rows)])]
    plain = tuple(say.command(text) for text in decoded(process)[: say.limits.rows])
    last = Ancestor("", say.value(process.get("name")), say.command(process.get("command_line")), plain)
    return (*above, last)


def _ancestor(link: AncestorDoc, say: Speaker) -> Ancestor:
    source = say.value(SOURCES.get(link["source"], link["source"]))
    if link["source"] == "missing":
        return Ancestor(source, "not known", f"GUID {say.value(link['guid'])}" if link["guid"] else "")
    return Ancestor(source, say.value(link["name"] or link["image"]), say.command(link["command_line"]))


def _chain(document: CaseDocument, say: Speaker) -> str:
    """`EXCEL.EXE (history) → mshta.exe → powershell.exe`: what was observed goes without saying."""
    links = [_ancestor(link, say) for link in reversed(document["lineage"][:MOST_ANCESTORS])]
    names = [link.name if link.source == SOURCES["observed"] else link.head for link in links]
    return cut(" → ".join((*names, say.value(part_of(document, "process").get("name")))), max(say.limits.command, 200))


def _ledger(steps: Sequence[StepDoc], say: Speaker) -> tuple[Step, ...]:
    shown = [_step(step, say) for step in steps[: say.limits.rows]]
    if len(steps) > len(shown):
        rest = len(steps) - len(shown)
        shown.append(Step("…", f"{rest} more, see case", "", f"→ {steps[-1]['to']:g}", taken=True))
    return tuple(shown)


def _step(step: StepDoc, say: Speaker) -> Step:
    return Step(
        step=say.value(step["step"]),
        evidence=say.value(step["evidence"]),
        points=f"{step['points']:+g}",
        score=f"{step['from']:g} → {step['to']:g}",
        taken=step["taken"],
    )


def _rule(rule: ExceptionDoc, document: CaseDocument, say: Speaker) -> Rule:
    did = "would have applied; nothing was changed"
    if rule["mode"] == "live":
        did = f"{document['raw_score']} {document['raw_severity']} → {document['score']} {document['severity']}"
    return Rule(
        rule=say.value(rule["rule"]),
        effect=f"mode {say.value(rule['mode'])}, effect {say.value(rule['effect'])}: {did}",
        reason=say.value(rule["reason"]),
        owner=say.value(rule["owner"]),
        expires=say.value(rule["expires"]),
    )


def _lookups(document: CaseDocument) -> list[str]:
    """Those that were answered: the others are missing, and stand there. The owner stands with the address, unless it is old."""
    return [
        _lookup(item)
        for item in document["enrichments"]
        if item["status"] not in NEVER_ANSWERED and (item["source"], item["status"]) != ("asn", "ok")
    ]


def _lookup(item: EnrichmentDoc) -> str:
    asked = f"{LOOKUPS.get(item['source'], item['source'])} of {item['about']}: {item['status']}"
    old = f"{age(item['age_s'])} old" if item.get("age_s") else None
    said = ", ".join(filter(None, (asked, item.get("reason"), old)))
    return f"{said}: {what}" if (what := found(item)) else said
