"""The install manifests on the real API server: accepted as they are, and granting exactly what is needed.

The webhook configurations are only tried (a dry run), since applied without a webhook they would
refuse what other tests of the shared control plane create.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.manifests import INSTALLED, LEGACY, MANIFESTS, SOLVER_PODS, UI, objects
from tests.manifests import installed as manifest
from tests.product import Product
from tests.system.shop import eventually

pytestmark = pytest.mark.system

SHIM = "system:serviceaccount:cert-manager:certshim-shim"
WEBHOOK = "system:serviceaccount:cert-manager:certshim-webhook"
VALIDATING = "validatingwebhookconfigurations.admissionregistration.k8s.io"
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
INJECTED = ("get", "list", "watch", "patch")
MUTATING = "mutatingwebhookconfigurations.admissionregistration.k8s.io"


@pytest.fixture(scope="module")
def installed(cluster: Cluster, product: Product) -> Cluster:
    """Return a cluster with all but the webhook configurations."""
    return cluster


@pytest.mark.parametrize("path", [INSTALLED, LEGACY, SOLVER_PODS, UI], ids=lambda path: path.stem)
def test_manifest_is_accepted(installed: Cluster, path: Path) -> None:
    """Server-side dry run, unknown fields being errors; CEL expressions are compiled in it."""
    output = installed.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", str(path))

    assert output.count("(server dry run)") == len(objects(path.read_text()))


def test_kustomization_is_the_manifest(installed: Cluster) -> None:
    """`kubectl apply -k manifests` installs the same, with an image of one's own."""
    listed = objects(installed.kubectl("kustomize", str(MANIFESTS)))

    assert sorted(map(canonical, listed)) == sorted(map(canonical, manifest()))


