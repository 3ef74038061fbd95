"""What a public CA asks of a certificate beside its names: the key, how long it lives, which kinds of names it has.

Asked alike of Certificates and of what is made from an Ingress.  Only what the CA has published counts
(`certs.publicca`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from certs.api.certificate import CertificateSpec
from certs.durations import Duration, parse_duration
from certs.hosts import is_ip_address
from certs.publicca import MAX_HOURS, Profile, PublicCA
from certs.rules.nearest import nearest

DEFAULT_ALGORITHM: Final = "RSA"
DEFAULT_BITS: Final = {"RSA": 2048, "ECDSA": 256}


class Breach(NamedTuple):
    """A field of the spec whose value the CA does not go along with: why, and what to write instead."""

    field: str
    value: object
    detail: str
    remedy: str


def refused(spec: CertificateSpec, ca: PublicCA) -> Iterator[Breach]:
    """Yield what the CA takes in no certificate."""
    key = spec.private_key
    if key is not None:
        algorithm = key.algorithm or DEFAULT_ALGORITHM
        bits = key.size or DEFAULT_BITS.get(algorithm, 0)
        refusal = ca.key_refusal(algorithm, bits)
        if refusal is not None:
            field, value = ("size", bits) if algorithm in DEFAULT_BITS else ("algorithm", algorithm)
            yield Breach(f"privateKey.{field}", value, *refusal)
    if not ca.runs_boulder:
        return
    for field, names in (("emailAddresses", spec.email_addresses), ("uris", spec.uris)):
        if names:
            detail = f"{ca.name} refuses a request with any"
            yield Breach(field, names[0], detail, "remove them, or use an issuer of your own CA")
    if spec.common_name and is_ip_address(spec.common_name):
        yield Breach("commonName", spec.common_name, f"{ca.name} refuses an address as common name", "remove it")


def unmet(spec: CertificateSpec, ca: PublicCA, profile: Profile | None) -> Iterator[Breach]:
    """Yield wishes about the lifetime that the CA cannot meet."""
    hours = profile.hours if profile is not None else MAX_HOURS
    longest = parse_duration(f"{hours}h")
    duration, before = _read(spec.duration), _read(spec.renew_before)
    if duration is not None and duration > longest:
        detail = f"{ca.name} issues for {hours}h at most"
        yield Breach("duration", spec.duration, detail, f"write {hours}h or less, or remove it")
    if before is not None and before >= longest:
        detail = f"{ca.name} issues for {hours}h at most, so this is ignored"
        yield Breach("renewBefore", spec.renew_before, detail, f"write {hours // 3}h, or remove it")


def misnamed_profile(profile: str, ca: PublicCA) -> tuple[str, str] | None:
    """Return that a profile is nearly one of the CA's, and what to write; one that is quite unlike may be new."""
    if not profile or profile in ca.profiles:
        return None
    meant = nearest(profile, filter(None, ca.profiles))
    return (f"is no profile of {ca.name}", f"did you mean {meant}?") if meant is not None else None


def _read(text: str | None) -> Duration | None:
    """Return the duration; None when there is none, or the API refuses it anyway."""
    try:
        return parse_duration(text) if text is not None else None
    except ValueError:
        return None
