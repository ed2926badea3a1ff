"""What stands around the kit's resources in Terraform: the provider, variables, outputs.

The provider takes its own keys from the environment (SUMOLOGIC_ACCESSID, SUMOLOGIC_ACCESSKEY, SUMOLOGIC_ENVIRONMENT), so that no file
holds them. Source: the provider's page of its index, "Authentication".
"""

from __future__ import annotations

from collections.abc import Iterator

from enricher.core.kit.hcl import Block, Raw, Value

PROVIDER = "SumoLogic/sumologic"
VERSION = "~> 3.1"
"""Before 3.0.8 the payload of a search was not sent, before 3.0.5 there was no `frequency` of a monitor."""

_SWITCHES = {
    "monitors": (True, "The detection as monitors, which end their alerts."),
    "scheduled_searches": (False, "The detection as scheduled searches, in place of the monitors."),
    "cases": (False, "A hosted collector, its HTTP Source, the fields and a dashboard for the cases that are sent back."),
    "cloud_siem": (False, "Match rules for Cloud SIEM."),
    "cloud_siem_prototype": (True, "Signals of the match rules count for no Insight as long as they are prototypes."),
}


def providers() -> Iterator[Block]:
    """Which provider, and that nothing about it is said here."""
    provider = Block("required_providers", (), {"sumologic": {"source": PROVIDER, "version": VERSION}})
    yield Block("terraform", (), {"required_version": ">= 1.3"}, (provider,))
    yield Block("provider", ("sumologic",))


def variables(url: str, category: str) -> Iterator[Block]:
    """Where the service is, its token, and the switches. An address that only stands for one is no default."""
    yield _variable(
        "enricher_url",
        "Where Sumo Logic reaches Enricher's webhook, by port 443: https://HOST/webhooks/sumo",
        default=None if is_example(url) else url,
        holds='can(regex("^https?://", var.enricher_url))',
        says="The address begins with https://.",
    )
    yield _variable(
        "enricher_token",
        "The secret of the source in ENRICHER_WEBHOOK_TOKENS. Set it by TF_VAR_enricher_token, not in a file.",
        sensitive=True,
        holds='can(regex("^[^,\\\\s]+$", var.enricher_token))',
        says="A header of a connection holds no comma and no blank.",
    )
    yield _variable(
        "cases_category",
        "The source category of cases that are sent back. It must lie outside the scope of the searches.",
        default=category,
    )
    for name, (default, says) in _SWITCHES.items():
        yield Block("variable", (name,), {"description": says, "type": Raw("bool"), "default": default})


def is_example(url: str) -> bool:
    """Whether its host is one of those that are reserved for examples (RFC 2606): nobody is to send a token there."""
    host = url.partition("://")[2].partition("/")[0].partition(":")[0].lower()
    return f".{host}".endswith((".example.com", ".example.org", ".example.net", ".example", ".invalid"))


def _variable(
    name: str, about: str, *, default: str | None = None, sensitive: bool = False, holds: str = "", says: str = ""
) -> Block:
    attributes: dict[str, Value] = {"description": about, "type": Raw("string")}
    if default is not None:
        attributes["default"] = default
    if sensitive:
        attributes["sensitive"] = True
    checks = (Block("validation", (), {"condition": Raw(holds), "error_message": says}),) if holds else ()
    return Block("variable", (name,), attributes, checks)


def outputs() -> Iterator[Block]:
    """What is needed afterwards. The address of the HTTP Source is a secret: its end is the token."""
    yield Block("output", ("connection_id",), {"value": Raw("sumologic_connection.enricher.id")})
    yield Block(
        "output",
        ("cases_url",),
        {"value": Raw("one(sumologic_http_source.cases[*].url)"), "sensitive": True},
    )
