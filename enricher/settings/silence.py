"""How often each source is to be heard, as the settings write it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from enricher.core.written import as_json

EVERY_SOURCE = "*"
SourceName = Annotated[str, Field(pattern=r"^(?:\*|[A-Za-z0-9_.-]{1,64})$")]
Minutes = Annotated[float, Field(ge=1, le=10_080, allow_inf_nan=False)]


def _by_source(value: object) -> object:
    """One number stands for every source. Raises ValueError."""
    found = as_json(value)
    return {EVERY_SOURCE: found} if isinstance(found, (int, float)) and not isinstance(found, bool) else found


SilentMinutes = Annotated[dict[SourceName, Minutes] | None, NoDecode, BeforeValidator(_by_source)]
"""Minutes by source; `*` is each that has a webhook token."""
