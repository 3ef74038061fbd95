"""What cert-manager before v0.11 wrote beside what is written today, for what still looks for it (--legacy-output).

Secrets get the label by which they were found, and the annotations under their old keys.  Of the events of then, those
are told that have another reason or text today, from the source `cert-manager`, as all were.  A Certificate told about
its Order; today a CertificateRequest stands between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final, NamedTuple

from certs.decide.certificatestatus import ISSUED
from certs.decide.effects import Tell
from certs.legacy.words import CERTIFICATE_NAME, LEGACY_GROUP

COMPONENT: Final = "cert-manager"
MAX_LABEL: Final = 63  # characters of a label's value; a Certificate's name may have more, and goes without then
PREFIX: Final = "cert-manager.io/"
KEPT: Final = ("alt-names", "common-name", "ip-sans", "issuer-kind", "issuer-name")


def old_labels(certificate: str) -> dict[str, str]:
    """Return the label that named the Certificate."""
    return {CERTIFICATE_NAME: certificate} if len(certificate) <= MAX_LABEL else {}


def old_annotations(told: Mapping[str, str]) -> dict[str, str]:
    """Return what today's annotations say under the keys that there were then."""
    pairs = ((name, told.get(f"{PREFIX}{name}")) for name in KEPT)
    return {f"{LEGACY_GROUP}/{name}": value for name, value in pairs if value is not None}


class About(Enum):
    """Whose event it was."""

    ITSELF = auto()
    CERTIFICATE = auto()  # that of the Order or CertificateRequest


class OldEvent(NamedTuple):
    """An event of then."""

    about: About
    tell: Tell


def old_events(kind: str, name: str, tell: Tell) -> tuple[OldEvent, ...]:
    """Return what was told then when that is told today of an object of that kind and name."""
    made = _THEN.get((kind, tell.reason))
    return made(name, tell.message) if made is not None and tell.type == "Normal" else ()


def _itself(reason: str, message: str) -> OldEvent:
    return OldEvent(About.ITSELF, Tell(reason, message))


def _certificate(reason: str, message: str) -> OldEvent:
    return OldEvent(About.CERTIFICATE, Tell(reason, message))


def _issued(_name: str, message: str) -> tuple[OldEvent, ...]:
    return (_itself("CertIssued", "Certificate issued successfully"),) if message == ISSUED else ()


def _created(_name: str, message: str) -> tuple[OldEvent, ...]:
    order = message.rpartition("/")[2]  # Created Order resource NAMESPACE/NAME
    return (_certificate("OrderCreated", f'Created Order resource "{order}"'),)


def _complete(name: str, _message: str) -> tuple[OldEvent, ...]:
    return (
        _itself("OrderValid", "Order completed successfully"),
        _certificate("OrderComplete", f'Order "{name}" completed successfully'),
    )


_THEN: Final[Mapping[tuple[str, str], Callable[[str, str], tuple[OldEvent, ...]]]] = {
    ("Certificate", "Generated"): lambda _name, _message: (_itself("Generated", "Generated new private key"),),
    ("Certificate", "Issuing"): _issued,
    ("CertificateRequest", "OrderCreated"): _created,
    ("Order", "Complete"): _complete,
}
