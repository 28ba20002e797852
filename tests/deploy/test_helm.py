"""The chart: linted and rendered by Helm, its manifests judged by Kubernetes' own schemas."""

import math
import re
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml

from flextell.management import PATHS
from flextell.serving import ANSWER_MARGIN_SECONDS
from flextell.settings import Settings
from tests.deploy import helm
from tests.deploy.flextell_words import known_command, known_variables
from tests.deploy.helm import CHART, Manifest

ISSUER = "https://id.example.com"
NEEDED = (
    f"issuer={ISSUER}",
    "trustedProxies={10.0.0.0/8,192.0.2.7}",
    "files.claimName=flextell-files",
)
KUBERNETES = "1.34"

VARIANTS = {
    "as little as needed": NEEDED,
    "everything": (
        *NEEDED,
        "database.caSecretName=database-ca",
        "serviceMonitor.enabled=true",
        "prometheusRule.enabled=true",
        "settings.FLEXTELL_LOG_LEVEL=warning",
        "settings.FLEXTELL_FORM_BYTES=65536",
        "imagePullSecrets[0].name=registry",
        "podAnnotations.team=identity",
        "nodeSelector.disk=ssd",
        "tolerations[0].operator=Exists",
        "networkPolicy.ingressFrom[0].namespaceSelector.matchLabels.name=ingress",
        "networkPolicy.managementFrom[0].namespaceSelector.matchLabels.name=monitoring",
        "networkPolicy.databaseTo[0].ipBlock.cidr=10.1.0.0/16",
    ),
    "a fixed number of nodes": (
        *NEEDED,
        "autoscaling.enabled=false",
        "networkPolicy.enabled=false",
        "replicas=2",
        "workers=4",
    ),
}
# Of the Prometheus operator, whose schemas Kubernetes does not have.
OPERATOR = {"ServiceMonitor", "PrometheusRule"}

every_variant = pytest.mark.parametrize("variant", VARIANTS)


@cache
def manifests(variant: str) -> tuple[Manifest, ...]:
    """The chart, rendered with these values."""
    return tuple(helm.rendered(*VARIANTS[variant]))


def the(kind: str, variant: str, name: str = "id-flextell") -> Manifest:
    """The one manifest of that kind and name."""
    (found,) = (
        each
        for each in manifests(variant)
        if each["kind"] == kind and each["metadata"]["name"] == name
    )
    return found


def pod_specs(variant: str) -> dict[str, Any]:
    """What the pods of the chart are, by the kind of what makes them."""
    return {
        each["kind"]: each["spec"]["template"]["spec"]
        for each in manifests(variant)
        if each["kind"] in ("Deployment", "Job")
    }


def containers(variant: str) -> list[Manifest]:
    """Every container of every pod."""
    return [
        container
        for spec in pod_specs(variant).values()
        for container in (*spec.get("initContainers", ()), *spec["containers"])
    ]


def test_helm_finds_no_fault_in_the_chart() -> None:
    """`helm lint --strict`."""
    done = helm.run("lint", "--strict", str(CHART), *[w for v in NEEDED for w in ("--set", v)])

    assert done.returncode == 0, done.stdout + done.stderr


@every_variant
def test_kubernetes_knows_every_field(variant: str) -> None:
    """No field that is misspelt, none of the wrong type (its schemas, strictly)."""
    for manifest in manifests(variant):
        if manifest["kind"] not in OPERATOR:
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)

    assert {each["kind"] for each in manifests(variant)} >= {"Deployment", "Job", "Service"}


@every_variant
def test_no_two_manifests_have_one_name(variant: str) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests(variant)]

    assert len(names) == len(set(names))


@every_variant
def test_every_selector_finds_the_nodes_and_not_the_migration(variant: str) -> None:
    """Labels of pods are what Service, budget, policy and spread look for."""
    nodes = the("Deployment", variant)["spec"]["template"]["metadata"]["labels"]
    job = the("Job", variant, "id-flextell-migrate")["spec"]["template"]["metadata"]["labels"]
    sought = [
        the("Deployment", variant)["spec"]["selector"]["matchLabels"],
        the("Service", variant)["spec"]["selector"],
        the("Service", variant, "id-flextell-management")["spec"]["selector"],
        the("PodDisruptionBudget", variant)["spec"]["selector"]["matchLabels"],
        *(
            spread["labelSelector"]["matchLabels"]
            for spread in pod_specs(variant)["Deployment"]["topologySpreadConstraints"]
        ),
    ]

    for labels in sought:
        assert labels.items() <= nodes.items()
        assert not labels.items() <= job.items()


@every_variant
def test_every_variable_is_a_setting_and_every_command_exists(variant: str) -> None:
    for container in containers(variant):
        names = [variable["name"] for variable in container.get("env", ())]
        assert len(names) == len(set(names))
        assert known_variables(names)
        if "args" in container:
            assert known_command(container["args"])


def test_the_settings_of_a_node_are_accepted() -> None:
    """The values are of the right type, and the issuer is one."""
    (node,) = pod_specs("everything")["Deployment"]["containers"]
    given = {e["name"].removeprefix("FLEXTELL_").lower(): e.get("value", "") for e in node["env"]}

    settings = Settings(**given)

    assert settings.issuer == ISSUER
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.7")
    assert settings.log_level == "warning"
    assert settings.form_bytes == 65536
    ports = {port["name"]: port["containerPort"] for port in node["ports"]}
    assert ports == {"http": settings.port, "management": settings.management_port}


