"""What a canary is, and what its proofs and its absence say of a destination."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import orjson
import pytest

from enricher.core.canary import LATE, WEBHOOK, Canary, Proof, Proved, Standing, alert_of, id_of, judged, stage, standings
from enricher.core.payload import read
from enricher.model import Kind
from tests.fakes import NOON

OURS = "01JDFXT5S0ABCDEFGHJKMNPQRS"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def test_what_is_sent_is_recognised_as_ours() -> None:
    alert = read(orjson.dumps(alert_of(OURS)))
    assert (alert.kind, alert.rows, id_of(alert)) == (Kind.CANARY, (), OURS)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"kind": "canary", "id": "0000000000A1B2C3", "results": []}, id="sent by a search of Sumo Logic"),
        pytest.param({"kind": "canary", "id": f"{OURS}'; --", "results": []}, id="an id that only begins like ours"),
        pytest.param({"kind": "heartbeat", "id": OURS, "results": []}, id="a heartbeat"),
    ],
)
def test_others_are_not_ours(body: dict[str, object]) -> None:
    assert id_of(read(orjson.dumps(body))) is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], (Proof.PROVED, ""), id="nothing is said"),
        pytest.param(["warning: no group"], (Proof.WARNED, "no group"), id="only a warning"),
        pytest.param(["warning: no group", "no project", "no type"], (Proof.FAILED, "no project; no type"), id="faults"),
        pytest.param(["x" * 999], (Proof.FAILED, "x" * 300), id="a long one is cut"),
    ],
)
def test_what_a_check_says_is_a_proof(lines: Sequence[str], expected: tuple[Proof, str]) -> None:
    assert judged(lines) == expected


def canary(minutes_ago: float, state: Proof | None = None, *, settled: bool = True) -> Canary:
    """Sent so long ago; `state` is what it came to at Jira, a second later."""
    at = NOON - minutes_ago * MINUTE
    proofs = {"jira": Proved(state, state.value, at + timedelta(seconds=1))} if state else {}
    return Canary(canary=OURS, sent_at=at, settled_at=at if settled else None, proofs=proofs)


def jira(*canaries: Canary, every: timedelta | None = HOUR) -> Standing:
    return standings(["jira"], canaries, NOON, every)[0]


@pytest.mark.parametrize(
    ("canaries", "expected", "failing"),
    [
        pytest.param([], None, False, id="none was ever sent"),
        pytest.param([canary(1)], None, False, id="the first is on its way"),
        pytest.param([canary(6)], Proof.MISSING, True, id="the first is late"),
        pytest.param([canary(1), canary(61, Proof.PROVED)], Proof.PROVED, False, id="the next is on its way"),
        pytest.param([canary(6), canary(66, Proof.PROVED)], Proof.MISSING, True, id="the next is late"),
        pytest.param([canary(2), canary(7)], Proof.MISSING, True, id="one is late, another on its way"),
        pytest.param([canary(1, Proof.PROVED), canary(61)], Proof.PROVED, False, id="one that was lost is made good"),
        pytest.param([canary(1, Proof.FAILED), canary(61, Proof.PROVED)], Proof.FAILED, True, id="the last has failed"),
        pytest.param([canary(1, Proof.WARNED)], Proof.WARNED, False, id="a warning is no failure"),
        pytest.param([canary(124, Proof.PROVED)], Proof.PROVED, False, id="the sender is a little late"),
        pytest.param([canary(126, Proof.PROVED)], Proof.MISSING, True, id="nobody sends any more"),
    ],
)
def test_how_a_destination_stands(canaries: Sequence[Canary], expected: Proof | None, *, failing: bool) -> None:
    standing = jira(*canaries)
    assert (standing.state, standing.failing) == (expected, failing)


def test_without_a_schedule_an_old_proof_is_as_good_as_a_new_one() -> None:
    assert not jira(canary(10_000, Proof.PROVED), every=None).failing


def test_the_last_time_it_was_proved_stays_known_while_it_fails() -> None:
    standing = jira(canary(1, Proof.FAILED), canary(61, Proof.WARNED), canary(121, Proof.PROVED))
    assert standing.proved_at == NOON - 61 * MINUTE + timedelta(seconds=1)


def test_one_that_went_past_the_webhook_says_nothing_of_it() -> None:
    standing = standings([WEBHOOK], [canary(6, Proof.PROVED)], NOON, HOUR)[0]
    assert (standing.state, standing.failing) == (None, False)


REFUSED = Proved(Proof.FAILED, "connect: nobody listens", NOON)
TAKEN = Proved(Proof.PROVED, "", NOON)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        pytest.param(Canary(canary=OURS, sent_at=NOON), "not known to have been accepted", id="its sender died"),
        pytest.param(
            Canary(canary=OURS, sent_at=NOON, proofs={WEBHOOK: REFUSED}),
            "refused by the webhook: connect: nobody listens",
            id="refused",
        ),
        pytest.param(
            Canary(canary=OURS, sent_at=NOON, proofs={WEBHOOK: TAKEN}),
            "sent; the worker has not taken it",
            id="no worker",
        ),
        pytest.param(
            Canary(canary=OURS, sent_at=NOON, settled_at=NOON + LATE, proofs={WEBHOOK: TAKEN}),
            "through the worker; not checked yet",
            id="a check that takes long",
        ),
    ],
)
def test_where_one_stays_is_told(sent: Canary, said: str) -> None:
    assert stage(sent) == said
