"""`enricher user`: local accounts of the console. They stand in ENRICHER_USERS; these commands write no file."""

from __future__ import annotations

from pathlib import Path

import click

from enricher.core.people import Role
from enricher.errors import ConfigurationError

SHORTEST = 12
"""Characters of a password."""


@click.group()
def user() -> None:
    """Accounts of the console, and their sessions."""


@user.command("hash")
@click.argument("name", metavar="NAME")
@click.argument("role", metavar="ROLE", type=click.Choice([role.value for role in Role]))
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Read the password from FILE, its last line break left out, instead of asking.",
)
def make_hash(name: str, role: str, password_file: Path | None) -> None:
    """The line of one account for ENRICHER_USERS; asks for the password twice, and shows it nowhere."""
    from werkzeug.security import generate_password_hash

    from enricher.settings.people import accounts_of
    from enricher.settings.references import text_of

    if password_file is not None:
        password = text_of(str(password_file), "--password-file")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    _check(password)
    line = f"{name}:{role}:{generate_password_hash(password, method='scrypt')}"
    try:
        accounts_of(line)
    except ValueError as error:
        raise ConfigurationError([str(error).replace("entry 1", "the account")]) from None
    click.echo(line)


@user.command("log-out")
@click.argument("name", metavar="NAME")
def log_out(name: str) -> None:
    """End every session of an account, at once: a lost laptop, a stolen cookie. The account stays."""
    from enricher.wiring import application

    app = application()
    try:
        ended = app.store.sessions.end_all(name)
        app.store.operator.note(by="operator", action="logged_out", item_id=name, detail=f"every session: {ended}")
    finally:
        app.store.close()
    click.echo(f"{ended} session{'' if ended == 1 else 's'} of {name} ended")


def _check(password: str) -> None:
    from enricher.web.logins import LONGEST_PASSWORD

    if not SHORTEST <= len(password) <= LONGEST_PASSWORD:
        raise ConfigurationError([f"a password has {SHORTEST} to {LONGEST_PASSWORD:,} characters"])
