"""Ready searches over the cases that were sent back to Sumo Logic. Each takes the newest line of a case where it asks how a case stands.

Lines may come twice, and news one after the other. A search has no order of its own before an aggregate, so that the lines are first
counted by case and number, then sorted, then the first of each case is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from enricher.core.kit.forms import checked

FIELDS = ("enricher_case", "enricher_severity")
"""To be declared in the account: a field that is not is dropped without a word."""
CATEGORY = "enricher/cases"
"""The source category of cases, unless it is said otherwise."""
_NEVER = "-"


@dataclass(frozen=True, slots=True)
class Ready:
    """One search. `columns` are what its rows have; `picture` is how a dashboard shows them."""

    name: str
    title: str
    text: str
    columns: tuple[str, ...]
    picture: str = "table"


def case_searches(category: str = CATEGORY) -> tuple[Ready, ...]:
    """All of them, over the source category that cases are sent to. Raises Unsearchable for one that cannot stand in a search."""
    scope = scope_of(category)
    checked(scope)
    return (
        _now(scope),
        Ready(
            "severity_over_time",
            "Cases by severity, by the hour of their opening (UTC)",
            f'{_read(scope, "key", "severity", "seq", "hour")}\n| where seq = "1"\n'
            "| count by hour, key, severity\n| count by hour, severity\n| sort by hour asc",
            ("hour", "severity", "_count"),
            "column",
        ),
        *(_top(scope, name, f"Cases by {words}") for name, words in _TOPS.items()),
        Ready(
            "first_seen_to_ticket",
            "Seconds from the first contact to the first ticket, by severity",
            f'{_read(scope, "key", "severity", "kind", "since_first_seen_s")}\n| where kind = "ticket" and !isBlank(since_first_seen_s)\n'
            "| num(since_first_seen_s) as seconds\n| min(seconds) as seconds by key, severity\n"
            "| avg(seconds) as mean_s, max(seconds) as longest_s, count by severity",
            ("severity", "mean_s", "longest_s", "_count"),
        ),
        Ready(
            "suppressed_by_rule",
            "Suppressed cases by tuning rule",
            f"{_read(scope, 'key', 'suppressed_by')}\n| where !isBlank(suppressed_by)\n"
            "| count by suppressed_by, key\n| count by suppressed_by",
            ("suppressed_by", "_count"),
        ),
        Ready(
            "last_word",
            "When Enricher last sent a case",
            f"{_read(scope, 'key')}\n| count, max(_messageTime) as last_at",
            ("last_at", "_count"),
            "single",
        ),
    )


def scope_of(category: str) -> str:
    """How every one of the searches begins."""
    return f"_sourceCategory={category}"


_TOPS = {"tenant": "tenant", "platform": "platform", "host": "host"}


def _now(scope: str) -> Ready:
    columns = ("key", "severity", "score", "verdict", "disposition", "host", "tenant", "tickets")
    read = _read(scope, "seq", *columns)
    filled = "\n".join(f'| if(isBlank({name}), "{_NEVER}", {name}) as {name}' for name in columns[1:])
    newest = ", ".join(f"first({name}) as {name}" for name in columns[1:])
    text = f"{read}\n{filled}\n| num(seq) as seq\n| count by seq, {', '.join(columns)}\n| sort by seq\n| {newest} by key"
    return Ready("cases_now", "Cases as they stand", text, columns)


def _top(scope: str, name: str, title: str) -> Ready:
    text = f"{_read(scope, 'key', name)}\n| where !isBlank({name})\n| count by {name}, key\n| count by {name}\n| sort by _count"
    return Ready(f"top_{name}s", title, text, (name, "_count"), "bar")


def _read(scope: str, *names: str) -> str:
    """The beginning of each search: our own lines, and what of them it reads."""
    said = ("enricher", *names)
    paths = ", ".join(f'"{name}"' for name in said)
    return f'{scope}\n| json field=_raw {paths} as {", ".join(said)} nodrop\n| where enricher = "case/1"'
