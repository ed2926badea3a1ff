"""Logs and metrics. Every metric is declared here, once, with bounded labels; docs/metrics.md lists them and a test compares.

A log line is a constant event name plus fields; never a payload, never a secret.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import REGISTRY, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from enricher.core.accounts import SourceRecord
from enricher.core.canary import Standing as CanaryStanding
from enricher.core.silence import Silence
from enricher.core.tune import Standing
from enricher.model import Backlog, Pause

FEEDBACK = Counter("enricher_feedback", "Webhooks of ticket systems by what they were answered", ["source", "answer"])
PRESSES = Counter("enricher_slack_presses", "Buttons and forms of Slack by what became of them", ["outcome"])
WEBHOOKS = Counter("enricher_webhooks", "Webhook requests by what they were answered", ["answer"])
ALERTS = Counter("enricher_alerts", "Alerts by kind and how they ended: done, dead, retried", ["kind", "outcome"])
ROWS_DROPPED = Counter("enricher_rows_dropped", "Rows that are in no case, by the reason's first word", ["reason"])
CASES = Counter("enricher_cases", "Cases seen in alerts, by severity", ["severity"])
DRIFT = Counter("enricher_drift", "Sumo's own columns that say something else than we do", ["field", "reason"])
TUNING = Counter("enricher_tuning_matches", "Findings that a tuning rule matched", ["rule", "mode"])
LOOKUPS = Counter("enricher_lookups", "Look-ups by source and how they ended", ["source", "status"])
FOLLOW_UPS = Counter("enricher_follow_ups", "What cases waited for, by kind and how it ended", ["kind", "ending"])
SEARCHES = Counter("enricher_searches", "Searches in Sumo Logic by how they ended", ["status"])
REQUERIES = Counter(
    "enricher_requeries", "Searches for what an alert did not bring, by why and how they ended", ["why", "outcome"]
)
SEARCH_IGNORED = Counter("enricher_search_results_ignored", "What a search found and was not asked for", ["reason"])
DELIVERIES = Counter("enricher_deliveries", "Delivery attempts by outcome and reason", ["destination", "outcome", "reason"])
CHORES = Counter("enricher_chores", "What is done by the clock, by kind and how it ended", ["kind", "ending"])
SILENCES_UNTOLD = Counter("enricher_silences_untold", "Silences that nobody could be told of, by why", ["reason"])
TWINS = Counter("enricher_ticket_twins", "Second tickets of one case that a look-up found", ["destination"])
CREATES_AFTER_DOUBT = Counter(
    "enricher_creates_after_doubt", "Tickets created because a look-up found none in time", ["destination"]
)
INVESTIGATION = Histogram(
    "enricher_investigation_seconds",
    "From claim to settled, look-ups included",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
DELIVERY = Histogram(
    "enricher_delivery_seconds",
    "One delivery attempt",
    ["destination"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 65),
)

_WORD = re.compile("[a-z][a-z_]{0,39}")
_TELL_ADDRESSES = ("httpx2", "httpcore2")
"""Libraries that log the address of every call at INFO or below; the address of an HTTP Source is its secret."""


def set_up_logs(*, level: int = logging.INFO) -> None:
    """JSON lines on standard error, ours and the libraries' warnings alike."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(),
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared, structlog.processors.format_exc_info],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in _TELL_ADDRESSES:  # whatever the root's level becomes
        logging.getLogger(name).setLevel(logging.WARNING)


class BacklogCollector(Collector):
    """What waits, read from the store at scrape time: one answer for all processes."""

    def __init__(self, backlog: Backlog | None, problems: int) -> None:
        self._backlog, self._problems = backlog, problems

    def collect(self) -> list[GaugeMetricFamily]:
        """The gauges; only `enricher_store_up 0` and the content problems where the store cannot be read."""
        up = GaugeMetricFamily("enricher_store_up", "Whether the store can be read", value=float(self._backlog is not None))
        bad = GaugeMetricFamily("enricher_content_problems", "Problems in config/ now", value=float(self._problems))
        if self._backlog is None:
            return [up, bad]
        backlog = self._backlog
        waiting = GaugeMetricFamily("enricher_deliveries_waiting", "Deliveries not done", labels=["destination"])
        for destination, count in sorted(backlog.deliveries_waiting.items()):
            waiting.add_metric([destination], count)
        oldest = GaugeMetricFamily(
            "enricher_deliveries_oldest_seconds", "Age of the oldest untold news", labels=["destination"]
        )
        for destination, seconds in sorted(backlog.deliveries_oldest_s.items()):
            oldest.add_metric([destination], seconds)
        return [
            up,
            bad,
            oldest,
            *_pauses(backlog.pauses),
            GaugeMetricFamily("enricher_alerts_waiting", "Alerts not settled", value=backlog.alerts_waiting),
            GaugeMetricFamily("enricher_oldest_alert_seconds", "Age of the oldest of them", value=backlog.oldest_alert_s),
            waiting,
            GaugeMetricFamily("enricher_follow_ups_waiting", "Follow-ups not done", value=backlog.follow_ups_waiting),
        ]


def _pauses(pauses: Mapping[str, Pause | None]) -> list[GaugeMetricFamily]:
    paused = GaugeMetricFamily(
        "enricher_destination_paused", "Whether a destination is left alone", labels=["destination", "reason"]
    )
    seconds = GaugeMetricFamily(
        "enricher_destination_paused_seconds", "For how long it has not worked", labels=["destination"]
    )
    for destination, pause in sorted(pauses.items()):
        paused.add_metric([destination, pause.reason if pause else ""], float(pause is not None))
        seconds.add_metric([destination], pause.seconds if pause else 0.0)
    return [paused, seconds]


