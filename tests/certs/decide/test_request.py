from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from certs.api.certificaterequest import CertificateRequest, CertificateRequestSpec, CertificateRequestStatus
from certs.api.issuer import (
    CAIssuer,
    Issuer,
    IssuerSpec,
    IssuerType,
    SelfSignedIssuer,
    VaultAuth,
    VaultIssuer,
    VenafiIssuer,
)
from certs.api.meta import Condition, IssuerReference, ObjectMeta, OwnerReference, find_condition, is_true
from certs.api.order import ACMEState, Order, OrderStatus
from certs.decide.effects import Tell
from certs.decide.request import (
    CreateOrder,
    DeleteOrder,
    ObservedRequest,
    SetRequestStatus,
    Sign,
    StartedOver,
    Step,
    TellWaiting,
    decide,
    not_yet_signed,
    refused,
)
from certs.decide.request import (
    signed as signed_by_issuer,
)
from certs.outcomes import DONE, Outcome, Wait, WaitingForUser
from tests.certs.decide.objects import (
    HOST,
    NOW,
    certificate,
    condition,
    failed,
    issued,
    issuer,
    order,
    request,
    sign,
    signed,
    with_status,
)

NAME = "shop-1-1234"
APPROVED = condition("Approved", reason="cert-manager.io")
BY_US = "Certificate request has been approved by cert-manager.io"
WAITING = f'Waiting on certificate issuance from order web/{NAME}: "pending"'


def approved(*more: Any, of: CertificateRequest | None = None) -> CertificateRequest:
    return with_status(of or request(), CertificateRequestStatus(conditions=(APPROVED, *more)))


def pending(message: str = WAITING) -> CertificateRequest:
    return approved(condition("Ready", "False", reason="Pending", message=message))


def observed(
    of: CertificateRequest, *, made: Order | None = None, by: Issuer | None = None, name: str = NAME, auto: bool = True
) -> ObservedRequest:
    return ObservedRequest(of, by or issuer(), made, name, auto_approve=auto)


def set_status(step: Step | Outcome) -> SetRequestStatus:
    assert isinstance(step, SetRequestStatus)
    return step


def ready(step: Step | Outcome) -> tuple[str, str, str]:
    found = find_condition(set_status(step).status.conditions, "Ready")
    assert found is not None
    return found.status, found.reason, found.message


def of_group(group: str) -> CertificateRequest:
    return request(certificate(issuer_ref=IssuerReference("x", "Issuer", group)))


def dying() -> CertificateRequest:
    one = request()
    return msgspec.structs.replace(one, metadata=msgspec.structs.replace(one.metadata, deletion_timestamp=NOW))


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(dying(), id="being deleted"),
        pytest.param(issued(request()), id="issued"),
        pytest.param(failed(request()), id="failed"),
        pytest.param(
            with_status(
                request(),
                CertificateRequestStatus(
                    conditions=(condition("Denied"), condition("Ready", "False", reason="Denied"))
                ),
            ),
            id="denied and told so",
        ),
        pytest.param(
            with_status(request(), CertificateRequestStatus(conditions=(condition("InvalidRequest"),))),
            id="invalid request",
        ),
        pytest.param(with_status(request(), CertificateRequestStatus(certificate=b"x")), id="has a certificate"),
    ],
)
def test_nothing_is_left_to_do(of: CertificateRequest) -> None:
    """Ends are ends."""
    assert decide(observed(of), NOW) == DONE


def test_approval_and_pending_are_one_write() -> None:
    """A new request is approved and says at once what it waits for, in one write."""
    step = set_status(decide(observed(request()), NOW))

    assert [one.type for one in step.status.conditions] == ["Approved", "Ready"]
    found = find_condition(step.status.conditions, "Approved")
    assert found is not None
    assert (found.status, found.reason, found.message) == (
        "True",
        "cert-manager.io",
        BY_US,
    )
    assert ready(step) == ("False", "Pending", WAITING)
    assert step.tell == (Tell("cert-manager.io", BY_US),)


def foreign(*conditions: Condition, certificate: bytes = b"") -> CertificateRequest:
    """Return a request to an issuer of another group, with what was said of it."""
    return with_status(of_group("example.org"), CertificateRequestStatus(conditions, certificate))


