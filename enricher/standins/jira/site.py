"""A Jira site's issues and what may be done to them. Knows nothing of HTTP but the refusals it raises.

An issue is one JSON record: `id`, `key`, `fields`, `status`, `properties`, `comments`, `remotelinks`, `links`, times in
seconds. The search index sees an issue `lag` seconds after it was written.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from enricher.standins.jira import workflow
from enricher.standins.jira.fields import (
    NOT_ON_SCREEN,
    TOP_KEYS,
    FieldProblem,
    Layout,
    check_field,
    check_fields,
    check_property,
    choice,
    refusal,
    too_long,
)
from enricher.standins.jira.jql import View
from enricher.standins.service import Clock
from enricher.standins.shelf import Json, Shelf

FIRST_ID = 10_000
HIDDEN = "Issue does not exist or you do not have permission to see it."
TOO_LONG = "CONTENT_LIMIT_EXCEEDED"


def stamp(seconds: float) -> str:
    """A time as Jira writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


class Site:
    """All issues of one site. `lag` may be changed at any time; it counts for what is written from then on."""

    def __init__(self, layout: Layout, clock: Clock, lag: float, state: Path | None) -> None:
        self.layout, self.lag, self.clock = layout, lag, clock
        self._issues = Shelf(state / "issues" if state else None)
        self._counters = Shelf(state / "counters" if state else None)
        self._index: defaultdict[str, list[tuple[float, View]]] = defaultdict(list)
        for issue in self._issues:
            self._index[issue["key"]].append((0.0, view_of(issue)))

    # --- reading ---------------------------------------------------------------------------------------------------

    def issues(self) -> list[Json]:
        return list(self._issues)

    def issue(self, id_or_key: str) -> Json:
        """Raises 404 for an issue that is not there and for one that this account may not see, alike."""
        key = id_or_key.upper()
        found = self._issues.get(key) or next((one for one in self._issues if one["id"] == id_or_key), None)
        if found is None or found["hidden"]:
            raise refusal(messages=[HIDDEN], status=404)
        return found

    def indexed(self, reconcile: frozenset[str] = frozenset()) -> list[View]:
        """What search sees now; issues whose id is in `reconcile` as they are."""
        now = self.clock()
        views = []
        for issue in self._issues:
            if issue["hidden"]:
                continue
            if issue["id"] in reconcile:
                views.append(view_of(issue))
                continue
            seen = [view for at, view in self._index[issue["key"]] if at <= now]
            views += seen[-1:]
        return views

    # --- writing ---------------------------------------------------------------------------------------------------

    def create(self, body: Json, creator: Json) -> Json:
        """Raises Refusal. A text that is too long burns a key: the number is gone though nothing was created."""
        fields, properties = self._checked_create(body)
        number = self._next_number()
        if too_long(fields.get("description")):
            raise refusal(messages=[TOO_LONG])
        now = self.clock()
        issue: Json = {
            "id": str(FIRST_ID + number),
            "key": f"{self.layout.project}-{number}",
            "fields": {"labels": [], "description": None, "priority": {"id": "3", "name": "Medium"}, **fields},
            "status": "To Do",
            "resolution": None,
            "resolved": None,
            "categorised": now,
            "creator": creator,
            "properties": properties,
            "comments": [],
            "remotelinks": [],
            "links": [],
            "created": now,
            "updated": now,
            "hidden": False,
        }
        self.save(issue)
        return issue

    def edit(self, issue: Json, body: Json) -> None:
        """PUT: fields and update, never a transition. Raises Refusal."""
        self._check_top(body)
        given = {name: value for name, value in _object(body, "fields").items() if name not in {"project", "issuetype"}}
        fields, wrong = check_fields(given, self.layout)
        updated, also_wrong = self._updated(issue["fields"], _object(body, "update"))
        if wrong or also_wrong:
            raise refusal(wrong | also_wrong)
        if too_long(fields.get("description")):
            raise refusal(messages=[TOO_LONG])
        issue["fields"].update(fields | updated)
        self.save(issue)

    def transition(self, issue: Json, body: Json) -> None:
        """Raises Refusal."""
        to = workflow.chosen(body.get("transition"), issue["status"], self.layout)
        self.move(issue, to, workflow.resolution(issue, to, _object(body, "fields"), self.layout))

    def move(self, issue: Json, to: str, resolution: Json | None) -> None:
        """Put it into a status, whatever the workflow says. When it was resolved counts from when it got a resolution."""
        now = self.clock()
        if workflow.category(to) != workflow.category(issue["status"]):
            issue["categorised"] = now
        if resolution != issue["resolution"]:
            issue["resolved"] = now if resolution else None
        issue["status"], issue["resolution"] = to, resolution
        self.save(issue)

    def delete(self, issue: Json) -> None:
        """It is gone at once, from the index too, and from the issues that it was linked to."""
        self._issues.remove(issue["key"])
        self._index.pop(issue["key"], None)
        for other in self._issues:
            kept = [link for link in other["links"] if link["key"] != issue["key"]]
            if len(kept) < len(other["links"]):
                other["links"] = kept
                self.save(other)

    def save(self, issue: Json) -> None:
        """Keep what was changed; the index learns it after the lag."""
        now = self.clock()
        issue["updated"] = now
        self._issues.put(issue["key"], issue)
        history = self._index[issue["key"]]
        seen = [entry for entry in history if entry[0] <= now]
        self._index[issue["key"]] = (
            seen[-1:] + [entry for entry in history if entry[0] > now] + [(now + self.lag, view_of(issue))]
        )

    def need(self, right: str) -> None:
        """Raises 403 where the account may not."""
        if right not in self.layout.rights:
            raise refusal(messages=[f"You do not have the permission {right}."], status=403)

    def hide(self, key: str) -> None:
        """Take away this account's permission to see an issue."""
        issue = self.issue(key)
        issue["hidden"] = True
        self._issues.put(issue["key"], issue)

    def next_id(self, what: str) -> str:
        """A number that was never given before, for comments and links."""
        counter = self._counters.get(what) or {"n": FIRST_ID}
        counter["n"] += 1
        self._counters.put(what, counter)
        return str(counter["n"])

    def _next_number(self) -> int:
        counter = self._counters.get("issue") or {"n": 0}
        counter["n"] += 1
        self._counters.put("issue", counter)
        number: int = counter["n"]
        return number

    def _check_top(self, body: Json) -> None:
        if extra := sorted(set(body) - TOP_KEYS):
            raise refusal(messages=[f'Invalid request payload: unrecognised property "{extra[0]}"'])
        both = set(_object(body, "fields")) & set(_object(body, "update"))
        if both:
            raise refusal(dict.fromkeys(both, "Field may be set in 'fields' or in 'update', not in both."))

    def _checked_create(self, body: Json) -> tuple[Json, Json]:
        self._check_top(body)
        given = dict(_object(body, "fields"))
        project, issue_type = given.pop("project", None), given.pop("issuetype", None)
        given.setdefault("summary", None)
        fields, wrong = check_fields(given, self.layout)
        if not isinstance(project, dict) or not self._is_ours(project):
            wrong["project"] = "Specify a valid project ID or key"
        try:
            fields["issuetype"] = choice(issue_type, self.layout.issue_types, "name", "Specify a valid issue type")
        except FieldProblem as problem:
            wrong["issuetype"] = str(problem)
        updated, also_wrong = self._updated(fields, _object(body, "update"))
        missing = {name: f"{name} is required." for name in self.layout.required if not (fields | updated).get(name)}
        if wrong or also_wrong or missing:
            raise refusal(missing | wrong | also_wrong)
        return fields | updated, _properties(body.get("properties", []))

    def _is_ours(self, project: Json) -> bool:
        return project.get("key") == self.layout.project or project.get("id") == self.layout.project_id

    def _updated(self, fields: Json, update: Json) -> tuple[Json, dict[str, str]]:
        """What the `update` part makes of the fields: (new values, what is wrong by field)."""
        right: Json = {}
        wrong: dict[str, str] = {}
        for name, operations in update.items():
            try:
                for operation in operations:
                    right[name] = self._operate(name, operation, right.get(name, fields.get(name)))
            except (FieldProblem, TypeError) as problem:
                wrong[name] = str(problem)
        return right, wrong

    def _operate(self, name: str, operation: Any, present: Any) -> Any:
        if not isinstance(operation, dict) or len(operation) != 1:
            raise FieldProblem("expected one operation")
        ((verb, value),) = operation.items()
        if verb == "set":
            return check_field(name, value, self.layout)
        if name != "labels" or verb not in {"add", "remove"}:
            raise FieldProblem(NOT_ON_SCREEN.format(name))
        kept = [label for label in present or [] if label != value]
        return check_field(name, [*kept, value] if verb == "add" else kept, self.layout)


def _object(body: Json, name: str) -> Json:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise refusal(messages=[f"Invalid request payload: {name} is not an object"])
    return value


def _properties(given: Any) -> Json:
    if not isinstance(given, list) or not all(isinstance(one, dict) and set(one) == {"key", "value"} for one in given):
        raise refusal(messages=["Invalid request payload: properties hold a key and a value"])
    for one in given:
        check_property(one["key"], one["value"])
    return {one["key"]: one["value"] for one in given}


def view_of(issue: Json) -> View:
    """What the search index holds of an issue."""
    fields = issue["fields"]
    return {
        "id": issue["id"],
        "key": issue["key"],
        "project": issue["key"].partition("-")[0],
        "labels": list(fields["labels"]),
        "issuetype": fields["issuetype"]["name"],
        "status": issue["status"],
        "category": workflow.category(issue["status"])["name"],
        "resolution": issue["resolution"] and issue["resolution"]["name"],
        "priority": fields["priority"]["name"],
        "summary": fields["summary"],
        "created": issue["created"],
        "updated": issue["updated"],
    }
