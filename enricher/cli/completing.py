"""`enricher completion`, and what a shell is told of rules, families, cases and dead letters. It makes no database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

from enricher.errors import EnricherError

PROGRAM = "enricher"
VARIABLE = "_ENRICHER_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
MOST = 200

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]


def script(shell: str, main: click.Command) -> str:
    """The script that makes `shell` ask the program itself."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"there is no completion for {shell!r}")
    return found(main, {}, PROGRAM, VARIABLE).source()


def _of(known: Callable[[str], Iterable[tuple[str, str]]]) -> Complete:
    """Those words that begin so. What cannot be read completes nothing: a shell's prompt is no place for errors."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        try:
            found = [(word, about) for word, about in known(incomplete) if word.startswith(incomplete)]
        except (EnricherError, OSError):
            return []
        return [CompletionItem(word, help=about) for word, about in found[:MOST] if word.isprintable()]

    return complete


def _rules(_incomplete: str) -> Iterable[tuple[str, str]]:
    from enricher.wiring import configured, content_directory
    from enricher.wiring.live import load_content

    rules = load_content(content_directory(configured())).rules.tuning
    return [(rule.id, f"{rule.mode}, until {rule.expires}") for rule in rules]


def _families(_incomplete: str) -> Iterable[tuple[str, str]]:
    from enricher.content.families import families
    from enricher.wiring import configured, content_directory

    return [(family.name, family.file.about) for family in families(content_directory(configured())).values()]


def _cases(_incomplete: str) -> Iterable[tuple[str, str]]:
    """The newest."""
    from enricher.wiring import application, configured

    settings = configured()
    url = settings.database_url.get_secret_value()
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return []
    with closing(application(settings).store) as store:
        return [(record.key, record.document["severity"]) for record in store.reader.cases(limit=MOST).items]


RULES = _of(_rules)
FAMILIES = _of(_families)
CASES = _of(_cases)
