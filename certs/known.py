"""Facts from objects at hand: what `check` knows from files, and a test from its case.

Everything is indexed once, in the order in which the objects were given; so the first of two that claim
the same is the one that comes first in the files.  Routes that only answer challenges claim nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from certs.api.certificate import Certificate
from certs.api.core import Namespace, Secret
from certs.api.ingress import Ingress
from certs.api.issuer import AnyIssuer, ClusterIssuer, Issuer
from certs.api.meta import IssuerReference, KubeObject
from certs.completion import complete
from certs.facts import OTHER_SECRET, TLS_SECRET, Claim
from certs.hosts import canonical_host
from certs.wanted import Settings, is_wanted

ADMISSION: Final = "certshim.io/admission"
SOLVER_LABEL: Final = "acme.cert-manager.io/http01-solver"  # on the routes of challenges, ours and the incumbent's

Key = tuple[str, str]  # namespace and name


class FactsOf:
    """The facts that a set of objects amounts to.

    `synced` says whether what is not among them does not exist; if not, rules that need facts are skipped.
    """

    def __init__(self, objects: Iterable[KubeObject], settings: Settings | None = None, *, synced: bool = True) -> None:
        self._settings = settings or Settings()
        self._synced = synced
        self._issuers: dict[tuple[str, str, str], AnyIssuer] = {}
        self._certificates: dict[Key, Certificate] = {}
        self._certificates_of_secret: defaultdict[Key, list[Certificate]] = defaultdict(list)
        self._ingresses_of_secret: defaultdict[Key, list[Claim]] = defaultdict(list)
        self._ingresses_of_host: defaultdict[str, list[Claim]] = defaultdict(list)
        self._secrets: dict[Key, str] = {}
        self._admission: dict[str, str] = {}
        for obj in objects:
            self._take(obj)

    def _take(self, obj: KubeObject) -> None:
        key = (obj.metadata.namespace, obj.metadata.name)
        match obj:
            case Issuer():
                self._issuers["Issuer", *key] = obj
            case ClusterIssuer():
                self._issuers["ClusterIssuer", "", obj.metadata.name] = obj
            case Certificate():
                self._certificates[key] = obj
                self._certificates_of_secret[key[0], obj.spec.secret_name].append(obj)
            case Ingress() if SOLVER_LABEL not in obj.metadata.labels:
                self._take_ingress(obj)
            case Secret():
                self._secrets[key] = TLS_SECRET if obj.type == TLS_SECRET else OTHER_SECRET
            case Namespace():
                self._admission[obj.metadata.name] = obj.metadata.annotations.get(ADMISSION, "")
            case _:
                pass

    def _take_ingress(self, ingress: Ingress) -> None:
        metadata = ingress.metadata
        claim = Claim("Ingress", metadata.namespace, metadata.name, metadata.uid, is_wanted(ingress, self._settings))
        completed = complete(ingress, self._settings).ingress
        for secret in secrets_of(completed):
            self._ingresses_of_secret[metadata.namespace, secret].append(claim)
        for host in hosts_of(completed):
            self._ingresses_of_host[host].append(claim)

    @property
    def synced(self) -> bool:
        """Are the objects all that there is?"""
        return self._synced

    def issuer(self, namespace: str, ref: IssuerReference) -> AnyIssuer | None:
        """Return the issuer that an object of the namespace means, or None."""
        if ref.effective_group != Issuer.resource.group:
            return None
        kind = ref.effective_kind
        return self._issuers.get((kind, "" if kind == ClusterIssuer.resource.kind else namespace, ref.name))

    def issuer_names(self, namespace: str, kind: str) -> Collection[str]:
        """Return the names of the Issuers of the namespace, or of all ClusterIssuers."""
        scope = "" if kind == ClusterIssuer.resource.kind else namespace
        return tuple(name for of_kind, where, name in self._issuers if (of_kind, where) == (kind, scope))

    def certificate(self, namespace: str, name: str) -> Certificate | None:
        """Return the Certificate of that name."""
        return self._certificates.get((namespace, name))

    def certificates_of_secret(self, namespace: str, secret: str) -> Sequence[Certificate]:
        """Return the Certificates that write that Secret."""
        return self._certificates_of_secret.get((namespace, secret), ())

    def ingresses_of_secret(self, namespace: str, secret: str) -> Sequence[Claim]:
        """Return the Ingresses that name that Secret in spec.tls, annotated or not."""
        return self._ingresses_of_secret.get((namespace, secret), ())

    def ingresses_of_host(self, host: str) -> Sequence[Claim]:
        """Return the Ingresses of all namespaces with that host in a rule or in spec.tls."""
        return self._ingresses_of_host.get(host, ())

    def secret_type(self, namespace: str, name: str) -> str | None:
        """Return `kubernetes.io/tls`, or `other`, or None when there is no such Secret."""
        return self._secrets.get((namespace, name))

    def admission_of(self, namespace: str) -> str:
        """Return the namespace's annotation `certshim.io/admission`; empty when it has none."""
        return self._admission.get(namespace, "")


def secrets_of(ingress: Ingress) -> tuple[str, ...]:
    """Return the Secrets that the entries of `spec.tls` name, each once."""
    return tuple(dict.fromkeys(entry.secret_name for entry in ingress.spec.tls if entry.secret_name))


def hosts_of(ingress: Ingress) -> tuple[str, ...]:
    """Return the hosts of rules and `spec.tls` in their canonical form, each once; what has none as it stands there."""
    return tuple(dict.fromkeys(_canonical(host) for host in _hosts(ingress) if host))


def _hosts(ingress: Ingress) -> Iterator[str]:
    for rule in ingress.spec.rules:
        yield rule.host
    for entry in ingress.spec.tls:
        yield from entry.hosts


def _canonical(host: str) -> str:
    try:
        return canonical_host(host)
    except ValueError:
        return host
