"""How the web layer answers: JSON, refusals, and the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import orjson
from flask import Response
from werkzeug.exceptions import HTTPException

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Styles, scripts and pictures are files of ours, never part of a page; `connect-src` is for the text that a button copies."""

_SECURITY_HEADERS = [
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]

_ERROR_WORDS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_encoding",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
}


class Refusal(HTTPException):
    """An answer of 400 and above: `error` is a fixed word, `description` one sentence for a person."""

    def __init__(self, status: int, error: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.code, self.error = status, error
        self._headers = [(name.replace("_", "-"), value) for name, value in headers.items()]

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        return [*super().get_headers(environ, scope), *self._headers]


def error_word(error: HTTPException) -> str:
    """The word for `{"error": …}`: its own for a Refusal, else one by status."""
    if isinstance(error, Refusal):
        return error.error
    return _ERROR_WORDS.get(error.code or 500, "error")


def json_answer(document: Any, status: int = 200) -> Response:
    """Aware times end in `Z`."""
    body = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    return Response(body, status, content_type="application/json", headers=_NO_STORE)


_NO_STORE = (("Cache-Control", "no-store"),)


def plain_text(text: str) -> Response:
    """Text to be read or copied, never taken for anything else; no cache keeps it."""
    return Response(text, content_type="text/plain; charset=utf-8", headers=_NO_STORE)


def attachment(body: bytes, name: str) -> Response:
    """Bytes from outside, as a file to be saved. `name` is made of letters, digits and `-._`."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(body, content_type="text/plain; charset=utf-8", headers=headers)


def error_answer(error: HTTPException) -> Response:
    """`{"error", "detail"}`, with the headers the error brings (Allow, Retry-After, WWW-Authenticate)."""
    answer = json_answer({"error": error_word(error), "detail": error.description or ""}, error.code or 500)
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            answer.headers[name] = value
    return answer


def secured(application: WSGIApplication) -> WSGIApplication:
    """`application` with the security headers on whatever it answers; at the WSGI layer that costs next to nothing."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, headers + _SECURITY_HEADERS, *exc_info)

        return application(environ, start)

    return answer
