"""The catalog, row by row and against its own `regex` column; then the rules that no single row shows."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.content import packaged
from enricher.content.documents import File, Problems
from enricher.content.platforms import read_catalog, registrable
from enricher.core.catalog import Catalog, Excluded, Match
from enricher.core.pattern import fits, spellings
from enricher.core.rules import Platform

CSV = packaged("config") / "catalog" / "platforms.csv"
ROWS = list(csv.DictReader(CSV.read_text(encoding="utf-8").splitlines(keepends=True)))
EVERY_ROW = pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
LOOK_ALIKES = dict(zip("aceopxyi", "асеорхуі", strict=True))

Row = dict[str, str]


def whole() -> Catalog:
    catalog = read_catalog(File("catalog/platforms.csv", str(CSV), CSV.read_text(encoding="utf-8")), Problems())
    assert catalog is not None
    return catalog


CATALOG = whole()


def row_of(host: str) -> str | None:
    match = CATALOG.match(host)
    return match.platform.id if match else None


def suffixes(row: Row) -> list[str]:
    return [".".join(s.text.split(".")[-s.suffix_length :]) for s in spellings(row["pattern"])]


def test_all_rows_are_read() -> None:
    assert len(CATALOG.platforms) == len(ROWS) == 174


@EVERY_ROW
def test_example_is_this_platform_and_tenant(row: Row) -> None:
    match = CATALOG.match(row["example_match"])
    assert match is not None
    assert (match.platform.id, match.tenant) == (row["id"], row["example_tenant"] or None)


@EVERY_ROW
def test_non_example_is_not(row: Row) -> None:
    assert row_of(row["example_non_match"]) != row["id"]


@EVERY_ROW
def test_a_name_glued_to_the_suffix_is_somebody_elses(row: Row) -> None:
    for suffix in suffixes(row):
        for host in (f"evil{suffix}", f"a.evil{suffix}", f"a.b.evil-{suffix}"):
            assert row_of(host) != row["id"]


@EVERY_ROW
def test_a_suffix_appended_is_somebody_elses(row: Row) -> None:
    assert CATALOG.lookup(row["example_match"] + ".evil.test") is None


@EVERY_ROW
def test_a_look_alike_is_somebody_elses(row: Row) -> None:
    for suffix in suffixes(row):
        letter = next(letter for letter in suffix if letter in LOOK_ALIKES)
        host = row["example_match"].removesuffix(suffix) + suffix.replace(letter, LOOK_ALIKES[letter], 1)
        assert row_of(host) != row["id"]


@EVERY_ROW
def test_labels_inserted_and_left_out_match_as_the_regex_says(row: Row) -> None:
    labels = row["example_match"].split(".")
    hosts = [".".join((*labels[:i], "x", *labels[i:])) for i in range(len(labels) + 1)]
    hosts += [".".join((*labels[:i], "x", "y-1", *labels[i:])) for i in range(len(labels) + 1)]
    hosts += [".".join((*labels[:i], *labels[i + 1 :])) for i in range(len(labels))]
    for host in hosts:
        expected = re.match(row["regex"], host) is not None
        assert any(fits(spelling, host.split(".")) for spelling in spellings(row["pattern"])) is expected, host
        alone = Catalog([CATALOG.platforms[row["id"]]], registrable())
        assert isinstance(alone.lookup(host), Match) is (expected and host not in row["exclude"].split(";")), host


@EVERY_ROW
def test_excluded_hosts_are_the_providers_and_only_these(row: Row) -> None:
    for host in filter(None, row["exclude"].split(";")):
        assert CATALOG.lookup(host.upper() + ".") == Excluded(CATALOG.platforms[row["id"]], host)
        assert not isinstance(CATALOG.lookup(f"x.{host}"), Excluded)


@EVERY_ROW
def test_shared_names_have_no_tenant(row: Row) -> None:
    for pattern in filter(None, row["shared"].split(";")):
        host = pattern.replace("*", "7")
        match = CATALOG.match(host)
        assert match is not None
        assert (match.platform.id, match.tenant) == (row["id"], None)


@given(st.sampled_from(ROWS), st.lists(st.from_regex(r"[a-z0-9](?:[a-z0-9_-]{0,5}[a-z0-9])?", fullmatch=True), max_size=4))
def test_any_labels_left_of_the_suffix_match_as_the_regex_says(row: Row, labels: list[str]) -> None:
    for suffix in suffixes(row):
        host = ".".join((*labels, suffix))
        assert any(fits(s, host.split(".")) for s in spellings(row["pattern"])) is (
            re.match(row["regex"], host) is not None
        )


@pytest.mark.parametrize(
    ("host", "seed"),
    [
        ("beacon-7f.example-lab.workers.dev", "S1"),
        ("proj.pages.dev", "S2"),
        ("us-central1-proj.cloudfunctions.net", "S3"),
        ("5qx32p3cm9.execute-api.us-west-2.amazonaws.com", "S4"),
        ("abcde12345fghij.lambda-url.us-east-1.amazonaws.com", "S5"),
        ("app.azurewebsites.net", "S6"),
        ("app.env-1.canadaeast.azurecontainerapps.io", "S7"),
        ("site.netlify.app", "S8"),
        ("proj.vercel.app", "S9"),
        ("script.google.com", "S10"),
        pytest.param("abc.lambda-url.us-east-1.on.aws", "S5", id="what S5 meant"),
        pytest.param("svc-1.us-west1.run.app", None, id="what S3 misses"),
        pytest.param("script.googleusercontent.com", None, id="what S10 misses"),
        pytest.param("x.trycloudflare.com", None, id="what the seed never named"),
    ],
)
def test_the_seeds_ten_patterns_stay_recognisable(host: str, seed: str | None) -> None:
    match = CATALOG.match(host)
    assert match is not None
    assert match.platform.seed_pattern == seed


@pytest.mark.parametrize(
    ("host", "platform", "tenant"),
    [
        pytest.param("API.Acct1.Workers.DEV.", "cf-workers", "acct1.workers.dev", id="any spelling"),
        pytest.param("acct1.workers.dev:8443", "cf-workers", "acct1.workers.dev", id="with a port"),
        pytest.param("bücher.workers.dev", "cf-workers", "xn--bcher-kva.workers.dev", id="IDNA"),
        pytest.param(
            "a.scm.azurewebsites.net", "az-appservice-scm", "a.scm.azurewebsites.net", id="the longer suffix wins"
        ),
        pytest.param("x.web.val.run", "valtown", "x.web.val.run", id="the longer suffix wins, again"),
        pytest.param("branch.code.run", "northflank", "branch.code.run", id="fewer labels than N: taken whole"),
        pytest.param("api.trycloudflare.com", "cf-quicktunnel", None, id="shared: a match without a tenant"),
        pytest.param("2.tcp.eu.ngrok.io", "ngrok-ngrok-io", None, id="shared by port"),
        pytest.param("script.google.com", "gcp-appsscript", None, id="the tenant is in the path"),
        pytest.param(
            "q3.lambda-url.xx-new-9.on.aws",
            "aws-lambda-url",
            "q3.lambda-url.xx-new-9.on.aws",
            id="a region no list knows yet",
        ),
    ],
)
def test_lookup(host: str, platform: str, tenant: str | None) -> None:
    match = CATALOG.match(host)
    assert match is not None
    assert (match.platform.id, match.tenant) == (platform, tenant)


@pytest.mark.parametrize(
    "name", ["", "-", "workers.dev", "dev", "93.184.216.34", "[::1]", "a..workers.dev", "\ud800.workers.dev"]
)
def test_what_is_no_customers_name_is_nothing(name: str) -> None:
    assert CATALOG.lookup(name) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acct1.workers.dev", True),
        ("tailee0733.ts.net", True),
        ("4svg40kna19.us-south.codeengine.appdomain.cloud", True),
        pytest.param("workers.dev", False, id="a bare suffix"),
        pytest.param("api.acct1.workers.dev", False, id="a host below its tenant"),
        pytest.param("script.google.com", False, id="a platform without tenants"),
        pytest.param("corp.example", False, id="no platform"),
    ],
)
def test_is_tenant(name: str, *, expected: bool) -> None:
    assert CATALOG.is_tenant(name) is expected


def made_up(number: int, pattern: str, **changes: object) -> Platform:
    given = Platform(
        id=f"p{number}", name="P", provider="P", category="paas", family="p", pattern=pattern, tenant="label:1"
    )
    return replace(given, **changes)  # type: ignore[arg-type]  # names and types are the table's


def no_list(_: str) -> None:
    return None


def test_of_two_patterns_that_say_as_much_the_lighter_wins() -> None:
    heavy, light = made_up(1, "*.a.example", weight=5), made_up(2, "**.a.example", weight=2)
    for platforms in ([heavy, light], [light, heavy]):
        match = Catalog(platforms, no_list).match("x.a.example")
        assert match is not None
        assert match.platform == light


def test_excluded_by_one_row_and_taken_by_another_is_a_match() -> None:
    catalog = Catalog(
        [made_up(1, "*.b.a.example", exclude=frozenset({"x.b.a.example"})), made_up(2, "**.a.example")], no_list
    )
    match = catalog.match("x.b.a.example")
    assert match is not None
    assert match.platform.id == "p2"


@pytest.mark.parametrize("answer", [None, "a.example", "example"])
def test_a_list_too_old_to_know_the_platform_gives_the_whole_host(answer: str | None) -> None:
    match = Catalog([made_up(1, "**.a.example", tenant="psl")], lambda _: answer).match("x.y.a.example")
    assert match is not None
    assert match.tenant == "x.y.a.example"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("*.example", "at least two labels without a star"),
        ("**", "at least two labels without a star"),
        ("a.example.*", "at least two labels without a star"),
        ("**.a.**.b.example", "'**' twice"),
        ("a**.b.example", "is no label"),
        ("*.B.example", "is no label"),
        ("a..b.example", "is no label"),
        ("-a.b.example", "is no label"),
        ("*.{a|b.example", "is no label"),
        ("*.{a||b}.c.example", "is no label"),
        ("{a|b|c|d|e}.{a|b|c|d|e}.{a|b|c|d|e}.b.example", "stands for 125 patterns"),
    ],
)
def test_a_pattern_that_cannot_be_read_says_why(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        spellings(pattern)


@pytest.mark.parametrize("tenant", ["", "label", "label:0", "label:-1", "label:x", "PSL"])
def test_a_tenant_rule_that_cannot_be_read_says_what_may_stand_there(tenant: str) -> None:
    with pytest.raises(ValueError, match="use 'psl', 'label:N' with N from 1, or 'none'"):
        Catalog([made_up(1, "*.a.example", tenant=tenant)], no_list)


def calls_of(work: Callable[[], object]) -> int:
    """How many Python calls some work makes: the same on every machine, whatever else runs there."""
    count = 0

    def seen(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def shapes(numbers: range) -> Iterator[Platform]:
    forms = (
        "*.p{}.dev",
        "**.p{}.app",
        "*.svc.*.p{}.com",
        "*.*.p{}.net",
        "p{}.example.org",
        "api-*.p{}.io",
        "**.p{}.workers.dev",
    )
    for number in numbers:
        yield made_up(number, forms[number % len(forms)].format(number))


def test_cost_does_not_grow_with_the_catalog() -> None:
    large = Catalog([*CATALOG.platforms.values(), *shapes(range(20_000))], registrable(), remembered=0)
    small = Catalog(CATALOG.platforms.values(), registrable(), remembered=0)
    hosts = [row["example_match"] for row in ROWS] + ["www.example.com", "a.b.c.d.example.net", "update.vendor.example"]
    assert calls_of(lambda: [large.lookup(host) for host in hosts]) <= 1.05 * calls_of(
        lambda: [small.lookup(host) for host in hosts]
    )
    assert large.match("x.p7.dev") is not None
