"""For machines that watch this one: `/healthz`, `/readyz`, `/metrics`, `/openapi.json`."""

from __future__ import annotations

import orjson
from flask import Flask, Response

from enricher.errors import StoreUnavailable
from enricher.web.answers import json_answer
from enricher.web.openapi import openapi_document
from enricher.web.services import Services


def add_ops(app: Flask, services: Services) -> None:
    """Route them; none needs a token, and none shows what is in a case."""
    openapi = orjson.dumps(openapi_document())

    def healthz() -> Response:
        return json_answer({"status": "ok"})

    def readyz() -> Response:
        """Ready means: what is sent now can be stored. Bad content is named, and does not make us unready."""
        problems = list(services.content_problems())
        try:
            services.reader.ready()
        except StoreUnavailable as error:
            return json_answer({"status": "unavailable", "detail": error.detail, "problems": problems}, 503)
        return json_answer({"status": "ready", "problems": problems})

    def metrics() -> Response:
        body, content_type = services.metrics()
        return Response(body, content_type=content_type)

    def openapi_json() -> Response:
        return Response(openapi, content_type="application/json")

    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/readyz", view_func=readyz)
    app.add_url_rule("/metrics", view_func=metrics)
    app.add_url_rule("/openapi.json", view_func=openapi_json)
