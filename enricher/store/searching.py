"""Pages of cases and of deliveries, newest first: what a page costs depends on what it shows, not on what is stored.

Each filter that is left open is spelled out as one part for each value it may have, so that every part is one range of an index which
is read from its end. Words are looked up one way or another: where one of them fits few cases, these are all there is to look at;
where one begins few terms, the cases of these are gone along from the newest; else, or where cases are filtered besides, the newest are
looked through for the words, and soon give a page. Only if they do not, because what fits is old, is all that one word fits sorted: that
costs as much as there is of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice, product
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, null, select, true, union_all

from enricher.model import Severity
from enricher.store.schema import DEAD, cases, deliveries
from enricher.store.schema_people import case_terms
from enricher.store.terms import LAST, sought

STATES = ("open", "recovered", "suppressed")
"""Those of cases that are listed; one that is part of another case is not."""
FEW = 250
"""Cases that one word may fit to be looked at one by one."""
LOOKED_THROUGH = 3_000
"""The newest cases that are looked through for words that fit many."""
FEW_TERMS = 16
"""Terms that one word may begin for each of them to be read on its own."""
GROWTH = 8
_AT_ONCE = 200
Fit = Callable[[Connection, Sequence[str]], Iterable[str]]
"""Those of some cases that fit everything else, newest first."""


def newest_cases(
    conn: Connection, most: int, *, after: str | None, severity: str | None, state: str | None, text: str | None
) -> Sequence[Row[Any]]:
    """The rows of up to `most` cases from below `after`, newest first; `text` as `ports.Reader.cases` says."""
    words = sought(text or "")
    if words:
        found = _ids_by_words(conn, words, most, after, severity, state)
    else:
        found = _ids(conn, _ranked(severity, state, after, most))
    return conn.execute(select(cases).where(cases.c.id.in_(found)).order_by(cases.c.id.desc())).all()


def _ids(conn: Connection, query: Select[Any]) -> list[str]:
    return list(conn.execute(query).scalars())


def _ranked(severity: str | None, state: str | None, after: str | None, most: int) -> Select[Any]:
    """The ids of the newest cases of a severity and a state."""
    if severity is None and state is None:
        everything = _below(select(cases.c.id), cases.c.id, after).where(cases.c.state.in_(STATES))
        return everything.order_by(cases.c.id.desc()).limit(most)
    severities = [one.value for one in Severity] if severity is None else [severity]
    states = STATES if state is None else [state]
    return _merged(
        (
            _below(select(cases.c.id), cases.c.id, after).where(cases.c.severity == one, cases.c.state == other)
            for one, other in product(severities, states)
        ),
        cases.c.id,
        most,
    )


def _below(query: Select[Any], column: ColumnElement[str], after: str | None) -> Select[Any]:
    return query if after is None else query.where(column < after)


def _merged(parts: Iterable[Select[Any]], by: ColumnElement[str], most: int) -> Select[Any]:
    """The newest of all parts, each read no further than the page could need."""
    bounded = [select(part.order_by(by.desc()).limit(most).subquery()) for part in parts]
    together = union_all(*bounded).subquery()
    return select(together).order_by(together.c.id.desc()).limit(most)


# --- by words ---------------------------------------------------------------------------------------------------------


def _ids_by_words(
    conn: Connection, words: Sequence[str], most: int, after: str | None, severity: str | None, state: str | None
) -> list[str]:
    for word in words:
        fits = _ids(conn, select(case_terms.c.case_id).where(_begins(word)).limit(FEW + 1))
        if len(fits) <= FEW:
            newest = sorted({one for one in fits if after is None or one < after}, reverse=True)
            others = [other for other in words if other != word]
            return list(_that_fit(conn, newest, others, severity, state))[:most]
    lead, terms = next(((word, found) for word in words if (found := _few_terms(conn, word))), (words[0], []))
    if severity or state or not terms:
        looked_through = _ranked(severity, state, after, LOOKED_THROUGH).subquery()
        newest_first = select(looked_through.c.id).where(*(_has(looked_through.c.id, word) for word in words))
        found = _ids(conn, newest_first.order_by(looked_through.c.id.desc()).limit(most))
        if len(found) == most:
            return found
    that_fit = partial(_that_fit, words=[word for word in words if word != lead], severity=severity, state=state)
    return _along(conn, _of_terms(terms) if terms else [_begins(lead)], that_fit, most, after)


def _few_terms(conn: Connection, word: str) -> list[str]:
    """All terms that a word begins, one step along the index each; none where they are many."""
    term = case_terms.c.term
    steps = (
        select(func.min(term).label("term"), literal(1).label("number")).where(_begins(word)).cte("steps", recursive=True)
    )
    following = select(func.min(term)).where(term > steps.c.term, term < word + LAST).scalar_subquery()
    goes_on = (steps.c.term.is_not(null()), steps.c.number <= FEW_TERMS)
    steps = steps.union_all(select(following, steps.c.number + 1).where(*goes_on))
    found = list(conn.execute(select(steps.c.term).where(steps.c.term.is_not(null()))).scalars())
    return found if len(found) <= FEW_TERMS else []


def _of_terms(terms: Sequence[str]) -> list[ColumnElement[bool]]:
    return [case_terms.c.term == term for term in terms]


def _that_fit(
    conn: Connection, ids: Sequence[str], words: Sequence[str], severity: str | None, state: str | None
) -> Iterator[str]:
    for start in range(0, len(ids), _AT_ONCE):
        some = cases.c.id.in_(ids[start : start + _AT_ONCE])
        query = select(cases.c.id).where(some, _of(severity, state), *(_has(cases.c.id, word) for word in words))
        yield from _ids(conn, query.order_by(cases.c.id.desc()))


def _along(
    conn: Connection, ranges: Sequence[ColumnElement[bool]], that_fit: Fit, most: int, after: str | None
) -> list[str]:
    """The newest cases of these ranges of terms that fit, looked at some at a time, then ever more. One may be in several.

    A range of one term is read from its end; one of many has to be sorted.
    """
    found: list[str] = []
    size = min(_AT_ONCE, most)
    while True:
        parts = (_below(select(case_terms.c.case_id.label("id")).where(one), case_terms.c.case_id, after) for one in ranges)
        rows = _ids(conn, _merged(parts, case_terms.c.case_id, size))
        found += islice(that_fit(conn, list(dict.fromkeys(rows))), most - len(found))
        if len(found) == most or len(rows) < size:
            return found
        after, size = rows[-1], size * GROWTH


def _begins(word: str) -> ColumnElement[bool]:
    return (case_terms.c.term >= word) & (case_terms.c.term < word + LAST)


def _has(case_id: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """Asked of one case after the other. An EXISTS might be turned into a join with all that has the word."""
    one = select(case_terms.c.case_id).where(case_terms.c.case_id == case_id, _begins(word)).limit(1)
    return one.scalar_subquery().is_not(null())


def _of(severity: str | None, state: str | None) -> ColumnElement[bool]:
    asked = true() if severity is None else cases.c.severity == severity
    return asked & (cases.c.state.in_(STATES) if state is None else cases.c.state == state)


# --- deliveries -------------------------------------------------------------------------------------------------------

DELIVERY_STATES = ("pending", "sending", "unknown", "delivered", "dead", "discarded")


def newest_deliveries(
    conn: Connection, most: int, *, after: str | None, state: str | None, reason: str | None, destination: str | None
) -> Sequence[Row[Any]]:
    """The rows of up to `most` deliveries from below `after`, newest first."""
    newest = deliveries.c.id.desc()
    if reason is None and state is None and destination is None:
        return conn.execute(_below(select(deliveries), deliveries.c.id, after).order_by(newest).limit(most)).all()
    if reason is not None:
        by_reason = _below(select(deliveries).where(deliveries.c.reason == reason), deliveries.c.id, after)
        by_reason = by_reason.where(*([DEAD] if state == "dead" else [deliveries.c.state == state] if state else []))
        by_reason = by_reason.where(*([deliveries.c.destination == destination] if destination else []))
        return conn.execute(by_reason.order_by(newest).limit(most)).all()
    places = _destinations_of(conn, state or "") if destination is None else [destination]
    states = DELIVERY_STATES if state is None else (state,)
    parts = [
        _below(select(deliveries.c.id), deliveries.c.id, after).where(
            deliveries.c.destination == place, deliveries.c.state == one
        )
        for place, one in product(places, states)
    ]
    ids = _ids(conn, _merged(parts, deliveries.c.id, most)) if parts else []
    return conn.execute(select(deliveries).where(deliveries.c.id.in_(ids)).order_by(newest)).all()


def _destinations_of(conn: Connection, state: str) -> list[str]:
    """The names of all destinations that have deliveries of a state, one step along the index each."""
    found: list[str] = []
    of_state = select(func.min(deliveries.c.destination)).where(deliveries.c.state == state)
    name = conn.execute(of_state).scalar_one()
    while name is not None:
        found.append(name)
        name = conn.execute(of_state.where(deliveries.c.destination > name)).scalar_one()
    return found
