"""What a person has said of a case, in its ticket: read from the webhooks of Jira and ServiceNow.

Every value comes from whoever may edit the ticket. It is data: compared with lists of words, cut, secrets masked; nothing of it is
ever markup or part of a query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from enricher.core.secrets import mask
from enricher.errors import PayloadError

MAX_BY, MAX_NOTE, MAX_ID = 100, 500, 200
MAX_LABELS = 50
_OURS = "enricher-"
"""How a case key begins, among the labels of an issue."""
_FOLLOWING = re.compile(r"-g[0-9]+\Z")


class Said(StrEnum):
    """What a closed ticket says of its case. `none` takes back what was said before: reopened, or closed for another reason."""

    FALSE_POSITIVE = "false_positive"
    TRUE_POSITIVE = "true_positive"
    NONE = "none"


PHRASES = {
    Said.FALSE_POSITIVE: "A false positive",
    Said.TRUE_POSITIVE: "A true positive",
    Said.NONE: "What was said before is taken back",
}
"""For people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One word on a case. `at` is when it was said, by the ticket's own clock, never later than it was stored.

    `source` is `jira`, `servicenow`, `slack` or `console`; `by` and `note` are text from there, cut and with secrets masked.
    """

    said: Said
    by: str
    at: datetime
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """Which resolutions (Jira) or close codes (ServiceNow) say what; compared without case."""

    false_positive: frozenset[str]
    true_positive: frozenset[str]

    @classmethod
    def of(cls, false_positive: Iterable[str], true_positive: Iterable[str]) -> Words:
        return cls(frozenset(map(_folded, false_positive)), frozenset(map(_folded, true_positive)))

    def said(self, word: str | None) -> Said:
        """What a resolution or close code says; `none` where there is none, or it is in neither list."""
        folded = _folded(word or "")
        if folded in self.false_positive:
            return Said.FALSE_POSITIVE
        return Said.TRUE_POSITIVE if folded in self.true_positive else Said.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketWord:
    """What one webhook says. `tickets` name the ticket as we store it, `keys` the case by what we wrote into it.

    `at` is None where the body gives no time.
    """

    tickets: tuple[str, ...]
    keys: tuple[str, ...]
    said: Said
    by: str
    note: str
    at: datetime | None


def from_jira(document: object, words: Words) -> TicketWord | None:
    """Jira's `jira:issue_updated`, or the issue as an automation rule sends it. None where it says nothing of a resolution.

    Raises PayloadError. Source: developer.atlassian.com/cloud/jira/platform/webhooks.
    """
    body = _object(document)
    issue = _mapping(body.get("issue")) or body
    fields = _mapping(issue.get("fields"))
    key = _text(issue.get("key"), MAX_ID)
    if not key or "resolution" not in fields:
        return None
    resolution = _text(_mapping(fields["resolution"]).get("name"), MAX_NOTE)
    user = _mapping(body.get("user"))
    names = (_text(user.get(name), MAX_BY) for name in ("displayName", "name", "emailAddress", "accountId"))
    return TicketWord(
        tickets=(key,),
        keys=tuple(_keys(fields.get("labels"))),
        said=words.said(resolution),
        by=next(filter(None, names), "") or "unknown",
        note=f"resolution {resolution}" if resolution else "no resolution",
        at=_milliseconds(body.get("timestamp")),
    )


def from_servicenow(document: object, words: Words) -> TicketWord | None:
    """What the business rule of docs/tuning.md sends: flat, all values text. None where it names no record or no `close_code`.

    Raises PayloadError.
    """
    body = _object(document)
    sys_id, key = _text(body.get("sys_id"), MAX_ID), _text(body.get("correlation_id"), MAX_ID)
    if not (sys_id or key) or "close_code" not in body:
        return None
    code = _text(body["close_code"], MAX_NOTE) if _is_closed(body) else ""
    notes = _text(body.get("close_notes"), MAX_NOTE)
    return TicketWord(
        tickets=(sys_id,) if sys_id else (),
        keys=tuple(_keys([key])),
        said=words.said(code),
        by=_text(body.get("by"), MAX_BY) or "unknown",
        note=": ".join(filter(None, (f"close code {code}", notes)))[:MAX_NOTE] if code else "not closed",
        at=_utc(body.get("at")),
    )


READERS = {"jira": from_jira, "servicenow": from_servicenow}
"""Source to what reads its webhooks."""


def _object(document: object) -> Mapping[str, object]:
    if not isinstance(document, dict):
        raise PayloadError("not_an_object", "the body is not a JSON object")
    return document


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object, limit: int) -> str:
    return mask(" ".join(value.split()))[:limit] if isinstance(value, str) else ""


def _folded(word: str) -> str:
    return " ".join(word.split()).casefold()


def _keys(labels: object) -> Iterator[str]:
    """What of the labels may be a case key; a ticket that follows a closed one has a number behind it."""
    for label in labels[:MAX_LABELS] if isinstance(labels, list) else ():
        if isinstance(label, str) and label.startswith(_OURS) and len(label) <= MAX_ID:
            yield _FOLLOWING.sub("", label)


def _is_closed(body: Mapping[str, object]) -> bool:
    """A record that is reopened keeps its close code on many instances, so the rule says whether it is closed."""
    return str(body.get("closed", True)).strip().lower() in {"true", "1", "yes"}


def _milliseconds(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None


def _utc(value: object) -> datetime | None:
    """ServiceNow's own form, `2026-11-24 08:00:00`, which is UTC; ISO 8601 too."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC) if at else None
