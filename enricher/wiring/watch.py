"""Who watches for silence, and where people are told."""

from __future__ import annotations

from collections.abc import Mapping

from enricher.destinations.slack_notice import SlackNotices
from enricher.model import Severity
from enricher.settings import Settings
from enricher.settings.silence import EVERY_SOURCE
from enricher.store import Store
from enricher.worker.watch import Watcher


def rhythms(settings: Settings) -> Mapping[str, float]:
    """How often each source is to send, in seconds, by name; `*` stands for those that have a token and no number of their own."""
    given = dict(settings.silent_minutes or {})
    every = given.pop(EVERY_SOURCE, None)
    of_all = {token.source: every for token in settings.webhook_tokens} if every is not None else {}
    return {source: minutes * 60 for source, minutes in (of_all | given).items()}


def watcher(settings: Settings, store: Store) -> Watcher:
    """With Slack set up, people are told there; without it, the log and the metrics say so."""
    return Watcher(watch=store.watch, every_s=rhythms(settings), notices=_notices(settings), paused=store.canaries.paused)


def _notices(settings: Settings) -> SlackNotices | None:
    if settings.slack_token is None or settings.slack_channel is None:
        return None
    return SlackNotices(
        settings.slack_token.get_secret_value(),
        settings.slack_channel,
        url=settings.slack_url,
        mention=(settings.slack_mentions or {}).get(Severity.CRITICAL),
    )
