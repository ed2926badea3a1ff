"""`enricher tuning draft`: the narrowest rule that covers a case, as YAML for a file of one's own."""

from __future__ import annotations

from collections.abc import Sequence

import click

from enricher.cli.look import print_json, say
from enricher.content.families import People, dump
from enricher.core.document import Json
from enricher.wiring import application, clock, content_directory
from enricher.wiring.drafts import Wish, drafted
from enricher.wiring.live import load_content
from enricher.wiring.replay import flow_maker

WELL = 0
REFUSED = 1


def draft_rule(key: str, people: People, *, reason: str | None, days: int, as_json: bool) -> int:
    """Print the rule; returns 1, with the reasons on stderr, where there can be none. Raises ConfigurationError, StoreUnavailable."""
    app = application()
    try:
        programs = load_content(content_directory(app.settings))
        wish = Wish(people=people, reason=reason, days=days)
        found = drafted(app.store, key, programs, flow_maker(app.settings), clock(), wish)
    finally:
        app.store.close()
    if found is None:
        return _refuse(key, ["there is no such case"], as_json=as_json)
    if found.rule is None:
        return _refuse(key, found.problems, as_json=as_json)
    _print(key, found.rule, people, as_json=as_json)
    return WELL


def _print(key: str, rule: Json, people: People, *, as_json: bool) -> None:
    text = dump([rule])
    if as_json:
        print_json({"case": key, "rule": text, "problems": [], "to_fill": people.missing})
        return
    click.echo(text, nl=False)
    if people.missing:
        say(f"fill in {', '.join(people.missing)}: until then it does not load", err=True)


def _refuse(key: str, reasons: Sequence[str], *, as_json: bool) -> int:
    if as_json:
        print_json({"case": key, "rule": None, "problems": list(reasons), "to_fill": []})
    for reason in reasons:
        say(f"{key}: no rule is drafted: {reason}", err=True)
    return REFUSED
