"""The Helm chart with real Helm, on the real API server."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from shim.notify import config as notifications
from tests.cluster import Cluster
from tests.manifests import CHART, NotRendered, helm, objects, stale, template
from tests.product import CERTSHIM, NAMESPACE, Product

pytestmark = pytest.mark.system


def one(rendered: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any] | None:
    found = [obj for obj in rendered if (obj["kind"], obj["metadata"]["name"]) == (kind, name)]
    return found[0] if found else None


def arguments(values: dict[str, Any], deployment: str) -> list[str]:
    """Return how the container is started."""
    found = one(objects(template(values=values)), "Deployment", deployment)
    assert found is not None
    args: list[str] = found["spec"]["template"]["spec"]["containers"][0]["args"]
    return args


def pod(values: dict[str, Any], deployment: str) -> dict[str, Any]:
    found = one(objects(template(values=values)), "Deployment", deployment)
    assert found is not None
    spec: dict[str, Any] = found["spec"]["template"]["spec"]
    return spec


FLAGS: Final[list[tuple[dict[str, Any], str]]] = [
    ({"enableCertificateOwnerRef": True}, "--enable-certificate-owner-ref=true"),
    ({"disableAutoApproval": True}, "--controllers=*,-certificaterequests-approver"),
    ({"clusterResourceNamespace": "elsewhere"}, "--cluster-resource-namespace=elsewhere"),
    ({"ingressShim": {"defaultIssuerName": "le"}}, "--default-issuer-name=le"),
    ({"dns01RecursiveNameservers": "9.9.9.9:53"}, "--dns01-recursive-nameservers=9.9.9.9:53"),
    ({"dns01RecursiveNameserversOnly": True}, "--dns01-recursive-nameservers-only=true"),
    ({"http01": {"mode": "pod"}}, "--acme-http01-mode=pod"),
    ({"preflight": "enforce"}, "--preflight=enforce"),
    ({"notifications": {"existingSecret": "mine"}}, "--notifications=/etc/certshim/notifications.yaml"),
    ({"prometheus": {"enabled": False}}, "--metrics-listen-address=0"),
    ({"global": {"leaderElection": {"leaseDuration": "30s"}}}, "--leader-election-lease-duration=30s"),
    ({"global": {"logLevel": 5}}, "--log-level=debug"),
    ({"extraArgs": ["--logging-format=json"]}, "--logging-format=json"),
]


SETTINGS: Final[dict[str, Any]] = {
    "version": 1,
    "cluster": "production",
    "grace": "10m",
    "receivers": [
        {"name": "chat", "slack": {"urlFrom": {"secret": {"name": "certshim-notify", "key": "slack-url"}}}},
        {"name": "pager", "webhook": {"url": "https://pager.example.com/hooks/1"}},
        {
            "name": "mail",
            "smtp": {"host": "mail.example.com", "port": 2525, "from": "a@example.com", "to": ["b@example.com"]},
        },
    ],
    "routes": [
        {"receivers": ["mail", "pager"], "severities": ["critical"]},
        {"receivers": ["chat"], "namespaces": ["shop-*"], "labels": {"team": "shop"}, "kinds": ["limited"]},
    ],
}


def test_the_manifests_are_what_the_chart_makes() -> None:
    assert sorted(stale()) == [], "run `make manifests`"


def test_helm_finds_nothing_to_lint() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART)


@pytest.mark.parametrize(
    ("values", "argument"),
    FLAGS,
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_value_becomes_a_flag_of_the_shim(values: dict[str, Any], argument: str) -> None:
    assert argument in arguments(values, "certshim-shim")


@pytest.mark.parametrize("process", ["shim", "webhook"])
def test_each_flag_is_one_that_the_process_has(process: str) -> None:
    """With values for all that becomes flags."""
    values: dict[str, Any] = {}
    for some, _ in FLAGS:
        values |= some
    command = [str(CERTSHIM), process, "--help"]
    known = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  our own program

    given = [one.partition("=")[0] for one in arguments(values, f"certshim-{process}")]

    assert [flag for flag in given if flag not in known] == []


@pytest.mark.parametrize("deployment", ["certshim-shim", "certshim-webhook"])
def test_a_pod_may_nothing_that_it_need_not(deployment: str) -> None:
    """What the Pod Security Standard `restricted` asks for, and a root filesystem that cannot be written."""
    spec = pod({}, deployment)
    container = spec["containers"][0]["securityContext"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert (container["allowPrivilegeEscalation"], container["readOnlyRootFilesystem"]) == (False, True)
    assert spec["topologySpreadConstraints"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param({"replicaCout": 2}, "replicaCout", id="unknown"),
        pytest.param({"image": {"tga": "1"}}, "tga", id="unknown inside"),
        pytest.param({"replicaCount": "two"}, "replicaCount", id="no number"),
        pytest.param({"preflight": "maybe"}, "preflight", id="none of the words"),
        pytest.param({"global": {"logLevel": 99}}, "logLevel", id="too much"),
        pytest.param({"notifications": {"settings": {"version": 1}}}, "receivers", id="nobody to notify"),
        pytest.param(
            {"notifications": {"settings": {"version": 1, "receivers": [{"name": "chat"}]}}}, "slack", id="by no way"
        ),
        pytest.param(
            {"notifications": {"settings": SETTINGS, "existingSecret": "mine"}}, "settings or existing", id="two files"
        ),
        pytest.param(
            {"image": {"repository": "registry.example.com/jetstack/cert-manager-controller"}},
            "is cert-manager's: name one of certshim",
            id="cert-manager's image",
        ),
        pytest.param(
            {"acmesolver": {"image": {"repository": "quay.io/jetstack/cert-manager-acmesolver", "tag": "v1.21.1"}}},
            "acmesolver is cert-manager's",
            id="cert-manager's solver",
        ),
    ],
)
def test_a_bad_value_is_refused_by_name(values: dict[str, Any], words: str) -> None:
    with pytest.raises(NotRendered, match=words):
        template(values=values)


# Everything that the chart can make at once, but what takes kinds of others (ServiceMonitor, PodMonitor).
FULL = {
    "networkPolicy": {"enabled": True},
    "webhook": {"networkPolicy": {"enabled": True}},
    "http01": {"allowPods": True},
    "admission": {"settings": {"rules": {}}},
    "installCRDs": True,
    "notifications": {"settings": SETTINGS},
    "automountServiceAccountToken": True,
    "serviceAccount": {"automountServiceAccountToken": False},
    "cainjector": {"enabled": True},
    "startupapicheck": {"enabled": True},
    "enabled": True,
}


@pytest.mark.parametrize("values", [{}, FULL], ids=["default", "everything"])
def test_all_objects_are_valid(cluster: Cluster, values: dict[str, Any]) -> None:
    """Server-side dry run, unknown fields being errors."""
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", stdin=made(values))


def made(values: dict[str, Any]) -> str:
    """Return what the chart makes, for a namespace that every cluster has."""
    rendered = objects(template("--set=namespace=default", values=values))
    return yaml.safe_dump_all(rendered)


def test_what_is_remembered_may_be_written_where_the_secrets_of_cluster_issuers_are() -> None:
    """There the shim keeps what is used up of limits, and what was notified; without, nothing is ever notified."""
    rendered = objects(template(values={"clusterResourceNamespace": "elsewhere"}))
    found = [one for one in rendered if one["metadata"]["name"] == "certshim-shim:acme-limits"]

    assert [(one["kind"], one["metadata"]["namespace"]) for one in found] == [
        ("Role", "elsewhere"),
        ("RoleBinding", "elsewhere"),
    ]
    assert found[1]["subjects"][0]["namespace"] == "cert-manager"


class Unambiguous(yaml.SafeLoader):
    """Refuses a key that stands twice, as kustomize and the API server's strict decoding do."""


