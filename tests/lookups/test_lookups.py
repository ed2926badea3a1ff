"""The flow of a question: gate, memory, single flight, shared cache, breaker, source, deadline."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from enricher.errors import StoreUnavailable
from enricher.lookups import AllLookups, NoLookups, SharedCache
from enricher.lookups.asn import Asn
from enricher.lookups.breaker import Breaker
from enricher.lookups.dns import Dns, Forward, Ptr
from enricher.lookups.mmdb import AsnFile
from enricher.lookups.ranges import Ranges
from enricher.lookups.rdap import Rdap
from enricher.lookups.source import Answer, Inside, Keep, Known, Source
from enricher.model import Enrichment, Observable, ObservableKind, Status
from enricher.ports import Lookups
from tests.lookups.loopback import SILENT, Crashes, DnsServer, http_server

pytestmark = pytest.mark.slow

SOON_S = 5.0
IP = "8.8.8.8"
ABOUT = [Observable(ObservableKind.ADDRESS, IP)]
FOUND = Answer(status=Status.OK, detail={"names": ["dns.google"]})
NOTHING = Answer(status=Status.NEGATIVE, reason="NXDOMAIN")
BROKEN = Answer(status=Status.ERROR, reason="SERVFAIL")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, **span: float) -> None:
        self.now += timedelta(**span)


class FakeSource:
    """Answers what it is told, in turn, then the last again; waits for `release` where one is given."""

    name = "ptr"
    kind = ObservableKind.ADDRESS
    keep = Keep(ok=timedelta(hours=1), negative=timedelta(minutes=5), stale=timedelta(days=1))

    def __init__(self, *answers: Answer, release: threading.Event | None = None, at_once: int = 4) -> None:
        self.answers, self.release, self.at_once = list(answers), release, at_once
        self.asked: list[str] = []
        self.started = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def ask(self, about: str) -> Answer:
        self.asked.append(about)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.started.release()
        if self.release is not None:
            assert self.release.wait(SOON_S)
        self.ended.release()
        return answer


class FakeInside:
    """A file in the house."""

    kind = ObservableKind.ADDRESS

    def __init__(self, name: str, answer: Answer, age_s: int = 0) -> None:
        self.name, self.known = name, Known(answer, age_s)
        self.asked: list[str] = []

    def ask(self, about: str) -> Known:
        self.asked.append(about)
        return self.known


class FakeShared:
    def __init__(self, *, broken: bool = False) -> None:
        self.rows: dict[tuple[str, str], tuple[Enrichment, datetime, datetime]] = {}
        self.broken = broken
        self.written = threading.Event()

    def get(self, source: str, about: str) -> tuple[Enrichment, datetime, datetime] | None:
        if self.broken:
            raise StoreUnavailable("gone")
        return self.rows.get((source, about))

    def put(self, source: str, about: str, enrichment: Enrichment, fetched_at: datetime, expires_at: datetime) -> None:
        if self.broken:
            raise StoreUnavailable("gone")
        self.rows[source, about] = enrichment, fetched_at, expires_at
        self.written.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def crashes(monkeypatch: pytest.MonkeyPatch) -> Crashes:
    return Crashes(monkeypatch)


def one(lookups: AllLookups) -> Enrichment:
    (enrichment,) = lookups.about(ABOUT)
    return enrichment


def test_it_is_the_port(clock: Clock) -> None:
    ports: list[Lookups] = [AllLookups([], clock=clock), NoLookups()]
    assert [port.about(ABOUT)[:0] for port in ports] == [[], []]
    shared: SharedCache = FakeShared()
    sources: list[Source] = [Ptr(Dns()), Forward(Dns()), Asn(Dns()), Rdap(), FakeSource(FOUND)]
    assert shared
    assert [source.kind for source in sources].count(ObservableKind.HOSTNAME) == 1
    files: list[Inside] = [
        AsnFile(Path("a.mmdb"), clock=clock),
        Ranges(Path("ranges"), clock=clock),
        FakeInside("asn", FOUND),
    ]
    assert {file.kind for file in files} == {ObservableKind.ADDRESS}


def test_an_answer(clock: Clock) -> None:
    assert one(AllLookups([FakeSource(FOUND)], clock=clock)) == Enrichment(
        source="ptr", about=IP, status=Status.OK, detail={"names": ["dns.google"]}
    )


def test_every_source_of_the_kind_is_asked_about_each_observable_once(clock: Clock) -> None:
    ptr, host = FakeSource(FOUND), FakeSource(NOTHING)
    host.name, host.kind = "forward", ObservableKind.HOSTNAME
    sought = [
        *ABOUT,
        Observable(ObservableKind.ADDRESS, "::ffff:8.8.8.8"),
        Observable(ObservableKind.HOSTNAME, "A.example.com."),
        Observable(ObservableKind.ADDRESS, "9.9.9.9"),
    ]
    found = AllLookups([ptr, host], clock=clock).about(sought)
    assert [(e.source, e.about) for e in found] == [("ptr", IP), ("forward", "a.example.com"), ("ptr", "9.9.9.9")]
    assert sorted(ptr.asked) == [IP, "9.9.9.9"]


SPECIAL = {
    "10.0.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "127.0.0.1": "loopback",
    "0.0.0.0": "unspecified",
    "169.254.169.254": "link-local: the metadata service of clouds",
    "100.64.0.1": "CGNAT",
    "100.100.100.200": "CGNAT: another metadata service",
    "192.0.0.170": "protocol assignments",
    "192.0.2.1": "documentation",
    "198.51.100.1": "documentation",
    "203.0.113.24": "documentation",
    "192.88.99.1": "6to4 relay",
    "198.18.0.1": "benchmarking",
    "224.0.0.1": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "unspecified, v6",
    "::1": "loopback, v6",
    "fd00:ec2::254": "unique local: a metadata service",
    "fe80::1": "link-local, v6",
    "fe80::1%eth0": "link-local with its zone",
    "fec0::1": "site-local",
    "ff02::1": "multicast, v6",
    "2001:db8::1": "documentation, v6",
    "3fff::1": "documentation, v6, the newer",
    "100::1": "discard only",
    "2001::1": "Teredo",
    "2002:808:808::1": "6to4 around a public address",
    "2002:a00:1::1": "6to4 around a private address",
    "64:ff9b::808:808": "NAT64 around a public address",
    "64:ff9b::a00:1": "NAT64 around a private address",
    "64:ff9b:1::1": "local NAT64",
    "::ffff:10.0.0.1": "private, mapped",
    "::ffff:169.254.169.254": "metadata, mapped",
    "::ffff:0:8.8.8.8": "translated",
    "::8.8.8.8": "compatible, long out of use",
    "5f00::1": "segment routing",
}
OUTSIDE = ["8.8.8.8.in-addr.arpa", "8.8.8.8.origin.asn.cymru.com"]


@pytest.mark.parametrize("ip", SPECIAL, ids=SPECIAL.values())
def test_a_special_address_never_leaves_the_house(ip: str, clock: Clock) -> None:
    paths: list[str] = []

    def handle(path: str) -> tuple[int, dict[str, str], bytes]:
        paths.append(path)
        return 404, {}, b""

    with DnsServer({}) as server, http_server(handle) as url:
        resolver = Dns(server.servers)
        inside = FakeInside("asn", NOTHING), FakeInside("ranges", FOUND)
        sources: list[Source] = [Ptr(resolver), Asn(resolver), Rdap(url), Forward(resolver)]
        lookups = AllLookups(sources, clock=clock, inside=inside)
        found = lookups.about(
            [Observable(ObservableKind.ADDRESS, ip), Observable(ObservableKind.HOSTNAME, "printer.local")]
        )
        assert {e.source: e.status for e in found} == dict.fromkeys(
            ("ptr", "asn", "rdap", "ranges", "forward"), Status.NOT_APPLICABLE
        )
        lookups.about(ABOUT)  # the servers would have seen it
        assert sorted({name for name, _, _ in server.asked}) == OUTSIDE
        assert paths == ["/ip/8.8.8.8"]
        assert [file.asked for file in inside] == [[IP], [IP]]


def test_one_flight_for_all_who_ask_the_same(clock: Clock) -> None:
    release = threading.Event()
    source = FakeSource(FOUND, release=release)
    lookups = AllLookups([source], clock=clock)
    results: list[Enrichment] = []
    first = threading.Thread(target=lambda: results.append(one(lookups)))
    first.start()
    assert source.started.acquire(timeout=SOON_S)
    others = [threading.Thread(target=lambda: results.append(one(lookups))) for _ in range(4)]
    for other in others:
        other.start()
    release.set()
    for thread in (first, *others):
        thread.join(SOON_S)
    assert [e.status for e in results] == [Status.OK] * 5
    assert source.asked == [IP]


def test_a_hanging_source_does_not_hold_the_caller_and_its_late_answer_is_kept(clock: Clock) -> None:
    release = threading.Event()
    slow = FakeSource(FOUND, release=release)
    quick = FakeSource(NOTHING)
    quick.name = "asn"
    lookups = AllLookups([slow, quick], clock=clock, deadline_s=0.1)
    before = monotonic()
    found = lookups.about(ABOUT)
    assert monotonic() - before < 2.0
    assert [(e.source, e.status, e.reason) for e in found] == [
        ("ptr", Status.TIMEOUT, "no answer within the deadline of 0.1 s"),
        ("asn", Status.NEGATIVE, "NXDOMAIN"),
    ]
    release.set()
    assert slow.ended.acquire(timeout=SOON_S)
    assert lookups.about(ABOUT)[0].status is Status.OK
    assert slow.asked == [IP]


def test_hanging_for_ever_holds_a_bounded_number_of_threads(clock: Clock) -> None:
    release = threading.Event()
    source = FakeSource(FOUND, release=release, at_once=2)
    source.name = "hanging"
    lookups = AllLookups([source], clock=clock, deadline_s=0.5)
    found = lookups.about([Observable(ObservableKind.ADDRESS, f"8.8.{i // 250}.{i % 250}") for i in range(1500)])
    assert sum(thread.name == "lookup-hanging" for thread in threading.enumerate()) == 2
    assert {e.status for e in found} == {Status.TIMEOUT}
    assert sum(e.reason == "not asked: too many questions wait" for e in found) >= 498
    release.set()
    for _ in range(2):
        assert source.ended.acquire(timeout=SOON_S)
    # What waited past its deadline is not asked any more: the backlog is gone at once.
    assert lookups.about([Observable(ObservableKind.ADDRESS, "9.9.9.9")])[0].status is Status.OK
    assert len(source.asked) == 3


def test_memory_answers_with_its_age(clock: Clock) -> None:
    source = FakeSource(FOUND)
    lookups = AllLookups([source], clock=clock)
    one(lookups)
    clock.sleep(seconds=90)
    assert one(lookups) == Enrichment(source="ptr", about=IP, status=Status.OK, detail=FOUND.detail, age_s=90)
    assert source.asked == [IP]


def test_answers_and_absences_are_kept_for_different_times(clock: Clock) -> None:
    source = FakeSource(NOTHING, FOUND, NOTHING)
    lookups = AllLookups([source], clock=clock)
    assert one(lookups).status is Status.NEGATIVE
    clock.sleep(minutes=4)
    assert (one(lookups).status, one(lookups).age_s) == (Status.NEGATIVE, 240)
    clock.sleep(minutes=2)
    assert one(lookups).status is Status.OK
    clock.sleep(minutes=59)
    assert one(lookups).status is Status.OK
    clock.sleep(minutes=2)
    assert one(lookups).status is Status.NEGATIVE
    assert len(source.asked) == 3


def test_failures_are_not_kept(clock: Clock) -> None:
    source = FakeSource(BROKEN, FOUND)
    lookups = AllLookups([source], clock=clock)
    assert (one(lookups).status, one(lookups).status) == (Status.ERROR, Status.OK)


def test_an_old_answer_stands_in_for_an_error_and_says_how_old(clock: Clock) -> None:
    source = FakeSource(FOUND, BROKEN)
    lookups = AllLookups([source], clock=clock)
    one(lookups)
    clock.sleep(hours=2)
    assert one(lookups) == Enrichment(
        source="ptr", about=IP, status=Status.STALE, detail=FOUND.detail, age_s=7200, reason="error: SERVFAIL"
    )
    clock.sleep(hours=24)
    assert one(lookups).status is Status.ERROR


def test_an_old_answer_stands_in_for_a_late_one(clock: Clock) -> None:
    release = threading.Event()
    release.set()
    source = FakeSource(FOUND, NOTHING, release=release)
    lookups = AllLookups([source], clock=clock, deadline_s=0.1)
    one(lookups)
    clock.sleep(hours=2)
    release.clear()
    late = one(lookups)
    assert (late.status, late.reason) == (Status.STALE, "timeout: no answer within the deadline of 0.1 s")
    release.set()


def test_an_old_absence_stands_in_for_nothing(clock: Clock) -> None:
    lookups = AllLookups([FakeSource(NOTHING, BROKEN)], clock=clock)
    one(lookups)
    clock.sleep(minutes=6)
    assert one(lookups).status is Status.ERROR


def test_another_process_finds_what_this_one_found(clock: Clock) -> None:
    shared = FakeShared()
    one(AllLookups([FakeSource(FOUND)], clock=clock, cache=shared))
    assert shared.written.wait(SOON_S)
    clock.sleep(minutes=10)
    source = FakeSource(BROKEN)
    other = AllLookups([source], clock=clock, cache=shared)
    assert (one(other).status, one(other).age_s) == (Status.OK, 600)
    assert source.asked == []


def test_what_is_shared_but_old_stands_in_for_an_error(clock: Clock) -> None:
    shared = FakeShared()
    one(AllLookups([FakeSource(FOUND)], clock=clock, cache=shared))
    assert shared.written.wait(SOON_S)
    clock.sleep(hours=3)
    found = one(AllLookups([FakeSource(BROKEN)], clock=clock, cache=shared))
    assert (found.status, found.age_s) == (Status.STALE, 10_800)


def test_without_the_shared_cache_it_goes_on(clock: Clock) -> None:
    source = FakeSource(FOUND)
    lookups = AllLookups([source], clock=clock, cache=FakeShared(broken=True))
    assert (one(lookups).status, one(lookups).status) == (Status.OK, Status.OK)
    assert source.asked == [IP]


def test_nobody_waits_for_the_shared_cache_to_be_written(clock: Clock) -> None:
    class Slow(FakeShared):
        def put(self, source: str, about: str, enrichment: Enrichment, fetched_at: datetime, expires_at: datetime) -> None:
            assert answered.wait(SOON_S)
            super().put(source, about, enrichment, fetched_at, expires_at)

    answered, shared = threading.Event(), Slow()
    assert one(AllLookups([FakeSource(FOUND)], clock=clock, cache=shared)).status is Status.OK
    answered.set()
    assert shared.written.wait(SOON_S)


def test_a_clock_that_steps_back_gives_no_negative_age(clock: Clock) -> None:
    lookups = AllLookups([FakeSource(FOUND)], clock=clock)
    one(lookups)
    clock.sleep(seconds=-30)
    assert one(lookups).age_s == 0


def test_a_source_in_trouble_is_left_alone(clock: Clock) -> None:
    source = FakeSource(Answer(status=Status.RATE_LIMITED, reason="429", rest_s=60.0), FOUND)
    now = 0.0
    lookups = AllLookups([source], clock=clock, breaker=lambda: Breaker(clock=lambda: now))
    assert one(lookups).status is Status.RATE_LIMITED
    refused = one(lookups)
    assert (refused.status, refused.reason) == (Status.RATE_LIMITED, "not asked: left alone for 60 s more after: 429")
    assert len(source.asked) == 1
    now = 60.0
    assert one(lookups).status is Status.OK


def test_one_sources_trouble_is_not_anothers(clock: Clock) -> None:
    limited, fine = FakeSource(Answer(status=Status.RATE_LIMITED, reason="429")), FakeSource(FOUND)
    fine.name = "asn"
    lookups = AllLookups([limited, fine], clock=clock)
    lookups.about(ABOUT)
    clock.sleep(hours=2)
    assert [e.status for e in lookups.about(ABOUT)] == [Status.RATE_LIMITED, Status.OK]


def test_a_bug_in_a_source_is_an_error_and_loud_and_not_the_end(clock: Clock, crashes: Crashes) -> None:
    class Buggy(FakeSource):
        def ask(self, about: str) -> Answer:
            if not self.asked:
                self.asked.append(about)
                raise ZeroDivisionError
            return super().ask(about)

    lookups = AllLookups([Buggy(FOUND)], clock=clock)
    broken = one(lookups)
    assert (broken.status, broken.reason) == (Status.ERROR, "the look-up failed unexpectedly; the log says how")
    assert crashes.next() is ZeroDivisionError
    assert one(lookups).status is Status.OK


def test_a_source_switched_off_is_not_asked(clock: Clock) -> None:
    source = FakeSource(FOUND)
    found = one(AllLookups([source], clock=clock, off={"ptr"}))
    assert (found.status, found.reason) == (Status.DISABLED, "this source is switched off: ENRICHER_LOOKUPS_OFF")
    assert source.asked == []


# --- files in the house ---------------------------------------------------------------------------------------------

IN_FILE = Answer(status=Status.OK, detail={"asns": [15169], "origin": "mmdb"})
NOT_IN_FILE = Answer(status=Status.NEGATIVE, reason="the file has no AS number for it")
NO_FILE = Answer(status=Status.ERROR, reason="asn.mmdb cannot be read: FileNotFoundError")
FROM_CYMRU = Answer(status=Status.OK, detail={"asns": [15169], "origin": "cymru"})


def asn_source() -> FakeSource:
    source = FakeSource(FROM_CYMRU)
    source.name = "asn"
    return source


def test_what_a_file_knows_is_asked_of_nobody(clock: Clock) -> None:
    source = asn_source()
    found = one(AllLookups([source], clock=clock, inside=[FakeInside("asn", IN_FILE, age_s=86_400)]))
    assert found == Enrichment(source="asn", about=IP, status=Status.OK, detail=IN_FILE.detail, age_s=86_400)
    assert source.asked == []


@pytest.mark.parametrize("instead", [NOT_IN_FILE, NO_FILE], ids=["not in it", "no such file"])
def test_what_a_file_does_not_know_is_asked_of_the_next(instead: Answer, clock: Clock) -> None:
    source = asn_source()
    found = one(AllLookups([source], clock=clock, inside=[FakeInside("asn", instead)]))
    assert (found.status, found.detail["origin"]) == (Status.OK, "cymru")
    assert source.asked == [IP]


@pytest.mark.parametrize("answer", [IN_FILE, NOT_IN_FILE, NO_FILE], ids=["in it", "not in it", "no such file"])
def test_with_the_source_switched_off_the_file_has_the_last_word(answer: Answer, clock: Clock) -> None:
    source = asn_source()
    found = one(AllLookups([source], clock=clock, inside=[FakeInside("asn", answer)], off={"asn"}))
    assert (found.status, found.detail, found.reason) == (answer.status, answer.detail, answer.reason)
    assert source.asked == []


def test_a_file_that_is_no_sources_is_a_source_of_its_own(clock: Clock) -> None:
    inside = [FakeInside("ranges", NOTHING)]
    sought = [*ABOUT, Observable(ObservableKind.HOSTNAME, "a.workers.dev")]
    found = AllLookups([FakeSource(FOUND)], clock=clock, inside=inside).about(sought)
    assert [(e.source, e.about, e.status) for e in found] == [("ptr", IP, Status.OK), ("ranges", IP, Status.NEGATIVE)]


def test_files_answer_where_nothing_leaves_the_house() -> None:
    found = NoLookups([FakeInside("asn", IN_FILE), FakeInside("ranges", NOTHING)]).about(ABOUT)
    assert {e.source: e.status for e in found} == {
        "ptr": Status.DISABLED,
        "asn": Status.OK,
        "rdap": Status.DISABLED,
        "ranges": Status.NEGATIVE,
    }


# --- our own limit --------------------------------------------------------------------------------------------------


def test_our_own_limit_spreads_questions_over_the_deadline_and_refuses_the_rest(clock: Clock) -> None:
    source, pauses = FakeSource(FOUND, at_once=1), list[float]()
    lookups = AllLookups([source], clock=clock, deadline_s=2.0, rates={"ptr": 2.0}, pause=pauses.append)
    found = lookups.about([Observable(ObservableKind.ADDRESS, f"8.8.8.{n}") for n in range(40)])
    refused = [e for e in found if e.status is Status.RATE_LIMITED]
    assert {e.reason for e in refused} == {"not asked: our own limit of 2 questions a second"}
    assert len(source.asked) == 40 - len(refused)
    assert 5 <= len(source.asked) <= 7  # two at once, then two a second while somebody waits
    assert pauses
    assert max(pauses) <= 2.0


def test_one_sources_limit_is_not_anothers(clock: Clock) -> None:
    slow, quick = FakeSource(FOUND), FakeSource(FOUND)
    quick.name = "asn"
    lookups = AllLookups([slow, quick], clock=clock, deadline_s=0.1, rates={"ptr": 1.0})
    found = lookups.about([Observable(ObservableKind.ADDRESS, f"8.8.8.{n}") for n in range(5)])
    assert sorted(e.source for e in found if e.status is Status.OK) == ["asn"] * 5 + ["ptr"]


def test_an_old_answer_stands_in_for_one_over_the_limit(clock: Clock) -> None:
    lookups = AllLookups([FakeSource(FOUND)], clock=clock, deadline_s=0.1, rates={"ptr": 1.0})
    one(lookups)
    clock.sleep(hours=2)
    found = one(lookups)
    assert (found.status, found.reason) == (
        Status.STALE,
        "rate_limited: not asked: our own limit of 1 questions a second",
    )


def test_what_is_remembered_costs_no_turn(clock: Clock) -> None:
    lookups = AllLookups([FakeSource(FOUND)], clock=clock, deadline_s=0.1, rates={"ptr": 1.0})
    assert {one(lookups).status for _ in range(50)} == {Status.OK}


def test_a_source_in_trouble_while_a_question_waits_for_its_turn_is_left_alone(clock: Clock) -> None:
    source = FakeSource(FOUND, Answer(status=Status.RATE_LIMITED, reason="429", rest_s=60.0), at_once=1)
    breaker = Breaker()
    pauses: list[float] = []

    def trouble(seconds: float) -> None:
        pauses.append(seconds)
        breaker.note(Answer(status=Status.RATE_LIMITED, reason="429", rest_s=60.0))

    lookups = AllLookups([source], clock=clock, rates={"ptr": 1.0}, breaker=lambda: breaker, pause=trouble)
    found = lookups.about([Observable(ObservableKind.ADDRESS, f"8.8.8.{n}") for n in range(2)])
    assert [e.status for e in found] == [Status.OK, Status.RATE_LIMITED]
    assert (len(source.asked), len(pauses)) == (1, 1)


def test_no_lookups_says_so_for_every_source() -> None:
    found = NoLookups().about([*ABOUT, *ABOUT, Observable(ObservableKind.HOSTNAME, "a.workers.dev")])
    assert [(e.source, e.about, e.status) for e in found] == [
        ("ptr", IP, Status.DISABLED),
        ("asn", IP, Status.DISABLED),
        ("rdap", IP, Status.DISABLED),
        ("forward", "a.workers.dev", Status.DISABLED),
    ]


def test_all_real_sources_together(clock: Clock) -> None:
    zone: dict[tuple[str, str], str | list[str]] = {
        ("8.8.8.8.in-addr.arpa", "PTR"): ["dns.google."],
        ("8.8.8.8.origin.asn.cymru.com", "TXT"): ['"15169 | 8.8.8.0/24 | US | arin | 2023-12-28"'],
        ("AS15169.asn.cymru.com", "TXT"): ['"15169 | US | arin | 2000-03-30 | GOOGLE, US"'],
        ("a.workers.dev", "A"): ["104.21.48.117"],
        ("a.workers.dev", "AAAA"): SILENT,
    }
    with DnsServer(zone) as server, http_server(lambda _path: (429, {"Retry-After": "5"}, b"")) as url:
        resolver = Dns(server.servers, timeout_s=0.4)
        lookups = AllLookups([Forward(resolver), Ptr(resolver), Asn(resolver), Rdap(url)], clock=clock)
        found = lookups.about([*ABOUT, Observable(ObservableKind.HOSTNAME, "a.workers.dev")])
    assert [(e.source, e.status, dict(e.detail)) for e in found] == [
        ("ptr", Status.OK, {"names": ["dns.google"]}),
        (
            "asn",
            Status.OK,
            {
                "asns": [15169],
                "prefix": "8.8.8.0/24",
                "country": "US",
                "registry": "arin",
                "holder": "GOOGLE, US",
                "origin": "cymru",
            },
        ),
        ("rdap", Status.RATE_LIMITED, {}),
        ("forward", Status.OK, {"addresses": ["104.21.48.117"]}),
    ]
