"""`enricher sumo`: what is installed in Sumo Logic, printed, checked and put there."""

from __future__ import annotations

import sys
from pathlib import Path

import click

FORMS = ("xml", "json", "otel", "cloud-siem")
_OUT = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)

form_option = click.option(
    "--form", type=click.Choice(FORMS), help="How the events lie there, instead of ENRICHER_SUMO_FORM."
)
json_option = click.option("--json", "as_json", is_flag=True)


@click.group()
def sumo() -> None:
    """The Sumo Logic side: searches, rules, connection and monitors, generated from the catalog that judges here."""


@sumo.command()
@form_option
@click.option("--platforms", metavar="IDS", help="Only for these platforms of the catalog, by comma.")
@click.option("--name", metavar="NAME", help="Print this one alone, ready to paste.")
@click.option("--processes", "which", flag_value="processes", help="The companion for starts of processes (event 1).")
@click.option("--hunting", "which", flag_value="hunting", help="Searches for a person instead.")
@click.option("--preflight", "which", flag_value="preflight", help="Whether the events arrive at all, from how many hosts.")
@click.option("--cases", "which", flag_value="cases", help="Searches over the cases that were sent back to Sumo Logic.")
@click.option("--out", type=_OUT, metavar="DIR", help="Write one file for each instead.")
@json_option
def query(
    *, form: str | None, platforms: str | None, name: str | None, which: str | None, out: Path | None, as_json: bool
) -> None:
    """The detection as searches of at most 4,000 characters, what a monitor takes; or as match rules of Cloud SIEM."""
    from enricher.cli.sumo_print import Choice, show_queries

    show_queries(Choice(form, platforms, name, which), out=out, as_json=as_json)


@sumo.command()
@click.option("--out", type=_OUT, metavar="DIR", help="Write a file instead.")
@json_option
def sigma(*, out: Path | None, as_json: bool) -> None:
    """The detection as Sigma rules, YAML documents one after another."""
    from enricher.cli.sumo_print import show_sigma

    show_sigma(out=out, as_json=as_json)


@sumo.command("seed-diff")
@json_option
def seed_diff(*, as_json: bool) -> None:
    """The query that this kit replaces, line by line: what is wrong, what stands in its place."""
    from enricher.cli.sumo_print import show_seed_diff

    show_seed_diff(as_json=as_json)


@sumo.command("sysmon-config")
@click.option("--out", type=_OUT, metavar="DIR", help="Write a file instead.")
def sysmon_config(*, out: Path | None) -> None:
    """The part of Sysmon's configuration that logs what the searches read: events 3 and 22 are off by default."""
    from enricher.cli.sumo_print import show_sysmon_config

    show_sysmon_config(out=out)


@sumo.command()
@click.argument("files", metavar="FILE", nargs=-1, required=True, type=_FILE)
@click.option(
    "--query",
    "queries",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="A search whose fields must take no variable's place.",
)
@click.option("--header", "headers", multiple=True, metavar="TEXT", help="A header of the connection, Name: value.")
@click.option("--for", "sender", type=click.Choice(["monitor", "scheduled-search"]), help="Who fills the template.")
@json_option
def lint(
    files: tuple[Path, ...], *, queries: tuple[Path, ...], headers: tuple[str, ...], sender: str | None, as_json: bool
) -> None:
    """Payload templates, alone, in a REST body or in Terraform: `file:line: message`; exit 1 on any error, notes do not count."""
    from enricher.cli.sumo_lint import lint as run

    sys.exit(run(files, queries=queries, headers=headers, sender=sender, as_json=as_json))


@sumo.command()
def dashboard() -> None:
    """The dashboard over the cases that were sent back, as the body of a REST call; Terraform makes the same."""
    from enricher.cli.sumo_print import show_dashboard

    show_dashboard()


# --- what is put there ------------------------------------------------------------------------------------------------

