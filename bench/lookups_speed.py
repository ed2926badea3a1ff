"""Look-ups: how fast what is known is answered, on each level, and how long a case waits for sources that are dead."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from enricher.core.merge import merge
from enricher.lookups import AllLookups, NoLookups
from enricher.lookups.asn import Asn
from enricher.lookups.dns import Dns, Forward, Ptr
from enricher.lookups.mmdb import AsnFile
from enricher.lookups.ranges import Ranges
from enricher.lookups.rdap import Rdap
from enricher.lookups.source import Answer, Keep, Source
from enricher.model import Observable, ObservableKind, Status
from enricher.ports import Lookups
from enricher.store import open_store
from enricher.wiring.flow import Flow
from enricher.wiring.live import load_content

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADDRESSES = [Observable(ObservableKind.ADDRESS, f"104.16.{n // 250}.{n % 250 + 1}") for n in range(2_000)]
ROUNDS = 5
DEADLINE_S = 5.0


class Instant:
    """A source that knows everything at once."""

    name = "bench"
    kind = ObservableKind.ADDRESS
    keep = Keep(ok=timedelta(days=1), negative=timedelta(hours=1), stale=timedelta(days=30))
    at_once = 8

    def ask(self, about: str) -> Answer:
        return Answer(status=Status.OK, detail={"asns": [13335], "prefix": "104.16.0.0/13", "holder": about})


def run() -> dict[str, object]:
    """Answers a second, one address a call, on a warm level each; then the time of a case when nobody answers."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        each = {
            "memory": _memory(),
            "database": _database(Path(folder)),
            "mmdb": _rate(NoLookups([AsnFile(_mmdb(Path(folder) / "asn.mmdb"), clock=_clock)]), source="asn"),
            "ranges": _rate(NoLookups([Ranges(ROOT / "tests/data/ranges", clock=_clock)]), source="ranges"),
        }
    return {"warm_per_s": {level: round(rate) for level, rate in each.items()}, "all_sources_dead": _dead()}


def _clock() -> datetime:
    return NOW


def _rate(lookups: Lookups, *, source: str, addresses: Sequence[Observable] = ADDRESSES, rounds: int = ROUNDS) -> float:
    """Median over the rounds of answers a second; every answer is checked."""
    rates = []
    for _ in range(rounds):
        began = time.perf_counter()
        found = [e for one in addresses for e in lookups.about([one]) if e.source == source]
        rates.append(len(addresses) / (time.perf_counter() - began))
        assert all(e.status is Status.OK for e in found)
        assert len(found) == len(addresses)
    return median(rates)


def _memory() -> float:
    lookups = AllLookups([Instant()], clock=_clock)
    _rate(lookups, source="bench", rounds=1)
    return _rate(lookups, source="bench")


def _database(folder: Path) -> float:
    """Each round is a process that has just begun: its memory is empty, the database is not."""
    store = open_store(
        f"sqlite:///{folder}/bench.db",
        clock=_clock,
        merge=merge,
        deliver_to=lambda _: (),
        lease_s=60,
    )
    store.upgrade()
    for one in ADDRESSES:
        enrichment = AllLookups([Instant()], clock=_clock).about([one])[0]
        store.cache.put("bench", one.value, enrichment, NOW, NOW + timedelta(days=1))
    rates = [
        _rate(AllLookups([Instant()], clock=_clock, cache=store.cache), source="bench", rounds=1) for _ in range(ROUNDS)
    ]
    store.close()
    return median(rates)


def _mmdb(path: Path) -> Path:
    writer = MMDBWriter(ip_version=6, database_type="GeoLite2-ASN", ipv4_compatible=True)
    for n in range(20_000):
        network = f"{20 + n // 65_536}.{n // 256 % 256}.{n % 256}.0/24"
        writer.insert_network(IPSet([network]), {"autonomous_system_number": 64_512 + n % 1_000})
    record = {"autonomous_system_number": 13335, "autonomous_system_organization": "CLOUDFLARENET"}
    writer.insert_network(IPSet(["104.16.0.0/13"]), record)
    writer.to_db_file(str(path))
    return path


def _dead() -> dict[str, object]:
    """A case whose addresses could be looked up, with a DNS server and a registry that take every question and say nothing."""
    body = (ROOT / "tests/data/sumo-payloads/monitor-alert.json").read_bytes()
    body = body.replace(b"203.0.113.", b"104.21.48.").replace(b"198.51.100.", b"104.21.49.")
    programs = load_content(None)
    without = Flow(lambda: programs, NoLookups(), None, owner=False)
    without.explain(body, NOW)  # what is made once is made
    quiet = _timed(lambda: without.explain(body, NOW))
    with _silence() as (dns_port, rdap_port):
        dns = Dns([("127.0.0.1", dns_port)])
        sources: list[Source] = [Forward(dns), Ptr(dns), Asn(dns), Rdap(f"http://127.0.0.1:{rdap_port}")]
        lookups = AllLookups(sources, clock=_clock, deadline_s=DEADLINE_S)
        flow = Flow(lambda: programs, lookups, None, owner=True)
        took = _timed(lambda: flow.explain(body, NOW))
    return {
        "deadline_s": DEADLINE_S,
        "case_s": round(took, 3),
        "ratio_to_deadline": round(took / DEADLINE_S, 3),
        "case_without_lookups_s": round(quiet, 4),
    }


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@contextmanager
def _silence() -> Iterator[tuple[int, int]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dns, socket.create_server(("127.0.0.1", 0)) as rdap:
        dns.bind(("127.0.0.1", 0))
        yield int(dns.getsockname()[1]), int(rdap.getsockname()[1])
