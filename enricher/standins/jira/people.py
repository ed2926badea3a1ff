"""What people do to issues in the browser: they close, edit, clone, hide and delete them, and nobody tells our account."""

from __future__ import annotations

import copy
from threading import RLock
from typing import Any

from enricher.standins.jira import workflow
from enricher.standins.jira.site import Site
from enricher.standins.shelf import Json

ANALYST: Json = {"accountId": "5c20b3955d31276811fef31h", "name": "k.ito", "displayName": "K. Ito", "active": True}


class People:
    """Somebody with every right, on one site. `key` is an issue's."""

    def __init__(self, site: Site, lock: RLock) -> None:
        self._site, self._lock = site, lock

    def move(self, key: str, status: str) -> None:
        """Put it into a status. What is done has a resolution where the workflow asks for one, what is not has none."""
        resolves = workflow.category(status)["key"] == "done" and self._site.layout.resolution_on_screen
        option = next(iter(self._site.layout.resolutions.items())) if resolves else None
        with self._lock:
            self._site.move(self._site.issue(key), status, {"id": option[0], "name": option[1]} if option else None)

    def edit(self, key: str, **fields: Any) -> None:
        """Write fields, as they are kept."""
        with self._lock:
            issue = self._site.issue(key)
            issue["fields"].update(fields)
            self._site.save(issue)

    def clone(self, key: str) -> str:
        """Make a copy with the same fields, labels too; its key. Comments and properties stay behind."""
        with self._lock:
            fields = copy.deepcopy(self._site.issue(key)["fields"])
            project = {"key": self._site.layout.project}
            kind = {"name": fields.pop("issuetype")["name"]}
            body = {
                "fields": {**fields, "project": project, "issuetype": kind, "summary": f"CLONE - {fields['summary']}"[:255]}
            }
            made: str = self._site.create(body, ANALYST)["key"]
            return made

    def hide(self, key: str) -> None:
        """Take away our account's permission to see an issue."""
        with self._lock:
            self._site.hide(key)

    def delete(self, key: str) -> None:
        with self._lock:
            self._site.delete(self._site.issue(key))
