"""Which of many tuning rules may speak of a finding at all, found without asking each.

A rule hangs under the rarest of the exact values that it asks for; what a finding shows leads to its rules. So a finding costs the
same beside ten rules and beside ten thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enricher.core.rules import TuningRule

Evidence = Callable[[str], Iterable[str | None]]
"""Name of a condition or scope → the finding's texts that it is compared with."""

_Key = tuple[str, str]
"""A condition or scope, and one of its exact values."""


@dataclass(frozen=True, slots=True)
class TuningIndex:
    """Built once from the rules. `names` are the conditions by whose values rules are kept."""

    names: tuple[str, ...]
    by_value: Mapping[_Key, tuple[TuningRule, ...]]
    others: tuple[TuningRule, ...]
    """Rules without an exact value; content lets none in, for each names a tenant or a hash."""

    @classmethod
    def of(cls, rules: Sequence[TuningRule]) -> TuningIndex:
        """The order of the rules does not matter."""
        seen = Counter(key for rule in rules for keys in _choices(rule) for key in keys)
        by_value: dict[_Key, list[TuningRule]] = {}
        others = []
        for rule in sorted(rules, key=lambda rule: rule.id):
            rarest = min(_choices(rule), key=lambda keys: (sum(seen[key] for key in keys), keys), default=None)
            if rarest is None:
                others.append(rule)
                continue
            for key in rarest:
                by_value.setdefault(key, []).append(rule)
        names = tuple(sorted({name for name, _ in by_value}))
        return cls(names, {key: tuple(kept) for key, kept in by_value.items()}, tuple(others))

    def candidates(self, evidence: Evidence) -> list[TuningRule]:
        """The rules that may hold on this evidence, each once, in the order of their ids; no other rule can."""
        found = {rule.id: rule for rule in self.others}
        for name in self.names:
            for text in evidence(name):
                if text:
                    found.update((rule.id, rule) for rule in self.by_value.get((name, text.lower()), ()))
        return [found[each] for each in sorted(found)]


def _choices(rule: TuningRule) -> list[list[_Key]]:
    """For each condition that is met by exact values only, those values."""
    return [
        [(name, text) for text in sorted(matcher.exact)]
        for name, matcher in rule.matchers.items()
        if matcher.exact and not matcher.expressions
    ]
