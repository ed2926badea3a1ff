"""The Helm chart: rendered by Helm itself, every manifest checked strictly against Kubernetes' own schemas, offline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from helm_python import Chart, HelmValuesError, lint

CHART = Path(__file__).parents[2] / "helm" / "enricher"
ERROR = 3

EVERYTHING: dict[str, Any] = {
    "image": {"repository": "registry.example/soc/enricher", "digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "existingSecret": "enricher",
    "env": {"ENRICHER_JIRA_URL": "https://example.atlassian.net", "ENRICHER_LEASE_SECONDS": 30},
    "config": {"estate.yml": "groups: []\n", "tuning/build-servers.yml": "# {{ not a template }}\nrules: []\n"},
    "persistence": {"size": "50Gi", "storageClass": "fast"},
    "ingress": {"enabled": True, "className": "nginx", "host": "enricher.example", "tlsSecret": "enricher-tls"},
    "serviceAccount": {"annotations": {"example/role": "none"}},
    "service": {"annotations": {"example/scrape": "no"}},
    "podAnnotations": {"example/team": "soc"},
    "podLabels": {"team": "soc"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "soc", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "soc-critical",
}
SETUPS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": EVERYTHING,
    "own account": {"serviceAccount": {"create": False, "name": "soc"}},
}


@pytest.fixture(scope="module")
def chart() -> Chart:
    return Chart.load(CHART)


def manifests(chart: Chart, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What would be installed, by kind; the chart makes at most one of each."""
    rendered = chart.render(values, name="soc", namespace="security")
    documents = [yaml.safe_load(text) for path, text in rendered.items() if path.endswith(".yaml")]
    return {document["kind"]: document for document in documents if document}


