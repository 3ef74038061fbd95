"""What the webhook keeps of objects it holds by the ten thousand: names, claims, and little else.

Whole Ingresses would be some 3 KB each, most of it paths, backends and the copy that kubectl leaves in
an annotation.  Decoding drops what no rule asks for, so it is never held, not even for a moment per list.
"""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import ClassVar, Final

import msgspec

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.core import Secret
from certs.api.ingress import Ingress, IngressTLS
from certs.api.meta import APIStruct, ObjectMeta, Resource
from certs.hosts import canonical_host
from certs.known import SOLVER_LABEL

LONGEST_KEPT: Final = 253  # characters of an annotation: names and booleans trigger, nothing longer does
_NOTHING: Final[dict[str, str]] = {}


@lru_cache(maxsize=1024)
def _shared(items: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return one and the same mapping for the same items: an application's Ingresses are annotated alike."""
    return dict(items)


class BriefMeta(ObjectMeta, frozen=True):
    """Metadata with short annotations only, and without labels."""

    def __post_init__(self) -> None:
        """Let go of what is not asked for; empty mappings are all the same one."""
        kept = tuple(item for item in self.annotations.items() if len(item[1]) <= LONGEST_KEPT)
        msgspec.structs.force_setattr(self, "annotations", _shared(kept))
        msgspec.structs.force_setattr(self, "namespace", intern(self.namespace))
        msgspec.structs.force_setattr(self, "labels", _NOTHING)
        msgspec.structs.force_setattr(self, "creation_timestamp", None)


class NameOnly(ObjectMeta, frozen=True):
    """Metadata of which only the name, the uid and the version are kept."""

    def __post_init__(self) -> None:
        """Let go of the rest."""
        msgspec.structs.force_setattr(self, "namespace", intern(self.namespace))
        for name in ("labels", "annotations"):
            msgspec.structs.force_setattr(self, name, _NOTHING)
        for name in ("owner_references", "finalizers"):
            msgspec.structs.force_setattr(self, name, ())
        msgspec.structs.force_setattr(self, "creation_timestamp", None)


class _Rule(APIStruct, frozen=True):
    host: str = ""


class _Spec(APIStruct, frozen=True):
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[_Rule, ...] = ()


_NO_SPEC: Final = _Spec()
_NO_STATUS: Final = CertificateStatus()


class IngressClaims(APIStruct, frozen=True):
    """The hosts and Secrets that an Ingress lays claim to; routes that only answer challenges claim nothing."""

    resource: ClassVar[Resource] = Ingress.resource

    metadata: ObjectMeta
    spec: _Spec = _NO_SPEC
    hosts: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Draw the claims from the spec, and let go of it."""
        if SOLVER_LABEL not in self.metadata.labels:
            hosts = [rule.host for rule in self.spec.rules] + [host for entry in self.spec.tls for host in entry.hosts]
            secrets = (entry.secret_name for entry in self.spec.tls)
            msgspec.structs.force_setattr(self, "hosts", tuple(dict.fromkeys(map(_canonical, filter(None, hosts)))))
            msgspec.structs.force_setattr(self, "secrets", tuple(dict.fromkeys(filter(None, secrets))))
        msgspec.structs.force_setattr(self, "spec", _NO_SPEC)
        msgspec.structs.force_setattr(self, "metadata", msgspec.convert(self.metadata, BriefMeta, from_attributes=True))


def _canonical(host: str) -> str:
    try:
        return canonical_host(host)
    except ValueError:
        return host


class KnownCertificate(Certificate, frozen=True):
    """A Certificate without status, and with short annotations only."""

    metadata: BriefMeta

    def __post_init__(self) -> None:
        """Let go of the status."""
        msgspec.structs.force_setattr(self, "status", _NO_STATUS)


class TLSSecretName(APIStruct, frozen=True):
    """The name of a Secret of the type `kubernetes.io/tls`."""

    resource: ClassVar[Resource] = Secret.resource

    metadata: NameOnly


class OtherSecretName(APIStruct, frozen=True):
    """The name of a Secret of any other type."""

    resource: ClassVar[Resource] = Secret.resource

    metadata: NameOnly
