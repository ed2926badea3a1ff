"""Logging in and out."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from math import ceil
from typing import Final, TypedDict

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response as BaseResponse

from enricher.core.people import Person
from enricher.web.access import is_foreign
from enricher.web.answers import Refusal
from enricher.web.asking import Askers
from enricher.web.forms import FIELD, FormTokens
from enricher.web.logins import Attempt, Logins, Refused
from enricher.web.pages.frame import page
from enricher.web.people import whoami
from enricher.web.services import Services

LOGIN: Final = "console.login"
_BEFORE = "_before"
_BEFORE_LASTS_S = 3_600
_BEFORE_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST_BODY = 16 * 1024
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1999}")
_SAID = {
    Refused.WRONG: (403, "That is not a name and a password of ours."),
    Refused.THROTTLED: (429, "Too many wrong passwords. Wait {wait}, then try again."),
    Refused.BUSY: (429, "Many people are logging in just now. Try again in a moment."),
}


@dataclass(frozen=True, slots=True)
class LogIn:
    """What these pages work with."""

    forms: FormTokens
    logins: Logins
    askers: Askers


def logins_of(services: Services) -> Logins:
    """The log-ins of the accounts in the settings."""
    return Logins(
        services.settings.accounts,
        services.sessions,
        monotonic=services.monotonic,
        lasts=services.settings.session_lasts,
    )


def add_login(pages: Blueprint, services: Services, tools: LogIn) -> None:
    """Route them."""
    logins, askers, operator = tools.logins, tools.askers, services.operator

    @pages.route("/login", methods=["GET", "POST"])
    def login() -> BaseResponse:
        if not logins:
            raise Refusal(404, "no_accounts", "There are no accounts here: ENRICHER_USERS is not set.")
        if request.method == "POST":
            return _log_in(services, tools)
        return _asked(tools, None, "", own_path(request.args.get("next")))

    @pages.post("/logout")
    def logout() -> BaseResponse:
        secret = askers.secret(request)
        if whoami().via != "account" or secret is None:
            return redirect(url_for("console.overview"), 303)
        logins.end(secret, whoami())
        operator.note(by=whoami().signed, action="logged_out", item_id=whoami().name)
        answer = redirect(url_for(LOGIN), 303)
        answer.delete_cookie(askers.cookie(request), **_fenced(tools))
        return answer


def _log_in(services: Services, tools: LogIn) -> BaseResponse:
    """A password was sent. A session that this browser had before is over: nobody knows who has seen its secret."""
    _check_sender(tools)
    operator, peer = services.operator, tools.askers.peer(request)
    name, onward = request.form.get("name", "").strip(), own_path(request.form.get("next"))
    attempt = tools.logins.begin(name, request.form.get("password", ""), peer)
    account = attempt.account
    if attempt.secret is None or account is None:
        if attempt.refused is Refused.WRONG and account is not None:
            operator.note(by="nobody", action="login_refused", item_id=account.name, detail=f"from {peer}")
        return _asked(tools, attempt, name, onward)
    if (before := tools.askers.secret(request)) is not None:
        tools.logins.end(before, None)
    signed = Person(account.name, account.role, "account").signed
    operator.note(by=signed, action="logged_in", item_id=account.name, detail=f"from {peer}")
    return _let_in(tools, attempt.secret, onward, round(services.settings.session_lasts.total_seconds()))


def to_login() -> BaseResponse:
    """On to the form, and from there back to the page that was asked for; not to one that is only ever sent to."""
    onward = iri_to_uri(request.full_path.removesuffix("?")) if request.method == "GET" else "/"
    return redirect(url_for(LOGIN, next=None if own_path(onward) == "/" else onward), 303)


def is_browser() -> bool:
    """Whether a person waits for the answer."""
    return "text/html" in request.headers.get("Accept", "")


def own_path(text: str | None) -> str:
    """`text` where it is the path of a page of ours; else the first page. No other site, however browsers may read it."""
    is_ours = text is not None and _OWN_PATH.fullmatch(text) and not text.startswith(("/login", "/logout"))
    return text if text is not None and is_ours else "/"


def check_form(forms: FormTokens, action: str, bound: str) -> None:
    """Raises Refusal(403) for a form that we did not make for this action and this person."""
    if not forms.fits(action, bound, request.form.get(FIELD, "")):
        raise Refusal(403, "form_out_of_date", "This form is out of date. Go back, load the page again, and repeat.")


def _check_sender(tools: LogIn) -> None:
    """A password is taken from our own form in this very browser: nobody is logged in to an account that is not theirs."""
    request.max_content_length = _MOST_BODY
    if is_foreign(request.environ, own_page=True):
        raise Refusal(403, "cross_site", "This was sent on behalf of another site.")
    before = request.cookies.get(tools.askers.cookie(request) + _BEFORE, "")
    if not _BEFORE_SECRET.fullmatch(before):
        raise Refusal(
            403, "no_cookie", "Your browser sent no cookie back. Allow cookies of this site, load the page again."
        )
    check_form(tools.forms, LOGIN, before)


def _asked(tools: LogIn, attempt: Attempt | None, name: str, onward: str) -> Response:
    """The form; `attempt` is what came of the last time."""
    status, said = _SAID[attempt.refused] if attempt and attempt.refused else (200, None)
    wait = ceil(attempt.wait_s) if attempt else 0
    before = request.cookies.get(tools.askers.cookie(request) + _BEFORE, "")
    if not _BEFORE_SECRET.fullmatch(before):
        before = secrets.token_urlsafe(32)
    token = tools.forms.make(LOGIN, before)
    said = said and said.format(wait=f"{wait} s")
    answer = page("login.html", said=said, name=name[:64], onward=onward, token=token)
    answer.status_code = status
    if wait:
        answer.headers["Retry-After"] = str(wait)
    answer.set_cookie(
        tools.askers.cookie(request) + _BEFORE, before, max_age=_BEFORE_LASTS_S, samesite="Strict", **_fenced(tools)
    )
    return answer


def _let_in(tools: LogIn, secret: str, onward: str, lasts_s: int) -> BaseResponse:
    """Lax, so that a link in a ticket opens its case."""
    answer, cookie = redirect(onward, 303), tools.askers.cookie(request)
    answer.set_cookie(cookie, secret, max_age=lasts_s, samesite="Lax", **_fenced(tools))
    answer.delete_cookie(cookie + _BEFORE, **_fenced(tools))
    return answer


class _Fence(TypedDict):
    secure: bool
    httponly: bool


def _fenced(tools: LogIn) -> _Fence:
    """No script reads the cookie, and no connection without TLS carries it where browsers come by https."""
    return _Fence(secure=tools.askers.is_secure(request), httponly=True)
