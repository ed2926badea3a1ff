"""The stand-in's connections, monitors and their folders, scheduled searches and fields, as its API keeps them.

What is written one way is read another, as in the real one: other types, more keys, a sign before a time range, numbers with a
point. A name is there once in its place; what has been changed since it was read is not overwritten. Nothing here deletes without
being told the type.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from flask import Response, request

from enricher.standins.service import Handler, Refusal, answer
from enricher.standins.sumo import rules
from enricher.standins.sumo.language import QueryError, parse

Json = dict[str, Any]

ROOT, PERSONAL = "0000000000000001", "0000000000000002"
LARGEST_PAGE = 100
_FOLDER, _MONITOR = "MonitorsLibraryFolder", "MonitorsLibraryMonitor"
_DEFAULTS: Json = {
    "description": "",
    "groupNotifications": True,
    "notificationGroupFields": [],
    "evaluationDelay": "0m",
    "playbook": "",
    "alertName": "",
    "automatedPlaybookIds": [],
    "tags": {},
    "isDisabled": False,
    "notifications": [],
}


class Desk(Protocol):
    """What the library needs of the service that it is a part of."""

    def api(self, method: str, rule: str, handler: Handler) -> None: ...

    def body(self) -> Json: ...

    def clock(self) -> float: ...


class Library:
    """One account's. `monitors` holds folders too, the root among them; all by their id."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.connections: dict[str, Json] = {}
        self.monitors: dict[str, Json] = {ROOT: {"type": _FOLDER, "name": "Monitor", "parentId": "", "version": 0}}
        self.searches: dict[str, Json] = {}
        self.fields: dict[str, Json] = {}
        for method, rule, handler in self._routes():
            desk.api(method, f"/api/{rule}", handler)

    def _routes(self) -> Iterable[tuple[str, str, Handler]]:
        return (
            ("GET", "v1/connections", lambda: self._page("data", "next", self.connections, _connection_read)),
            ("POST", "v1/connections", self._new_connection),
            (
                "GET",
                "v1/connections/<one>",
                lambda one: answer(200, _connection_read(one, self._of(self.connections, one))),
            ),
            ("PUT", "v1/connections/<one>", self._put_connection),
            ("DELETE", "v1/connections/<one>", self._delete_connection),
            ("GET", "v1/monitors/root", lambda: answer(200, self._monitor_read(ROOT))),
            ("POST", "v1/monitors", self._new_monitor),
            ("GET", "v1/monitors/<one>", lambda one: answer(200, self._monitor_read(one))),
            ("PUT", "v1/monitors/<one>", self._put_monitor),
            ("GET", "v2/content/folders/personal", self._personal),
            ("GET", "v1/logSearches", lambda: self._page("logSearches", "token", self.searches, _search_read)),
            ("POST", "v1/logSearches", self._new_search),
            ("GET", "v1/logSearches/<one>", lambda one: answer(200, _search_read(one, self._of(self.searches, one)))),
            ("PUT", "v1/logSearches/<one>", self._put_search),
            ("GET", "v1/fields", lambda: answer(200, {"data": list(self.fields.values())})),
            ("POST", "v1/fields", self._new_field),
        )

    def holdings(self) -> Json:
        """Everything, as it was written, without what its headers say."""
        hidden = {one: {**held, "headers": [h["name"] for h in held["headers"]]} for one, held in self.connections.items()}
        return {
            "connections": hidden,
            "monitors": {one: held for one, held in self.monitors.items() if one != ROOT},
            "searches": self.searches,
            "fields": self.fields,
        }

    # --- what all have in common -------------------------------------------------------------------------------------

    def _of(self, held: dict[str, Json], one: str) -> Json:
        if one not in held:
            raise refusal(404, "content:not_found", "Object with the given ID does not exist.")
        return held[one]

    def _page(self, key: str, token: str, held: dict[str, Json], reading: Callable[[str, Json], Json]) -> Response:
        """A page of a list, and where the next begins; none behind the last."""
        limit, begins = request.args.get("limit", "100"), request.args.get("token", "0")
        if not limit.isdecimal() or not 1 <= int(limit) <= LARGEST_PAGE or not begins.isdecimal():
            raise refusal(400, "content:invalid_parameter", "Invalid limit or token.")
        ends = int(begins) + int(limit)
        found = [reading(one, body) for one, body in held.items()]
        said: Json = {key: found[int(begins) : ends]}
        return answer(200, said | ({token: str(ends)} if ends < len(found) else {}))

    def _checked(self, problems: Iterable[str]) -> None:
        wrong = list(problems)
        if wrong:
            raise refusal(400, "content:invalid_content", "; ".join(wrong))

    def _clash(self, held: dict[str, Json], body: Json, but: str | None = None, parent: str | None = None) -> None:
        same = (one for one, other in held.items() if other["name"] == body["name"] and other.get("parentId") == parent)
        if any(one != but for one in same):
            raise refusal(400, "content:duplicate_content", "Content with the same name already exists.")

    # --- connections ----------------------------------------------------------------------------------------------

    def _connection_body(self, but: str | None = None) -> Json:
        body = self._desk.body()
        self._checked(rules.connection(body))
        self._clash(self.connections, body, but)
        return {"description": "", "headers": [], "customHeaders": [], "webhookType": "Webhook", **body}

    def _new_connection(self) -> Response:
        one, body = _new_id(), self._connection_body()
        self.connections[one] = body
        return answer(200, _connection_read(one, body))

    def _put_connection(self, one: str) -> Response:
        self._of(self.connections, one)
        self.connections[one] = self._connection_body(one)
        return answer(200, _connection_read(one, self.connections[one]))

    def _delete_connection(self, one: str) -> Response:
        if request.args.get("type") != "WebhookConnection":
            raise refusal(400, "connection:missing_type", "The type of the connection must be given.")
        self._of(self.connections, one)
        del self.connections[one]
        return answer(204)

    # --- monitors ---------------------------------------------------------------------------------------------------

    def _monitor_body(self, parent: str, but: str | None = None) -> Json:
        body = self._desk.body()
        kind = body.get("type")
        if kind not in {_FOLDER, _MONITOR}:
            raise refusal(400, "content:invalid_content", f"type must be {_MONITOR} or {_FOLDER}")
        self._checked(rules.folder(body) if kind == _FOLDER else rules.monitor(body, wrong_with, self.connections))
        self._clash(self.monitors, body, but, parent)
        kept = {key: value for key, value in body.items() if key not in rules.READ_ONLY}
        return kept | {"parentId": parent}

    def _new_monitor(self) -> Response:
        parent = request.args.get("parentId", "")
        if self._of(self.monitors, parent)["type"] != _FOLDER:
            raise refusal(400, "content:invalid_content", "parentId is no folder")
        one, body = _new_id(), self._monitor_body(parent)
        self.monitors[one] = body | {"version": 0}
        return answer(200, self._monitor_read(one))

    def _put_monitor(self, one: str) -> Response:
        there = self._of(self.monitors, one)
        body = self._monitor_body(there["parentId"], one)
        if body.get("version") != there["version"]:
            raise refusal(409, "content:version_conflict", "The version is not the one in force.")
        if body["type"] != there["type"]:
            raise refusal(400, "content:invalid_content", "The type cannot be changed.")
        self.monitors[one] = body | {"version": there["version"] + 1}
        return answer(200, self._monitor_read(one))

    def _monitor_read(self, one: str) -> Json:
        """As it is read: of a folder also what lies in it."""
        body = self._of(self.monitors, one)
        read = {
            "id": one,
            "createdAt": "2026-01-01T00:00:00Z",
            "isSystem": False,
            "isMutable": True,
            "isLocked": False,
            **body,
        }
        read["type"] = f"{body['type']}Response"
        if body["type"] == _FOLDER:
            inside = [child for child, other in self.monitors.items() if other["parentId"] == one]
            return read | {"contentType": "Folder", "children": [self._child(child) for child in inside]}
        triggers = [_trigger_read(trigger) for trigger in body.get("triggers", ())]
        return {**_DEFAULTS, "contentType": "Monitor", "status": ["Normal"], **read, "triggers": triggers}

    def _child(self, one: str) -> Json:
        body = self.monitors[one]
        kind = "Folder" if body["type"] == _FOLDER else "Monitor"
        named = {"id": one, "name": body["name"], "contentType": kind, "type": f"{body['type']}Response"}
        return named | {"parentId": body["parentId"], "version": body["version"]}

    # --- scheduled searches, fields ---------------------------------------------------------------------------------

    def _personal(self) -> Response:
        children = [{"id": one, "name": body["name"], "itemType": "Search"} for one, body in self.searches.items()]
        return answer(200, {"id": PERSONAL, "name": "Personal", "itemType": "Folder", "children": children})

    def _search_body(self, but: str | None = None) -> Json:
        body = self._desk.body()
        self._checked(rules.search(body, wrong_with, self.connections))
        if body.get("parentId") != PERSONAL:
            raise refusal(404, "content:not_found", "Folder with the given ID does not exist.")
        self._clash(self.searches, body, but, PERSONAL)
        return body

    def _new_search(self) -> Response:
        one, body = _new_id(), self._search_body()
        self.searches[one] = body
        return answer(200, _search_read(one, body))

    def _put_search(self, one: str) -> Response:
        self._of(self.searches, one)
        self.searches[one] = self._search_body(one)
        return answer(200, _search_read(one, self.searches[one]))

    def _new_field(self) -> Response:
        body = self._desk.body()
        self._checked(rules.field(body))
        name = str(body["fieldName"])
        if name.lower() in {one["fieldName"].lower() for one in self.fields.values()}:
            raise refusal(400, "field:already_exists", "Field with the given name already exists")
        one = _new_id()
        self.fields[one] = {"fieldId": one, "fieldName": name, "dataType": "String", "state": "Enabled"}
        return answer(200, self.fields[one])


def refusal(status: int, code: str, message: str) -> Refusal:
    """An error as these parts of the API word it."""
    return Refusal(status, {"id": "E6E5G-0OQJ6-UC1D0", "errors": [{"code": code, "message": message}]})


def wrong_with(query: str) -> str | None:
    """What keeps a query from being saved."""
    try:
        parse(query)
    except QueryError as error:
        return str(error)
    return None


def _new_id() -> str:
    return f"{secrets.randbits(40):016X}"


def _connection_read(one: str, body: Json) -> Json:
    return {"resolutionPayload": "", "connectionSubtype": "", **body, "id": one, "type": "WebhookConnection"}


def _search_read(one: str, body: Json) -> Json:
    return {"description": "", "runByReceiptTime": False, "queryParameters": [], **body, "id": one}


def _trigger_read(trigger: Json) -> Json:
    read = {"minDataPoints": None, **trigger, "timeRange": f"-{str(trigger['timeRange']).lstrip('-')}"}
    return read | ({"threshold": float(trigger["threshold"])} if "threshold" in trigger else {})
