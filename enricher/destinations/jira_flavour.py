"""What Jira Cloud and Jira Data Center do differently: where they are asked, and how text and people are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from enricher.core.document import Json
from enricher.destinations import wiki
from enricher.destinations.text import length

MOST_TEXT = 30_000
"""Characters of a description or a comment: Jira refuses 32,767, and Cloud does not say of what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """One kind of Jira. `write` makes of an ADF document what is sent, `size` counts its characters."""

    name: str
    api: str
    search: str
    write: Callable[[Json], Any]
    size: Callable[[Any], int]
    user: str
    """The key under which a person is named."""
    properties: bool
    """Whether what is written may carry entity properties."""


def adf_size(node: Json) -> int:
    """Characters of the document as it travels."""
    return length(orjson.dumps(node).decode())


def _as_it_is(document: Json) -> Json:
    return document


CLOUD = Flavour(
    name="cloud",
    api="/rest/api/3",
    search="/rest/api/3/search/jql",
    write=_as_it_is,
    size=adf_size,
    user="id",
    properties=True,
)
DATA_CENTER = Flavour(
    name="datacenter",
    api="/rest/api/2",
    search="/rest/api/2/search",
    write=wiki.write,
    size=length,
    user="name",
    properties=False,
)
FLAVOURS = {flavour.name: flavour for flavour in (CLOUD, DATA_CENTER)}
