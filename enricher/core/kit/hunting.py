"""Searches for a person who looks around, beside those that a case links to. They open no case and grade nothing."""

from __future__ import annotations

from collections.abc import Iterator

from enricher.core.hunting import PROCESS_SEARCH, TENANT_SEARCH
from enricher.core.kit.forms import SEARCHES, Form, checked, columns, quoted, reading
from enricher.core.kit.labels import browsers, tools
from enricher.core.kit.selection import expression, looked_for, names_of, program_files_browsers
from enricher.core.rules import Rules
from enricher.core.sumo_search import LONGEST_QUERY
from enricher.errors import Unsearchable

_OF_CASE = (
    ("Every host that names a tenant; look 30 days back from the first contact.", TENANT_SEARCH),
    ("Everything a process did, and what it started; look a day back from the first contact.", PROCESS_SEARCH),
)
_FEW_HOSTS = 3
_MANY_NAMES = 20
_NO_SUCH_NAME = ("9003", "9701")
"""Windows' numbers for a name and for a record that does not exist."""
_HEAVY = 4
"""Weight in the catalog from which a platform is worth a search for new tenants: what is mostly business would drown it."""


def hunting_queries(scope: str, rules: Rules | None = None, form: Form = "xml") -> str:
    """The searches that a case links to, with words in capitals for what a case fills in, each behind a line that says what for.
    With `rules` also those over everything that is looked for. Raises Unsearchable.
    """
    inside = f"({checked(scope)}) "
    found = [
        (said, query.format(scope=inside, target="TENANT", guid="PROCESS-GUID-WITHOUT-BRACES")) for said, query in _OF_CASE
    ]
    if rules is not None and form in SEARCHES:
        found += _over_everything(rules, scope, form)
    return "".join(f"// {said}\n{query}\n\n" for said, query in found).removesuffix("\n")


def _over_everything(rules: Rules, scope: str, form: Form) -> Iterator[tuple[str, str]]:
    query = {"Image": "process_image", "QueryName": "query_name", "QueryStatus": "query_status"}
    asked = [f"({scope})", *reading(form, ("22",), query), *columns(query), "toLowerCase(query_name) as dest_hostname"]
    yield (
        "Tenants by when they were first asked for, the newest first; look 30 days back.",
        _joined(
            *asked,
            f"where dest_hostname matches /{_heavy(rules)}/",
            "count, min(_messageTime) as first_seen, count_distinct(computer) as hosts by dest_hostname",
            "sort by first_seen",
        ),
    )
    yield (
        f"Programs that ask for more than {_MANY_NAMES} names that do not exist; look a day back.",
        _joined(
            *asked,
            f"where query_status in ({quoted(_NO_SUCH_NAME)})",
            "count, count_distinct(dest_hostname) as names by computer, process_image",
            f"where names > {_MANY_NAMES}",
            "sort by names",
        ),
    )
    named = program_files_browsers(rules.browsers)
    start = {"Image": "process_image", "ParentImage": "parent_image"}
    started = [f"({scope})", *reading(form, ("1",), start), *columns(start)]
    by_parent = "count, count_distinct(computer) as hosts by process_image, parent_image"
    yield (
        "Programs that are called like a browser and live elsewhere; look seven days back.",
        _joined(
            *started,
            rf"where process_image matches /(?i)^(.*[\\\x2f])?({'|'.join(named)})\.exe$/",
            f"where !(process_image matches /{browsers(named)}/)",
            by_parent,
            "sort by hosts asc",
        ),
    )
    yield (
        f"Tools that fewer than {_FEW_HOSTS} hosts start from this parent; look seven days back.",
        _joined(
            *started,
            f"where process_image matches /{tools(rules.processes)}/",
            by_parent,
            f"where hosts < {_FEW_HOSTS}",
            "sort by hosts asc",
        ),
    )


def _heavy(rules: Rules) -> str:
    return expression(name for platform in looked_for(rules) if platform.weight >= _HEAVY for name in names_of(platform))


def _joined(*lines: str) -> str:
    query = "\n| ".join(lines)
    if len(query) > LONGEST_QUERY:
        raise Unsearchable(f"a query of {len(query)} characters; {LONGEST_QUERY} is the limit")
    return query
