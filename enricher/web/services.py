"""What the web layer is given: ports, a few functions of the core, and settings. It builds none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from enricher.core.canary import Standing
from enricher.core.document import Json
from enricher.core.feedback import Words
from enricher.core.people import Account, Proxy, Role
from enricher.core.silence import Silence, Watching
from enricher.model import Severity
from enricher.ports import Dialogs, Inbox, Operator, Pressure, Reader, Replays, Sessions, Submission
from enricher.web.workbench import Workbench

MAX_BODY = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketSource:
    """A service whose tickets tell what people think of their cases: `jira` or `servicenow`, its secret, and its words."""

    name: str
    secret: str = field(repr=False)
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackDoor:
    """Who may press buttons in Slack: the app's signing secret, roles by user id (`*`: everybody else), and which workspace and
    app it must be, where that is set.
    """

    secret: str = field(repr=False)
    roles: Mapping[str, Role]
    team: str | None = None
    app: str | None = None


class NoReplays:
    """Where there is no door for signed requests, none is let in."""

    def fresh(self, digest: str) -> bool:
        del digest
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Who may come in, and how much they may bring.

    `webhook_tokens` are (source, secret) pairs, several at once, so that a secret can be changed without a gap. Where a
    door has no token, only loopback peers may use it, and not even they when `trust_loopback` is False: behind a reverse
    proxy on the same machine every peer is a loopback peer. `rate_per_minute` counts for each source in this process.
    `signing_key` signs the console's forms; all processes that serve one console need the same. With `accounts` or a `proxy`
    people have names, and the console asks for them on this machine too.
    """

    signing_key: bytes = field(repr=False)
    webhook_tokens: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    read_tokens: tuple[str, ...] = field(default=(), repr=False)
    write_tokens: tuple[str, ...] = field(default=(), repr=False)
    trust_loopback: bool = True
    rate_per_minute: float | None = None
    max_body: int = MAX_BODY
    ticket_sources: tuple[TicketSource, ...] = ()
    slack: SlackDoor | None = None
    accounts: tuple[Account, ...] = ()
    session_lasts: timedelta = timedelta(hours=12)
    proxy: Proxy | None = None
    https: bool = False
    """Browsers come by https, whatever the last part of the way is."""


def usual_bands() -> Mapping[Severity, float]:
    """The bands as shipped, for where no severity policy is at hand."""
    return {severity: 20.0 * severity.rank for severity in Severity}


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a request may use."""

    settings: WebSettings
    inbox: Inbox
    reader: Reader
    operator: Operator
    sessions: Sessions
    pressure: Pressure
    submission: Callable[[bytes, str], Submission | None]
    """(body, source) → what the inbox stores; None for a connection test. Raises PayloadError."""
    explain: Callable[[bytes], Json]
    """A payload through the flow, nothing stored or sent: design §4.3. Raises PayloadError."""
    metrics: Callable[[], tuple[bytes, str]]
    """The metrics and their content type."""
    count: Callable[[str, str], None]
    """(event, label): `webhook` with the status or error word answered; `jira` or `servicenow` with that of their feedback,
    `slack` with what became of a press.
    """
    content_problems: Callable[[], Sequence[str]]
    """What is wrong with `config/` now, empty when all is well; the last good content stays in use."""
    bands: Callable[[], Mapping[Severity, float]] = usual_bands
    """Where each severity begins, for the scale behind the ledger."""
    canaries: Callable[[], Sequence[Standing]]
    """How the webhook and each destination stand by their canaries. Raises StoreUnavailable."""
    watchings: Callable[[], Mapping[str, Watching]]
    """How each source is watched, by name, where there is anything to say of it. Raises StoreUnavailable."""
    silences: Callable[[], Sequence[Silence]]
    """Those that go on, the oldest first; cheaper than how every source is watched. Raises StoreUnavailable."""
    tuning: Callable[[], Sequence[Json]]
    """Every tuning rule and where it stands (`core.tuning_doc.tuning_docs`)."""
    workbench: Workbench
    """Rules, drafts, trials, and files to take away."""
    drift: Callable[[int], Json]
    """The drift of so many days (`core.drift.drift_document`)."""
    now: Callable[[], datetime]
    """The time, aware and UTC."""
    replays: Replays = field(default_factory=NoReplays)
    dialogs: Dialogs | None = None
    """None where there is no Slack to show anything in."""
    monotonic: Callable[[], float] = monotonic
