"""The sentences about the evidence: what is known, in few words; of what is not known, nothing."""

from __future__ import annotations

from typing import Any, cast

import pytest

from enricher.core import phrases
from enricher.core.document import CaseDocument
from tests.destinations.cases import CRITICAL, EMPTY, LOW, every

START = "2026-11-24T01:52:07+00:00"


def with_(**changes: Any) -> CaseDocument:
    return cast("CaseDocument", {**CRITICAL, **changes})


def beacon(name: str, **more: Any) -> dict[str, Any]:
    return {"class": name, "period_s": 30.0, "score": 0.9, "sightings": 5, "reason": None, **more}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(
            with_(contacts=every(30, 5, START), beacon=beacon("exact_timer", jitter=0.0104)),
            "5 contacts in 2 min, every 30.0 s ± 1 % (exact_timer)",
            id="a timer",
        ),
        pytest.param(
            with_(contacts=every(600, 200, START), beacon=beacon("irregular", period_s=600.0, jitter=0.9)),
            "the last 200 contacts in 1 d 9 h, median gap 10 min (irregular)",
            id="no timer has no jitter",
        ),
        pytest.param(
            with_(contacts=every(2.314, 5, START), beacon=beacon("regular", period_s=2.314)),
            "5 contacts in 9 s, every 2.31 s (regular)",
            id="a case from before jitter was known",
        ),
        pytest.param(
            with_(contacts=every(30, 2, START), beacon=beacon("insufficient", period_s=None, reason="4 are needed")),
            "2 contacts in 30 s, too few to tell a rhythm",
            id="too few",
        ),
        pytest.param(with_(contacts=[START], beacon=None), "1 contact", id="one"),
        pytest.param(
            with_(contacts=[START] * 200, beacon=None), "the last 200 contacts at one instant", id="all at one instant"
        ),
        pytest.param(EMPTY, "1 contact without a time", id="an older case without times"),
        pytest.param(
            with_(contacts=every(30, 9, START), beacon=beacon("regular", window="24h", other="irregular")),
            "9 contacts in 4 min, every 30.0 s (regular) over the last 24 h; the contacts of this case: irregular",
            id="the other window says otherwise",
        ),
        pytest.param(
            with_(contacts=every(30, 9, START), beacon=beacon("regular", window="own", other="regular")),
            "9 contacts in 4 min, every 30.0 s (regular)",
            id="the other window says the same",
        ),
    ],
)
def test_contacts(document: CaseDocument, said: str) -> None:
    assert phrases.contacts(document) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {}, "first seen here with this case; by this host alone; history since 2026-09-30", id="new with this case"
        ),
        pytest.param(
            {"first_seen_estate": "2026-11-21T01:00:00Z", "prevalence": 2, "shared_hosts": ["ws-hr-0007"]},
            "first seen here 2026-11-21 01:00 UTC, 3 d before this case; by 2 hosts, also ws-hr-0007; history since 2026-09-30",
            id="known for days",
        ),
        pytest.param(
            {
                "first_seen_estate": None,
                "prevalence": 31,
                "shared_hosts": [f"h{n}" for n in range(20)],
                "history_since": None,
            },
            "by 31 hosts, also h0, h1, h2, h3, h4 and 25 more",
            id="more hosts than are named",
        ),
        pytest.param(
            {"first_seen_estate": "2026-11-25T01:52:07Z", "prevalence": None, "history_since": None},
            "first seen here 2026-11-25 01:52 UTC",
            id="clocks that are off claim no order",
        ),
        pytest.param({"first_seen_estate": None, "prevalence": None, "history_since": None}, "", id="nothing is known"),
        pytest.param({"first_seen_estate": "<b>", "prevalence": None, "history_since": "\u202e"}, "", id="what is no time"),
    ],
)
def test_history(changes: dict[str, Any], said: str) -> None:
    assert phrases.history(with_(**changes)) == said


def test_the_beginning_of_history_is_not_told_twice() -> None:
    assert "history since" not in phrases.history(with_(missing=["history: it goes back to 2026-09-30"]))


