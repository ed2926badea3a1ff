"""`enricher sumo connection`, `monitor`, `scheduled-search`, `terraform`, `kit`, `roles` and `apply`: what is put into Sumo Logic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, cast

import click
from rich.text import Text

from enricher.cli.look import console, listing, print_json, say
from enricher.cli.sumo_print import raw, write_files
from enricher.core.kit.forms import Form
from enricher.core.kit.rest import Body, bodies, scheduled_bodies
from enricher.core.kit.roles import CAPABILITIES
from enricher.core.kit.terraform import terraform
from enricher.errors import ConfigurationError
from enricher.settings import Settings
from enricher.sumo.library import Change
from enricher.wiring.install import problems_of, put, token_of
from enricher.wiring.kit import Kit, own_kit

CONNECTION = frozenset({"connection"})
MONITORS = frozenset({"connection", "folder", "monitor"})
SEARCHES = frozenset({"connection", "search"})
_STYLES = {"create": "green", "update": "yellow", "unchanged": "dim"}


class Where(NamedTuple):
    """What may be said beside the settings: another form, another address, and whose token of several."""

    form: str | None
    url: str | None
    source: str | None


def show(where: Where, kinds: frozenset[str], *, name: str | None = None, as_json: bool) -> None:
    """Print the bodies of these kinds as the API takes them, of the last kind alone; no secret is in them."""
    _settings, kit = _kit(where)
    wanted = [one for one in bodies(kit.objects) if one.kind in kinds]
    _show([one for one in wanted if one.kind == wanted[-1].kind], name, as_json=as_json)


def show_scheduled(where: Where, *, name: str | None, as_json: bool) -> None:
    """Print the scheduled searches that stand for the monitors."""
    _settings, kit = _kit(where)
    _show([*scheduled_bodies(kit.objects)], name, as_json=as_json)


def show_payload(*, recovery: bool) -> None:
    """Print a payload template as it is to be pasted."""
    _settings, kit = own_kit()
    raw((kit.payloads.recovery if recovery else kit.payloads.alert).rstrip("\n"))


def _show(wanted: Sequence[Body], name: str | None, *, as_json: bool) -> None:
    bodies = [one.body for one in wanted if name in {None, one.name}]
    if not bodies:
        raise click.UsageError(f"none of that name; there are: {', '.join(one.name for one in wanted)}")
    print_json(bodies if as_json or len(bodies) > 1 else bodies[0])


def apply(where: Where, kinds: frozenset[str] | None, *, cases: bool = False, dry: bool, as_json: bool) -> None:
    """Put it there, or say what that would take; with `cases` also what they need. Raises ConfigurationError, LibraryError."""
    settings, kit = _kit(where)
    problems = problems_of(where.url or settings.base_url)
    if problems:
        raise ConfigurationError(problems)
    token = token_of(settings, where.source)
    wanted = [one for one in _bodies(kit, token, cases=cases) if kinds is None or one.kind in kinds]
    _do(settings, wanted, dry=dry, token=token, as_json=as_json)


def _bodies(kit: Kit, token: str, *, cases: bool) -> list[Body]:
    try:
        return list(bodies(kit.objects, token, cases=cases))
    except ValueError as error:
        raise ConfigurationError([f"ENRICHER_WEBHOOK_TOKENS: {error}"]) from None


def _do(settings: Settings, wanted: Sequence[Body], *, dry: bool, token: str, as_json: bool) -> None:
    done: list[Change] = []
    try:
        done.extend(put(settings, wanted, dry=dry, token=token))
    finally:  # what was done before an error is told too
        _tell(done, dry=dry, as_json=as_json)


def _tell(done: Sequence[Change], *, dry: bool, as_json: bool) -> None:
    if as_json:
        changes = [{"kind": one.kind, "name": one.name, "action": one.action, "keys": list(one.keys)} for one in done]
        print_json({"applied": not dry, "changes": changes})
        return
    rows = [
        (one.kind, one.name, Text(one.action, _STYLES[one.action]), ", ".join(one.keys) if one.action == "update" else "")
        for one in done
    ]
    listing(console(), ("what", "name", "action", "what differs"), rows)
    if dry and any(one.action != "unchanged" for one in done):
        say("nothing was written: --apply does it")


def _kit(where: Where) -> tuple[Settings, Kit]:
    settings, kit = own_kit(where.url)
    return settings, kit.of_form(cast("Form", where.form or kit.form))


def show_terraform(form: str | None, url: str | None, *, out: Path | None, as_json: bool) -> None:
    """Print the files one after another, or write them."""
    _settings, kit = _kit(Where(form, url, None))
    files = terraform(kit.objects)
    if out is not None:
        write_files(out, files)
    elif as_json:
        print_json([{"name": name, "text": text} for name, text in files.items()])
    else:
        raw("\n".join(f"# --- {name}\n{text}" for name, text in files.items()).rstrip("\n"))


def write_kit(form: str | None, url: str | None, *, out: Path) -> None:
    """Write every file of the kit."""
    _settings, kit = _kit(Where(form, url, None))
    write_files(out, {one.name: one.text for one in kit.files})


def roles(*, as_json: bool) -> None:
    """Print who needs which capabilities."""
    if as_json:
        print_json([asdict(one) for one in CAPABILITIES])
        return
    who = {"installs": "who installs", "service": "the service's key"}
    rows = [(who[one.who], one.name, one.value, one.part, one.why) for one in CAPABILITIES]
    listing(console(), ("who", "capability", "in the API", "part", "why"), rows)
