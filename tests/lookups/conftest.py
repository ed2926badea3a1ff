"""The store's databases, for the look-ups that are to outlive a restart; and a real DNS server where there is one."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest

from tests.store.conftest import clock, estate, store, url

__all__ = ["clock", "estate", "nsd", "store", "url"]

NSD = shutil.which("nsd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
ATTEMPTS = 100
ZONES = Path(__file__).parent / "zones"


@pytest.fixture(scope="module")
def nsd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A real DNS server of this run's own, on a loopback port, with the zones of `zones/`; its host and port."""
    if NSD is None:
        pytest.skip("nsd is not installed: apt-get install nsd")
    folder = tmp_path_factory.mktemp("nsd")
    port = _free_port()
    zones = "".join(f'zone:\n  name: "{path.name}"\n  zonefile: "{path}"\n' for path in sorted(ZONES.iterdir()))
    (folder / "nsd.conf").write_text(
        f"""server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  pidfile: "{folder}/nsd.pid"
  logfile: "{folder}/nsd.log"
  rrl-ratelimit: 0
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: "broken.example"
  zonefile: "{folder}/not-there"
{zones}"""
    )
    process = subprocess.Popen([NSD, "-d", "-c", str(folder / "nsd.conf")])
    try:
        _wait_until_it_answers(port, process, folder / "nsd.log")
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Nothing tells that a server listens but asking it; between two questions it is waited for to end."""
    question = dns.message.make_query("asn.cymru.com.", "SOA")
    for _ in range(ATTEMPTS):
        with suppress(OSError, dns.exception.DNSException):
            dns.query.tcp(question, "127.0.0.1", timeout=1.0, port=port)
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            break
    pytest.fail(f"nsd does not answer: {log.read_text()}")
