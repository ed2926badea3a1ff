"""From the webhook's bytes to the balance, on both databases: nothing goes missing, and what is made to go missing is named.

Everything is real but the processes: the application's own web half and its alert job run in this one, by turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from enricher.cli import main
from enricher.cli.balance import drawn
from enricher.core.document import Json
from enricher.settings import Settings
from enricher.store import Store
from enricher.wiring import Application, application
from enricher.wiring.rendering import render
from enricher.worker.alerts import AlertJob
from tests.e2e import alerts
from tests.e2e.harness import DESTINATIONS

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data"
EXAMPLES = ("sumo-payloads", "templates")

Row = dict[str, Any]


@dataclass(frozen=True)
class House:
    """One application on one database."""

    url: str
    app: Application
    client: FlaskClient
    job: AlertJob

    @property
    def store(self) -> Store:
        return self.app.store

    def send(self, *rows: Row, name: str = "Serverless C2", **more: Any) -> Json:
        """Post rows as a scheduled search does; what was answered, with the status."""
        body = {"schema": "enricher", "searchName": name, "fireTime": "1772524800000", "results": rows, **more}
        return self.post(json.dumps(body).encode())

    def post(self, body: bytes, **headers: str) -> Json:
        answer = self.client.post("/webhooks/sumo", data=body, headers=headers)
        return {"code": answer.status_code, **(answer.json or {})}

    def work(self) -> None:
        """Settle everything that waits."""
        while claims := self.job.claim(100):
            for claim in claims:
                self.job.do(claim)

    def get(self, path: str) -> Json:
        document: Json = self.client.get(f"/api/v1/{path}").json or {}
        return document

    def cases(self) -> list[Json]:
        listed: list[Json] = self.get("cases?limit=200")["cases"]
        return listed

    def sql(self, statement: str) -> int:
        """Do behind its back what a fault would."""
        done: int = self.store.access.write(lambda tx: tx.conn.exec_driver_sql(statement).rowcount)
        return done

    def balance(self) -> Json:
        return drawn(self.store)


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    if request.param == "sqlite":
        database = request.getfixturevalue("tables_in_sqlite")(tmp_path / "enricher.db")
    else:
        database = request.getfixturevalue("tables_in_postgres")
    monkeypatch.setenv("ENRICHER_DATABASE_URL", database)
    app = application(Settings(database_url=database, lookups=False))
    yield House(database, app, app.web().test_client(), AlertJob(app.store.inbox, app.flow().settlement, lambda: 0.5))
    app.store.close()


def query(name: str, second: int = 0) -> Row:
    return {"_raw": alerts.query(name, second=second)}


NOT_OURS = {"_raw": alerts.query("ws", host="www.example.org")}


def rows_of(house: House, receipt: Json) -> Json:
    account: Json = house.get(f"alerts/{receipt['alert_id']}")["rows"]
    return account


def test_rows_are_accounted_for_from_the_bytes_to_the_case(house: House) -> None:
    first = house.send(query("one"), query("two"), NOT_OURS, numQueryResults="13")
    overlapping = house.send(query("one"), query("one", second=60), fireTime="1772525100000")
    house.work()

    assert rows_of(house, first) == {
        "received": 3,
        "total": 13,
        "cut": True,
        "in_cases": 2,
        "repeats": 0,
        "dropped": 1,
        "set_aside": 0,
    }
    assert (rows_of(house, overlapping)["in_cases"], rows_of(house, overlapping)["repeats"]) == (1, 1)
    by_host = {case["host"]: case for case in house.cases()}
    assert {host: case["count"] for host, case in by_host.items()} == {"one.corp.example": 2, "two.corp.example": 1}
    assert any(fact.startswith("rows: 3 of 13 received") for fact in by_host["two.corp.example"]["missing"])
    balance = house.balance()
    assert balance["balanced"], balance["problems"]
    assert balance["rows"]["received"] == 5
    assert (balance["rows"]["in_cases"], balance["rows"]["repeats"], balance["rows"]["dropped"]) == (3, 1, {"no_match": 1})


def test_every_example_payload_is_accounted_for(house: House) -> None:
    """Twice, the second time under other links: the same rows, so nearly all of them repeats."""
    bodies = [path.read_bytes() for folder in EXAMPLES for path in sorted((DATA / folder).glob("*.json"))]
    for body in bodies:
        house.post(body)
        house.post(body.replace(b"/#/alert/0000", b"/#/alert/1111"))
    house.work()

    balance = house.balance()
    assert balance["balanced"], balance["problems"]
    assert balance["bodies"]["dead"] == 0
    rows = balance["rows"]
    split = [*rows["dropped"].values(), *rows["set_aside"].values()]
    waiting = rows["open"]  # a recovery that came before its alert is tried again later
    assert rows["received"] == rows["in_cases"] + rows["repeats"] + sum(split) + waiting
    assert min(rows["in_cases"], rows["repeats"]) > 0


@pytest.mark.parametrize(
    ("rows", "total", "says"),
    [
        pytest.param(1, "13", "rows: 1 of 13 received, Sumo Logic cut the rest", id="cut"),
        pytest.param(10, "10", "rows: 10 of 10 received, as many as Sumo Logic sends at most", id="at the limit"),
        pytest.param(1, "1", None, id="whole"),
    ],
)
def test_a_ticket_says_how_many_rows_came(house: House, rows: int, total: str, says: str | None) -> None:
    house.send(*(query("one", second=second) for second in range(rows)), numQueryResults=total)
    house.work()
    [case] = house.cases()

    document = house.get(f"cases/{case['key']}")
    for destination in DESTINATIONS:
        body = json.dumps(render(document, destination, house.app.settings))  # type: ignore[arg-type] # as JSON
        assert (says in body) if says else ("rows:" not in body), destination


def test_overlapping_searches_are_no_news_and_no_second_count(house: House) -> None:
    house.send(query("one"), query("one", second=30))
    house.work()
    [before] = house.cases()

    for minute in range(1, 4):
        house.send(query("one", second=30), query("one"), fireTime=f"177252{minute}000000")
    house.work()

    [after] = house.cases()
    assert (after["count"], after["news"]) == (2, before["news"])
    assert len(after["alerts"]) == 4
    assert house.balance()["rows"]["repeats"] == 6


def test_one_post_a_row_joins_one_case(house: House) -> None:
    receipts = [house.send(query("one", second=second)) for second in range(20)]
    house.work()

    [case] = house.cases()
    assert case["count"] == 20
    assert len({receipt["alert_id"] for receipt in receipts}) == 20
    assert [rows_of(house, receipt)["in_cases"] for receipt in receipts] == [1] * 20


def test_a_burst_of_a_thousand_groups(house: House) -> None:
    receipts = [house.send(query(f"h{number % 40}", second=number), alertGroup=f"host=h{number}") for number in range(1000)]
    house.work()

    assert {receipt["code"] for receipt in receipts} == {202}
    assert {case["host"]: case["count"] for case in house.cases()} == {f"h{n}.corp.example": 25 for n in range(40)}
    balance = house.balance()
    assert balance["balanced"], balance["problems"]
    assert (balance["bodies"]["accepted"], balance["bodies"]["done"]) == (1000, 1000)


def test_what_cannot_be_read_is_kept_listed_and_read_again(house: House) -> None:
    broken = json.dumps({"results": [query("one")]}).encode()[:-1]
    answers = [house.post(broken), house.post(broken), house.post(b"x", Content_Encoding="gzip"), house.post(b"[1]")]

    assert [(answer["code"], answer["error"]) for answer in answers] == [
        (400, "not_json"),
        (400, "not_json"),
        (400, "bad_gzip"),
        (400, "not_an_object"),
    ]
    listed = {item["reason"]: item for item in house.get("quarantine")["quarantine"]}
    assert set(listed) == {"not_json", "bad_gzip", "not_an_object"}
    assert (listed["not_json"]["repeats"], listed["not_json"]["size"]) == (1, len(broken))
    kept = house.client.get(f"/api/v1/alerts/{listed['not_json']['id']}/body")
    assert (kept.data, kept.mimetype) == (broken, "text/plain")
    exposed = house.client.get("/metrics").get_data(as_text=True)
    assert 'enricher_quarantined{reason="not_json"} 1.0' in exposed

    for item in listed.values():
        assert house.client.post(f"/api/v1/quarantine/{item['id']}/retry").status_code == 202
    house.work()

    assert {item["id"] for item in house.get("quarantine")["quarantine"]} == {item["id"] for item in listed.values()}
    balance = house.balance()
    assert balance["balanced"], balance["problems"]
    assert (balance["bodies"]["dead"], balance["bodies"]["accepted"]) == (3, 3)


def test_what_can_be_read_after_a_fix_becomes_its_case(house: House) -> None:
    """The fix is stood in for by bytes that were whole all along, set aside as an earlier version would have."""
    receipt = house.send(query("one"))
    [claim] = house.job.claim(1)
    house.store.inbox.bury(claim, "bad_rows: as an earlier version said")

    assert house.client.post(f"/api/v1/quarantine/{receipt['alert_id']}/retry").status_code == 202
    house.work()

    [case] = house.cases()
    assert case["alerts"] == [receipt["alert_id"]]
    assert house.get("quarantine")["quarantine"] == []
    assert house.balance()["balanced"]


def test_kinds_without_evidence_have_a_place_for_their_rows(house: House) -> None:
    link = "https://service.sumologic.com/ui/#/alert/0000000001A2B3C4"
    house.send(query("one"), triggerType="Critical", alertResponseUrl=link)
    house.send(query("one"), triggerType="ResolvedCritical", alertResponseUrl=link)
    house.send(query("two"), kind="heartbeat", name="Enricher heartbeat")
    house.work()

    balance = house.balance()
    assert balance["balanced"], balance["problems"]
    assert balance["rows"]["set_aside"] == {"heartbeat": 1, "recovery": 1}
    [source] = house.get("sources")["sources"]
    assert source["kinds"] == {"heartbeat": 1, "monitor": 1, "recovery": 1}
    assert {monitor["monitor"] for monitor in source["monitors"]} >= {"Serverless C2"}


def test_the_balance_holds_with_work_half_done_and_after_purging(house: House) -> None:
    for number in range(4):
        house.send(query(f"h{number}"))
    for claim in house.job.claim(2):
        house.job.do(claim)
    half = house.balance()
    house.work()
    house.store.purge(house.app.store.reader.sources()[0].last_at.replace(year=2999))
    purged = house.balance()

    assert half["balanced"]
    assert (half["bodies"]["done"], half["bodies"]["open"], half["rows"]["open"]) == (2, 2, 2)
    assert purged["balanced"]
    assert (purged["bodies"]["accepted"], purged["bodies"]["forgotten"]) == (4, 4)


FAULTS = [
    pytest.param(
        "DELETE FROM case_alerts WHERE alert_id = '{first}'", "first", "in no case, and not dropped", id="a lost link"
    ),
    pytest.param(
        "UPDATE alerts SET dropped = '[]' WHERE id = '{first}'", "first", "in no case, and not dropped", id="a lost drop"
    ),
    pytest.param("UPDATE alerts SET state = 'done' WHERE id = '{last}'", "last", "no account", id="done without work"),
    pytest.param("DELETE FROM row_accounts WHERE alert_id = '{first}'", "first", "no account", id="a lost account"),
    pytest.param("DELETE FROM alerts WHERE id = '{last}'", "loopback", "1 accepted bodies are not in", id="a lost body"),
]


@pytest.mark.parametrize(("fault", "named", "says"), FAULTS)
def test_what_goes_missing_is_named(house: House, fault: str, named: str, says: str) -> None:
    ids = {"first": house.send(query("one"), query("two"), NOT_OURS)["alert_id"]}
    house.work()
    ids["last"] = house.send(query("three"))["alert_id"]
    assert house.balance()["balanced"]

    assert house.sql(fault.format(**ids)) >= 1

    found = house.balance()
    assert not found["balanced"]
    names = {problem.get("alert") or problem.get("source") for problem in found["problems"]}
    assert names == {ids.get(named, named)}
    assert any(says in problem["problem"] for problem in found["problems"])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        pytest.param(1, b"1 of 13 rows, cut by Sumo Logic", id="cut"),
        pytest.param(10, b"10 of 10 rows, as many as Sumo Logic sends at most", id="at the limit"),
    ],
)
def test_explain_says_how_many_rows_came(tmp_path: Path, rows: int, says: bytes) -> None:
    body = {"results": [query("one", second) for second in range(rows)], "numQueryResults": "13" if rows == 1 else "10"}
    file = tmp_path / "alert.json"
    file.write_text(json.dumps(body))
    assert says in run("explain", str(file)).stdout_bytes


def test_the_commands(house: House) -> None:
    receipt = house.send(query("one"))
    house.work()
    house.post(b"\x1b[31m{")
    [entry] = json.loads(run("quarantine", "list", "--json").stdout)
    listed = run("quarantine", "list", "--reason", "not_json")

    assert entry["id"] in listed.stdout
    assert run("quarantine", "show", entry["id"], "--body").stdout_bytes == b"\x1b[31m{"
    assert "\x1b" not in run("quarantine", "show", entry["id"]).stdout
    assert run("quarantine", "show", receipt["alert_id"]).exit_code == 1
    again = json.loads(run("quarantine", "retry", "--all", "--json").stdout)
    assert again == {"retried": [entry["id"]], "missing": []}
    assert run("quarantine", "retry", entry["id"]).exit_code == 1
    assert run("quarantine", "retry").exit_code == 2

    well = run("balance")
    assert (well.exit_code, "balanced" in well.stdout) == (0, True)
    house.sql("DELETE FROM row_accounts")
    wrong = subprocess.run([sys.executable, "-m", "enricher", "balance", "--json"], capture_output=True, check=False)
    assert wrong.returncode == 1
    assert json.loads(wrong.stdout)["problems"][0]["alert"] == receipt["alert_id"]
    assert receipt["alert_id"] in run("balance").stdout
