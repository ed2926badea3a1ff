"""The two ways to read many issues: by JQL through a lagging index, and by key directly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from enricher.standins.jira import links, workflow
from enricher.standins.jira.comments import shown as shown_comment
from enricher.standins.jira.fields import refusal
from enricher.standins.jira.jql import BadQuery, View, parse
from enricher.standins.jira.site import Site, stamp
from enricher.standins.service import Refusal
from enricher.standins.shelf import Json

MOST_RECONCILED = 50
MOST_FETCHED = 100
MOST_PROPERTIES = 5
LARGEST_PAGE = 5_000
ALLOWED = frozenset(
    {"jql", "fields", "maxResults", "nextPageToken", "properties", "expand", "fieldsByKeys", "reconcileIssues", "failFast"}
)
LARGEST_OLD_PAGE = 1_000
ALLOWED_OLD = frozenset({"jql", "startAt", "maxResults", "fields", "expand", "validateQuery", "fieldsByKeys"})
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."


def search(site: Site, body: Json, now: float, api: str) -> Json:
    """Raises Refusal. Without `fields` the answer holds ids and nothing else."""
    if extra := sorted(set(body) - ALLOWED):
        raise refusal(messages=[f'Invalid request payload: unrecognised property "{extra[0]}"'])
    reconcile, size = body.get("reconcileIssues") or [], body.get("maxResults", 50)
    if not isinstance(reconcile, list) or len(reconcile) > MOST_RECONCILED:
        raise refusal(messages=[f"reconcileIssues: at most {MOST_RECONCILED} issue ids"])
    if not isinstance(size, int) or not 0 < size <= LARGEST_PAGE:
        raise refusal(messages=[f"maxResults: between 1 and {LARGEST_PAGE}"])
    found = _found(site, str(body.get("jql") or ""), frozenset(str(one) for one in reconcile), now)
    start = _start(body.get("nextPageToken"))
    fields, properties = _names(body, "fields"), _names(body, "properties")
    page = [_hit(site, view, fields, properties, api) for view in found[start : start + size]]
    last = start + size >= len(found)
    return {"issues": page, "isLast": last} | ({} if last else {"nextPageToken": f"after-{start + size}"})


def old_search(site: Site, body: Json, now: float, api: str, *, fresh: bool) -> Json:
    """Data Center's search, which pages by number and takes any query. `fresh`: by a node whose index does not lag."""
    if extra := sorted(set(body) - ALLOWED_OLD):
        raise refusal(messages=[f'Invalid request payload: unrecognised property "{extra[0]}"'])
    start, size = body.get("startAt", 0), body.get("maxResults", 50)
    if not isinstance(start, int) or not isinstance(size, int) or start < 0 or not 0 < size <= LARGEST_OLD_PAGE:
        raise refusal(messages=["startAt and maxResults must be positive numbers"])
    known = frozenset(issue["id"] for issue in site.issues()) if fresh else frozenset()
    found = _found(site, str(body.get("jql") or ""), known, now, bounded=False)
    fields = _names(body, "fields") or ["*navigable"]
    page = [_hit(site, view, fields, [], api) for view in found[start : start + size]]
    return {"expand": "schema,names", "startAt": start, "maxResults": size, "total": len(found), "issues": page}


def fetch(site: Site, body: Json, api: str) -> Json:
    """POST /issue/bulkfetch: by id or key, not from the index; what is not there is left out. Raises Refusal."""
    keys = body.get("issueIdsOrKeys")
    if not isinstance(keys, list) or not 0 < len(keys) <= MOST_FETCHED:
        raise refusal(messages=[f"issueIdsOrKeys: between 1 and {MOST_FETCHED} ids or keys"])
    fields, properties = _names(body, "fields") or ["*all"], _names(body, "properties")
    found, errors = [], []
    for key in keys:
        try:
            found.append(shown(site, site.issue(str(key)), fields, properties, api))
        except Refusal:
            errors.append({"issueIdOrKey": str(key), "errorMessage": "Issue not found"})
    return {"issues": found, "issueErrors": errors}


def shown(site: Site, issue: Json, fields: list[str], properties: list[str], api: str) -> Json:
    """An issue as the API shows it, with the fields asked for."""
    every = _all_fields(site, issue, api)
    wanted = every if {"*all", "*navigable"} & set(fields) else {name: every[name] for name in fields if name in every}
    document: Json = {
        "id": issue["id"],
        "key": issue["key"],
        "self": f"{api}/issue/{issue['id']}",
        "fields": wanted,
    }
    if properties:
        document["properties"] = {
            key: value for key, value in issue["properties"].items() if key in properties or "*all" in properties
        }
    return document


def _all_fields(site: Site, issue: Json, api: str) -> Json:
    comments = [shown_comment(comment, api, site.layout) for comment in issue["comments"]]
    return {
        **issue["fields"],
        "project": {"key": issue["key"].partition("-")[0]},
        "status": workflow.STATUSES[issue["status"]],
        "resolution": issue["resolution"],
        "resolutiondate": issue["resolved"] and stamp(issue["resolved"]),
        **({} if site.layout.data_center else {"statuscategorychangedate": stamp(issue["categorised"])}),
        "creator": issue["creator"],
        "created": stamp(issue["created"]),
        "updated": stamp(issue["updated"]),
        "issuelinks": [links.shown(link) for link in issue["links"]],
        "comment": {"comments": comments, "total": len(comments), "maxResults": len(comments), "startAt": 0},
    }


def _found(site: Site, jql: str, reconcile: frozenset[str], now: float, *, bounded: bool = True) -> list[View]:
    try:
        query = parse(jql, datetime.fromtimestamp(now, UTC))
    except BadQuery as bad:
        raise refusal(messages=[str(bad)]) from bad
    if query.where is None and bounded:
        raise refusal(messages=[UNBOUNDED])
    found = sorted(
        (view for view in site.indexed(reconcile) if query.where is None or query.where(view)),
        key=lambda view: int(view["id"]),
        reverse=True,
    )
    for field, descending in reversed(query.order):
        found.sort(key=lambda view: _sortable(view, field), reverse=descending)
    return found


def _sortable(view: View, field: str) -> Any:
    if field in {"key", "id"}:
        return int(view["id"])
    value = view[field]
    return value if isinstance(value, float) else str(value or "")


def _hit(site: Site, view: View, fields: list[str], properties: list[str], api: str) -> Json:
    if not fields or fields == ["id"]:
        return {"id": view["id"]}
    document = shown(site, site.issue(view["key"]), fields, properties, api)
    if "labels" in document["fields"]:
        document["fields"]["labels"] = view["labels"]
    return document


def _names(body: Json, name: str) -> list[str]:
    names = body.get(name) or []
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise refusal(messages=[f"{name}: a list of names"])
    if name == "properties" and len(names) > MOST_PROPERTIES:
        raise refusal(messages=[f"properties: at most {MOST_PROPERTIES}"])
    return names


def _start(token: Any) -> int:
    if token is None:
        return 0
    head, _, number = str(token).partition("after-")
    if head or not number.isdigit():
        raise refusal(messages=["The provided next page token is invalid or expired."])
    return int(number)
