"""Does the address belong to the platform? Yes needs one witness; no needs that none is missing, old or an edge's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.core.consistency import OLDEST_ANSWER_S, consistency
from enricher.core.grade import Asked, Graded, grade
from enricher.core.rules import Platform
from enricher.model import Enrichment, Event, Status
from tests.fakes import ADDRESS, CURL, asked, connected, facts_of, packaged_programs, points, started

IP = "198.41.200.7"
FUNCTIONS = Platform(
    id="gcp-functions",
    name="Google Cloud Functions",
    provider="Google",
    category="function",
    family="gcp",
    pattern="*.cloudfunctions.net",
    expected_asn=frozenset({15169, 396982}),
    asn_confidence="known",
    ranges=frozenset({"Google"}),
)
UNVERIFIED = replace(FUNCTIONS, asn_confidence="unverified")
NO_NETWORK = replace(FUNCTIONS, expected_asn=frozenset())
HOSTING = replace(FUNCTIONS, name="Firebase Hosting", ranges=frozenset({"Fastly", "Google"}))


def asn(*numbers: int, status: Status = Status.OK, age_s: int = 0) -> Enrichment:
    return Enrichment(source="asn", about=IP, status=status, detail={"asns": list(numbers)}, age_s=age_s)


def no_asn(status: Status, reason: str | None = None) -> Enrichment:
    return Enrichment(source="asn", about=IP, status=status, reason=reason)


def in_ranges(*providers: str, service: str | None = None, searched: Sequence[str] = ("Google",)) -> Enrichment:
    detail = {"provider": providers[0], "service": service, "providers": list(providers), "searched": list(searched)}
    return Enrichment(source="ranges", about=IP, status=Status.OK, detail=detail)


def in_no_range(*searched: str) -> Enrichment:
    return Enrichment(source="ranges", about=IP, status=Status.NEGATIVE, detail={"searched": list(searched)})


def no_ranges(status: Status) -> Enrichment:
    return Enrichment(source="ranges", about=IP, status=status)


@pytest.mark.parametrize(
    ("platform", "number", "ranges", "expected"),
    [
        pytest.param(FUNCTIONS, asn(15169), None, True, id="an expected AS"),
        pytest.param(FUNCTIONS, asn(64500, 396982), None, True, id="one of several"),
        pytest.param(FUNCTIONS, asn(15169, status=Status.STALE, age_s=10**8), None, True, id="an old witness is one"),
        pytest.param(FUNCTIONS, None, in_ranges("Google"), True, id="a published range"),
        pytest.param(FUNCTIONS, no_asn(Status.TIMEOUT), in_ranges("Google"), True, id="a range where the AS is not known"),
        pytest.param(FUNCTIONS, asn(64500), in_ranges("Google"), True, id="a range, whatever the AS"),
        pytest.param(FUNCTIONS, asn(15169), in_no_range("Google"), True, id="the AS, whatever the ranges"),
        pytest.param(FUNCTIONS, None, in_ranges("GitHub", "Google"), True, id="a wider range of the platform's"),
        pytest.param(HOSTING, None, in_ranges("Fastly"), True, id="in front of it by the catalog's own word"),
        pytest.param(UNVERIFIED, asn(15169), None, True, id="a match needs no verified network"),
        pytest.param(FUNCTIONS, asn(64500), None, False, id="another AS"),
        pytest.param(FUNCTIONS, asn(64500), in_no_range("Google"), False, id="another AS and no range"),
        pytest.param(FUNCTIONS, None, in_no_range("Amazon", "Google"), False, id="in no range of its own"),
        pytest.param(
            FUNCTIONS, asn(16509), in_ranges("Amazon", searched=["Amazon", "Google"]), False, id="another's range"
        ),
        pytest.param(FUNCTIONS, asn(64500, age_s=OLDEST_ANSWER_S), None, False, id="old, but not too old"),
        pytest.param(FUNCTIONS, asn(64500, age_s=10**8), in_no_range("Google"), False, id="an old AS beside recent ranges"),
        pytest.param(
            FUNCTIONS, no_asn(Status.DISABLED), in_no_range("Google"), False, id="ranges where nobody asks for the AS"
        ),
        pytest.param(FUNCTIONS, None, None, None, id="nobody asked"),
        pytest.param(FUNCTIONS, no_asn(Status.NEGATIVE), None, None, id="announced by nobody"),
        pytest.param(FUNCTIONS, no_asn(Status.DISABLED), None, None, id="switched off"),
        pytest.param(
            FUNCTIONS, no_asn(Status.NOT_APPLICABLE), no_ranges(Status.NOT_APPLICABLE), None, id="a special range"
        ),
        pytest.param(FUNCTIONS, no_asn(Status.TIMEOUT), in_no_range("Google"), None, id="the other witness did not come"),
        pytest.param(FUNCTIONS, no_asn(Status.ERROR), in_no_range("Google"), None, id="the other witness failed"),
        pytest.param(
            FUNCTIONS, no_asn(Status.RATE_LIMITED), in_no_range("Google"), None, id="the other witness was not heard"
        ),
        pytest.param(FUNCTIONS, None, in_no_range("Amazon"), None, id="its own ranges are not at hand"),
        pytest.param(HOSTING, None, in_no_range("Google"), None, id="half of its ranges are at hand"),
        pytest.param(FUNCTIONS, None, no_ranges(Status.ERROR), None, id="the files cannot be read"),
        pytest.param(FUNCTIONS, asn(64500, age_s=OLDEST_ANSWER_S + 1), None, None, id="too old to prove a mismatch"),
        pytest.param(UNVERIFIED, asn(64500), in_no_range("Google"), None, id="a network that is not verified"),
        pytest.param(NO_NETWORK, asn(64500), in_no_range("Google"), None, id="no network in the catalog"),
        pytest.param(FUNCTIONS, asn(13335), None, None, id="Cloudflare's edge by AS"),
        pytest.param(FUNCTIONS, asn(54113), None, None, id="Fastly's edge by AS"),
        pytest.param(FUNCTIONS, None, in_ranges("Cloudflare"), None, id="Cloudflare's edge by range"),
        pytest.param(FUNCTIONS, asn(16509), in_ranges("Amazon", service="CLOUDFRONT"), None, id="CloudFront"),
        pytest.param(
            FUNCTIONS, asn(8075), in_ranges("Microsoft", service="AzureFrontDoor.Frontend"), None, id="Azure Front Door"
        ),
    ],
)
def test_consistency(
    platform: Platform, number: Enrichment | None, ranges: Enrichment | None, *, expected: bool | None
) -> None:
    assert consistency(platform, number, ranges).consistent is expected


@pytest.mark.parametrize(
    ("platform", "number", "ranges", "why"),
    [
        (FUNCTIONS, asn(15169), None, "AS15169 announces the address, as expected of Google Cloud Functions"),
        (FUNCTIONS, None, in_ranges("Google"), "the address is in a published range of Google"),
        (
            FUNCTIONS,
            asn(64500),
            None,
            "AS64500 announces the address; Google Cloud Functions is expected in AS15169 or AS396982",
        ),
        (FUNCTIONS, None, in_no_range("Google"), "the address is in none of the published ranges of Google"),
        (FUNCTIONS, None, None, "who announces the address is not known"),
        (
            FUNCTIONS,
            no_asn(Status.NOT_APPLICABLE, "not looked up: documentation"),
            None,
            "who announces the address is not known: not looked up: documentation",
        ),
        (
            FUNCTIONS,
            no_asn(Status.TIMEOUT, "no answer within the deadline of 5 s"),
            None,
            "who announces the address was not found out: no answer within the deadline of 5 s",
        ),
        (NO_NETWORK, None, None, "the catalog names no network for Google Cloud Functions"),
        (UNVERIFIED, asn(64500), None, "the network that the catalog names for Google Cloud Functions is not verified"),
        (
            FUNCTIONS,
            asn(13335),
            None,
            "the address is in Cloudflare's network, which carries other providers' names too",
        ),
        (FUNCTIONS, asn(64500, age_s=100 * 86_400), None, "what is known of the address is 100 days old"),
    ],
)
def test_it_says_why(platform: Platform, number: Enrichment | None, ranges: Enrichment | None, why: str) -> None:
    assert consistency(platform, number, ranges).why == why


STATUSES = st.sampled_from([status for status in Status if status not in {Status.OK, Status.STALE}])
MISMATCHES = st.sampled_from([asn(64500), asn(64500, age_s=5)])


@given(
    MISMATCHES | STATUSES.map(no_asn) | st.none(), st.sampled_from([None, in_no_range("Google"), in_no_range()]), STATUSES
)
def test_losing_a_witness_never_makes_a_no(number: Enrichment | None, ranges: Enrichment | None, status: Status) -> None:
    """What was not a mismatch with all that is known is none with less of it, whatever the reason that it was not found out."""
    unheard = {Status.TIMEOUT, Status.ERROR, Status.RATE_LIMITED}
    yes = consistency(FUNCTIONS, asn(15169), ranges)
    assert yes.consistent is True
    if status in unheard:
        assert consistency(FUNCTIONS, no_asn(status), ranges).consistent is None
    assert consistency(FUNCTIONS, number, in_ranges("Google")).consistent is True


@given(
    st.dictionaries(
        st.sampled_from(["asns", "providers", "searched", "service"]),
        st.none() | st.text() | st.lists(st.none() | st.text()),
    )
)
def test_details_of_any_shape_are_no_witness(detail: dict[str, object]) -> None:
    odd = Enrichment(source="asn", about=IP, status=Status.OK, detail=detail)
    assert consistency(FUNCTIONS, odd, replace(odd, source="ranges")).consistent in {True, False, None}


# --- in the grade ---------------------------------------------------------------------------------------------------

CURL_RUNS = [started(CURL, f"curl.exe https://{IP}/"), asked(image=CURL), connected(image=CURL)]
TOLD = [started(CURL, "curl.exe https://relay.example-lab.workers.dev/x"), asked(image=CURL), connected(image=CURL)]


def about(enrichment: Enrichment) -> Enrichment:
    return replace(enrichment, about=ADDRESS)


def judged(events: Sequence[Event], *answers: Enrichment) -> Graded:
    found = grade(facts_of(*events, answers=[about(answer) for answer in answers]), packaged_programs(), Asked(owner=True))
    assert len(found) == 1
    return found[0]


MISMATCH = asn(64500)


def test_a_mismatch_counts_beside_other_signs_and_is_printed_last() -> None:
    before, after = judged(TOLD), judged(TOLD, MISMATCH)
    assert points(after.ledger) == points(before.ledger) | {"address.inconsistent": 5}
    assert after.score == before.score + 5
    step = next(step for step in after.ledger if step["rule"] == "address.inconsistent")
    assert step["evidence"] == "AS64500 announces the address; Cloudflare Workers is expected in AS13335"
    assert [step["step"] for step in after.ledger if step["step"] not in {"sum", "cap"}][-1] == "address"


def test_a_mismatch_alone_is_considered_and_not_taken() -> None:
    before, after = judged(CURL_RUNS), judged(CURL_RUNS, MISMATCH)
    [step] = [step for step in after.ledger if step["rule"] == "address.inconsistent"]
    assert (step["taken"], step["points"], step["from"]) == (False, 5, step["to"])
    assert step["evidence"].endswith("; other signs are 10, more than 10 needed")
    assert (after.score, after.severity, after.verdict) == (before.score, before.severity, before.verdict)


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([], id="not asked"),
        pytest.param([asn(13335)], id="consistent"),
        pytest.param([no_asn(Status.TIMEOUT)], id="not found out"),
        pytest.param([no_asn(Status.NEGATIVE)], id="nobody's"),
        pytest.param([no_asn(Status.DISABLED)], id="switched off"),
        pytest.param([asn(54113)], id="another's edge"),
        pytest.param([in_ranges("Cloudflare")], id="in its ranges"),
        pytest.param([no_asn(Status.TIMEOUT), in_no_range("Cloudflare")], id="one witness against it, one not heard"),
    ],
)
def test_what_is_no_mismatch_leaves_no_step_and_no_points(answers: list[Enrichment]) -> None:
    assert judged(TOLD, *answers).ledger == judged(TOLD).ledger


def lines(*answers: Enrichment) -> list[str]:
    return [line for line in judged(TOLD, *answers).missing if line.startswith(("platform", "owner", "asn", "ranges"))]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param([asn(13335)], [], id="known"),
        pytest.param([MISMATCH], [], id="known not to be"),
        pytest.param(
            [asn(54113)],
            ["platform consistency: the address is in Fastly's network, which carries other providers' names too"],
            id="asked, and not to be told",
        ),
        pytest.param(
            [no_asn(Status.NEGATIVE, "NXDOMAIN")],
            ["platform consistency: who announces the address is not known: NXDOMAIN"],
            id="announced by nobody",
        ),
        pytest.param([no_asn(Status.TIMEOUT, "late")], [f"asn of {ADDRESS}: late"], id="late: said once"),
        pytest.param(
            [no_asn(Status.TIMEOUT, "late"), in_no_range("Cloudflare")],
            [f"asn of {ADDRESS}: late"],
            id="late beside ranges: said once",
        ),
        pytest.param(
            [no_asn(Status.DISABLED, "look-ups are switched off")],
            ["owner of the address: look-ups are switched off"],
            id="switched off: said once",
        ),
        pytest.param([no_asn(Status.NOT_APPLICABLE, "not looked up: private")], [], id="not applicable"),
    ],
)
def test_what_is_missing_is_said_once(answers: list[Enrichment], expected: list[str]) -> None:
    assert lines(*answers) == expected


def test_a_names_source_that_is_switched_off_is_no_missing_owner() -> None:
    off = Enrichment(source="ptr", about=IP, status=Status.DISABLED, reason="this source is switched off")
    assert lines(asn(13335), off) == []
