"""How long each page of the console takes with a million cases stored, against the same with a thousand.

Both stores have a thousand cases a day, the newest of them now, so the small one is a day of the full one. All else is in proportion:
one alert a case, three deliveries, words, news, and now and then feedback, an alias or a line of audit. Documents are the payload
corpus' own, investigated offline, under other names. What is purged or added up after a month is a month's. Dead letters are as many
in both: each waits for a person, so they do not add up with the years, and their pages count all that there are. Every page is asked
for through the real application, on both stores in turn, and the one that begins alternates. Lists of what is rare are cut so that
both stores show as many rows.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from flask.testing import FlaskClient

from bench.pages_filled import PER_DAY, fill, new_database
from bench.postgres import database
from enricher.content import packaged
from enricher.settings import Settings
from enricher.store import Store
from enricher.wiring import Application, application, clock

SMALL, FULL = PER_DAY, 1_000_000
ROUNDS, WARM_UP = 25, 3
WANTED, MOST_KB = 1.5, 200
FROM_HERE = {"REMOTE_ADDR": "127.0.0.1"}
_LINKED = re.compile(r'(?:href|src)="(/static/[^"]+)"')


@dataclass(frozen=True, slots=True)
class Side:
    """One store, the application on it, and the addresses of its pages."""

    store: Store
    client: FlaskClient
    pages: Mapping[str, str]

    def ask(self, name: str) -> tuple[float, bytes]:
        """Seconds and body of one page."""
        began = time.perf_counter()
        answer = self.client.get(self.pages[name], environ_overrides=FROM_HERE)
        body = answer.get_data()
        took = time.perf_counter() - began
        if answer.status_code != 200:
            raise RuntimeError(f"{self.pages[name]} answers {answer.status_code}")
        return took, body


def run(only: str | None = None) -> dict[str, object]:
    """Milliseconds a page in both stores, their ratio, medians, and what a page loads, for each database, or for one."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=Path.cwd()))
        urls = {"SQLite": (f"sqlite:///{folder}/small.db", f"sqlite:///{folder}/full.db")}
        if url := stack.enter_context(database()):
            urls["PostgreSQL"] = (new_database(url, "small"), new_database(url, "full"))
        return {name: _measured(pair, (SMALL, FULL)) for name, pair in urls.items() if only in {None, name}}


def _measured(urls: tuple[str, str], counts: tuple[int, int]) -> dict[str, object]:
    began = time.perf_counter()
    sides = [_side(url, count) for url, count in zip(urls, counts, strict=True)]
    loaded_s = time.perf_counter() - began
    print(f"filled in {loaded_s:.0f} s", flush=True)
    small, full = sides
    if small.pages.keys() != full.pages.keys():
        raise RuntimeError("the stores do not have the same pages")
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in small.pages}
    for turn in range(ROUNDS + WARM_UP):
        for name, kept in times.items():
            pairs = list(zip(sides, kept, strict=True))
            for side, into in pairs if turn % 2 else reversed(pairs):
                took, _ = side.ask(name)
                if turn >= WARM_UP:
                    into.append(took)
    pages = {name: _compared(name, full, *kept) for name, kept in times.items()}
    for side in sides:
        side.store.close()
    return {
        "cases": list(counts),
        "loaded_s": round(loaded_s),
        "worst_ratio": max(page["ratio"] for page in pages.values()),
        "over": [name for name, page in pages.items() if page["ratio"] > WANTED or page["kb"] > _most_kb(name)],
        "pages": pages,
    }


def _compared(name: str, full: Side, small_s: list[float], full_s: list[float]) -> dict[str, float]:
    one, other = median(small_s) * 1000, median(full_s) * 1000
    return {"small_ms": round(one, 1), "full_ms": round(other, 1), "ratio": round(other / one, 2), "kb": _kb(name, full)}


def _most_kb(name: str) -> float:
    """The API gives cases whole, as many as it is asked for."""
    return float("inf") if name.startswith("API") else MOST_KB


def _kb(name: str, side: Side) -> int:
    """What a browser loads that has nothing yet: the page, its styles, scripts and pictures."""
    _, body = side.ask(name)
    linked = sorted(set(_LINKED.findall(body.decode())))
    sizes = [len(side.client.get(path, environ_overrides=FROM_HERE).get_data()) for path in linked]
    return -(-(len(body) + sum(sizes)) // 1024)


def _side(url: str, count: int) -> Side:
    app = application(Settings(database_url=url, lookups=False))  # type: ignore[arg-type] # a secret, made of a text
    app.store.upgrade()
    fill(app.store, url, count, _documents(app))
    return Side(app.store, app.web().test_client(), _pages(app.store))


def _documents(app: Application) -> list[dict[str, Any]]:
    """The cases of the corpus' payloads, as they are judged offline."""
    flow, found = app.flow(), list[dict[str, Any]]()
    for path in sorted((Path(packaged("corpus")) / "sumo-payloads").glob("*.json")):
        if not path.name.startswith("connection"):
            found += flow.explain(path.read_bytes(), clock())["cases"]
    return found


def _pages(store: Store) -> dict[str, str]:
    """The address of each page by what it is; those that show one thing show one that was stored lately, and one long ago."""
    reader = store.reader
    newest = reader.cases(limit=50)
    old = reader.cases(limit=1, text="oldtimer").items[0]
    new, rare = newest.items[7], newest.items[9].document["host"].partition(".")[0]
    searches = {
        "one host": rare,
        "a word of every case": "corp.example",
        "two words of every case": "corp.example enricher-",
        "a word of one in a hundred": "seldom",
        "a word of old cases only": "oldtimer",
        "a word of none": "nonesuch",
    }
    return {
        "overview": "/",
        "cases": "/cases",
        "cases, second page": f"/cases?after={newest.next}",
        "cases, page from long ago": f"/cases?after={old_id(store)}",
        "cases, severity": "/cases?severity=low",
        "cases, severity and state, rare": "/cases?severity=critical&state=suppressed&limit=1",
        **{f"search, {name}": f"/cases?text={quote(text)}&limit=10" for name, text in searches.items()},
        "search, severity": "/cases?severity=medium&text=corp.example",
        "case, new": f"/cases/{quote(new.key)}",
        "case, old": f"/cases/{quote(old.key)}",
        "case as text": f"/case-text/{quote(new.key)}",
        "alert": f"/alerts/{new.alerts[0]}",
        "deliveries": "/deliveries",
        "deliveries, state, rare": "/deliveries?state=discarded&limit=2",
        "deliveries, state, usual": "/deliveries?state=delivered",
        "dead letters": "/dead-letters",
        "dead letters, reason": "/dead-letters?kind=delivery&reason=rejected",
        "dead letters, destination": "/dead-letters?destination=jira",
        "intake": "/intake",
        "audit": "/audit?limit=10",
        "audit, one case": f"/audit?item={quote(reader.audit(limit=1).items[0].item_id)}",
        "drift": "/drift",
        "tuning": "/tuning",
        "downloads": "/downloads",
        "API, cases": "/api/v1/cases",
        "API, case": f"/api/v1/cases/{quote(new.key)}",
    }


def old_id(store: Store) -> str:
    """The id of a case of the oldest, to go on from."""
    page = store.reader.cases(limit=5, text="oldtimer")
    return page.next or ""
