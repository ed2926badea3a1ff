"""Jira Cloud's routes: who may ask, how often, and which part of the site answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from flask import Response, redirect, render_template, request

from enricher.standins.jira import comments, links, meta, search, trouble, workflow
from enricher.standins.jira.fields import Layout, check_property, refusal
from enricher.standins.jira.page import html
from enricher.standins.jira.people import People
from enricher.standins.jira.site import Site, stamp
from enricher.standins.jira.trouble import NO_AUTH
from enricher.standins.limits import Buckets, Window
from enricher.standins.service import KEY, Clock, Refusal, Service, answer
from enricher.standins.shelf import Json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

BURST_PER_S = {"GET": 100, "POST": 100, "PUT": 50, "DELETE": 50}
GONE = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)


class Jira(Service):
    """Jira Cloud with one project, which its layout can make a service desk. `search_lag` in seconds; `limits` are the per-issue and burst limits of the real one.

    `scoped` makes the token one that works under `/ex/jira/{cloud_id}` only, as Atlassian's scoped tokens do.
    """

    root = "/rest/api/3"
    product = "Jira Cloud"

    def __init__(
        self,
        *,
        layout: Layout | None = None,
        email: str = "enricher@corp.example",
        token: str = KEY,
        search_lag: float = 0.0,
        limits: bool = True,
        scoped: bool = False,
        state: Path | None = None,
        clock: Clock = time,
    ) -> None:
        super().__init__(clock)
        self.layout = layout or Layout()
        self.email, self.token, self.project = email, token, self.layout.project
        self.scoped, self.cloud_id = scoped, "11111111-2222-3333-4444-555555555555"
        self.site = Site(self.layout, clock, search_lag, state)
        self.people = People(self.site, self.lock)
        self._bursts = {method: Buckets(rate if limits else 0, rate, clock) for method, rate in BURST_PER_S.items()}
        self._per_issue = (Window(20 if limits else 0, 2, clock), Window(100 if limits else 0, 30, clock))
        self.me: Json = {
            "accountId": "5b10a2844c20165700ede21g",
            "displayName": "Enricher",
            "emailAddress": email,
            "active": True,
        }
        self._inside, self.app.wsgi_app = self.app.wsgi_app, self._gateway  # type: ignore[method-assign] # as Flask advises
        self._add_routes()

    def _gateway(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let requests to Atlassian's gateway in, marked as such."""
        head, prefix, path = environ["PATH_INFO"].partition(f"/ex/jira/{self.cloud_id}")
        if prefix and not head:
            environ |= {"PATH_INFO": path, "standin.gateway": True}
        return self._inside(environ, start_response)

    @property
    def api_url(self) -> str:
        """Its address and the API's version, as links in answers begin."""
        return f"{self.url}{self.root}"

    def _add_routes(self) -> None:
        issue = f"{self.root}/issue"
        self.api("POST", issue, self._create)
        self.api("GET", f"{issue}/<key>", self._get)
        self.api("PUT", f"{issue}/<key>", self._edit)
        self.api("GET", f"{issue}/<key>/transitions", self._transitions)
        self.api("POST", f"{issue}/<key>/transitions", self._transition)
        self.api("POST", f"{issue}/<key>/remotelink", self._remote_link)
        self.api("GET", f"{issue}/<key>/remotelink", lambda key: answer(200, self.site.issue(key)["remotelinks"]))
        self.api("GET", f"{issue}/<key>/properties/<name>", self._get_property)
        self.api("PUT", f"{issue}/<key>/properties/<name>", self._put_property)
        self.api("POST", f"{self.root}/issueLink", self._issue_link)
        self.api("GET", f"{self.root}/issueLinkType", lambda: answer(200, links.types(self.layout)))
        self._add_comment_routes(f"{issue}/<key>/comment")
        self._add_search_routes()
        self._add_meta_routes()

    def _add_comment_routes(self, path: str) -> None:
        self.api("POST", path, self._comment)
        self.api("GET", path, self._comments)
        self.api("GET", f"{path}/<comment_id>", self._get_comment)
        self.api("DELETE", f"{path}/<comment_id>", self._delete_comment)
        self.api("POST", "/rest/servicedeskapi/request/<key>/comment", self._request_comment)

    def _add_search_routes(self) -> None:
        self.api(
            "POST", f"{self.root}/issue/bulkfetch", lambda: answer(200, search.fetch(self.site, self.body(), self.api_url))
        )
        self.api("POST", f"{self.root}/comment/list", self._comment_list)
        self.api("POST", f"{self.root}/search/jql", lambda: self._found(self.body()))
        self.api("GET", f"{self.root}/search/jql", self._search_by_query)
        for version in (2, 3):
            for method in ("GET", "POST"):
                self.api(method, f"/rest/api/{version}/search", self._gone)

    def _add_meta_routes(self) -> None:
        project = f"{self.root}/issue/createmeta/<project>/issuetypes"
        self.api("GET", project, self._issue_types)
        self.api("GET", f"{project}/<issue_type>", self._create_fields)
        self.api("GET", f"{self.root}/myself", lambda: answer(200, {**self.me, "timeZone": "UTC", "locale": "en_US"}))
        self.api("GET", f"{self.root}/serverInfo", self._server_info)
        self.api("GET", f"{self.root}/project/<key>", lambda key: answer(200, meta.project(self.layout, key, self.api_url)))
        self.api("GET", f"{self.root}/mypermissions", self._permissions)
        self.app.add_url_rule("/", "home", lambda: redirect("/browse"))
        self.page("/browse", self._list_page)
        self.page("/browse/<key>", self._page)

    # --- what every stand-in has -----------------------------------------------------------------------------------

    def holdings(self) -> Json:
        return {"issues": [issue | {"url": f"/browse/{issue['key']}"} for issue in self.site.issues()]}

    def error(self, status: int, text: str) -> Response:
        return answer(status, {"errorMessages": [text], "errors": {}})

    def deny(self, status: int, field: str) -> Response:
        return trouble.deny(status, field)

    def widen(self, environ: WSGIEnvironment) -> None:
        trouble.widen(environ, self.project)

    def limited(self, retry_after: float, reason: str = "jira-burst-based") -> Response:
        headers = {
            "Retry-After": str(max(1, round(retry_after))),
            "RateLimit-Reason": reason,
            "X-RateLimit-Limit": "100",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": stamp(self.clock() + retry_after),
        }
        return answer(429, {"errorMessages": ["Rate limit exceeded."], "errors": {}}, headers)

    def admit(self, rule: str, values: Mapping[str, str]) -> None:
        self.authenticate()
        if request.method in {"POST", "PUT"} and request.mimetype != "application/json":
            raise refusal(messages=["Unsupported Media Type"], status=415)
        self.throttle(rule, values)

    def authenticate(self) -> None:
        """Raises 401."""
        sent = request.authorization
        known = sent is not None and sent.type == "basic" and (sent.username, sent.password) == (self.email, self.token)
        if not known or self.scoped != request.environ.get("standin.gateway", False):
            raise Refusal(401, {"message": NO_AUTH, "status-code": 401})

    def throttle(self, rule: str, values: Mapping[str, str]) -> None:
        """Raises 429."""
        self._wait(self._bursts[request.method].take(rule), "jira-burst-based")
        if request.method != "GET" and "key" in values:
            for window in self._per_issue:
                self._wait(window.take(values["key"]), "jira-per-issue-on-write")

    def _wait(self, seconds: float, reason: str) -> None:
        if seconds:
            no = self.limited(seconds, reason)
            raise Refusal(429, orjson.loads(no.get_data()), dict(no.headers))

    # --- issues ----------------------------------------------------------------------------------------------------

    def _create(self) -> Response:
        self.site.need("CREATE_ISSUES")
        issue = self.site.create(self.body(), self.me)
        made = {"id": issue["id"], "key": issue["key"], "self": f"{self.api_url}/issue/{issue['id']}"}
        return answer(201, made, {"Location": made["self"]})

    def _get(self, key: str) -> Response:
        issue = self.site.issue(key)
        fields, properties = (_words(request.args.get(name)) for name in ("fields", "properties"))
        return answer(200, search.shown(self.site, issue, fields or ["*all"], properties, self.api_url))

    def _edit(self, key: str) -> Response:
        issue = self.site.issue(key)
        self.site.need("EDIT_ISSUES")
        body = self.body()
        body.pop("transition", None)
        riding = self._riding_comments(body)
        self.site.edit(issue, body)
        self._add_comments(issue, riding)
        if request.args.get("returnIssue") == "true":
            return answer(200, search.shown(self.site, issue, ["*all"], [], self.api_url))
        return answer(204)

    def _transitions(self, key: str) -> Response:
        expand = "transitions.fields" in request.args.get("expand", "")
        found = workflow.offered(self.site.issue(key)["status"], self.layout, expand=expand)
        return answer(200, {"expand": "transitions", "transitions": found})

    def _transition(self, key: str) -> Response:
        issue = self.site.issue(key)
        self.site.need("TRANSITION_ISSUES")
        body = self.body()
        riding = self._riding_comments(body)
        self.site.transition(issue, body)
        self._add_comments(issue, riding)
        return answer(204)

    def _add_comments(self, issue: Json, riding: list[Any]) -> None:
        for comment in riding:
            comments.add(self.site, issue, comment, self.me)

    def _get_property(self, key: str, name: str) -> Response:
        properties = self.site.issue(key)["properties"]
        if name not in properties:
            raise refusal(messages=[f"Property {name} is not set."], status=404)
        return answer(200, {"key": name, "value": properties[name]})

    def _put_property(self, key: str, name: str) -> Response:
        issue = self.site.issue(key)
        try:
            value = orjson.loads(request.get_data())
        except orjson.JSONDecodeError as unreadable:
            raise refusal(messages=["The property value must be valid JSON."]) from unreadable
        check_property(name, value)
        new = name not in issue["properties"]
        issue["properties"][name] = value
        self.site.save(issue)
        return answer(201 if new else 200)

    # --- comments, links, search -----------------------------------------------------------------------------------

    def _comment(self, key: str) -> Response:
        comment = comments.add(self.site, self.site.issue(key), self.body(), self.me)
        return answer(201, comments.shown(comment, self.api_url, self.layout))

    def _request_comment(self, key: str) -> Response:
        comment = comments.add_to_request(self.site, self.site.issue(key), self.body(), self.me)
        return answer(201, comments.shown_in_request(comment))

    def _comments(self, key: str) -> Response:
        start, size = self._paging(100)
        order = request.args.get("orderBy", "")
        return answer(200, comments.page(self.site.issue(key), order, start, size, self.api_url, self.layout))

    def _get_comment(self, key: str, comment_id: str) -> Response:
        return answer(200, comments.shown(comments.find(self.site.issue(key), comment_id), self.api_url, self.layout))

    def _delete_comment(self, key: str, comment_id: str) -> Response:
        comments.delete(self.site, self.site.issue(key), comment_id)
        return answer(204)

    def _paging(self, most: int) -> tuple[int, int]:
        """(startAt, maxResults)."""
        return request.args.get("startAt", 0, int), request.args.get("maxResults", most, int)

    def _comment_list(self) -> Response:
        properties = "properties" in request.args.get("expand", "")
        return answer(200, comments.with_ids(self.site, self.body().get("ids"), self.api_url, properties=properties))

    def _riding_comments(self, body: Json) -> list[Any]:
        """Take the comments out of an edit or a transition, checked, so that all or nothing is done. Raises Refusal."""
        update = body.get("update")
        operations = update.pop("comment", []) if isinstance(update, dict) else []
        if not isinstance(operations, list) or not all(isinstance(one, dict) and set(one) == {"add"} for one in operations):
            raise refusal({"comment": "expected operations 'add'"})
        for one in operations:
            comments.check(one["add"], self.layout)
        return [one["add"] for one in operations]

    def _remote_link(self, key: str) -> Response:
        status, link = links.put_remote(self.site, self.site.issue(key), self.body())
        return answer(status, {"id": link["id"], "self": f"{self.api_url}/issue/{quote(key)}/remotelink/{link['id']}"})

    def _issue_link(self) -> Response:
        self.site.need("LINK_ISSUES")
        links.join(self.site, self.body())
        return answer(201)

    def _found(self, body: Json) -> Response:
        return answer(200, search.search(self.site, body, self.clock(), self.api_url))

    def _search_by_query(self) -> Response:
        body: Json = dict(request.args)
        body |= {name: _words(body[name]) for name in ("fields", "properties", "reconcileIssues") if name in body}
        if "maxResults" in body:
            body["maxResults"] = request.args.get("maxResults", 50, int)
        return self._found(body)

    def _gone(self) -> Response:
        return self.error(410, GONE)

    # --- the site --------------------------------------------------------------------------------------------------

    def _issue_types(self, project: str) -> Response:
        meta.project(self.layout, project, self.api_url)
        return answer(200, meta.issue_types(self.layout, *self._paging(50)))

    def _create_fields(self, project: str, issue_type: str) -> Response:
        meta.project(self.layout, project, self.api_url)
        return answer(200, meta.create_fields(self.layout, issue_type, *self._paging(50)))

    def _permissions(self) -> Response:
        return answer(200, meta.permissions(self.layout, request.args.get("permissions", "")))

    def _server_info(self) -> Response:
        info = {
            "baseUrl": self.url,
            "version": "1001.0.0-SNAPSHOT",
            "deploymentType": "Server" if self.layout.data_center else "Cloud",
            "serverTime": stamp(self.clock()),
        }
        return answer(200, info)

    def _list_page(self) -> str:
        return render_template(
            "jira_issues.html", issues=self.site.issues()[::-1], name=self.layout.project_name, product=self.product
        )

    def _page(self, key: str) -> str:
        return render_template("jira_issue.html", issue=self.site.issue(key), adf=html, stamp=stamp, product=self.product)


def _words(text: str | None) -> list[str]:
    return [word for word in (text or "").split(",") if word]
