"""Failures of which decisions tell, each said by the product's own function, by the row that is to know it.

The names are those of the page's examples, so that what stands there is what is said.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import pytest

from certs.annotations import OVERRIDE_CLASS, OVERRIDE_NAME, PROFILE
from certs.api.certificate import Certificate, CertificateStatus, Renewal
from certs.api.certificaterequest import CertificateRequest, CertificateRequestStatus
from certs.api.challenge import Challenge
from certs.api.core import Secret, SecretMeta
from certs.api.ingress import Ingress, IngressSpec, IngressTLS
from certs.api.injectable import FROM_CERTIFICATE, FROM_SECRET, ValidatingWebhookConfiguration
from certs.api.issuer import (
    ACMEIssuerStatus,
    ACMESolver,
    CAIssuer,
    DNS01Solver,
    Issuer,
    IssuerSpec,
    IssuerStatus,
    SelfSignedIssuer,
    VaultAuth,
    VaultIssuer,
)
from certs.api.meta import IssuerReference, ObjectMeta
from certs.api.order import ACMEState, OrderStatus
from certs.api.pod import Pod, PodCondition, PodSpec, PodStatus
from certs.decide import challenge as challenges
from certs.decide import ingress as ingresses
from certs.decide import injection, preflight, solverpod
from certs.decide import issuer as issuers
from certs.decide import order as orders
from certs.decide import request as requests
from certs.decide.approval import NOT_YET_APPROVED, refusal
from certs.decide.caa import Asking, CAARecord
from certs.decide.certificatestatus import displaced
from certs.decide.certificatesteps import ObservedCertificate, RewriteSecret
from certs.decide.challengeend import end
from certs.decide.challengesteps import FINALIZER, DropFinalizers, ObservedChallenge, Progress, SetChallengeStatus
from certs.decide.direction import overridden
from certs.decide.findings import CA, Address, CAAAnswer, DNSAnswer, DNSState, Surveyed, findings
from certs.decide.issuance import _unfit_certificate, _why_waiting
from certs.decide.policies import PRIVATE_KEY_SECRET
from certs.decide.ratelimits import limits_of, of_order
from certs.judge import _complaining
from certs.outcomes import Failure
from certs.policy import local_policies
from certs.rules.approval import NO_PERMISSION
from certs.rules.rule import NO_POLICY
from certs.verdict import ALLOWED
from shim.acme.gate import Gate
from shim.acme.ledgers import AccountAt, Ledgers
from shim.acme.problems import AccountLimited, Refusal, failure, forgotten
from shim.acme.resources import ProblemDocument
from shim.acme.signing import AccountKey
from shim.chain.explaining import explain
from shim.chain.links import Chain
from shim.controllers.accountkey import _of_another_account
from shim.controllers.contents import contested, overruled, unwritable
from shim.issuers.ca import CASigner
from shim.issuers.selfsigned import SelfSigner
from shim.kube.errors import Conflict, Invalid
from tests.certs.decide import objects as made
from webhook.configuration import other_writer

NOW: Final = datetime(2026, 7, 1, 10, tzinfo=UTC)
HOST: Final = "a.example"
ATTEMPT: Final = f"cannot create an order for {HOST} at ca.example"
ACCOUNT: Final = "https://ca.example/acct/1"
INTERNAL: Final = "cannot create an order for a.internal at ca.example"
NO_ACCOUNT: Final = "cannot register an ACME account at ca.example"
VERDICT: Final = "the authorization is invalid"
DNS01: Final = ACMESolver(dns01=DNS01Solver())
READY: Final = CertificateStatus(conditions=(made.condition("Ready"),))
BY_CA: Final = IssuerSpec(ca=CAIssuer("ca"))
PRIVATE: Final = DNSAnswer(DNSState.FOUND, (Address("10.0.0.7"),), trusted=True)
Say = Callable[[], str]


def why(act: Callable[[], object]) -> str:
    """Return the sentence with which it fails."""
    with pytest.raises(Failure) as raised:
        act()
    return str(raised.value)


def refused(problem: str, detail: str, attempt: str = ATTEMPT, status: int = 403) -> str:
    """Return what is said when a CA answers so."""
    return str(failure(attempt, Refusal(status, ProblemDocument(problem, detail), None, NOW)))


def found(**known: object) -> str:
    """Return what is said before an order of what was found out about the name."""
    surveyed = Surveyed(HOST, "http-01", **known)  # type: ignore[arg-type]
    wrong = findings([surveyed], CA("Let's Encrypt", is_public=True))
    look = preflight.Look(preflight.Mode.ENFORCE, asked_at=NOW, answered=True, findings=wrong)
    hold = preflight.before_order(look, "", NOW)
    return hold.sentence if isinstance(hold, preflight.Hold) else wrong[0].sentence


def of(kind: IssuerSpec, name: str) -> Issuer:
    """Return an issuer of that type in namespace shop."""
    return Issuer(ObjectMeta(name=name, namespace="shop"), kind)


def reason(observed: ObservedChallenge) -> str:
    """Return what the status of a Challenge says."""
    step = challenges.decide(observed, NOW)
    assert isinstance(step, SetChallengeStatus)
    return step.status.reason


def over_http(**more: object) -> ObservedChallenge:
    """Return a Challenge that has been worked on for a minute."""
    since = NOW - timedelta(minutes=1)
    progress = Progress(since=since, due=NOW + timedelta(minutes=1), looked=True, routes=9, routed_at=NOW)
    return ObservedChallenge(made.challenge(HOST), made.issuer(), progress=progress, **more)  # type: ignore[arg-type]


def over_dns(**fields: object) -> Challenge:
    """Return a Challenge over DNS."""
    usual = {"type": "DNS-01", "solver": DNS01, "key": "x", "issuer_ref": IssuerReference("dns")}
    return made.challenge(HOST, **(usual | fields))  # type: ignore[arg-type]


def unknown_rule() -> str:
    complaint = local_policies(NO_POLICY)("x=off").complaint
    return _complaining(ALLOWED, "shop", complaint).sentences[0]


def deactivated() -> str:
    status = IssuerStatus(acme=ACMEIssuerStatus(uri=ACCOUNT, last_private_key_hash="h"))
    metadata = SecretMeta(name="account", namespace="shop", annotations={issuers.DEACTIVATED: ACCOUNT})
    key = msgspec.structs.replace(made.secret("account", data={"tls.key": b"x"}), metadata=metadata)
    return why(lambda: issuers.decide(issuers.ObservedIssuer(made.issuer(status=status), key, "h", "", "shop"), NOW))


def no_ca() -> str:
    observed = issuers.ObservedIssuer(of(BY_CA, "ca"), namespace="shop")
    return why(lambda: issuers.decide(observed, NOW))


def pending(issuer: Issuer | None, name: str = made.ISSUER.name) -> str:
    """Return what a request says that names an issuer."""
    request = made.request(made.certificate(issuer_ref=IssuerReference(name)))
    step = requests.decide(requests.ObservedRequest(request, issuer), NOW)
    assert isinstance(step, requests.SetRequestStatus)
    return next(one.message for one in step.status.conditions if one.type == "Ready")


def ordered_in_vain() -> str:
    """Return what a request says whose Orders are of no use."""
    order = made.order(status=OrderStatus(state=ACMEState.VALID, certificate=made.sign(made.request().spec.request)))
    observed = requests.ObservedRequest(made.request(with_key="two"), made.issuer(), order, "shop-1-1")
    step = requests.decide(observed, NOW)
    assert isinstance(step, requests.DeleteOrder)
    before = requests.StartedOver(5, NOW, step.why)
    step = requests.decide(requests.ObservedRequest(made.request(), made.issuer(), None, "x", started_over=before), NOW)
    assert isinstance(step, requests.SetRequestStatus)
    return next(one.message for one in step.status.conditions if one.type == "Ready")


def explained(**links: object) -> str:
    """Return what `explain` says by itself."""
    usual: dict[str, object] = {"certificate": made.certificate(), "issuer": made.issuer()}
    return explain(Chain(**(usual | links)), NOW).text  # type: ignore[arg-type]


def halted() -> str:
    """Return what `explain` says an hour after the leader's Lease has run out."""
    return explain(Chain(made.certificate(), issuer=made.issuer()), NOW, NOW - timedelta(hours=1)).text


