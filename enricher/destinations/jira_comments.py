"""Comments of an issue. In a service project customers read comments, so ours are internal there, and that is checked."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from enricher.core.document import Json
from enricher.destinations import adf
from enricher.destinations.http import Service
from enricher.destinations.jira_flavour import Flavour
from enricher.errors import DeliveryError, Reason


class Comments:
    """Writes and finds comments in one project. `internal`: no customer may read them. Paths take keys quoted already."""

    def __init__(self, service: Service, flavour: Flavour, project_path: str, *, internal: bool) -> None:
        self.internal = internal
        self._service, self._flavour, self._project_path = service, flavour, project_path
        self._service_project: bool | None = None

    def add(self, issue: str, comment: Json) -> None:
        """Post a comment as `jira_body` renders it. Raises DeliveryError; CONFIGURATION where customers could read it."""
        guarded = self.internal and self._is_service_project()
        if guarded and not self._flavour.properties:
            path, comment = f"/rest/servicedeskapi/request/{issue}/comment", {"body": comment["body"], "public": False}
        else:
            path = self._path(issue)
        made = self._service.call("POST", path, json=comment).data
        comment_id = self._service.word(made, "id")
        if guarded and _is_public(made):
            self._take_back(issue, comment_id)

    def has(self, issue: str, event: str) -> bool:
        """Look in the last comments, which is where an attempt of a moment ago left it. Reading them does not lag."""
        newest = {"orderBy": "-created", "maxResults": "50"}
        answer = self._service.call("GET", self._path(issue), params=newest)
        return any(event in adf.plain(comment.get("body")) for comment in self._service.objects(answer.data, "comments"))

    def _path(self, issue: str) -> str:
        return f"{self._flavour.api}/issue/{issue}/comment"

    def _is_service_project(self) -> bool:
        """Asked once; a project does not change its type under us."""
        if self._service_project is None:
            kind = self._service.word(self._service.call("GET", self._project_path).data, "projectTypeKey")
            self._service_project = kind == "service_desk"
        return self._service_project

    def _take_back(self, issue: str, comment_id: str) -> None:
        """The answer to a comment may be hasty: only one that is public when it is read again is deleted, and reported."""
        path = f"{self._path(issue)}/{comment_id}"
        if self._flavour.properties and not _is_public(self._service.call("GET", path).data):
            return
        said = "and could not be deleted"
        with suppress(DeliveryError):
            self._service.call("DELETE", path, empty=True)
            said = "and was deleted"
        raise self._service.error(Reason.CONFIGURATION, f"comment {comment_id} of {issue} came out public {said}")


def _is_public(comment: Json) -> bool:
    """As the two APIs say it; where neither does, nothing can be said against the comment."""
    public: Any = comment.get("public", comment.get("jsdPublic", False))
    return public is not False
