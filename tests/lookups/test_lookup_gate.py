import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.lookups.gate import canonical, why_not
from enricher.model import Observable, ObservableKind

ADDRESS, HOSTNAME = ObservableKind.ADDRESS, ObservableKind.HOSTNAME


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (ADDRESS, "8.8.8.8", None),
        (ADDRESS, "2606:4700::6815:3075", None),
        (ADDRESS, "10.1.2.3", "not looked up: private"),
        (ADDRESS, "127.0.0.1", "not looked up: loopback"),
        (ADDRESS, "169.254.169.254", "not looked up: link-local"),
        (ADDRESS, "100.64.0.1", "not looked up: shared address space (CGNAT)"),
        (ADDRESS, "203.0.113.24", "not looked up: documentation"),
        (ADDRESS, "224.0.0.251", "not looked up: multicast"),
        (ADDRESS, "fd00::1", "not looked up: private (unique local)"),
        (ADDRESS, "2002:808:808::1", "not looked up: 6to4"),
        (ADDRESS, "2001::1", "not looked up: Teredo"),
        (ADDRESS, "-", "not looked up: not an address"),
        (HOSTNAME, "beacon-7f.example-lab.workers.dev", None),
        (HOSTNAME, "_dmarc.example.com", None),
        (HOSTNAME, "xn--bcher-kva.example", None),
        (HOSTNAME, "ws-fin-0142", "not looked up: a name of this network"),
        (HOSTNAME, "printer.local", "not looked up: a name of this network"),
        (HOSTNAME, "nas.home.arpa", "not looked up: a name of this network"),
        (HOSTNAME, "metadata.google.internal", "not looked up: a name of this network"),
        (HOSTNAME, "expyuzz4wqqyqhjn.onion", "not looked up: a name of this network"),
        (HOSTNAME, "notlocal.example", None),
        (HOSTNAME, "8.8.8.8", "not looked up: not a host name"),
        (HOSTNAME, "a..b.example", "not looked up: not a host name"),
        (HOSTNAME, "a b.example", "not looked up: not a host name"),
        (HOSTNAME, "bücher.example", "not looked up: not a host name"),
        (HOSTNAME, "x" * 64 + ".example", "not looked up: not a host name"),
        (HOSTNAME, ".".join(["x" * 60] * 5), "not looked up: too long"),
        (ADDRESS, "8" * 300, "not looked up: too long"),
        (HOSTNAME, "", "not looked up: not a host name"),
    ],
)
def test_why_not(kind: ObservableKind, value: str, expected: str | None) -> None:
    assert why_not(Observable(kind, value)) == expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (ADDRESS, "::ffff:8.8.8.8", "8.8.8.8"),
        (ADDRESS, "nonsense", "nonsense"),
        (HOSTNAME, "Beacon.Workers.DEV.", "beacon.workers.dev"),
    ],
)
def test_canonical(kind: ObservableKind, value: str, expected: str) -> None:
    assert canonical(Observable(kind, value)) == expected


@given(st.sampled_from(ObservableKind), st.text())
def test_nothing_raises(kind: ObservableKind, value: str) -> None:
    seen = Observable(kind, canonical(Observable(kind, value)))
    assert why_not(seen) is None or isinstance(why_not(seen), str)