def left_to_expire() -> str:
    certificate = made.certificate(renewal=Renewal(policy="Disabled"))
    return explained(certificate=certificate, secret=made.stored(certificate))


def decided_on(verdict: str, certificate: Certificate | None = None, message: str = "") -> CertificateRequest:
    """Return a request that somebody has approved or denied."""
    conditions = (made.condition(verdict, message=message),)
    return made.with_status(made.request(certificate or made.certificate()), CertificateRequestStatus(conditions))


def waits_for_another() -> str:
    certificate = made.certificate(issuer_ref=IssuerReference("a", "AWSPCAIssuer", "awspca.example.com"))
    return explained(certificate=certificate, issuer=None, request=decided_on("Approved", certificate))


def no_secret(_namespace: str, _name: str) -> None:
    """Return that there is no Secret."""


def signed_with(key: Secret | None, *, named: bool = True) -> str:
    """Return why a self-signed issuer does not sign a request that names a Secret with this key."""
    request = made.request()
    annotations = {PRIVATE_KEY_SECRET: "key"} if named else {}
    metadata = msgspec.structs.replace(request.metadata, annotations=annotations)
    request = msgspec.structs.replace(request, metadata=metadata)
    signer = SelfSigner(lambda _namespace, _name: key)
    return why(lambda: signer.sign(request, of(IssuerSpec(self_signed=SelfSignedIssuer()), "self"), NOW))


