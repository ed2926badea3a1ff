"""Stand-ins as a process of their own, so that they outlive the service under test: `python -m enricher.standins`.

Prints one line of JSON with their addresses when all of them listen, then stays until SIGINT or SIGTERM.
"""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import click
import orjson

from enricher.standins import Dns, Jira, JiraDataCenter, Rdap, ServiceNow, Slack, SumoLogic, random_faults, running
from enricher.standins.jira import Layout
from enricher.standins.service import Service


@click.command()
@click.option("--jira-port", type=int, help="0 takes a free port.")
@click.option("--jira-flavour", type=click.Choice(["cloud", "datacenter"]), default="cloud", show_default=True)
@click.option("--jira-service-desk", is_flag=True, help="Make Jira's project one whose customers read comments.")
@click.option("--servicenow-port", type=int)
@click.option("--slack-port", type=int)
@click.option("--sumo-port", type=int)
@click.option("--rdap-port", type=int)
@click.option("--dns-port", type=int)
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Keep what they hold in this folder.")
@click.option("--search-lag", type=float, default=0.0, show_default=True, help="How long Jira's search lags, in seconds.")
@click.option("--fault-seed", type=int, default=0, show_default=True)
@click.option("--fault-rate", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="How many writes fail.")
@click.option("--limits/--no-limits", default=True, show_default=True, help="Keep the services' own rate limits.")
def main(
    *,
    jira_port: int | None,
    jira_flavour: str,
    jira_service_desk: bool,
    servicenow_port: int | None,
    slack_port: int | None,
    sumo_port: int | None,
    rdap_port: int | None,
    dns_port: int | None,
    state: Path | None,
    search_lag: float,
    fault_seed: int,
    fault_rate: float,
    limits: bool,
) -> None:
    """Run the stand-ins whose port is given."""
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    folder = {name: state / name if state else None for name in ("jira", "servicenow", "slack")}
    jira = {"cloud": Jira, "datacenter": JiraDataCenter}[jira_flavour]
    layout = Layout(service_desk=jira_service_desk)
    services: list[tuple[str, Service, int | None]] = [
        ("jira", jira(layout=layout, search_lag=search_lag, limits=limits, state=folder["jira"]), jira_port),
        ("servicenow", ServiceNow(state=folder["servicenow"]), servicenow_port),
        ("slack", Slack(rate=1.0 if limits else 0.0, state=folder["slack"]), slack_port),
        ("sumo", SumoLogic(limits=limits), sumo_port),
        ("rdap", Rdap(), rdap_port),
    ]
    listening: dict[str, str] = {}
    with ExitStack() as stack:
        for name, service, port in services:
            if port is not None:
                listening[name] = stack.enter_context(running(service, port)).url
                service.fail(*random_faults(fault_rate), seed=fault_seed)
        if dns_port is not None:
            listening["dns"] = stack.enter_context(running(Dns(), dns_port)).address
        click.echo(orjson.dumps(listening).decode())
        ended.wait()


if __name__ == "__main__":
    main()
