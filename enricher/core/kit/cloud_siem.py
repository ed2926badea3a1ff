"""The detection as expressions of Cloud SIEM's match rules, over its normalised Records.

A Record has the name that was asked for (event 22) or the one that the reverse look-up gave (event 3). Both are written in small
letters first: by Sumo Logic's own converter, an expression there takes no flag before it. Sources: Sumo Logic's documentation,
"CSE Rules Syntax"; its Sysmon mappings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from enricher.core.kit.selection import expression, names_of
from enricher.core.rules import Platform

_FIELDS = ("dns_query", "dstDevice_hostname")
ENTITIES = ("device_hostname", "user_username")
"""Whom a rule's signal is about: its entity selectors, of types `_hostname` and `_username`."""
TAGS_OF: dict[str, tuple[str, ...]] = {
    "T1583.007": (
        "_mitreAttackTactic:TA0042",
        "_mitreAttackTactic:TA0011",
        "_mitreAttackTechnique:T1583.007",
    ),
    "T1572": ("_mitreAttackTactic:TA0011", "_mitreAttackTechnique:T1572"),
}
"""By the id of the detection."""
SEVERITY = 3
"""Of ten: a name says little. What the evidence is worth is judged when the Insight comes here."""


def rule_expression(platforms: Sequence[Platform], excluded: Sequence[str], browsers: Iterable[str]) -> str:
    """One rule's expression for these platforms, without the provider's own hosts (`excluded`) and without `browsers` that run from
    the folder of programs. Each expression within stands for the whole of a value.
    """
    fits = expression(name for platform in platforms for name in names_of(platform))
    lines = [
        f"({' OR '.join(f'lower({field}) matches /{fits}/' for field in _FIELDS)})",
        f"!(lower(baseImage) matches {_of_programs(browsers)})",
    ]
    if excluded:
        listed = ", ".join(f"'{host}'" for host in excluded)
        lines += [f"!(lower({field}) in ({listed}))" for field in _FIELDS]
    return "\nAND ".join(lines)


def _of_programs(browsers: Iterable[str]) -> str:
    return rf"/^c:\\program files( \(x86\))?\\(.*\\)?({'|'.join(browsers)})\.exe$/"