def not_a_certificate() -> str:
    request, key = made.issued(made.request(), b"no PEM"), made.next_key(made.certificate(), "next")
    said = _unfit_certificate(request, key, made.NOW)
    assert said is not None
    return said


def contradicting() -> str:
    annotations = {"cert-manager.io/issuer": "a", "cert-manager.io/cluster-issuer": "b"}
    tls = IngressTLS(hosts=(HOST,), secret_name="web-tls")
    ingress = Ingress(ObjectMeta(name="web", namespace="shop", annotations=annotations), IngressSpec(tls=(tls,)))
    return why(lambda: ingresses.decide(ingresses.ObservedIngress(ingress), NOW))


def skipped_entry() -> str:
    entries = (IngressTLS(hosts=(HOST,)), IngressTLS(hosts=(HOST,), secret_name="web-tls"))
    metadata = ObjectMeta(name="web", namespace="shop", annotations={"cert-manager.io/issuer": "a"})
    observed = ingresses.ObservedIngress(Ingress(metadata, IngressSpec(tls=entries)))
    return next(one.message for one in ingresses.remarks(observed))


def no_bundle() -> str:
    asked = injection.Asked(FROM_SECRET, secret=("shop", "ca"))
    target = ValidatingWebhookConfiguration(ObjectMeta(name="x"))
    return why(lambda: injection.decide(injection.ObservedInjection(target, asked), NOW))


def may_not_approve() -> str:
    request = made.request()
    ref = IssuerReference("a", "AWSPCAIssuer", "awspca.example.com")
    request = msgspec.structs.replace(request, spec=msgspec.structs.replace(request.spec, issuer_ref=ref))
    wanted = msgspec.structs.replace(request.status, conditions=(made.condition("Approved"),))
    return str(refusal(request, wanted, f"denied: user x {NO_PERMISSION} for issuer a"))


