"""The Dockerfile, the build context and the compose file; `make image` builds and runs the image itself."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = [line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
FINAL_STAGE = INSTRUCTIONS[[i for i, line in enumerate(INSTRUCTIONS) if line.startswith("FROM")][-1] :]


def final(instruction: str) -> list[str]:
    return [line.removeprefix(instruction).strip() for line in FINAL_STAGE if line.startswith(f"{instruction} ")]


def compose() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["enricher"]
    return service


def test_hadolint_is_content() -> None:
    command = [str(Path(sys.executable).parent / "hadolint"), "--failure-threshold", "style", "Dockerfile"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout


def test_the_base_can_be_chosen_for_every_stage() -> None:
    assert INSTRUCTIONS[0].startswith("ARG BASE_IMAGE=python:3.")
    assert {line.split()[1] for line in INSTRUCTIONS if line.startswith("FROM")} == {"${BASE_IMAGE}"}


def test_every_install_is_hash_checked_or_offline() -> None:
    installs = re.findall(r"pip install ([^&]+)", DOCKERFILE.replace("\\\n", " "))
    assert installs
    assert [install for install in installs if "--require-hashes" not in install and "--no-index" not in install] == []


def test_it_runs_as_a_numbered_user_without_rights() -> None:
    assert final("USER") == ["10001:10001"]
    [healthcheck] = final("HEALTHCHECK")
    assert "/healthz" in healthcheck
    assert final("VOLUME") == ["/data"]
    assert (final("ENTRYPOINT"), final("CMD")) == (['["enricher"]'], ['["serve"]'])


def test_it_is_set_up_as_documented() -> None:
    variables = dict(pair.split("=", 1) for line in final("ENV") for pair in line.split())
    assert variables["ENRICHER_BIND"] == "0.0.0.0:8080"
    assert variables["ENRICHER_DATABASE_URL"] == "sqlite:////data/enricher.db"


def test_the_build_context_holds_what_the_wheel_is_made_of_and_no_more() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:].rstrip("/") for line in lines if line.startswith("!")}
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*hatch["packages"], *hatch["force-include"], "pyproject.toml", "README.md", "LICENSE"}
    assert allowed == needed | {"requirements/runtime.txt", "requirements/build.txt"}


def test_compose_is_as_strict_as_the_cluster() -> None:
    service = compose()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert ":?" in service["environment"]["ENRICHER_WEBHOOK_TOKENS"], "a start without webhook tokens should fail aloud"
