"""Names → sys_ids: the group and the caller that a record is given, and the configuration item of its host.

A query that the instance does not understand returns unrelated records, and a wrong reference sends a ticket where nobody
looks. So what comes back is compared before it is believed, and whatever is not exactly one is left out and said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from cachetools import TLRUCache

from enricher.core.document import CaseDocument, Json
from enricher.destinations.servicenow_body import Form
from enricher.destinations.servicenow_session import Session
from enricher.errors import DeliveryError, Outcome, Reason

FOUND_S = 3600.0
"""How long a sys_id is remembered."""
ABSENT_S = 600.0
"""How long it is remembered that there is none."""
UNANSWERED_S = 60.0
"""How long a look-up that failed is not repeated; the ticket goes out without it."""
REMEMBERED = 4096
MOST_HITS = 20

SYS_ID = re.compile(r"[0-9a-f]{32}")
NAME = re.compile(r"[^\^\x00-\x1f\x7f]{1,100}")
"""What may stand in a query: `^` would begin another condition."""
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*")
"""Host names come from logs: nothing else enters a query."""


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to one look-up: a sys_id, or None and what is to be said of it."""

    sys_id: str | None
    remark: str = ""
    keep_s: float = FOUND_S


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of references: what an entry is called, and the fields that may hold the name."""

    table: str
    word: str
    names: tuple[str, ...]


GROUP = Kind("sys_user_group", "assignment group", ("name",))
CALLER = Kind("sys_user", "caller", ("user_name", "email"))
ITEM = Kind("cmdb_ci", "configuration item", ("name", "fqdn"))


class References:
    """Look-ups for one instance, remembered. `group` and `caller` are names or sys_ids."""

    def __init__(
        self,
        session: Session,
        form: Form,
        *,
        group: str | None = None,
        caller: str | None = None,
        cmdb: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._session, self._cmdb = session, cmdb
        wanted = (("assignment_group", GROUP, group), (form.caller_field, CALLER, caller))
        self.named = {field: (kind, name) for field, kind, name in wanted if name}
        self.fields = (*self.named, *(("cmdb_ci",) if cmdb else ()))
        self._lock = Lock()
        self._known: TLRUCache[tuple[str, str], Found] = TLRUCache(
            REMEMBERED, ttu=lambda _, found, now: now + found.keep_s, timer=clock
        )

    def of(self, document: CaseDocument) -> tuple[dict[str, str], list[str]]:
        """The sys_ids by field, and remarks about what is left out. Raises DeliveryError while group or caller cannot be asked
        for: that will pass, and a ticket without its group may be seen by nobody.
        """
        found = {field: self.reference(kind, name) for field, (kind, name) in self.named.items()}
        if self._cmdb:
            found["cmdb_ci"] = self._item(document["host"])
        return (
            {field: one.sys_id for field, one in found.items() if one.sys_id},
            [one.remark for one in found.values() if one.remark],
        )

    def reference(self, kind: Kind, name: str) -> Found:
        """A sys_id is believed as it is; a name must be that of exactly one active entry."""
        if SYS_ID.fullmatch(name):
            return Found(name)
        return self._remembered(kind, name, lambda: self._reference(kind, name))

    def _reference(self, kind: Kind, name: str) -> Found:
        try:
            rows = self._rows(kind, [(field, name) for field in kind.names], "^active=true")
        except DeliveryError as error:
            if error.reason is Reason.AUTH:
                raise
            if error.outcome is Outcome.REJECTED:
                return Found(None, f"No {kind.word} is set: {name!r} cannot be looked up ({error.reason}).", ABSENT_S)
            reason = error.reason if error.outcome is Outcome.NOT_SENT else Reason.CONNECT  # no ticket was sent
            detail = f"{kind.word} not looked up: {error.detail}"
            raise self._session.service.error(reason, detail, retry_after=error.retry_after) from None
        active = [row for row in rows if str(row.get("active")).lower() != "false"]
        return _exactly_one(kind, name, [row for row in active if _holds(row, kind.names, {name.casefold()})])

    def _item(self, host: str) -> Found:
        name = host.rstrip(".").lower()
        if not _HOST.fullmatch(name):
            return Found(None, "No configuration item is set: the host's name is not one that is looked up.")
        return self._remembered(ITEM, name, lambda: self._item_of(name))

    def _item_of(self, name: str) -> Found:
        """By its name, long or short, and by its FQDN, in either case: whether a query minds is the database's business.

        Never fails: a ticket does not wait for the CMDB.
        """
        short = name.partition(".")[0]
        asked = (("name", name), ("name", short), ("fqdn", name))
        try:
            wanted = [(field, cased) for field, text in asked for cased in (text, text.upper())]
            rows = self._rows(ITEM, wanted)
        except DeliveryError as error:
            remark = f"No configuration item is set: the CMDB could not be asked ({error.reason})."
            return Found(None, remark, UNANSWERED_S)
        return _exactly_one(ITEM, name, [row for row in rows if _is_host(row, name, short)])

    def _rows(self, kind: Kind, wanted: Sequence[tuple[str, str]], further: str = "") -> list[Json]:
        conditions = [f"{field}={value}" for field, value in dict.fromkeys(wanted)]
        params = {
            "sysparm_query": "^OR".join(conditions) + further,
            "sysparm_fields": ",".join(("sys_id", "active", *kind.names)),
            "sysparm_limit": str(MOST_HITS),
        }
        answer = self._session.call("GET", f"/api/now/v2/table/{kind.table}", params=params)
        return self._session.service.objects(answer.data, "result")

    def _remembered(self, kind: Kind, name: str, ask: Callable[[], Found]) -> Found:
        with self._lock:
            known = self._known.get((kind.table, name))
        if known is None:
            known = ask()
            with self._lock:
                self._known[kind.table, name] = known
        return known


def _holds(row: Mapping[str, object], names: Sequence[str], wanted: set[str]) -> bool:
    return any(str(row.get(name)).casefold() in wanted for name in names)


def _is_host(row: Mapping[str, object], name: str, short: str) -> bool:
    """A short name alone is not enough where the item says that it lives in another domain."""
    fqdn, called = (str(row.get(field) or "").rstrip(".").lower() for field in ("fqdn", "name"))
    if name in {fqdn, called}:
        return True
    return called == short and (not fqdn or "." not in name)


def _exactly_one(kind: Kind, name: str, rows: Sequence[Mapping[str, object]]) -> Found:
    ids = {row["sys_id"] for row in rows if SYS_ID.fullmatch(str(row.get("sys_id")))}
    if len(ids) == 1:
        return Found(str(ids.pop()))
    count = f"{len(ids)} are" if ids else "none is"
    return Found(None, f"No {kind.word} is set: {count} called {name}.", ABSENT_S)
