"""`enricher tuning draft`: the narrowest rule that covers a case, as YAML for a file of one's own."""

from __future__ import annotations

import sys

import click
import orjson

from enricher.content.families import People, dump
from enricher.core.document import Json
from enricher.core.drafting import Subject, Terms, draft, why_not
from enricher.core.programs import Programs
from enricher.wiring import application, clock, content_directory
from enricher.wiring.drafts import group_sizes, problems_of, subject_of
from enricher.wiring.live import load_content
from enricher.wiring.replay import flow_maker

WELL = 0
REFUSED = 1
_SIGNED = {"owner": "owner", "approver": "approver", "ticket": "TICKET-1"}
"""Stands in for people who are not named yet, so that everything else about the rule is judged all the same."""


def draft_rule(key: str, people: People, *, reason: str | None, days: int, as_json: bool) -> int:
    """Print the rule; returns 1, with the reasons on stderr, where there can be none. Raises ConfigurationError, StoreUnavailable."""
    app = application()
    try:
        programs = load_content(content_directory(app.settings))
        subject = subject_of(app.store, key, programs, flow_maker(app.settings), clock())
        protected = app.store.reader.protected_tenants()
    finally:
        app.store.close()
    if subject is None:
        return _refuse(key, ["there is no such case"], as_json=as_json)
    if reasons := why_not(subject, protected):
        return _refuse(key, reasons, as_json=as_json)
    rule = _rule(subject, people, programs, reason=reason, days=days)
    signed = {name: _SIGNED[name] for name in people.missing}
    if problems := problems_of(rule, subject, programs, signed):
        return _refuse(key, problems, as_json=as_json)
    _print(key, rule, people, as_json=as_json)
    return WELL


def _rule(subject: Subject, people: People, programs: Programs, *, reason: str | None, days: int) -> Json:
    terms = Terms(
        **{name: None if name in people.missing else getattr(people, name) for name in _SIGNED},
        created=clock().date(),
        days=days,
        reason=reason,
        group_sizes=group_sizes(programs.rules.estate),
    )
    return draft(subject, terms)


def _print(key: str, rule: Json, people: People, *, as_json: bool) -> None:
    text = dump([rule])
    if as_json:
        _write({"case": key, "rule": text, "problems": [], "to_fill": people.missing})
        return
    click.echo(text, nl=False)
    if people.missing:
        click.echo(f"fill in {', '.join(people.missing)}: until then it does not load", err=True)


def _refuse(key: str, reasons: list[str], *, as_json: bool) -> int:
    if as_json:
        _write({"case": key, "rule": None, "problems": reasons, "to_fill": []})
    for reason in reasons:
        click.echo(f"{key}: no rule is drafted: {reason}", err=True)
    return REFUSED


def _write(document: Json) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
