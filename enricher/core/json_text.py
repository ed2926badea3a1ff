"""JSON as it comes from templates that people typed: one parse, and on failure one more after mending what is known to occur."""

from __future__ import annotations

import re

import orjson

from enricher.errors import PayloadError

_BOM = b"\xef\xbb\xbf"
_DETAIL_LIMIT = 200
_DEPTH_LIMIT = 250
"""orjson reads deeper than it writes, and what was read must be writable again."""
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: right
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half a pair: what is left where a text was cut
    rb"|(?:\\[^u])+"
)
_BARE_VARIABLE = re.compile(rb":(\s*)(\{\{[\w. ]{1,80}\}\}(?:\[\d{1,3}\])?)")


def loads(body: bytes | str, what: str = "body") -> object:
    """Parse JSON. Raises PayloadError `not_utf8`, `too_deep` or `not_json`; `what` says in its detail which text it was."""
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body.removeprefix(_BOM)
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth limit" in str(error):
            raise PayloadError("too_deep", f"{what}: {error}") from None
        document = _second_try(raw, what, error)
    if raw.count(b"[") + raw.count(b"{") > _DEPTH_LIMIT:
        _require_writable(document, what)
    return document


def _require_writable(document: object, what: str) -> None:
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        raise PayloadError("too_deep", f"{what}: {error}") from None


def _second_try(raw: bytes, what: str, error: orjson.JSONDecodeError) -> object:
    try:
        raw.decode()
    except UnicodeDecodeError as undecodable:
        raise PayloadError("not_utf8", f"{what}: byte {undecodable.start} is not UTF-8") from None
    mended = _with_whole_characters(raw) if "surrogate" in str(error) else _with_quoted_variables(raw)
    try:
        return orjson.loads(mended)
    except orjson.JSONDecodeError:  # the first error speaks of what was sent, not of what we made of it
        raise PayloadError("not_json", f"{what}: {error}"[:_DETAIL_LIMIT]) from None


def _with_whole_characters(raw: bytes) -> bytes:
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], raw)


def _with_quoted_variables(raw: bytes) -> bytes:
    """Mend what variables do to a template: `""` filled in between quotes, and one that is neither quoted nor filled."""
    return _BARE_VARIABLE.sub(rb':\1"\2"', raw.replace(b'""""', b'""'))
