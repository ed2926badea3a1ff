"""A canary: a marked alert that nothing comes of but proofs, one for each destination. What it is, and what its absence means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from enricher.core.document import Json
from enricher.model import Alert, Kind

SOURCE = "canary"
"""The source of our own ones: by their sender's, a silent source would look as if it were heard every hour."""
WEBHOOK = "own_webhook"
"""What is proved by sending: the name of that proof, beside those of the destinations, of which none can be called so."""
LATE = timedelta(minutes=5)
"""A canary that has not arrived by then is missing."""
DETAIL = 300
WARNING = "warning: "
"""How a destination's line begins that names no fault."""

_OURS = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)


class Proof(StrEnum):
    """What became of a canary at one destination."""

    PROVED = "proved"
    WARNED = "warned"
    """Tickets will come, but not as they could."""
    FAILED = "failed"
    MISSING = "missing"
    """It should have arrived by now: never stored, only worked out."""


@dataclass(frozen=True, slots=True)
class Proved:
    """One proof; `detail` is short and holds no secret."""

    state: Proof
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A canary, when it was sent and settled, and what it has proved by now."""

    canary: str
    sent_at: datetime
    settled_at: datetime | None = None
    proofs: Mapping[str, Proved] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a destination stands by its canaries. `proved_at` is when it was last `proved` or `warned`."""

    destination: str
    state: Proof | None
    """None where no canary was ever due there."""
    detail: str = ""
    proved_at: datetime | None = None

    @property
    def failing(self) -> bool:
        return self.state in {Proof.FAILED, Proof.MISSING}


def alert_of(canary: str) -> Json:
    """The alert to send; `core.payload` knows its kind, and `id_of` its id again."""
    return {"kind": Kind.CANARY.value, "name": "Enricher canary", "id": canary}


def id_of(alert: Alert) -> str | None:
    """The id that we gave it; None for any other alert, and for a canary that Sumo Logic has sent."""
    own = alert.monitor_id if alert.kind is Kind.CANARY else None
    return own if own and _OURS.fullmatch(own) else None


def judged(lines: Sequence[str]) -> tuple[Proof, str]:
    """What a destination's check has said → the proof's state and detail. Warnings beside faults are left out."""
    faults = [line for line in lines if not line.startswith(WARNING)]
    said = "; ".join(faults or [line.removeprefix(WARNING) for line in lines])
    state = Proof.FAILED if faults else Proof.WARNED if lines else Proof.PROVED
    return state, said[:DETAIL]


def standings(names: Sequence[str], canaries: Sequence[Canary], now: datetime, every: timedelta | None) -> list[Standing]:
    """How each destination stands. `canaries` are the last ones, the newest first; `every` is how often one should be sent."""
    return [_standing(name, canaries, now, every) for name in names]


def overdue(canaries: Sequence[Canary], now: datetime, every: timedelta | None) -> bool:
    """Whether nobody has sent one for so long that whoever should is gone."""
    return bool(canaries and every and now - canaries[0].sent_at > 2 * every + LATE)


def _standing(name: str, canaries: Sequence[Canary], now: datetime, every: timedelta | None) -> Standing:
    proofs = [canary.proofs[name] for canary in canaries if name in canary.proofs]
    proved_at = next((proof.at for proof in proofs if proof.state in {Proof.PROVED, Proof.WARNED}), None)
    if overdue(canaries, now, every):
        why = f"none was sent since {canaries[0].sent_at:%Y-%m-%d %H:%M} UTC"
        return Standing(destination=name, state=Proof.MISSING, detail=why, proved_at=proved_at)
    if name != WEBHOOK and (lost := _lost(name, canaries, now)):
        return Standing(destination=name, state=Proof.MISSING, detail=stage(lost), proved_at=proved_at)
    last = proofs[0] if proofs else None
    state, detail = (last.state, last.detail) if last else (None, "")
    return Standing(destination=name, state=state, detail=detail, proved_at=proved_at)


def _lost(name: str, canaries: Sequence[Canary], now: datetime) -> Canary | None:
    """The newest that is late there, if none that was sent after it has arrived."""
    for canary in canaries:
        if name in canary.proofs:
            return None
        if now - canary.sent_at > LATE:
            return canary
    return None


def stage(canary: Canary) -> str:
    """How far it has come, in words."""
    sent = canary.proofs.get(WEBHOOK)
    if canary.settled_at is not None:
        return "through the worker; not checked yet"
    if sent is not None and sent.state is Proof.FAILED:
        return f"refused by the webhook: {sent.detail}"
    return "sent; the worker has not taken it" if sent else "not known to have been accepted"
