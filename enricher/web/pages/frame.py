"""How a page is made: its template, what every template may use, and the page of an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from enricher.core.people import Person, Role
from enricher.core.secrets import mask
from enricher.web import text
from enricher.web.answers import error_word

_FILTERS = ("limit", "severity", "state", "text", "reason", "source", "kind", "destination", "item", "by")


@dataclass(frozen=True, slots=True)
class Section:
    """A link of the main menu: where it leads, what it says, on which pages one is in it, its keys, and who sees it."""

    endpoint: str
    text: str
    pages: tuple[str, ...]
    keys: str | None = None
    role: Role = Role.VIEWER


def _section(text: str, page: str, *more: str, keys: str | None = None, role: Role = Role.VIEWER) -> Section:
    return Section(f"console.{page}", text, tuple(f"console.{one}" for one in (page, *more)), keys, role)


_SECTIONS = (
    _section("Overview", "overview", keys="g o"),
    _section("Cases", "cases", "case", "case_text", keys="g c"),
    _section("Deliveries", "deliveries", keys="g d"),
    _section("Dead letters", "dead_letters", keys="g l"),
    _section("Intake", "intake", "alert", keys="g i"),
    _section("Tuning", "tuning", "rule", "preview", "draft", keys="g t"),
    _section("Drift", "drift"),
    _section("Downloads", "downloads"),
    _section("Audit", "audit", role=Role.ANALYST),
)


def sections() -> list[Section]:
    """The main menu of whoever asks; on a page for nobody in particular, that of a viewer."""
    visitor: Person | None = g.get("person")
    role = visitor.role if visitor else Role.VIEWER
    return [one for one in _SECTIONS if role.may(one.role) and one.endpoint in current_app.view_functions]


def set_up_templates(app: Flask) -> None:
    """Everything printed is escaped and made visible, by construction; a misspelt name is an error."""
    app.jinja_env.finalize = text.visible
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        when=text.when,
        span=text.span,
        number=text.number,
        thousands=text.thousands,
        moment=text.moment,
        defang=text.defang,
        outward=text.outward,
        mask=mask,
    )
    app.jinja_env.globals["sections"] = sections


def page(template: str, **shown: Any) -> Response:
    """A page that no cache keeps: what is in a case is for whoever holds the token."""
    return Response(render_template(template, **shown), mimetype="text/html", headers={"Cache-Control": "no-store"})


def error_page(error: HTTPException) -> Response:
    """A refusal, for a person; with the headers it brings, so that a browser asks for the token."""
    answer = page("error.html", status=error.code, word=error_word(error), detail=error.description)
    answer.status_code = error.code or 500
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            answer.headers[name] = value
    return answer


def page_after(cursor: str | None) -> str:
    """Where the same listing goes on, with the same filters."""
    return page_with(after=cursor)


def page_with(**changed: str | None) -> str:
    """The same listing from its beginning, with other filters: None takes one away."""
    kept = {name: request.args[name] for name in _FILTERS if name not in changed and request.args.get(name)}
    asked: dict[str, Any] = {**changed, **kept}
    return url_for(request.endpoint or "", **asked)