PENDING = condition("Ready", "False", reason="Pending", message="asking the appliance")


@pytest.mark.parametrize("said", [(), (PENDING,)], ids=["new", "its controller was faster"])
def test_a_request_to_a_foreign_issuer_is_approved(said: tuple[Condition, ...]) -> None:
    """One write that adds the approval and nothing else, told as for our own; the issuer is not looked for."""
    step = set_status(decide(ObservedRequest(foreign(*said)), NOW))

    assert step.status.conditions == (
        condition("Approved", reason="cert-manager.io", message=BY_US),
        *said,
    )
    assert step.tell == (Tell("cert-manager.io", BY_US),)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(foreign(APPROVED), id="approved"),
        pytest.param(foreign(condition("Approved", reason="policy.example.org")), id="approved by another"),
        pytest.param(foreign(condition("Denied")), id="denied"),
        pytest.param(foreign(condition("InvalidRequest")), id="invalid"),
        pytest.param(foreign(condition("Ready", "False", reason="Failed")), id="failed"),
        pytest.param(foreign(condition("Ready", reason="Issued"), certificate=b"x"), id="issued"),
        pytest.param(foreign(APPROVED, PENDING), id="under way"),
    ],
)
def test_nothing_else_is_done_to_a_foreign_request(of: CertificateRequest) -> None:
    """A denial and all that follows is for its own controller to say."""
    assert decide(ObservedRequest(of), NOW) == DONE


def test_without_the_approver_somebody_else_approves() -> None:
    """Nothing is written before, which is told once; and there is no second approval after."""
    waiting = TellWaiting(Tell("WaitingForApproval", "Not signing CertificateRequest until it is Approved"))
    new = observed(request(), auto=False)

    assert decide(new, NOW) == waiting
    assert decide(replace(new, is_told=True), NOW) == DONE
    assert decide(ObservedRequest(foreign(), auto_approve=False), NOW) == DONE
    assert ready(decide(observed(approved(), auto=False), NOW)) == ("False", "Pending", WAITING)


def test_denial_is_told_once() -> None:
    """Ready=False Denied with the time; no event, the denier has said it."""
    step = decide(observed(with_status(request(), CertificateRequestStatus(conditions=(condition("Denied"),)))), NOW)

    assert ready(step) == ("False", "Denied", "The CertificateRequest was denied by an approval controller")
    assert (set_status(step).status.failure_time, set_status(step).tell) == (NOW, ())


def of_type(**spec: Any) -> Issuer:
    return msgspec.structs.replace(issuer(), spec=IssuerSpec(**spec))


@pytest.mark.parametrize(
    ("by", "reason", "message"),
    [
        pytest.param(
            None,
            "IssuerNotFound",
            'Referenced "Issuer" not found: "letsencrypt" does not exist in namespace "web"',
            id="no issuer",
        ),
        pytest.param(
            of_type(), "IssuerTypeMissing", 'Missing issuer type: Issuer "letsencrypt" configures none', id="no type"
        ),
        pytest.param(
            of_type(vault=VaultIssuer("https://vault.test", "pki/sign/x", VaultAuth())),
            "IssuerTypeUnsupported",
            'Issuer "letsencrypt" is of type vault, which this release cannot sign with; use acme, ca or selfSigned',
            id="vault",
        ),
        pytest.param(
            of_type(venafi=VenafiIssuer("zone")),
            "IssuerTypeUnsupported",
            'Issuer "letsencrypt" is of type venafi, which this release cannot sign with; use acme, ca or selfSigned',
            id="venafi",
        ),
        pytest.param(
            issuer(ready=False),
            "IssuerNotReady",
            "Referenced issuer does not have a Ready status condition: the account is not registered",
            id="not ready",
        ),
    ],
)
def test_an_issuer_that_cannot_sign_yet_is_waited_for(by: Issuer | None, reason: str, message: str) -> None:
    """Pending with the reason in words; the event comes once."""
    first = set_status(decide(ObservedRequest(approved(), by, None, NAME), NOW))
    assert ready(first) == ("False", "Pending", message)
    assert first.tell == (Tell(reason, message),)

    assert decide(ObservedRequest(with_status(request(), first.status), by, None, NAME), NOW) == DONE


