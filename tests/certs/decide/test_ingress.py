from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.annotations import TRANSLATED
from certs.api.certificate import Certificate, CertificateStatus
from certs.api.ingress import Ingress, IngressRule, IngressSpec, IngressTLS
from certs.api.meta import Condition, ConditionStatus, ObjectMeta, OwnerReference, owner_reference
from certs.decide.effects import Tell
from certs.decide.ingress import (
    ApplyCertificate,
    DeleteCertificate,
    DropAnnotations,
    FillTLS,
    ObservedIngress,
    decide,
    differs,
    remarks,
    replacement,
)
from certs.mark import fingerprint
from certs.outcomes import DONE, Permanent
from certs.wanted import Settings
from tests.certs.decide.objects import HOST, NOW
from tests.fakes.history import merged

ANNOTATIONS = {"cert-manager.io/issuer": "letsencrypt"}
ENTRY = IngressTLS(hosts=(HOST,), secret_name="shop-tls")
BLOG = IngressTLS(hosts=("blog.example.org",), secret_name="blog-tls")


def ingress(
    *tls: IngressTLS,
    annotations: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    hosts: tuple[str, ...] = (HOST,),
    **metadata: Any,
) -> Ingress:
    """Return an Ingress; further fields are its metadata's."""
    return Ingress(
        metadata=ObjectMeta(
            name="shop",
            namespace="web",
            uid="uid-ingress",
            labels=labels or {},
            annotations=ANNOTATIONS if annotations is None else annotations,
            **metadata,
        ),
        spec=IngressSpec(tls=tls, rules=tuple(IngressRule(host=host) for host in hosts)),
    )


def made(of: Ingress | None = None, entry: int = 0) -> Certificate:
    """Return the Certificate that an Ingress asks for by that entry."""
    of = of or ingress(ENTRY)
    seen: tuple[Certificate, ...] = ()
    for _ in range(entry + 1):
        step = decide(ObservedIngress(of, named=seen), NOW)
        assert isinstance(step, ApplyCertificate)
        seen = (*seen, step.certificate)
    return seen[entry]


def owned_by(of: Certificate, *owners: OwnerReference) -> Certificate:
    return msgspec.structs.replace(of, metadata=msgspec.structs.replace(of.metadata, owner_references=owners))


FOREIGN = owned_by(made(), OwnerReference("networking.k8s.io/v1", "Ingress", "other", "uid-other", controller=True))
FREE = owned_by(made())


def test_a_certificate_is_created_for_each_entry() -> None:
    """In the order of the entries; then nothing is left to do."""
    of = ingress(ENTRY, BLOG)
    first, second = made(of), made(of, 1)

    assert decide(ObservedIngress(of), NOW) == ApplyCertificate(first, is_new=True)
    assert decide(ObservedIngress(of, (first,), (first,)), NOW) == ApplyCertificate(second, is_new=True)
    assert decide(ObservedIngress(of, (first, second), (first, second)), NOW) == DONE
    assert (first.metadata.name, first.spec.secret_name, first.spec.dns_names) == ("shop-tls", "shop-tls", (HOST,))
    assert first.metadata.owner_references == (owner_reference(of),)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(ingress(IngressTLS(hosts=(HOST, "www.example.org"), secret_name="shop-tls")), id="hosts"),
        pytest.param(ingress(ENTRY, annotations={"cert-manager.io/issuer": "other"}), id="issuer"),
        pytest.param(ingress(ENTRY, annotations=ANNOTATIONS | {"cert-manager.io/duration": "48h"}), id="annotation"),
        pytest.param(ingress(ENTRY, labels={"team": "a"}), id="label"),
        pytest.param(
            ingress(ENTRY, annotations=ANNOTATIONS | {"acme.cert-manager.io/http01-ingress-class": "nginx"}),
            id="solver override",
        ),
    ],
)
def test_a_change_is_passed_on(after: Ingress) -> None:
    """The Certificate of before is updated to what is asked for now."""
    old = made()

    assert decide(ObservedIngress(after, (old,), (old,)), NOW) == ApplyCertificate(made(after), is_new=False)


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {"cert-manager.io/duration": "48h"},
        {"cert-manager.io/private-key-size": "4096", "cert-manager.io/usages": "any"},
    ],
    ids=["less", "other", "more"],
)
def test_an_update_replaces_what_others_wrote(annotations: dict[str, str]) -> None:
    """Spec and labels become what is asked for, so that the next look finds no difference; annotations stay."""
    before = ANNOTATIONS | {"cert-manager.io/private-key-algorithm": "RSA", "cert-manager.io/duration": "24h"}
    old = made(ingress(ENTRY, annotations=before, labels={"team": "a"}))
    metadata = msgspec.structs.replace(old.metadata, labels={"team": "a", "tool": "x"}, annotations={"note": "x"})
    old = msgspec.structs.replace(old, metadata=metadata)
    wanted = made(ingress(ENTRY, annotations=ANNOTATIONS | annotations, labels={"tier": "1"}))

    after = updated(old, wanted)

    assert not differs(after, wanted)
    assert after.spec == wanted.spec
    assert after.metadata.labels == {"tier": "1"}
    assert after.metadata.annotations == {"note": "x"}


