"""The add-on for certmanager.k8s.io/v1alpha1 on the real API server: twins, their status back, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import pytest

from certs.api.meta import ObjectMeta, Resource
from shim.kube.cluster import Cluster as Informers
from shim.kube.presence import Presence
from shim.kube.transport import connect
from tests.cluster import APIFailure, Cluster, KubectlFailed, Process
from tests.product import NAMESPACE, Product
from tests.system.shop import Shop, eventually
from tests.system.test_ca import pair

pytestmark = pytest.mark.system

LEGACY: Final = "/apis/certmanager.k8s.io/v1alpha1/namespaces/{}/{}/{}"
COLLECTED_WITHIN: Final = 90.0  # the collector looks for new kinds every thirty seconds
STRICT: Final = ("apply", "--server-side", "--validate=strict", "-f", "-")


@pytest.fixture(scope="module")
def shim(product: Product) -> Iterator[Process]:
    """One that starts before the add-on is there, and finds it."""
    process = product.start_shim("--log-level=debug", "--leader-elect=false")
    product.install_legacy()
    yield process
    product.uninstall_legacy()
    process.stop()


def legacy(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "certmanager.k8s.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def old_acme(shop: Shop, name: str, **more: Any) -> dict[str, Any]:
    acme = shop.product.acme(name, shop.cluster.ca)
    acme["solvers"] = [{"http01": {"ingress": {"class": shop.cluster.ingress_class}}}]
    return legacy("Issuer", name, acme={**acme, **more})


def shown(shop: Shop, plural: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = shop.cluster.api.get(LEGACY.format(shop.namespace, plural, name))
    return found


def ready(shop: Shop, plural: str, name: str) -> dict[str, Any]:
    conditions = shown(shop, plural, name).get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == "Ready"), {})


def registered(shop: Shop, name: str = "letsencrypt-staging") -> None:
    shop.apply(old_acme(shop, name))
    eventually(lambda: ready(shop, "issuers", name).get("status") == "True", "the old Issuer is ready")


def test_an_issuer_is_mirrored_and_shows_that_it_is_registered(shop: Shop) -> None:
    """`kubectl describe issuer.certmanager.k8s.io` says what it said in the tutorial; the twin is the old one's."""
    registered(shop)

    told = shop.cluster.kubectl("describe", "issuer.certmanager.k8s.io", "letsencrypt-staging", "-n", shop.namespace)
    assert "ACMEAccountRegistered" in told
    assert "The ACME account was registered with the ACME server" in told
    assert "Uri:" in told
    twin = shop.get("Issuer", "letsencrypt-staging") or {}
    owner = twin["metadata"]["ownerReferences"][0]
    assert (owner["apiVersion"], owner["controller"], owner["blockOwnerDeletion"]) == (
        "certmanager.k8s.io/v1alpha1",
        True,
        True,
    )
    assert ("Mirrored", True) in [(reason, "cert-manager.io/v1" in text) for reason, text in shop.events("Issuer")]


@dataclass(frozen=True)
class Nobody:
    """A kind that no API server has, and that the shim's account may not list."""

    resource: ClassVar[Resource] = Resource("nobody.example.test", "v1", "Nobody", "nobodies")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)


def test_a_kind_that_is_not_served_is_not_asked_for(product: Product, cluster: Cluster) -> None:
    """Where the add-on is not installed, the audit log has no refusals of ours."""
    mark, presence = cluster.audit_mark(), Presence()
    transport = connect(str(cluster.service_account_kubeconfig(NAMESPACE, "certshim-shim")))
    kube = Informers(transport)
    kube.follow(Nobody, presence=presence, discovering=True)
    kube.start()
    try:
        assert kube.wait_synced(20)
    finally:
        kube.stop()
        transport.close()

    assert presence.why_absent
    asked = [one.response_status.code for one in cluster.audit(mark) if "nobody.example.test" in one.request_uri]
    assert asked
    assert 403 not in asked


