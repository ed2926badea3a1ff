"""What a person orders in the body of a POST: short texts by name, as JSON or as a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import request

from enricher.errors import PayloadError
from enricher.web.answers import Refusal
from enricher.web.bodies import read_body

MOST_BODY = 16 * 1024
LONGEST_NAME = 100
LONGEST_WHY = 500


def ordered() -> Mapping[str, Any]:
    """The JSON object that was sent. Raises Refusal (400, 413, 415)."""
    try:
        given = orjson.loads(read_body(request.environ, MOST_BODY))
    except (PayloadError, orjson.JSONDecodeError) as error:
        raise Refusal(400, "not_json", "The body is a JSON object.") from error
    if not isinstance(given, dict):
        raise Refusal(400, "not_an_object", "The body is a JSON object.")
    return given


def said(given: Mapping[str, Any], name: str, longest: int = LONGEST_NAME) -> str | None:
    """One text, on one line and trimmed; None where it is absent or blank. Raises Refusal(400) for what is none, or too long."""
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise Refusal(400, "bad_parameter", f"{name} is a text.")
    text = " ".join((value or "").replace("\0", " ").split())
    if len(text) > longest:
        raise Refusal(400, "bad_parameter", f"{name} has at most {longest} characters.")
    return text or None


def needed(given: Mapping[str, Any], name: str, longest: int = LONGEST_NAME) -> str:
    """One that may not be absent. Raises Refusal(400)."""
    text = said(given, name, longest)
    if text is None:
        raise Refusal(400, "bad_parameter", f"{name} is needed.")
    return text
