"""The settings of look-ups, as the service is wired by them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from enricher.errors import ConfigurationError
from enricher.model import Enrichment, Observable, ObservableKind, Status
from enricher.settings import read_settings
from enricher.wiring import lookups
from tests.lookups.loopback import DnsServer, http_server
from tests.lookups.test_lookup_mmdb import GEOLITE, written

IP = "104.21.48.117"
SOUGHT = [Observable(ObservableKind.ADDRESS, IP), Observable(ObservableKind.HOSTNAME, "a.workers.dev")]
SHIPPED = Path(__file__).parents[1] / "data/ranges"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ENRICHER_")]:
        monkeypatch.delenv(name)


def told(**variables: str) -> tuple[dict[str, Enrichment], set[str]]:
    """By source what was answered, and which sources asked something outside."""
    paths: list[str] = []

    def handle(path: str) -> tuple[int, dict[str, str], bytes]:
        paths.append(path)
        return 404, {}, b""

    with DnsServer({}) as server, http_server(handle) as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ENRICHER_DNS_SERVERS", f"127.0.0.1:{server.port}")
        environment.setenv("ENRICHER_RDAP_URL", url)
        for name, value in variables.items():
            environment.setenv(f"ENRICHER_{name}", value)
        found = lookups(read_settings(), None).about(SOUGHT)
        asked = {"asn" if "cymru" in name else "ptr" if "arpa" in name else "forward" for name in server.names}
    return {e.source: e for e in found}, asked | ({"rdap"} if paths else set())


EVERY = {"forward", "ptr", "asn", "rdap"}


@pytest.mark.parametrize(
    ("off", "left"),
    [
        pytest.param("", EVERY, id="none"),
        pytest.param("forward", EVERY - {"forward"}, id="names"),
        pytest.param("ptr", EVERY - {"ptr"}, id="reverse names"),
        pytest.param("asn", EVERY - {"asn"}, id="networks"),
        pytest.param("rdap", EVERY - {"rdap"}, id="registries"),
        pytest.param("rdap, forward", EVERY - {"rdap", "forward"}, id="two"),
        pytest.param('["forward","ptr","asn","rdap"]', set(), id="all, as JSON"),
    ],
)
def test_what_is_switched_off_asks_nothing_outside(off: str, left: set[str]) -> None:
    found, asked = told(LOOKUPS_OFF=off)
    assert asked == left
    assert {source for source, e in found.items() if e.status is Status.DISABLED} == EVERY - left
    assert set(found) == EVERY  # no files are set: there is nothing of them


@pytest.mark.parametrize(
    ("variables", "asks"),
    [
        pytest.param({}, {"forward", "ptr", "rdap"}, id="look-ups on: it is asked first"),
        pytest.param({"LOOKUPS_OFF": "asn"}, {"forward", "ptr", "rdap"}, id="Team Cymru off"),
        pytest.param({"LOOKUPS": "off"}, set[str](), id="look-ups off"),
    ],
)
def test_the_offline_file_answers_whatever_is_off(variables: dict[str, str], asks: set[str], tmp_path: Path) -> None:
    path = written(tmp_path / "asn.mmdb", {"104.16.0.0/13": GEOLITE})
    found, asked = told(ASN_MMDB=str(path), **variables)
    assert (found["asn"].status, found["asn"].detail["origin"]) == (Status.OK, "mmdb")
    assert asked == asks


def test_an_offline_file_that_is_not_there_is_no_reason_not_to_ask_team_cymru(tmp_path: Path) -> None:
    found, asked = told(ASN_MMDB=str(tmp_path / "asn.mmdb"))
    assert (found["asn"].status, found["asn"].reason) == (Status.NEGATIVE, "NXDOMAIN")
    assert asked == EVERY


@pytest.mark.parametrize("switch", ["on", "off"])
def test_published_ranges_answer_whatever_is_off(switch: str, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "ranges")
    found, _ = told(LOOKUPS=switch, RANGES_DIR=str(tmp_path / "ranges"))
    assert (found["ranges"].status, found["ranges"].detail["provider"]) == (Status.OK, "Cloudflare")


def test_a_rate_of_ones_own() -> None:
    addresses = [Observable(ObservableKind.ADDRESS, f"8.8.8.{n}") for n in range(4)]
    with DnsServer({}) as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("ENRICHER_DNS_SERVERS", f"127.0.0.1:{server.port}")
        environment.setenv("ENRICHER_LOOKUPS_OFF", "asn,rdap")
        environment.setenv("ENRICHER_LOOKUP_RATES", '{"ptr": 0.01}')
        found = lookups(read_settings(), None).about(addresses)
    limited = [e for e in found if e.source == "ptr" and e.status is Status.RATE_LIMITED]
    assert len(limited) == 3
    assert {e.reason for e in limited} == {"not asked: our own limit of 0.01 questions a second"}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("LOOKUPS_OFF", "whois", "ENRICHER_LOOKUPS_OFF should be 'forward', 'ptr', 'asn' or 'rdap', not 'whois'"),
        ("LOOKUP_RATES", "fast", "ENRICHER_LOOKUP_RATES should be a JSON object"),
        ("LOOKUP_RATES", '{"rdap": 0}', "ENRICHER_LOOKUP_RATES should be greater than 0, not '0'"),
        ("LOOKUP_RATES", '{"whois": 1}', "ENRICHER_LOOKUP_RATES should be 'forward', 'ptr', 'asn' or 'rdap'"),
    ],
)
def test_a_slip_is_named(name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ENRICHER_{name}", value)
    with pytest.raises(ConfigurationError) as refused:
        read_settings()
    assert refused.value.problems[0].startswith(reason)
