"""What is looked at of a Certificate, and what may be done about it: the values between observe, decide and act."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Final

from certs.api.certificate import Certificate, CertificateStatus
from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret
from certs.decide.ari import Asked
from certs.decide.backoff import BackoffLimits, Setback
from certs.decide.direction import redirected
from certs.decide.effects import Tell
from certs.decide.policies import REVISION, Subject
from certs.decide.precedence import LookAhead, Prospect
from certs.decide.repair import LookAgain, Watch
from certs.names import next_key_secret_name

NEXT_KEY: Final = "tls.key"
NEXT_KEY_LABEL: Final = "cert-manager.io/next-private-key"
# A revision is a signed 64-bit number.
MOST_DIGITS: Final = 18


class NewKey(Enum):
    """How it stands with a private key for the next issuance, should one be needed."""

    AT_HAND = auto()  # made already, or made in no time
    UNDER_WAY = auto()  # being made
    TO_BE_ORDERED = auto()  # takes its time, and nobody has begun


@dataclass(frozen=True, slots=True)
class Rewritten:
    """That the Secret was written as it should be between issuances: for which spec, when, and what became of it."""

    generation: int | None
    version: str  # the Secret's resourceVersion after the write
    at: datetime
    times: int = 1  # in a row, this one included


@dataclass(frozen=True, slots=True)
class ObservedCertificate:
    """A Certificate and everything that belongs to it."""

    certificate: Certificate
    secret: Secret | None = None
    next_key: Secret | None = None
    requests: tuple[CertificateRequest, ...] = ()
    rivals: tuple[Certificate, ...] = ()
    leftover_keys: tuple[Secret, ...] = ()  # next private keys of earlier issuances, left by a crash
    limits: BackoffLimits = field(default_factory=BackoffLimits)
    setback: Setback | None = None  # what the Order of the next revision's request has failed by
    watch: Watch | None = None  # what was seen of its names since
    rewritten: Rewritten | None = None
    owner_ref: bool = False  # the Secret shall go with its Certificate
    legacy_output: bool = False  # and carry what it carried before v0.11, too
    new_key: NewKey = NewKey.AT_HAND
    signs_at_once: bool = False  # the issuer is ready and signs in this process: the end of an issuance is a moment off
    auto_approve: bool = True  # requests are approved by us; otherwise somebody else has to
    by_acme: bool = False  # the issuer is an ACME CA
    issuer_changed: bool = False  # the issuer's spec is another than the one that the last attempt failed by
    heeds_ari: bool = False  # and its renewal information is to be asked for, and counts
    asked: Asked | None = None  # what this process remembers of having asked
    siblings: tuple[Secret, ...] = ()  # other Secrets that say they are of this Certificate
    same_ca: bool = False  # the certificate of the current revision is from the CA that would be asked now
    prospect: Prospect | None = None  # what is known of its names, if that decides on when it begins
    no_temporary: bool = False  # a temporary certificate of this spec was tried, and cannot be made

    @property
    def subject(self) -> Subject:
        """What the policies look at."""
        revision = self.certificate.status.revision
        return Subject(
            self.certificate,
            self.secret,
            self.request(revision) if revision else None,
            by_acme=self.by_acme,
            heeds_ari=self.heeds_ari,
        )

    @property
    def is_rewritten(self) -> bool:
        """Is the Secret as it stands our answer to this spec?  What is not right then does not get so by writing."""
        note, secret = self.rewritten, self.secret
        return (
            note is not None
            and secret is not None
            and note.version == secret.metadata.resource_version
            and note.generation == self.certificate.metadata.generation
        )

    @property
    def next_revision(self) -> int:
        """The number of the issuance under way, or of the next one."""
        return (self.certificate.status.revision or 0) + 1

    @property
    def next_request(self) -> CertificateRequest | None:
        """The request of the issuance under way."""
        return self.request(self.next_revision)

    @property
    def next_key_names(self) -> tuple[str, ...]:
        """Where the next private key may be: where the status says, and where this issuance puts it.

        Only a Secret that is marked as this Certificate's next private key counts as one: a status that
        names any other must not get that deleted.
        """
        named = self.certificate.status.next_private_key_secret_name
        return (*((named,) if named else ()), self.next_key_name)

    @property
    def next_key_name(self) -> str:
        """Name of the Secret in which this issuance puts its private key."""
        return next_key_secret_name(self.certificate.metadata, self.next_revision)

    @property
    def is_redirected(self) -> bool:
        """Do annotations direct the issuance under way, or the failed one, otherwise than its request says?"""
        request = self.next_request
        return self.by_acme and request is not None and bool(redirected(self.certificate, request))

    def request(self, revision: int) -> CertificateRequest | None:
        """Return the request of that revision, or None."""
        return next((request for request in self.requests if revision_of(request) == revision), None)


@dataclass(frozen=True, slots=True)
class OrderKey:
    """Have a private key made that takes its time; the Certificate is woken when it is there."""


@dataclass(frozen=True, slots=True)
class StoreNextKey:
    """Make a private key (or take the stored one, policy Never) and create its Secret.

    `quietly`: that one was made is no news where the certificate follows within the moment.
    """

    name: str
    quietly: bool = False


@dataclass(frozen=True, slots=True)
class DeleteNextKey:
    """Delete the next private key: used, or of no use."""

    name: str
    tell: tuple[Tell, ...] = ()


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """Create the CertificateRequest of that name and revision, for the next private key."""

    name: str
    revision: int
    tell: tuple[Tell, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """Delete a CertificateRequest that does not fit, or beyond the history limit."""

    name: str


@dataclass(frozen=True, slots=True)
class WriteTemporary:
    """Sign the request with a CA that nobody trusts, so that whoever serves the Secret can start."""

    request: CertificateRequest


@dataclass(frozen=True, slots=True)
class WriteSecret:
    """Write the next private key and the signed chain into the Secret."""

    request: CertificateRequest


@dataclass(frozen=True, slots=True)
class RewriteSecret:
    """Write the Secret's own key and chain again, with all that goes with them.

    `times`: how often it was written in a row just before.  `is_contested`: so often that somebody must be told.
    """

    reason: str
    message: str
    times: int = 0
    is_contested: bool = False


@dataclass(frozen=True, slots=True)
class ReuseSecret:
    """Write what the current revision's request brought into the Secret, with the key from the one named `source`."""

    request: CertificateRequest
    source: str
    tell: Tell


SecretStep = WriteTemporary | WriteSecret | RewriteSecret | ReuseSecret


@dataclass(frozen=True, slots=True)
class SetCertificateStatus:
    """Write the status and tell."""

    status: CertificateStatus
    tell: tuple[Tell, ...] = ()


@dataclass(frozen=True, slots=True)
class AskRenewalInfo:
    """Ask the CA when it suggests to renew the certificate of that identifier, and store what is new in its answer."""

    certificate_id: str


Step = (
    OrderKey
    | StoreNextKey
    | DeleteNextKey
    | CreateRequest
    | DeleteRequest
    | SecretStep
    | SetCertificateStatus
    | AskRenewalInfo
    | LookAgain
    | LookAhead
)


def revision_of(request: CertificateRequest) -> int:
    """Return the revision that a request is annotated with; 0 when there is none that can be read."""
    text = request.metadata.annotations.get(REVISION, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else 0
