"""The detection as a search of Sumo Logic, from the catalog that judges here: what a monitor runs.

An aggregate, for a webhook carries 200 rows of one and 10 messages of anything else. It reads Sysmon's events 3 (a connection) and
22 (a DNS query) and counts them by process and name. It grades nothing: that is done here, where it is tested. Source: Sumo Logic's
documentation, "Parse Variable Patterns Using Regex", "matches", "count" and "Monitors FAQ".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from enricher.core.hunting import PROCESS_SEARCH, TENANT_SEARCH
from enricher.core.kit.selection import expression, groups, keywords, looked_for, names_of, program_files_browsers
from enricher.core.rules import Platform, Rules
from enricher.core.sumo_search import LONGEST_QUERY, is_scope
from enricher.errors import Unsearchable

Form = Literal["xml", "json"]
FORMS: tuple[Form, ...] = ("xml", "json")
"""How Sysmon's events lie in Sumo Logic: as Windows' XML, by most shippers; as JSON, by Sumo Logic's own collector."""

_OF_DATA = {
    "Image": "process_image",
    "ProcessGuid": "process_guid",
    "ProcessId": "process_id",
    "User": "username",
    "QueryName": "query_name",
    "QueryStatus": "query_status",
    "DestinationHostname": "dst_host",
    "DestinationIp": "dest_ip",
    "DestinationPort": "dest_port",
}
"""Sysmon's field to the query's."""
_QUOTE = "['\\\"]"
"""Single quotes come from Windows, double ones from who writes its XML again."""
_KEYS = ("computer", "process_image", "process_guid", "process_id", "username", "query_status", "dest_ip", "dest_port")
"""What is counted by and may be absent: an empty one could lose its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One search. `name` is made of small letters, digits and hyphens; `platforms` are the ids of those it looks for."""

    name: str
    form: Form
    text: str
    platforms: tuple[str, ...]


def detection_queries(
    rules: Rules, scope: str, form: Form, platforms: Sequence[Platform] | None = None
) -> tuple[Query, ...]:
    """The searches that together find every platform (without `platforms`: all that can open a case), as few as each group needs
    at 4,000 characters a search, which is a monitor's limit.

    `scope` says where Sysmon's events are. Raises Unsearchable where it cannot stand before the first `|`, or leaves no room.
    """
    if not is_scope(scope):
        raise Unsearchable("a scope that would end the query's first part")
    browsers = program_files_browsers(rules.browsers)
    found: list[Query] = []
    for group in groups(rules, looked_for(rules) if platforms is None else platforms):
        parts = list(_parts(group.platforms, scope, form, browsers))
        for number, (some, text) in enumerate(parts, start=1):
            name = group.name if len(parts) == 1 else f"{group.name}-{number}"
            found.append(Query(name=name, form=form, text=text, platforms=tuple(one.id for one in some)))
    return tuple(found)


def hunting_queries(scope: str) -> str:
    """The searches that a case links to, with words in capitals for what a case fills in. Raises Unsearchable."""
    if not is_scope(scope):
        raise Unsearchable("a scope that would end the query's first part")
    inside = f"({scope}) "
    return "\n\n".join(
        (
            "// Every host that names a tenant; look 30 days back from the first contact.",
            TENANT_SEARCH.format(scope=inside, target="TENANT"),
            "// Everything a process did, and what it started; look a day back from the first contact.",
            PROCESS_SEARCH.format(scope=inside, guid="PROCESS-GUID-WITHOUT-BRACES"),
            "",
        )
    )


def _parts(
    platforms: Sequence[Platform], scope: str, form: Form, browsers: Sequence[str]
) -> Iterator[tuple[list[Platform], str]]:
    """The platforms of a group in their order, as many to a query as it has room for."""
    some: list[Platform] = []
    text = ""
    for platform in platforms:
        longer = _query([*some, platform], scope, form, browsers)
        if len(longer) <= LONGEST_QUERY:
            some, text = [*some, platform], longer
            continue
        if not some:
            raise Unsearchable(f"a query of {len(longer)} characters; {LONGEST_QUERY} is the limit")
        yield some, text
        some, text = [platform], _query([platform], scope, form, browsers)
    if some:
        yield some, text


def _query(platforms: Sequence[Platform], scope: str, form: Form, browsers: Sequence[str]) -> str:
    names = [name for platform in platforms for name in names_of(platform)]
    lines = [
        f"({scope}) ({_quoted(keywords(names), ' OR ')})",
        *_READ[form],
        'where event_id in ("3", "22")',
        'if(event_id = "22", query_name, dst_host) as dest_hostname',
        "toLowerCase(dest_hostname) as dest_hostname",
        f"where dest_hostname matches /{expression(names)}/",
        *_without(sorted(host for platform in platforms for host in platform.exclude)),
        *(f'if(isBlank({key}), "-", {key}) as {key}' for key in _KEYS),
        f"where !(process_image matches /(?i)^C:\\\\Program Files.*\\\\({'|'.join(browsers)})\\.exe$/)",
        "count, min(_messageTime) as first_seen, max(_messageTime) as last_seen by _sourceHost, event_id, dest_hostname, "
        + ", ".join(_KEYS),
    ]
    return "\n| ".join(lines)


def _without(hosts: Sequence[str]) -> list[str]:
    """The provider's own hosts below a platform's suffix, which the catalog does not count either."""
    return [f"where !(dest_hostname in ({_quoted(hosts)}))"] if hosts else []


def _quoted(words: Iterable[str], between: str = ", ") -> str:
    return between.join(f'"{word}"' for word in words)


def _xml() -> list[str]:
    """One parse for each field, for an event has them in an order of its own; the first is the only one that drops a message."""
    return [
        r'parse regex "<EventID[^>]*>(?<event_id>\d+)</EventID>"',
        'parse regex "<Computer>(?<computer>[^<]*)</Computer>" nodrop',
        *(
            f'parse regex "<Data Name={_QUOTE}{field}{_QUOTE}>(?<{name}>[^<]*)</Data>" nodrop'
            for field, name in _OF_DATA.items()
        ),
    ]


def _json() -> list[str]:
    """All at once: in JSON the fields are found by name."""
    fields = ["EventID", "Computer", *(f"EventData.{field}" for field in _OF_DATA)]
    names = ["event_id", "computer", *_OF_DATA.values()]
    return [f"json field=_raw {_quoted(fields)} as {', '.join(names)} nodrop"]


_READ: Mapping[Form, Sequence[str]] = {"xml": _xml(), "json": _json()}
