"""One place that wires: settings and content → the store, the flow, the web application and the worker. Owns the clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from pydantic import SecretStr

from enricher import content
from enricher.core.canary import WEBHOOK, Standing, standings
from enricher.core.document import Json
from enricher.core.drift import drift_document
from enricher.core.feedback import Words
from enricher.core.insight import console
from enricher.core.merge import merge
from enricher.core.tune import states
from enricher.core.tuning_doc import tuning_docs
from enricher.errors import StoreUnavailable
from enricher.lookups import AllLookups, Inside, NoLookups
from enricher.lookups.asn import Asn
from enricher.lookups.dns import Dns, Forward, Ptr
from enricher.lookups.mmdb import AsnFile, problem_of
from enricher.lookups.ranges import Ranges, read_folder
from enricher.lookups.rdap import Rdap
from enricher.model import Enrichment, Observable
from enricher.ports import DeadLetters, Destination, Lookups
from enricher.settings import Settings, config_directory, read_settings
from enricher.store import Store, open_store
from enricher.sumo.lineage import LineageSearch
from enricher.telemetry import LOOKUPS, exposition
from enricher.web.services import Services, TicketSource, WebSettings
from enricher.wiring.canary import Sender
from enricher.wiring.destinations import deliver_to, destinations_of, shows_tickets
from enricher.wiring.experience import LiveExperience
from enricher.wiring.flow import Flow, submission
from enricher.wiring.live import LiveContent
from enricher.wiring.pacing import bursts_of, rates_of
from enricher.wiring.pressing import counted_answers, dialogs_of, slack_door
from enricher.wiring.pressure import pressure_of
from enricher.wiring.requery import requeries
from enricher.wiring.searching import is_set_up, searcher
from enricher.wiring.steady import Steady
from enricher.wiring.visitors import signing_key, visitors_of
from enricher.wiring.watch import rhythms, watcher
from enricher.wiring.workbench import workbench_of
from enricher.worker import Work
from enricher.worker.alerts import as_it_is
from enricher.worker.chores import Round, note_twins
from enricher.worker.requery import Requeries
from enricher.worker.watch import LOOKS

if TYPE_CHECKING:
    from flask import Flask


def clock() -> datetime:
    """Now, aware, in UTC. The only clock of the service; everything else is handed a time."""
    return datetime.now(UTC)  # noqa: TID251 - the one place


@dataclass(frozen=True, slots=True)
class Application:
    """Everything one process needs. Nothing is opened before first use, so it may be made before a fork."""

    settings: Settings
    live: LiveContent
    store: Store
    destinations: Mapping[str, Callable[[], Destination]]
    signing_key: bytes

    def flow(self, *, stores: bool = False) -> Flow:
        """The flow with the world behind it: look-ups, history, and content that follows the files.

        `stores`: what comes of it is stored, so that the tuning rules it has loaded are in use.
        """
        store = self.store
        return Flow(
            self.live.programs,
            lookups(self.settings, store),
            store.history,
            owner=self.settings.lookups or self.settings.asn_mmdb is not None,
            search=is_set_up(self.settings),
            console=console(self.settings.sumo_api_url),
            scope=self.settings.sumo_scope,
            experience=LiveExperience(store.reader, store.rule_book if stores else None).of,
        )

    def searcher(self) -> LineageSearch | None:
        """Who asks Sumo Logic for starts of processes, where there are keys; made once in a worker process."""
        return searcher(self.settings, self.store.job_book)

    def web(self) -> Flask:
        """The WSGI application, once in each serving process."""
        from enricher.web import create_app

        settings, flow = self.settings, self.flow()
        pressure = pressure_of(settings, self.store.reader.waiting)
        return create_app(
            Services(
                settings=WebSettings(
                    signing_key=self.signing_key,
                    webhook_tokens=tuple((t.source, t.secret.get_secret_value()) for t in settings.webhook_tokens),
                    read_tokens=_revealed(settings.api_read_token),
                    write_tokens=_revealed(settings.api_write_token),
                    **visitors_of(settings),
                    rate_per_minute=settings.rate_per_token * 60 or None,
                    ticket_sources=ticket_sources(settings),
                    slack=slack_door(settings),
                ),
                inbox=self.store.inbox,
                reader=self.store.reader,
                operator=self.store.operator,
                sessions=self.store.sessions,
                pressure=pressure,
                submission=submission,
                explain=lambda body: flow.explain(body, clock()),
                metrics=lambda: self.metrics(pressure.mark()),
                count=counted_answers(),
                replays=self.store.replays,
                dialogs=dialogs_of(settings),
                content_problems=lambda: self.live.problems,
                bands=lambda: self.live.programs().rules.severity.bands,
                tuning=self.tuning,
                workbench=workbench_of(settings, self.store, self.live.programs, clock),
                drift=self.drift,
                canaries=self.canaries,
                silences=self.store.watch.open,
                watchings=lambda: self.store.watch.standing(rhythms(settings)),
                now=clock,
            )
        )

    def work(self) -> Work:
        """What the worker process needs, loaded and ready."""
        from enricher.destinations.text import warm_up

        warm_up()
        settings, flow = self.settings, self.flow(stores=True)
        destinations = {name: make() for name, make in self.destinations.items()}
        search = self.searcher()
        again = requeries(settings, self.store, self.live.programs, search, clock)
        return Work(
            inbox=self.store.inbox,
            outbox=self.store.outbox,
            destinations=destinations,
            follow_ups=self.store.follow_ups,
            search=search,
            investigate=flow.settlement,
            prepared=again.prepared if again else as_it_is,
            amend=flow.amendment,
            clock=clock,
            wait=self.store.wait_for_work,
            heartbeat=self.store.heartbeat,
            holds=self.store.holds,
            chance=SystemRandom().random,
            lease_s=settings.lease_seconds,
            alert_threads=settings.alert_workers,
            delivery_threads=settings.delivery_workers,
            chores=self.round(destinations, again),
        )

    def round(self, destinations: Mapping[str, Destination], again: Requeries | None = None) -> Round:
        """The chores of a worker process."""
        minutes, watch = self.settings.canary_minutes, watcher(self.settings, self.store)
        return Round(
            chores=self.store.chores,
            canaries=self.store.canaries,
            outbox=self.store.outbox,
            destinations=destinations,
            send_canary=Sender(self.settings, self.store.canaries).send if minutes else None,
            canary_every_s=minutes * 60,
            clock=clock,
            fill_words=self.store.fill_words,
            also={**(again.also if again else {}), **watch.also},
            recurring=(LOOKS,),
            endless=again.endless if again else frozenset(),
            close=watch.close,
        )

    def tuning(self) -> list[Json]:
        """Every tuning rule in force now, and where it stands. Raises StoreUnavailable."""
        return tuning_docs(self.live.programs().rules.tuning, self.store.reader.rule_uses(), clock().date())

    def drift(self, days: int) -> Json:
        """The drift of the last `days`. Raises StoreUnavailable."""
        since, reader = clock() - timedelta(days=days), self.store.reader
        return drift_document(days, reader.drift(since), reader.queries(since))

    def canaries(self) -> list[Standing]:
        """How the webhook and each destination stand by their canaries. Raises StoreUnavailable."""
        minutes = self.settings.canary_minutes
        every = timedelta(minutes=minutes) if minutes else None
        return standings((WEBHOOK, *self.destinations), self.store.canaries.recent(), clock(), every)

    def metrics(self, mark: str | None) -> tuple[bytes, str]:
        """The exposition; it says so where the store cannot be read. `mark` is that of backpressure."""
        problems, reader = len(self.live.problems), self.store.reader
        try:
            standings = states(self.live.programs().rules.tuning, reader.rule_uses(), clock().date())
            tuning = Counter(standing.value for standing in standings.values())
            return exposition(
                reader.backlog(),
                problems,
                reader.sources(monitors=False),
                reader.quarantined(),
                tuning,
                dead_by_reason(reader.dead_letters()),
                mark,
                self.canaries(),
                silences=self.store.watch.open(),
            )
        except StoreUnavailable:
            return exposition(None, problems, mark=mark)


def application(settings: Settings | None = None) -> Application:
    """Wire this process by the environment (or by `settings`). Raises ConfigurationError."""
    settings = settings or configured()
    plan = content.delivery_plan(content_directory(settings))
    live = LiveContent(content_directory(settings), today=lambda: clock().date())
    destinations = destinations_of(
        settings,
        lambda name, key, found: note_twins(store.outbox, name, key, found),
        plan=plan,
        templates=live.templates,
    )
    names = tuple(destinations)
    live.load()
    store = open_store(
        settings.database_url.get_secret_value(),
        clock=Steady(clock),
        merge=merge,
        deliver_to=deliver_to(plan, names),
        lease_s=settings.lease_seconds,
        show_tickets=shows_tickets(plan),
        rates=rates_of(settings, plan),
        bursts=bursts_of(plan),
    )
    return Application(settings, live, store, destinations, signing_key(settings))


def configured() -> Settings:
    """The settings: the environment over `destinations.yml`. Raises ConfigurationError."""
    directory = config_directory()
    return read_settings(content.destinations(directory if directory.is_dir() else None))


def content_directory(settings: Settings) -> Path | None:
    """The operator's folder, or None for the packaged defaults."""
    return settings.config_dir if settings.config_dir.is_dir() else None