def updated(old: Certificate, wanted: Certificate) -> Certificate:
    """Return the Certificate as the update leaves it."""
    return msgspec.convert(merged(msgspec.to_builtins(old), replacement(old, wanted)), Certificate)


SECRET_TEMPLATES = ('{"labels": {"a": "b"}}', '{"annotations": {"c": "d"}}')
EDITS = {
    "common-name": ("a.example.org", "b.example.org"),
    "alt-names": ("a.example.org", "b.example.org,c.example.org"),
    "ip-sans": ("192.0.2.1", "192.0.2.2"),
    "email-sans": ("a@example.org", "b@example.org"),
    "subject-organizations": ("A", "A,B"),
    "subject-organizationalunits": ("A", "B"),
    "subject-countries": ("DE", "AT"),
    "subject-provinces": ("A", "B"),
    "subject-localities": ("A", "B"),
    "subject-postalcodes": ("1", "2"),
    "subject-streetaddresses": ("A", "B"),
    "subject-serialnumber": ("1", "2"),
    "duration": ("48h", "72h"),
    "renew-before": ("10h", "20h"),
    "renew-before-percentage": ("20", "30"),
    "usages": ("server auth", "client auth"),
    "revision-history-limit": ("2", "3"),
    "private-key-algorithm": ("ECDSA", "Ed25519"),
    "private-key-encoding": ("PKCS8", "PKCS1"),
    "private-key-size": ("3072", "4096"),
    "private-key-rotation-policy": ("Never", "Always"),
    "secret-template": SECRET_TEMPLATES,
}


def test_the_table_of_edits_has_every_annotation() -> None:
    assert {f"cert-manager.io/{key}" for key in EDITS} == {one.key for one in TRANSLATED if one.field}


@pytest.mark.parametrize("key", EDITS)
def test_every_annotation_is_set_edited_and_removed(key: str) -> None:
    """Each time the Certificate follows in one update, and in the end it is as if the annotation had never been."""
    plain = ingress(ENTRY)
    current = made(plain)
    for text in EDITS[key]:
        after = ingress(ENTRY, annotations=ANNOTATIONS | {f"cert-manager.io/{key}": text})
        step = decide(ObservedIngress(after, (current,), (current,)), NOW)

        assert step == ApplyCertificate(made(after), is_new=False)
        assert step.certificate != current
        current = updated(current, step.certificate)
        assert decide(ObservedIngress(after, (current,), (current,)), NOW) == DONE

    step = decide(ObservedIngress(plain, (current,), (current,)), NOW)

    assert isinstance(step, ApplyCertificate)
    assert updated(current, step.certificate).spec == made(plain).spec


