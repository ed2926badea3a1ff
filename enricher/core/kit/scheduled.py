"""The scheduled searches: the heartbeat, and the detection for who has no monitors.

The heartbeat is a search and no monitor, for the alert of a monitor would stay open and send nothing further. A scheduled search of
the detection knows no recovery, and every run sends its rows anew: runs look back 5 minutes further than they are apart, so that an
event that comes late is not lost. Source: Sumo Logic's documentation, "Scheduled Searches" and its difference from monitors.
"""

from __future__ import annotations

from collections.abc import Iterator

from enricher.core.kit.monitors import about, searches, stable
from enricher.core.kit.objects import LONGEST_SAID_OF_SEARCH, Options, ScheduledSearch
from enricher.core.kit.preflight import heartbeat_query
from enricher.core.rules import Rules

HEARTBEAT = "Enricher heartbeat"
"""How the name must begin, so that the service knows it by that too."""


def heartbeat(options: Options) -> ScheduledSearch:
    """Sends every quarter of an hour, whatever its search finds: it has no threshold, and looks no further than the detection does.

    That a search without one also sends when it has found nothing is documented for mails only.
    """
    return ScheduledSearch(
        name=HEARTBEAT,
        description="Shows Enricher every quarter of an hour that what Sumo Logic sends can reach it.",
        query=heartbeat_query(options.scope),
        payload=options.payloads.heartbeat,
        above=None,
        back="-15m",
    )


def scheduled(rules: Rules, options: Options) -> Iterator[ScheduledSearch]:
    """The detection again, one for each search. Raises Unsearchable."""
    for query in searches(rules, options):
        yield ScheduledSearch(
            name=stable(query),
            description=about(query, rules, LONGEST_SAID_OF_SEARCH),
            query=query.text,
            payload=options.payloads.search,
            above=0,
            back="-20m",
        )