def test_a_missing_cluster_issuer_is_in_no_namespace() -> None:
    """The sentence does not send people looking where it cannot be."""
    of = approved(of=request(certificate(issuer_ref=IssuerReference("le", "ClusterIssuer"))))

    assert ready(decide(ObservedRequest(of, None, None, NAME), NOW))[2] == (
        'Referenced "ClusterIssuer" not found: "le" does not exist'
    )


def with_csr(csr: bytes) -> CertificateRequest:
    one = approved()
    return CertificateRequest(
        one.metadata, CertificateRequestSpec(request=csr, issuer_ref=one.spec.issuer_ref), one.status
    )


@pytest.mark.parametrize(
    ("of", "name", "reason", "message"),
    [
        pytest.param(
            with_csr(b"garbage"),
            "",
            "RequestParsingError",
            "Failed to decode CSR in spec.request: "
            "cannot read certificate signing request: no PEM block in its 7 bytes",
            id="unreadable",
        ),
        pytest.param(
            approved(of=request(certificate(dns_names=(), uris=("spiffe://a/b",)))),
            "",
            "InvalidOrder",
            "The CSR names neither a DNS name nor an IP address, which ACME needs",
            id="no names",
        ),
        pytest.param(
            approved(of=request(certificate(common_name="other.test"))),
            NAME,
            "InvalidOrder",
            'The CSR has the common name "other.test", which for ACME must be one of its DNS names or IP addresses '
            "too; add it to spec.dnsNames or spec.ipAddresses of the Certificate, or remove it",
            id="common name is no name",
        ),
    ],
)
def test_a_request_that_no_ca_could_serve_fails(of: CertificateRequest, name: str, reason: str, message: str) -> None:
    """It fails at once, with a Warning of its own reason."""
    step = decide(observed(of, name=name), NOW)

    assert ready(step) == ("False", "Failed", message)
    assert set_status(step).status.failure_time == NOW
    assert set_status(step).tell == (Tell(reason, message, "Warning"),)


@pytest.mark.parametrize(
    "fields",
    [
        {"common_name": HOST.upper()},
        {"common_name": HOST, "dns_names": ()},
        {"ip_addresses": ("10.0.0.1",), "common_name": "10.0.0.1"},
    ],
    ids=["in capitals", "as the only name", "an address"],
)
def test_a_common_name_that_is_a_name_is_ordered(fields: dict[str, Any]) -> None:
    """It needs no line of its own among the names when it is the only one."""
    of = approved(condition("Ready", "False", reason="Pending", message=WAITING), of=request(certificate(**fields)))

    assert decide(observed(of), NOW) == CreateOrder(NAME)


def test_the_order_is_named_before_it_is_made() -> None:
    """Once the message stands there, the Order is created, and then waited for without another write."""
    assert decide(observed(pending()), NOW) == CreateOrder(NAME)
    assert decide(observed(pending(), made=order()), NOW) == DONE


@pytest.mark.parametrize("state", [ACMEState.INVALID, ACMEState.EXPIRED, ACMEState.ERRORED])
@pytest.mark.parametrize("why", ["", "the name is forbidden"])
def test_a_failed_order_fails_the_request(state: ACMEState, why: str) -> None:
    """The Order's reason goes along."""
    step = decide(observed(pending(), made=order(status=OrderStatus(state=state, reason=why))), NOW)

    message = f'Failed to wait for order resource "{NAME}" to become ready: order is in "{state}" state'
    message = f"{message}: {why}" if why else message
    assert ready(step) == ("False", "Failed", message)
    assert set_status(step).tell == (Tell("OrderFailed", message, "Warning"),)


def test_what_holds_the_order_up_is_passed_on() -> None:
    """A reason of a pending Order is told in the request's condition, without an event."""
    step = decide(observed(pending(), made=order(status=OrderStatus(state=ACMEState.PENDING, reason="limited"))), NOW)

    assert ready(step) == ("False", "Pending", f"{WAITING}: limited")
    assert set_status(step).tell == ()


