"""What stands elsewhere: the text of a file that a variable names, and a secret that `destinations.yml` only points to."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import SecretStr

from enricher.errors import ConfigurationError

LONGEST_FILE = 64 * 1024
"""Bytes of a `…_FILE`; a secret is never longer."""


def text_of(name: str, variable: str) -> str:
    """The text of the file `name`, its last line break left out. Raises ConfigurationError, which says that `variable` is wrong."""
    try:
        with Path(name).open("rb") as file:
            content = file.read(LONGEST_FILE + 1)
        text = content.decode()
    except OSError as error:
        raise ConfigurationError([f"{variable}: {name} cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{variable}: {name} is not UTF-8 text"]) from error
    if len(content) > LONGEST_FILE:
        raise ConfigurationError([f"{variable}: {name} is longer than {LONGEST_FILE} bytes"])
    return text.removesuffix("\n").removesuffix("\r")


def secret_at(where: str, *, variable: str | None = None, file: str | None = None) -> SecretStr:
    """The secret in a variable of the environment, or in a file. Raises ConfigurationError, which says that `where` is wrong."""
    text = text_of(file, where) if file else os.environ.get(variable or "", "")
    if not text:
        raise ConfigurationError([f"{where}: {file or variable} is empty or not set"])
    return SecretStr(text)
