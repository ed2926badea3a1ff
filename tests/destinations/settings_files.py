"""Destinations as they stand in a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from enricher.content import destinations


def written(folder: Path, text: str) -> dict[str, Any]:
    """What Enricher reads of `destinations.yml`, when it holds this."""
    (folder / "destinations.yml").write_text(text)
    return destinations(folder)