def test_a_certificate_is_taken_over() -> None:
    """Ready=True Issued, the chain as it came, one event."""
    chain = signed(request())
    step = decide(observed(pending(), made=order(status=OrderStatus(state=ACMEState.VALID, certificate=chain))), NOW)

    fetched = "Certificate fetched from issuer successfully"
    assert ready(step) == ("True", "Issued", fetched)
    assert set_status(step).status.certificate == chain
    assert set_status(step).tell == (Tell("CertificateIssued", fetched),)
    assert is_true(set_status(step).status.conditions, "Approved")


def test_a_valid_order_without_certificate_is_waited_for() -> None:
    """The state alone is not the certificate; only an Order that is adopted can be seen like this."""
    made = order(status=OrderStatus(state=ACMEState.VALID))
    step = set_status(decide(observed(pending(), made=made), NOW))

    message = f"Waiting for order-controller to add certificate data to Order web/{NAME}"
    assert ready(step) == ("False", "Pending", message)
    assert decide(observed(with_status(request(), step.status), made=made), NOW) == DONE


@pytest.mark.parametrize(
    ("chain", "why"),
    [
        pytest.param(
            b"garbage",
            "its certificate cannot be used: cannot read certificate chain: no PEM block in its 7 bytes",
            id="unreadable",
        ),
        pytest.param(
            sign(request(with_key="two").spec.request),
            "its certificate is for another key than the request's",
            id="other key",
        ),
    ],
)
def test_a_certificate_of_no_use_has_the_order_made_anew(chain: bytes, why: str) -> None:
    """The Order is deleted; the next look creates another."""
    made = order(status=OrderStatus(state=ACMEState.VALID, certificate=chain))

    assert decide(observed(pending(), made=made), NOW) == DeleteOrder(NAME, why)


SECONDS = timedelta(seconds=1)
FORGOTTEN = "the CA has forgotten it"


@pytest.mark.parametrize(
    ("times", "pause"),
    [(1, 0), (2, 0), (3, 5), (4, 10), (5, 20), (12, 2560), (13, 3600), (500, 3600)],
)
def test_an_order_that_is_of_no_use_each_time_is_made_ever_more_rarely(times: int, pause: int) -> None:
    """Each costs an order at the CA; when the next is made, and why, is told."""
    before = StartedOver(times, NOW, FORGOTTEN)
    made = replace(observed(pending()), started_over=before)
    again_at = NOW + pause * SECONDS
    if not pause:
        assert decide(made, NOW) == CreateOrder(NAME)
        return
    step = set_status(decide(made, NOW))

    told = f'Waiting on certificate issuance from order web/{NAME}: "pending": {FORGOTTEN} (next attempt at '
    assert ready(step) == ("False", "Pending", f"{told}{again_at:%H:%M:%S} UTC)")
    said = replace(made, request=with_status(made.request, step.status))
    assert decide(said, NOW) == Wait(again_at, FORGOTTEN)
    assert decide(made, again_at) == CreateOrder(NAME)


def owned_by(*owners: OwnerReference) -> Order:
    metadata = ObjectMeta(name=NAME, namespace="web", owner_references=owners)
    return msgspec.structs.replace(order(status=OrderStatus(state=ACMEState.ERRORED)), metadata=metadata)


def test_the_order_of_an_earlier_request_makes_room() -> None:
    """Its failure is not this request's; it is deleted rather than waited for."""
    old = owned_by(OwnerReference("cert-manager.io/v1", "CertificateRequest", "shop-1", "uid-of-old", controller=True))

    step = decide(observed(pending(), made=old), NOW)

    assert step == DeleteOrder(NAME, "it was made for an earlier request of this name", "OrderOutdated")


