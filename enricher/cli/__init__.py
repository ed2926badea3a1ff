"""The command line. Each command says what it does in one line; every one that prints data has `--json`."""

from __future__ import annotations

import gc
import sys
from datetime import timedelta
from pathlib import Path

import click

from enricher.cli.completing import SHELLS
from enricher.cli.dead_letters import dead_letters
from enricher.cli.root import Commands
from enricher.cli.span import SPAN
from enricher.cli.sumo import sumo
from enricher.cli.tuning import tuning
from enricher.cli.user import user


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="enricher")
def main() -> None:
    """Enricher: from Sumo Logic's webhook to one graded case with one ticket per destination."""


@main.command()
def serve() -> None:
    """Everything on one machine: migrations, web server and worker, under one supervisor."""
    from enricher.cli.counters import SharedCounters

    gc.disable()  # until all is loaded that stays: `serving` lets it collect then
    with SharedCounters():
        from enricher.cli.serving import serve as run

        sys.exit(run())


@main.command()
def web() -> None:
    """The web half only: webhook, API, console."""
    from enricher.cli.counters import SharedCounters

    gc.disable()
    with SharedCounters():
        from enricher.cli.serving import web as run

        sys.exit(run())


@main.command()
def work() -> None:
    """The worker half only: investigate alerts, deliver cases."""
    gc.disable()
    from enricher.cli.serving import work as run

    sys.exit(run())


@main.command()
@click.argument("source", metavar="FILE|DIR|-")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON document instead of a page.")
@click.option("--lookups", is_flag=True, help="Ask DNS and RDAP too; offline without it.")
@click.option("--render", type=click.Choice(["jira", "servicenow", "slack"]), help="Print the body a ticket would get.")
def explain(source: str, *, as_json: bool, lookups: bool, render: str | None) -> None:
    """Any accepted payload, or Sysmon events, through the flow: a readable case with its ledger. Nothing is stored or sent."""
    from enricher.cli.explain import explain as run

    sys.exit(run(source, as_json=as_json, use_lookups=lookups, render_for=render))


@main.command("check-config")
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--json", "as_json", is_flag=True)
@click.option("--live", is_flag=True, help="Also ask each destination whether its credentials work.")
def check_config(directory: Path | None, *, as_json: bool, live: bool) -> None:
    """Every file of config/, every rule's tests, the settings: `file:line: message`; exit 1 on any."""
    from enricher.cli.checking import check_config as run

    sys.exit(run(directory, as_json=as_json, live=live))


@main.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """The script by which a shell completes commands, options, rules, families and cases: load it in its start-up file."""
    from enricher.cli.completing import script

    click.echo(script(shell, main))


@main.command()
@click.option("--exit", "leave", is_flag=True, help="End after the table instead of staying up.")
@click.option("--port", default=8080, show_default=True, help="Port of the console; the stand-ins take free ones.")
@click.option(
    "--first-hour", is_flag=True, help="Instead, the nine steps of docs/first-hour.md with a stand-in Sumo Logic."
)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def demo(*, leave: bool, port: int, first_hour: bool, as_json: bool) -> None:
    """The service and stand-in Jira, ServiceNow, Slack, DNS and RDAP on loopback; plays the corpus; prints a table."""
    from enricher.demo import play
    from enricher.demo.first_hour import rehearse

    if first_hour:
        sys.exit(rehearse(port=port, as_json=as_json))
    sys.exit(play(stay=not leave, port=port, as_json=as_json))


@main.group()
def db() -> None:
    """The database: its tables, and what is old in them."""


@db.command()
def upgrade() -> None:
    """Make the tables or bring them up to date. Safe to run twice, and from two places at once."""
    from enricher.wiring import application

    app = application()
    app.store.upgrade()
    app.store.close()
    click.echo("the database is up to date")


@db.command()
@click.option("--before", "days", required=True, type=click.IntRange(min=1), metavar="DAYS", help="Keep this many days.")
@click.option("--json", "as_json", is_flag=True)
def purge(days: int, *, as_json: bool) -> None:
    """Forget what was finished more than DAYS days ago; open work and dead letters stay."""
    from enricher.cli.checking import purge as run

    run(days, as_json=as_json)


@main.command()
@click.option(
    "--max-age", default=30, show_default=True, type=click.IntRange(min=0), metavar="DAYS", help="Older is a fault."
)
@click.option("--json", "as_json", is_flag=True)
def ranges(max_age: int, *, as_json: bool) -> None:
    """The files of published address ranges and how old they are; exit 1 if one is too old or cannot be read."""
    from enricher.cli.ranges import ranges as run

    sys.exit(run(max_age, as_json=as_json))


@main.command()
@click.option("--json", "as_json", is_flag=True)
def balance(*, as_json: bool) -> None:
    """Every body and every row accepted, against what came of them; exit 1 if anything is unaccounted for."""
    from enricher.cli.balance import balance as run

    sys.exit(run(as_json=as_json))