def test_probes_ask_what_the_management_port_answers() -> None:
    (node,) = pod_specs("everything")["Deployment"]["containers"]
    asked = {kind: node[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}

    assert {get["port"] for get in asked.values()} == {"management"}
    assert {kind: get["path"] for kind, get in asked.items()} == {
        "startup": "/health/started",
        "liveness": "/health/live",
        "readiness": "/health/ready",
    }
    assert {get["path"] for get in asked.values()} <= set(PATHS)


@pytest.mark.parametrize(("drain", "wait"), [(10, 5), (0, 1), (60, 30)])
def test_a_pod_is_killed_only_after_its_drain(drain: int, wait: int) -> None:
    """docs/guides/operate.md, Stopping: the drain, the database's wait, the margin of answers."""
    values = (f"drainSeconds={drain}", f"databaseWaitSeconds={wait}")
    (deployment,) = (m for m in helm.rendered(*NEEDED, *values) if m["kind"] == "Deployment")
    spec = deployment["spec"]["template"]["spec"]

    needed = drain + wait + ANSWER_MARGIN_SECONDS
    assert spec["terminationGracePeriodSeconds"] > needed
    variables = {e["name"]: e.get("value") for e in spec["containers"][0]["env"]}
    assert variables["FLEXTELL_DRAIN_SECONDS"] == str(drain)
    assert variables["FLEXTELL_DATABASE_WAIT_SECONDS"] == str(wait)


def test_by_default_the_drain_outlasts_the_notice_of_readiness() -> None:
    """Requests come until the failures of the probe are counted: so long they must be taken."""
    (node,) = pod_specs("as little as needed")["Deployment"]["containers"]
    probe = node["readinessProbe"]
    variables = {e["name"]: e.get("value") for e in node["env"]}

    noticed = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
    assert int(variables["FLEXTELL_DRAIN_SECONDS"]) > noticed


@every_variant
def test_every_container_is_locked_down(variant: str) -> None:
    """No root, no writable root file system, no capability, no token of the cluster, bounded."""
    for spec in pod_specs(variant).values():
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
    for container in containers(variant):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


@every_variant
def test_secrets_are_named_and_never_written(variant: str) -> None:
    """The chart makes no Secret; every volume that is mounted is there, and the other way round."""
    assert not [each for each in manifests(variant) if each["kind"] == "Secret"]
    for spec in pod_specs(variant).values():
        mounted = {
            mount["name"]
            for container in (*spec.get("initContainers", ()), *spec["containers"])
            for mount in container["volumeMounts"]
        }
        assert mounted == {volume["name"] for volume in spec["volumes"]}
    for container in containers(variant):
        for variable in container.get("env", ()):
            if variable["name"] == "FLEXTELL_DATABASE":
                assert "secretKeyRef" in variable["valueFrom"]


def test_the_database_is_migrated_before_the_nodes_change() -> None:
    job = the("Job", "everything", "id-flextell-migrate")

    hooks = job["metadata"]["annotations"]["helm.sh/hook"]
    assert set(hooks.split(",")) == {"pre-install", "pre-upgrade"}
    assert the("Deployment", "everything")["spec"]["strategy"]["rollingUpdate"] == {
        "maxSurge": 1,
        "maxUnavailable": 0,
    }


def test_the_rules_of_the_chart_are_those_of_the_folder() -> None:
    """One file, linked: deploy/prometheus/alerts.yaml."""
    rule = the("PrometheusRule", "everything")

    kept = yaml.safe_load((CHART.parents[1] / "prometheus" / "alerts.yaml").read_text())
    assert rule["spec"] == kept
    monitor = the("ServiceMonitor", "everything")["spec"]
    labels = the("Service", "everything", "id-flextell-management")["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert monitor["endpoints"][0]["path"] in PATHS


def test_a_fixed_number_of_nodes_is_set_only_without_the_autoscaler() -> None:
    """Else each upgrade would set back what the autoscaler had decided."""
    assert "replicas" not in the("Deployment", "everything")["spec"]
    assert the("Deployment", "a fixed number of nodes")["spec"]["replicas"] == 2
    assert not [m for m in manifests("a fixed number of nodes") if "Autoscaler" in m["kind"]]


def test_a_long_name_of_a_release_stays_a_name() -> None:
    """63 characters at most, as in the names of hosts."""
    for manifest in helm.rendered(*NEEDED, release="a" * 53):
        assert len(manifest["metadata"]["name"]) <= 63


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("issuer=http://id.example.com", "/issuer"),
        ("issuer=https://id.example.com/path", "/issuer"),
        ("trustedProxies={}", "/trustedProxies"),
        ("files.claimName=", "/files/claimName"),
        ("trustedProxies={ingress}", "/trustedProxies"),
        ("drainSecond=4", "drainSecond"),
        ("database.password=secret", "password"),
        ("settings.LOG_LEVEL=info", "LOG_LEVEL"),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(value: str, named: str) -> None:
    """values.schema.json."""
    assert named in helm.refused(*NEEDED, value)


def test_the_notes_count_the_connections() -> None:
    """Nodes and one more, times workers, times pool."""
    values = (*NEEDED, "workers=2", "database.poolConnections=5", "autoscaling.maxReplicas=6")
    sets = [word for value in values for word in ("--set", value)]
    done = helm.run("install", "id", str(CHART), "--dry-run=client", *sets)

    assert done.returncode == 0, done.stderr
    (number,) = re.findall(r"PostgreSQL must take (\d+) connections", done.stdout)
    assert int(number) == math.prod((6 + 1, 2, 5))
