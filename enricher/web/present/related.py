"""Cases near one: of the same tenant, and of the same host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from enricher.ports import CaseRecord, Related
from enricher.web.present.fitted import brief
from enricher.web.present.whole import row

_NAME = 120
"""Bytes of a name on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """One of them in a line; names may hold text from logs."""

    key: str
    state: str
    severity: str
    score: int
    process: str | None
    target: str | None
    host: str | None
    updated_at: datetime


def neighbours(related: Related) -> list[tuple[str, list[Neighbour]]]:
    """`same tenant`, `same host` with the cases there; without those that have none, and each case once."""
    of_tenant = list(map(_neighbour, related.of_tenant))
    known = {one.key for one in of_tenant}
    return list(
        _filled((("Same tenant", of_tenant), ("Same host", [_neighbour(r) for r in related.of_host if r.key not in known])))
    )


def _filled(groups: Iterable[tuple[str, list[Neighbour]]]) -> Iterable[tuple[str, list[Neighbour]]]:
    return (group for group in groups if group[1])


def _neighbour(record: CaseRecord) -> Neighbour:
    case = row(record.document)
    return Neighbour(
        key=record.key,
        state=record.state,
        severity=case["severity"] or "informational",
        score=case["score"] or 0,
        process=_cut(case["process"]["name"]),
        target=_cut(case["tenant"] or case["hostname"] or case["destination"]["ip"]),
        host=_cut(case["host"]),
        updated_at=record.updated_at,
    )


def _cut(name: str | None) -> str | None:
    return None if name is None else brief(name, _NAME)
