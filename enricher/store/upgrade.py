"""Bring the tables to this version, by Alembic from the packaged migrations; several processes may try at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from enricher.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(conn: Connection) -> None:
    """Run what is missing inside the caller's transaction. Raises ConfigurationError on tables of a newer version."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = conn
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigurationError([f"database: {error}; it was probably upgraded by a newer version of Enricher"]) from error
