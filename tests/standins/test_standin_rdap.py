"""The RDAP stand-in: networks and abuse contacts, as ipwhois reads them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from ipwhois.net import Net
from ipwhois.rdap import RDAP, RIR_RDAP

from enricher.standins import Fault, FaultKind, Network, Rdap, running

pytestmark = pytest.mark.slow

NETWORKS = (
    Network(
        prefix="104.16.0.0/12",
        handle="NET-104-16",
        name="CLOUDFLARENET",
        holder="Cloudflare, Inc.",
        abuse="abuse@cf.example",
    ),
    Network(prefix="104.21.48.0/24", handle="NET-104-21", name="CUSTOMER", holder="A customer"),
    Network(prefix="2606:4700::/32", handle="NET6-2606", name="CLOUDFLARE6", holder="Cloudflare, Inc."),
)


@pytest.fixture
def rdap() -> Iterator[Rdap]:
    with running(Rdap(NETWORKS)) as standin:
        yield standin


@pytest.mark.parametrize(
    ("address", "handle"),
    [
        ("104.16.0.1", "NET-104-16"),
        ("104.21.48.117", "NET-104-21"),
        ("2606:4700::1", "NET6-2606"),
        ("104.16.0.0/24", "NET-104-16"),
    ],
)
def test_the_narrowest_network(rdap: Rdap, address: str, handle: str) -> None:
    response = httpx2.get(f"{rdap.url}/ip/{address}")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/rdap+json")
    assert response.json()["handle"] == handle


@pytest.mark.parametrize(("address", "status"), [("192.0.2.1", 404), ("not-an-address", 400)])
def test_no_network(rdap: Rdap, address: str, status: int) -> None:
    response = httpx2.get(f"{rdap.url}/ip/{address}")
    assert (response.status_code, response.json()["errorCode"]) == (status, status)


def test_ipwhois_reads_it(rdap: Rdap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RIR_RDAP["arin"], "ip_url", f"{rdap.url}/ip/{{0}}")
    found = RDAP(Net("104.16.0.1")).lookup(asn_data={"asn_registry": "arin"}, retry_count=0, rate_limit_timeout=0)
    assert (found["network"]["cidr"], found["network"]["name"]) == ("104.16.0.0/12", "CLOUDFLARENET")
    (abuse,) = [one for one in found["objects"].values() if "abuse" in one["roles"]]
    assert [one["value"] for one in abuse["contact"]["email"]] == ["abuse@cf.example"]


def test_it_limits_and_hangs_as_told(rdap: Rdap) -> None:
    rdap.fail(Fault(kind=FaultKind.LIMIT, path="/ip/104.16.0.1", retry_after=120), Fault(kind=FaultKind.HANG))
    limited = httpx2.get(f"{rdap.url}/ip/104.16.0.1")
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "120")
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(f"{rdap.url}/ip/104.16.0.2", timeout=0.5)
    store = rdap.store()
    assert [request["path"] for request in store["requests"]] == ["/ip/104.16.0.1", "/ip/104.16.0.2"]
    assert store["networks"] == ["NET-104-16", "NET-104-21", "NET6-2606"]
