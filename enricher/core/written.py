"""What a file writes as a list or a mapping, read from the text of a variable. Values of a file pass as they are."""

from __future__ import annotations

import json


def as_json(value: object) -> object:
    """JSON. Raises ValueError."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        raise ValueError('should be a JSON object such as {"category": "network"}') from None


def as_json_or_name(value: object) -> object:
    """JSON where it begins like a list or an object, else the text itself. Raises ValueError."""
    return as_json(value) if isinstance(value, str) and value.startswith(("{", "[")) else value


def as_switch(value: object) -> object:
    """`on` or `off`; a file may say true or false. Raises ValueError."""
    named = {"on": True, "off": False}.get(value.strip().lower()) if isinstance(value, str) else value
    if named is None:
        raise ValueError("should be 'on' or 'off'")
    return named


def as_names(value: object) -> object:
    """JSON, or names by comma. Raises ValueError."""
    value = as_json_or_name(value)
    return [name for part in value.split(",") if (name := part.strip())] if isinstance(value, str) else value