@pytest.mark.parametrize(
    "owners",
    [
        (),
        (OwnerReference("cert-manager.io/v1", "CertificateRequest", "blog-1", "uid-of-blog", controller=True),),
        (OwnerReference("example.org/v1", "Shop", "shop-1", "uid-of-shop", controller=True),),
    ],
    ids=["nobody's", "another request's", "something else's"],
)
def test_an_order_of_somebody_else_is_not_touched(owners: tuple[OwnerReference, ...]) -> None:
    """Somebody must decide what it is there for."""
    with pytest.raises(WaitingForUser, match="does not belong to this request; delete it") as raised:
        decide(observed(pending(), made=owned_by(*owners)), NOW)

    assert raised.value.reason == "OrderExists"


CA = of_type(ca=CAIssuer("ca"))
SELF_SIGNED = of_type(self_signed=SelfSignedIssuer())


@pytest.mark.parametrize(
    ("by", "of"),
    [(CA, IssuerType.CA), (SELF_SIGNED, IssuerType.SELF_SIGNED)],
    ids=["ca", "selfSigned"],
)
@pytest.mark.parametrize("asked", [request(), approved(), pending("SecretMissing")], ids=["new", "approved", "pending"])
def test_who_can_sign_at_once_does(by: Issuer, of: IssuerType, asked: CertificateRequest) -> None:
    """No write comes before: approval goes with the answer."""
    assert decide(observed(asked, by=by), NOW) == Sign(of)


@pytest.mark.parametrize(
    ("asked", "by"),
    [
        pytest.param(issued(request()), CA, id="issued"),
        pytest.param(failed(request()), CA, id="failed"),
        pytest.param(dying(), CA, id="being deleted"),
    ],
)
def test_nothing_is_signed_without_need(asked: CertificateRequest, by: Issuer) -> None:
    assert decide(observed(asked, by=by), NOW) == DONE


def test_nothing_is_signed_without_leave() -> None:
    assert isinstance(decide(observed(request(), by=CA, auto=False), NOW), TellWaiting)


def test_an_issuer_that_is_not_ready_does_not_sign() -> None:
    by = msgspec.structs.replace(issuer(ready=False), spec=CA.spec)

    assert ready(decide(observed(request(), by=by), NOW))[1] == "Pending"


def types(step: SetRequestStatus) -> list[str]:
    return [one.type for one in step.status.conditions]


@pytest.mark.parametrize("asked", [request(), approved(), pending("missing")], ids=["new", "approved", "pending"])
def test_approval_and_signature_are_one_write(asked: CertificateRequest) -> None:
    """With what is known of the CA; the warnings of the issuer are told."""
    chain, warning = signed(request()), Tell("BadConfig", "no name", "Warning")
    step = signed_by_issuer(asked, chain, b"the CA", NOW, (warning,))

    assert types(step) == ["Approved", "Ready"]
    assert ready(step) == ("True", "Issued", "Certificate fetched from issuer successfully")
    assert (step.status.certificate, step.status.ca) == (chain, b"the CA")
    assert step.tell[-2:] == (warning, Tell("CertificateIssued", "Certificate fetched from issuer successfully"))
    assert len(step.tell) == 2  # that it was approved goes without saying


def test_a_signature_that_cannot_be_read_fails() -> None:
    step = signed_by_issuer(request(), b"garbage", b"", NOW)

    assert ready(step)[:2] == ("False", "Failed")
    assert [one.reason for one in step.tell] == ["cert-manager.io", "DecodeError"]
    assert (step.status.certificate, step.status.failure_time) == (b"", NOW)


def test_what_a_signature_waits_for_is_said_once() -> None:
    """One write and one event, also when it is looked at again."""
    why = WaitingForUser("Referenced secret web/ca not found", reason="SecretMissing")
    step = not_yet_signed(request(), why, NOW)

    assert step is not None
    assert types(step) == ["Approved", "Ready"]
    assert ready(step) == ("False", "Pending", "Referenced secret web/ca not found")
    assert [one.reason for one in step.tell] == ["cert-manager.io", "SecretMissing"]
    assert not_yet_signed(with_status(request(), step.status), why, NOW) is None


def test_a_refusal_of_the_issuer_is_the_end() -> None:
    why = Tell("SigningError", "Error signing certificate: no", "Warning")
    step = refused(approved(), why, NOW)

    assert ready(step) == ("False", "Failed", "Error signing certificate: no")
    assert (step.tell, step.status.failure_time) == ((why,), NOW)
