"""With the admission plugin OwnerReferencesPermissionEnforcement, as OpenShift has it switched on.

Whoever writes an owner reference with `blockOwnerDeletion` must be allowed to update the finalizers of the owner.  The
API server asks its authorizer about that within the request, so no audit log shows it: it is seen by what is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from tests.cluster import Cluster, KubectlFailed
from tests.manifests import LEGACY, installed, objects
from tests.product import NAMESPACE, Product
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

SHIM: Final = f"system:serviceaccount:{NAMESPACE}:certshim-shim"
# The API server learns of new kinds every half minute: "cannot find RESTMapping" until then.
LEARNED: Final = 60.0
OWNERS: Final = (
    ("cert-manager.io/v1", "Certificate"),
    ("cert-manager.io/v1", "CertificateRequest"),
    ("acme.cert-manager.io/v1", "Order"),
    ("acme.cert-manager.io/v1", "Challenge"),
    ("networking.k8s.io/v1", "Ingress"),
    ("certmanager.k8s.io/v1alpha1", "Certificate"),
    ("certmanager.k8s.io/v1alpha1", "Issuer"),
    ("certmanager.k8s.io/v1alpha1", "ClusterIssuer"),
)


@pytest.fixture(scope="module")
def ground() -> Iterator[tuple[Cluster, Product]]:
    """The product on a control plane of its own, with the plugin."""
    with Cluster(admission=["OwnerReferencesPermissionEnforcement"]) as cluster:
        product = Product(cluster)
        product.install()
        product.install_legacy()
        yield cluster, product


def owned(version: str, kind: str) -> dict[str, Any]:
    """Return a Secret that such an object owns."""
    owner = {"apiVersion": version, "kind": kind, "name": "x", "uid": "9d3a", "blockOwnerDeletion": True}
    name = f"{version.partition('.')[0]}-{kind.lower()}"
    metadata = {"name": name, "namespace": "default", "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}


def refusals(cluster: Cluster) -> list[str]:
    """Return why the shim may not write such a reference: a line for each owner of which it may not."""
    asked = yaml.safe_dump_all(owned(*owner) for owner in OWNERS)
    try:
        cluster.kubectl("create", "--dry-run=server", "-f", "-", f"--as={SHIM}", stdin=asked)
    except KubectlFailed as error:
        return [line for line in error.stderr.splitlines() if "forbidden" in line.lower()]
    return []


def test_everything_is_issued_from_the_first_minute_on(ground: tuple[Cluster, Product]) -> None:
    """Though the API server may not know our kinds yet, and refuse: that passes without anybody's help."""
    cluster, product = ground
    shop = Shop(product, cluster, "default")
    shim = product.start_shim("--leader-elect=false", "--log-level=debug")
    try:
        shop.ingress("web", shop.host(), annotations={"cert-manager.io/issuer": shop.issuer()})
        shop.issued("web-tls", seconds=2 * LEARNED)
    finally:
        shim.stop()

    for kind in ("Certificate", "CertificateRequest", "Order"):
        (made,) = shop.all(kind)
        (owner,) = made["metadata"]["ownerReferences"]
        assert owner["blockOwnerDeletion"] is True


def test_a_reference_to_each_owner_takes_the_right_that_the_manifests_give(ground: tuple[Cluster, Product]) -> None:
    """With the roles as they are all may be written, and without the rights to finalizers none."""
    cluster, _ = ground
    apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    roles = [one for one in (*installed(), *objects(LEGACY.read_text())) if one["kind"] == "ClusterRole"]
    less = [
        {**role, "rules": [rule for rule in role["rules"] if not rule["resources"][0].endswith("/finalizers")]}
        for role in roles
    ]
    eventually(lambda: not refusals(cluster), "all may be written", LEARNED)
    try:
        cluster.kubectl(*apply, stdin=yaml.safe_dump_all(less))

        eventually(lambda: len(refusals(cluster)) == len(OWNERS), "none may be written")
        assert all("can't set finalizers on" in line for line in refusals(cluster))
    finally:
        cluster.kubectl(*apply, stdin=yaml.safe_dump_all(roles))
