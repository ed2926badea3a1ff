"""The words by which cases are found. They are kept in small letters, one row for each word of each case.

A host or tenant is found by its start and by the start of each of its labels, so what is kept of `ws-1.corp.example` is that,
`corp.example` and `example`. Words are written with the case, in its transaction. A case that has none was stored by a version
that knew of none: `fill` finds it by that, as often as it is asked, so that it may be broken off and older versions may go on storing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Integer, bindparam, delete, exists, select, tuple_

from enricher.core.document import CaseDocument
from enricher.store.access import Access
from enricher.store.database import Transaction, insert_new
from enricher.store.schema import TEXT, cases
from enricher.store.schema_people import TERM, case_terms
from enricher.store.statements import add, fetch
from enricher.store.types import clean

LOOKED_AT = 2_000
"""Cases that one read looks at for those without words."""
FILLED = 100
"""Cases a transaction: each may bring a dozen rows, and everybody else's writes wait for it."""
LAST = "\U0010ffff"
"""Sorts after everything that continues a word."""


def words_of(document: Mapping[str, Any], key: str) -> frozenset[str]:
    """A case's words: host, tenant and host name with what follows each dot, process, user with and without domain, key."""
    found = {key, document["host"], document.get("hostname"), document.get("tenant")}
    for name in (document["host"], document.get("tenant")):
        found.update(_after_each(".", name or ""))
    found.add((document.get("process") or {}).get("name"))
    user = document.get("user") or ""
    found.update((user, user.rpartition("\\")[2]))
    return frozenset(word for one in found if one and (word := stored_word(one)))


def stored_word(text: str) -> str:
    """A word as the table has it. One character less than would fit, so that `LAST` still goes behind it."""
    return clean(text).casefold()[: (TERM.limit or 0) - 1]


def sought(text: str) -> list[str]:
    """The words of a search, each once. Names are looked for as they are, however they were defanged."""
    plain = text.replace("[.]", ".").replace("[:]", ":")
    return list(dict.fromkeys(filter(None, map(stored_word, plain.split()))))


def keep_words(tx: Transaction, key: str, case_id: str, before: Mapping[str, Any] | None, after: CaseDocument) -> None:
    """Let a case be found by the words that it has now; a case that has kept its words costs nothing."""
    old, new = words_of(before, key) if before else frozenset[str](), words_of(after, key)
    if old == new:
        return
    _add(tx, [(word, case_id) for word in sorted(new)])
    if gone := [(word, case_id) for word in sorted(old - new)]:
        of_it = tuple_(case_terms.c.term, case_terms.c.case_id)
        tx.conn.execute(delete(case_terms).where(of_it.in_(gone)))


def fill(access: Access, after: str = "") -> str | None:
    """Give words to the cases that have none, among the next few after that id: the id to go on from; None at the end."""
    with access.read() as conn:
        looked_at = fetch(conn, _NEXT, {"after": after, "limit": LOOKED_AT})
        without = [row.id for row in looked_at if row.term is None]
    for start in range(0, len(without), FILLED):
        some = without[start : start + FILLED]
        access.write(lambda tx, ids=some: _fill(tx, ids))  # type: ignore[misc] # bound as a default, as a loop wants it
    return looked_at[-1].id if len(looked_at) == LOOKED_AT else None


def _fill(tx: Transaction, ids: list[str]) -> None:
    """Cases that have got words meanwhile are left as they are, and those that somebody is at for the next time."""
    still = ~exists().where(case_terms.c.case_id == cases.c.id)
    wordless = select(cases.c.key, cases.c.id, cases.c.document).where(cases.c.id.in_(ids), still)
    found = tx.conn.execute(wordless.with_for_update(skip_locked=True)).all()
    _add(tx, [(word, row.id) for row in found for word in sorted(words_of(row.document, row.key))])


def _add(tx: Transaction, pairs: list[tuple[str, str]]) -> None:
    rows = [{"term": term, "case_id": case_id} for term, case_id in pairs]
    add(tx.conn, insert_new(tx.conn.dialect.name, case_terms), rows)


def _after_each(sign: str, name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.partition(sign)[2]


_ANY_WORD = select(case_terms.c.term).where(case_terms.c.case_id == cases.c.id).limit(1).scalar_subquery()
_NEXT = (
    select(cases.c.id, _ANY_WORD.label("term"))
    .where(cases.c.id > bindparam("after", type_=TEXT))
    .order_by(cases.c.id)
    .limit(bindparam("limit", type_=Integer))
)
