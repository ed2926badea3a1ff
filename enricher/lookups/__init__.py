"""Look-ups: questions about addresses and host names, asked of several sources at once under one deadline.

`AllLookups` is the port's implementation; sources outside are in `dns.py`, `asn.py` and `rdap.py`, files inside the house in
`mmdb.py` and `ranges.py`. A question goes: special range? ▸ a file in the house ▸ switched off? ▸ remembered? ▸ already being
asked? ▸ (on the source's own threads) shared cache ▸ breaker ▸ our own limit ▸ source ▸ both caches. Whoever asks waits for its
deadline and no longer; the question itself goes on, and its answer is there for the next alert.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from time import monotonic, sleep

from enricher.lookups.breaker import Breaker
from enricher.lookups.cache import Cache, Kept, SharedCache
from enricher.lookups.crew import Crew
from enricher.lookups.gate import canonical, why_not
from enricher.lookups.limit import RATES, Limit
from enricher.lookups.source import Answer, Inside, Source
from enricher.model import Enrichment, Observable, ObservableKind, Status

__all__ = ["AllLookups", "Inside", "NoLookups", "SharedCache", "Source"]

DEADLINE_S = 5.0
BACKLOG = 1000
"""How many questions may wait for one source. A hostile alert names thousands of addresses; the rest is told "no time"."""

SOURCES = {
    "forward": ObservableKind.HOSTNAME,
    "ptr": ObservableKind.ADDRESS,
    "asn": ObservableKind.ADDRESS,
    "rdap": ObservableKind.ADDRESS,
}
"""Those that leave the house."""

_WORTH_KEEPING = frozenset({Status.OK, Status.NEGATIVE})


class AllLookups:
    """Asks every source that knows the kind. `clock` gives aware datetimes.

    `inside` are files in the house: one with the name of a source is asked before it, and instead of it where it knows; any other
    is a source of its own. `off` names sources that nothing may be asked of, `rates` how many questions a second they get
    where that is not the default. `pause` waits for seconds. Enrichments speak of the canonical form of what was asked for.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        *,
        clock: Callable[[], datetime],
        deadline_s: float = DEADLINE_S,
        inside: Iterable[Inside] = (),
        cache: SharedCache | None = None,
        off: Collection[str] = (),
        rates: Mapping[str, float] = RATES,
        breaker: Callable[[], Breaker] = Breaker,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._sources, self._clock, self._deadline_s, self._off = tuple(sources), clock, deadline_s, frozenset(off)
        self._inside, self._pause = tuple(inside), pause
        self._limits = {name: Limit(rate) for name, rate in {**RATES, **rates}.items()}
        self._cache = Cache(clock, cache)
        self._breakers = {source.name: breaker() for source in self._sources}
        self._crews = {s.name: Crew(f"lookup-{s.name}", size=s.at_once, backlog=BACKLOG) for s in self._sources}
        self._lock = threading.Lock()
        self._flights: dict[tuple[str, str], _Flight] = {}

    def about(self, sought: Sequence[Observable]) -> list[Enrichment]:
        """Ask about each observable once. Returns when all have answered, at the latest when the deadline passes."""
        until = monotonic() + self._deadline_s
        distinct = dict.fromkeys(Observable(o.kind, canonical(o)) for o in sought)
        asked = [begun for o in distinct for begun in self._begin_each(o, until)]
        return [begun if isinstance(begun, Enrichment) else self._wait(begun, until) for begun in asked]

    def _begin_each(self, observable: Observable, until: float) -> Iterator[Enrichment | _Flight]:
        known = _known_inside(self._inside, observable)
        for source in self._sources:
            if source.kind is observable.kind:
                own = known.pop(source.name, None)
                settled = own is not None and (own.status is Status.OK or source.name in self._off)
                yield own if own is not None and settled else self._begin(source, observable, until)
        yield from known.values()

    def _begin(self, source: Source, observable: Observable, until: float) -> Enrichment | _Flight:
        """Answer at once where nobody needs asking; otherwise join the flight that asks, or start one."""
        about = observable.value
        if unfit := why_not(observable):
            return _unasked(source.name, about, Status.NOT_APPLICABLE, unfit)
        if source.name in self._off:
            return _unasked(source.name, about, Status.DISABLED, "this source is switched off: ENRICHER_LOOKUPS_OFF")
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
        answer = self._ask(flight)
        if answer.status not in _WORTH_KEEPING:
            return self._instead(source, about, answer)
        flight.fetched = self._cache.put(source.name, about, answer, source.keep)
        return flight.fetched.enrichment

    def _ask(self, flight: _Flight) -> Answer:
        breaker = self._breakers[flight.source.name]
        refusal = breaker.refusal() or self._refusal_of_ours(flight, breaker)
        if refusal is not None:
            return refusal
        answer = flight.source.ask(flight.about)
        breaker.note(answer)
        return answer

    def _refusal_of_ours(self, flight: _Flight, breaker: Breaker) -> Answer | None:
        """Wait for our turn, if it comes while somebody still waits; meanwhile the source may have got into trouble."""
        limit = self._limits.get(flight.source.name)
        wait_s = limit.turn(flight.wanted_until) if limit else 0.0
        if wait_s is None and limit is not None:
            reason = f"not asked: our own limit of {limit.rate:g} questions a second"
            return Answer(status=Status.RATE_LIMITED, reason=reason)
        if not wait_s:
            return None
        self._pause(wait_s)
        return breaker.refusal()

    def _instead(self, source: Source, about: str, answer: Answer) -> Enrichment:
        """Say what went wrong; or give an old answer, which is better than none and says that it is old."""
        kept, now = self._cache.remembered(source.name, about), self._clock()
        if kept and (fresh := kept.fresh(now)):  # it came this very moment
            return fresh
        if kept and kept.enrichment.status is Status.OK:
            return kept.stale(now, f"{answer.status}: {answer.reason}")
        return _unasked(source.name, about, answer.status, answer.reason)


