"""What `kubectl apply` tells about an Ingress when the webhook knows the cluster, on the real API server.

kubectl is asked to take warnings for errors, so that they can be read; the object is stored all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.cluster import Cluster, KubectlFailed, Process
from tests.product import Product
from tests.system.shop import eventually

pytestmark = pytest.mark.system

TEAM: Final = "admission-team"
ELSEWHERE: Final = "admission-elsewhere"
ISSUER: Final = {"cert-manager.io/issuer": "internal"}


@pytest.fixture(scope="module")
def webhook(cluster: Cluster, product: Product) -> Iterator[Process]:
    """The webhook under the shipped configurations, two namespaces, and an Issuer."""
    process = product.start_webhook()
    for namespace in (TEAM, ELSEWHERE):
        cluster.kubectl("create", "namespace", namespace)
        issuer = {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Issuer",
            "metadata": {"name": "internal", "namespace": namespace},
            "spec": {"selfSigned": {}},
        }
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(issuer))
    probe = ingress("probe", annotations=ISSUER)
    eventually(lambda: told(cluster, probe, "--dry-run=server").count("Warning") == 1, "the issuer is known")
    yield process
    process.stop()
    product.withdraw_admission()
    cluster.kubectl("delete", "namespace", TEAM, ELSEWHERE, "--wait=false")


def ingress(
    name: str,
    *hosts: str,
    namespace: str = TEAM,
    annotations: dict[str, str] | None = None,
    tls: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}},
        "spec": {
            "rules": [{"host": host, "http": {"paths": paths}} for host in hosts or (f"{name}.example.com",)],
            "tls": tls or [],
        },
    }


def told(cluster: Cluster, obj: dict[str, Any], *flags: str) -> str:
    """Return what kubectl says on applying the object, warnings and refusals; nothing when it was taken in silence."""
    try:
        cluster.kubectl("apply", "--warnings-as-errors", *flags, "-f", "-", stdin=json.dumps(obj))
    except KubectlFailed as failure:
        return failure.stderr
    return ""


@pytest.mark.usefixtures("webhook")
def test_a_correct_ingress_passes_without_a_word(cluster: Cluster) -> None:
    assert told(cluster, ingress("good", annotations=ISSUER)) == ""


@pytest.mark.usefixtures("webhook")
def test_an_issuer_that_does_not_exist_is_told_with_the_one_that_does(cluster: Cluster) -> None:
    said = told(cluster, ingress("typo", annotations={"cert-manager.io/issuer": "internel"}))

    assert "there is no Issuer internel; did you mean internal?" in said
    assert cluster.kubectl("get", "ingress", "typo", "-n", TEAM, "-o", "name").strip().endswith("/typo")


@pytest.mark.usefixtures("webhook")
def test_a_secret_has_one_owner(cluster: Cluster) -> None:
    """The second that asks for a certificate into it is refused; one that only uses it is not."""
    tls = [{"hosts": ["owned.example.com"], "secretName": "owned"}]
    assert told(cluster, ingress("owner", "owned.example.com", annotations=ISSUER, tls=tls)) == ""
    second = ingress("second", "owned.example.com", annotations=ISSUER, tls=tls)

    said = eventually(
        lambda: said if "denied" in (said := told(cluster, second, "--dry-run=server")) else "", "it is refused"
    )

    assert "belongs to Ingress owner; name another Secret, or remove cert-manager.io/issuer here" in said
    assert told(cluster, ingress("second", "owned.example.com", tls=tls)) == ""


@pytest.mark.usefixtures("webhook")
def test_a_host_of_another_namespace_is_warned_of_and_refused_where_the_namespace_says_so(cluster: Cluster) -> None:
    host = "claimed.example.com"
    assert told(cluster, ingress("first", host, namespace=ELSEWHERE, annotations=ISSUER)) == ""
    second = ingress("second-host", host, annotations=ISSUER)

    claimed = f"Ingress {ELSEWHERE}/first has this host already"
    warned = eventually(lambda: claimed in told(cluster, second, "--dry-run=server"), "it is warned of")
    cluster.kubectl("annotate", "namespace", TEAM, "certshim.io/admission=host-claimed=deny")
    refused = eventually(lambda: "denied" in told(cluster, second, "--dry-run=server"), "it is refused")
    cluster.kubectl("annotate", "namespace", TEAM, "certshim.io/admission-")

    assert (warned, refused) == (True, True)


@pytest.mark.usefixtures("webhook")
def test_a_secret_that_nobody_makes_is_told(cluster: Cluster) -> None:
    plain = ingress("plain", tls=[{"hosts": ["plain.example.com"], "secretName": "by-hand"}])

    assert "spec.tls[0].secretName: no such Secret, and nothing makes it" in told(cluster, plain)
    cluster.kubectl("create", "secret", "generic", "by-hand", "-n", TEAM, "--type=example.com/other")
    renamed = ingress("renamed", tls=[{"hosts": ["renamed.example.com"], "secretName": "by-hand"}])
    eventually(lambda: "nothing makes it" not in told(cluster, renamed, "--dry-run=server"), "the Secret is known")


@pytest.mark.usefixtures("webhook")
def test_a_dry_run_is_answered_with_the_plan(cluster: Cluster) -> None:
    said = told(cluster, ingress("planned", annotations=ISSUER), "--dry-run=server")

    assert (
        "Warning: plan: Certificate and Secret planned-tls (new): planned.example.com from Issuer internal (selfSigned)"
        in said
    )
    with pytest.raises(KubectlFailed, match="not found"):
        cluster.kubectl("get", "ingress", "planned", "-n", TEAM)


@pytest.mark.usefixtures("webhook")
def test_the_audit_log_names_the_rules(cluster: Cluster) -> None:
    mark = cluster.audit_mark()
    told(cluster, ingress("audited", annotations={"cert-manager.io/issuer": "internel"}))

    def rules() -> set[str]:
        return {
            value
            for event in cluster.audit(mark)
            for key, value in event.annotations.items()
            if key == "ingress.certshim.io/warned-by"
        }

    assert eventually(rules, "the event is written") == {"issuer-not-found"}