def displaced_by_another() -> str:
    observed = ObservedCertificate(made.certificate("shop", secret_name="web-tls"))
    step = displaced(observed, made.certificate("web"), NOW)
    assert step is not None
    return step.tell[0].message


def quarrel() -> str:
    step = RewriteSecret("SecretMismatch", "Certificate Secret template labels differ")
    return contested("web-tls", step, overruled(Conflict('conflict with "argocd" using v1: .data'))).message


def limited() -> str:
    gate, account = Gate(), ("https://ca.example/dir", ACCOUNT)
    until = NOW + timedelta(hours=2)
    limit = AccountLimited("", until=until, reason="", pace=timedelta(), only_new=True)
    gate.close(account, "one", limit)
    return why(lambda: gate.enter(account, "two", ATTEMPT, NOW, replaces=False))


def over_the_published() -> str:
    ledgers, account = Ledgers(), AccountAt("https://ca.example/dir", ACCOUNT)
    limits = limits_of(account.server, "orders=1/1h")

    def enter(uid: str) -> None:
        ledgers.enter(account, limits, uid, of_order([HOST]), (), attempt=ATTEMPT, now=NOW)

    enter("one")
    return why(lambda: enter("two"))


def no_profile() -> str:
    order = made.order(profile="short")
    order = msgspec.structs.replace(order, metadata=ObjectMeta(name="shop-1", annotations={PROFILE: "short"}))
    return why(lambda: orders.wanted_profile(order, ("classic",)))


def left_behind() -> str:
    challenge = over_dns()
    metadata = msgspec.structs.replace(challenge.metadata, deletion_timestamp=NOW, finalizers=(FINALIZER,))
    long_ago = NOW - timedelta(minutes=1)
    progress = Progress(since=long_ago, due=NOW, cleanup_began=long_ago, cleanup_due=NOW)
    challenge = msgspec.structs.replace(challenge, metadata=metadata)
    step = end(ObservedChallenge(challenge, progress=progress), NOW + timedelta(minutes=1))
    assert isinstance(step, DropFinalizers)
    return step.tell[0].message


def no_node() -> str:
    said = PodCondition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available")
    pod = Pod(ObjectMeta(name="cm-acme-http-solver-x"), PodSpec(), PodStatus("Pending", conditions=(said,)))
    return reason(over_http(route_ready=True, obstacle=solverpod.obstacle(pod)))


def injected() -> str:
    metadata = ObjectMeta(name="cert-manager-webhook", annotations={FROM_CERTIFICATE: "cert-manager/webhook"})
    return other_writer(ValidatingWebhookConfiguration(metadata))


