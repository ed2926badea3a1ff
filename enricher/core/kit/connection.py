"""The webhook connection, and what every payload template must be before Sumo Logic takes it."""

from __future__ import annotations

from enricher.core.kit.objects import CONNECTION, Connection, Options

HEADER = "Authorization"
SCHEME = "Bearer "
"""Before the token, in the connection's own header: a custom one would lie in the open in Terraform's state."""


def connection(options: Options) -> Connection:
    """The one that all monitors and searches send by. Its payloads are an alert's and a recovery's."""
    return Connection(
        name=CONNECTION,
        description="Alerts for Enricher, which judges the rows again, grades them and keeps one ticket for each case.",
        url=options.url,
        payload=options.payloads.alert,
        resolution=options.payloads.recovery,
    )


def authorization(token: str) -> str:
    """What the header says. Raises ValueError for a token with a comma, a blank or a line break, which would end the header."""
    if not token or any(char == "," or char.isspace() for char in token):
        raise ValueError("a token that no header of a connection can hold")
    return f"{SCHEME}{token}"
