from __future__ import annotations

from datetime import timedelta

import pytest

from certs.api.issuer import ResourceRequirements
from certs.decide import preflight
from certs.decide.http01mode import Mode
from shim import settings
from shim.flags import Address, WrongFlags
from shim.solvers.dns01.solver import DNSSettings
from shim.solvers.http01.podsettings import PodSettings
from shim.solvers.http01.responders import Responders

DEFAULTS = {flag.key: flag.default for flag in settings.FLAGS}

# The API's flags that mean something here, with its defaults (spec of the controller's flags).
THEIRS = {
    "kubeconfig": "",
    "namespace": "",
    "cluster-resource-namespace": "kube-system",
    "leader-elect": "true",
    "leader-election-namespace": "kube-system",
    "leader-election-lease-duration": "60s",
    "leader-election-renew-deadline": "40s",
    "leader-election-retry-period": "15s",
    "controllers": "*",
    "enable-certificate-owner-ref": "false",
    "copied-annotation-prefixes": "*,-kubectl.kubernetes.io/,-fluxcd.io/,-argocd.argoproj.io/",
    "certificate-request-minimum-backoff-duration": "1h",
    "certificate-request-maximum-backoff-duration": "32h",
    "auto-certificate-annotations": "kubernetes.io/tls-acme",
    "extra-certificate-annotations": "",
    "default-issuer-name": "",
    "default-issuer-kind": "Issuer",
    "default-issuer-group": "cert-manager.io",
    "acme-http01-solver-nameservers": "",
    "acme-http01-solver-resource-request-cpu": "10m",
    "acme-http01-solver-resource-request-memory": "64Mi",
    "acme-http01-solver-resource-limits-cpu": "100m",
    "acme-http01-solver-resource-limits-memory": "64Mi",
    "acme-http01-solver-run-as-non-root": "true",
    "acme-http01-solver-extra-labels": "",
    "acme-http01-solver-runtime-class-name": "",
    "dns01-recursive-nameservers": "",
    "dns01-recursive-nameservers-only": "false",
    "issuer-ambient-credentials": "false",
    "cluster-issuer-ambient-credentials": "true",
    "metrics-listen-address": "0.0.0.0:9402",
    "internal-healthz-listen-address": "0.0.0.0:9403",
    "logging-format": "text",
}


def read(**given: str) -> settings.Settings:
    return settings.read(DEFAULTS | given)


def test_flags_have_the_apis_defaults() -> None:
    """A Deployment that sets none of them behaves as it did."""
    ours = {flag.name: flag.default for flag in settings.FLAGS}

    assert {name: ours.get(name) for name in THEIRS} == THEIRS


def test_defaults_can_be_read() -> None:
    """And go together."""
    chosen = read()

    assert chosen.workers == 10
    assert chosen.lease.enabled
    assert (chosen.lease.duration, chosen.lease.retry_period) == (timedelta(seconds=60), timedelta(seconds=15))
    assert chosen.responders == Responders(("certshim-shim.cert-manager.svc",), 8089)
    assert chosen.responders.external_name == "certshim-shim.cert-manager.svc"
    assert chosen.metrics_listen == Address("0.0.0.0", 9402)  # noqa: S104 -- what is read, not what is bound
    assert chosen.controllers.auto_approve
    assert not chosen.controllers.certificate_owner_ref


def test_settings_reach_the_controllers() -> None:
    """What the admin chose, in the hands of those who need it."""
    chosen = read(
        namespace="web",
        cluster_resource_namespace="certs",
        controllers="*,-certificaterequests-approver",
        default_issuer_name="le",
        default_issuer_kind="ClusterIssuer",
        extra_certificate_annotations="a,b",
        certificate_request_minimum_backoff_duration="1m",
        certificate_request_maximum_backoff_duration="2m",
        acme_http01_responder_address="10.0.0.1:80,10.0.0.2:80",
        metrics_listen_address="0",
    )

    assert (chosen.namespace, chosen.controllers.cluster_resource_namespace) == ("web", "certs")
    assert not chosen.controllers.auto_approve
    assert (chosen.controllers.ingress.default_issuer_name, chosen.controllers.ingress.default_issuer_kind) == (
        "le",
        "ClusterIssuer",
    )
    assert chosen.controllers.ingress.extra_certificate_annotations == ("a", "b")
    assert (chosen.controllers.limits.minimum, chosen.controllers.limits.maximum) == (
        timedelta(minutes=1),
        timedelta(minutes=2),
    )
    assert chosen.responders == Responders(("10.0.0.1", "10.0.0.2"), 80)
    assert chosen.metrics_listen is None


def test_settings_reach_the_solvers_of_dns() -> None:
    """Resolvers may be named by address or by URL."""
    chosen = read(
        dns01_recursive_nameservers="192.0.2.1:53,https://dns.example/dns-query,[2001:db8::1]:53",
        dns01_recursive_nameservers_only="true",
        issuer_ambient_credentials="true",
        cluster_issuer_ambient_credentials="false",
    )

    servers = ("192.0.2.1:53", "https://dns.example/dns-query", "[2001:db8::1]:53")
    assert read().dns == DNSSettings()
    assert chosen.dns == DNSSettings(servers, recursive_only=True, issuer_ambient=True, cluster_issuer_ambient=False)


