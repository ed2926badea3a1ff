"""`enricher tuning list` and `test`: the rules of the configuration, and what the database knows of their use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.text import Text

from enricher.cli.look import console, line, listing, print_json, say
from enricher.core.document import Json
from enricher.core.rules import TuningRule
from enricher.core.tuning_doc import tuning_docs
from enricher.core.uses import RuleUse
from enricher.errors import ConfigurationError, StoreUnavailable
from enricher.settings import Settings
from enricher.wiring import application, clock, configured, content_directory
from enricher.wiring.live import load_content

_COLUMNS = ("rule", "state", "mode", "owner", "does", "scope", "until", "days left", "matches", "last match")
_NUMBERS = frozenset({"days left", "matches"})
_STATES = {"live": "green", "expiring": "yellow", "expired": "red", "unmatched": "red"}


def show_list(*, as_json: bool) -> None:
    """Print every rule of the configuration; where there is no database, without its matches."""
    settings = configured()
    rules = load_content(content_directory(settings)).rules.tuning
    uses = _uses(settings)
    docs = tuning_docs(rules, uses, clock().date())
    if as_json:
        print_json({"database": uses is not None, "rules": docs})
        return
    if docs:
        listing(console(), _COLUMNS, map(_cells, docs), numbers=_NUMBERS)
    else:
        say("no tuning rules")
    if uses is None:
        say("no database: matches are not known")


def _cells(doc: Json) -> Sequence[object]:
    scope = "; ".join(f"{name} {', '.join(values)}" for name, values in doc["scope"].items())
    return (
        doc["id"],
        line(doc["state"], _STATES.get(doc["state"], "")),
        doc["mode"],
        doc["owner"],
        doc["does"],
        scope,
        doc["expires"],
        str(doc["days_left"]),
        "?" if doc["matches"] is None else str(doc["matches"]),
        (doc["last_match"] or "")[:10],
    )


def _uses(settings: Settings) -> Mapping[str, RuleUse] | None:
    """What the database knows of each rule; None where there is none, or none that can be read. None is made."""
    url = settings.database_url.get_secret_value()
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return None
    app = application(settings)
    try:
        return app.store.reader.rule_uses()
    except StoreUnavailable:
        return None
    finally:
        app.store.close()


def test(directory: Path | None, *, as_json: bool) -> int:
    """Load the rules with all their guards, run their tests, ask the corpus; returns 1 on any problem."""
    problems: tuple[str, ...] = ()
    rules: Sequence[TuningRule] = ()
    try:
        folder = directory or content_directory(configured())
        rules = load_content(folder, today=clock().date()).rules.tuning
    except ConfigurationError as error:
        problems = tuple(error.problems)
    if as_json:
        print_json({"rules": len(rules), "problems": list(problems)})
    else:
        for problem in problems:
            say(problem, err=True)
        if not problems:
            _say_sound(rules)
    return 1 if problems else 0


def _say_sound(rules: Sequence[TuningRule]) -> None:
    if rules:
        rows = [(Text("✓", "green"), rule.id, rule.mode, rule.expires, rule.source) for rule in rules]
        listing(console(), ("", "rule", "mode", "until", "where"), rows)
    whose = "1 tuning rule: its" if len(rules) == 1 else f"{len(rules)} tuning rules: their"
    say(f"{whose} tests pass, and no malicious case of the corpus is hidden")