def test_changes_go_to_the_twin_and_edits_of_it_are_undone(shop: Shop) -> None:
    """The old object rules, and both say so."""
    registered(shop)
    shop.apply(old_acme(shop, "letsencrypt-staging", email="other@example.test"))

    def email() -> str:
        return str((shop.get("Issuer", "letsencrypt-staging") or {})["spec"]["acme"]["email"])

    eventually(lambda: email() == "other@example.test", "the twin has the new address")
    assert "EditUndone" not in dict(shop.events("Issuer"))
    shop.cluster.kubectl(
        "patch",
        "issuer.cert-manager.io",
        "letsencrypt-staging",
        "-n",
        shop.namespace,
        "--type=merge",
        '-p={"spec":{"acme":{"email":"mine@example.test"}}}',
    )
    eventually(lambda: "EditUndone" in dict(shop.events("Issuer")), "both say that the edit was undone")
    assert email() == "other@example.test"
    eventually(
        lambda: len([one for one in shop.events("Issuer") if one[0] == "EditUndone"]) == 2,
        "the old object says so, too",
    )
    assert "spec.acme.email" in dict(shop.events("Issuer"))["EditUndone"]


def test_a_twin_that_is_as_it_shall_be_is_left_alone(shop: Shop) -> None:
    """Defaults that the API server fills in are no difference: nothing is written once all is well."""
    registered(shop)
    before = shop.get("Issuer", "letsencrypt-staging") or {}
    shop.cluster.kubectl(
        "annotate", "issuer.certmanager.k8s.io", "letsencrypt-staging", "-n", shop.namespace, "example.test/note=x"
    )

    def noted() -> bool:
        return "example.test/note" in (shop.get("Issuer", "letsencrypt-staging") or {})["metadata"]["annotations"]

    eventually(noted, "the annotation is copied")
    after = shop.get("Issuer", "letsencrypt-staging") or {}
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


def test_a_deleted_twin_comes_back_and_goes_with_the_old_object(shop: Shop) -> None:
    """Until the old object is deleted, and then the collector takes it."""
    registered(shop)
    first = (shop.get("Issuer", "letsencrypt-staging") or {})["metadata"]["uid"]
    shop.delete("Issuer", "letsencrypt-staging")

    eventually(
        lambda: (shop.get("Issuer", "letsencrypt-staging") or {"metadata": {"uid": first}})["metadata"]["uid"] != first,
        "the twin is back",
    )
    shop.cluster.api.delete(LEGACY.format(shop.namespace, "issuers", "letsencrypt-staging"))
    eventually(
        lambda: shop.get("Issuer", "letsencrypt-staging") is None, "the twin is collected", seconds=COLLECTED_WITHIN
    )


def test_whoever_orphans_the_twin_goes_on_with_it(shop: Shop) -> None:
    """The way into today's form without a new account or certificate, once the collector knows the old kinds."""
    registered(shop, "first")
    shop.cluster.api.delete(LEGACY.format(shop.namespace, "issuers", "first"))
    eventually(lambda: shop.get("Issuer", "first") is None, "the first is collected", seconds=COLLECTED_WITHIN)
    registered(shop)
    shop.cluster.kubectl(
        "delete", "issuer.certmanager.k8s.io", "letsencrypt-staging", "-n", shop.namespace, "--cascade=orphan"
    )

    def is_free() -> bool:
        return not (shop.get("Issuer", "letsencrypt-staging") or {})["metadata"].get("ownerReferences")

    eventually(is_free, "the twin is nobody's", seconds=COLLECTED_WITHIN)
    assert shop.condition("Issuer", "letsencrypt-staging")["status"] == "True"


def test_a_certificate_is_mirrored_with_what_was_meant(shop: Shop) -> None:
    """From a CA of the old form, by an old Certificate: the Secret is there, and the old object shows its end."""
    shop.apply(pair())
    shop.apply(legacy("Issuer", "ca", ca={"secretName": "root"}))
    spec = {
        "secretName": "web-tls",
        "issuerRef": {"name": "ca"},
        "dnsNames": ["web.example.test"],
        "keyAlgorithm": "ecdsa",
        "organization": ["Shop"],
    }
    shop.apply(legacy("Certificate", "web-tls", **spec))

    issued = shop.issued("web-tls")
    assert issued.leaf.dns_names == ("web.example.test",)
    twin = (shop.get("Certificate", "web-tls") or {})["spec"]
    assert twin["commonName"] == "web.example.test"
    assert twin["privateKey"] == {"algorithm": "ECDSA", "rotationPolicy": "Never"}
    eventually(lambda: shown(shop, "certificates", "web-tls").get("status", {}).get("notAfter"), "notAfter is shown")
    assert ready(shop, "certificates", "web-tls")["reason"] == "Ready"