def test_what_stands_in_the_line_is_not_repeated_decoded() -> None:
    process = {"command_line": "powershell -Command iwr https://a.b -enc aQB3AHIA", "decoded": ["iwr https://a.b", "iwr"]}
    assert phrases.decoded(process) == []
    assert phrases.decoded({"command_line": "powershell -enc aQB3AHIA", "decoded": ["iwr"]}) == ["iwr"]
    assert phrases.decoded({"command_line": None, "decoded": None}) == []


@pytest.mark.parametrize("document", [CRITICAL, LOW], ids=["critical", "low"])
def test_a_case_from_before_is_not_spoken_of_in_new_words(document: CaseDocument) -> None:
    older: Any = {name: value for name, value in document.items() if name not in {"contacts", "estate", "history_since"}}
    assert phrases.estate(older) == ""
    assert "history since" not in phrases.history(older)
    assert phrases.contacts(older).startswith(f"{document['count']} contacts in ")


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, ""),
        (
            {"role": "jump_host", "groups": ["a", "b"], "owner": "ops", "maintenance": True, "service_account": True},
            "jump host, groups a, b, owner ops; a contact fell into a maintenance window; the account is a service account",
        ),
        ({"role": None, "groups": [], "owner": None, "maintenance": False, "service_account": None}, ""),
    ],
    ids=["no entry", "all of it", "an entry that says nothing"],
)
def test_estate(known: dict[str, Any] | None, said: str) -> None:
    assert phrases.estate(with_(estate=known)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "just asked"), (0.4, "just asked"), (1, "1 s"), (190, "3 min"), (7260, "2 h"), (180_000, "2 d"), (4e8, "4629 d")],
)
def test_age(seconds: float, said: str) -> None:
    assert phrases.age(seconds) == said


def answer(source: str, detail: dict[str, Any], status: str = "ok") -> Any:
    return {"source": source, "about": "192.0.2.1", "status": status, "detail": detail, "age_s": 0, "reason": None}


RANGE = {"provider": "Cloudflare", "service": None, "prefix": "192.0.2.0/24", "dated": "2026-11-01"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer("ptr", {"names": ["a.example", "b.example"]}), "a.example, b.example"),
        (answer("rdap", {"abuse": [f"a{n}@x.example" for n in range(9)]}), ", ".join(f"a{n}@x.example" for n in range(5))),
        (answer("forward", {"addresses": "none"}), ""),
        (answer("ranges", RANGE), "Cloudflare, 192.0.2.0/24, file of 2026-11-01"),
        (answer("asn", {"asns": [1]}), ""),
        (answer("seer", {"names": ["x"]}), ""),
    ],
    ids=["names", "at most five", "not a list", "a range", "the owner is told elsewhere", "a source nobody knows"],
)
def test_found(given: Any, said: str) -> None:
    assert phrases.found(given) == said


def test_who_says_whose_an_address_is() -> None:
    to: Any = {"ip": "192.0.2.1", "origin": "mmdb"}
    assert phrases.origin(to, []) == "offline database"
    assert (
        phrases.origin(to, [answer("asn", {"origin": "mmdb", "dated": "2026-11-01"})]) == "offline database of 2026-11-01"
    )
    assert phrases.origin({"ip": "192.0.2.1"}, []) == ""
    assert phrases.published(to, [answer("ranges", {}, "negative")]) == ""
    assert phrases.published({"ip": "192.0.2.2"}, [answer("ranges", RANGE)]) == ""
    assert phrases.published(to, [answer("ranges", RANGE)]) == "Cloudflare, 192.0.2.0/24, file of 2026-11-01"


@pytest.mark.parametrize(("status", "said"), [("disabled", ""), ("not_applicable", ""), ("timeout", "just asked")])
def test_what_was_not_asked_has_no_age(status: str, said: str) -> None:
    assert phrases.asked_ago(answer("ptr", {}, status)) == said


@pytest.mark.parametrize(
    ("fact", "parts"),
    [
        ("rhythm: 4 are needed", ("rhythm", "4 are needed")),
        ("parent process: only its GUID is known; asked: no", ("parent process", "only its GUID is known; asked: no")),
        ("everything", ("everything", "")),
    ],
)
def test_what_is_missing_and_why(fact: str, parts: tuple[str, str]) -> None:
    assert phrases.parts_of(fact) == parts
