"""What the console asks for, judged by SQLite's plans: nothing is read from one end to the other. PostgreSQL plans by size."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from enricher.store import Store, open_store, searching
from enricher.store.reading import Reader
from tests.store.fakes import SEC_12, Clock, counting_merge, deliver, document, settle, to_all_if_open

Asked = Callable[[Reader], object]
_READ_WHOLE = re.compile(
    r"^SCAN (cases|deliveries|alerts|case_terms|case_aliases|feedback|audit|case_work|news|repeats)( USING COVERING INDEX (?!sqlite_autoindex|.*_dead|.*_open).*)?$"
)


@pytest.fixture
def on_sqlite(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """A store with one case that has everything."""
    with closing(
        open_store(f"sqlite:///{tmp_path}/e.db", clock=clock, merge=counting_merge, deliver_to=to_all_if_open)
    ) as s:
        s.upgrade()
        settle(s, "a", document())
        yield s


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """What SQLAlchemy runs meanwhile."""
    ran: list[tuple[str, Any]] = []

    def note(_conn: object, _cursor: object, sql: str, values: Any, _context: object, _many: object) -> None:
        ran.append((sql, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda r: r.cases(limit=5), id="cases"),
        pytest.param(lambda r: r.cases(limit=5, after="0"), id="cases after"),
        pytest.param(lambda r: r.cases(limit=5, severity="high"), id="severity"),
        pytest.param(lambda r: r.cases(limit=5, state="suppressed", after="Z"), id="state"),
        pytest.param(lambda r: r.cases(limit=5, severity="low", state="open"), id="severity and state"),
        pytest.param(lambda r: r.cases(limit=5, text="ws-1"), id="a word"),
        pytest.param(lambda r: r.cases(limit=5, text="ws-1 lab", severity="high"), id="words and severity"),
        pytest.param(lambda r: r.deliveries(limit=5), id="deliveries"),
        pytest.param(lambda r: r.deliveries(limit=5, state="discarded"), id="deliveries by state"),
        pytest.param(lambda r: r.deliveries(limit=5, destination="jira"), id="deliveries by destination"),
        pytest.param(lambda r: r.deliveries(limit=5, state="dead", reason="gone"), id="dead by reason"),
        pytest.param(lambda r: r.dead_alerts(limit=5), id="quarantine"),
        pytest.param(lambda r: r.dead_letters(), id="dead letters counted"),
        pytest.param(lambda r: r.audit(limit=5), id="audit"),
        pytest.param(lambda r: r.audit(limit=5, item_id="x"), id="audit of one item"),
        pytest.param(lambda r: r.audit(limit=5, by="anna"), id="audit of one person"),
        pytest.param(lambda r: r.case("case-1"), id="case"),
        pytest.param(lambda r: r.related(r.case("case-1"), 5), id="related"),
        pytest.param(lambda r: r.overview(r.case("case-1").opened_at), id="overview"),
        pytest.param(lambda r: r.backlog(), id="backlog"),
        pytest.param(lambda r: r.condition(), id="condition"),
        pytest.param(lambda r: r.sources(), id="sources"),
        pytest.param(lambda r: r.destinations(), id="destinations"),
    ],
)
@pytest.mark.parametrize("few", [0, 1000], ids=["words fit many", "words fit few"])
def test_nothing_is_read_from_one_end_to_the_other(
    on_sqlite: Store, tmp_path: Path, ask: Asked, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "FEW", max(few, 1))
    with statements() as ran:
        ask(on_sqlite.reader)

    assert ran
    with closing(sqlite3.connect(tmp_path / "e.db")) as conn:
        plans = [row[3] for sql, values in ran for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert [step for step in plans if _READ_WHOLE.match(step)] == []


def test_deliveries_by_any_filters(on_sqlite: Store) -> None:
    on_sqlite.outbox.bury(deliver(on_sqlite, "slack"), "gone", "no such channel")
    on_sqlite.outbox.delivered(deliver(on_sqlite, "jira"), 1, SEC_12)

    def found(**filters: str) -> set[str]:
        return {record.destination for record in on_sqlite.reader.deliveries(limit=9, **filters).items}

    assert found() == {"jira", "servicenow", "slack"}
    assert found(state="dead") == found(reason="gone") == found(destination="slack", reason="gone") == {"slack"}
    assert found(state="delivered") == found(state="delivered", destination="jira") == {"jira"}
    assert found(destination="jira", reason="gone") == found(state="dead", reason="rejected") == set()
    assert found(destination="nowhere") == found(state="nothing") == set()


def test_pages_of_deliveries_follow_each_other(on_sqlite: Store) -> None:
    settle(on_sqlite, "b", document("case-2"))
    first = on_sqlite.reader.deliveries(limit=4, state="pending")
    second = on_sqlite.reader.deliveries(limit=4, state="pending", after=first.next)

    ids = [record.delivery_id for page in (first, second) for record in page.items]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), second.next) == (6, None)
