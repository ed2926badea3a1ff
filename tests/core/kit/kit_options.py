"""The kit as it is shipped, for the tests of its parts."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from enricher.content import packaged
from enricher.core.kit.installed import installed
from enricher.core.kit.objects import Objects, Options, Payloads
from tests.fakes import packaged_programs

RULES = packaged_programs().rules
TEMPLATES = {
    "alert": "connection-template.json",
    "recovery": "resolution-template.json",
    "search": "scheduled-search-template.json",
    "heartbeat": "heartbeat-template.json",
    "missing": "missing-data-template.json",
}
PAYLOADS = Payloads(**{name: (packaged("config") / "sumo" / file).read_text("utf-8") for name, file in TEMPLATES.items()})
OPTIONS = Options(
    scope="_sourceCategory=*sysmon*",
    form="xml",
    url="https://enricher.example.com/webhooks/sumo",
    payloads=PAYLOADS,
)


@cache
def shipped() -> Objects:
    return installed(RULES, OPTIONS)


def with_options(**more: Any) -> Objects:
    return installed(RULES, replace(OPTIONS, **more))
