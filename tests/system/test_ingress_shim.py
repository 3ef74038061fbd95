"""From annotations to Certificates on the real API server: set, edited, removed, and what others do to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.cluster import Process
from tests.product import Product
from tests.system.shop import Shop, eventually
from tests.system.test_ca import issuer, pair

pytestmark = pytest.mark.system

ISSUER: Final = {"cert-manager.io/issuer": "ca"}
TEAM: Final = "example.test/team"
FIELDS: Final = "venafi.cert-manager.io/custom-fields"
ACME: Final = "acme.cert-manager.io"
TEMPORARY: Final = "cert-manager.io/issue-temporary-certificate"
AT_ONCE: Final = 3.0  # seconds; takes a tenth of one on an idle machine, and a back-off would be five at least
COLLECTED_WITHIN: Final = 90.0  # the collector looks for new kinds every thirty seconds
USAGES: Final = ["digital signature", "key encipherment"]
HOST: Final = "shop.example.test"


@pytest.fixture(scope="module")
def shim(product: Product) -> Iterator[Process]:
    """One with every setting that Ingresses have."""
    process = product.start_shim(
        "--log-level=debug",
        "--leader-elect=false",
        "--default-issuer-name=ca",
        "--auto-certificate-annotations=kubernetes.io/tls-acme,example.test/tls",
        f"--extra-certificate-annotations={TEAM},{FIELDS}",
    )
    yield process
    process.stop()


def put(
    shop: Shop,
    annotations: dict[str, str],
    *,
    name: str = "web",
    labels: dict[str, str] | None = None,
    **tls: list[str],
) -> None:
    """Apply an Ingress; further words are entries of `spec.tls`: the Secret, with a hyphen, and its hosts."""
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    shop.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": name, "annotations": annotations, "labels": labels or {}},
            "spec": {
                "defaultBackend": backend,
                "tls": [{"secretName": key.replace("_", "-"), "hosts": hosts} for key, hosts in tls.items()],
            },
        }
    )


def spec(shop: Shop, name: str = "web-tls") -> dict[str, Any]:
    found: dict[str, Any] = (shop.get("Certificate", name) or {}).get("spec", {})
    return found


def metadata(shop: Shop, name: str = "web-tls") -> dict[str, Any]:
    found: dict[str, Any] = (shop.get("Certificate", name) or {}).get("metadata", {})
    return found


def prefixed(annotations: dict[str, str]) -> dict[str, str]:
    return {f"cert-manager.io/{key}": text for key, text in annotations.items()}


def annotate(shop: Shop, *annotations: str) -> None:
    """Annotate the Certificate by hand."""
    shop.cluster.kubectl("-n", shop.namespace, "annotate", "certificate", "web-tls", *annotations)


def patch(shop: Shop, change: dict[str, Any], *flags: str) -> None:
    """Merge a change into the Certificate by hand."""
    words = ("patch", "certificate", "web-tls", "--type=merge", "-p", json.dumps(change))
    shop.cluster.kubectl("-n", shop.namespace, *words, *flags)


def annotated(shop: Shop, expected: dict[str, str], name: str = "web-tls") -> None:
    """Wait until the Certificate has exactly these annotations."""
    eventually(lambda: metadata(shop, name) and metadata(shop, name).get("annotations", {}) == expected, f"{expected}")


def told(shop: Shop, reason: str, message: str) -> None:
    """Wait for the event at an Ingress whose message holds these words."""
    eventually(lambda: any(reason == one and message in text for one, text in shop.events("Ingress")), message)


def test_who_triggers_and_which_issuer_it_is(shop: Shop) -> None:
    """Annotations over defaults; what does not trigger was looked at before what does."""
    put(shop, {"kubernetes.io/tls-acme": "yes"}, name="no", no_tls=[HOST])
    put(shop, {"cert-manager.io/issuer-kind": "Issuer"}, name="kind", kind_tls=[HOST])
    put(shop, {"kubernetes.io/tls-acme": "T"}, name="acme", acme_tls=[HOST])
    put(shop, {"example.test/tls": "1"}, name="auto", auto_tls=[HOST])
    put(shop, {"cert-manager.io/cluster-issuer": "everybody"}, name="all", all_tls=[HOST])
    external = {"issuer": "x", "issuer-kind": "PCA", "issuer-group": "pca.example.test"}
    put(shop, prefixed(external), name="external", external_tls=[HOST])

    eventually(lambda: len(shop.all("Certificate")) >= 4, "four Certificates")

    own = "cert-manager.io"
    assert {one["metadata"]["name"]: one["spec"]["issuerRef"] for one in shop.all("Certificate")} == {
        "acme-tls": {"name": "ca", "kind": "Issuer", "group": own},
        "auto-tls": {"name": "ca", "kind": "Issuer", "group": own},
        "all-tls": {"name": "everybody", "kind": "ClusterIssuer", "group": own},
        "external-tls": {"name": "x", "kind": "PCA", "group": "pca.example.test"},
    }


def test_bad_annotations_are_told_and_nothing_is_made(shop: Shop) -> None:
    both = 'both "cert-manager.io/{}" and "cert-manager.io/{}" may not be set'
    cluster = {"cert-manager.io/cluster-issuer": "a"}
    put(shop, {"cert-manager.io/issuer": ""}, name="nameless", nameless_tls=[HOST])
    put(shop, ISSUER | cluster, name="two", two_tls=[HOST])
    put(shop, cluster | {"cert-manager.io/issuer-group": "a.b"}, name="group", group_tls=[HOST])
    put(shop, cluster | {"cert-manager.io/issuer-kind": "A"}, name="kind", kind_tls=[HOST])
    put(shop, ISSUER | {"cert-manager.io/duration": "soon"}, name="soon", soon_tls=[HOST])

    told(shop, "BadConfig", "failed to determine issuer name to be used for ingress resource")
    told(shop, "BadConfig", both.format("issuer", "cluster-issuer"))
    told(shop, "BadConfig", both.format("cluster-issuer", "issuer-group"))
    told(shop, "BadConfig", both.format("cluster-issuer", "issuer-kind"))
    told(shop, "BadConfig", "metadata.annotations[cert-manager.io/duration]")
    assert shop.all("Certificate") == []


def test_a_secret_of_two_entries_refuses_the_whole_until_it_is_mended(shop: Shop) -> None:
    entries = [{"hosts": ["a.example.test"], "secretName": "x"}, {"hosts": ["b.example.test"], "secretName": "x"}]
    good = {"hosts": [HOST], "secretName": "web-tls"}
    shop.ingress("web", HOST, annotations=ISSUER, tls=[good, *entries])

    told(shop, "BadConfig", "spec.tls[2].secretName: Invalid value: ")
    told(shop, "BadConfig", "this secret name must only appear in a single TLS entry")
    assert shop.all("Certificate") == []

    shop.ingress("web", HOST, annotations=ISSUER, tls=[good, entries[0]])

    eventually(lambda: len(shop.all("Certificate")) == 2, "both are made", AT_ONCE)


def test_an_entry_becomes_a_certificate_and_goes_with_it(shop: Shop) -> None:
    """Name, names, labels, owner; events of its life."""
    put(
        shop,
        ISSUER,
        labels={"app": "shop", "applyset.kubernetes.io/part-of": "set"},
        web_tls=[HOST, "192.0.2.1"],
        more_tls=["more.example.test"],
    )
    eventually(lambda: spec(shop) and spec(shop, "more-tls"), "both are made")

    assert spec(shop) == {
        "secretName": "web-tls",
        "dnsNames": [HOST],
        "ipAddresses": ["192.0.2.1"],
        "issuerRef": {"name": "ca", "kind": "Issuer", "group": "cert-manager.io"},
        "usages": USAGES,
    }
    made = metadata(shop)
    assert made["labels"] == {"app": "shop"}
    (owner,) = made["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("Ingress", "web")
    assert owner["controller"]
    assert owner["blockOwnerDeletion"]

    put(shop, ISSUER, labels={"app": "store"}, web_tls=[HOST])

    eventually(lambda: shop.get("Certificate", "more-tls") is None, "it goes with its entry")
    assert (metadata(shop)["labels"], spec(shop).get("ipAddresses")) == ({"app": "store"}, None)
    told(shop, "CreateCertificate", 'Successfully created Certificate "web-tls"')
    told(shop, "UpdateCertificate", 'Successfully updated Certificate "web-tls"')
    told(shop, "DeleteCertificate", 'Successfully deleted unrequired Certificate "more-tls"')


# Of each annotation two texts and what they become; None where the other of an exclusive pair stands.
SUBJECT: Final = {
    "organizations": "organizations",
    "organizationalunits": "organizationalUnits",
    "provinces": "provinces",
    "localities": "localities",
    "postalcodes": "postalCodes",
    "streetaddresses": "streetAddresses",
}
FIRST: Final = {
    "common-name": "a.example.test",
    "alt-names": "b.example.test",
    "ip-sans": "192.0.2.1, 192.0.2.2",
    "email-sans": "a@example.test",
    "subject-countries": "DE",
    "subject-serialnumber": "1",
    "duration": "48h",
    "renew-before": "10h",
    "usages": "server auth",
    "revision-history-limit": "2",
    "private-key-algorithm": "ECDSA",
    "private-key-size": "384",
    "private-key-encoding": "PKCS8",
    "private-key-rotation-policy": "Never",
    "secret-template": '{"annotations": {"a": "b"}}',
} | {f"subject-{word}": "One" for word in SUBJECT}
SECOND: Final = {
    "common-name": "c.example.test",
    "alt-names": "d.example.test,b.example.test",
    "ip-sans": "192.0.2.2",
    "email-sans": "b@example.test",
    "subject-countries": "AT,DE",
    "subject-serialnumber": "2",
    "duration": "72h",
    "renew-before-percentage": "25",
    "usages": "client auth,server auth",
    "revision-history-limit": "3",
    "private-key-algorithm": "RSA",
    "private-key-size": "3072",
    "private-key-encoding": "PKCS1",
    "private-key-rotation-policy": "Always",
    "secret-template": '{"labels": {"c": "d"}}',
} | {f"subject-{word}": '"One, Inc.",Two' for word in SUBJECT}


def plain() -> dict[str, Any]:
    return {
        "secretName": "web-tls",
        "dnsNames": [HOST],
        "issuerRef": {"name": "ca", "kind": "Issuer", "group": "cert-manager.io"},
        "usages": USAGES,
    }


def test_every_annotation_is_set_edited_and_removed(shop: Shop) -> None:
    """The whole spec each time, so that nothing stays of what is gone."""

    def follows(annotations: dict[str, str], expected: dict[str, Any]) -> None:
        put(shop, ISSUER | prefixed(annotations), web_tls=[HOST])
        eventually(lambda: spec(shop) == expected, "the Certificate follows")

    follows(
        FIRST,
        plain()
        | {
            "commonName": "a.example.test",
            "dnsNames": [HOST, "b.example.test"],
            "ipAddresses": ["192.0.2.1", "192.0.2.2"],
            "emailAddresses": ["a@example.test"],
            "subject": {field: ["One"] for field in SUBJECT.values()} | {"countries": ["DE"], "serialNumber": "1"},
            "duration": "48h",
            "renewBefore": "10h",
            "usages": ["server auth"],
            "revisionHistoryLimit": 2,
            "privateKey": {"algorithm": "ECDSA", "size": 384, "encoding": "PKCS8", "rotationPolicy": "Never"},
            "secretTemplate": {"annotations": {"a": "b"}},
        },
    )
    names = ["One, Inc.", "Two"]
    follows(
        SECOND,
        plain()
        | {
            "commonName": "c.example.test",
            "dnsNames": [HOST, "d.example.test", "b.example.test"],
            "ipAddresses": ["192.0.2.2"],
            "emailAddresses": ["b@example.test"],
            "subject": dict.fromkeys(SUBJECT.values(), names) | {"countries": ["AT", "DE"], "serialNumber": "2"},
            "duration": "72h",
            "renewBeforePercentage": 25,
            "usages": ["client auth", "server auth"],
            "revisionHistoryLimit": 3,
            "privateKey": {"algorithm": "RSA", "size": 3072, "encoding": "PKCS1", "rotationPolicy": "Always"},
            "secretTemplate": {"labels": {"c": "d"}},
        },
    )
    follows({}, plain())


def test_annotations_of_the_certificate_are_set_edited_and_removed(shop: Shop) -> None:
    """Overrides of the solver and those that the admin has copied; a note of somebody else is never touched."""

    def put_with(annotations: dict[str, str]) -> None:
        put(shop, ISSUER | annotations, web_tls=[HOST])

    put_with({f"{ACME}/http01-edit-in-place": "true", TEAM: "a", "example.test/other": "x"})
    written = {f"{ACME}/http01-override-ingress-name": "web", TEMPORARY: "true", TEAM: "a"}
    annotated(shop, written)
    annotate(shop, "note=x")

    put_with({f"{ACME}/http01-ingress-class": "one", TEAM: "b", FIELDS: "[]"})
    annotated(shop, {f"{ACME}/http01-override-ingress-class": "one", TEAM: "b", FIELDS: "[]", "note": "x"})

    put_with({f"{ACME}/http01-ingress-class": "two", FIELDS: "[]"})
    annotated(shop, {f"{ACME}/http01-override-ingress-class": "two", FIELDS: "[]", "note": "x"})

    put_with({f"{ACME}/http01-ingress-ingressclassname": "three"})
    annotated(shop, {f"{ACME}/http01-override-ingress-ingressclassname": "three", "note": "x"})

    put_with({})
    annotated(shop, {"note": "x"})


def test_what_cert_manager_wrote_is_taken_off_and_what_somebody_else_wrote_is_not(shop: Shop) -> None:
    """The one by its field manager, the other by its own."""
    put(shop, ISSUER, web_tls=[HOST])
    eventually(lambda: spec(shop), "the Certificate is made")
    annotate(shop, f"{TEMPORARY}=true", f"{TEAM}=a")
    by_shim = {"metadata": {"annotations": {f"{ACME}/http01-override-ingress-class": "a"}}}
    patch(shop, by_shim, "--field-manager=cert-manager-ingress-shim")

    annotated(shop, {TEMPORARY: "true", TEAM: "a"})

    # What the Ingress asks for counts, and then it is ours.
    put(shop, ISSUER | {TEAM: "b"}, web_tls=[HOST])
    annotated(shop, {TEMPORARY: "true", TEAM: "b"})
    put(shop, ISSUER, web_tls=[HOST])
    annotated(shop, {TEMPORARY: "true"})


def test_edits_by_hand_are_put_back(shop: Shop) -> None:
    put(shop, ISSUER | {TEAM: "a"}, labels={"app": "shop"}, web_tls=[HOST])
    eventually(lambda: spec(shop), "the Certificate is made")
    edit = {
        "metadata": {"labels": {"app": "mine", "more": "x"}, "annotations": {TEAM: "mine"}},
        "spec": {"duration": "24h", "dnsNames": ["other.example.test"], "issuerRef": {"name": "other"}},
    }

    patch(shop, edit)

    eventually(lambda: spec(shop) == plain(), "the spec is back", AT_ONCE)
    assert (metadata(shop)["labels"], metadata(shop)["annotations"]) == ({"app": "shop"}, {TEAM: "a"})


def test_a_certificate_that_somebody_deletes_comes_back_at_once_and_is_not_issued_again(shop: Shop) -> None:
    shop.apply(pair())
    shop.apply(issuer("ca", ca={"secretName": "root"}))
    put(shop, {"kubernetes.io/tls-acme": "true"}, web_tls=[HOST])
    before, uid = shop.issued("web-tls"), metadata(shop)["uid"]

    shop.delete("Certificate", "web-tls")

    eventually(lambda: metadata(shop).get("uid", uid) != uid, "another is there", AT_ONCE)
    assert shop.issued("web-tls", AT_ONCE).chain == before.chain
    assert before.leaf.dns_names == (HOST,)


def test_certificates_go_with_their_ingress_and_stay_without_its_annotation(shop: Shop) -> None:
    """The Secret stays in both cases."""
    shop.apply(pair())
    shop.apply(issuer("ca", ca={"secretName": "root"}))
    put(shop, ISSUER, web_tls=[HOST])
    put(shop, ISSUER, name="other", other_tls=["other.example.test"])
    shop.issued("web-tls")
    shop.issued("other-tls")

    put(shop, {}, name="other", other_tls=["changed.example.test"])
    shop.delete("Ingress", "web")

    eventually(lambda: shop.get("Certificate", "web-tls") is None, "it is collected", COLLECTED_WITHIN)
    assert spec(shop, "other-tls")["dnsNames"] == ["other.example.test"]
    assert shop.stored("web-tls") is not None


def test_a_foreign_certificate_is_left_until_it_goes(shop: Shop) -> None:
    foreign = {"secretName": "web-tls", "dnsNames": [HOST], "issuerRef": {"name": "nobody"}}
    metadata_of = {"name": "web-tls", "annotations": {TEMPORARY: "true"}}
    shop.apply({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": metadata_of, "spec": foreign})
    put(shop, ISSUER, web_tls=[HOST])
    told(shop, "BadConfig", 'Certificate "web-tls" exists and is not controlled by this Ingress')
    assert spec(shop) == foreign

    shop.delete("Certificate", "web-tls")

    eventually(lambda: spec(shop) == plain(), "the Ingress has its own", AT_ONCE)