def test_settings_reach_solver_pods() -> None:
    """Nothing said, what is the default; else each flag in its place."""
    chosen = read(
        acme_http01_mode="pod",
        acme_http01_solver_image="certshim:1",
        acme_http01_solver_resource_request_cpu="20m",
        acme_http01_solver_resource_limits_memory="0.5Gi",
        acme_http01_solver_run_as_non_root="false",
        acme_http01_solver_extra_labels="team=platform, example.org/cost-centre=7",
        acme_http01_solver_runtime_class_name="gvisor",
    )

    assert read().pods == PodSettings()
    assert chosen.pods == PodSettings(
        mode=Mode.POD,
        image="certshim:1",
        resources=ResourceRequirements(
            requests={"cpu": "20m", "memory": "64Mi"}, limits={"cpu": "100m", "memory": "0.5Gi"}
        ),
        run_as_non_root=False,
        extra_labels={"team": "platform", "example.org/cost-centre": "7"},
        runtime_class_name="gvisor",
    )


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("acme_http01_mode", "pods", "must be one of responder, pod"),
        ("acme_http01_solver_resource_limits_cpu", "much", "must be a quantity, for example 10m or 64Mi"),
        ("acme_http01_solver_resource_limits_memory", "64mi", "must be a quantity"),
        ("acme_http01_solver_extra_labels", "team", "must be labels: key=value,key=value"),
        ("acme_http01_solver_extra_labels", "team=a b", "a b: a valid label must be"),
        ("acme_http01_solver_runtime_class_name", "GVisor", "a lowercase RFC 1123 subdomain must"),
    ],
    ids=["mode", "cpu", "memory", "no label", "value of a label", "runtime class"],
)
def test_wrong_settings_of_solver_pods_are_told(flag: str, value: str, message: str) -> None:
    """At the start, and not at the first challenge."""
    with pytest.raises(WrongFlags) as raised:
        read(**{flag: value})

    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ("", {}),
        ("Prefix", {"*": "Prefix"}),
        ("nginx=Prefix, edge=ImplementationSpecific", {"nginx": "Prefix", "edge": "ImplementationSpecific"}),
        ("ImplementationSpecific,nginx=Prefix", {"*": "ImplementationSpecific", "nginx": "Prefix"}),
    ],
)
def test_path_types_are_for_all_classes_or_for_one(given: str, chosen: dict[str, str]) -> None:
    assert read(acme_http01_path_types=given).path_types == chosen


def test_a_route_is_for_all_tokens() -> None:
    """So its path cannot be exact."""
    with pytest.raises(WrongFlags, match="Exact must be one of Prefix, ImplementationSpecific; write for example"):
        read(acme_http01_path_types="nginx=Exact")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            {"certificate_request_minimum_backoff_duration": "33h"},
            "must not be shorter than the minimum",
            id="back-off",
        ),
        pytest.param(
            {"leader_election_lease_duration": "40s"},
            "the retry period must be shorter than the renew deadline",
            id="lease",
        ),
        pytest.param(
            {"controllers": "*,-ingress-shim"},
            "only the approver and the CA injector can be left out",
            id="controllers",
        ),
        pytest.param({"acme_http01_responder_address": ""}, "at least one host:port", id="no responder"),
        pytest.param(
            {"acme_http01_responder_address": "10.0.0.1:80,10.0.0.2:81"}, "all with the same port", id="two ports"
        ),
        pytest.param(
            {"acme_http01_responder_address": "10.0.0.1:80,[2001:db8::1]:80"},
            "addresses of one family, or one DNS name",
            id="two families",
        ),
        pytest.param({"acme_http01_responder_address": "a.test:80,b.test:80"}, "or one DNS name", id="two names"),
        pytest.param({"acme_http01_responder_address": "a.test:80,10.0.0.1:80"}, "or one DNS name", id="name, address"),
        pytest.param({"acme_http01_responder_address": ":80"}, "nobody's address", id="unspecified"),
        pytest.param({"acme_http01_responder_address": "[::]:80"}, "nobody's address", id="unspecified IPv6"),
    ],
)
def test_values_that_do_not_go_together(given: dict[str, str], message: str) -> None:
    """Each can be read, and the whole makes no sense."""
    with pytest.raises(WrongFlags) as raised:
        read(**given)

    assert message in str(raised.value)
    assert raised.value.exit_code == 2


def test_all_that_does_not_go_together_is_told_at_once() -> None:
    """One start, one list."""
    with pytest.raises(WrongFlags) as raised:
        read(leader_election_retry_period="41s", acme_http01_responder_address="")

    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize("mode", list(preflight.Mode))
def test_what_is_made_of_findings(mode: preflight.Mode) -> None:
    assert read(preflight=mode).preflight is mode


def test_findings_warn_unless_told_otherwise() -> None:
    """And what is misspelled is not taken for off."""
    assert read().preflight is preflight.Mode.WARN
    with pytest.raises(WrongFlags, match=r"--preflight=on .*: must be one of warn, enforce, off"):
        read(preflight="on")
