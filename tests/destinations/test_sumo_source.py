"""Cases back into Sumo Logic: one line a state, many in a call, and never into what is searched for alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from enricher import content
from enricher.core.document import CaseDocument, News
from enricher.core.kit.dashboard import dashboard
from enricher.core.kit.searches import case_searches
from enricher.core.normalise import normalise
from enricher.core.own_case import is_within
from enricher.core.rows import rows
from enricher.destinations.sumo_event import MOST_LINE, line
from enricher.destinations.sumo_source import SumoSource, checked_url
from enricher.errors import ConfigurationError, DeliveryError, Outcome, Reason
from enricher.model import Alert, Kind
from enricher.ports import Delivery
from enricher.settings import read_settings
from enricher.standins import Fault, FaultKind, running
from enricher.standins.sumo.language import parse
from enricher.standins.sumo.receiver import TOKEN
from enricher.standins.sumo.receiver import SumoSource as Receiver
from enricher.wiring.destinations import destinations_of, shows_tickets
from enricher.worker.batches import Post, claimed
from tests.destinations.cases import (
    CRITICAL,
    CRITICAL_KEY,
    ELSEWHERE,
    LOW,
    LOW_KEY,
    OPENED,
    RAISED,
    TICKET,
    delivery,
    hostile,
)
from tests.standins.standin_client import Clock, transport
from tests.worker.fakes import FakeOutbox

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_variables")]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running(Receiver(clock=Clock())) as service:
        yield service


@pytest.fixture
def source(receiver: Receiver) -> Iterator[SumoSource]:
    made = made_for(receiver)
    yield made
    made.close()


def made_for(receiver: Receiver, **more: Any) -> SumoSource:
    return SumoSource(receiver.address(), base_url="https://enricher.example", transport=transport(), **more)


def sent(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(message["_raw"]) for message in receiver.store()["messages"]]


def many(count: int, document: CaseDocument = CRITICAL) -> list[Delivery]:
    named = [cast("CaseDocument", {**document, "key": f"enricher-{n:016x}"}) for n in range(count)]
    return [delivery(one, delivery_id=f"d-{n}") for n, one in enumerate(named)]


# --- what is sent ---------------------------------------------------------------------------------------------------


def test_each_piece_of_news_is_a_line_with_the_case_as_it_stands(source: SumoSource, receiver: Receiver) -> None:
    source.create(delivery(news=(OPENED, RAISED, TICKET), tickets=ELSEWHERE))
    lines = sent(receiver)
    assert [one["event"] for one in lines] == [f"{CRITICAL_KEY}-{n:02d}" for n in (1, 3, 4)]
    last = lines[-1]
    assert (last["enricher"], last["kind"], last["severity"], last["seq"]) == ("case/1", "ticket", "critical", 4)
    assert last["tickets"] == "jira SEC-12, servicenow INC0010042"
    assert last["link"] == f"https://enricher.example/cases/{CRITICAL_KEY}"
    assert receiver.store()["posts"] == [3]


def test_only_what_is_untold_is_sent(source: SumoSource, receiver: Receiver) -> None:
    source.send_together([delivery(news=(OPENED, RAISED), sent_seq=1)])
    assert [one["seq"] for one in sent(receiver)] == [RAISED["seq"]]


def test_what_an_attacker_wrote_stays_one_short_line_of_utf_8() -> None:
    long = {"command_line": "\ud800 password=hunter2secret\n" * 40_000, "name": "x\r\ny" * 40_000, "image": "z" * 90_000}
    document = cast("CaseDocument", {**hostile(), "process": {**hostile()["process"], **long}})
    made = line(delivery(document), OPENED, None)
    assert len(made) <= MOST_LINE
    assert b"\n" not in made
    assert b"hunter2secret" not in made
    assert json.loads(made.decode())["key"] == document["key"]


def test_many_cases_are_one_call(source: SumoSource, receiver: Receiver) -> None:
    for unit in source.units(many(100)):
        source.send_together(unit)
    assert receiver.store()["posts"] == [100]


def test_a_call_is_no_larger_than_a_megabyte(source: SumoSource, receiver: Receiver) -> None:
    fat = cast("CaseDocument", {**CRITICAL, **dict.fromkeys(("title", "host", "user", "tenant", "hostname"), "x" * 20_000)})
    news = tuple(cast("News", {**OPENED, "seq": n, "text": "y" * 50_000}) for n in range(1, 31))
    deliveries = [Delivery(**{**vars_of(one), "news": news}) for one in many(100, fat)]
    units = source.units(deliveries)
    assert sum(map(len, units)) == 100
    for unit in units:
        source.send_together(unit)
    assert len(receiver.store()["posts"]) == len(units) > 1


def vars_of(one: Delivery) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Delivery.__dataclass_fields__}


def test_headers_name_category_and_only_declared_fields_are_kept(receiver: Receiver) -> None:
    receiver.declared = frozenset({"enricher_severity"})
    source = made_for(receiver, category="soc/cases", source_name="enricher", host="soc-1", fields=True)
    for unit in source.units([delivery(), delivery(LOW), delivery()]):
        source.send_together(unit)
    source.close()
    kept = receiver.store()["messages"]
    assert {one["_sourceCategory"] for one in kept} == {"soc/cases"}
    assert {one["_sourceHost"] for one in kept} == {"soc-1"}
    assert all(one["enricher_severity"] == json.loads(one["_raw"])["severity"] for one in kept)
    assert not any("enricher_case" in one for one in kept)


# --- how it fails ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        pytest.param(401, Reason.AUTH, Outcome.NOT_SENT, id="a token that is not known any more parks all"),
        pytest.param(403, Reason.AUTH, Outcome.NOT_SENT, id="so does one that may not"),
        pytest.param(404, Reason.AUTH, Outcome.NOT_SENT, id="and an address that is none"),
        pytest.param(408, Reason.TIMEOUT, Outcome.UNKNOWN, id="not done in time"),
        pytest.param(429, Reason.RATE_LIMITED, Outcome.NOT_SENT, id="throttled"),
        pytest.param(503, Reason.SERVER_ERROR, Outcome.UNKNOWN, id="server"),
        pytest.param(301, Reason.CONFIGURATION, Outcome.REJECTED, id="redirect"),
    ],
)
def test_every_refusal_has_its_outcome_and_shows_no_token(status: int, reason: Reason, outcome: Outcome) -> None:
    url = f"https://collectors.example/receiver/v1/http/{TOKEN}"
    refusal = httpx2.Response(status, headers={"Location": url}, text=f"not {TOKEN}")
    source = SumoSource(url, transport=httpx2.MockTransport(lambda _: refusal))
    with pytest.raises(DeliveryError) as caught:
        source.create(delivery())
    source.close()
    assert (caught.value.reason, caught.value.outcome) == (reason, outcome)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.RESET, FaultKind.ERROR, FaultKind.LIMIT, FaultKind.HTML])
def test_whatever_becomes_of_a_call_the_case_arrives_when_it_is_sent_again(
    source: SumoSource, receiver: Receiver, kind: FaultKind
) -> None:
    receiver.fail(Fault(kind=kind, method="POST", calls=(1,)))
    with pytest.raises(DeliveryError) as caught:
        source.send_together(many(2))
    assert caught.value.outcome is not Outcome.REJECTED
    source.send_together(many(2))
    now = next(one for one in case_searches() if one.name == "cases_now")
    assert len(parse(now.text).run(receiver.store()["messages"])) == 2


def test_what_came_half_is_sent_again_and_is_one_case(source: SumoSource, receiver: Receiver) -> None:
    receiver.half = True
    with pytest.raises(DeliveryError):
        source.send_together(many(4))
    receiver.half = False
    source.send_together(many(4))
    assert len(sent(receiver)) == 6
    now = next(one for one in case_searches() if one.name == "cases_now")
    assert len(parse(now.text).run(receiver.store()["messages"])) == 4


def test_a_check_sends_no_message_and_names_a_bad_token(receiver: Receiver) -> None:
    good = made_for(receiver)
    assert all(one.startswith("warning: ") for one in good.check())
    good.close()
    receiver.token = "another"
    bad = SumoSource(f"{receiver.url}/receiver/v1/http/{TOKEN}", transport=transport())
    with pytest.raises(DeliveryError) as caught:
        bad.check()
    bad.close()
    assert (caught.value.reason, receiver.store()["messages"]) == (Reason.AUTH, [])


@pytest.mark.parametrize("url", ["", "https://h/", "ftp://h/receiver/v1/http/x", "https://u:p@h/receiver/v1/http/x"])
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked_url("further.sumo", url)
    assert not url or url not in str(caught.value)


# --- many at once ---------------------------------------------------------------------------------------------------


class Waiting(FakeOutbox):
    def __init__(self, found: Sequence[Delivery]) -> None:
        super().__init__()
        self.found, self.limits = list(found), list[int]()

    def claim(self, destination: str, limit: int) -> list[Delivery]:
        del destination
        self.limits.append(limit)
        return self.found


def test_each_of_a_batch_is_settled_by_itself(source: SumoSource, receiver: Receiver) -> None:
    outbox = Waiting(many(5))
    (unit,) = claimed(outbox, source, "sumo")
    assert Post(outbox=outbox, batches=source, failed=lambda *_: None).deliver(unit) == 5
    assert (outbox.limits, receiver.store()["posts"]) == ([100], [5])
    assert [call[0] for call in outbox.calls] == ["delivered"] * 5


def test_a_batch_that_ends_in_doubt_fails_alike_and_none_is_settled(source: SumoSource, receiver: Receiver) -> None:
    receiver.half = True
    outbox, failed = Waiting(many(4)), list[tuple[int, Reason]]()
    post = Post(outbox=outbox, batches=source, failed=lambda some, error: failed.append((len(some), error.reason)))
    post.deliver(many(4))
    assert (failed, outbox.calls) == ([(4, Reason.TIMEOUT)], [])


def test_a_batch_that_is_refused_is_sent_case_by_case() -> None:
    answers = iter([413, 200, 413, 200])
    source = SumoSource(
        f"https://collectors.example/receiver/v1/http/{TOKEN}",
        transport=httpx2.MockTransport(lambda _: httpx2.Response(next(answers))),
    )
    outbox, failed = Waiting(many(3)), list[str]()
    post = Post(outbox=outbox, batches=source, failed=lambda some, _: failed.extend(one.delivery_id for one in some))
    sent_on = post.deliver(many(3))
    source.close()
    assert (sent_on, failed) == (2, ["d-1"])


# --- no loop --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "inside"),
    [
        ("_sourceCategory=*sysmon*", False),
        ("_sourceCategory=*", True),
        ("_sourceCategory=ENRICHER/*", True),
        ("_sourcecategory = enricher/case?", True),
        ('_sourceCategory="enricher/cases"', True),
        ("_sourceCategory=*sysmon* or _sourceCategory=windows/sysmon", False),
        ("_sourceCategory=*sysmon* or _collector=soc", True),
        ("_index=security", True),
        ("*", True),
        ("_index=security NOT _sourceCategory=enricher/cases", True),
        ("_sourceCategory=*sysmon* !_sourceCategory=enricher/cases", False),
        ("_sourceCategory=[e]nricher/cases", False),
    ],
)
def test_a_category_lies_in_a_scope_unless_that_names_another(scope: str, *, inside: bool) -> None:
    assert is_within("enricher/cases", scope) is inside


def read(folder: Path, entry: str) -> Any:
    (folder / "destinations.yml").write_text(f"further:\n  back: {entry}\n")
    return destinations_of(read_settings(), plan=content.delivery_plan(folder))


def test_the_loop_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACK", f"https://collectors.sumologic.com/receiver/v1/http/{TOKEN}")
    assert set(read(tmp_path, "{kind: sumo, url_env: BACK}")) == {"back"}
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, "{kind: sumo, url_env: BACK, category: soc/sysmon-cases}")
    assert "soc/sysmon-cases lies inside ENRICHER_SUMO_SCOPE" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_it_is_told_of_tickets(tmp_path: Path) -> None:
    (tmp_path / "destinations.yml").write_text("further:\n  back: {kind: sumo, url_env: BACK}\n")
    assert shows_tickets(content.delivery_plan(tmp_path)) == ("slack", "back")


def test_our_own_cases_are_dropped_with_a_reason(source: SumoSource, receiver: Receiver) -> None:
    source.create(delivery())
    (message,) = receiver.store()["messages"]
    found = [{"_raw": message["_raw"]}, {"Message": message["_raw"]}, {"enricher": "case/1", "host": "x"}]
    alert = Alert(kind=Kind.MONITOR, rows=rows(found), rows_total=3)
    events, dropped = normalise(alert)
    assert (events, [one.reason.partition(":")[0] for one in dropped]) == ((), ["own_case"] * 3)


# --- searches and the dashboard -------------------------------------------------------------------------------------


@pytest.fixture
def messages(source: SumoSource, receiver: Receiver) -> list[dict[str, str]]:
    rule = {"rule": "agent-hosts", "effect": "suppress", "mode": "live", "reason": "r", "owner": "o", "expires": "never"}
    suppressed = cast("CaseDocument", {**LOW, "disposition": "suppressed", "exceptions": [rule]})
    source.create(delivery(cast("CaseDocument", {**CRITICAL, "severity": "high"})))
    source.create(delivery(suppressed))
    source.send_together([delivery(news=(OPENED, RAISED, TICKET), sent_seq=1, tickets=ELSEWHERE)])
    return receiver.store()["messages"]  # type: ignore[no-any-return]  # what the stand-in holds


def test_every_search_returns_the_columns_it_promises(messages: list[dict[str, str]]) -> None:
    for one in case_searches():
        found = parse(one.text).run(messages)
        assert found, one.name
        assert all(set(one.columns) <= set(row) for row in found), one.name


def test_the_newest_line_of_a_case_is_how_it_stands(messages: list[dict[str, str]]) -> None:
    now = next(one for one in case_searches() if one.name == "cases_now")
    for order in (messages, messages[::-1]):
        found = {row["key"]: row for row in parse(now.text).run(order)}
        assert set(found) == {CRITICAL_KEY, LOW_KEY}
        assert found[CRITICAL_KEY]["severity"] == "critical"
        assert found[CRITICAL_KEY]["tickets"] == "jira SEC-12, servicenow INC0010042"


def test_searches_count_a_case_once_however_often_it_was_sent(messages: list[dict[str, str]]) -> None:
    found = {one.name: parse(one.text).run([*messages, *messages]) for one in case_searches()}
    assert [(row["suppressed_by"], row["_count"]) for row in found["suppressed_by_rule"]] == [("agent-hosts", 1)]
    assert [row["_count"] for row in found["first_seen_to_ticket"]] == [1]
    assert sorted(str(row["severity"]) for row in found["severity_over_time"]) == ["high", "low"]


def test_the_dashboard_has_a_panel_and_a_place_for_each_search() -> None:
    made = dashboard("soc/cases", "0000000000000001")
    keys = [one["key"] for one in made["panels"]]
    assert keys == [one.name for one in case_searches()] == [one["key"] for one in made["layout"]["layoutStructures"]]
    assert all("_sourceCategory=soc/cases" in panel["queries"][0]["queryString"] for panel in made["panels"])
    taken = [json.loads(one["structure"]) for one in made["layout"]["layoutStructures"]]
    assert len({(one["x"], one["y"]) for one in taken}) == len(taken)