url_option = click.option(
    "--url", metavar="URL", help="Where Sumo Logic reaches this service, instead of ENRICHER_BASE_URL."
)
source_option = click.option(
    "--source", metavar="NAME", help="Whose token of ENRICHER_WEBHOOK_TOKENS the connection shows."
)
apply_option = click.option("--apply", "does", is_flag=True, help="Put it there; without it, only print.")


@sumo.command()
@click.option("--recovery", is_flag=True, help="Print the payload template of recoveries alone.")
@click.option("--payload", is_flag=True, help="Print the payload template of alerts alone.")
@url_option
@source_option
@apply_option
@json_option
def connection(*, recovery: bool, payload: bool, url: str | None, source: str | None, does: bool, as_json: bool) -> None:
    """The webhook connection as the body of a REST call; the token is a variable in it, and never printed."""
    from enricher.cli import sumo_install as run

    if recovery or payload:
        run.show_payload(recovery=recovery)
    elif does:
        run.apply(run.Where(None, url, source), run.CONNECTION, dry=False, as_json=as_json)
    else:
        run.show(run.Where(None, url, source), run.CONNECTION, as_json=as_json)


@sumo.command()
@form_option
@click.option("--name", metavar="NAME", help="This one alone.")
@url_option
@source_option
@apply_option
@json_option
def monitor(*, form: str | None, name: str | None, url: str | None, source: str | None, does: bool, as_json: bool) -> None:
    """The monitors as bodies of REST calls; --apply puts the connection and their folder there too."""
    from enricher.cli import sumo_install as run

    if does and name:
        raise click.UsageError("--apply puts all monitors there: leave --name out")
    if does:
        run.apply(run.Where(form, url, source), run.MONITORS, dry=False, as_json=as_json)
    else:
        run.show(run.Where(form, url, source), run.MONITORS, name=name, as_json=as_json)


@sumo.command("scheduled-search")
@form_option
@click.option("--name", metavar="NAME", help="This one alone.")
@json_option
def scheduled_search(*, form: str | None, name: str | None, as_json: bool) -> None:
    """The detection as scheduled searches, for who has no monitors: each run sends its rows, and nothing says that an alert is over."""
    from enricher.cli import sumo_install as run

    run.show_scheduled(run.Where(form, None, None), name=name, as_json=as_json)


@sumo.command()
@form_option
@url_option
@source_option
@click.option("--cases", is_flag=True, help="Declare the fields of cases that are sent back, too.")
@apply_option
@json_option
def apply(*, form: str | None, url: str | None, source: str | None, cases: bool, does: bool, as_json: bool) -> None:
    """Connection, monitors, missing data and heartbeat: what would be made or changed in Sumo Logic; with --apply it is. Nothing is deleted."""
    from enricher.cli import sumo_install as run

    run.apply(run.Where(form, url, source), None, cases=cases, dry=not does, as_json=as_json)


@sumo.command()
@form_option
@url_option
@click.option("--out", type=_OUT, metavar="DIR", help="Write the files instead.")
@json_option
def terraform(*, form: str | None, url: str | None, out: Path | None, as_json: bool) -> None:
    """All of it as Terraform files, the token and every other secret a variable."""
    from enricher.cli.sumo_install import show_terraform

    show_terraform(form, url, out=out, as_json=as_json)


@sumo.command()
@form_option
@url_option
@click.option("--out", type=_OUT, metavar="DIR", required=True, help="Where the files are written.")
def kit(*, form: str | None, url: str | None, out: Path) -> None:
    """Everything there is as files: Terraform, REST bodies, searches, dashboard, Sigma, Sysmon's configuration, payloads. No secret is in any."""
    from enricher.cli.sumo_install import write_kit

    write_kit(form, url, out=out)


@sumo.command()
@json_option
def roles(*, as_json: bool) -> None:
    """Which capabilities a role needs in Sumo Logic: of who installs this, and of the access key that the service uses."""
    from enricher.cli.sumo_install import roles as run

    run(as_json=as_json)
