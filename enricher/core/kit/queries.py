"""The detection as searches of Sumo Logic, from the catalog that judges here: what a monitor runs.

Aggregates, for a webhook carries 200 rows of one and 10 messages of anything else. They read Sysmon's events 3 (a connection) and
22 (a DNS query) and count them by process and name; a companion reads event 1, where the name stands in a command line only. They
grade nothing: that is done here, where it is tested. Source: Sumo Logic's documentation, "matches", "if", "count" and "Monitors FAQ".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from enricher.core.kit import cloud_siem
from enricher.core.kit.forms import (
    CONTACT,
    FORMS,
    NAMES,
    SEARCHES,
    SHORT,
    START,
    Form,
    Query,
    checked,
    columns,
    quoted,
    reading,
)
from enricher.core.kit.hunting import hunting_queries
from enricher.core.kit.labels import Labels, browsers, suspicious, tools
from enricher.core.kit.preflight import heartbeat_query, preflight_query, silence_query
from enricher.core.kit.selection import groups, keywords, looked_for, names_of, program_files_browsers, suffixes
from enricher.core.rules import Platform, Rules
from enricher.core.sumo_search import LONGEST_QUERY
from enricher.errors import Unsearchable

__all__ = [
    "FORMS",
    "SEARCHES",
    "Form",
    "Query",
    "detection_queries",
    "heartbeat_query",
    "hunting_queries",
    "preflight_query",
    "process_queries",
    "silence_query",
]

_COUNT = "count, min(_messageTime) as first_seen, max(_messageTime) as last_seen by _sourceHost,event_id,computer,"

_Write = Callable[[Sequence[Platform]], str]


def detection_queries(
    rules: Rules, scope: str, form: Form, platforms: Sequence[Platform] | None = None
) -> tuple[Query, ...]:
    """The searches that together find every platform (without `platforms`: all that can open a case), as few as each group needs
    at 4,000 characters a search, which is a monitor's limit. For `cloud-siem` the expressions of match rules.

    `scope` says where Sysmon's events are. Raises Unsearchable where it cannot stand before the first `|`, or leaves no room.
    """
    checked(scope)
    left_out = program_files_browsers(rules.browsers)
    labels = Labels(rules)

    def search(some: Sequence[Platform]) -> str:
        lines = [
            f"({scope}) ({_keywords(some)})",
            *reading(form, ("3", "22"), (*CONTACT, *NAMES)),
            f"where !({SHORT['Image']} matches /{browsers(left_out)}/)",
            *labels.lines(some),
            suspicious(rules.processes),
            *columns(CONTACT),
            f"{_COUNT}{','.join(CONTACT.values())},dest_hostname,serverless_platform,is_suspicious",
        ]
        return "\n| ".join(lines)

    def expression(some: Sequence[Platform]) -> str:
        return cloud_siem.rule_expression(some, labels.excluded(some), left_out)

    return _queries(rules, form, platforms, expression if form == "cloud-siem" else search)


def process_queries(rules: Rules, scope: str, form: Form, platforms: Sequence[Platform] | None = None) -> tuple[Query, ...]:
    """The companions for event 1: starts of a tool's class whose command line names a platform, which no event 3 or 22 may show:
    behind a proxy, or where the name is resolved elsewhere. What a command line only encodes is not found. None for `cloud-siem`.

    Raises Unsearchable as `detection_queries`.
    """
    checked(scope)
    if form == "cloud-siem":
        return ()

    def search(some: Sequence[Platform]) -> str:
        names = [name for platform in some for name in names_of(platform)]
        lines = [
            f"({scope}) ({_keywords(some)})",
            *reading(form, ("1",), START),
            f"where {SHORT['Image']} matches /{tools(rules.processes)}/",
            f"where {SHORT['CommandLine']} matches /(?i)^.*[\\x2f@.]({suffixes(names)})(\\.?[^a-z0-9_.-].*|\\.)?$/",
            *columns(START),
            f"{_COUNT}{','.join(START.values())}",
        ]
        return "\n| ".join(lines)

    return _queries(rules, form, platforms, search, prefix="starts-")


def _keywords(platforms: Sequence[Platform]) -> str:
    return quoted(keywords(name for platform in platforms for name in names_of(platform)), " OR ")


def _queries(
    rules: Rules, form: Form, platforms: Sequence[Platform] | None, write: _Write, prefix: str = ""
) -> tuple[Query, ...]:
    found: list[Query] = []
    for group in groups(rules, looked_for(rules) if platforms is None else platforms):
        parts = list(_parts(group.platforms, write))
        for number, (some, text) in enumerate(parts, start=1):
            name = group.name if len(parts) == 1 else f"{group.name}-{number}"
            ids = tuple(platform.id for platform in some)
            found.append(Query(name=f"{prefix}{name}", form=form, text=text, platforms=ids))
    return tuple(found)


def _parts(platforms: Sequence[Platform], write: _Write) -> Iterator[tuple[list[Platform], str]]:
    """The platforms of a group in their order, as many to a query as it has room for."""
    some: list[Platform] = []
    text = ""
    for platform in platforms:
        longer = write([*some, platform])
        if len(longer) <= LONGEST_QUERY:
            some, text = [*some, platform], longer
            continue
        if not some:
            raise Unsearchable(f"a query of {len(longer)} characters; {LONGEST_QUERY} is the limit")
        yield some, text
        some, text = [platform], write([platform])
    if some:
        yield some, text
