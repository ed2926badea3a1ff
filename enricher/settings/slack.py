"""Who may press the buttons in Slack and whom a severity calls, as the settings write it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from enricher.core.people import Role
from enricher.core.written import as_json
from enricher.model import Severity

SlackUser = Annotated[str, Field(pattern=r"^(?:\*|[UW][A-Z0-9]{2,30})$")]
Mention = Annotated[str, Field(pattern=r"^[SUW][A-Z0-9]{2,30}$")]


def _lists_of(value: object) -> object:
    """JSON in which one name may stand for a list of one. Raises ValueError."""
    found = as_json(value)
    if not isinstance(found, dict):
        return found
    return {role: [users] if isinstance(users, str) else users for role, users in found.items()}


SlackRoles = Annotated[dict[Role, tuple[SlackUser, ...]] | None, NoDecode, BeforeValidator(_lists_of)]
"""Slack's user ids by role; `*` is everybody in the workspace."""
Mentions = Annotated[dict[Severity, Mention] | None, NoDecode, BeforeValidator(as_json)]
"""A user group (`S…`) or a person (`U…`) by severity."""
Team = Annotated[str, Field(pattern=r"^[TE][A-Z0-9]{2,30}$")]
App = Annotated[str, Field(pattern=r"^A[A-Z0-9]{2,30}$")]
