"""An annotated Ingress and the Certificates that it asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from certs.api.certificate import (
    DEFAULT_USAGES,
    Certificate,
    KeyAlgorithm,
    KeyEncoding,
    KeyUsage,
    PrivateKey,
    RotationPolicy,
    SecretTemplate,
    X509Subject,
)
from certs.api.ingress import Ingress, IngressSpec, IngressTLS
from certs.api.meta import IssuerReference, ObjectMeta, OwnerReference
from certs.problems import Problems
from certs.wanted import Settings, Wanted, certificates, is_wanted, issuer_of

DEFAULTS = Settings()
ISSUER = {"cert-manager.io/issuer": "letsencrypt"}
SHOP = IngressTLS(hosts=("shop.example.com",), secret_name="shop-tls")


def ingress(*tls: IngressTLS, annotations: dict[str, str] = ISSUER, labels: dict[str, str] | None = None) -> Ingress:
    metadata = ObjectMeta(
        name="shop", namespace="team", uid="7", annotations=annotations, labels=labels or {"app": "shop"}
    )
    return Ingress(metadata=metadata, spec=IngressSpec(tls=tls or (SHOP,)))


def wanted(given: Ingress, settings: Settings = DEFAULTS) -> Wanted:
    answer = certificates(given, settings)
    assert isinstance(answer, Wanted), str(answer)
    return answer


def only(given: Ingress, settings: Settings = DEFAULTS) -> Certificate:
    (certificate,) = wanted(given, settings).certificates
    return certificate


def refused(given: Ingress, settings: Settings = DEFAULTS) -> str:
    answer = certificates(given, settings)
    assert isinstance(answer, Problems)
    return str(answer)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"cert-manager.io/issuer": ""}, True, id="issuer, even empty"),
        pytest.param({"cert-manager.io/cluster-issuer": "x"}, True, id="cluster issuer"),
        pytest.param({"kubernetes.io/tls-acme": "true"}, True, id="tls-acme"),
        pytest.param({"kubernetes.io/tls-acme": "T"}, True, id="tls-acme, another word of Go for true"),
        pytest.param({"kubernetes.io/tls-acme": "yes"}, False, id="tls-acme, no word of Go for true"),
        pytest.param({"certmanager.k8s.io/issuer": "x"}, True, id="old key"),
        pytest.param({"certmanager.k8s.io/acme-http01-edit-in-place": "true"}, False, id="old key of no issuer"),
        pytest.param({"cert-manager.io/issuer-kind": "X"}, False, id="kind alone"),
    ],
)
def test_annotation_triggers(annotations: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_wanted(ingress(annotations=annotations), DEFAULTS) is expected


def test_auto_annotations_are_a_setting() -> None:
    settings = replace(DEFAULTS, auto_certificate_annotations=("example.com/tls",))

    assert is_wanted(ingress(annotations={"example.com/tls": "1"}), settings)
    assert not is_wanted(ingress(annotations={"kubernetes.io/tls-acme": "1"}), settings)


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(
            ObjectMeta(annotations=ISSUER, deletion_timestamp=datetime(2026, 1, 1, tzinfo=UTC)), id="being deleted"
        ),
        pytest.param(ObjectMeta(annotations=ISSUER, finalizers=("foregroundDeletion",)), id="foreground deletion"),
    ],
)
def test_dying_ingress_wants_nothing(metadata: ObjectMeta) -> None:
    assert not is_wanted(Ingress(metadata=metadata), DEFAULTS)


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({"cert-manager.io/issuer": "a"}, IssuerReference("a", "Issuer", "cert-manager.io"), id="issuer"),
        pytest.param(
            {"cert-manager.io/cluster-issuer": "a"},
            IssuerReference("a", "ClusterIssuer", "cert-manager.io"),
            id="cluster issuer",
        ),
        pytest.param(
            {
                "cert-manager.io/issuer": "a",
                "cert-manager.io/issuer-kind": "PCA",
                "cert-manager.io/issuer-group": "pca.example.com",
            },
            IssuerReference("a", "PCA", "pca.example.com"),
            id="external issuer",
        ),
        pytest.param(
            {"kubernetes.io/tls-acme": "true"}, IssuerReference("main", "ClusterIssuer", "example.com"), id="default"
        ),
        pytest.param(
            {"cert-manager.io/issuer": "a"}, IssuerReference("a", "Issuer", "example.com"), id="default group stays"
        ),
    ],
)
def test_issuer_is_chosen_by_defaults_and_annotations(annotations: dict[str, str], expected: IssuerReference) -> None:
    group = "cert-manager.io" if expected.group == "cert-manager.io" else "example.com"
    settings = Settings(default_issuer_name="main", default_issuer_kind="ClusterIssuer", default_issuer_group=group)

    assert issuer_of(ingress(annotations=annotations), settings) == expected


@pytest.mark.parametrize(
    ("annotations", "details"),
    [
        pytest.param(
            {"kubernetes.io/tls-acme": "true"},
            ["failed to determine issuer name to be used for ingress resource"],
            id="no default issuer",
        ),
        pytest.param(
            {"cert-manager.io/issuer": ""},
            ["failed to determine issuer name to be used for ingress resource"],
            id="empty name",
        ),
        pytest.param(
            {"cert-manager.io/issuer": "a", "cert-manager.io/cluster-issuer": "b"},
            ['both "cert-manager.io/issuer" and "cert-manager.io/cluster-issuer" may not be set'],
            id="issuer and cluster issuer",
        ),
        pytest.param(
            {"cert-manager.io/cluster-issuer": "b", "cert-manager.io/issuer-group": "g"},
            ['both "cert-manager.io/cluster-issuer" and "cert-manager.io/issuer-group" may not be set'],
            id="cluster issuer with group",
        ),
        pytest.param(
            {"cert-manager.io/cluster-issuer": "b", "cert-manager.io/issuer-kind": "k"},
            ['both "cert-manager.io/cluster-issuer" and "cert-manager.io/issuer-kind" may not be set'],
            id="cluster issuer with kind",
        ),
        pytest.param(
            {"cert-manager.io/issuer": "b", "cert-manager.io/issuer-kind": "AWSPCAIssuer"},
            ["is no kind of cert-manager.io"],
            id="external kind without its group",
        ),
        pytest.param(
            {"cert-manager.io/cluster-issuer": "", "cert-manager.io/issuer-kind": "k"},
            [
                "failed to determine issuer name to be used for ingress resource",
                'both "cert-manager.io/cluster-issuer" and "cert-manager.io/issuer-kind" may not be set',
            ],
            id="everything wrong at once",
        ),
    ],
)
def test_issuer_cannot_be_determined(annotations: dict[str, str], details: list[str]) -> None:
    problems = issuer_of(ingress(annotations=annotations), DEFAULTS)

    assert isinstance(problems, Problems)
    assert [problem.detail for problem in problems] == details
    assert all(problem.remedy for problem in problems)


def test_entry_becomes_a_certificate() -> None:
    """Name and Secret are the entry's, labels and owner the Ingress's, the issuer is filled, usages are the default."""
    certificate = only(ingress(labels={"app": "shop", "applyset.kubernetes.io/part-of": "set"}))

    assert certificate.metadata == ObjectMeta(
        name="shop-tls",
        namespace="team",
        labels={"app": "shop"},
        owner_references=(
            OwnerReference("networking.k8s.io/v1", "Ingress", "shop", "7", controller=True, block_owner_deletion=True),
        ),
    )
    assert certificate.spec.secret_name == "shop-tls"
    assert certificate.spec.issuer_ref == IssuerReference("letsencrypt", "Issuer", "cert-manager.io")
    assert certificate.spec.dns_names == ("shop.example.com",)
    assert certificate.spec.usages == DEFAULT_USAGES


def test_entries_keep_their_order() -> None:
    given = ingress(*(IngressTLS((f"{name}.example.com",), name) for name in ("z", "a", "m")))

    assert [certificate.metadata.name for certificate in wanted(given).certificates] == ["z", "a", "m"]


def test_names_are_those_that_a_ca_takes() -> None:
    """Lower case, each once, none under a wildcard of the same Certificate, wherever they stand."""
    keys = {"cert-manager.io/alt-names": "B.Example.org,a.example.com,A.example.org"}
    entry = IngressTLS(("www.example.com", "*.example.com", "a.example.org", "example.com"), "x")

    certificate = only(ingress(entry, annotations={**ISSUER, **keys}))

    assert certificate.spec.dns_names == ("*.example.com", "a.example.org", "example.com", "b.example.org")


@pytest.mark.parametrize(
    ("annotations", "name", "kind"),
    [
        pytest.param({"certmanager.k8s.io/issuer": "a"}, "a", "Issuer", id="old key"),
        pytest.param({"certmanager.k8s.io/cluster-issuer": "a"}, "a", "ClusterIssuer", id="old key of the other kind"),
        pytest.param(
            {"certmanager.k8s.io/cluster-issuer": "a", "cert-manager.io/issuer": "b"}, "b", "Issuer", id="today's wins"
        ),
    ],
)
def test_old_keys_choose_the_issuer(annotations: dict[str, str], name: str, kind: str) -> None:
    """Whether or not admission has translated them."""
    assert issuer_of(ingress(annotations=annotations), DEFAULTS) == IssuerReference(name, kind, "cert-manager.io")


def test_old_keys_bend_the_solver() -> None:
    keys = {"certmanager.k8s.io/acme-http01-ingress-class": "nginx"}

    certificate = only(ingress(annotations={**ISSUER, **keys}))

    assert certificate.metadata.annotations == {"acme.cert-manager.io/http01-override-ingress-class": "nginx"}


def test_addresses_among_hosts_become_ip_addresses() -> None:
    certificate = only(ingress(IngressTLS(("a.example.com", "192.0.2.1", "a.example.com", "2001:db8::1"), "x")))

    assert certificate.spec.dns_names == ("a.example.com",)
    assert certificate.spec.ip_addresses == ("192.0.2.1", "2001:db8::1")


@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("common-name", "shop.example.com", "common_name", "shop.example.com"),
        (
            "alt-names",
            "a.example.com, b.example.com",
            "dns_names",
            ("shop.example.com", "a.example.com", "b.example.com"),
        ),
        ("ip-sans", "192.0.2.1, 192.0.2.2", "ip_addresses", ("192.0.2.1", "192.0.2.2")),
        ("email-sans", "a@example.com, b@example.com", "email_addresses", ("a@example.com", "b@example.com")),
        ("subject-organizations", 'A,"B, Inc."', "subject", X509Subject(organizations=("A", "B, Inc."))),
        ("subject-organizationalunits", "A", "subject", X509Subject(organizational_units=("A",))),
        ("subject-countries", "DE,AT", "subject", X509Subject(countries=("DE", "AT"))),
        ("subject-provinces", "A", "subject", X509Subject(provinces=("A",))),
        ("subject-localities", "A", "subject", X509Subject(localities=("A",))),
        ("subject-postalcodes", "A", "subject", X509Subject(postal_codes=("A",))),
        ("subject-streetaddresses", '"1 ""Main"" St, B"', "subject", X509Subject(street_addresses=('1 "Main" St, B',))),
        ("subject-serialnumber", "1,2", "subject", X509Subject(serial_number="1,2")),
        ("duration", "720h", "duration", "720h"),
        ("renew-before", "240h", "renew_before", "240h"),
        ("renew-before-percentage", "25", "renew_before_percentage", 25),
        ("usages", "server auth, any", "usages", (KeyUsage.SERVER_AUTH, KeyUsage.ANY)),
        ("revision-history-limit", "3", "revision_history_limit", 3),
        ("private-key-algorithm", "ECDSA", "private_key", PrivateKey(algorithm=KeyAlgorithm.ECDSA)),
        ("private-key-encoding", "PKCS8", "private_key", PrivateKey(encoding=KeyEncoding.PKCS8)),
        ("private-key-size", "4096", "private_key", PrivateKey(size=4096)),
        ("private-key-rotation-policy", "Never", "private_key", PrivateKey(rotation_policy=RotationPolicy.NEVER)),
        (
            "secret-template",
            '{"annotations": {"a": "b"}, "labels": {"c": "d"}}',
            "secret_template",
            SecretTemplate(annotations={"a": "b"}, labels={"c": "d"}),
        ),
    ],
)
def test_annotation_fills_its_field(key: str, text: str, field: str, value: object) -> None:
    certificate = only(ingress(annotations={**ISSUER, f"cert-manager.io/{key}": text}))

    assert getattr(certificate.spec, field) == value


@pytest.mark.parametrize(
    ("key", "text", "detail"),
    [
        ("common-name", "x" * 65, "may not be more than 64 bytes"),
        ("alt-names", "a.example.com,", "has an empty name"),
        ("alt-names", "a b.example.com", "is no DNS name"),
        ("ip-sans", "example.com", "is no IP address"),
        ("ip-sans", "fe80::1%eth0", "is no IP address"),
        ("email-sans", "Admin <a@example.com>", "is no bare e-mail address"),
        ("subject-organizations", 'A"B', "must be one line of values"),
        ("subject-organizations", "", "must be one line of values"),
        ("duration", "90d", "duration"),
        ("duration", "30m", "must be at least 1h"),
        ("renew-before", "1m", "must be at least 5m"),
        ("renew-before", "2160h", "must be shorter than the certificate's duration"),
        ("renew-before-percentage", "third", "must be a whole number"),
        ("usages", "server", 'unknown key usage "server"'),
        ("revision-history-limit", "0", "must not be less than 1"),
        ("private-key-algorithm", "rsa", "must be one of RSA, ECDSA, Ed25519"),
        ("private-key-encoding", "DER", "must be one of PKCS1, PKCS8"),
        ("private-key-size", "1024", "must be between 2048 and 8192 for RSA"),
        ("private-key-rotation-policy", "always", "must be one of Never, Always"),
        ("secret-template", '{"annotation": {}}', "in JSON"),
        ("secret-template", '{"annotations": {"cert-manager.io/x": "y"}}', "annotations are not allowed"),
    ],
)
def test_value_that_cannot_be_read_is_refused(key: str, text: str, detail: str) -> None:
    message = refused(ingress(annotations={**ISSUER, f"cert-manager.io/{key}": text}))

    assert message.startswith(f"metadata.annotations[cert-manager.io/{key}]: Invalid value: ")
    assert detail in message


@pytest.mark.parametrize(
    ("annotations", "detail"),
    [
        pytest.param(
            {"private-key-algorithm": "ECDSA", "private-key-size": "2048"}, "must be 256, 384 or 521", id="ECDSA size"
        ),
        pytest.param({"renew-before": "1h", "renew-before-percentage": "30"}, "excludes", id="two ways to renew"),
        pytest.param(
            {"duration": "100h", "renew-before-percentage": "0"}, "must leave at least 5m", id="percentage of nothing"
        ),
        pytest.param({"duration": "10h", "renew-before": "10h"}, "must be shorter", id="renewed before issued"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(annotations: dict[str, str], detail: str) -> None:
    keys = {f"cert-manager.io/{key}": text for key, text in annotations.items()}

    assert detail in refused(ingress(annotations={**ISSUER, **keys}))


def test_ed25519_takes_any_size() -> None:
    keys = {"cert-manager.io/private-key-algorithm": "Ed25519", "cert-manager.io/private-key-size": "1"}

    assert only(ingress(annotations={**ISSUER, **keys})).spec.private_key == PrivateKey(
        algorithm=KeyAlgorithm.ED25519, size=1
    )


def test_everything_wrong_is_told_at_once() -> None:
    given = ingress(
        SHOP,
        SHOP,
        annotations={
            "cert-manager.io/issuer": "",
            "cert-manager.io/duration": "soon",
            "cert-manager.io/usages": "server",
        },
    )

    problems = certificates(given, DEFAULTS)

    assert isinstance(problems, Problems)
    assert [str(problem.path) for problem in problems] == [
        "metadata.annotations[cert-manager.io/issuer]",
        "metadata.annotations[cert-manager.io/duration]",
        "metadata.annotations[cert-manager.io/usages]",
        "spec.tls[1].secretName",
    ]


def test_secret_of_two_entries_refuses_the_whole() -> None:
    assert refused(ingress(IngressTLS(("a.example.com",), "x"), IngressTLS(("b.example.com",), "x"))) == (
        'spec.tls[1].secretName: Invalid value: "x": this secret name must only appear in a single TLS entry'
        " but is also used in spec.tls[0].secretName"
    )


def test_two_entries_without_a_secret_refuse_the_whole() -> None:
    """As do two of one name: an empty name is a name here."""
    assert refused(ingress(IngressTLS(("a.example.com",), ""), SHOP, IngressTLS(("b.example.com",), ""))) == (
        'spec.tls[2].secretName: Invalid value: "": this secret name must only appear in a single TLS entry'
        " but is also used in spec.tls[0].secretName"
    )


def test_bad_entry_is_skipped_alone() -> None:
    answer = wanted(ingress(IngressTLS((), "x"), SHOP, IngressTLS(("b.example.com",), "")))

    assert [certificate.metadata.name for certificate in answer.certificates] == ["shop-tls"]
    assert str(answer.skipped) == ("[spec.tls[0].hosts: Required value, spec.tls[2].secretName: Required value]")


def test_bad_host_is_refused() -> None:
    assert "spec.tls[0].hosts[0]: Invalid value" in refused(ingress(IngressTLS(("bücher.example",), "x")))


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param(
            {"acme.cert-manager.io/http01-edit-in-place": "true"},
            {
                "acme.cert-manager.io/http01-override-ingress-name": "shop",
                "cert-manager.io/issue-temporary-certificate": "true",
            },
            id="edit in place",
        ),
        pytest.param({"acme.cert-manager.io/http01-edit-in-place": "True"}, {}, id="edit in place, not exactly true"),
        pytest.param(
            {"acme.cert-manager.io/http01-ingress-class": "nginx"},
            {"acme.cert-manager.io/http01-override-ingress-class": "nginx"},
            id="class",
        ),
        pytest.param(
            {"acme.cert-manager.io/http01-ingress-ingressclassname": "nginx"},
            {"acme.cert-manager.io/http01-override-ingress-ingressclassname": "nginx"},
            id="class name",
        ),
        pytest.param({"acme.cert-manager.io/http01-ingress-class": ""}, {}, id="empty class"),
        pytest.param(
            {"acme.certshim.io/profile": "tlsserver"}, {"acme.certshim.io/profile": "tlsserver"}, id="profile"
        ),
        pytest.param(
            {"venafi.cert-manager.io/custom-fields": "[]", "other": "x"},
            {"venafi.cert-manager.io/custom-fields": "[]"},
            id="extra annotation",
        ),
    ],
)
def test_annotations_of_the_certificate(annotations: dict[str, str], expected: dict[str, str]) -> None:
    settings = Settings(extra_certificate_annotations=("venafi.cert-manager.io/custom-fields", "absent"))

    assert only(ingress(annotations={**ISSUER, **annotations}), settings).metadata.annotations == expected


LEGACY_CHOICE = "certmanager.k8s.io/acme-challenge-type"
OVERRIDE = "acme.cert-manager.io/http01-override-ingress-class"


def test_an_old_ingress_that_is_edited_in_place_needs_no_class() -> None:
    """As it was: with both overrides its Challenges would never be solved."""
    both = {
        "certmanager.k8s.io/acme-http01-edit-in-place": "true",
        "certmanager.k8s.io/acme-http01-ingress-class": "public",
    }

    annotations = only(ingress(annotations={**ISSUER, **both})).metadata.annotations

    assert annotations["acme.cert-manager.io/http01-override-ingress-name"] == "shop"
    assert OVERRIDE not in annotations


@pytest.mark.parametrize("key", [LEGACY_CHOICE, "certmanager.k8s.io/acme-dns01-provider"])
def test_choosing_a_challenge_asks_for_a_certificate(key: str) -> None:
    """As it did until v0.10, of the default issuer where none is named."""
    given = ingress(annotations={key: "http01"})

    assert is_wanted(given, DEFAULTS)
    assert only(given, Settings(default_issuer_name="le")).spec.issuer_ref.name == "le"


@pytest.mark.parametrize(
    ("annotations", "override"),
    [
        ({LEGACY_CHOICE: "http01"}, "internal"),
        ({LEGACY_CHOICE: "dns01"}, None),
        ({}, None),
        ({LEGACY_CHOICE: "http01", "certmanager.k8s.io/acme-http01-ingress-class": "public"}, "public"),
        ({LEGACY_CHOICE: "http01", "certmanager.k8s.io/acme-http01-edit-in-place": "true"}, None),
        ({LEGACY_CHOICE: "http01", "acme.cert-manager.io/http01-ingress-ingressclassname": "x"}, None),
    ],
    ids=["http01", "dns01", "not chosen", "a class of its own", "in place", "today's key"],
)
def test_http01_went_through_the_class_of_the_ingress(annotations: dict[str, str], override: str | None) -> None:
    """Where it was chosen by the Ingress itself; solvers of an issuer have a class of their own."""
    given = ingress(annotations={**ISSUER, "kubernetes.io/ingress.class": "internal", **annotations})

    assert only(given).metadata.annotations.get(OVERRIDE) == override