def pod(chart: Chart, values: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifests(chart, values)["StatefulSet"]["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("setup", SETUPS)
def test_helm_finds_nothing_to_complain_about(setup: str) -> None:
    report = lint(CHART, SETUPS[setup], strict=True)
    assert report["errors"] == []
    assert [m for m in report["messages"] if m["severity"] >= ERROR] == []


@pytest.mark.parametrize("version", ["1.25", "1.31", "1.37"])
@pytest.mark.parametrize("setup", SETUPS)
def test_manifests_are_what_kubernetes_takes(chart: Chart, setup: str, version: str) -> None:
    rendered = manifests(chart, SETUPS[setup])
    assert {"StatefulSet", "Service"} <= set(rendered)
    for document in rendered.values():
        kubernetes_validate.validate(document, version, strict=True)


def test_strict_validation_sees_a_misspelt_field(chart: Chart) -> None:
    """Guards the test above: it must be able to fail."""
    document = manifests(chart, {})["StatefulSet"]
    document["spec"]["template"]["spec"]["automountServiceAccountTokens"] = False
    with pytest.raises(kubernetes_validate.ValidationError, match="automountServiceAccountTokens"):
        kubernetes_validate.validate(document, "1.31", strict=True)


def test_which_manifests_there_are(chart: Chart) -> None:
    assert set(manifests(chart, {})) == {"StatefulSet", "Service", "ServiceAccount"}
    assert set(manifests(chart, EVERYTHING)) == {"StatefulSet", "Service", "ServiceAccount", "ConfigMap", "Ingress"}
    assert set(manifests(chart, SETUPS["own account"])) == {"StatefulSet", "Service"}


def test_pod_keeps_to_the_restricted_standard(chart: Chart) -> None:
    """Kubernetes' Pod Security Standard `restricted`, and a read-only root on top."""
    spec = pod(chart, EVERYTHING)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    [container] = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_sqlite_has_one_writer(chart: Chart) -> None:
    spec = manifests(chart, EVERYTHING)["StatefulSet"]["spec"]
    assert spec["replicas"] == 1
    [claim] = spec["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "50Gi"
    assert spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Retain"


def test_probes_ask_what_they_should(chart: Chart) -> None:
    [container] = pod(chart, {})["containers"]
    asked = {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_secrets_come_by_reference_only(chart: Chart) -> None:
    [container] = pod(chart, EVERYTHING)["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "enricher"}}]
    assert {entry["name"]: entry["value"] for entry in container["env"]} == {
        "ENRICHER_JIRA_URL": "https://example.atlassian.net",
        "ENRICHER_LEASE_SECONDS": "30",
    }


def test_config_files_arrive_under_their_paths_byte_for_byte(chart: Chart) -> None:
    data = manifests(chart, EVERYTHING)["ConfigMap"]["data"]
    [volume] = [v for v in pod(chart, EVERYTHING)["volumes"] if v["name"] == "config"]
    mounted = {item["path"]: data[item["key"]] for item in volume["configMap"]["items"]}
    assert mounted == EVERYTHING["config"]


def test_a_changed_file_restarts_the_pod(chart: Chart) -> None:
    def checksum(values: dict[str, Any]) -> str:
        annotations = manifests(chart, values)["StatefulSet"]["spec"]["template"]["metadata"]["annotations"]
        return str(annotations["checksum/config"])

    assert checksum(EVERYTHING) == checksum(EVERYTHING)
    assert checksum(EVERYTHING) != checksum(EVERYTHING | {"config": {"estate.yml": "groups: [x]\n"}})


def test_ingress_exposes_the_webhooks_and_nothing_else(chart: Chart) -> None:
    [rule] = manifests(chart, EVERYTHING)["Ingress"]["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/webhooks/"]


def test_services_select_the_pod_that_is_made(chart: Chart) -> None:
    made = manifests(chart, EVERYTHING)
    labels = made["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    assert made["Service"]["spec"]["selector"].items() <= labels.items()
    assert made["StatefulSet"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert made["StatefulSet"]["spec"]["serviceName"] == made["Service"]["metadata"]["name"] == "soc-enricher"


def test_the_account_of_the_pod_is_the_one_made(chart: Chart) -> None:
    assert pod(chart, {})["serviceAccountName"] == manifests(chart, {})["ServiceAccount"]["metadata"]["name"]
    assert pod(chart, SETUPS["own account"])["serviceAccountName"] == "soc"


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        pytest.param({"env": {"ENRICHER_JIRA_TOKEN": "x"}}, "ENRICHER_JIRA_TOKEN", id="a token in env"),
        pytest.param(
            {"env": {"ENRICHER_DATABASE_URL": "x"}}, "ENRICHER_DATABASE_URL", id="a database URL holds a password"
        ),
        pytest.param({"env": {"JIRA_URL": "x"}}, "JIRA_URL", id="not a variable of ours"),
        pytest.param({"config": {"../estate.yml": ""}}, "../estate.yml", id="a path that climbs"),
        pytest.param({"config": {"tuning//a.yml": ""}}, "tuning//a.yml", id="an empty folder name"),
        pytest.param({"replicas": 2}, "replicas", id="two writers on one SQLite"),
        pytest.param({"persistence": {"size": "10 GB"}}, "size", id="not a quantity"),
        pytest.param({"image": {"digest": "sha256:abc"}}, "digest", id="a digest cut short"),
        pytest.param({"ingress": {"enabled": True}}, "host", id="an ingress for every host"),
        pytest.param({"resource": {}}, "resource", id="a misspelt value"),
    ],
)
def test_wrong_values_are_refused_by_name(chart: Chart, values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(HelmValuesError, match=re.escape(complaint)):
        chart.validate_schema(values)


@pytest.mark.parametrize(
    ("values", "said", "unsaid"),
    [
        pytest.param({}, "NO WEBHOOK TOKEN", "NO TLS", id="no secret"),
        pytest.param(EVERYTHING, "https://enricher.example/webhooks/sumo", "NO ", id="all is well"),
        pytest.param({"ingress": {"enabled": True, "host": "e.example"}}, "NO TLS", "https://", id="no TLS"),
    ],
)
def test_notes_tell_what_is_left_to_do(chart: Chart, values: dict[str, Any], said: str, unsaid: str) -> None:
    notes = chart.render(values, name="soc", namespace="security")["enricher/templates/NOTES.txt"]
    assert said in notes
    assert unsaid not in notes
