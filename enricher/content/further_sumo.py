"""Entries of `further` that lead back into Sumo Logic."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from enricher.content.models import Strict, Text
from enricher.core.kit.searches import CATEGORY

Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,200}$")]
"""What goes into a header: no blank, no comma, no line end."""


class FurtherSumo(Strict):
    """An HTTP Source, which takes cases as log lines. The token in its address is a secret, so that the address is one."""

    kind: Literal["sumo"]
    url_env: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]{0,99}$")] | None = None
    url_file: Text | None = None
    category: Header = CATEGORY
    name: Header | None = None
    host: Header | None = None
    fields: bool = False

    @model_validator(mode="after")
    def _address(self) -> FurtherSumo:
        if (self.url_env is None) is (self.url_file is None):
            raise ValueError("should have url_env or url_file" + (", not both" if self.url_env else ""))
        return self


class FurtherInsight(Strict):
    """The Insight of Cloud SIEM that a case came in with. Address and keys are those of the settings.

    `status` is what the Insight is set to when the case is over; without it nothing is ever closed.
    """

    kind: Literal["insight"]
    status: Annotated[str, Field(pattern=r"^[a-z]{1,40}$")] | None = None
