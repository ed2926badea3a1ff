"""The web layer: Sumo's webhook, the API, the probes and the console, as one Flask application."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from enricher.errors import StoreUnavailable
from enricher.web.answers import Refusal, error_answer, secured
from enricher.web.api import api
from enricher.web.doors import Doors
from enricher.web.feedback import add_feedback
from enricher.web.ops import add_ops
from enricher.web.pages import console, error_page, set_up_templates
from enricher.web.services import Services, WebSettings
from enricher.web.slack import add_slack
from enricher.web.webhook import add_webhook

__all__ = ["Services", "WebSettings", "create_app"]

_FOR_PROGRAMS = ("/api/", "/webhooks/", "/healthz", "/readyz", "/metrics", "/openapi.json")
_ERROR = 400


def create_app(services: Services) -> Flask:
    """The application, to be called once in each process that serves. Raises ConfigurationError for an empty token."""
    app = Flask(__name__)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.config["MAX_CONTENT_LENGTH"] = services.settings.max_body
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    set_up_templates(app)
    doors = Doors(services.settings)
    add_webhook(app, services)
    add_feedback(app, services)
    add_slack(app, services)
    add_ops(app, services)
    app.register_blueprint(api(services, doors))
    app.register_blueprint(console(services, doors))
    app.register_error_handler(HTTPException, _answer)
    app.register_error_handler(StoreUnavailable, _unavailable)

    app.wsgi_app = secured(app.wsgi_app)  # type: ignore[method-assign, assignment]  # Flask's own way to wrap an application
    return app


def _answer(error: HTTPException) -> Response | HTTPException:
    """A page for a browser on the console, JSON for everybody else; a redirect as it is."""
    if (error.code or 500) < _ERROR:
        return error
    is_page = not request.path.startswith(_FOR_PROGRAMS) and "text/html" in request.headers.get("Accept", "")
    return error_page(error) if is_page else error_answer(error)


def _unavailable(error: StoreUnavailable) -> Response | HTTPException:
    """Nothing was stored; the process stays up and says when to come back."""
    return _answer(Refusal(503, "unavailable", error.detail, Retry_After=str(error.retry_after)))
