"""For machines that watch this one: `/healthz`, `/readyz`, `/metrics`, `/openapi.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import orjson
from flask import Flask, Response

from enricher.core.canary import Standing
from enricher.core.document import Json
from enricher.core.silence import Silence
from enricher.errors import StoreUnavailable
from enricher.ports import Condition
from enricher.web.answers import json_answer
from enricher.web.openapi import openapi_document
from enricher.web.services import Services


def condition_json(told: Condition, canaries: Sequence[Standing], silences: Sequence[Silence]) -> Json:
    """What anybody may know: counts, names of destinations and sources, and fixed words, nothing of what a service answered."""
    return {
        "inbox": told.alerts_waiting,
        "dead_letters": {"alert": told.dead_alerts, "delivery": told.dead_deliveries},
        "destinations": [asdict(one) for one in told.destinations],
        "canary": [{"destination": one.destination, "state": one.state, "proved_at": one.proved_at} for one in canaries],
        "silent": [_silent(name, silences) for name in sorted({one.source for one in silences})],
    }


def _silent(source: str, silences: Sequence[Silence]) -> Json:
    its = [one for one in silences if one.source == source]
    return {"source": source, "since": min(one.since for one in its), "what": sorted({one.what for one in its})}


def add_ops(app: Flask, services: Services) -> None:
    """Route them; none needs a token, and none shows what is in a case."""
    openapi = orjson.dumps(openapi_document())

    def healthz() -> Response:
        return json_answer({"status": "ok"})

    def readyz() -> Response:
        """Ready means: what is sent now can be stored, if not at once. Whatever else is amiss is named, and does not make us
        unready: a service that is taken out for it would be of no use to anybody.
        """
        problems = list(services.content_problems())
        try:
            services.reader.ready()
            told = condition_json(services.reader.condition(), services.canaries(), services.silences())
        except StoreUnavailable as error:
            return json_answer({"status": "unavailable", "detail": error.detail, "problems": problems}, 503)
        busy = services.pressure.mark()
        return json_answer({"status": "ready", "problems": problems, "busy": busy, **told})

    def metrics() -> Response:
        body, content_type = services.metrics()
        return Response(body, content_type=content_type)

    def openapi_json() -> Response:
        return Response(openapi, content_type="application/json")

    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/readyz", view_func=readyz)
    app.add_url_rule("/metrics", view_func=metrics)
    app.add_url_rule("/openapi.json", view_func=openapi_json)