class NoLookups:
    """Nothing leaves the house: what no file inside knows is `disabled`, but for what nobody could answer anyway."""

    def __init__(self, inside: Iterable[Inside] = ()) -> None:
        self._inside = tuple(inside)

    def about(self, sought: Sequence[Observable]) -> list[Enrichment]:
        distinct = dict.fromkeys(Observable(o.kind, canonical(o)) for o in sought)
        return [found for observable in distinct for found in self._each(observable)]

    def _each(self, observable: Observable) -> Iterator[Enrichment]:
        known, unfit = _known_inside(self._inside, observable), why_not(observable)
        status, reason = (Status.NOT_APPLICABLE, unfit) if unfit else (Status.DISABLED, "look-ups are switched off")
        unasked = {
            s: _unasked(s, observable.value, status, reason) for s, kind in SOURCES.items() if kind is observable.kind
        }
        yield from (unasked | known).values()


def _known_inside(inside: Iterable[Inside], observable: Observable) -> dict[str, Enrichment]:
    """What the files say, by source; of a special range they are not asked either, for whatever they said would be wrong."""
    unfit = why_not(observable)
    return {
        source.name: _unasked(source.name, observable.value, Status.NOT_APPLICABLE, unfit)
        if unfit
        else _from_file(source, observable.value)
        for source in inside
        if source.kind is observable.kind
    }


def _from_file(source: Inside, about: str) -> Enrichment:
    known = source.ask(about)
    answer = known.answer
    return Enrichment(
        source=source.name,
        about=about,
        status=answer.status,
        detail=answer.detail,
        age_s=known.age_s,
        reason=answer.reason,
    )


class _Flight:
    """One question on its way, and all who wait for it."""

    def __init__(self, source: Source, about: str, wanted_until: float) -> None:
        self.source, self.about, self.wanted_until = source, about, wanted_until
        self.landed = threading.Event()
        self.enrichment: Enrichment | None = None
        self.fetched: Kept | None = None


def _unasked(source: str, about: str, status: Status, reason: str | None) -> Enrichment:
    return Enrichment(source=source, about=about, status=status, reason=reason)
