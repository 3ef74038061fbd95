"""Ten thousand certificates as data, and a source of them that needs no cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from certs.api.certificate import Certificate, CertificateSpec, CertificateStatus
from certs.api.issuer import ClusterIssuer, IssuerSpec, IssuerStatus, SelfSignedIssuer
from certs.api.meta import Condition, ConditionStatus, IssuerReference, ObjectMeta, OwnerReference
from shim.chain.links import Chain
from shim.ui.model import IssuerRow, chain_of, rows
from shim.ui.source import Snapshot

NOW: Final = datetime.now(UTC).replace(microsecond=0)
DAY: Final = timedelta(days=1)
TEAMS: Final = ("payments", "cards", "loans", "treasury", "mobile", "branch", "fraud", "ledger", "onboarding", "tools")
SENTENCE: Final = (
    'Challenge web-tls-1 for "{host}": the CA could not reach http://{host}/.well-known/acme-challenge/…: connection '
    "refused; open port 80 of the address that the name has (next attempt at 14:20:05 UTC)"
)

ISSUER: Final = ClusterIssuer(
    metadata=ObjectMeta(name="letsencrypt"),
    spec=IssuerSpec(self_signed=SelfSignedIssuer()),
    status=IssuerStatus(conditions=(Condition("Ready", ConditionStatus.TRUE, message="well"),)),
)


def certificate(name: str, namespace: str = "web", **given: Any) -> Certificate:
    """Return one that is ready, unless something else is given."""
    conditions = given.pop("conditions", (Condition("Ready", ConditionStatus.TRUE, reason="Ready", message="well"),))
    status = {"not_before": NOW - 30 * DAY, "not_after": NOW + 60 * DAY, "renewal_time": NOW + 30 * DAY} | given
    host = status.pop("host", f"{name}.example.com")
    return Certificate(
        metadata=ObjectMeta(
            name=name,
            namespace=namespace,
            uid=f"{namespace}/{name}",
            owner_references=(
                OwnerReference(api_version="networking.k8s.io/v1", kind="Ingress", name=name, uid="u", controller=True),
            ),
        ),
        spec=CertificateSpec(
            secret_name=name, dns_names=(host,), issuer_ref=IssuerReference(name="letsencrypt", kind="ClusterIssuer")
        ),
        status=CertificateStatus(conditions=conditions, **status),
    )


def failing(name: str, namespace: str = "web", sentence: str = SENTENCE, **given: Any) -> Certificate:
    """Return one whose last attempt has failed, and that was never issued."""
    host = str(given.get("host", f"{name}.example.com"))
    conditions = (
        Condition("Ready", ConditionStatus.FALSE, reason="DoesNotExist", message="no Secret"),
        Condition("Issuing", ConditionStatus.FALSE, reason="Failed", message=sentence.replace("{host}", host)),
    )
    usual: dict[str, Any] = {"not_before": None, "not_after": None, "renewal_time": None}
    return certificate(name, namespace, conditions=conditions, last_failure_time=NOW, **(usual | given))


def waiting(name: str, namespace: str = "web") -> Certificate:
    """Return one that is being issued."""
    conditions = (
        Condition("Ready", ConditionStatus.FALSE, reason="DoesNotExist", message="no Secret"),
        Condition("Issuing", ConditionStatus.TRUE, reason="DoesNotExist", message="Waiting for the CA to look"),
    )
    nothing: dict[str, Any] = {"not_before": None, "not_after": None, "renewal_time": None}
    return certificate(name, namespace, conditions=conditions, **nothing)


def many(count: int) -> list[Certificate]:
    """Return so many, of all states."""
    found = []
    for number in range(count):
        name, namespace = f"site-{number:05}", TEAMS[number % len(TEAMS)]
        if number % 997 == 3:
            found.append(failing(name, namespace))
        elif number % 1201 == 5:
            late = {"not_after": NOW + 4 * DAY, "renewal_time": NOW - 26 * DAY}
            found.append(certificate(name, namespace, **late))
        elif number % 811 == 7:
            found.append(waiting(name, namespace))
        else:
            left = timedelta(days=31 + (number * 7919) % 59, hours=number % 24)
            found.append(certificate(name, namespace, not_after=NOW + left, renewal_time=NOW + left - 30 * DAY))
    return found


def chain(certificate: Certificate, **links: Any) -> Chain:
    """Return its chain, in which the issuer is well, and there is nothing else unless it is given."""
    return Chain(certificate, issuer=ISSUER, **links)


@dataclass
class Fixed:
    """What the page asks, without a cluster."""

    certificates: Sequence[Certificate]
    obstacle: str = ""
    version: int = 1
    issuers: list[IssuerRow] = field(
        default_factory=lambda: [IssuerRow("ClusterIssuer", "", "letsencrypt", "acme", ready=True, sentence="well")]
    )

    def snapshot(self) -> Snapshot:
        return Snapshot(self.version, NOW, rows(map(chain, self.certificates), NOW), self.issuers)

    def chain(self, namespace: str, name: str) -> dict[str, Any]:
        wanted = (namespace, name)
        found = next(one for one in self.certificates if (one.metadata.namespace, one.metadata.name) == wanted)
        return chain_of(chain(found), NOW)
