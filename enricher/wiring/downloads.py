"""The files of the page *Downloads*: the whole kit, made from the content in force."""

from __future__ import annotations

import json
from collections.abc import Iterator

from enricher.core.kit.forms import FORMS, SEARCHES, Form, Query
from enricher.core.kit.sigma import as_yaml
from enricher.core.kit.terraform import terraform
from enricher.web.workbench import Download
from enricher.wiring.kit import PAYLOADS, Kit

_FILLED = "Sumo Logic fills what stands in double braces"
_PAYLOADS = {
    "connection-template.json": "Connection payload: alert",
    "resolution-template.json": "Connection payload: recovery",
    "missing-data-template.json": "Payload of the monitor for missing events",
    "scheduled-search-template.json": "Payload of a scheduled search",
    "heartbeat-template.json": "Payload of the heartbeat",
}
_LIES: dict[Form, str] = {
    "xml": "where Sysmon's events are Windows' XML, as most shippers send them",
    "json": "where they are JSON, as Sumo Logic's own collector sends them",
    "otel": "where they are JSON of the OpenTelemetry collector",
    "cloud-siem": "the expression of a match rule of Cloud SIEM, on its normalised fields",
}
_CALLED: dict[Form, str] = {"xml": "XML", "json": "JSON", "otel": "OpenTelemetry", "cloud-siem": "Cloud SIEM"}


def downloads(kit: Kit) -> Iterator[Download]:
    """Every file of it, each name once."""
    yield Download(
        name="serverless-c2.sigma.yml",
        kind="sigma",
        title="Sigma rules",
        about=f"{len(kit.sigma)} rules of events 22 and 3 for whatever else reads Sigma; they grade nothing",
        text=as_yaml(kit.sigma),
    )
    for form in FORMS:
        for query in kit.searches(form):
            yield _search(query, "sumo", "Detection")
        for query in kit.starts(form):
            yield _search(query, "sumo", "Companion for event 1")
    for form in SEARCHES:
        yield _search(kit.preflight(form), "hunt", "Do the events arrive")
    yield Download(
        name="hunting-queries.txt",
        kind="hunt",
        title="Hunting",
        about="the searches a case links to, with words in capitals for what a case fills in, and some over everything",
        text=kit.hunting(),
    )
    yield from _of_cases(kit)
    yield Download(
        name="sysmon-serverless.xml",
        kind="sysmon",
        title="Sysmon's configuration",
        about="the part that logs what the searches read; to be merged into your own",
        text=kit.sysmon,
    )
    for file in PAYLOADS.values():
        yield Download(name=file, kind="connection", title=_PAYLOADS[file], about=_FILLED, text=kit.payload(file))
    for file, text in terraform(kit.of_form("xml" if kit.form == "cloud-siem" else kit.form).objects).items():
        about = "the token is a variable; monitors by default, the rest is switched on by variables"
        yield Download(name=f"terraform-{file}", kind="terraform", title=f"Terraform: {file}", about=about, text=text)


def _of_cases(kit: Kit) -> Iterator[Download]:
    for one in kit.cases:
        about = f"over the cases that were sent back to Sumo Logic; {len(one.text):,} characters"
        name = f"sumo-cases-{one.name}.txt"
        yield Download(name=name, kind="hunt", title=f"Cases: {one.title}", about=about, text=f"{one.text}\n")
    yield Download(
        name="sumo-cases-dashboard.json",
        kind="hunt",
        title="Cases: dashboard",
        about="the body of POST /api/v2/dashboards, a panel for each of these searches; Terraform makes the same",
        text=f"{json.dumps(kit.dashboard, indent=2, ensure_ascii=False)}\n",
    )


def _search(query: Query, kind: str, title: str) -> Download:
    found = f"{len(query.platforms)} rows of the catalog, " if query.platforms else ""
    return Download(
        name=f"sumo-{query.form}-{query.name}.txt",
        kind=kind,
        title=f"{title}: {query.name.replace('-', ' ')}, {_CALLED[query.form]}",
        about=f"{found}{len(query.text):,} characters; {_LIES[query.form]}",
        text=f"{query.text}\n",
    )
