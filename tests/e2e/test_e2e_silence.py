"""A heartbeat that stops, through the running service: one message in Slack, and one reply when it comes again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from enricher.core.document import Json
from enricher.core.merge import merge
from enricher.store import Store, open_store
from enricher.store.database import CHORES, Transaction
from enricher.store.schema_upkeep import chores
from enricher.store.schema_watch import heartbeats, watch_looks
from enricher.wiring import clock
from enricher.worker.watch import LOOKS
from tests.e2e.harness import Service, Standins, serving, until

pytestmark = pytest.mark.slow

LONG_AGO = timedelta(minutes=10)
"""Longer than twice a minute, and five minutes."""


@dataclass(frozen=True, slots=True)
class Site:
    """A running service, its channel, and its database, in which time can pass."""

    service: Service
    tickets: Standins
    store: Store

    def beat(self, number: int, **more: str) -> None:
        body = {"schema": "enricher/1", "kind": "heartbeat", "name": "Beat", "every": "1m", "id": f"b{number}"} | more
        self.service.settled(self.service.accept(json.dumps(body | {"numQueryResults": "1"}).encode()))

    def long_after(self) -> None:
        """As if nothing had been heard for ten minutes, in all of which somebody looked."""

        def write(tx: Transaction) -> None:
            tx.conn.execute(update(heartbeats).values(last_at=tx.now - LONG_AGO))
            tx.conn.execute(update(watch_looks).values(up_since=tx.now - 2 * LONG_AGO))

        self.looked()
        self.store.access.write(write)

    def looked(self) -> None:
        """When the service has looked, as it does once a minute."""
        until(self._row, "the service to plan its looks")
        before = self._row().ended_at

        def write(tx: Transaction) -> None:
            tx.conn.execute(update(chores).where(chores.c.name == LOOKS.name).values(due_at=tx.now))
            tx.wakes.add(CHORES)

        self.store.access.write(write)
        until(lambda: self._row().ended_at != before, "a look")

    def source(self) -> Json:
        [source] = self.service.get("sources")["sources"]
        found: Json = source
        return found

    def notices(self) -> list[Json]:
        messages: list[Json] = self.tickets.store("slack")["messages"]
        return [one for one in messages if "“Beat”" in one["text"]]

    def _row(self) -> Any:
        with self.store.access.read() as conn:
            return conn.execute(chores.select().where(chores.c.name == LOOKS.name)).one_or_none()


@pytest.fixture
def site(database: str, tmp_path: Path) -> Iterator[Site]:
    store = open_store(database, clock=clock, merge=merge, deliver_to=lambda _: ())
    with Standins(tmp_path / "tickets", "--no-limits") as tickets:
        environment = tickets.environment() | {"ENRICHER_DATABASE_URL": database}
        with serving(environment, tmp_path / "service.log") as service:
            yield Site(service, tickets, store)
    store.close()


def test_a_heartbeat_that_stops_is_one_message_and_one_reply(site: Site) -> None:
    site.beat(1)
    site.beat(2, name="Odd", every="now and then")
    site.looked()
    source = site.source()
    assert (source["watched"], source["every_s"], source["silent_since"]) == (True, 60.0, None)
    assert source["heartbeat_fault"] == "interval"
    assert site.service.program.logged("heartbeat_not_watched") == 1

    site.long_after()
    site.looked()
    [message] = until(site.notices, "the message")
    assert "does not come" in message["text"]
    assert site.source()["silent_since"] is not None
    assert [one["what"] for one in site.service.client.get("/readyz").json()["silent"]] == [["heartbeat"]]
    page = site.service.client.get("/intake").text
    assert re.search(r"<b>Silent</b> since .*the heartbeat “Beat” does not come", page, re.DOTALL)
    assert "names no usable interval" in page
    assert "Nothing is heard in time of" in site.service.client.get("/").text
    for _ in range(2):
        site.looked()
    assert [len(one["thread"]) for one in site.notices()] == [0]

    site.beat(3)
    site.looked()
    [message] = until(lambda: [one for one in site.notices() if one["thread"]], "the reply")
    site.looked()
    [message] = site.notices()
    assert re.search(r"silent .* UTC, 10 min", message["text"])
    assert [reply["text"].split(":")[0] for reply in message["thread"]] == ["Heard again"]
    assert (site.source()["silent_since"], site.service.client.get("/readyz").json()["silent"]) == (None, [])
