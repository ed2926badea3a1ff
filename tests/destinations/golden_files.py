"""Golden files: what a person or another system reads, kept in the repository. `ENRICHER_GOLDEN=update` writes them anew."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"


def check(name: str, body: dict[str, Any]) -> None:
    file = FOLDER / f"{name}.json"
    text = json.dumps(body, ensure_ascii=False, indent=1) + "\n"
    if os.environ.get("ENRICHER_GOLDEN") == "update":
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text, (
        f"{file.name} differs; look at it, then run again with ENRICHER_GOLDEN=update"
    )