def test_a_cluster_issuer_is_mirrored(shop: Shop) -> None:
    """It has no namespace, and neither has its twin, which follows its changes."""
    old = legacy("ClusterIssuer", "legacy-self", selfSigned={})
    shop.cluster.kubectl(*STRICT, stdin=json.dumps(old))

    def status() -> str:
        path = "/apis/certmanager.k8s.io/v1alpha1/clusterissuers/legacy-self"
        conditions = shop.cluster.api.get(path).get("status", {}).get("conditions", [{}])
        return str(conditions[0].get("status", ""))

    def points() -> list[str]:
        twin = shop.cluster.api.get("/apis/cert-manager.io/v1/clusterissuers/legacy-self")
        return list(twin["spec"]["selfSigned"].get("crlDistributionPoints", []))

    eventually(lambda: status() == "True", "the old ClusterIssuer is ready")
    old["spec"]["selfSigned"] = {"crlDistributionPoints": ["http://ca.test/crl"]}
    shop.cluster.kubectl(*STRICT, stdin=json.dumps(old))
    eventually(lambda: points() == ["http://ca.test/crl"], "the twin has it")
    shop.cluster.kubectl("delete", "clusterissuer.certmanager.k8s.io", "legacy-self")


def test_an_object_of_that_name_that_is_somebody_elses_rules(shop: Shop) -> None:
    """It is not touched, and the old object says why."""
    shop.issuer("mine")
    before = (shop.get("Issuer", "mine") or {})["spec"]
    shop.apply(old_acme(shop, "mine", email="other@example.test"))

    eventually(lambda: ready(shop, "issuers", "mine").get("reason") == "NotMirrored", "the old Issuer says why")
    assert "exists already, stands by itself" in ready(shop, "issuers", "mine")["message"]
    assert (shop.get("Issuer", "mine") or {})["spec"] == before


def test_what_cannot_be_carried_over_is_told_where_nobody_was_asked(shop: Shop) -> None:
    """As in a namespace whose validation is off."""
    old = old_acme(shop, "old", http01={}, dns01={"providers": [{"name": "dns", "clouddns": {"project": "x"}}]})
    del old["spec"]["acme"]["solvers"]
    shop.apply(old)

    eventually(lambda: ready(shop, "issuers", "old").get("reason") == "NotCarriedOver", "the old Issuer says why")
    assert '"dns01":{"cloudDNS":{"project":"x"}}' in ready(shop, "issuers", "old")["message"]
    assert shop.get("Issuer", "old") is None


def test_a_misspelled_field_is_refused(shop: Shop) -> None:
    """The schemas are whole, so kubectl's strict validation finds what nobody reads."""
    wrong = old_acme(shop, "wrong", emial="x@example.test")
    wrong["metadata"]["namespace"] = shop.namespace

    with pytest.raises(KubectlFailed, match="emial"):
        shop.apply(wrong)


def test_what_cannot_be_carried_over_is_refused_with_the_new_form(shop: Shop) -> None:
    """At apply time, by the webhook; and a twin's own mistakes are told of the old object."""
    shop.product.start_webhook()
    try:
        old = old_acme(shop, "old", http01={}, dns01={"providers": [{"name": "dns", "clouddns": {"project": "x"}}]})
        del old["spec"]["acme"]["solvers"]
        with pytest.raises(KubectlFailed) as refused:
            shop.apply(old)
        assert 'write instead, in cert-manager.io/v1: solvers: [{"selector"' in refused.value.stderr
        chosen = [{"domains": ["a.example.test"], "dns01": {"provider": "dns"}}]
        spec = {
            "secretName": "x",
            "issuerRef": {"name": "old"},
            "dnsNames": ["a.example.test"],
            "acme": {"config": chosen},
        }
        with pytest.raises(KubectlFailed, match="selector"):
            shop.apply(legacy("Certificate", "x", **spec))
        with pytest.raises(KubectlFailed, match="at least one of"):
            shop.apply(legacy("Certificate", "x", secretName="x", issuerRef={"name": "old"}))
        shop.apply(old_acme(shop, "fine"))
    finally:
        shop.product.withdraw_admission()
        shop.cluster.process("webhook").stop()
    with pytest.raises(APIFailure):
        shown(shop, "issuers", "old")