CLASS = "acme.cert-manager.io/http01-ingress-class"
PROFILE = "acme.certshim.io/profile"
COPIED = Settings(extra_certificate_annotations=("venafi.cert-manager.io/custom-fields",))


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        pytest.param(
            {"acme.cert-manager.io/http01-edit-in-place": "true"},
            {"acme.cert-manager.io/http01-edit-in-place": "false"},
            ("acme.cert-manager.io/http01-override-ingress-name", "cert-manager.io/issue-temporary-certificate"),
            id="edit in place",
        ),
        pytest.param({CLASS: "a"}, {}, ("acme.cert-manager.io/http01-override-ingress-class",), id="class"),
        pytest.param({PROFILE: "tlsserver"}, {}, (PROFILE,), id="profile"),
        pytest.param({CLASS: "a"}, {CLASS: ""}, ("acme.cert-manager.io/http01-override-ingress-class",), id="emptied"),
        pytest.param(
            {"acme.cert-manager.io/http01-ingress-ingressclassname": "a"},
            {},
            ("acme.cert-manager.io/http01-override-ingress-ingressclassname",),
            id="class name",
        ),
        pytest.param(
            {"venafi.cert-manager.io/custom-fields": "[]"}, {}, ("venafi.cert-manager.io/custom-fields",), id="extra"
        ),
        pytest.param(
            {CLASS: "a"},
            {"acme.cert-manager.io/http01-ingress-ingressclassname": "a"},
            ("acme.cert-manager.io/http01-override-ingress-class",),
            id="class to class name",
        ),
    ],
)
def test_an_annotation_of_the_certificate_goes_with_its_reason(
    first: dict[str, str], second: dict[str, str], left: tuple[str, ...]
) -> None:
    """What is asked for is written first; then who wrote the rest is found out, once."""
    before, after = (ingress(ENTRY, annotations=ANNOTATIONS | more) for more in (first, second))
    old = decide(ObservedIngress(before, settings=COPIED), NOW)
    assert isinstance(old, ApplyCertificate)
    current = old.certificate

    step = decide(ObservedIngress(after, (current,), (current,), COPIED), NOW)
    if isinstance(step, ApplyCertificate):
        current = updated(current, step.certificate)
        step = decide(ObservedIngress(after, (current,), (current,), COPIED), NOW)

    assert step == DropAnnotations("shop-tls", left)
    foreign = frozenset(("shop-tls", key) for key in left)
    assert decide(ObservedIngress(after, (current,), (current,), COPIED, foreign=foreign), NOW) == DONE


def test_annotations_of_a_foreign_certificate_are_not_looked_at() -> None:
    noted = msgspec.structs.replace(
        FOREIGN.metadata, annotations={"cert-manager.io/issue-temporary-certificate": "true"}
    )
    foreign = msgspec.structs.replace(FOREIGN, metadata=noted)

    assert decide(ObservedIngress(ingress(ENTRY), named=(foreign,)), NOW) == DONE


def test_annotations_of_others_are_left_alone() -> None:
    """What somebody else wrote on the Certificate is no difference."""
    old = made()
    noted = msgspec.structs.replace(old, metadata=msgspec.structs.replace(old.metadata, annotations={"note": "x"}))

    assert decide(ObservedIngress(ingress(ENTRY), (noted,), (noted,)), NOW) == DONE


