"""Column types that behave the same on SQLite and PostgreSQL, and the cleaning of text on its way in.

PostgreSQL takes neither NUL nor half a surrogate pair in text. Both arrive in logs, so every text goes through `clean`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine


def clean(text: str) -> str:
    """Make text storable: no NUL, and U+FFFD for half of a surrogate pair."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def to_json(value: object) -> str:
    """Write JSON. What JSON text cannot hold (half a surrogate pair, an integer beyond 64 bits) is made storable first."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:
        return orjson.dumps(_storable(value), option=orjson.OPT_NON_STR_KEYS).decode()


def _storable(value: object) -> object:
    match value:
        case str():
            return clean(value)
        case bool():
            return value
        case int() if value.bit_length() > 63:  # noqa: PLR2004 - what orjson and most readers take
            return str(value)
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
    return value


class Words(TypeDecorator[str]):
    """Text from anywhere, cleaned. `limit` cuts, in characters, what an index must hold: on storing and on comparing alike.

    `bytewise`: it sorts by its bytes, whatever the database's own order is; SQLite's always does.
    """

    impl = Text
    cache_ok = True

    def __init__(self, limit: int | None = None, *, bytewise: bool = False) -> None:
        super().__init__()
        self.limit, self.bytewise = limit, bytewise

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        in_order = self.bytewise and dialect.name == "postgresql"
        return dialect.type_descriptor(Text(collation="C") if in_order else Text())

    def storable(self, value: str | None) -> str | None:
        """What of a text is kept."""
        return None if value is None else clean(value)[: self.limit]

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return self.storable(value)


class Moment(TypeDecorator[datetime]):
    """An aware instant, UTC. SQLite keeps it as text of fixed width, which sorts as time does."""

    impl = DateTime
    cache_ok = True

    def storable(self, value: datetime, dialect: Dialect) -> Any:
        """What the driver is given of an instant, for statements that SQLAlchemy hands over unseen."""
        process = self.dialect_impl(dialect).bind_processor(dialect)
        return process(value) if process else value

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JsonText(TypeDecorator[Any]):
    """A JSON document, kept as text: read whole, never searched."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - as above
        return None if value is None else to_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 - as above
        return None if value is None else orjson.loads(value)
