"""What an analyst does next: the playbook's lines for a case, filled in, and questions to ask of Sumo Logic.

The lines are an operator's; what is filled in comes from logs, so it is put in once and never read as a line again. Into a query
comes only what passes the allow-list of `sumo_search`. Source of the link's form: Sumo Logic's documentation, "Use a URL to Run a
Search".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from enricher.core.document import HuntDoc, NextDoc
from enricher.core.evidence import cut
from enricher.core.finding import Finding
from enricher.core.rules import Rules
from enricher.core.sumo_search import asked_guid, asked_name, is_scope
from enricher.core.wording import shown_name
from enricher.errors import Unsearchable
from enricher.model import Alert

TENANT_SEARCH = '{scope}"{target}" | count by _sourceHost'
PROCESS_SEARCH = '{scope}"{guid}"'
LONGEST = 200
"""Characters of a value in a line; more of it stands in the case."""
_TENANT_SINCE = timedelta(days=30)
_PROCESS_SINCE = timedelta(days=1)


def what_next(top: Finding, alert: Alert, rules: Rules, times: Sequence[datetime]) -> NextDoc:
    """For the finding that speaks for its case. `times` are the case's contacts in order."""
    return NextDoc(next_steps=_next_steps(top, rules, times), hunts=_hunts(top, alert, times))


def _next_steps(top: Finding, rules: Rules, times: Sequence[datetime]) -> list[str]:
    signal = top.graded.facts.signal
    words = {
        "host": signal.process.computer or "the host",
        "tenant": signal.tenant or signal.host,
        "user": signal.process.user or "the user",
        "platform": signal.platform.name,
        "process": shown_name(signal.process.image) or "the process",
        "since": f"{times[0]:%Y-%m-%d %H:%M} UTC" if times else "the first contact",
        "guid": signal.process.guid or "that is not known",
    }
    words = {name: cut(word, LONGEST) for name, word in words.items()}
    detection = rules.detection_of(signal.platform)
    lines = rules.playbook.lines(top.tuned.severity.value, detection, signal.platform)
    return [line.format_map(words) for line in lines]


def _hunts(top: Finding, alert: Alert, times: Sequence[datetime]) -> list[HuntDoc]:
    """Two searches for Sumo Logic: who else contacts the tenant, and what else the process did. A value that may not stand in a
    query makes none; without a console known there is no link.
    """
    return [
        HuntDoc(title=title, query=query, url=_link(alert, query, since))
        for title, query, since in _queries(top, alert, times)
    ]


def _queries(top: Finding, alert: Alert, times: Sequence[datetime]) -> Iterator[tuple[str, str, datetime | None]]:
    signal, first = top.graded.facts.signal, times[0] if times else None
    scope = f"({alert.scope}) " if alert.scope and is_scope(alert.scope) else ""
    target = signal.tenant or signal.host
    try:
        query = TENANT_SEARCH.format(scope=scope, target=asked_name(target))
        yield f"every host that names {target}, from 30 days before", query, first and first - _TENANT_SINCE
    except Unsearchable:
        pass
    try:
        query = PROCESS_SEARCH.format(scope=scope, guid=asked_guid(signal.process.guid or ""))
        yield "everything this process did, and what it started", query, first and first - _PROCESS_SINCE
    except Unsearchable:
        pass


def _link(alert: Alert, query: str, since: datetime | None) -> str | None:
    """The page of Sumo Logic's console that runs the query, up to the moment when it is opened."""
    if alert.console is None:
        return None
    begins = int(since.timestamp() * 1000) if since else "-30d"
    return f"{alert.console}/ui/#/search/create?query={quote(query, safe='')}&startTime={begins}"
