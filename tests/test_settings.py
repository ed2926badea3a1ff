from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from enricher.errors import ConfigurationError
from enricher.settings import Settings, read_settings, unrecognised
from enricher.settings.shapes import Address

Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Makes these the only variables of ours."""
    for name in [name for name in os.environ if name.startswith("ENRICHER_")]:
        monkeypatch.delenv(name)

    def variables(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"ENRICHER_{name}", value)

    return variables


def refused(defaults: dict[str, object] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(defaults)
    return list(caught.value.problems)


def test_nothing_set_works_on_one_machine(environment: Environment) -> None:
    settings = read_settings()
    assert settings.bind == Address("127.0.0.1", 8080)
    assert settings.database_url.get_secret_value() == "sqlite:///data/enricher.db"
    assert settings.config_dir == Path("config")
    assert (settings.webhook_tokens, settings.dns_servers) == ((), ())
    assert (settings.lookups, settings.lease_seconds, settings.rate_per_token) == (True, 60, 0)
    assert (settings.jira_url, settings.servicenow_url, settings.slack_token, settings.sumo_api_url) == (
        None,
        None,
        None,
        None,
    )
    assert (settings.jira_flavour, settings.servicenow_table) == ("cloud", "incident")


def test_an_empty_variable_is_an_unset_one(environment: Environment) -> None:
    environment(JIRA_URL="", LEASE_SECONDS="", WEBHOOK_TOKENS="", JIRA_TOKEN_FILE="")
    assert read_settings() == Settings()
    assert read_settings().lease_seconds == 60


def test_webhook_tokens(environment: Environment) -> None:
    environment(WEBHOOK_TOKENS="sumo:one, sumo:two,lab-2:with:colons,")
    tokens = read_settings().webhook_tokens
    assert [(token.source, token.secret.get_secret_value()) for token in tokens] == [
        ("sumo", "one"),
        ("sumo", "two"),
        ("lab-2", "with:colons"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9.9.9.9", (Address("9.9.9.9", 53),)),
        ("127.0.0.1:5300, dns.example", (Address("127.0.0.1", 5300), Address("dns.example", 53))),
        ("::1", (Address("::1", 53),)),
        ("[::1]", (Address("::1", 53),)),
        ("[::1]:5300", (Address("::1", 5300),)),
    ],
)
def test_dns_servers(environment: Environment, text: str, expected: tuple[Address, ...]) -> None:
    environment(DNS_SERVERS=text)
    assert read_settings().dns_servers == expected


@pytest.mark.parametrize(("text", "expected"), [("on", True), ("off", False), (" OFF ", False)])
def test_lookups(environment: Environment, text: str, *, expected: bool) -> None:
    environment(LOOKUPS=text)
    assert read_settings().lookups is expected


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_each_variable_is_also_read_from_a_file(environment: Environment, tmp_path: Path, ending: str) -> None:
    for field in Settings.model_fields:
        assert not hasattr(Settings, f"{field}_file")
    secret, url, tokens = tmp_path / "secret", tmp_path / "url", tmp_path / "tokens"
    secret.write_bytes(f" xoxb-1 {ending}".encode())
    url.write_bytes(f"postgresql://u:p@db/e{ending}".encode())
    tokens.write_bytes(f"sumo:one\nlab:two{ending}".encode())
    environment(
        SLACK_TOKEN_FILE=str(secret), SLACK_CHANNEL="C1", DATABASE_URL_FILE=str(url), WEBHOOK_TOKENS_FILE=str(tokens)
    )
    settings = read_settings()
    assert settings.slack_token is not None
    assert settings.slack_token.get_secret_value() == " xoxb-1 "
    assert settings.database_url.get_secret_value() == "postgresql://u:p@db/e"
    assert [token.source for token in settings.webhook_tokens] == ["sumo", "lab"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "ENRICHER_JIRA_TOKEN_FILE: {file} cannot be read: No such file or directory"),
        (b"\xff", "ENRICHER_JIRA_TOKEN_FILE: {file} is not UTF-8 text"),
        (b"x" * 65_537, "ENRICHER_JIRA_TOKEN_FILE: {file} is longer than 65536 bytes"),
    ],
)
def test_a_file_that_cannot_be_used(environment: Environment, tmp_path: Path, content: bytes | None, expected: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    environment(JIRA_TOKEN_FILE=str(file))
    assert refused() == [expected.format(file=file)]


def test_a_variable_and_its_file_contradict(environment: Environment, tmp_path: Path) -> None:
    environment(JIRA_TOKEN="x", JIRA_TOKEN_FILE=str(tmp_path / "token"))
    assert refused() == ["ENRICHER_JIRA_TOKEN and ENRICHER_JIRA_TOKEN_FILE are both set; set one"]


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("BIND", "8080", "'8080' is no address; write host:port, an IPv6 host in brackets"),
        ("BIND", "127.0.0.1:65536", "'127.0.0.1:65536' is no address; write host:port, an IPv6 host in brackets"),
        ("DNS_SERVERS", "9.9.9.9:dns", "'9.9.9.9:dns' is no address; write host:port, an IPv6 host in brackets"),
        ("DATABASE_URL", "mysql://u:hunter2@db/e", "should begin with 'sqlite:///' or 'postgresql://'"),
        ("WEBHOOK_TOKENS", "hunter2", "entry 1 should be source:secret, the source of letters, digits, '.', '_' and '-'"),
        (
            "WEBHOOK_TOKENS",
            "a:x,b :hunter2",
            "entry 2 should be source:secret, the source of letters, digits, '.', '_' and '-'",
        ),
        (
            "WEBHOOK_TOKENS",
            "a:x,sumo-search:hunter2",
            "entry 2 is called sumo-search, as is what the service searches by itself; give it another name",
        ),
        (
            "WEBHOOK_TOKENS",
            "canary:hunter2",
            "entry 1 is called canary, as is what the service sends to prove that it works; give it another name",
        ),
        ("WEBHOOK_TOKENS", "a:hunter2,b:hunter2", "entry 2 has the secret of another source; each source needs its own"),
        ("LOOKUPS", "maybe", "should be 'on' or 'off'"),
        ("LEASE_SECONDS", "soon", "should be a valid number, unable to parse string as a number, not 'soon'"),
        ("LEASE_SECONDS", "0", "should be greater than or equal to 1, not '0'"),
        ("LEASE_SECONDS", "nan", "should be a finite number, not 'nan'"),
        ("ALERT_WORKERS", "0", "should be greater than or equal to 1, not '0'"),
        ("RATE_PER_TOKEN", "-1", "should be greater than or equal to 0, not '-1'"),
        ("JIRA_FLAVOUR", "server", "should be 'cloud' or 'datacenter', not 'server'"),
        ("JIRA_URL", "jira.example", "should be an http:// or https:// address without user, query or fragment"),
        (
            "JIRA_URL",
            "https://u:hunter2@jira.example",
            "should be an http:// or https:// address without user, query or fragment",
        ),
        ("BASE_URL", "ftp://x.example", "should be an http:// or https:// address without user, query or fragment"),
    ],
)
def test_refusals_name_the_variable_and_what_would_be_right(
    environment: Environment, variable: str, value: str, expected: str
) -> None:
    environment(**{variable: value})
    problems = refused()
    assert problems == [f"ENRICHER_{variable} {expected}"]
    assert "hunter2" not in repr(problems)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"JIRA_URL": "https://j.example"}, "ENRICHER_JIRA_URL is set, so ENRICHER_JIRA_TOKEN, ENRICHER_JIRA_PROJECT must be too"),
        (
            {"JIRA_URL": "https://j.example", "JIRA_TOKEN": "t", "JIRA_PROJECT": "SEC"},
            "ENRICHER_JIRA_EMAIL must be set: Jira Cloud's tokens belong to an account",
        ),
        ({"SERVICENOW_URL": "https://s.example", "SERVICENOW_USER": "u"}, "ENRICHER_SERVICENOW_URL is set, so ENRICHER_SERVICENOW_PASSWORD must be too"),
        ({"SLACK_TOKEN": "t"}, "ENRICHER_SLACK_TOKEN is set, so ENRICHER_SLACK_CHANNEL must be too"),
        ({"SUMO_API_URL": "https://a.example"}, "ENRICHER_SUMO_API_URL is set, so ENRICHER_SUMO_ACCESS_ID, ENRICHER_SUMO_ACCESS_KEY must be too"),
    ],
)  # fmt: skip
def test_half_a_destination_is_refused(environment: Environment, given: dict[str, str], expected: str) -> None:
    environment(**given)
    assert refused() == [expected]


def test_all_problems_are_told_at_once(environment: Environment) -> None:
    environment(BIND="x", LOOKUPS="x", WEB_THREADS="x")
    assert len(refused()) == 3


def test_the_environment_wins_over_what_is_handed_in(environment: Environment) -> None:
    environment(JIRA_URL="https://of-the-environment.example/")
    defaults: dict[str, object] = {
        "jira_url": "https://of-the-file.example",
        "jira_project": "SEC",
        "jira_email": "b@x.example",
    }
    settings = read_settings({**defaults, "jira_token": "t"})
    assert (settings.jira_url, settings.jira_project) == ("https://of-the-environment.example", "SEC")


def test_what_is_handed_in_is_checked_too(environment: Environment) -> None:
    assert refused({"jira_uri": "https://j.example"}) == ["ENRICHER_JIRA_URI is no setting"]


def test_no_secret_is_printed(environment: Environment) -> None:
    environment(WEBHOOK_TOKENS="sumo:hunter2", API_READ_TOKEN="hunter2", DATABASE_URL="postgresql://u:hunter2@db/e")
    settings = read_settings()
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_unrecognised_variables_are_reported_with_a_guess(environment: Environment) -> None:
    environment(JIRA_TOKN="x", SERVICE_HOST="10.0.0.1", JIRA_TOKEN_FILE="/x", BIND="127.0.0.1:1")
    assert unrecognised() == [
        "ENRICHER_JIRA_TOKN is no setting; did you mean ENRICHER_JIRA_TOKEN?",
        "ENRICHER_SERVICE_HOST is no setting",
    ]


def test_words_of_tickets_are_lists(environment: Environment) -> None:
    assert read_settings().jira_false_positives == ("False Positive",)
    environment(JIRA_FALSE_POSITIVES="Benign, Not an incident", SERVICENOW_TRUE_POSITIVES='["Confirmed, malicious"]')
    settings = read_settings()
    assert settings.jira_false_positives == ("Benign", "Not an incident")
    assert settings.servicenow_true_positives == ("Confirmed, malicious",)


def test_no_word_says_both(environment: Environment) -> None:
    environment(JIRA_FALSE_POSITIVES="Done,Benign", JIRA_TRUE_POSITIVES="done")
    assert refused() == ["ENRICHER_JIRA_FALSE_POSITIVES and ENRICHER_JIRA_TRUE_POSITIVES both hold done"]
