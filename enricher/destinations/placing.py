"""A description of a case as a template arranges it: the facts that stand first, lists as long as wanted, the house's own lines.

What is filled into a pattern is harmless before it gets there, and what comes out is text like any other: the renderers place it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from enricher.core.document import CaseDocument
from enricher.core.layout import Layout
from enricher.core.secrets import mask
from enricher.destinations.facts import Fact
from enricher.destinations.saying import HEAD, UNKNOWN, Limits, Speaker, part_of
from enricher.destinations.text import MAX_RAW, cut, defang_name, neutralise, safe_url, shorten
from enricher.destinations.wording import MOST_URL, Ancestor, Description, Rule, Step, case_page
from enricher.model import Severity

MOST_VALUE = 120
"""Characters of one value in a pattern; the title has more."""
MOST_NOTE = 300
MOST_QUOTED = 80


@dataclass(frozen=True, slots=True)
class HouseLine:
    """One line of the house's own; `url` is safe to click, or None."""

    text: str
    url: str | None


class Placed:
    """What a template shows of one case, in its order."""

    def __init__(self, case: Description, document: CaseDocument, layout: Layout, base_url: str | None = None) -> None:
        self.case, self.layout = case, layout
        self._document, self._base_url = document, base_url

    def facts(self) -> Iterator[tuple[str, Fact]]:
        """The facts that stand first, by name, in the template's order."""
        return ((name, self.case.facts[name]) for name in self.layout.facts if name in self.case.facts)

    def details(self) -> Iterator[tuple[str, Fact]]:
        """All others."""
        return ((name, fact) for name, fact in self.case.facts.items() if name not in self.layout.facts)

    @cached_property
    def taken(self) -> tuple[Step, ...]:
        """The steps of the ledger that count."""
        steps = [step for step in self.case.ledger if step.taken]
        most = self.layout.most("ledger")
        if len(steps) <= most:
            return tuple(steps)
        rest = len(steps) - most + 1
        return (*steps[: most - 1], Step("…", f"{rest} more, see case", "", f"→ {steps[-1].reached}", taken=True))

    @cached_property
    def not_taken(self) -> str:
        """Those that were looked at and do not count, in one line; empty where there are none."""
        steps = [f"{step.points} {step.step} ({step.evidence})" for step in self.case.ledger if not step.taken]
        return "; ".join(shorten(steps, self.layout.most("not_taken")))

    @property
    def lineage(self) -> Sequence[Ancestor]:
        """The last of the chain, down to the process itself."""
        return self.case.lineage[-self.layout.most("lineage") :]

    @property
    def tuning(self) -> Sequence[Rule]:
        return self.case.tuning[: self.layout.most("tuning")]

    @cached_property
    def next_steps(self) -> Sequence[str]:
        """The first of them; `further_steps` counts the rest."""
        said, whole = self.case.next_steps, len(list(filter(None, self._document["next_steps"])))
        steps = said if len(said) == whole else said[:-1]  # the last one counts what did not fit
        return steps[: self.layout.most("next_steps")]

    @property
    def further_steps(self) -> str:
        """A line for those that are not shown; empty where all are."""
        rest = len(list(filter(None, self._document["next_steps"]))) - len(self.next_steps)
        return f"… {rest} more, see case" if rest else ""

    @property
    def lookups(self) -> Sequence[str]:
        return shorten(self.case.lookups, self.layout.most("lookups"))

    @property
    def missing(self) -> Sequence[str]:
        return shorten(self.case.missing, self.layout.most("missing"))

    @cached_property
    def notes(self) -> tuple[HouseLine, ...]:
        """The house's own lines for this severity."""
        wanted = [note for note in self.layout.notes if self.case.severity in note.severities]
        if not wanted:
            return ()
        values = places(self._document, self._base_url)
        return tuple(
            HouseLine(
                cut(note.text.format_map(values), MOST_NOTE),
                _address(note.link, self._document) if note.link else None,
            )
            for note in wanted
        )


def summary(document: CaseDocument, layout: Layout, most: int, base_url: str | None = None) -> str:
    """The line by which a ticket is found in a list, in at most `most` characters."""
    return _summary(layout, places(document, base_url), most)


def summaries(document: CaseDocument, layout: Layout, most: int, base_url: str | None = None) -> Iterator[str]:
    """That line at every severity and score, with the case's title and those before it: one that is none of these was edited."""
    for title in (document["title"], *document.get("earlier_titles", ())):
        values = places({**document, "title": title}, base_url)  # once for each: no more than the grade differs
        for severity in Severity:
            yield from (_summary(layout, {**values, **_grade(severity, score)}, most) for score in range(101))


def _summary(layout: Layout, values: Mapping[str, str], most: int) -> str:
    return cut(layout.summary.format_map(values), most)


def places(document: CaseDocument, base_url: str | None = None) -> Mapping[str, str]:
    """What a pattern's names in braces stand for, each on one line and harmless; `unknown` for what is not known."""
    say = Speaker(document, Limits(MOST_VALUE, MOST_VALUE, 1))
    technique, title = say.value(document["detection"]), say.value(document["title"], most=HEAD)
    tenant = document["tenant"]
    return {
        **_grade(Severity(document["severity"]), document["score"]),
        "headline": title if title.startswith(technique) else f"{technique} {title}",
        "host": say.value(document["host"]),
        "key": document["key"],
        "platform": say.value(part_of(document, "platform").get("name")),
        "process": say.value(part_of(document, "process").get("name")),
        "tactic": say.value(part_of(document, "technique").get("tactic")),
        "technique": technique,
        "tenant": say.value(defang_name(tenant, 0)) if tenant else UNKNOWN,
        "title": title,
        "url": safe_url(case_page(document, base_url), MOST_URL) or UNKNOWN,
        "user": say.value(document["user"]),
        "verdict": say.value(document["verdict"]),
    }


def _grade(severity: Severity, score: int) -> dict[str, str]:
    return {"severity": severity.value, "Severity": severity.value.capitalize(), "score": str(score)}


def _address(pattern: str, document: CaseDocument) -> str | None:
    """A link of the house's, its values quoted whole, so that none of them can end a part of the address or begin one."""
    values = {
        "host": document["host"],
        "key": document["key"],
        "score": str(document["score"]),
        "severity": document["severity"],
        "technique": document["detection"],
    }
    quoted = {
        name: quote(mask(neutralise(value[:MAX_RAW]))[:MOST_QUOTED], safe="", errors="replace")
        for name, value in values.items()
    }
    return safe_url(pattern.format_map(quoted), MOST_URL)