def dead_by_reason(found: Sequence[DeadLetters]) -> Counter[tuple[str, str]]:
    """How many dead letters, by kind and reason."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in found:
        counts[one.kind, one.reason] += one.count
    return counts


def ticket_sources(settings: Settings) -> tuple[TicketSource, ...]:
    """The services whose tickets may say what people think of a case: those with a secret for it."""
    given = (
        ("jira", settings.jira_webhook_secret, settings.jira_false_positives, settings.jira_true_positives),
        (
            "servicenow",
            settings.servicenow_webhook_secret,
            settings.servicenow_false_positives,
            settings.servicenow_true_positives,
        ),
    )
    return tuple(
        TicketSource(name=name, secret=secret.get_secret_value(), words=Words.of(false, true))
        for name, secret, false, true in given
        if secret is not None
    )


def _revealed(*tokens: SecretStr | None) -> tuple[str, ...]:
    return tuple(t.get_secret_value() for t in tokens if t is not None)


def lookups(settings: Settings, store: Store | None) -> Lookups:
    """Every source; none that leaves the house where look-ups are off."""
    if not settings.lookups:
        return CountedLookups(NoLookups(_inside(settings)))
    dns = Dns([(server.host, server.port) for server in settings.dns_servers])
    return CountedLookups(
        AllLookups(
            [Forward(dns), Ptr(dns), Asn(dns), Rdap(settings.rdap_url)],
            clock=clock,
            deadline_s=settings.lookup_deadline_seconds,
            inside=_inside(settings),
            off=settings.lookups_off,
            rates={str(source): rate for source, rate in (settings.lookup_rates or {}).items()},
            cache=store.cache if store else None,
        )
    )


def _inside(settings: Settings) -> list[Inside]:
    found: list[Inside] = [AsnFile(settings.asn_mmdb, clock=clock)] if settings.asn_mmdb else []
    return [*found, Ranges(settings.ranges_dir, clock=clock)] if settings.ranges_dir else found


def offline_problems(settings: Settings) -> list[str]:
    """What is wrong with the files in the house that look-ups read: a line for each."""
    problem = problem_of(settings.asn_mmdb) if settings.asn_mmdb else None
    ranges = read_folder(settings.ranges_dir).problems if settings.ranges_dir else ()
    return [
        *([f"ENRICHER_ASN_MMDB: {problem}"] if problem else []),
        *(f"ENRICHER_RANGES_DIR: {line}" for line in ranges),
    ]


class CountedLookups:
    """Look-ups whose endings are counted."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    def about(self, sought: Sequence[Observable]) -> list[Enrichment]:
        found = self._lookups.about(sought)
        for enrichment in found:
            LOOKUPS.labels(enrichment.source, enrichment.status.value).inc()
        return found
