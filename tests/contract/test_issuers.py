"""What every way of signing promises, asked of each that is registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from certs.api.certificate import KeyUsage
from certs.api.certificaterequest import CertificateRequest
from certs.api.core import Secret
from certs.api.issuer import AnyIssuer, CAIssuer, ClusterIssuer, IssuerSpec, IssuerType, SelfSignedIssuer
from certs.api.meta import ObjectMeta
from certs.decide.policies import PRIVATE_KEY_SECRET
from certs.decide.request import IN_PROCESS
from certs.outcomes import Failure, Permanent, WaitingForUser
from certs.pki.csr import build_csr
from certs.pki.keys import decode_key, matches
from certs.pki.signing import Wanted, sign_by_itself
from certs.pki.x509 import read_chain
from shim.issuers import Signed, Signer
from shim.issuers.registry import signers
from tests.certs.decide.objects import DAY, HOST, NOW, certificate, issuer, key, pem, request, secret, spec

CLUSTER_NAMESPACE = "certs"
TYPES = sorted(IN_PROCESS)
URL = "http://crl.test/crl"


@dataclass(frozen=True, slots=True)
class Case:
    """A signer with all that it needs, and a request that it signs."""

    signer: Signer
    issuer: AnyIssuer
    request: CertificateRequest

    def sign(self) -> Signed:
        return self.signer.sign(self.request, self.issuer, NOW)

    def refused(self) -> Failure:
        with pytest.raises(Failure) as raised:
            self.sign()
        return raised.value


def ca_data() -> dict[str, bytes]:
    csr = build_csr(spec(common_name="Root", dns_names=(), is_ca=True), key("ca"))
    chain = sign_by_itself(key("ca"), Wanted(csr, 1, NOW, 365 * DAY, is_ca=True)).chain
    return {"tls.crt": chain, "tls.key": pem("ca")}


def in_namespace(one: Secret, namespace: str) -> Secret:
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, namespace=namespace))


SPECS = {
    IssuerType.CA: IssuerSpec(ca=CAIssuer("ca", crl_distribution_points=(URL,))),
    IssuerType.SELF_SIGNED: IssuerSpec(self_signed=SelfSignedIssuer(crl_distribution_points=(URL,))),
}
MISSING = {IssuerType.CA: "SecretMissing", IssuerType.SELF_SIGNED: "MissingSecret"}
UNREADABLE = {IssuerType.CA: "SecretInvalidData", IssuerType.SELF_SIGNED: "ErrorParsingKey"}
UNSIGNABLE = {IssuerType.CA: "SigningError", IssuerType.SELF_SIGNED: "ErrorSigning"}
NO_CSR = {IssuerType.CA: "SigningError", IssuerType.SELF_SIGNED: "ErrorGenerating"}


def asked(**fields: Any) -> CertificateRequest:
    one = request(certificate(**fields))
    annotations = {**one.metadata.annotations, PRIVATE_KEY_SECRET: "shop-next"}
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, annotations=annotations))


def case(which: IssuerType, *held: Secret, cluster: bool = False) -> Case:
    known = {(one.metadata.namespace, one.metadata.name): one for one in held}
    of = msgspec.structs.replace(issuer(), spec=SPECS[which])
    by: AnyIssuer = ClusterIssuer(ObjectMeta(name="all"), of.spec) if cluster else of
    registry = signers(lambda namespace, name: known.get((namespace, name)), CLUSTER_NAMESPACE)
    return Case(registry[which], by, asked())


def secrets_of(which: IssuerType, namespace: str = "web") -> Secret:
    one = secret("ca", data=ca_data()) if which is IssuerType.CA else secret("shop-next", data={"tls.key": pem()})
    return in_namespace(one, namespace)


@pytest.fixture(params=TYPES)
def which(request: pytest.FixtureRequest) -> IssuerType:
    kind: IssuerType = request.param
    return kind


@pytest.fixture
def good(which: IssuerType) -> Case:
    return case(which, secrets_of(which))


def test_all_that_the_decision_knows_are_registered() -> None:
    """And no others: what is not known there is never asked."""
    assert signers(lambda _namespace, _name: None, "").keys() == IN_PROCESS


def test_the_leaf_is_what_was_asked_for(good: Case) -> None:
    """For the key of the request, with its names and usages, for ninety days from now."""
    made = good.sign()
    leaf = read_chain(made.chain)[0]

    assert matches(key(), leaf)
    assert leaf.dns_names == (HOST,)
    assert leaf.usages == (KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_ENCIPHERMENT)
    assert not leaf.is_ca
    assert (leaf.not_before, leaf.not_after) == (NOW, NOW + 90 * DAY)
    assert URL.encode() in leaf.der


def test_the_ca_is_above_the_chain(good: Case) -> None:
    """It signed the last certificate of the chain."""
    made = good.sign()

    assert read_chain(made.ca)[0].subject.der == read_chain(made.chain)[-1].issuer_der


def test_the_lifetime_is_the_requests(good: Case) -> None:
    leaf = read_chain(replace(good, request=asked(duration="36h")).sign().chain)[0]

    assert leaf.not_after - leaf.not_before == timedelta(hours=36)


def test_a_ca_is_signed_when_asked_for(good: Case) -> None:
    leaf = read_chain(replace(good, request=asked(is_ca=True, common_name="Sub")).sign().chain)[0]

    assert leaf.is_ca
    assert KeyUsage.CERT_SIGN in leaf.usages


def test_serial_numbers_are_never_the_same(good: Case) -> None:
    """And of a size that guesses cannot reach."""
    serials = {read_chain(good.sign().chain)[0].serial for _ in range(20)}

    assert len(serials) == 20
    assert max(serials).bit_length() > 100


def test_a_missing_secret_is_waited_for(which: IssuerType) -> None:
    failure = case(which).refused()

    assert isinstance(failure, WaitingForUser)
    assert failure.reason == MISSING[which]
    assert "not found" in str(failure)


def test_a_broken_secret_is_waited_for(which: IssuerType) -> None:
    """Nothing of what is in it is in the sentence."""
    one = secrets_of(which)
    failure = case(which, msgspec.structs.replace(one, data={"tls.crt": b"hush", "tls.key": b"hush"})).refused()

    assert isinstance(failure, WaitingForUser)
    assert failure.reason == UNREADABLE[which]
    assert "hush" not in str(failure)
    assert failure.__cause__ is None


@pytest.mark.parametrize("duration", ["soon", "-1h"])
def test_what_cannot_be_signed_fails(good: Case, which: IssuerType, duration: str) -> None:
    failure = replace(good, request=asked(duration=duration)).refused()

    assert isinstance(failure, Permanent)
    assert failure.reason == UNSIGNABLE[which]


def test_what_is_no_request_fails(good: Case, which: IssuerType) -> None:
    garbage = msgspec.structs.replace(good.request, spec=msgspec.structs.replace(good.request.spec, request=b"garbage"))
    failure = replace(good, request=garbage).refused()

    assert isinstance(failure, Permanent)
    assert failure.reason == NO_CSR[which]


# --- what differs ------------------------------------------------------------------------------


def test_a_cluster_issuer_has_its_secret_in_the_clusters_namespace() -> None:
    """That of a CA; the key of a self-signed certificate is always where its request is."""
    kind = IssuerType.CA
    assert case(kind, secrets_of(kind, CLUSTER_NAMESPACE), cluster=True).sign().chain
    assert case(kind, secrets_of(kind), cluster=True).refused().reason == "SecretMissing"
    kind = IssuerType.SELF_SIGNED
    assert case(kind, secrets_of(kind), cluster=True).sign().chain


def without_annotation(of: Case) -> Case:
    metadata = msgspec.structs.replace(of.request.metadata, annotations={})
    return replace(of, request=msgspec.structs.replace(of.request, metadata=metadata))


def with_other_key(of: Case) -> Case:
    one = msgspec.structs.replace(of.request, spec=request(with_key="two").spec)
    return replace(of, request=one)


@pytest.mark.parametrize(
    ("change", "reason"),
    [(without_annotation, "MissingAnnotation"), (with_other_key, "ErrorKeyMatch")],
    ids=["no annotation", "another key"],
)
def test_a_self_signed_request_must_name_its_key(change: Callable[[Case], Case], reason: str) -> None:
    kind = IssuerType.SELF_SIGNED
    failure = change(case(kind, secrets_of(kind))).refused()

    assert isinstance(failure, Permanent)
    assert failure.reason == reason


def test_a_self_signed_certificate_without_subject_is_warned_about() -> None:
    """It is signed all the same."""
    kind = IssuerType.SELF_SIGNED
    bare = case(kind, secrets_of(kind))
    named = replace(bare, request=asked(common_name=HOST))

    assert [(one.reason, one.type) for one in bare.sign().warnings] == [("BadConfig", "Warning")]
    assert named.sign().warnings == ()


def test_a_ca_in_the_state_of_a_leaf_does_not_sign() -> None:
    """As the issuer's condition will say in a moment."""
    csr = build_csr(spec(common_name="Leaf"), decode_key(pem("ca")))
    chain = sign_by_itself(key("ca"), Wanted(csr, 1, NOW, DAY)).chain
    one = msgspec.structs.replace(secrets_of(IssuerType.CA), data={"tls.crt": chain, "tls.key": pem("ca")})
    failure = case(IssuerType.CA, one).refused()

    assert (failure.reason, "certificate is not a CA" in str(failure)) == ("SecretInvalidData", True)