@pytest.mark.parametrize("path", sorted((MANIFESTS / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_example_is_accepted(installed: Cluster, path: Path) -> None:
    """What people copy works."""
    installed.kubectl("apply", "--dry-run=server", "--validate=strict", "-n", "default", "-f", str(path))


def canonical(obj: object) -> str:
    """Return an object as text, whatever the order of its keys."""
    return json.dumps(obj, sort_keys=True)


def may(cluster: Cluster, user: str, verb: str, what: str, namespace: str = "team", name: str = "") -> bool:
    """May the user do this to `resource[/subresource].group`?"""
    resource, _, group = what.partition(".")
    resource, _, subresource = resource.partition("/")
    attributes = {
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    groups = ["system:serviceaccounts", "system:authenticated"]
    review = {"spec": {"user": user, "groups": groups, "resourceAttributes": attributes}}
    answer = cluster.api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"].get("allowed"))


def wait_until_all_is_given(cluster: Cluster, given: list[tuple[str, str]]) -> None:
    """Wait until the shim may do all of it; the authorizer hears of a role by a watch."""
    eventually(lambda: all(may(cluster, SHIM, *action) for action in given), "all is given", 10)


FOLLOW = ("list", "watch")
READ = ("get", *FOLLOW)

SHIM_MAY = [
    *((verb, f"{kind}.cert-manager.io") for kind in ("issuers", "clusterissuers") for verb in READ),
    *((verb, "certificates.cert-manager.io") for verb in (*READ, "create", "patch", "delete")),
    *((verb, "certificaterequests.cert-manager.io") for verb in (*READ, "create", "delete")),
    *((verb, "orders.acme.cert-manager.io") for verb in (*READ, "create", "delete")),
    *((verb, "challenges.acme.cert-manager.io") for verb in (*READ, "create", "patch", "delete")),
    *(
        ("update", f"{kind}/status.cert-manager.io")
        for kind in ("issuers", "clusterissuers", "certificates", "certificaterequests")
    ),
    *(("update", f"{kind}/status.acme.cert-manager.io") for kind in ("orders", "challenges")),
    ("update", "certificates/finalizers.cert-manager.io"),
    ("update", "orders/finalizers.acme.cert-manager.io"),
    ("update", "ingresses/finalizers.networking.k8s.io"),
    *((verb, "ingresses.networking.k8s.io") for verb in (*READ, "create", "patch")),
    *((verb, "services") for verb in (*FOLLOW, "create", "patch")),
    *((verb, "endpointslices.discovery.k8s.io") for verb in (*FOLLOW, "create", "patch", "delete")),
    *((verb, "ingressclasses.networking.k8s.io") for verb in FOLLOW),
    *((verb, "httproutes.gateway.networking.k8s.io") for verb in (*FOLLOW, "create", "patch")),
    *((verb, "secrets") for verb in (*READ, "create", "patch", "delete")),
    ("create", "events"),
    ("patch", "events"),
    # What asks for the bundle of a CA.
    *((verb, kind) for kind in (VALIDATING, MUTATING, CRDS, "apiservices.apiregistration.k8s.io") for verb in INJECTED),
]
SHIM_MAY_NOT = [
    *(
        (verb, f"{kind}.cert-manager.io")
        for kind in ("issuers", "clusterissuers")
        for verb in ("create", "update", "patch", "delete")
    ),
    ("update", "certificates.cert-manager.io"),
    *(("patch", f"{kind}.acme.cert-manager.io") for kind in ("orders", "orders/status", "challenges/status")),
    *((verb, "secrets") for verb in ("update", "deletecollection")),
    *(("delete", kind) for kind in ("services", "ingresses.networking.k8s.io", "httproutes.gateway.networking.k8s.io")),
    ("create", "pods"),
    ("create", "serviceaccounts/token"),
    ("get", "configmaps"),
    ("update", "leases.coordination.k8s.io"),
    *((verb, MUTATING) for verb in ("create", "update", "delete")),
    ("patch", "clusterroles.rbac.authorization.k8s.io"),
]
WEBHOOK_MAY = [
    *((verb, f"{kind}.cert-manager.io") for kind in ("issuers", "clusterissuers", "certificates") for verb in FOLLOW),
    *((verb, "ingresses.networking.k8s.io") for verb in FOLLOW),
    # Metadata alone is what is asked for.
    *((verb, kind) for kind in ("secrets", "namespaces") for verb in ("list", "watch")),
    ("create", "subjectaccessreviews.authorization.k8s.io"),
]
WEBHOOK_MAY_NOT = [
    ("get", "secrets"),
    ("create", "secrets"),
    ("create", "configmaps"),
    ("patch", "secrets"),
    ("patch", "namespaces"),
    ("list", "configmaps"),
    ("list", "pods"),
    ("patch", "certificates.cert-manager.io"),
    ("patch", "certificaterequests/status.cert-manager.io"),
    ("patch", "ingresses.networking.k8s.io"),
    ("list", VALIDATING),
]


@pytest.mark.parametrize(
    ("user", "expected", "actions"),
    [
        (SHIM, True, SHIM_MAY),
        (SHIM, False, SHIM_MAY_NOT),
        (WEBHOOK, True, WEBHOOK_MAY),
        (WEBHOOK, False, WEBHOOK_MAY_NOT),
    ],
    ids=["shim-may", "shim-may-not", "webhook-may", "webhook-may-not"],
)
def test_rights_in_any_namespace(
    installed: Cluster,
    user: str,
    expected: bool,  # noqa: FBT001 - a column of the table
    actions: list[tuple[str, str]],
) -> None:
    """Each process may do what it does, and nothing that it does not."""
    assert [action for action in actions if may(installed, user, *action) is not expected] == []


def test_old_kinds_take_a_manifest_of_their_own(installed: Cluster, product: Product) -> None:
    """With it the shim may read them and make their twins, and deletes neither; it goes again without a trace."""
    legacy = [f"{kind}.certmanager.k8s.io" for kind in ("issuers", "clusterissuers", "certificates")]
    twins = [f"{kind}.cert-manager.io" for kind in ("issuers", "clusterissuers")]
    given = [
        *((verb, kind) for kind in legacy for verb in FOLLOW),
        *(("update", kind.replace(".", "/status.", 1)) for kind in legacy),
        *((verb, kind) for kind in twins for verb in ("create", "patch")),
    ]
    writes = ("create", "update", "patch", "delete")
    never = [*((verb, kind) for kind in legacy for verb in writes), *(("delete", kind) for kind in twins)]
    before = [action for action in given if may(installed, SHIM, *action)]
    product.install_legacy()
    try:
        wait_until_all_is_given(installed, given)
        assert [action for action in never if may(installed, SHIM, *action)] == []
    finally:
        product.uninstall_legacy()

    assert before == []


def test_pods_for_http01_take_a_manifest_of_their_own(installed: Cluster) -> None:
    """With it the shim may make and delete them, and change none; it goes again without a trace."""
    path = str(SOLVER_PODS)
    gone = ("services", "ingresses.networking.k8s.io", "httproutes.gateway.networking.k8s.io")
    given = [*((verb, "pods") for verb in (*READ, "create", "delete")), *(("delete", kind) for kind in gone)]
    never = [*((verb, "pods") for verb in ("update", "patch", "deletecollection")), ("create", "pods/exec")]
    before = [action for action in given if may(installed, SHIM, *action)]
    installed.kubectl("apply", "--server-side", "-f", path)
    try:
        wait_until_all_is_given(installed, given)
        assert [action for action in never if may(installed, SHIM, *action)] == []
    finally:
        installed.kubectl("delete", "-f", path)

    assert before == []


@pytest.mark.parametrize(
    ("user", "verb", "what", "namespace", "name", "expected"),
    [
        (SHIM, "patch", "leases.coordination.k8s.io", "cert-manager", "cert-manager-controller", False),
        (SHIM, "patch", "leases.coordination.k8s.io", "kube-system", "cert-manager-controller", True),
        (SHIM, "patch", "leases.coordination.k8s.io", "kube-system", "kube-scheduler", False),
        (SHIM, "create", "leases.coordination.k8s.io", "kube-system", "", True),
        (SHIM, "approve", "signers.cert-manager.io", "", "issuers.cert-manager.io/*", True),
        (SHIM, "approve", "signers.cert-manager.io", "", "clusterissuers.cert-manager.io/*", True),
        (SHIM, "approve", "signers.cert-manager.io", "", "foreign.example.com/*", False),
        (WEBHOOK, "patch", "secrets", "cert-manager", "certshim-webhook-ca", True),
        (WEBHOOK, "get", "secrets", "cert-manager", "certshim-webhook-ca", True),
        (WEBHOOK, "delete", "secrets", "cert-manager", "certshim-webhook-ca", False),
        (WEBHOOK, "create", "configmaps", "cert-manager", "", True),
        (WEBHOOK, "get", "configmaps", "cert-manager", "", False),
        (WEBHOOK, "create", "secrets", "cert-manager", "", True),
        (WEBHOOK, "get", "secrets", "cert-manager", "letsencrypt-account", False),
        (WEBHOOK, "patch", MUTATING, "", "certshim-webhook", True),
        (WEBHOOK, "patch", MUTATING, "", "cert-manager-webhook", True),
        (WEBHOOK, "get", VALIDATING, "", "certshim-webhook", True),
        (WEBHOOK, "patch", VALIDATING, "", "cert-manager-webhook", True),
        (WEBHOOK, "delete", VALIDATING, "", "certshim-webhook", False),
        (WEBHOOK, "delete", VALIDATING, "", "cert-manager-webhook", False),
        (WEBHOOK, "patch", VALIDATING, "", "somebody-else", False),
    ],
)
def test_rights_by_name(  # the columns of the table
    installed: Cluster,
    user: str,
    verb: str,
    what: str,
    namespace: str,
    name: str,
    expected: bool,  # noqa: FBT001
) -> None:
    """Rights to single objects are to those objects alone."""
    assert may(installed, user, verb, what, namespace, name) is expected


@pytest.mark.parametrize(
    ("role", "group", "resource", "verb"),
    [
        ("view", "cert-manager.io", "certificates", "list"),
        ("view", "acme.cert-manager.io", "challenges", "watch"),
        ("edit", "cert-manager.io", "certificates", "create"),
        ("edit", "cert-manager.io", "certificates/status", "update"),
        ("admin", "cert-manager.io", "issuers", "delete"),
        ("admin", "acme.cert-manager.io", "orders", "delete"),
    ],
)
def test_people_get_rights_through_the_usual_roles(
    installed: Cluster, role: str, group: str, resource: str, verb: str
) -> None:
    """Kubernetes' own roles take in ours, so that who may edit a namespace may edit its certificates."""
    eventually(lambda: granted(installed, role, group, resource, verb), "the roles are aggregated", 30)


def granted(cluster: Cluster, role: str, group: str, resource: str, verb: str) -> bool:
    """Does the ClusterRole grant this?"""
    rules = cluster.api.get(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}")["rules"]
    return any(
        group in rule.get("apiGroups", ()) and resource in rule.get("resources", ()) and verb in rule["verbs"]
        for rule in rules
    )


def test_nobody_is_given_the_creation_of_challenges(installed: Cluster) -> None:
    """A hand-made Challenge would use an issuer's DNS credentials for any name."""
    kinds = ("challenges", "orders")
    assert not any(granted(installed, "cert-manager-edit", "acme.cert-manager.io", kind, "create") for kind in kinds)