class IntakeCollector(Collector):
    """What each source has sent and what lies in quarantine, read from the store at scrape time.

    Labels are the sources that an operator has named, and our own words for why a body was not read.
    """

    def __init__(self, sources: Sequence[SourceRecord], quarantined: Mapping[str, int]) -> None:
        self._sources, self._quarantined = sources, quarantined

    def collect(self) -> list[GaugeMetricFamily]:
        quarantined = GaugeMetricFamily("enricher_quarantined", "Alerts that could not be read", labels=["reason"])
        for reason, count in sorted(self._quarantined.items()):
            quarantined.add_metric([reason], count)
        last = GaugeMetricFamily("enricher_source_last_webhook_timestamp_seconds", "When it was heard", labels=["source"])
        rate = GaugeMetricFamily("enricher_source_alerts_per_hour", "Over the last day", labels=["source"])
        for source in self._sources:
            last.add_metric([source.source], source.last_at.timestamp())
            rate.add_metric([source.source], source.per_hour)
        return [quarantined, last, rate]


class DeadLetterCollector(Collector):
    """Work we have stopped trying, by kind and reason, from the store at scrape time. What is no word of ours is `other`."""

    def __init__(self, counts: Mapping[tuple[str, str], int]) -> None:
        self._counts = counts

    def collect(self) -> list[GaugeMetricFamily]:
        words: dict[tuple[str, str], int] = {}
        for (kind, reason), count in sorted(self._counts.items()):
            word = reason if _WORD.fullmatch(reason) else "other"
            words[kind, word] = words.get((kind, word), 0) + count
        dead = GaugeMetricFamily("enricher_dead_letters", "Work we have stopped trying", labels=["kind", "reason"])
        for (kind, reason), count in words.items():
            dead.add_metric([kind, reason], count)
        return [dead]


class PressureCollector(Collector):
    """Whether senders are told to come again, and because of which mark."""

    def __init__(self, mark: str | None) -> None:
        self._mark = mark

    def collect(self) -> list[GaugeMetricFamily]:
        pressed = GaugeMetricFamily("enricher_backpressure", "Whether senders must come again later", labels=["mark"])
        for mark in ("disk", "inbox"):
            pressed.add_metric([mark], float(mark == self._mark))
        return [pressed]


class TuningCollector(Collector):
    """Where tuning rules stand, from the content in force and the store at scrape time."""

    def __init__(self, states: Mapping[str, int]) -> None:
        self._states = states

    def collect(self) -> list[GaugeMetricFamily]:
        rules = GaugeMetricFamily("enricher_tuning_rules", "Tuning rules by where they stand", labels=["state"])
        for state in Standing:
            rules.add_metric([state.value], self._states.get(state.value, 0))
        return [rules]


class CanaryCollector(Collector):
    """How each destination stands by its canaries, from the store at scrape time: a dead worker sends none, and shows."""

    def __init__(self, standings: Sequence[CanaryStanding]) -> None:
        self._standings = standings

    def collect(self) -> list[GaugeMetricFamily]:
        proved = GaugeMetricFamily(
            "enricher_canary_last_proved_timestamp_seconds", "When a canary last proved it", labels=["destination"]
        )
        failing = GaugeMetricFamily(
            "enricher_canary_failing", "Whether the last canary failed there, or is missing", labels=["destination"]
        )
        for one in self._standings:
            failing.add_metric([one.destination], float(one.failing))
            if one.proved_at is not None:
                proved.add_metric([one.destination], one.proved_at.timestamp())
        return [proved, failing]


class SilenceCollector(Collector):
    """Which sources are silent, from the store at scrape time. Labels are sources that an operator has named."""

    def __init__(self, sources: Sequence[SourceRecord], silences: Sequence[Silence]) -> None:
        self._sources, self._silences = sources, silences

    def collect(self) -> list[GaugeMetricFamily]:
        since: dict[str, float] = {}
        for one in self._silences:
            since[one.source] = min(since.get(one.source, one.since.timestamp()), one.since.timestamp())
        silent = GaugeMetricFamily("enricher_source_silent", "Whether a source is silent for too long", labels=["source"])
        began = GaugeMetricFamily(
            "enricher_source_silent_since_timestamp_seconds", "Since when a silent source is", labels=["source"]
        )
        for name in sorted({source.source for source in self._sources} | since.keys()):
            silent.add_metric([name], float(name in since))
            if name in since:
                began.add_metric([name], since[name])
        return [silent, began]


def exposition(
    backlog: Backlog | None,
    problems: int,
    sources: Sequence[SourceRecord] = (),
    quarantined: Mapping[str, int] | None = None,
    tuning: Mapping[str, int] | None = None,
    dead: Mapping[tuple[str, str], int] | None = None,
    mark: str | None = None,
    canaries: Sequence[CanaryStanding] = (),
    *,
    silences: Sequence[Silence] = (),
) -> tuple[bytes, str]:
    """The metrics of all processes of this service, and their content type. `mark` is that of backpressure, where there is any."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counters = CollectorRegistry()
        multiprocess.MultiProcessCollector(counters)  # type: ignore[no-untyped-call] # the library's own gap
    else:
        counters = REGISTRY
    gauges = CollectorRegistry()
    gauges.register(BacklogCollector(backlog, problems))
    gauges.register(IntakeCollector(sources, quarantined or {}))
    gauges.register(TuningCollector(tuning or {}))
    gauges.register(DeadLetterCollector(dead or {}))
    gauges.register(PressureCollector(mark))
    gauges.register(CanaryCollector(canaries))
    gauges.register(SilenceCollector(sources, silences))
    return generate_latest(counters) + generate_latest(gauges), CONTENT_TYPE_LATEST
