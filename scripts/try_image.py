"""Run an image the way a strict cluster would, and see that it works.

Read-only root, uid 10001, no capabilities, no new privileges, a fresh volume on /data and a small /tmp. Looks for: the command
answers, the service becomes healthy and ready, the image's own HEALTHCHECK passes, SIGTERM ends it cleanly.

Needs root, buildah and runc. Only what the image itself says (user, command, environment, health check) is used to run it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

START_SECONDS = 30
STOP_SECONDS = 30


def output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def mounted(image: str) -> Iterator[Path]:
    """The image's root file system, for as long as it is needed."""
    container = output("buildah", "from", "--pull-never", image)
    try:
        yield Path(output("buildah", "mount", container))
    finally:
        output("buildah", "rm", container)


def image_config(image: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(output("buildah", "inspect", "--type", "image", image))["Docker"]["config"]
    return config


def bundle(folder: Path, root: Path, config: dict[str, Any], args: list[str], env: list[str]) -> None:
    """Write runc's config.json: its own default, made stricter, with what the image says."""
    output("runc", "spec", "--bundle", str(folder))
    spec = json.loads((folder / "config.json").read_text())
    uid, gid = (int(part) for part in config["User"].split(":"))
    process = spec["process"]
    process |= {"terminal": False, "args": args, "env": config["Env"] + env, "cwd": config["WorkingDir"]}
    process |= {"user": {"uid": uid, "gid": gid}, "capabilities": {}, "noNewPrivileges": True}
    process.pop("rlimits", None)
    spec["root"] = {"path": str(root), "readonly": True}
    spec["linux"]["namespaces"] = [ns for ns in spec["linux"]["namespaces"] if ns["type"] not in {"network", "cgroup"}]
    spec["linux"].pop("resources", None)
    data = folder / "data"
    data.mkdir()
    os.chown(data, uid, gid)
    spec["mounts"] = [mount for mount in spec["mounts"] if mount["type"] != "cgroup"] + [
        {"destination": "/data", "type": "bind", "source": str(data), "options": ["rbind", "rw"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "size=256m"]},
    ]
    (folder / "config.json").write_text(json.dumps(spec))


def wait_for(url: str, service: subprocess.Popen[bytes]) -> float:
    """Seconds until the address answers 200. Gives up when the service ends or the time is over."""
    begun = time.monotonic()
    while time.monotonic() - begun < START_SECONDS:
        if service.poll() is not None:
            sys.exit(f"the service ended with code {service.returncode} before {url} answered")
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return time.monotonic() - begun
        time.sleep(0.05)
    sys.exit(f"{url} did not answer 200 within {START_SECONDS} s")


def try_command(folder: Path, root: Path, config: dict[str, Any]) -> None:
    bundle(folder, root, config, [*config["Entrypoint"], "--help"], [])
    said = output("runc", "run", "--bundle", str(folder), f"enricher-help-{os.getpid()}")
    print(f"  --help answers, {len(said.splitlines())} lines")


def try_service(folder: Path, root: Path, config: dict[str, Any]) -> None:
    port, name = free_port(), f"enricher-serve-{os.getpid()}"
    args = [*config["Entrypoint"], *config["Cmd"]]
    bundle(folder, root, config, args, [f"ENRICHER_BIND=127.0.0.1:{port}", "ENRICHER_LOOKUPS=off"])
    with running(folder, name) as service:
        print(f"  healthy after {wait_for(f'http://127.0.0.1:{port}/healthz', service):.2f} s")
        wait_for(f"http://127.0.0.1:{port}/readyz", service)
        print("  ready: the database on /data takes writes")
        output("runc", "exec", name, *config["Healthcheck"]["Test"][1:])
        print("  HEALTHCHECK passes inside")
        begun = time.monotonic()
        output("runc", "kill", name, "TERM")
        code = service.wait(STOP_SECONDS)
        print(f"  SIGTERM: ended with code {code} after {time.monotonic() - begun:.2f} s")
        if code != 0:
            sys.exit("a service that was asked to end should end with code 0")


@contextlib.contextmanager
def running(folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """The service in its container, started and, whatever happens, ended; its log is shown when something went wrong."""
    clean = False
    with (folder / "log").open("wb") as log:
        command = ["runc", "run", "--bundle", str(folder), name]
        service = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield service
        clean = True
    finally:
        if service.poll() is None:
            subprocess.run(["runc", "kill", name, "KILL"], check=False)
            service.wait(STOP_SECONDS)
        if not clean:
            print((folder / "log").read_text(errors="replace")[-4000:], file=sys.stderr)


def main(image: str) -> None:
    config = image_config(image)
    print(f"{image}: user {config['User']}, {' '.join([*config['Entrypoint'], *config['Cmd']])}")
    with mounted(image) as root, tempfile.TemporaryDirectory() as scratch:
        size = sum(f.stat().st_size for f in (root / "opt/enricher").rglob("*") if f.is_file() and not f.is_symlink())
        print(f"  /opt/enricher is {size / 2**20:.0f} MiB")
        for attempt in (try_command, try_service):
            folder = Path(scratch) / attempt.__name__
            folder.mkdir()
            attempt(folder, root, config)
            shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1])
