"""How a Jira site says no where it is made to, and a search that finds more than was asked for."""

from __future__ import annotations

from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING

import orjson
from flask import Response

from enricher.standins.jira.fields import NOT_ON_SCREEN
from enricher.standins.jira.site import HIDDEN
from enricher.standins.service import answer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

NO_AUTH = "Client must be authenticated to access this resource."
NO_RIGHT = "You do not have permission to do this."


def deny(status: int, field: str) -> Response:
    """400 (because of `field`), 401, 403 or 404."""
    if status == HTTPStatus.UNAUTHORIZED:
        return answer(status, {"message": NO_AUTH, "status-code": status})
    if status == HTTPStatus.BAD_REQUEST:
        return answer(status, {"errorMessages": [], "errors": {field: NOT_ON_SCREEN.format(field)}})
    return answer(status, {"errorMessages": [HIDDEN if status == HTTPStatus.NOT_FOUND else NO_RIGHT], "errors": {}})


def widen(environ: WSGIEnvironment, project: str) -> None:
    """Let a search find every issue of the project."""
    if environ["PATH_INFO"].endswith("/search/jql") and environ["REQUEST_METHOD"] == "POST":
        asked = orjson.loads(environ["wsgi.input"].read())
        body = orjson.dumps({**asked, "jql": f'project = "{project}" ORDER BY created ASC'})
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
