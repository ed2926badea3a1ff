"""Comments: checked, kept in the order in which they came, public unless they say that they are not."""

from __future__ import annotations

from typing import Any

from enricher.standins.jira.fields import FieldProblem, Layout, check_property, check_text, refusal, too_long
from enricher.standins.jira.site import TOO_LONG, Site, stamp
from enricher.standins.shelf import Json

MOST = 5_000
PUBLIC = "sd.public.comment"
ALLOWED = frozenset({"body", "properties", "visibility"})


def add(site: Site, issue: Json, given: Any, author: Json) -> Json:
    """Check a comment and keep it. Raises Refusal."""
    return _keep(site, issue, check(given, site.layout), author)


def add_to_request(site: Site, issue: Json, given: Any, author: Json) -> Json:
    """The service desk's own call: a text, and whether customers may read it; they may unless it says not. Raises Refusal."""
    if not site.layout.service_desk:
        raise refusal(messages=["The service desk does not exist."], status=404)
    if not isinstance(given, dict) or not isinstance(given.get("body"), str) or not given["body"]:
        raise refusal({"comment": "Comment body can not be empty!"})
    comment = {"body": given["body"], "properties": {}, "public": given.get("public") is not False, "visibility": None}
    return _keep(site, issue, comment, author)


def _keep(site: Site, issue: Json, comment: Json, author: Json) -> Json:
    site.need("ADD_COMMENTS")
    if len(issue["comments"]) >= MOST:
        raise refusal(messages=[f"The issue has reached the limit of {MOST} comments."], status=413)
    now = site.clock()
    comment |= {"id": site.next_id("comment"), "author": author, "created": now, "updated": now}
    issue["comments"].append(comment)
    site.save(issue)
    return comment


def check(given: Any, layout: Layout) -> Json:
    """The comment's body, properties and whether it is public. Raises Refusal.

    On Cloud a property makes it internal. Nobody has documented that for Data Center, so there it does not.
    """
    if not isinstance(given, dict) or not given.get("body"):
        raise refusal({"comment": "Comment body can not be empty!"})
    if extra := sorted(set(given) - ALLOWED):
        raise refusal(messages=[f'Invalid request payload: unrecognised property "{extra[0]}"'])
    try:
        body = check_text(given["body"], layout)
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
    said = properties.get(PUBLIC)
    internal = isinstance(said, dict) and said.get("internal") is True and not layout.data_center
    return {"body": body, "properties": properties, "public": not internal, "visibility": given.get("visibility")}


def find(issue: Json, comment_id: str) -> Json:
    """Raises 404."""
    found: Json | None = next((comment for comment in issue["comments"] if comment["id"] == comment_id), None)
    if found is None:
        raise refusal(messages=[f"Can not find a comment for the id: {comment_id}."], status=404)
    return found


def delete(site: Site, issue: Json, comment_id: str) -> None:
    """Raises Refusal."""
    site.need("DELETE_OWN_COMMENTS")
    issue["comments"].remove(find(issue, comment_id))
    site.save(issue)


def shown(comment: Json, api: str, layout: Layout, *, properties: bool = False) -> Json:
    """A comment as the API shows it; its properties only where they were asked for, and where they can be."""
    document = {
        "self": f"{api}/issue/comment/{comment['id']}",
        "id": comment["id"],
        "author": comment["author"],
        "updateAuthor": comment["author"],
        "body": comment["body"],
        "created": stamp(comment["created"]),
        "updated": stamp(comment["updated"]),
    }
    if not layout.data_center:
        # True wherever there is no service desk that could show it to anybody.
        document["jsdPublic"] = comment["public"] or not layout.service_desk
    if properties:
        document["properties"] = [{"key": key, "value": value} for key, value in comment["properties"].items()]
    return document


def shown_in_request(comment: Json) -> Json:
    """A comment as the service desk's own call shows it."""
    return {
        "id": comment["id"],
        "body": comment["body"],
        "public": comment["public"],
        "author": comment["author"],
        "created": {"iso8601": stamp(comment["created"]), "epochMillis": round(comment["created"] * 1000)},
    }


def page(issue: Json, order: str, start: int, size: int, api: str, layout: Layout) -> Json:
    """The list call: oldest first unless asked otherwise, and never with properties."""
    if order.lstrip("+-") not in {"", "created"}:
        raise refusal(messages=[f"The orderBy '{order}' is not supported."])
    found = issue["comments"][::-1] if order.startswith("-") else issue["comments"]
    comments = [shown(comment, api, layout) for comment in found[start : start + size]]
    return {"startAt": start, "maxResults": size, "total": len(found), "comments": comments}


def with_ids(site: Site, ids: Any, api: str, *, properties: bool) -> Json:
    """The call that does show properties."""
    if not isinstance(ids, list) or not 0 < len(ids) <= 1_000:  # noqa: PLR2004 - the documented limit
        raise refusal(messages=["ids: between 1 and 1000 comment ids"])
    wanted = {str(one) for one in ids}
    found = [
        shown(comment, api, site.layout, properties=properties)
        for issue in site.issues()
        if not issue["hidden"]
        for comment in issue["comments"]
        if comment["id"] in wanted
    ]
    return {"startAt": 0, "maxResults": len(ids), "total": len(found), "isLast": True, "values": found}
