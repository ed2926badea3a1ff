"""`enricher sumo query`, `sigma`, `seed-diff` and `sysmon-config`: what is only printed, or written into files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, cast

import click
from rich.text import Text

from enricher.cli.look import console, listing, print_json, say
from enricher.core.kit.forms import Form, Query
from enricher.core.kit.seed_diff import seed_diff
from enricher.core.kit.sigma import as_yaml
from enricher.wiring.kit import Kit, own_kit

SIGMA = "serverless-c2.sigma.yml"
SYSMON = "sysmon-serverless.xml"
_STYLES = {"right": "green", "misses": "yellow", "over-matches": "yellow"}


class Choice(NamedTuple):
    """Which searches: in which form, for which platforms, which one of them, and of which sort."""

    form: str | None
    platforms: str | None
    name: str | None
    which: str | None


def show_queries(choice: Choice, *, out: Path | None, as_json: bool) -> None:
    """Print them, each below a comment with its name and length; the one that was asked for alone."""
    _settings, kit = own_kit()
    form = cast("Form", choice.form or kit.form)
    if choice.which and form == "cloud-siem":
        raise click.UsageError("there are no such searches for cloud-siem: name another --form")
    queries = _named(_chosen(kit, form, choice), choice.name)
    if out is not None:
        sort = choice.which if choice.which == "cases" else form
        write_files(out, {f"sumo-{sort}-{one.name}.txt": f"{one.text}\n" for one in queries})
    elif as_json:
        print_json([asdict(one) | {"characters": len(one.text)} for one in queries])
    elif choice.name or choice.which == "hunting":
        raw(queries[0].text)
    else:
        raw("\n\n".join(f"// {one.name} ({len(one.text):,} characters)\n{one.text}" for one in queries))


def _chosen(kit: Kit, form: Form, choice: Choice) -> Sequence[Query]:
    ids = [one.strip() for one in (choice.platforms or "").split(",") if one.strip()]
    match choice.which:
        case "hunting":
            return [Query(name="hunting", form=form, text=kit.hunting(form).rstrip("\n"), platforms=())]
        case "cases":
            return [Query(name=one.name, form=form, text=one.text, platforms=()) for one in kit.cases]
        case "preflight":
            return [kit.preflight(form)]
        case "processes":
            return kit.starts(form, ids)
        case _:
            return kit.searches(form, ids)


def _named(queries: Sequence[Query], name: str | None) -> Sequence[Query]:
    found = [one for one in queries if name in {None, one.name}]
    if not found:
        there = ", ".join(one.name for one in queries) or "none"
        raise click.UsageError(f"no search of that name; there are: {there}")
    return found


def show_sigma(*, out: Path | None, as_json: bool) -> None:
    """Print the rules as YAML, or as a list of JSON."""
    _settings, kit = own_kit()
    if out is not None:
        write_files(out, {SIGMA: as_yaml(kit.sigma)})
    elif as_json:
        print_json(list(kit.sigma))
    else:
        raw(as_yaml(kit.sigma).rstrip("\n"))


def show_seed_diff(*, as_json: bool) -> None:
    """Print the lines with their verdicts."""
    lines = seed_diff()
    if as_json:
        print_json([asdict(one) for one in lines])
        return
    rows = [(one.line, Text(one.verdict, _STYLES.get(one.verdict, "red")), one.wrong, one.instead) for one in lines]
    listing(console(), ("line", "verdict", "what is wrong", "instead"), rows)


def show_sysmon_config(*, out: Path | None) -> None:
    """Print the fragment of XML."""
    _settings, kit = own_kit()
    if out is not None:
        write_files(out, {SYSMON: kit.sysmon})
    else:
        raw(kit.sysmon.rstrip("\n"))


def show_dashboard() -> None:
    """Print the body of the REST call."""
    _settings, kit = own_kit()
    print_json(kit.dashboard)


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files by their names below `folder`, which is made, and say which. Raises click.ClickException where that fails."""
    for name, text in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        except OSError as error:
            raise click.ClickException(f"{path}: {(error.strerror or str(error)).lower()}") from None
        say(path)


def raw(text: str) -> None:
    """Text to be pasted: whole lines, no colour, UTF-8 whatever the terminal."""
    sys.stdout.buffer.write(f"{text}\n".encode())
