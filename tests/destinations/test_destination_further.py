"""Further destinations and routes, from `destinations.yml` to what is made of them."""

from __future__ import annotations

from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from enricher import content
from enricher.core.document import CaseDocument
from enricher.core.route import destinations_for
from enricher.errors import ConfigurationError
from enricher.settings import Settings, read_settings
from enricher.wiring.destinations import destinations_of, shows_tickets
from enricher.wiring.pacing import rates_of
from tests.destinations.cases import CRITICAL, LOW

pytestmark = pytest.mark.usefixtures("no_variables")

SECRET = "whsec_" + b64encode(b"x" * 24).decode()
FILE = """\
jira: {url: "https://acme.atlassian.net", email: bot@corp.example, project: SEC, rate: 5}
further:
  soc-pager: {kind: pagerduty, routing_key_env: SOC_PAGER_KEY}
  soar: {kind: webhook, url: "https://soar.corp.example/hook", secret_env: [SOAR_NEW, SOAR_OLD]}
  record: {kind: file, path: /var/log/cases.jsonl}
  out: {kind: stdout}
  lab-jira: {kind: jira, project: LAB, issue_type: Bug}
  partner-jira: {kind: jira, url: "https://partner.example", flavour: datacenter, project: EXT, token_env: PARTNER, rate: 1}
  sir: {kind: servicenow, url: "https://x.service-now.com", user: bot, password_env: SNOW, table: sn_si_incident}
  oncall: {kind: slack, channel: C2, token_env: SLACK}
routes:
  - {when: {severity: [critical, high]}, to: [jira, soc-pager, oncall]}
  - {when: {platform: aws-apigw, role: developer}, to: lab-jira}
  - {when: {disposition: [suppressed, informational]}, to: record}
  - {to: [jira, record]}
"""
SECRETS = {
    "ENRICHER_JIRA_TOKEN": "own",
    "SOC_PAGER_KEY": "k" * 32,
    "SOAR_NEW": SECRET,
    "SOAR_OLD": SECRET,
    "PARTNER": "theirs",
    "SNOW": "pw",
    "SLACK": "xoxb-1",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def read(folder: Path, text: str) -> tuple[Settings, content.DeliveryPlan]:
    (folder / "destinations.yml").write_text(text)
    return read_settings(content.destinations(folder)), content.delivery_plan(folder)


def refused(folder: Path, text: str) -> list[str]:
    """All that `check-config` would say."""
    (folder / "destinations.yml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        content.load(folder)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def test_each_is_made_under_its_own_name(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    settings, plan = read(tmp_path, FILE)
    makers = destinations_of(settings, plan=plan)
    assert list(makers) == ["jira", "soc-pager", "soar", "record", "out", "lab-jira", "partner-jira", "sir", "oncall"]
    for name, make in makers.items():
        with closing(make()) as destination:
            assert destination.name == name


def test_rates_and_who_is_shown_tickets(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    settings, plan = read(tmp_path, FILE)
    rates = rates_of(settings, plan)
    assert (rates["jira"], rates["lab-jira"], rates["partner-jira"], rates["soar"]) == (5.0, 5.0, 1.0, 0.0)
    assert shows_tickets(plan) == ("slack", "oncall")


def case(**values: object) -> CaseDocument:
    return cast("CaseDocument", {**CRITICAL, **values})


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (CRITICAL, ("jira", "soc-pager", "oncall")),
        (LOW, ("lab-jira",)),
        (case(severity="medium"), ("jira", "record")),
        (case(disposition="suppressed"), ("record",)),
    ],
)
def test_routes_lead_by_what_a_case_holds(
    document: CaseDocument, names: tuple[str, ...], tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    settings, plan = read(tmp_path, FILE)
    assert destinations_for(document, plan.routes, tuple(destinations_of(settings, plan=plan))) == names


def test_a_second_project_uses_the_same_account(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ENRICHER_JIRA_PROJECT", "WINS")
    settings, plan = read(tmp_path, FILE)
    made = destinations_of(settings, plan=plan)
    own, lab = made["jira"](), made["lab-jira"]()
    assert (own._project, lab._project) == ("WINS", "LAB")  # type: ignore[attr-defined]  # Jira's own
    assert lab._service._secrets == own._service._secrets  # type: ignore[attr-defined]  # Jira's own


def test_another_site_is_never_shown_our_token(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    settings, plan = read(tmp_path, FILE)
    partner = destinations_of(settings, plan=plan)["partner-jira"]()
    assert "theirs" in partner._service._secrets  # type: ignore[attr-defined]  # Jira's own
    assert "own" not in partner._service._secrets  # type: ignore[attr-defined]  # Jira's own
    without = FILE.replace(", token_env: PARTNER", "")
    assert refused(tmp_path, without) == [
        "destinations.yml:8: further.partner-jira: should have token_env or token_file",
    ]


@pytest.mark.parametrize("name", ["SOC_PAGER_KEY", "PARTNER", "SOAR_OLD"])
def test_a_secret_that_is_not_there_is_named_with_its_line(
    name: str, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.delenv(name)
    settings, plan = read(tmp_path, FILE)
    with pytest.raises(ConfigurationError) as caught:
        destinations_of(settings, plan=plan)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{tmp_path}/destinations.yml:")
    assert problem.endswith(f": {name} is empty or not set")


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 32 + "\n")
    text = f"further:\n  pager: {{kind: pagerduty, routing_key_file: {tmp_path}/key}}\n"
    settings, plan = read(tmp_path, text)
    made = destinations_of(settings, plan=plan)["pager"]()
    assert made._key == "k" * 32  # type: ignore[attr-defined]  # PagerDuty's own
    (tmp_path / "key").unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        destinations_of(settings, plan=plan)


def test_a_webhook_secret_that_is_none_is_found_at_the_start(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SOAR_OLD", "hunter2")
    settings, plan = read(tmp_path, FILE)
    with pytest.raises(ConfigurationError) as caught:
        destinations_of(settings, plan=plan)
    assert "further.soar" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "same"),
    [
        pytest.param("{kind: jira, project: SEC}", "jira", id="our own project"),
        pytest.param(
            '{kind: jira, url: "https://partner.example/", flavour: datacenter, project: EXT, token_env: PARTNER}',
            "partner-jira",
            id="one project of another site",
        ),
        pytest.param("{kind: file, path: /var/log/cases.jsonl}", "record", id="one file"),
        pytest.param("{kind: stdout}", "out", id="one standard output"),
        pytest.param("{kind: pagerduty, routing_key_env: SOC_PAGER_KEY}", "soc-pager", id="one routing key"),
        pytest.param(
            '{kind: webhook, url: "https://soar.corp.example/hook", secret_env: [SOAR_NEW]}', "soar", id="one receiver"
        ),
    ],
)
def test_the_same_place_twice_is_refused(entry: str, same: str, tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    settings, plan = read(tmp_path, FILE.replace("routes:", f"  again: {entry}\nroutes:"))
    with pytest.raises(ConfigurationError) as caught:
        destinations_of(settings, plan=plan)
    assert caught.value.problems == (f"{tmp_path}/destinations.yml:11: further.again: is the same place as {same}",)


def test_an_address_that_no_destination_has_is_found_at_the_start(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    settings, plan = read(tmp_path, FILE.replace("https://soar.corp.example/hook", "http://169.254.169.254/hook"))
    with pytest.raises(ConfigurationError, match=r"further\.soar: 169\.254\.169\.254 is a metadata"):
        destinations_of(settings, plan=plan)


def test_a_kind_without_what_it_stands_on_is_half_set(tmp_path: Path) -> None:
    settings, plan = read(tmp_path, "further:\n  lab: {kind: jira, project: LAB}\n")
    with pytest.raises(ConfigurationError, match=r"destinations\.yml:2: further\.lab: has no url"):
        destinations_of(settings, plan=plan)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "further:\n  pager:\n    kind: pagerduty\n    routing_key: 0123456789abcdef\n",
            "4: unknown key 'routing_key'; a secret stands in the environment or in a file of its own",
            id="a secret in the file",
        ),
        pytest.param(
            "further:\n  pager:\n    kind: pagerduty\n    routing_key_env: 0123456789abcdef\n",
            "4: further.pager.routing_key_env: should be the name of a variable, in capitals; a secret itself never stands here",
            id="a secret where a name belongs",
        ),
        pytest.param(
            "further:\n  pager: {kind: pagerduty}\n",
            "2: further.pager: should have routing_key_env or routing_key_file",
            id="no secret at all",
        ),
        pytest.param(
            "further:\n  pager: {kind: pagerduty, routing_key_env: A, routing_key_file: /b}\n",
            "2: further.pager: should have routing_key_env or routing_key_file, not both",
            id="two places for one secret",
        ),
        pytest.param(
            "further:\n  s: {kind: webhook, url: 'https://x.example'}\n",
            "2: further.s: should have secret_env or secret_file, a list of names",
            id="a webhook without a secret",
        ),
        pytest.param(
            "further:\n  lab: {kind: jira, project: LAB, false_positives: [Done]}\n",
            "2: further.lab: 'false_positives' is read of jira and servicenow themselves alone",
            id="words for tickets that do not come back",
        ),
        pytest.param(
            "routes:\n  - {to: jira}\n  - to: [jira, pagr]\n",
            "3: routes.1.to: 'pagr' is no destination; there are jira, servicenow, slack",
            id="an unknown destination",
        ),
        pytest.param(
            "routes:\n  - when:\n      role: butler\n    to: jira\n",
            "3: routes.0.when.role: 'butler' is in no file; there are build, developer, domain_controller, jump_host, server, "
            "workstation",
            id="an unknown role",
        ),
        pytest.param(
            "routes:\n  - {when: {host_group: vip}, to: jira}\n",
            "2: routes.0.when.host_group: 'vip' is in no file; there are none",
            id="a group that the estate does not have",
        ),
        pytest.param(
            "routes:\n  - {when: {severity: informational}, to: jira}\n",
            "2: routes.0: no case is both informational and open; name the disposition",
            id="a contradiction",
        ),
    ],
)
def test_what_is_wrong_is_named_at_its_line(text: str, problem: str, tmp_path: Path) -> None:
    said = refused(tmp_path, text)
    assert f"destinations.yml:{problem}" in said
    assert "0123456789abcdef" not in str(said)


def test_a_route_that_nothing_can_reach_is_named_with_the_one_before_it(tmp_path: Path) -> None:
    said = refused(tmp_path, "routes:\n  - {to: jira}\n  - {when: {severity: critical}, to: slack}\n")
    assert said == [
        "destinations.yml:3: no case comes here: the route in destinations.yml:2 takes all of them",
    ]


@pytest.mark.parametrize("name", ["jira", "Pager", "a b", "1st", "x" * 41, "a/b"])
def test_a_name_that_will_not_do(name: str, tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, f"further:\n  '{name}': {{kind: stdout}}\n")
    assert problem == (
        f"destinations.yml:2: further.{name}: should be small letters, digits and '-', at most 40, "
        "and none of jira, servicenow, slack"
    )
