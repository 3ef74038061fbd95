"""What each process must be allowed to do, by the shipped roles' own words; tests hold it against the manifests."""

from __future__ import annotations

from typing import Final, NamedTuple

FOLLOW: Final = ("list", "watch")
READ: Final = ("get", *FOLLOW)
INJECTOR: Final = "the CA injector"
OURS, ACME, INGRESS = "cert-manager.io", "acme.cert-manager.io", "networking.k8s.io"


class Right(NamedTuple):
    """Verbs on a resource of a group, everywhere, or in the installation's namespace (`here`).

    For the shim that is the one where the Secrets of ClusterIssuers are.

    `serves` says what alone needs them, where an installation may leave that out.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    here: bool = False
    name: str = ""
    serves: str = ""


SHIM: Final = (
    *(Right(OURS, kind, READ) for kind in ("issuers", "clusterissuers")),
    Right(OURS, "certificates", (*READ, "create", "patch", "delete")),
    Right(OURS, "certificaterequests", (*READ, "create", "delete")),
    Right(ACME, "orders", (*READ, "create", "delete")),
    Right(ACME, "challenges", (*READ, "create", "patch", "delete")),
    *(
        Right(OURS, f"{kind}/status", ("update",))
        for kind in ("issuers", "clusterissuers", "certificates", "certificaterequests")
    ),
    *(Right(ACME, f"{kind}/status", ("update",)) for kind in ("orders", "challenges")),
    Right(INGRESS, "ingresses", (*READ, "create", "patch")),
    Right(INGRESS, "ingressclasses", FOLLOW),
    Right("", "services", (*FOLLOW, "create", "patch")),
    Right("discovery.k8s.io", "endpointslices", (*FOLLOW, "create", "patch", "delete")),
    Right("", "secrets", (*READ, "create", "patch", "delete")),
    Right("", "events", ("create", "patch")),
    Right("", "configmaps", ("get", "create", "patch"), here=True),
    *(
        Right("admissionregistration.k8s.io", kind, (*READ, "patch"), serves=INJECTOR)
        for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
    ),
    Right("apiextensions.k8s.io", "customresourcedefinitions", (*READ, "patch"), serves=INJECTOR),
    Right("apiregistration.k8s.io", "apiservices", (*READ, "patch"), serves=INJECTOR),
)
WEBHOOK: Final = (
    *(Right(OURS, kind, FOLLOW) for kind in ("issuers", "clusterissuers", "certificates")),
    Right(INGRESS, "ingresses", FOLLOW),
    Right("", "secrets", FOLLOW, serves="the checks about Secrets"),
    Right("", "namespaces", FOLLOW),
    Right("authorization.k8s.io", "subjectaccessreviews", ("create",)),
    Right("", "configmaps", ("create",), here=True),
    Right("", "secrets", ("create",), here=True),
    Right("", "secrets", ("get", "patch"), here=True, name="certshim-webhook-ca"),
)
