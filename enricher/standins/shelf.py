"""Where a stand-in keeps its records: in memory and, where a folder is given, in one JSON file a record.

The folder outlives the stand-in's process. It is not made to outlive the machine: nothing is flushed to disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

Json = dict[str, Any]


class Shelf:
    """Records by key, in the order in which they came. A record that was changed is kept by putting it again."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._records: dict[str, Json] = {}
        self._positions: dict[str, int] = {}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            for saved in sorted(
                (orjson.loads(path.read_bytes()) for path in folder.glob("*.json")), key=lambda one: one["n"]
            ):
                self._records[saved["key"]] = saved["record"]
                self._positions[saved["key"]] = saved["n"]

    def __iter__(self) -> Iterator[Json]:
        return iter(list(self._records.values()))

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str) -> Json | None:
        return self._records.get(key)

    def put(self, key: str, record: Json) -> None:
        """Keep it; a reader of the folder sees the old or the new one, never a part."""
        self._records[key] = record
        position = self._positions.setdefault(key, len(self._positions))
        if self._folder:
            path = self._folder / f"{quote(key, safe='')}.json"
            part = path.with_suffix(".part")
            part.write_bytes(orjson.dumps({"n": position, "key": key, "record": record}))
            part.replace(path)

    def remove(self, key: str) -> None:
        """Forget it; its place in the order is not given away."""
        self._records.pop(key, None)
        if self._folder:
            (self._folder / f"{quote(key, safe='')}.json").unlink(missing_ok=True)
