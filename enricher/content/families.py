"""`config/families/*.yml`: tuning rules with gaps, for what is known to look like an attack and is none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import re2
import yaml
from pydantic import Field, JsonValue, TypeAdapter

from enricher.content.documents import File, Folder, Problems
from enricher.content.models import Strict, Text
from enricher.content.tuning import read_tuning
from enricher.content.tuning_entry import TuningEntry, TuningFile
from enricher.content.validate import read
from enricher.core.catalog import Catalog
from enricher.core.rules import TuningRule
from enricher.errors import ConfigurationError

TO_FILL = "FILL-IN"
"""Stands for a person or a ticket. A rule with it does not load: nobody may own and approve it, and it is no ticket."""

_GAP = re.compile(r"\$\{(\w+)(\.example)?\}")
_LONGEST_ID = 64


class PlaceholderEntry(Strict):
    """A gap of the rule. Without a default it must be filled."""

    about: Text
    default: Text | None = None
    example: Text | None = None


class FamilyFile(Strict):
    """A tuning rule with gaps, `${name}`; `${name.example}` is the same with what stands for its `*`."""

    about: Text
    placeholders: dict[Annotated[str, Field(pattern=r"^\w+$")], PlaceholderEntry]
    rule: dict[Text, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One template, by its file's name."""

    name: str
    file: FamilyFile

    @property
    def required(self) -> list[str]:
        """The gaps that have no default."""
        return [name for name, gap in self.file.placeholders.items() if gap.default is None]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who answers for a rule, and where that was agreed."""

    owner: str = TO_FILL
    approver: str = TO_FILL
    ticket: str = TO_FILL

    @property
    def missing(self) -> list[str]:
        """Those that are still to be filled in."""
        named = {"owner": self.owner, "approver": self.approver, "ticket": self.ticket}
        return [name for name, value in named.items() if value == TO_FILL]


def families(directory: Path | None) -> dict[str, Family]:
    """Every template of the folder, else the packaged ones, by name. Raises ConfigurationError."""
    problems, found = Problems(), {}
    shape = TypeAdapter(FamilyFile)
    for file in Folder(directory, problems).several("families", default=True):
        if (written := read(file, shape, problems)) is None:
            continue
        family, document = written
        for gap in sorted(set(_gaps(family.rule)) - family.placeholders.keys()):
            problems.add(file.shown, document.line(("rule",)), f"rule: ${{{gap}}} is none of 'placeholders'")
        name = Path(file.name).stem
        found[name] = Family(name=name, file=family)
    if problems:
        raise ConfigurationError(problems)
    return found


def _gaps(part: JsonValue) -> Iterator[str]:
    if isinstance(part, str):
        yield from (found[0] for found in _GAP.findall(part))
    elif isinstance(part, list):
        for inside in part:
            yield from _gaps(inside)
    elif isinstance(part, dict):
        yield from _gaps(list(part.values()))


# --- filling one ----------------------------------------------------------------------------------------------------


def fill(family: Family, values: Mapping[str, str], people: People, today: date, *, days: int = 90) -> str:
    """The rule as YAML, in shadow, for `days` from today. Raises ValueError for a gap that is missing, empty or unknown."""
    gaps = family.file.placeholders
    if unknown := sorted(values.keys() - gaps.keys() - {"id"}):
        raise ValueError(f"{family.name} has no {', '.join(unknown)}; there are {', '.join(gaps)}")
    given = {name: gap.default for name, gap in gaps.items() if gap.default} | dict(values)
    if missing := [name for name in gaps if not given.get(name, "").strip()]:
        raise ValueError(f"{family.name} needs {', '.join(f'--set {name}=…' for name in missing)}")
    filled = {name: _filled(part, given) for name, part in family.file.rule.items()}
    tests = filled.pop("tests", None)
    rule = {
        "id": values.get("id") or _id(family.name, given),
        "version": 1,
        "owner": people.owner,
        "approver": people.approver,
        "reason": filled.pop("reason", None),
        "ticket": people.ticket,
        "created": today,
        "expires": today + timedelta(days=days),
        **filled,
        "mode": "shadow",
        "tests": tests,
    }
    return dump([rule])


def _id(family: str, given: Mapping[str, str]) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", f"{family}-{given.get('tenant', '')}".lower())
    return words[:_LONGEST_ID].strip("-")


def _filled(part: JsonValue, given: Mapping[str, str]) -> JsonValue:
    if isinstance(part, str):
        pattern = part.startswith("re:")
        return _GAP.sub(lambda gap: _value(gap, given, pattern=pattern), part)
    if isinstance(part, list):
        return [_filled(inside, given) for inside in part]
    if isinstance(part, dict):
        return {name: _filled(inside, given) for name, inside in part.items()}
    return part


def _value(gap: re.Match[str], given: Mapping[str, str], *, pattern: bool) -> str:
    value = given[gap[1]]
    if gap[2]:
        return value.replace("*", "1")
    return str(re2.escape(value)).replace(r"\*", r'[^\\/"]*') if pattern else value


class _Plain(yaml.SafeDumper):
    """Writes every value out: anchors are not read."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def dump(rules: Sequence[Mapping[str, Any]]) -> str:
    """Rules as YAML that reads back as the same."""
    return yaml.dump(list(rules), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=10_000)


def read_rules(text: str, catalog: Catalog, name: str = "tuning/new.yml") -> tuple[list[TuningRule], list[str]]:
    """The rules of a text that is in no folder, with all guards but the corpus', and what is wrong with it."""
    problems = Problems()
    shape: TypeAdapter[list[TuningEntry]] = TypeAdapter(TuningFile)
    found = read(File(name, name, text), shape, problems)
    rules = read_tuning(*found, catalog, None, problems) if found else []
    return rules, list(problems)