def test_a_certificate_that_is_asked_for_no_more_is_deleted() -> None:
    """An entry that is gone takes its Certificate along, one a step."""
    both = ingress(ENTRY, BLOG)
    shop, blog = made(both), made(both, 1)

    step = decide(ObservedIngress(ingress(ENTRY), (shop, blog), (shop,)), NOW)

    assert step == DeleteCertificate("blog-tls")


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(ingress(ENTRY, annotations={}), id="annotation removed"),
        pytest.param(ingress(ENTRY, deletion_timestamp=NOW), id="being deleted"),
        pytest.param(ingress(ENTRY, finalizers=("foregroundDeletion",)), id="being deleted in the foreground"),
    ],
)
def test_who_asks_for_nothing_keeps_what_is_there(of: Ingress) -> None:
    """Removing the annotation leaves the Certificates in place, whatever spec.tls says."""
    observed = ObservedIngress(of, (made(ingress(ENTRY, BLOG), 1),), (FOREIGN,))

    assert decide(observed, NOW) == DONE
    assert remarks(observed) == ()


@pytest.mark.parametrize("existing", [FOREIGN, FREE], ids=["another Ingress's", "nobody's"])
def test_a_certificate_of_somebody_else_is_left_alone(existing: Certificate) -> None:
    """It is neither updated nor deleted, and the author of the Ingress is told."""
    after = ingress(IngressTLS(hosts=("other.example.org",), secret_name="shop-tls"))
    observed = ObservedIngress(after, named=(existing,))

    assert decide(observed, NOW) == DONE
    assert remarks(observed) == (
        Tell(
            "BadConfig",
            'Certificate "shop-tls" exists and is not controlled by this Ingress, so it is left alone; '
            "delete it, or name another Secret in spec.tls",
            "Warning",
        ),
    )


def test_missing_tls_is_filled_in_first() -> None:
    """Who only annotated gets an entry for the hosts of the rules."""
    hosts = (HOST, "www.example.org")

    step = decide(ObservedIngress(ingress(hosts=hosts)), NOW)

    assert step == FillTLS((IngressTLS(hosts, "shop-tls"),), mark=f"shop-tls={fingerprint(hosts)}")


APPLIED = {
    "kubectl.kubernetes.io/last-applied-configuration": '{"spec":{"tls":[{"hosts":["a.test"]},{"secretName":"b"}]}}'
}


@pytest.mark.parametrize(
    ("annotations", "is_taken"),
    [
        pytest.param(ANNOTATIONS | APPLIED, False, id="kubectl apply writes it"),
        pytest.param(ANNOTATIONS, True, id="a server-side apply writes it"),
    ],
)
def test_what_a_manifest_writes_is_not_filled_in(annotations: dict[str, str], is_taken: bool) -> None:  # noqa: FBT001 - column
    """It would come back with the next apply: hosts are taken from the rules silently, a missing Secret is told."""
    entries = (IngressTLS(hosts=("a.test",)), IngressTLS(secret_name="b"))
    observed = ObservedIngress(ingress(*entries, annotations=annotations, hosts=("b.test",)), is_taken=is_taken)

    step = decide(observed, NOW)

    assert isinstance(step, ApplyCertificate)
    assert (step.certificate.metadata.name, step.certificate.spec.dns_names) == ("b", ("b.test",))
    assert remarks(observed) == (
        Tell("BadConfig", "Skipped a TLS block: spec.tls[0].secretName: Required value", "Warning"),
    )


def test_a_manifest_without_tls_does_not_hinder_us() -> None:
    """Nobody's manifest has an opinion on what nobody writes."""
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"spec":{"rules":[]}}'}

    assert isinstance(decide(ObservedIngress(ingress(annotations=ANNOTATIONS | applied)), NOW), FillTLS)


def test_hosts_follow_the_rules_where_admission_was_not_asked() -> None:
    """The mark says which are ours."""
    mark = {"certshim.io/filled": f"shop-tls={fingerprint([HOST])}"}

    step = decide(ObservedIngress(ingress(ENTRY, annotations=ANNOTATIONS | mark, hosts=(HOST, "b.test"))), NOW)

    assert step == FillTLS((IngressTLS((HOST, "b.test"), "shop-tls"),), f"shop-tls={fingerprint([HOST, 'b.test'])}")


