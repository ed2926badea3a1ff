"""The console: pages for people, made on the server, readable without JavaScript."""

from __future__ import annotations

from http.client import UNAUTHORIZED

from flask import Blueprint, request
from werkzeug.wrappers import Response as BaseResponse

from enricher.web.answers import Refusal
from enricher.web.asking import Askers
from enricher.web.doors import Doors
from enricher.web.forms import FormTokens
from enricher.web.pages.audit import add_audit
from enricher.web.pages.case import add_case
from enricher.web.pages.cases import add_cases
from enricher.web.pages.doing import add_actions, add_giving_up
from enricher.web.pages.downloads import add_downloads
from enricher.web.pages.frame import error_page, page_after, page_with, set_up_templates
from enricher.web.pages.judging import add_judging
from enricher.web.pages.lists import add_lists
from enricher.web.pages.login import LOGIN, LogIn, add_login, check_form, is_browser, logins_of, to_login
from enricher.web.pages.overview import add_overview
from enricher.web.pages.tuning import add_tuning
from enricher.web.pages.work import add_work
from enricher.web.people import anybody, bound, may
from enricher.web.services import Services

__all__ = ["console", "error_page", "set_up_templates"]


def console(services: Services, doors: Doors) -> Blueprint:
    """The pages. Each says what role it needs; every form has a token of its own besides."""
    pages = Blueprint("console", __name__)
    forms = FormTokens(services.settings.signing_key)
    logins = logins_of(services)
    askers = Askers(services.settings, doors, logins)
    pages.app_template_global("form_token")(lambda endpoint, *names: forms.make(" ".join([endpoint, *names]), bound()))
    pages.app_template_global("page_after")(page_after)
    pages.app_template_global("page_with")(page_with)
    pages.app_template_global("person")(anybody)
    pages.app_template_global("may")(may)
    add_login(pages, services, LogIn(forms, logins, askers))
    add_audit(pages, services)
    add_overview(pages, services)
    add_cases(pages, services)
    add_case(pages, services)
    add_lists(pages, services)
    add_judging(pages, services)
    add_tuning(pages, services)
    add_downloads(pages, services)
    add_giving_up(pages, services)
    add_actions(pages, services)
    add_work(pages, services)

    @pages.before_request
    def check() -> BaseResponse | None:
        if request.endpoint == LOGIN:
            return None
        try:
            askers.meet(request)
        except Refusal as refusal:
            if refusal.code == UNAUTHORIZED and logins and is_browser():
                return to_login()
            raise
        if request.method == "POST":
            action = " ".join([request.endpoint or "", *(request.view_args or {}).values()])
            check_form(forms, action, bound())
        return None

    return pages
