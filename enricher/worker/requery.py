"""Nothing stays hidden: what Sumo Logic does not send of an alert by itself is searched, and accepted as one more alert.

While an alert is open its search is run again, stretch by stretch, without gap or overlap, and once more when it has recovered; where
rows were cut, the alert's own time is searched. What was done stands in the chore: the next stretch is planned only when the rows of
this one are in the inbox, and rows of one stretch are accepted once, whoever dies in between.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zlib import crc32

import structlog

from enricher.core import requery
from enricher.core.drift import query_digest
from enricher.core.kit.queries import Query
from enricher.core.payload import read
from enricher.core.requery import LAG, LONGEST, SOURCE, OpenAlert, Record, Window, ms
from enricher.errors import PayloadError, Unsearchable
from enricher.model import Alert, Kind
from enricher.ports import (
    Chore,
    Chores,
    ClaimedAlert,
    ClaimedChore,
    FoundRows,
    Inbox,
    OpenAlerts,
    RowSearch,
    Settlement,
    Submission,
)
from enricher.telemetry import REQUERIES

log = structlog.get_logger()

AGAIN, REST = "requery", "rest"
"""The kinds of its chores."""
REST_AFTER_S = 10.0
FAILED_AGAIN_S = 300.0
BUSY_AGAIN_S = 5.0
"""Another thread searches: most likely the very same."""
SPREAD_S = 30
REST_TRIED_FOR = timedelta(days=1)
GIVEN_UP_AFTER = timedelta(days=7)
"""A stretch that could not be searched for so long."""
KEPT_ROWS = 20_000
"""Rows of the last searches that are kept for other alerts that are open."""
_OF_A_SEARCH = frozenset({Kind.MONITOR, Kind.SCHEDULED_SEARCH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Requery:
    """What it is given. `queries` are the searches of a digest, `core.requery.Searches.chosen`; `every` is how often an open alert
    is asked about, zero: never.
    """

    inbox: Inbox
    chores: Chores
    open_alerts: OpenAlerts
    search: RowSearch
    queries: Callable[[str | None], tuple[Query, ...]]
    submission: Callable[[bytes, str], Submission | None]
    clock: Callable[[], datetime]
    every: timedelta


class Requeries:
    """Plans the chores when alerts are settled, and does them."""

    def __init__(self, given: Requery) -> None:
        self._given = given
        self._guard = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], FoundRows] = OrderedDict()

    @property
    def also(self) -> Mapping[str, Callable[[ClaimedChore], str]]:
        """What `worker.chores.Round.also` takes."""
        return {AGAIN: self._again, REST: self._rest}

    @property
    def endless(self) -> frozenset[str]:
        """What `worker.chores.Round.endless` takes."""
        return frozenset({AGAIN, REST})

    # --- when an alert is settled -----------------------------------------------------------------------------------

    def prepared(self, claim: ClaimedAlert, settlement: Settlement) -> Settlement:
        """The settlement with what is to be searched because of it. What we have searched ourselves plans nothing."""
        ref = claim.alert_ref or settlement.alert_ref
        if claim.source == SOURCE:
            return replace(settlement, late=bool(ref and self._given.open_alerts.ended_at(ref)))
        chores = [*settlement.chores]
        if settlement.cut and settlement.kind in _OF_A_SEARCH and requery.own_window(*settlement.span):
            begun = str(ms(claim.received_at))
            subject = {"alert": claim.alert_id, "begun": begun}
            chores.append(Chore(name=f"{REST}:{claim.alert_id}", kind=REST, subject=subject, after_s=REST_AFTER_S))
        if ref and self._given.every and (chore := self._of_open(claim, ref, settlement)):
            chores.append(chore)
        return replace(settlement, chores=tuple(chores))

    def _of_open(self, claim: ClaimedAlert, ref: str, settlement: Settlement) -> Chore | None:
        """For a trigger the first search; for a recovery the last one, sooner. A further trigger puts nothing off."""
        name = f"{AGAIN}:{ref}"
        if settlement.recovers:
            return Chore(name=name, kind=AGAIN, after_s=LAG.total_seconds(), keeps=True)
        if settlement.kind != Kind.MONITOR or not settlement.rows:
            return None
        since = requery.first_since(settlement.span[1], claim.received_at)
        subject = {"alert": claim.alert_id, "ref": ref, "since": str(ms(since)), "from": str(ms(claim.received_at))}
        subject |= {"query": settlement.query} if settlement.query else {}
        subject |= {"group": "yes"} if settlement.group else {}
        window = requery.next_window(since, self._given.every, None)
        after_s = self._until(window, claim.received_at) if window else 0.0
        return Chore(name=name, kind=AGAIN, subject=subject, after_s=after_s, keeps=True)

    # --- an open alert ----------------------------------------------------------------------------------------------

    def _again(self, claim: ClaimedChore) -> str:
        """One stretch of an open alert, and the next one planned."""
        subject = claim.subject
        ref, since = subject.get("ref"), requery.moment(subject.get("since", "0"))
        alert = self._alert(subject)
        if ref is None or alert is None:
            return "forgotten"
        window = self._next(subject, since)
        if window is None:
            return "over"
        if self._given.clock() - window.ends > GIVEN_UP_AFTER:
            log.error("requery_given_up", alert=ref, since=window.begins.isoformat())
            REQUERIES.labels("open", "given_up").inc()
            return "given_up"
        if (early_s := self._until(window, self._given.clock())) > 0:
            self._plan(claim, early_s)
            return "early"
        own = OpenAlert(ref=ref, alert_id=subject["alert"], query=subject.get("query"), grouped="group" in subject)
        found = self._found(own.query, window)
        if found.status == "partial" and (half := (window.ends - window.begins) / 2) >= requery.SHORTEST:
            self._plan(claim, 0.0, span=str(int(half.total_seconds())))
            return self._ended("open", "halved", found)
        if found.status not in {"done", "partial"}:
            self._plan(claim, _rest_s(claim, found))
            return self._ended("open", found.status, found)
        rows = self._owned(found, alert, own, window)
        new = self._accept(alert, rows, window, f"{AGAIN}:{ref}:{ms(window.begins)}")
        self._go_on(claim, window)
        return self._ended("open", found.status if found.reason else "new" if new else "nothing", found)

    def _next(self, subject: Mapping[str, str], since: datetime) -> Window | None:
        ended_at = self._given.open_alerts.ended_at(subject["ref"])
        longest = requery.moment(subject.get("from", subject["since"])) + LONGEST
        ends = min(ended_at, longest) if ended_at is not None else longest
        span = timedelta(seconds=int(subject["span"])) if "span" in subject else None
        return requery.next_window(since, self._given.every, ends, span)

    def _go_on(self, claim: ClaimedChore, done: Window) -> None:
        """Plan the next stretch, which ends this one; nothing where it was the last."""
        rest = {name: value for name, value in claim.subject.items() if name != "span"}
        subject = {**rest, "since": str(ms(done.ends))}
        window = self._next(subject, done.ends)
        if window is not None:
            after_s = self._until(window, self._given.clock())
            self._given.chores.plan([Chore(name=claim.name, kind=AGAIN, subject=subject, after_s=after_s)])

    def _until(self, window: Window, now: datetime) -> float:
        """Seconds until what was received in a stretch can be found."""
        return max(0.0, (window.ends + LAG - now).total_seconds())

    def _plan(self, claim: ClaimedChore, after_s: float, **more: str) -> None:
        """The same once more: planning it takes it from ourselves, so that to have been tried often is no reason to give up."""
        self._given.chores.plan(
            [Chore(name=claim.name, kind=claim.kind, subject={**claim.subject, **more}, after_s=after_s)]
        )

    # --- a cut alert ------------------------------------------------------------------------------------------------

    def _rest(self, claim: ClaimedChore) -> str:
        """The rows that an alert was cut by; its cases say how that went."""
        alert_id, alert = claim.subject["alert"], self._alert(claim.subject)
        window = requery.own_window(alert.started_at, alert.ended_at) if alert else None
        if alert is None or window is None:
            return "forgotten"
        own = OpenAlert(
            ref=alert.alert_ref or "", alert_id=alert_id, query=query_digest(alert.query), grouped=bool(alert.group)
        )
        found = self._found(own.query, window)
        if found.status not in {"done", "partial"}:
            return self._rest_failed(claim, alert, found)
        rows = requery.records_of(found.rows) if not own.ref else self._owned(found, alert, own, window)
        rest = requery.without(rows, alert)
        self._accept(alert, rest, window, f"{REST}:{alert_id}")
        self._given.open_alerts.say(alert_id, requery.rest_line(alert, fetched=len(rest), why=found.reason))
        return self._ended("cut", found.status if found.reason else "new" if rest else "nothing", found)

    def _rest_failed(self, claim: ClaimedChore, alert: Alert, found: FoundRows) -> str:
        begun = requery.moment(claim.subject["begun"])
        again = self._given.clock() - begun < REST_TRIED_FOR
        if found.status != "busy":
            line = requery.rest_line(alert, why=found.reason, again=again)
            self._given.open_alerts.say(claim.subject["alert"], line)
        if again:
            self._plan(claim, _rest_s(claim, found))
        return self._ended("cut", found.status if again else "given_up", found)

    # --- both -------------------------------------------------------------------------------------------------------

    def _alert(self, subject: Mapping[str, str]) -> Alert | None:
        body = self._given.inbox.body(subject["alert"]) if "alert" in subject else None
        try:
            return read(body) if body is not None else None
        except PayloadError:  # an older version has read it otherwise
            return None

    def _found(self, digest: str | None, window: Window) -> FoundRows:
        """What the searches find; once for all alerts that ask for the same, and never two of them at a time."""
        try:
            texts = tuple(query.text for query in self._given.queries(digest))
        except Unsearchable as error:
            return FoundRows(status="failed", reason=error.detail)
        if not self._guard.acquire(blocking=False):
            return FoundRows(status="busy", reason="another search is running", retry_after=BUSY_AGAIN_S)
        try:
            key = (texts, window)
            found = self._kept.get(key) or self._given.search.rows(texts, *window)
            if found.status == "done":
                self._keep(key, found)
            return found
        finally:
            self._guard.release()

    def _keep(self, key: tuple[object, ...], found: FoundRows) -> None:
        self._kept[key] = found
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(1 + len(one.rows) for one in self._kept.values()) > KEPT_ROWS:
            self._kept.popitem(last=False)

    def _owned(self, found: FoundRows, alert: Alert, own: OpenAlert, window: Window) -> list[Record]:
        """The rows of this alert, and not those of one that was open beside it by then."""
        if not found.rows:
            return []
        searched = self._given.queries(own.query)
        beside = [
            one
            for one in self._given.open_alerts.asked_about()
            if self._given.queries(one.query) == searched and (one.ended_at is None or one.ended_at > window.begins)
        ]
        hosts = next((one.hosts for one in beside if one.ref == own.ref), frozenset[str]())
        return requery.owned(requery.records_of(found.rows), alert, replace(own, hosts=hosts), beside)

    def _accept(self, alert: Alert, rows: list[Record], window: Window, identity: str) -> int:
        """Put rows into the inbox, once for each stretch: a process that died may have done so before. How many are new."""
        new = 0
        for part, body in enumerate(requery.bodies(alert, rows, window)):
            sent = self._given.submission(body, SOURCE)
            if sent is None:
                continue
            ours = replace(sent, source=SOURCE, identity=identity, row_digests=frozenset({requery.part_digest(part)}))
            receipt = self._given.inbox.accept(ours)
            new += not receipt.duplicate
            log.info("rows_accepted", alert=receipt.alert_id, of=alert.alert_ref, duplicate=receipt.duplicate)
        return new

    def _ended(self, why: str, outcome: str, found: FoundRows) -> str:
        REQUERIES.labels(why, outcome).inc()
        if found.status == "failed":
            log.error("requery_failed", why=why, reason=found.reason)
        return outcome


def _rest_s(claim: ClaimedChore, found: FoundRows) -> float:
    """How long to leave it. Many that wait for one search do not all come back at once."""
    spread = crc32(claim.name.encode()) % SPREAD_S if found.status == "busy" else 0
    return (found.retry_after or FAILED_AGAIN_S) + spread
