"""Least privilege, from the audit log of the whole run: nothing asked that is not given, nothing given that is idle.

This runs last (`tests/system/conftest.py`).  A run of some tests cannot tell what is unused, and says so.
"""

from __future__ import annotations

from typing import Final

import pytest

from tests.cluster import Cluster
from tests.manifests import LEGACY, SOLVER_PODS, UI, installed, objects
from tests.product import Product
from tests.rights import Grant, Right, granted, not_granted, told, unused
from tests.system.thirdparty import GROUP

pytestmark = pytest.mark.system

OURS, ACME = "cert-manager.io", "acme.cert-manager.io"
SHIM: Final = "certshim-shim"
# What is asked for all the same, since an installation may give it.
ON_PURPOSE: Final = {Right("certshim-ui", "get", "secrets"): "the page says so where it may not look into a Secret"}

# Rights that no request in the log shows, or only one that comes by chance, and the path that needs them.
RARE: Final[dict[Right, str]] = {
    **{
        Right(SHIM, "update", f"{kind}/finalizers", group): "asked within a request: test_owner_permission.py shows it"
        for kind, group in (
            ("certificates", OURS),
            ("certificaterequests", OURS),
            ("orders", ACME),
            ("challenges", ACME),
            ("ingresses", "networking.k8s.io"),
        )
    },
    Right(SHIM, "approve", "signers", OURS): "asked by the webhook in a SubjectAccessReview",
    **{
        Right(SHIM, "get", kind, group): "created already by a predecessor, and not yet seen by the watch"
        for kind, group in (
            ("certificates", OURS),
            ("certificaterequests", OURS),
            ("orders", ACME),
            ("challenges", ACME),
        )
    },
    **{
        Right(SHIM, "get", kind, OURS): "an issuer whose account is changed at the CA is read anew before"
        for kind in ("issuers", "clusterissuers")
    },
    Right(SHIM, "get", "pods"): "the image of the shim's own pod, which there is not without a node",
    Right(SHIM, "delete", "httproutes", "gateway.networking.k8s.io"): "a pod and a Gateway answer HTTP-01 together",
    **{
        Right(SHIM, verb, "endpointslices", "discovery.k8s.io"): "the responder is reached by address: on real nodes"
        for verb in ("create", "patch")
    },
    Right(SHIM, "get", "ingresses", "networking.k8s.io"): "an Ingress that a path is put into has changed meanwhile",
    **{
        Right(SHIM, "update", f"{kind}/finalizers", "certmanager.k8s.io"): "likewise"
        for kind in ("certificates", "issuers", "clusterissuers")
    },
    Right(SHIM, "delete", "endpointslices", "discovery.k8s.io"): "the responder moves to the other family of addresses",
}


@pytest.fixture(scope="module")
def grants(product: Product) -> frozenset[Grant]:
    """Return what the manifests give, those of solver pods, of old manifests and of the page included."""
    del product  # it is installed
    return granted([*installed(), *(one for path in (SOLVER_PODS, LEGACY, UI) for one in objects(path.read_text()))])


def test_nothing_is_asked_that_the_manifests_do_not_give(cluster: Cluster, grants: frozenset[Grant]) -> None:
    """Whether a third party's solver may be asked, its user decides; a test has it refused first."""
    asked = not_granted(grants, cluster.audit())

    assert told(one for one in asked if one.right not in ON_PURPOSE and one.right.group != GROUP) == []


@pytest.mark.usefixtures("whole_run")
def test_nothing_is_given_that_is_not_used(cluster: Cluster, grants: frozenset[Grant]) -> None:
    idle = unused(grants, cluster.audit())

    assert told(grant for grant in idle if grant.right not in RARE) == []


def test_the_rare_paths_are_of_rights_that_are_given(grants: frozenset[Grant]) -> None:
    given = {grant.right for grant in grants}

    assert [right for right in RARE if right not in given] == []