def test_what_the_controller_does_not_translate_it_does_not_mark() -> None:
    """A key that somebody else writes later is theirs."""
    step = decide(ObservedIngress(ingress(annotations={"certmanager.k8s.io/issuer": "le"})), NOW)

    assert isinstance(step, FillTLS)
    assert step.mark == f"shop-tls={fingerprint([HOST])}"


WILD = IngressTLS(hosts=("*.test", "a.test"), secret_name="shop-tls")


@pytest.mark.parametrize(("ready", "step"), [("True", "Done"), ("False", "ApplyCertificate")])
def test_an_issued_certificate_is_not_reissued_for_redundant_names(ready: str, step: str) -> None:
    """cert-manager leaves them in: taking them out would renew all of those when an installation is adopted."""
    wanted = made(ingress(WILD))
    condition = Condition(type="Ready", status=ConditionStatus(ready))
    old = msgspec.structs.replace(
        wanted,
        spec=msgspec.structs.replace(wanted.spec, dns_names=WILD.hosts),
        status=CertificateStatus(conditions=(condition,)),
    )

    found = decide(ObservedIngress(ingress(WILD), (old,), (old,)), NOW)

    assert wanted.spec.dns_names == ("*.test",)
    assert type(found).__name__ == step


def test_who_wants_no_filling_gets_none() -> None:
    """`certshim.io/tls: manual` keeps our hands off; an entry that is not complete is skipped, and that is told."""
    by_hand = ANNOTATIONS | {"certshim.io/tls": "manual"}
    observed = ObservedIngress(ingress(ENTRY, IngressTLS(hosts=("a.test",)), annotations=by_hand))

    assert isinstance(decide(observed, NOW), ApplyCertificate)
    assert remarks(observed) == (
        Tell("BadConfig", "Skipped a TLS block: spec.tls[1].secretName: Required value", "Warning"),
    )


@pytest.mark.parametrize(
    ("of", "parts"),
    [
        pytest.param(
            ingress(ENTRY, ENTRY),
            ["spec.tls[1].secretName: Invalid value", "must only appear in a single TLS entry"],
            id="one Secret twice",
        ),
        pytest.param(
            ingress(ENTRY, annotations=ANNOTATIONS | {"cert-manager.io/duration": "soon"}),
            ["metadata.annotations[cert-manager.io/duration]: Invalid value"],
            id="annotation that cannot be read",
        ),
        pytest.param(
            ingress(ENTRY, annotations={"cert-manager.io/issuer": ""}),
            ["failed to determine issuer name to be used for ingress resource"],
            id="no issuer",
        ),
        pytest.param(
            ingress(
                ENTRY,
                ENTRY,
                annotations=ANNOTATIONS | {"cert-manager.io/cluster-issuer": "b", "cert-manager.io/usages": "none"},
            ),
            ["may not be set", "cert-manager.io/usages", "single TLS entry"],
            id="all at once",
        ),
    ],
)
def test_a_bad_ingress_is_refused_as_a_whole(of: Ingress, parts: list[str]) -> None:
    """Permanent, with everything that is wrong; nothing is created or deleted, and nothing else remarked."""
    observed = ObservedIngress(of, owned=(made(ingress(ENTRY, BLOG), 1),))
    with pytest.raises(Permanent) as raised:
        decide(observed, NOW)

    assert raised.value.reason == "BadConfig"
    assert [part for part in parts if part not in str(raised.value)] == []
    assert remarks(observed) == ()


def test_settings_say_who_signs_by_default() -> None:
    """An annotation that only asks gets the admin's issuer."""
    settings = Settings(default_issuer_name="le", default_issuer_kind="ClusterIssuer")
    step = decide(
        ObservedIngress(ingress(ENTRY, annotations={"kubernetes.io/tls-acme": "true"}), settings=settings), NOW
    )

    assert isinstance(step, ApplyCertificate)
    assert (step.certificate.spec.issuer_ref.name, step.certificate.spec.issuer_ref.kind) == ("le", "ClusterIssuer")
