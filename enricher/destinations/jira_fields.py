"""The fields of an issue that a site decides: priorities, components, security level, assignee, custom fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from enricher.core.document import Json
from enricher.core.issue_fields import Option
from enricher.destinations.jira_flavour import Flavour
from enricher.model import Severity

PRIORITIES: Mapping[Severity, Option] = {
    Severity.CRITICAL: Option("Highest"),
    Severity.HIGH: Option("High"),
    Severity.MEDIUM: Option("Medium"),
    Severity.LOW: Option("Low"),
    Severity.INFORMATIONAL: Option("Lowest"),
}
"""Jira's default names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFields:
    """What a site wants in each issue. `custom` are further fields by id, sent as they are."""

    priorities: Mapping[Severity, Option] = field(default_factory=lambda: PRIORITIES)
    components: tuple[Option, ...] = ()
    security: Option | None = None
    assignee: str | None = None
    custom: Mapping[str, object] = field(default_factory=dict)

    def of(self, severity: Severity, flavour: Flavour) -> Json:
        """The fields of an issue of this severity, as Jira takes them; what is not set is left out."""
        priority = self.priorities.get(severity)
        return {
            **({"priority": priority.json} if priority else {}),
            **({"components": [component.json for component in self.components]} if self.components else {}),
            **({"security": self.security.json} if self.security else {}),
            **({"assignee": {flavour.user: self.assignee}} if self.assignee else {}),
            **self.custom,
        }
