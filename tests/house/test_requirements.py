"""The locks: complete, hashed, free of index addresses, and in step with each other and with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("runtime", "build", "dev")


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Package to (version, how many hashes)."""
    pins: dict[str, tuple[str, int]] = {}
    for block in re.split(r"\n(?=[a-z0-9])", (ROOT / f"requirements/{name}.txt").read_text(), flags=re.IGNORECASE):
        if pin := re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", block):
            pins[canonicalize_name(pin[1])] = (pin[2], block.count("--hash=sha256:"))
    return pins


def asked(name: str) -> set[str]:
    lines = (ROOT / f"requirements/{name}.in").read_text().splitlines()
    return {canonicalize_name(Requirement(line).name) for line in lines if line and line[0] not in "#-"}


def declared() -> list[Requirement]:
    return [Requirement(text) for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    assert {package for package, (_, hashes) in locked(lock).items() if not hashes} == set()
    assert asked(lock) <= set(locked(lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_index(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.txt").read_text()
    assert (
        re.findall(r"https?://\S+|--(?:extra-)?index-url|--find-links|--trusted-host", re.sub(r"(?m)^#.*", "", text)) == []
    )


@pytest.mark.parametrize("lock", ["runtime", "build"])
def test_what_ships_is_what_was_tested(lock: str) -> None:
    tested = locked("dev")
    assert {package: pin for package, pin in locked(lock).items() if tested.get(package) != pin} == {}


def test_the_lock_satisfies_the_package() -> None:
    pins = locked("runtime")
    assert {canonicalize_name(requirement.name) for requirement in declared()} == asked("runtime")
    assert [str(r) for r in declared() if pins[canonicalize_name(r.name)][0] not in r.specifier] == []
