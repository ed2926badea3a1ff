"""Look-ups: questions about addresses and host names, asked of several sources at once under one deadline.

`AllLookups` is the port's implementation; sources are in `dns.py`, `asn.py` and `rdap.py`. A question goes: special range? ▸
remembered? ▸ already being asked? ▸ (on the source's own threads) shared cache ▸ breaker ▸ source ▸ both caches. Whoever asks
waits for its deadline and no longer; the question itself goes on, and its answer is there for the next alert.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from time import monotonic

from enricher.lookups.breaker import Breaker
from enricher.lookups.cache import Cache, Kept, SharedCache
from enricher.lookups.crew import Crew
from enricher.lookups.gate import canonical, why_not
from enricher.lookups.source import Answer, Source
from enricher.model import Enrichment, Observable, ObservableKind, Status

__all__ = ["AllLookups", "NoLookups", "SharedCache", "Source"]

DEADLINE_S = 5.0
BACKLOG = 1000
"""How many questions may wait for one source. A hostile alert names thousands of addresses; the rest is told "no time"."""

SOURCES = {
    "forward": ObservableKind.HOSTNAME,
    "ptr": ObservableKind.ADDRESS,
    "asn": ObservableKind.ADDRESS,
    "rdap": ObservableKind.ADDRESS,
}

_WORTH_KEEPING = frozenset({Status.OK, Status.NEGATIVE})


class AllLookups:
    """Asks every source that knows the kind. `clock` gives aware datetimes; `off` names sources that are switched off.

    Enrichments speak of the canonical form of what was asked for.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        *,
        clock: Callable[[], datetime],
        deadline_s: float = DEADLINE_S,
        cache: SharedCache | None = None,
        off: Collection[str] = (),
        breaker: Callable[[], Breaker] = Breaker,
    ) -> None:
        self._sources, self._clock, self._deadline_s, self._off = tuple(sources), clock, deadline_s, frozenset(off)
        self._cache = Cache(clock, cache)
        self._breakers = {source.name: breaker() for source in self._sources}
        self._crews = {s.name: Crew(f"lookup-{s.name}", size=s.at_once, backlog=BACKLOG) for s in self._sources}
        self._lock = threading.Lock()
        self._flights: dict[tuple[str, str], _Flight] = {}

    def about(self, sought: Sequence[Observable]) -> list[Enrichment]:
        """Ask about each observable once. Returns when all have answered, at the latest when the deadline passes."""
        until = monotonic() + self._deadline_s
        distinct = dict.fromkeys(Observable(o.kind, canonical(o)) for o in sought)
        asked = [self._begin(source, o, until) for o in distinct for source in self._sources if source.kind is o.kind]
        return [begun if isinstance(begun, Enrichment) else self._wait(begun, until) for begun in asked]

    def _begin(self, source: Source, observable: Observable, until: float) -> Enrichment | _Flight:
        """Answer at once where nobody needs asking; otherwise join the flight that asks, or start one."""
        about = observable.value
        if source.name in self._off:
            return _unasked(source.name, about, Status.DISABLED, "this source is switched off")
        if unfit := why_not(observable):
            return _unasked(source.name, about, Status.NOT_APPLICABLE, unfit)
        kept = self._cache.remembered(source.name, about)
        fresh = kept.fresh(self._clock()) if kept else None
        return fresh or self._join(source, about, until)

    def _join(self, source: Source, about: str, until: float) -> Enrichment | _Flight:
        key = source.name, about
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                flight.wanted_until = max(flight.wanted_until, until)
                return flight
            flight = _Flight(source, about, until)
            if self._crews[source.name].take(lambda: self._fly(flight)):
                self._flights[key] = flight
                return flight
        return self._instead(source, about, Answer(status=Status.TIMEOUT, reason="not asked: too many questions wait"))

    def _wait(self, flight: _Flight, until: float) -> Enrichment:
        if flight.landed.wait(max(0.0, until - monotonic())) and flight.enrichment is not None:
            return flight.enrichment
        late = Answer(status=Status.TIMEOUT, reason=f"no answer within the deadline of {self._deadline_s:g} s")
        return self._instead(flight.source, flight.about, late)

    def _fly(self, flight: _Flight) -> None:
        """Run on a thread of the source's crew. A bug in a source ends the thread; who waits is told `error`."""
        source, about = flight.source, flight.about
        flight.enrichment = _unasked(source.name, about, Status.ERROR, "the look-up failed unexpectedly; the log says how")
        try:
            flight.enrichment = self._find_out(flight)
        finally:
            with self._lock:
                del self._flights[source.name, about]
            flight.landed.set()
        if flight.fetched is not None:
            self._cache.share(flight.fetched)

    def _find_out(self, flight: _Flight) -> Enrichment:
        source, about = flight.source, flight.about
        kept = self._cache.recall(source.name, about, source.keep)
        if kept and (fresh := kept.fresh(self._clock())):
            return fresh
        if monotonic() > flight.wanted_until:  # waited for a thread too long: nobody wants it any more
            return self._instead(source, about, Answer(status=Status.TIMEOUT, reason="not asked: no time was left"))
        answer = self._ask(source, about)
        if answer.status not in _WORTH_KEEPING:
            return self._instead(source, about, answer)
        flight.fetched = self._cache.put(source.name, about, answer, source.keep)
        return flight.fetched.enrichment

    def _ask(self, source: Source, about: str) -> Answer:
        breaker = self._breakers[source.name]
        refusal = breaker.refusal()
        if refusal is not None:
            return refusal
        answer = source.ask(about)
        breaker.note(answer)
        return answer

    def _instead(self, source: Source, about: str, answer: Answer) -> Enrichment:
        """Say what went wrong; or give an old answer, which is better than none and says that it is old."""
        kept, now = self._cache.remembered(source.name, about), self._clock()
        if kept and (fresh := kept.fresh(now)):  # it came this very moment
            return fresh
        if kept and kept.enrichment.status is Status.OK:
            return kept.stale(now, f"{answer.status}: {answer.reason}")
        return _unasked(source.name, about, answer.status, answer.reason)


class NoLookups:
    """Nothing leaves the house: everything is `disabled`, but for what nobody could answer anyway."""

    def about(self, sought: Sequence[Observable]) -> list[Enrichment]:
        distinct = dict.fromkeys(Observable(o.kind, canonical(o)) for o in sought)
        return [
            _unasked(source, observable.value, *_unanswered(why_not(observable)))
            for observable in distinct
            for source, kind in SOURCES.items()
            if kind is observable.kind
        ]


def _unanswered(unfit: str | None) -> tuple[Status, str]:
    return (Status.NOT_APPLICABLE, unfit) if unfit else (Status.DISABLED, "look-ups are switched off")


class _Flight:
    """One question on its way, and all who wait for it."""

    def __init__(self, source: Source, about: str, wanted_until: float) -> None:
        self.source, self.about, self.wanted_until = source, about, wanted_until
        self.landed = threading.Event()
        self.enrichment: Enrichment | None = None
        self.fetched: Kept | None = None


def _unasked(source: str, about: str, status: Status, reason: str | None) -> Enrichment:
    return Enrichment(source=source, about=about, status=status, reason=reason)
