"""Links of an issue: to pages elsewhere (an upsert by globalId) and to other issues."""

from __future__ import annotations

from typing import Any

from enricher.standins.jira.fields import Layout, refusal
from enricher.standins.jira.site import Site
from enricher.standins.shelf import Json

LINK_TYPES = {
    "Duplicate": ("is duplicated by", "duplicates"),
    "Relates": ("relates to", "relates to"),
    "Blocks": ("is blocked by", "blocks"),
}
GLOBAL_ID_LONGEST = 255
MOST = 2_000


def put_remote(site: Site, issue: Json, body: Json) -> tuple[int, Json]:
    """(201, new) or (200, replaced): with a globalId that the issue has, what is left out becomes null. Raises Refusal."""
    target = body.get("object")
    if not isinstance(target, dict) or not target.get("url") or not target.get("title"):
        raise refusal({"object": "'url' and 'title' are required"})
    global_id = body.get("globalId")
    if global_id is not None and not (isinstance(global_id, str) and len(global_id) <= GLOBAL_ID_LONGEST):
        raise refusal({"globalId": f"The globalId must be at most {GLOBAL_ID_LONGEST} characters."})
    link: Json = {name: body.get(name) for name in ("globalId", "application", "relationship", "object")}
    known = next((one for one in issue["remotelinks"] if global_id and one["globalId"] == global_id), None)
    if known:
        known.update(link)
        site.save(issue)
        return 200, known
    if len(issue["remotelinks"]) >= MOST:
        raise refusal(messages=[f"The issue has reached the limit of {MOST} remote links."], status=413)
    link["id"] = int(site.next_id("remotelink"))
    issue["remotelinks"].append(link)
    site.save(issue)
    return 201, link


def join(site: Site, body: Json) -> None:
    """Link two issues; both show it. Raises Refusal."""
    name = _of(body, "type", "name")
    if name not in site.layout.link_types:
        raise refusal(messages=[f"No issue link type with name '{name}' found."], status=404)
    inward, outward = (site.issue(_of(body, side, "key")) for side in ("inwardIssue", "outwardIssue"))
    link_id = site.next_id("issuelink")
    for issue, side, other in ((inward, "outwardIssue", outward), (outward, "inwardIssue", inward)):
        issue["links"].append({"id": link_id, "type": name, "side": side, "key": other["key"]})
        site.save(issue)


def shown(link: Json) -> Json:
    """An issue link as a field of the issue shows it."""
    inward, outward = LINK_TYPES[link["type"]]
    return {
        "id": link["id"],
        "type": {"name": link["type"], "inward": inward, "outward": outward},
        link["side"]: {"key": link["key"]},
    }


def types(layout: Layout) -> Json:
    """The types of links that the site has."""
    found = [(str(n), name, *LINK_TYPES[name]) for n, name in enumerate(layout.link_types, 10_000)]
    return {"issueLinkTypes": [dict(zip(("id", "name", "inward", "outward"), one, strict=True)) for one in found]}


def _of(body: Json, name: str, key: str) -> str:
    part: Any = body.get(name)
    if not isinstance(part, dict) or not isinstance(part.get(key), str):
        raise refusal(messages=[f"{name}: {key} is required"])
    value: str = part[key]
    return value