def _once(loader: Unambiguous, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  PyYAML's
    keys = [key.value for key, _ in node.value]
    assert len(keys) == len(set(keys)), f"twice in line {node.start_mark.line}: {sorted(keys)}"
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


Unambiguous.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _once)


def test_no_label_or_annotation_stands_twice() -> None:
    """Those of an object outweigh those of all; none of them makes pods that their Deployment does not find."""
    ours = {"app.kubernetes.io/name": "mine", "app.kubernetes.io/component": "mine", "helm.sh/chart": "mine"}
    own = {
        "podLabels": ours | {"team": "pki"},
        "podAnnotations": {"prometheus.io/scrape": "false"},
        "serviceLabels": {"team": "pki"},
        "serviceAccount": {"labels": {"team": "pki"}},
    }
    values = own | {"global": {"commonLabels": ours | {"team": "platform"}}, "webhook": own, "crds": {"enabled": False}}
    rendered = list(yaml.load_all(template(values=values), Loader=Unambiguous))
    teams = {(one["kind"], one["metadata"]["name"]): one["metadata"]["labels"]["team"] for one in rendered if one}
    (shim,) = (
        one for one in rendered if one and one["metadata"]["name"] == "certshim-shim" and one["kind"] == "Deployment"
    )
    pod_of_shim = shim["spec"]["template"]["metadata"]

    assert shim["spec"]["selector"]["matchLabels"].items() <= pod_of_shim["labels"].items()
    assert pod_of_shim["labels"]["helm.sh/chart"].startswith("certshim-")
    assert pod_of_shim["annotations"]["prometheus.io/scrape"] == "false"
    assert pod_of_shim["labels"]["team"] == "pki"
    assert {key for key, team in teams.items() if team == "pki"} == {
        (kind, f"certshim-{name}") for kind in ("Service", "ServiceAccount") for name in ("shim", "webhook")
    }


