"""Comments: checked, kept in the order in which they came, public unless they say that they are not."""

from __future__ import annotations

from typing import Any

from enricher.standins.jira.fields import FieldProblem, check_document, check_property, refusal, too_long
from enricher.standins.jira.site import TOO_LONG, Site, stamp
from enricher.standins.shelf import Json

MOST = 5_000
PUBLIC = "sd.public.comment"
ALLOWED = frozenset({"body", "properties", "visibility"})


def add(site: Site, issue: Json, given: Any, author: Json) -> Json:
    """Check a comment and keep it. Raises Refusal."""
    comment = check(given)
    if len(issue["comments"]) >= MOST:
        raise refusal(messages=[f"The issue has reached the limit of {MOST} comments."], status=413)
    now = site.clock()
    comment |= {"id": site.next_id("comment"), "author": author, "created": now, "updated": now}
    issue["comments"].append(comment)
    site.save(issue)
    return comment


def check(given: Any) -> Json:
    """The comment's body, properties and whether it is public. Raises Refusal."""
    if not isinstance(given, dict) or not given.get("body"):
        raise refusal({"comment": "Comment body can not be empty!"})
    if extra := sorted(set(given) - ALLOWED):
        raise refusal(messages=[f'Invalid request payload: unrecognised property "{extra[0]}"'])
    try:
        body = check_document(given["body"])
    except FieldProblem as problem:
        raise refusal({"comment": str(problem)}) from problem
    if too_long(body):
        raise refusal(messages=[TOO_LONG])
    properties = {}
    for one in given.get("properties", []):
        if not isinstance(one, dict) or set(one) != {"key", "value"}:
            raise refusal(messages=["Invalid request payload: properties hold a key and a value"])
        check_property(one["key"], one["value"])
        properties[one["key"]] = one["value"]
    internal = isinstance(properties.get(PUBLIC), dict) and properties[PUBLIC].get("internal") is True
    return {"body": body, "properties": properties, "public": not internal, "visibility": given.get("visibility")}


def shown(comment: Json, url: str, *, properties: bool = False) -> Json:
    """A comment as the API shows it; its properties only where they were asked for, and where they can be."""
    document = {
        "self": f"{url}/rest/api/3/issue/comment/{comment['id']}",
        "id": comment["id"],
        "author": comment["author"],
        "updateAuthor": comment["author"],
        "body": comment["body"],
        "created": stamp(comment["created"]),
        "updated": stamp(comment["updated"]),
        "jsdPublic": comment["public"],
    }
    if properties:
        document["properties"] = [{"key": key, "value": value} for key, value in comment["properties"].items()]
    return document


def page(issue: Json, order: str, start: int, size: int, url: str) -> Json:
    """The list call: oldest first unless asked otherwise, and never with properties."""
    if order.lstrip("+-") not in {"", "created"}:
        raise refusal(messages=[f"The orderBy '{order}' is not supported."])
    found = issue["comments"][::-1] if order.startswith("-") else issue["comments"]
    comments = [shown(comment, url) for comment in found[start : start + size]]
    return {"startAt": start, "maxResults": size, "total": len(found), "comments": comments}


def with_ids(site: Site, ids: Any, url: str, *, properties: bool) -> Json:
    """The call that does show properties."""
    if not isinstance(ids, list) or not 0 < len(ids) <= 1_000:  # noqa: PLR2004 - the documented limit
        raise refusal(messages=["ids: between 1 and 1000 comment ids"])
    wanted = {str(one) for one in ids}
    found = [
        shown(comment, url, properties=properties)
        for issue in site.issues()
        if not issue["hidden"]
        for comment in issue["comments"]
        if comment["id"] in wanted
    ]
    return {"startAt": 0, "maxResults": len(ids), "total": len(found), "isLast": True, "values": found}
