"""Everything that is installed in Sumo Logic, made from the content in force."""

from __future__ import annotations

from enricher.core.kit.connection import connection
from enricher.core.kit.match_rules import match_rules
from enricher.core.kit.monitors import monitors
from enricher.core.kit.objects import FOLDER, CaseSource, Objects, Options
from enricher.core.kit.scheduled import heartbeat, scheduled
from enricher.core.rules import Rules


def installed(rules: Rules, options: Options) -> Objects:
    """The whole kit. Raises Unsearchable where the scope can stand in no search, or leaves no room."""
    return Objects(
        folder=FOLDER,
        connection=connection(options),
        monitors=tuple(monitors(rules, options)),
        heartbeat=heartbeat(options),
        scheduled=tuple(scheduled(rules, options)),
        fields=options.fields,
        rules=tuple(match_rules(rules, options)),
        cases=CaseSource(
            name="enricher-cases",
            description="Cases of Enricher, one JSON object a line. Its category must lie outside the scope of the searches.",
            category=options.case_category,
        ),
    )
