"""A replay beside what is stored: which cases came out otherwise, and what was known then that is not now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from enricher.core.comparison import BANDS, CaseChange, changed, moved_to, pairs, stand_of
from enricher.core.document import CaseDocument
from enricher.ports import CaseRecord, Reader
from enricher.store.ids import first_id
from enricher.wiring.replay import Anew

PAGE = 200
HORIZON = timedelta(hours=1)
"""A difference in how far history goes back that is worth a note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How the cases of a time have changed.

    `before` and `now` count them by band, suppressed ones apart; `incomplete` are the keys of those that rest on payloads
    forgotten since, which are not compared.
    """

    before: Mapping[str, int]
    now: Mapping[str, int]
    incomplete: tuple[str, ...]
    changes: tuple[CaseChange, ...]

    @property
    def cases(self) -> int:
        """How many there were before."""
        return sum(self.before.values())


def compared(stored: Reader, anew: Anew) -> Compared:
    """Every case of the time, as `stored` has it and as judged anew. Of each, only what changed is kept."""
    return _Comparison(stored, anew).run()


class _Comparison:
    def __init__(self, stored: Reader, anew: Anew) -> None:
        self._stored, self._anew = stored, anew
        self._seen: set[str] = set()
        self._incomplete: list[str] = []
        self._before: Counter[str] = Counter()
        self._now: Counter[str] = Counter()

    def run(self) -> Compared:
        changes = self._paired([*self._of_stored(), *self._of_touched()])
        before, now = ({band: count[band] for band in BANDS} for count in (self._before, self._now))
        return Compared(before=before, now=now, incomplete=tuple(self._incomplete), changes=tuple(changes))

    def _of_stored(self) -> Iterator[CaseChange]:
        first, after = first_id(self._anew.since), None
        while True:
            page = self._stored.cases(limit=PAGE, after=after)
            for record in page.items:
                if record.alerts and record.alerts[-1] >= first:
                    yield from self._against(record)
            if page.next is None:
                return
            after = page.next

    def _of_touched(self) -> Iterator[CaseChange]:
        """What the replay has, and the stored cases of the time have not."""
        for touched in self._anew.touched:
            becomes = self._anew.reader.case(touched)
            if becomes is None or becomes.key in self._seen:
                continue
            self._seen.add(becomes.key)
            record = self._stored.case(becomes.key)
            if record is not None and record.key not in self._seen:
                yield from self._against(record)
            elif record is None:
                stand = stand_of(becomes.document)
                self._now[stand.band] += 1
                yield CaseChange(kind="opened", now=stand)

    def _against(self, record: CaseRecord) -> Iterator[CaseChange]:
        becomes = self._anew.reader.case(record.key)
        self._seen |= {record.key, *([becomes.key] if becomes else [])}
        if self._anew.first_at is None or record.opened_at < self._anew.first_at:
            self._incomplete.append(record.key)
            return
        stand = stand_of(record.document)
        self._before[stand.band] += 1
        if becomes is None:
            yield CaseChange(kind="gone", before=stand)
            return
        self._now[stand_of(becomes.document).band] += 1
        notes = _notes(record, becomes.document, self._anew.unrecorded)
        change = changed(record.document, becomes.document, reopened=_reopened(record), notes=notes)
        if change is not None:
            yield change

    def _paired(self, changes: Sequence[CaseChange]) -> Iterator[CaseChange]:
        """The changes, those that are one case under another key as one."""
        renamed = {before.about.key: now.about.key for before, now in pairs(changes)}
        for change in changes:
            key = change.about.key
            if change.kind == "gone" and key in renamed:
                was, becomes = self._stored.case(key), self._anew.reader.case(renamed[key])
                yield moved_to(was.document, becomes.document) if was and becomes else change
            elif not (change.kind == "opened" and key in renamed.values()):
                yield change


def _reopened(record: CaseRecord) -> bool:
    return any(item["kind"] == "reopened" and item["text"].startswith("Reopened by") for item in record.news)


def _notes(record: CaseRecord, becomes: CaseDocument, unrecorded: frozenset[str]) -> list[str]:
    """What was known then and is not now."""
    notes = []
    before, now = (_since(document) for document in (record.document, becomes))
    if before is not None and now is not None and now - before > HORIZON:
        notes.append(f"history went back to {before:%Y-%m-%d} then, here it begins on {now:%Y-%m-%d}")
    missed = sorted({entry["about"] for entry in becomes["enrichments"]} & unrecorded)
    if missed:
        notes.append(f"no look-up of {', '.join(missed)} is recorded")
    return notes


def _since(document: CaseDocument) -> datetime | None:
    since = document.get("history_since")
    return datetime.fromisoformat(since) if since else None
