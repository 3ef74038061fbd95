"""Requests: approved for whomever, followed where others sign, made without a Certificate, cleaned up, renewed."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from certs.api.certificate import KeyAlgorithm
from certs.pki.keys import encode_key, matches
from certs.pki.x509 import read_chain
from shim.keys import generate_key
from tests.cluster import Cluster, Process
from tests.product import NAMESPACE, Product
from tests.system import external
from tests.system.commands import Run
from tests.system.external import GROUP, PLURAL, REF, Appliance, condition, encoded, say
from tests.system.shop import Shop, Stored, eventually

pytestmark = pytest.mark.system
SHIM = f"system:serviceaccount:{NAMESPACE}:certshim-shim"
NOBODY = {"name": "x", "kind": "Nothing", "group": "nobody.example.test"}


@pytest.fixture(scope="module")
def shim(product: Product, cluster: Cluster) -> Iterator[Process]:
    """The shim, where the kind of the external issuer is known."""
    external.install(cluster)
    process = product.start_shim("--log-level=debug", "--leader-elect=false")
    yield process
    process.stop()
    external.uninstall(cluster)


@pytest.fixture
def appliance(shop: Shop) -> Appliance:
    return Appliance(shop)


@pytest.fixture
def webhook(product: Product, cluster: Cluster, shim: Process) -> Iterator[Process]:
    process = product.start_webhook()
    yield process
    process.stop()
    product.withdraw_admission()


def certificate(name: str, ref: dict[str, str], **spec: Any) -> dict[str, Any]:
    """Return a Certificate whose Secret is `tls`."""
    spec = {"secretName": "tls", "issuerRef": ref, "privateKey": {"algorithm": "ECDSA"}} | spec
    return {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": name}, "spec": spec}


def self_signed(shop: Shop, name: str = "self") -> dict[str, str]:
    """Apply a self-signed issuer, and return the reference to it."""
    shop.apply(
        {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": name}, "spec": {"selfSigned": {}}}
    )
    return {"name": name}


def told(shop: Shop, reason: str) -> list[dict[str, Any]]:
    """Return the events about requests with that reason."""
    events = [one for one in shop.all("Event") if one["involvedObject"]["kind"] == "CertificateRequest"]
    return [one for one in events if one["reason"] == reason]


def writes(cluster: Cluster, shop: Shop, mark: Any) -> int:
    """Return how often the shim has tried to write the status of a request, from the audit log."""
    return sum(
        event.user.username == SHIM
        and (event.object_ref.resource, event.object_ref.subresource) == ("certificaterequests", "status")
        and event.object_ref.namespace == shop.namespace
        and event.stage == "ResponseComplete"
        for event in cluster.audit(mark)
    )


# --- issuers of others ------------------------------------------------------------------------------------------


def test_an_external_issuer_signs(shop: Shop, cluster: Cluster, appliance: Appliance) -> None:
    """Approved in one write, then followed: its waiting is said, its certificate and its CA are stored."""
    mark, host = cluster.audit_mark(), shop.host()
    shop.apply(certificate("web", REF, dnsNames=[host]))

    asked = appliance.approved("web-1")

    assert [(one["type"], one["reason"]) for one in asked["status"]["conditions"]] == [("Approved", "cert-manager.io")]
    appliance.wait("web-1", "somebody must press the button")
    eventually(
        lambda: shop.condition("Certificate", "web", "Issuing").get("message") == "somebody must press the button",
        "the Certificate says what the appliance waits for",
    )
    assert shop.condition("Certificate", "web", "Issuing")["status"] == "True"
    ca = appliance.sign("web-1")

    stored = issued(shop, "web")
    assert stored.is_pair
    assert stored.leaf.dns_names == (host,)
    assert base64.b64decode((shop.get("Secret", "tls") or {})["data"]["ca.crt"]) == ca
    assert stored.metadata["annotations"]["cert-manager.io/issuer-group"] == GROUP
    assert shop.all("Order") == []
    eventually(lambda: told(shop, "cert-manager.io"), "the approval is an event")
    assert told(shop, "CertificateIssued") == []
    assert writes(cluster, shop, mark) == 1


def issued(shop: Shop, name: str, revision: int = 1) -> Stored:
    """Wait until a Certificate has that revision and is tidy, and return its Secret."""

    def look() -> bool:
        status = (shop.get("Certificate", name) or {}).get("status", {})
        return status.get("revision") == revision and "nextPrivateKeySecretName" not in status

    eventually(look, f"Certificate {name} has revision {revision}")
    shop.ready("Certificate", name)
    found = shop.stored("tls")
    assert found is not None
    return found


def test_an_ingress_names_an_external_issuer(shop: Shop, appliance: Appliance) -> None:
    """By the annotations that it has for that."""
    names = {f"cert-manager.io/issuer{which}": REF[part] for which, part in (("", "name"), ("-kind", "kind"))}
    host = shop.host()
    shop.ingress("web", host, annotations={**names, "cert-manager.io/issuer-group": GROUP})

    appliance.sign("web-tls-1")

    assert shop.issued("web-tls").leaf.dns_names == (host,)


@pytest.mark.parametrize(
    "said",
    [
        condition("Ready", true=False, reason="Failed", message="no quota"),
        condition("InvalidRequest", reason="BadNames", message="no quota"),
    ],
    ids=["failed", "invalid"],
)
def test_a_refusal_of_an_external_issuer_is_told(shop: Shop, appliance: Appliance, said: dict[str, str]) -> None:
    """In the Certificate, with the reason of whoever refused; the back-off begins."""
    shop.apply(certificate("web", REF, dnsNames=[shop.host()]))
    refused = appliance.approved("web-1")["metadata"]["uid"]
    say(shop, "CertificateRequest", "web-1", said)

    eventually(lambda: shop.condition("Certificate", "web", "Issuing").get("status") == "False", "the attempt ends")

    issuing = shop.condition("Certificate", "web", "Issuing")
    assert issuing["reason"] == said["reason"]
    assert re.search(r": no quota \(next attempt at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)$", issuing["message"])
    assert (shop.get("Certificate", "web") or {})["status"]["failedIssuanceAttempts"] == 1

    shop.apply(certificate("web", REF, dnsNames=[shop.host()]))  # whoever mends the spec need not wait

    eventually(lambda: shop.condition("Certificate", "web", "Issuing").get("status") == "True", "it begins anew", 3)
    eventually(lambda: appliance.approved("web-1")["metadata"]["uid"] != refused, "there is another request")
    appliance.sign("web-1")
    assert issued(shop, "web").is_pair
    assert "failedIssuanceAttempts" not in (shop.get("Certificate", "web") or {})["status"]


# --- who may approve --------------------------------------------------------------------------------------------


@pytest.fixture
def grant(cluster: Cluster, namespace: str) -> Iterator[Callable[[str], None]]:
    """Let the shim approve under a name, until the end of the test."""
    name, group = f"{namespace}-approve", "rbac.authorization.k8s.io"

    def grant(signer: str) -> None:
        rule = {"apiGroups": ["cert-manager.io"], "resources": ["signers"], "verbs": ["approve"]}
        rules = [rule | {"resourceNames": [signer]}]
        role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
        cluster.api.post(f"/apis/{group}/v1/clusterroles", role)
        subject = f"--serviceaccount={NAMESPACE}:certshim-shim"
        cluster.kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", subject)

    yield grant
    cluster.kubectl("delete", "clusterrole,clusterrolebinding", name, "--ignore-not-found")


@pytest.mark.usefixtures("webhook")
def test_a_role_that_is_missing_is_named_and_then_used(
    shop: Shop, cluster: Cluster, appliance: Appliance, grant: Callable[[str], None]
) -> None:
    """Asked again with a growing pause, and each time it is said when; the role is found by itself."""
    mark = cluster.audit_mark()
    shop.apply(certificate("web", REF, dnsNames=[shop.host()]))

    event = eventually(lambda: told(shop, "ApprovalRefused"), "the refusal is an event")[0]

    assert event["type"] == "Warning"
    assert f'no permission for ExampleIssuer "appliance" of {GROUP}' in event["message"]
    assert f'verb approve on signers of group cert-manager.io, resourceName "{PLURAL}.{GROUP}/*"' in event["message"]
    assert (shop.get("CertificateRequest", "web-1") or {}).get("status", {}) == {}
    time.sleep(2)
    assert 2 <= writes(cluster, shop, mark) <= 3
    assert "(next attempt at " in event["message"]
    grant(f"{PLURAL}.{GROUP}/*")
    appliance.sign("web-1")
    assert issued(shop, "web").is_pair


@pytest.mark.usefixtures("webhook")
def test_a_kind_that_is_missing_is_told(shop: Shop) -> None:
    shop.apply(external.request("web", NOBODY, generate_key(KeyAlgorithm.ECDSA), shop.host()))

    event = eventually(lambda: told(shop, "ApprovalRefused"), "the refusal is an event")[0]

    assert "this cluster has no kind Nothing of nobody.example.test" in event["message"]


def test_without_a_webhook_nobody_asks(shop: Shop) -> None:
    """Approval is then ours to give, whether or not the issuer exists."""
    shop.apply(external.request("web", NOBODY, generate_key(KeyAlgorithm.ECDSA), shop.host()))

    eventually(lambda: shop.condition("CertificateRequest", "web", "Approved"), "it is approved")


# --- the requests of a Certificate ------------------------------------------------------------------------------


def test_a_request_says_what_its_certificate_says(shop: Shop) -> None:
    """Name, labels, annotations but those of tools, owner; also where the name is nearly too long for all that."""
    name = "shop." * 48 + "shop"
    body = certificate(name, self_signed(shop), dnsNames=[shop.host()], commonName="shop")
    body["metadata"] |= {
        "labels": {"team": "a"},
        "annotations": {"example.test/note": "x", "argocd.argoproj.io/tracking-id": "shop"},
    }
    shop.apply(body)
    issued(shop, name)

    (request,) = shop.all("CertificateRequest")
    metadata = request["metadata"]
    beginning, digest, revision = metadata["name"].rsplit("-", 2)
    assert (name.startswith(beginning), len(digest), revision) == (True, 64, "1")
    assert metadata["labels"] == {"team": "a"}
    annotations = metadata["annotations"]
    assert annotations.pop("cert-manager.io/private-key-secret-name")
    assert annotations == {
        "example.test/note": "x",
        "cert-manager.io/certificate-name": name,
        "cert-manager.io/certificate-revision": "1",
    }
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Certificate", name, True)


def test_a_deleted_request_is_made_again(shop: Shop, appliance: Appliance) -> None:
    """Under its name, for the same key; and an edited Certificate gets another."""
    first, second = shop.host(), shop.host()
    shop.apply(certificate("web", REF, dnsNames=[first]))
    before = appliance.approved("web-1")
    shop.delete("CertificateRequest", "web-1")

    def anew(than: dict[str, Any]) -> dict[str, Any] | None:
        found = shop.get("CertificateRequest", "web-1")
        return found if found is not None and found["metadata"]["uid"] != than["metadata"]["uid"] else None

    again = eventually(lambda: anew(before), "it is made again")
    key_secret = "cert-manager.io/private-key-secret-name"
    assert again["metadata"]["annotations"][key_secret] == before["metadata"]["annotations"][key_secret]
    shop.apply(certificate("web", REF, dnsNames=[second]))
    eventually(lambda: anew(again), "it is made for the new spec")
    appliance.sign("web-1")

    assert issued(shop, "web").leaf.dns_names == (second,)


@pytest.mark.parametrize(("limit", "kept"), [(None, [3]), (2, [2, 3])], ids=["by default", "two"])
def test_renewed_by_hand_it_is_issued_at_once(shop: Shop, limit: int | None, kept: list[int]) -> None:
    """As `cmctl renew` asks for it; of the requests as many stay as the Certificate says."""
    more = {} if limit is None else {"revisionHistoryLimit": limit}
    shop.apply(certificate("web", self_signed(shop), dnsNames=[shop.host()], commonName="shop", **more))
    serials = [issued(shop, "web").leaf.serial]
    for revision in (2, 3):
        renew(shop, "web")
        serials.append(issued(shop, "web", revision).leaf.serial)

    assert len(set(serials)) == 3
    eventually(
        lambda: (
            sorted(one["metadata"]["name"] for one in shop.all("CertificateRequest"))
            == [f"web-{number}" for number in kept]
        ),
        f"of the requests {kept} are left",
    )
    assert shop.condition("Certificate", "web", "Issuing") == {}


def test_renewed_by_hand_the_back_off_is_over(shop: Shop, appliance: Appliance) -> None:
    """And the failed request is replaced by another, which has its chance."""
    shop.apply(certificate("web", REF, dnsNames=[shop.host()]))
    before = appliance.approved("web-1")["metadata"]["uid"]
    failed = condition("Ready", true=False, reason="Failed", message="no quota")
    say(shop, "CertificateRequest", "web-1", failed, failureTime=failed["lastTransitionTime"])
    eventually(lambda: shop.condition("Certificate", "web", "Issuing").get("status") == "False", "the attempt ends")
    time.sleep(1)  # conditions tell time in seconds

    renew(shop, "web")

    eventually(
        lambda: (shop.get("CertificateRequest", "web-1") or {"metadata": {"uid": before}})["metadata"]["uid"] != before,
        "there is another request",
    )
    appliance.sign("web-1")
    assert issued(shop, "web").is_pair


def test_a_certificate_of_no_use_is_not_offered_again(shop: Shop, appliance: Appliance) -> None:
    """The attempt fails; the next one makes another request, and is served."""
    shop.apply(certificate("web", REF, dnsNames=[shop.host()]))
    before = appliance.approved("web-1")["metadata"]["uid"]
    ready = condition("Ready", reason="Issued", message="here you are")
    say(shop, "CertificateRequest", "web-1", ready, certificate=encoded(b"garbage"))
    eventually(
        lambda: shop.condition("Certificate", "web", "Issuing").get("reason") == "InvalidCertificate",
        "the attempt ends",
    )
    time.sleep(1)  # conditions tell time in seconds

    renew(shop, "web")

    eventually(
        lambda: (shop.get("CertificateRequest", "web-1") or {"metadata": {"uid": before}})["metadata"]["uid"] != before,
        "there is another request",
    )
    appliance.sign("web-1")
    assert issued(shop, "web").is_pair


def renew(shop: Shop, name: str) -> None:
    """Do as `cmctl renew` and `kubectl cert-manager renew` do."""
    message = "Certificate re-issuance manually triggered"
    say(shop, "Certificate", name, condition("Issuing", reason="ManuallyTriggered", message=message))


# --- requests without a Certificate -----------------------------------------------------------------------------


def signed(shop: Shop, name: str) -> dict[str, Any]:
    """Wait until a request has its certificate, and return its status."""
    shop.ready("CertificateRequest", name)
    status: dict[str, Any] = (shop.get("CertificateRequest", name) or {})["status"]
    return status


def test_acme_serves_a_request_of_somebody(shop: Shop) -> None:
    key, host = generate_key(KeyAlgorithm.ECDSA), shop.host()
    shop.apply(external.request("mine", {"name": shop.issuer()}, key, host))

    status = signed(shop, "mine")

    leaf = read_chain(base64.b64decode(status["certificate"]))[0]
    assert leaf.dns_names == (host,)
    assert matches(key, leaf)
    assert "ca" not in status
    (order,) = shop.all("Order")
    assert order["metadata"]["ownerReferences"][0]["name"] == "mine"


def test_a_ca_serves_a_request_of_somebody(shop: Shop) -> None:
    root = certificate("root", self_signed(shop), commonName="Root", isCA=True)
    shop.apply(root)
    shop.apply(
        {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Issuer",
            "metadata": {"name": "ca"},
            "spec": {"ca": {"secretName": "tls"}},
        }
    )
    key, host = generate_key(KeyAlgorithm.ECDSA), shop.host()
    shop.apply(external.request("mine", {"name": "ca"}, key, host))

    status = signed(shop, "mine")

    assert matches(key, read_chain(base64.b64decode(status["certificate"]))[0])
    assert read_chain(base64.b64decode(status["ca"]))[0].common_name == "Root"


def test_a_request_of_somebody_signs_itself_with_the_key_it_names(shop: Shop) -> None:
    """It waits for the Secret, which is the user's own and has no label of ours."""
    key, host = generate_key(KeyAlgorithm.ECDSA), shop.host()
    shop.apply(external.request("mine", self_signed(shop), key, host, key_secret="key"))
    missing = f"Referenced secret {shop.namespace}/key not found"
    eventually(lambda: shop.condition("CertificateRequest", "mine").get("message") == missing, "the Secret is missed")
    data = {"tls.key": encoded(bytes(encode_key(key)))}
    shop.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "type": "Opaque", "data": data})

    status = signed(shop, "mine")

    assert status["certificate"] == status["ca"]
    assert matches(key, read_chain(base64.b64decode(status["certificate"]))[0])


