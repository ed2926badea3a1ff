"""The monitors: one for each search of the detection, and one that notices when Sysmon's events stop.

A monitor looks back 15 minutes, every 5, at what came up to 5 minutes ago: Windows' events arrive late, and a row that is seen twice is
one and the same here. Any row is an alert, for what is worth one is judged here. It ends after 15 minutes without a row: an open
alert sends nothing further for its group. Source: Sumo Logic's documentation, "Alert Grouping" and "Monitors FAQ".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from enricher.core.kit.forms import SEARCHES, Query
from enricher.core.kit.objects import GROUP_FIELDS, LONGEST_DESCRIPTION, PREFIX, Monitor, Options
from enricher.core.kit.preflight import silence_query
from enricher.core.kit.queries import detection_queries, process_queries
from enricher.core.rules import Rules
from enricher.errors import Unsearchable

NO_EVENTS = f"{PREFIX}no-sysmon-events"
_NUMBERED = re.compile(r".*-\d+")
_PLAYBOOK = """\
Enricher has this alert too: it judges every row again by its catalog, grades it, looks the destination and the process up, and keeps
one ticket for each case.

1. Open the ticket: it names host, user, program, tenant, the reasons for its severity, and what to do next.
2. No ticket? Look in Enricher's console: what was tuned away, or was no contact of a kind it looks for, is listed there with its rule.
3. This alert ends by itself after 15 minutes without such a row. That says nothing about the case."""
_PLAYBOOK_SILENT = """\
Without Sysmon's events nothing of this detection can be found.

1. Does Sysmon run, and does its configuration log events 3 and 22? `enricher sumo sysmon-config` prints the part that does.
2. Does the collector send the channel Microsoft-Windows-Sysmon/Operational? It is not among the standard ones.
3. `enricher sumo query --preflight` prints a search that shows which events arrive, from how many hosts."""


def stable(query: Query) -> str:
    """What a search is called there, the same however many others its group has. At most 128 characters."""
    numbered = query.name if _NUMBERED.fullmatch(query.name) else f"{query.name}-1"
    return f"{PREFIX}serverless-{numbered}"


def about(query: Query, rules: Rules, most: int = LONGEST_DESCRIPTION) -> str:
    """What it looks for, in at most so many bytes."""
    what = "Starts of tools whose command line names" if query.name.startswith("starts-") else "Contacts of programs with"
    names = ", ".join(rules.catalog.platforms[one].name for one in query.platforms)
    return cut(f"{what} {names}. Generated from Enricher's catalog, which judges every row again.", most)


def cut(text: str, most: int) -> str:
    """A text of at most so many bytes of UTF-8, with three dots where more was said."""
    said = text.encode("utf-8", "replace")
    return text if len(said) <= most else f"{said[: most - 3].decode('utf-8', 'ignore').rstrip()}..."


def searches(rules: Rules, options: Options) -> tuple[Query, ...]:
    """The searches that the kit runs. Raises Unsearchable, for `cloud-siem` too, whose expressions no monitor runs."""
    if options.form not in SEARCHES:
        raise Unsearchable(f"no monitor runs the form {options.form}: name one of {', '.join(SEARCHES)}")
    found = detection_queries(rules, options.scope, options.form)
    return (*found, *process_queries(rules, options.scope, options.form)) if options.starts else found


def monitors(rules: Rules, options: Options) -> Iterator[Monitor]:
    """Those of the detection, then the one of silence. Raises Unsearchable."""
    for query in searches(rules, options):
        yield Monitor(
            name=stable(query),
            description=about(query, rules),
            query=query.text,
            playbook=_PLAYBOOK,
            alert_name="Serverless contact: {{Name}}",
            group_by=GROUP_FIELDS[options.grouping],
        )
    yield silence(options)


def silence(options: Options) -> Monitor:
    """Alerts for each source category of the scope from which nothing came for an hour. Raises Unsearchable."""
    return Monitor(
        name=NO_EVENTS,
        description="No event of Sysmon for an hour: the detection sees nothing, and would not say so.",
        query=silence_query(options.scope),
        playbook=_PLAYBOOK_SILENT,
        alert_name="Sysmon's events stopped ({{Name}})",
        group_by=("_sourceCategory",),
        missing=True,
        time_range="1h",
        payload=options.payloads.missing,
        resolution=options.payloads.recovery,
    )
