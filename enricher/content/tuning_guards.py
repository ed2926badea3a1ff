"""What keeps a tuning rule from hiding what it was not written for: checks of its people, its times, its effect and its reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from enricher.content.estate import MaintenanceEntry
from enricher.content.tuning_entry import DEFAULT_LIFE, LONGEST_LIFE, TuningEntry
from enricher.core.catalog import Catalog
from enricher.core.matcher import Matcher
from enricher.core.paths import folder_of, name_of
from enricher.core.programs import Programs
from enricher.core.rules import TuningRule
from enricher.core.tune import EVIDENCE, YES, TuningFacts

FEWEST_CONDITIONS = 3
_SAME_KIND = {"ancestor": "parent", "chain": "parent", "hostname": "tenant"}
"""Conditions that count as one: the same thing said twice is not said more surely."""
_NO_KIND = frozenset({"schedule"})
"""Conditions that are no evidence of what runs and whom it asks."""

_SUPPRESS_APPROVERS = 2
_ANY_FOLDER = ("c:\\users\\public\\", "c:\\nowhere\\", "/nowhere/", "/opt/nowhere/")
_BEFORE, _AFTER = "any.exe /c http://any.example/ & ", " & any.exe -enc aQBlAHgAIABpAHcAcgA="
_WMI = "c:\\windows\\system32\\wbem\\wmiprvse.exe"


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A guard's refusal: the way to the part of the entry, and what would be right."""

    where: tuple[str, ...]
    message: str


def listed(value: str | list[str] | Literal[True] | MaintenanceEntry | list[MaintenanceEntry] | None) -> tuple[str, ...]:
    """One or more values as text; a window as it would be said."""
    if value is True:
        return (YES,)
    values = [] if value is None else value if isinstance(value, list) else [value]
    return tuple(one if isinstance(one, str) else f"{', '.join(one.days)} {one.begins}-{one.ends}" for one in values)


# --- of what is written ---------------------------------------------------------------------------------------------


def check_entry(entry: TuningEntry, catalog: Catalog) -> None:
    """Raises Refused."""
    _check_people(entry)
    _check_times(entry)
    _check_effect(entry)
    _check_reach(entry, catalog)


def _check_people(entry: TuningEntry) -> None:
    approvers = {name.strip().casefold() for name in listed(entry.approver)}
    if entry.owner.strip().casefold() in approvers:
        raise Refused(("approver",), f"{entry.owner!r} owns it and approves it; another must approve")
    if entry.effect == "suppress" and len(approvers) < _SUPPRESS_APPROVERS:
        raise Refused(("approver",), "'suppress' needs two approvers; name two, or use 'cap'")


def _check_times(entry: TuningEntry) -> None:
    expires = entry.expires or entry.created + DEFAULT_LIFE
    if expires <= entry.created:
        raise Refused(("expires",), "'expires' must be after 'created'")
    if expires - entry.created > LONGEST_LIFE:
        raise Refused(
            ("expires",), f"'expires' is {(expires - entry.created).days} days after 'created'; at most {LONGEST_LIFE.days}"
        )


def _check_effect(entry: TuningEntry) -> None:
    for effect, key, given in (("cap", "cap_at", entry.cap_at), ("subtract", "amount", entry.amount)):
        if entry.effect == effect and given is None:
            raise Refused(("effect",), f"effect {effect!r} needs {key!r}")
        if entry.effect != effect and given is not None:
            raise Refused((key,), f"{key!r} goes with effect {effect!r}, not {entry.effect!r}")


def _check_reach(entry: TuningEntry, catalog: Catalog) -> None:
    if not entry.scope.model_dump(exclude_none=True, include={"groups", "users", "hosts"}):
        raise Refused(("scope",), "'scope' is empty; name groups, users or hosts")
    named = set(entry.conditions.model_dump(exclude_none=True)) - _NO_KIND
    kinds = {_SAME_KIND.get(name, name) for name in named}
    if len(kinds) < FEWEST_CONDITIONS:
        raise Refused(
            ("conditions",),
            f"{len(kinds)} conditions; at least {FEWEST_CONDITIONS} of image, parent or ancestor or chain, command_line, user, "
            "tenant or hostname, hash",
        )
    if not named & {"tenant", "hash"}:
        raise Refused(("conditions",), _without_tenant(entry, catalog))


def _without_tenant(entry: TuningEntry, catalog: Catalog) -> str:
    for name in listed(entry.conditions.hostname):
        match = catalog.match(name)
        if match is not None and match.tenant is None:
            return f"{name!r} is shared by all customers of {match.platform.name}: allowing it allows every one; add 'hash'"
    return "one condition must be 'tenant' or 'hash'"


# --- of what it comes to --------------------------------------------------------------------------------------------


def check_breadth(rule: TuningRule, example: TuningFacts) -> None:
    """What a rule fits beside an example of its own tells how wide it is. Raises Refused."""
    for name, matcher in rule.matchers.items():
        part = name.partition(".")[0]
        texts = [text for text in EVIDENCE[name](example) if text]
        if part in {"image", "parent", "ancestor", "chain"} and (any_folder := _fits_any_folder(matcher, texts)):
            raise Refused(
                ("conditions", part), f"conditions.{part}: fits {any_folder!r} too; begin with the folder it lives in"
            )
        if name == "command_line" and any(matcher.matches(f"{_BEFORE}{text}{_AFTER}") for text in texts):
            raise Refused(
                ("conditions", name),
                "conditions.command_line: fits with anything before and after; say how it begins or ends",
            )
    if _only_wmi(rule.matchers):
        raise Refused(
            ("conditions",),
            "WmiPrvSE starts what an intruder asks for, too: add 'command_line' with the script it may start",
        )


def anything_goes(programs: Programs) -> list[str]:
    """A problem line for each rule that lets an interpreter do anything towards anybody: its hash does not say what it runs."""
    tools = programs.rules.processes.tool_classes
    return [
        f"{rule.source}: rule {rule.id!r}: the hash of {name} does not say what it runs; add 'tenant' or 'command_line'"
        for rule in programs.rules.tuning
        if not {"tenant", "command_line"} & rule.matchers.keys()
        for name in sorted({name_of(image) for image in rule.conditions.get("image", ())})
        if programs.named_class(name) in tools
    ]


def _fits_any_folder(matcher: Matcher, texts: Sequence[str]) -> str | None:
    for text in texts:
        for folder in _ANY_FOLDER:
            elsewhere = folder + text[len(folder_of(text)) :]
            if elsewhere != text and matcher.matches(elsewhere) and matcher.expressions:
                return elsewhere
    return None


def _only_wmi(matchers: Mapping[str, Matcher]) -> bool:
    """Whether WmiPrvSE as the parent is allowed without a word on what it starts."""
    parents = [matcher for name, matcher in matchers.items() if name in {"parent", "ancestor"} or name.startswith("chain.")]
    return "command_line" not in matchers and any(matcher.matches(_WMI) for matcher in parents)