@pytest.mark.parametrize("deployment", ["certshim-shim", "certshim-webhook"])
def test_a_slow_start_is_not_ended_by_the_liveness_probe(deployment: str) -> None:
    """The startup probe looks at the same page, often, and for minutes."""
    (container,) = pod({}, deployment)["containers"]
    startup, liveness = container["startupProbe"], container["livenessProbe"]

    assert startup["httpGet"] == liveness["httpGet"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 180
    assert startup["periodSeconds"] <= 2, "a quick start is not made to wait"
    off = {"startupProbe": {"enabled": False}}
    assert "startupProbe" not in pod(off | {"webhook": off}, deployment)["containers"][0]


def test_the_settings_of_notifications_reach_the_shim() -> None:
    """In a Secret, where the flag says, as the shim reads them; and pods are made anew when they change."""
    values = {"notifications": {"settings": SETTINGS}, "networkPolicy": {"enabled": True}}
    rendered = objects(template(values=values))
    secret = one(rendered, "Secret", "certshim-notification-settings")
    assert secret is not None
    read = notifications.read(secret["stringData"]["notifications.yaml"].encode())
    policy = one(rendered, "NetworkPolicy", "certshim-shim")
    assert policy is not None

    assert [receiver.name for receiver in read.receivers] == ["chat", "pager", "mail"]
    assert [route.receivers for route in read.routes] == [("mail", "pager"), ("chat",)]
    assert (read.cluster, read.patience.grace) == ("production", timedelta(minutes=10))
    assert mounted(values) == "certshim-notification-settings"
    assert {"port": 2525, "protocol": "TCP"} in policy["spec"]["egress"][0]["ports"]
    assert checksum(values) not in {None, checksum({"notifications": {"settings": SETTINGS | {"cluster": "other"}}})}


def test_a_secret_of_ones_own_holds_the_settings_of_notifications() -> None:
    """None is made then; and without either there is neither flag nor file."""
    values = {"notifications": {"existingSecret": "mine"}}

    assert mounted(values) == "mine"
    assert one(objects(template(values=values)), "Secret", "certshim-notification-settings") is None
    assert [flag for flag in arguments({}, "certshim-shim") if "notifications" in flag] == []
    assert [volume["name"] for volume in pod({}, "certshim-shim")["volumes"]] == ["tmp"]


def mounted(values: dict[str, Any]) -> str:
    """Return the Secret whose key is the file that the shim's flag names."""
    spec = pod(values, "certshim-shim")
    (path,) = (flag.partition("=")[2] for flag in arguments(values, "certshim-shim") if "--notifications=" in flag)
    (mount,) = (one for one in spec["containers"][0]["volumeMounts"] if Path(one["mountPath"]) == Path(path).parent)
    (volume,) = (one for one in spec["volumes"] if one["name"] == mount["name"])
    assert volume["secret"]["items"] == [{"key": Path(path).name, "path": Path(path).name}]
    return str(volume["secret"]["secretName"])


def checksum(values: dict[str, Any]) -> str | None:
    found = one(objects(template(values=values)), "Deployment", "certshim-shim")
    assert found is not None
    annotations: dict[str, str] = found["spec"]["template"]["metadata"]["annotations"]
    return annotations.get("checksum/notifications")


def test_the_token_of_the_account_can_be_left_out() -> None:
    """Of the account, and of the pod, as in cert-manager's chart."""
    values = {"serviceAccount": {"automountServiceAccountToken": False}, "automountServiceAccountToken": True}
    account = one(objects(template(values=values)), "ServiceAccount", "certshim-shim")
    assert account is not None

    assert account["automountServiceAccountToken"] is False
    assert pod(values, "certshim-shim")["automountServiceAccountToken"] is True


def test_the_check_after_the_installation_works_with_its_own_rights(product: Product, cluster: Cluster) -> None:
    """What the Job runs, as its account, on an API server whose webhook answers; and it is not part of manifests."""
    values = {"startupapicheck": {"enabled": True, "timeout": "20s"}}
    rendered = objects(template(values=values))
    hooks = [one for one in rendered if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    rights, (job,) = [one for one in hooks if one["kind"] != "Job"], [one for one in hooks if one["kind"] == "Job"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    name = job["spec"]["template"]["spec"]["serviceAccountName"]
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(rights))
    webhook = product.start_webhook()
    try:
        kubeconfig = cluster.service_account_kubeconfig(NAMESPACE, name)
        command = [str(CERTSHIM), *container["command"][1:], *container["args"], f"--kubeconfig={kubeconfig}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  our own
    finally:
        webhook.stop()
        product.withdraw_admission()
        cluster.kubectl("delete", "-f", "-", stdin=yaml.safe_dump_all(rights))

    assert (done.returncode, done.stdout) == (0, "The cert-manager API is ready\n"), done.stderr
    assert {one["metadata"]["name"] for one in hooks} == {name}
    static = objects(template("--set=creator=static", values=values))
    assert [one for one in static if one["metadata"]["name"] == name] == []


def test_helm_installs_upgrades_and_uninstalls() -> None:
    """On a control plane of its own, since the shared one has the objects already; the CRDs stay."""
    with Cluster() as own:
        access = f"--kubeconfig={own.admin}"
        place = ("certshim", CHART, "--namespace=cert-manager", access)
        helm("install", *place, "--create-namespace")
        helm("upgrade", *place, "--set=replicaCount=3")
        replicas = own.kubectl(
            "get", "deployment", "certshim-shim", "-n", "cert-manager", "-o", "jsonpath={.spec.replicas}"
        )
        helm("uninstall", "certshim", "--namespace=cert-manager", access)
        left = own.kubectl("get", "deployment,clusterrole,validatingwebhookconfiguration", "-A", "-o", "name")
        kept = own.kubectl("get", "crd", "-o", "name")

    assert replicas == "3"
    assert [line for line in left.splitlines() if "certshim" in line or "cert-manager" in line] == []
    assert "certificates.cert-manager.io" in kept
