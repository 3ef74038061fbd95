"""One Certificate and all that belongs to it, said in words that can be compared: the states of the model.

A state is a tuple of words ("the second P-256 key", "the chain of revision 1 for that key").  Each word stands for one
real object, made once with real keys and signatures, so `decide` is asked about what it is asked about in life.
Two states are the same when their words are: numbers of keys and signatures are given anew as soon as
nothing refers to them, so that a walk through the states comes to an end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

import msgspec

from certs.annotations import TEMPORARY_CERTIFICATE
from certs.api.certificate import (
    AdditionalOutputFormat,
    Certificate,
    CertificateSpec,
    CertificateStatus,
    KeyAlgorithm,
    PrivateKey,
    RotationPolicy,
)
from certs.api.certificaterequest import CertificateRequest, CertificateRequestStatus
from certs.api.core import Secret, SecretMeta
from certs.api.ownership import Owned
from certs.decide.certificatesteps import NEXT_KEY_LABEL, NewKey, ObservedCertificate, Rewritten
from certs.decide.contents import BASE_LABELS
from certs.decide.policies import CERTIFICATE_NAME
from certs.pki.csr import build_csr
from certs.pki.keys import Key, encode_key
from certs.pki.keystore import COMBINED_PEM, KEY_DER, output_formats
from certs.pki.x509 import read_chain, secret_annotations
from shim.keys import generate_key
from tests.certs.decide import objects
from tests.certs.decide.objects import ECDSA, HOST, LIFETIME, secret, sign, told

CERTIFICATE: Final = "certificate"
MOVED: Final = "moved-tls"

# What somebody may ask for, by a word.
P384: Final = PrivateKey(algorithm=KeyAlgorithm.ECDSA, size=384)
PINNED: Final = PrivateKey(algorithm=KeyAlgorithm.ECDSA, rotation_policy=RotationPolicy.NEVER)
SPECS: Final[dict[str, CertificateSpec]] = {
    "one name": objects.spec(),
    "two names": objects.spec(dns_names=(HOST, "www.example.org")),
    "another algorithm": objects.spec(private_key=P384),
    "further formats": objects.spec(additional_output_formats=(AdditionalOutputFormat("CombinedPEM"),)),
    "pinned key": objects.spec(private_key=PINNED),
    "another place": objects.spec(secret_name=MOVED),
}
LATE: Final = LIFETIME + timedelta(days=1)


class KeyWord(NamedTuple):
    """A private key: its size, and which of those that are about."""

    size: int
    number: int


class CSRWord(NamedTuple):
    """A signing request for a key and names."""

    key: KeyWord
    names: tuple[str, ...]


class Chain(NamedTuple):
    """What an issuer made of a request; `how` it did is good, expired, another key, garbage, or temporary."""

    csr: CSRWord
    revision: int
    number: int
    at: datetime
    how: str = "good"


class CertificateWord(NamedTuple):
    """The Certificate: what is asked for, and how it stands."""

    spec: str
    temporary: bool = False
    status: CertificateStatus = CertificateStatus()


class PairWord(NamedTuple):
    """The Secret of the Certificate; `formats` are absent, ours, or theirs (another's, who keeps them there)."""

    key: KeyWord | None = None
    chain: Chain | None = None
    told: bool = False
    formats: str = ""


class NextKeyWord(NamedTuple):
    """The Secret of a next private key."""

    key: KeyWord


class RequestWord(NamedTuple):
    """A CertificateRequest; revision 0 when it does not say one."""

    revision: int
    csr: CSRWord
    created: datetime
    chain: Chain | None = None
    status: CertificateRequestStatus = CertificateRequestStatus()


Word = CertificateWord | PairWord | NextKeyWord | RequestWord
Objects = tuple[tuple[str, Word], ...]  # by name, sorted: what the API server holds, or what a store shows


class Lag(NamedTuple):
    """The one object that the store does not show as it is, and what it shows of it instead."""

    name: str
    old: Word | None


class Memory(NamedTuple):
    """What the process forgets when it dies."""

    mill: str = ""  # "", "384 under way", "384 at hand"
    rewritten: tuple[str, PairWord] | None = None  # the Secret that was our answer to that spec
    no_temporary: bool = False


class Issuer(NamedTuple):
    """Who is asked: an issuer that signs in this process, or one elsewhere."""

    in_process: bool
    is_ready: bool = True


class Budget(NamedTuple):
    """How much may still befall a path: doings of others and bad answers, steps of the clock."""

    troubles: int
    ticks: int


class State(NamedTuple):
    """Everything that decides what may happen next."""

    server: Objects
    now: datetime
    issuer: Issuer
    has_mill: bool
    memory: Memory = Memory()
    lag: Lag | None = None
    budget: Budget = Budget(0, 0)

    @property
    def view(self) -> Objects:
        """What the store shows."""
        return self.server if self.lag is None else put(self.server, self.lag.name, self.lag.old)


def get(objects_: Objects, name: str) -> Word | None:
    """Return the object of that name, or None."""
    return next((word for other, word in objects_ if other == name), None)


def put(objects_: Objects, name: str, word: Word | None) -> Objects:
    """Return the objects with that one in place; without it, if None."""
    rest = [item for item in objects_ if item[0] != name]
    return tuple(sorted([*rest, (name, word)], key=_name)) if word is not None else tuple(rest)


def _name(item: tuple[str, Word]) -> str:
    return item[0]


def certificate_of(objects_: Objects) -> CertificateWord:
    """Return the Certificate, which is always there."""
    word = get(objects_, CERTIFICATE)
    assert isinstance(word, CertificateWord)
    return word


def pair_of(objects_: Objects) -> PairWord | None:
    """Return the Secret that the Certificate asks for, or None."""
    word = get(objects_, place_of(objects_))
    assert word is None or isinstance(word, PairWord)
    return word


def place_of(objects_: Objects) -> str:
    """Return the name of the Secret that the Certificate asks for."""
    return SPECS[certificate_of(objects_).spec].secret_name


def pairs_of(objects_: Objects) -> dict[str, PairWord]:
    """Return all Secrets that are or were the Certificate's, by name."""
    return {name: word for name, word in objects_ if isinstance(word, PairWord)}


def next_keys_of(objects_: Objects) -> dict[str, NextKeyWord]:
    """Return the next private keys by name."""
    return {name: word for name, word in objects_ if isinstance(word, NextKeyWord)}


def requests_of(objects_: Objects) -> dict[str, RequestWord]:
    """Return the requests by name."""
    return {name: word for name, word in objects_ if isinstance(word, RequestWord)}


# From words to objects.


@cache
def key_of(word: KeyWord) -> Key:
    """Return the key that the word stands for."""
    return generate_key(KeyAlgorithm.ECDSA, word.size)


@cache
def key_pem(word: KeyWord) -> bytes:
    """Return it as it stands in a Secret."""
    return bytes(encode_key(key_of(word)))


@cache
def csr_pem(word: CSRWord) -> bytes:
    """Return the signing request."""
    return build_csr(objects.spec(dns_names=word.names), key_of(word.key))


@cache
def chain_pem(word: Chain) -> bytes:
    """Return the chain; each number is a signature of its own."""
    match word.how:
        case "garbage":
            return b"garbage"
        case "another key":
            return sign(csr_pem(CSRWord(KeyWord(256, 99), word.csr.names)), not_before=word.at)
        case "expired":
            return sign(csr_pem(word.csr), not_before=word.at - LATE)
        case "temporary":
            return sign(csr_pem(word.csr), not_before=word.at, issuer="cert-manager.local")
    return sign(csr_pem(word.csr), not_before=word.at)


@cache
def certificate_object(word: CertificateWord) -> Certificate:
    """Return the Certificate; each spec has a generation of its own."""
    of = objects.certificate()
    metadata = msgspec.structs.replace(
        of.metadata,
        generation=1 + list(SPECS).index(word.spec),
        annotations={TEMPORARY_CERTIFICATE: "true"} if word.temporary else {},
    )
    return Certificate(metadata=metadata, spec=SPECS[word.spec], status=word.status)


@cache
def secret_object(word: PairWord, name: str) -> Secret:
    """Return a Secret of the Certificate's; each word has a version of its own."""
    of = objects.certificate()
    data = {"tls.key": key_pem(word.key)} if word.key is not None else {}
    annotations: dict[str, str] = {}
    if word.chain is not None:
        data["tls.crt"] = chain_pem(word.chain)
        annotations = {CERTIFICATE_NAME: of.metadata.name} | secret_annotations(read_chain(data["tls.crt"])[0])
    if word.told:
        annotations |= told(of)
    owned = Owned()
    if word.formats == "ours":
        data |= output_formats(SPECS["further formats"], data)
        owned = Owned(data=(COMBINED_PEM,))
    if word.formats == "theirs":
        data |= {KEY_DER: b"theirs", COMBINED_PEM: b"theirs"}
    made = secret(name, data=data, annotations=annotations, labels=BASE_LABELS)
    metadata = msgspec.structs.replace(made.metadata, resource_version=repr(word), owned=owned)
    return msgspec.structs.replace(made, metadata=metadata)


def _note(state: State) -> Rewritten | None:
    """Return what is remembered of a Secret written between issuances."""
    if state.memory.rewritten is None:
        return None
    spec, pair = state.memory.rewritten
    generation = certificate_object(CertificateWord(spec)).metadata.generation
    return Rewritten(generation, secret_object(pair, SPECS[spec].secret_name).metadata.resource_version, state.now)


@cache
def next_key_object(name: str, word: NextKeyWord) -> Secret:
    """Return the Secret of a next private key."""
    metadata = SecretMeta(name=name, namespace="web", labels={NEXT_KEY_LABEL: "true"})
    return Secret(metadata=metadata, type="Opaque", data={"tls.key": key_pem(word.key)})


@cache
def request_object(name: str, word: RequestWord) -> CertificateRequest:
    """Return the CertificateRequest."""
    made = objects.request(revision=word.revision)
    metadata = msgspec.structs.replace(
        made.metadata,
        name=name,
        creation_timestamp=word.created,
        annotations=made.metadata.annotations if word.revision else {},
    )
    spec = msgspec.structs.replace(made.spec, request=csr_pem(word.csr))
    return CertificateRequest(metadata=metadata, spec=spec, status=word.status)


def wanted_size(spec: str) -> int:
    """Return the size of the key that a spec asks for."""
    private_key = SPECS[spec].private_key
    return (private_key.size if private_key is not None else 0) or ECDSA.size or 256


def new_key_of(state: State) -> NewKey:
    """Return how it stands with a key for the next issuance."""
    if not state.has_mill:
        return NewKey.AT_HAND
    size, _, word = state.memory.mill.partition(" ")
    if size != str(wanted_size(certificate_of(state.view).spec)):
        return NewKey.TO_BE_ORDERED
    return NewKey.AT_HAND if word == "at hand" else NewKey.UNDER_WAY


def observe(state: State) -> ObservedCertificate:
    """Gather what the store shows and the process remembers, as the controller does."""
    view = state.view
    certificate, place, pairs = certificate_of(view), place_of(view), pairs_of(view)
    found = ObservedCertificate(
        certificate=certificate_object(certificate),
        secret=secret_object(pairs[place], place) if place in pairs else None,
        requests=tuple(request_object(name, word) for name, word in requests_of(view).items()),
        rewritten=_note(state),
        new_key=new_key_of(state),
        signs_at_once=state.issuer.in_process and state.issuer.is_ready,
        no_temporary=state.memory.no_temporary,
        siblings=tuple(secret_object(word, name) for name, word in pairs.items() if name != place and word.told),
        same_ca=not state.issuer.in_process,
    )
    keys = {name: next_key_object(name, word) for name, word in next_keys_of(view).items()}
    chosen = next((keys.pop(name) for name in found.next_key_names if name in keys), None)
    return replace(found, next_key=chosen, leftover_keys=tuple(keys.values()))
