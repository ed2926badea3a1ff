"""Who uses the console, as the environment says it."""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from enricher.core.people import Role
from enricher.errors import ConfigurationError
from enricher.settings import read_settings
from enricher.wiring.visitors import signing_key, visitors_of

Environment = Callable[..., None]
SALT, DIGEST = "s" * 16, "0123456789abcdef" * 8
HASH = f"scrypt:32768:8:1${SALT}${DIGEST}"
PROXY = {"PROXY_PEERS": "10.0.0.1", "PROXY_USER_HEADER": "X-User", "PROXY_ROLES": '{"viewer": ["*"]}'}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Makes these the only variables of ours."""
    for name in [name for name in os.environ if name.startswith("ENRICHER_")]:
        monkeypatch.delenv(name)

    def variables(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"ENRICHER_{name}", value)

    return variables


def refused() -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_settings()
    return list(caught.value.problems)


def test_accounts_by_comma_and_line(environment: Environment) -> None:
    environment(USERS=f"anna:engineer:{HASH},bo@corp.example:viewer:{HASH}\n\n  carl-2:analyst:{HASH}\n")
    settings = read_settings()
    assert [(one.name, one.role, one.hash) for one in settings.users] == [
        ("anna", Role.ENGINEER, HASH),
        ("bo@corp.example", Role.VIEWER, HASH),
        ("carl-2", Role.ANALYST, HASH),
    ]
    assert DIGEST not in repr(settings)


def test_accounts_from_a_file(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"anna:engineer:{HASH}\n")
    environment(USERS_FILE=str(tmp_path / "users"))
    assert [one.name for one in read_settings().users] == ["anna"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param("bo", "should be name:role:hash", id="no parts"),
        pytest.param("bo:viewer", "should be name:role:hash", id="two parts"),
        pytest.param(f":viewer:{HASH}", "needs a name", id="no name"),
        pytest.param(f"b o:viewer:{HASH}", "needs a name", id="a blank"),
        pytest.param(f"{'b' * 65}:viewer:{HASH}", "needs a name", id="a long name"),
        pytest.param(f"token:viewer:{HASH}", "none of ours", id="a name that we sign with"),
        pytest.param(f"bo:root:{HASH}", "needs one of the roles viewer, analyst, engineer", id="role"),
        pytest.param("bo:viewer:hunter2hunter2", "needs a hash scrypt:", id="a password"),
        pytest.param(f"bo:viewer:pbkdf2:sha256:1${SALT}${DIGEST}", "needs a hash scrypt:", id="another method"),
        pytest.param(f"bo:viewer:scrypt:32768:8:1${SALT}${DIGEST[:64]}", "needs a hash scrypt:", id="cut"),
        pytest.param(f"bo:viewer:scrypt:32768:8:1$s${DIGEST}", "needs a hash scrypt:", id="short salt"),
        pytest.param("bo:viewer:scrypt:32768:8:1", "needs a hash scrypt:", id="what a shell leaves of it"),
        pytest.param(f"bo:viewer:scrypt:16384:8:1${SALT}${DIGEST}", "too weak", id="n"),
        pytest.param(f"bo:viewer:scrypt:40000:8:1${SALT}${DIGEST}", "too weak", id="no power of two"),
        pytest.param(f"bo:viewer:scrypt:32768:1:1${SALT}${DIGEST}", "too weak", id="r"),
        pytest.param(f"bo:viewer:scrypt:32768:8:0${SALT}${DIGEST}", "too weak", id="p"),
        pytest.param(f"bo:viewer:scrypt:1048576:32:1${SALT}${DIGEST}", "more than 256 MiB", id="memory"),
        pytest.param(f"ANNA:viewer:{HASH}", "has the name of an earlier one", id="twice"),
    ],
)
def test_what_is_no_account_is_told_by_its_place_and_repeats_nothing(
    environment: Environment, entry: str, said: str
) -> None:
    environment(USERS=f"anna:engineer:{HASH}\n{entry}")
    [problem] = refused()
    assert problem.startswith("ENRICHER_USERS entry 2 ")
    assert said in problem
    assert "hunter2" not in problem
    assert DIGEST[:32] not in problem


@pytest.mark.parametrize("left_out", list(PROXY))
def test_a_proxy_that_is_half_set_is_none(environment: Environment, left_out: str) -> None:
    environment(**{name: value for name, value in PROXY.items() if name != left_out})
    [problem] = refused()
    assert f"ENRICHER_{left_out}" in problem
    assert problem.endswith("must be too")


def test_a_header_for_groups_alone_is_nothing(environment: Environment) -> None:
    environment(PROXY_GROUPS_HEADER="X-Groups")
    assert refused() == ["ENRICHER_PROXY_GROUPS_HEADER is set, so ENRICHER_PROXY_PEERS must be too"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PROXY_PEERS", "10.0.0.1, proxy.example", "'proxy.example' is no address"),
        ("PROXY_PEERS", "10.0.0.1/8", "is no address"),
        ("PROXY_PEERS", "0.0.0.0/0", "every address there is"),
        ("PROXY_PEERS", "::/0", "every address there is"),
        ("PROXY_USER_HEADER", "X User", "ENRICHER_PROXY_USER_HEADER"),
        ("PROXY_USER_HEADER", "X_User", "ENRICHER_PROXY_USER_HEADER"),
        ("PROXY_ROLES", "viewer", "should be a JSON object"),
        ("PROXY_ROLES", '{"root": ["anna"]}', "ENRICHER_PROXY_ROLES"),
        ("PROXY_ROLES", '{"viewer": []}', "for viewer"),
        ("PROXY_ROLES", '{"viewer": ["group: "]}', "for viewer"),
        ("SESSION_HOURS", "0", "ENRICHER_SESSION_HOURS"),
        ("SESSION_HOURS", "721", "ENRICHER_SESSION_HOURS"),
    ],
)
def test_what_no_proxy_is_called(environment: Environment, name: str, value: str, said: str) -> None:
    environment(**{**PROXY, name: value})
    assert any(said in problem for problem in refused())


def test_a_proxy(environment: Environment) -> None:
    environment(
        PROXY_PEERS="10.0.0.1, 10.1.0.0/16,fd00::/8",
        PROXY_USER_HEADER="X-User",
        PROXY_GROUPS_HEADER="X-Groups",
        PROXY_ROLES='{"viewer": ["*"], "analyst": ["group:soc", "anna"]}',
        BASE_URL="https://enricher.example",
    )
    visitors = visitors_of(read_settings())
    proxy = visitors["proxy"]
    assert proxy is not None
    assert proxy.peers == (ip_network("10.0.0.1"), ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    assert (proxy.role_of("anna", ""), proxy.role_of("bo", "soc"), proxy.role_of("bo", "")) == (
        Role.ANALYST,
        Role.ANALYST,
        Role.VIEWER,
    )
    assert (visitors["https"], visitors["trust_loopback"]) == (True, False), "every peer may be the proxy's"


def test_without_any_of_it_this_machine_is_trusted(environment: Environment) -> None:
    visitors = visitors_of(read_settings())
    assert (visitors["accounts"], visitors["proxy"], visitors["https"], visitors["trust_loopback"]) == (
        (),
        None,
        False,
        True,
    )


def test_processes_of_one_console_sign_alike_where_they_can(environment: Environment) -> None:
    assert signing_key(read_settings()) != signing_key(read_settings()), "nothing is shared: one process makes one"
    environment(USERS=f"anna:engineer:{HASH}")
    assert signing_key(read_settings()) == signing_key(read_settings())
    by_accounts = signing_key(read_settings())
    environment(API_WRITE_TOKEN="w")
    assert signing_key(read_settings()) == signing_key(read_settings()) != by_accounts
