"""The group of all commands: its help by purpose, and our own errors as one line with what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click

from enricher.errors import ConfigurationError, EnricherError, StoreUnavailable

FAILED = 1
LONGEST = 200
"""A command's help is shown whole, over two lines if need be."""

SECTIONS: Mapping[str, Sequence[str]] = {
    "Run it": ("serve", "web", "work", "demo", "db"),
    "Set it up": ("check-config", "user", "ranges", "completion"),
    "Sumo Logic": ("sumo",),
    "Judge": ("explain", "tuning", "replay", "beacon"),
    "Look after it": ("balance", "canary", "drift", "quarantine", "dead-letters"),
}
"""What the help calls the purposes of commands. What is named in none stands under the last heading."""
_OTHERS = "Others"


class Commands(click.Group):
    """Turns our own errors into a message and an exit code; a bug still shows its traceback."""

    def invoke(self, ctx: click.Context) -> object:
        from enricher.cli.look import say

        try:
            return super().invoke(ctx)
        except EnricherError as error:
            for told in _told(error):
                say(told, err=True)
            sys.exit(FAILED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Every command once, under its purpose."""
        left = {name: self.commands[name] for name in self.list_commands(ctx)}
        widest = max(map(len, left))
        sections = {
            heading: [(name, left.pop(name)) for name in names if name in left] for heading, names in SECTIONS.items()
        }
        sections[_OTHERS] = [*left.items()]
        for heading, commands in sections.items():
            if commands:
                with formatter.section(heading):
                    formatter.write_dl([(name.ljust(widest), one.get_short_help_str(LONGEST)) for name, one in commands])


def _told(error: EnricherError) -> Sequence[str]:
    """What went wrong, and what to do about it."""
    if isinstance(error, ConfigurationError):
        return error.problems
    if isinstance(error, StoreUnavailable):
        detail = error.detail.strip().splitlines() or ["no reason given"]
        return [f"the database refuses: {detail[0]} (ENRICHER_DATABASE_URL names it, enricher db upgrade makes its tables)"]
    return [str(error)]