# The first of a row is what the page shows.
SAID: Final[tuple[tuple[str, Say], ...]] = (
    ("policy-ignored", unknown_rule),
    ("ca-bundle", injected),
    ("ca-not-injected", no_bundle),
    ("bad-config", contradicting),
    ("bad-config", skipped_entry),
    ("no-shim", halted),
    ("unrenewed", left_to_expire),
    ("unattended", lambda: explained(issuer=made.issuer(status=IssuerStatus()))),
    ("unattended", lambda: explained(certificate=made.with_status(made.certificate(), READY))),
    ("unattended", explained),
    ("account-deactivated", deactivated),
    ("external-account", lambda: refused("externalAccountRequired", "no account is bound", NO_ACCOUNT)),
    ("key-change", lambda: str(_of_another_account(made.issuer(), made.secret("account"), "tls.key", ACCOUNT))),
    ("account-key", lambda: why(lambda: AccountKey(b"x"))),
    ("ca-secret", no_ca),
    ("ca-secret", lambda: why(lambda: CASigner(no_secret, "").sign(made.request(), of(BY_CA, "ca"), NOW))),
    ("self-signed-key", lambda: signed_with(None, named=False)),
    ("self-signed-key", lambda: signed_with(None)),
    ("self-signed-key", lambda: signed_with(made.next_key(made.certificate(), "key", "two"))),
    ("self-signed-key", lambda: signed_with(made.secret(data={"tls.key": b"x"}))),
    ("issuer-type", lambda: pending(of(IssuerSpec(vault=VaultIssuer("", "", VaultAuth())), "corporate"), "corporate")),
    ("issuer-missing", lambda: explained(issuer=None)),
    ("issuer-missing", lambda: pending(None)),
    ("issuer-missing", lambda: why(lambda: orders.ready_issuer(None, made.order()))),
    ("issuer-missing", lambda: why(lambda: challenges.decide(ObservedChallenge(made.challenge(HOST)), NOW))),
    ("foreign-certificate", not_a_certificate),
    ("issuer-not-ready", lambda: explained(issuer=made.issuer(ready=False))),
    ("issuer-not-ready", lambda: pending(made.issuer(ready=False))),
    ("issuer-not-ready", lambda: why(lambda: orders.ready_issuer(made.issuer(ready=False), made.order()))),
    ("denied", lambda: explained(request=decided_on("Denied", message="not this name"))),
    ("foreign-issuer", waits_for_another),
    ("approval-refused", may_not_approve),
    ("unapproved", lambda: explained(request=made.request())),
    ("unapproved", lambda: NOT_YET_APPROVED.message),
    ("unapproved", lambda: _why_waiting(ObservedCertificate(made.certificate(), auto_approve=False), made.request())),
    ("duplicate-secret", displaced_by_another),
    ("secret-contested", quarrel),
    ("immutable-secret", lambda: str(unwritable("web-tls", Invalid("field is immutable when `immutable` is set")))),
    ("rate-limit", limited),
    ("rate-limit", over_the_published),
    ("rate-limit", lambda: refused("rateLimited", "too many certificates already issued", status=429)),
    ("ca-working", lambda: orders.works_until(NOW + timedelta(hours=2))),
    ("ca-failing", lambda: refused("serverInternal", "try again later", status=500)),
    ("ca-failing", lambda: str(failure(ATTEMPT, Refusal(502, None, None, NOW)))),
    (
        "ca-failing",
        lambda: str(forgotten("cannot read the order https://ca.example/o/1", Refusal(404, None, None, NOW))),
    ),
    ("ca-failing", ordered_in_vain),
    ("caa", lambda: refused("caa", f"CAA record for {HOST} prevents issuance")),
    ("caa", lambda: found(caa=CAAAnswer(HOST, (CAARecord(0, "issue", "other.example"),), Asking(("ca.example",))))),
    ("profile", no_profile),
    ("overrides", lambda: why(lambda: overridden(made.HTTP01, {OVERRIDE_NAME: "web", OVERRIDE_CLASS: "nginx"}))),
    ("rejected-identifier", lambda: refused("rejectedIdentifier", "not a public name", INTERNAL)),
    ("rejected-identifier", lambda: refused("unsupportedIdentifier", "no addresses")),
    ("preflight", lambda: found(dns=PRIVATE)),
    ("pod-starting", no_node),
    ("route-undone", lambda: reason(over_http())),
    ("foreign-solver", lambda: challenges.foreign_solver(over_dns(), made.issuer())),
    ("dns-cleanup", left_behind),
    ("port-80", lambda: refused("connection", f'Get "http://{HOST}:80/x": connect: connection refused', VERDICT)),
    ("not-found", lambda: refused("unauthorized", f"10.0.0.1: Invalid response from http://{HOST}/x: 404", VERDICT)),
    ("servfail", lambda: found(dns=DNSAnswer(DNSState.FAILING, why="192.0.2.53:53 answers SERVFAIL about a.example"))),
    ("no-address", lambda: found(dns=DNSAnswer(DNSState.MISSING))),
    ("no-address", lambda: found(dns=DNSAnswer(DNSState.EMPTY))),
    ("local-address", lambda: found(dns=DNSAnswer(DNSState.FOUND, (Address("10.0.0.7"),)))),
)