def test_without_that_name_it_fails(shop: Shop) -> None:
    shop.apply(external.request("mine", self_signed(shop), generate_key(KeyAlgorithm.ECDSA), shop.host()))

    eventually(lambda: told(shop, "MissingAnnotation"), "it is told")

    ready = shop.condition("CertificateRequest", "mine")
    assert (ready["status"], ready["reason"]) == ("False", "Failed")
    assert 'Annotation "cert-manager.io/private-key-secret-name" missing' in ready["message"]
    assert "failureTime" in (shop.get("CertificateRequest", "mine") or {})["status"]


def test_an_issuer_of_a_type_that_cannot_sign_says_so(shop: Shop, run: Run) -> None:
    """Itself, so that nobody waits for it to become ready; and so does `explain`."""
    auth = {"tokenSecretRef": {"name": "token", "key": "token"}}
    spec = {"vault": {"server": "https://vault.example.test", "path": "pki/sign/x", "auth": auth}}
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "vault"}, "spec": spec})
    shop.apply(certificate("web", {"name": "vault"}, dnsNames=[shop.host()]))

    ready = eventually(lambda: shop.condition("Issuer", "vault"), "its condition is written")
    explained = run("explain", "certificate", "web").stdout
    shop.delete("Issuer", "vault")

    assert (ready["status"], ready["reason"]) == ("False", "IssuerTypeUnsupported")
    assert 'Issuer "vault" is of type vault, which this release cannot sign with' in explained