@main.command()
@click.option("--url", metavar="URL", help="Where the service takes webhooks, instead of on this machine.")
@click.option("--direct", is_flag=True, help="Past the webhook, into the inbox.")
@click.option("--timeout", "timeout_s", default=60.0, show_default=True, type=click.FloatRange(min=0), metavar="SECONDS")
@click.option("--json", "as_json", is_flag=True)
def canary(url: str | None, *, direct: bool, timeout_s: float, as_json: bool) -> None:
    """A marked alert through the whole service: what it proves, destination by destination. Opens no ticket."""
    from enricher.cli.canary import canary as run

    if url and direct:
        raise click.UsageError("say --url or --direct")
    sys.exit(run(url, direct=direct, timeout_s=timeout_s, as_json=as_json))


@main.command()
@click.option("--days", default=30, show_default=True, type=click.IntRange(min=1, max=365), help="How far back.")
@click.option("--json", "as_json", is_flag=True)
def drift(days: int, *, as_json: bool) -> None:
    """Where Sumo Logic's own columns say something else than we do, by day and reason, and which query is deployed."""
    from enricher.cli.drift import drift as run

    run(days, as_json=as_json)


main.add_command(tuning)
main.add_command(user)
main.add_command(sumo)
main.add_command(dead_letters)


@main.group()
def quarantine() -> None:
    """Alerts that could not be read."""


@quarantine.command("list")
@click.option("--reason", metavar="WORD", help="Only those whose reason begins with this word: not_json, bad_rows …")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1, max=10_000))
@click.option("--json", "as_json", is_flag=True)
def quarantine_list(reason: str | None, limit: int, *, as_json: bool) -> None:
    """What lies there, newest first."""
    from enricher.cli.quarantine import show_list

    show_list(reason=reason, limit=limit, as_json=as_json)


@quarantine.command("show")
@click.argument("alert_id", metavar="ID")
@click.option("--body", is_flag=True, help="Print its bytes as they came instead: into a file, not onto a terminal.")
@click.option("--json", "as_json", is_flag=True)
def quarantine_show(alert_id: str, *, body: bool, as_json: bool) -> None:
    """One of them, with its reason."""
    from enricher.cli.quarantine import show_one

    sys.exit(show_one(alert_id, as_json=as_json, body=body))


@quarantine.command("retry")
@click.argument("ids", metavar="ID", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that lie there, or all of one --reason.")
@click.option("--reason", metavar="WORD")
@click.option("--json", "as_json", is_flag=True)
def quarantine_retry(ids: tuple[str, ...], *, everything: bool, reason: str | None, as_json: bool) -> None:
    """Hand them to the worker again; what still cannot be read comes back with its new reason."""
    from enricher.cli.quarantine import retry

    if bool(ids) == everything:
        raise click.UsageError("name the IDs, or say --all")
    sys.exit(retry(ids, everything=everything, reason=reason, as_json=as_json))


@main.command()
@click.option("--since", default="30d", show_default=True, type=SPAN, help="Hours, days or weeks: 36h, 30d, 4w.")
@click.option(
    "--config",
    "directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Judge by this folder; without it by the one in force.",
)
@click.option("--fail-on-change", is_flag=True, help="Exit 1 if anything is otherwise.")
@click.option("--ignore-dates", is_flag=True, help="Tuning rules count as in force throughout, whatever their dates.")
@click.option("--json", "as_json", is_flag=True)
def replay(since: timedelta, directory: Path | None, *, fail_on_change: bool, ignore_dates: bool, as_json: bool) -> None:
    """Stored payloads through another configuration or version: which cases change. Sends nothing, changes nothing."""
    from enricher.cli.replay import replay as run

    sys.exit(run(since, directory, fail_on_change=fail_on_change, ignore_dates=ignore_dates, as_json=as_json))


@main.group()
def beacon() -> None:
    """How regular contacts are, and how often that is judged wrongly."""


@beacon.command("score")
@click.argument("source", metavar="FILE|-", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--json", "as_json", is_flag=True)
def beacon_score(source: str, *, as_json: bool) -> None:
    """The class and RITA's scores of the times in a file, one a line, ISO or epoch; after a tab the bytes sent, if known."""
    from enricher.cli.beacon import score

    sys.exit(score(source, as_json=as_json))


@beacon.command("simulate")
@click.option("--runs", default=1000, show_default=True, type=click.IntRange(min=1), help="Series for each cell.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same figures.")
@click.option("--json", "as_json", is_flag=True)
def beacon_simulate(runs: int, seed: int, *, as_json: bool) -> None:
    """How often random traffic is called a timer, and how often a timer is found; exit 1 if a class is wrong in over 1 of 100."""
    from enricher.cli.beacon import simulate

    sys.exit(simulate(runs=runs, seed=seed, as_json=as_json))
