"""Old annotations under today's keys: what is added, what follows, what goes, and what cannot be known."""

from __future__ import annotations

import msgspec
import pytest

from certs.api.ingress import Ingress, IngressRule, IngressSpec
from certs.api.meta import ObjectMeta
from certs.completion import complete
from certs.manifests import Manifests
from certs.wanted import Settings

OLD = "certmanager.k8s.io/"
NEW = "cert-manager.io/"
ACME = "acme.cert-manager.io/"
FILLED = "certshim.io/filled"
LAST = "kubectl.kubernetes.io/last-applied-configuration"
SETTINGS = Settings()
ISSUER = {NEW + "issuer": "le"}

Annotations = dict[str, str]


def ingress(annotations: Annotations) -> Ingress:
    return Ingress(
        metadata=ObjectMeta(name="shop", annotations=annotations), spec=IngressSpec(rules=(IngressRule("a.example"),))
    )


def raw(annotations: Annotations, applied: Annotations | None = None, **managers: Annotations) -> msgspec.Raw:
    """Return the object that carries its manifest by client-side apply, and those of managers by server-side apply."""
    if applied is not None:
        annotations = annotations | {LAST: msgspec.json.encode({"metadata": {"annotations": applied}}).decode()}
    managed = [
        {
            "manager": manager,
            "operation": "Apply",
            "fieldsV1": {"f:metadata": {"f:annotations": {f"f:{key}": {} for key in keys}}},
        }
        for manager, keys in managers.items()
    ]
    return msgspec.Raw(msgspec.json.encode({"metadata": {"annotations": annotations, "managedFields": managed}}))


def admitted(annotations: Annotations, manifests: Manifests | None = None) -> Annotations:
    """Return the annotations as they are stored."""
    completed = complete(ingress(annotations), SETTINGS, *([manifests] if manifests else []))
    return completed.ingress.metadata.annotations


def without_mark(annotations: Annotations) -> Annotations:
    return {key: value for key, value in annotations.items() if key != FILLED}


@pytest.mark.parametrize(
    ("given", "added"),
    [
        pytest.param({OLD + "issuer": "le"}, {NEW + "issuer": "le"}, id="issuer"),
        pytest.param({OLD + "cluster-issuer": "le"}, {NEW + "cluster-issuer": "le"}, id="cluster issuer"),
        pytest.param(
            {OLD + "issuer": "a", OLD + "cluster-issuer": "b"}, {NEW + "cluster-issuer": "b"}, id="both, as in v0.9"
        ),
        pytest.param(
            {
                NEW + "issuer": "le",
                OLD + "acme-http01-edit-in-place": "true",
                OLD + "acme-http01-ingress-class": "nginx",
            },
            {ACME + "http01-edit-in-place": "true"},
            id="in place, so no class counts",
        ),
        pytest.param(
            {
                NEW + "issuer": "le",
                ACME + "http01-edit-in-place": "false",
                OLD + "acme-http01-ingress-class": "nginx",
            },
            {ACME + "http01-ingress-class": "nginx"},
            id="not in place, so the class counts",
        ),
        pytest.param({OLD + "issuer": "a", NEW + "issuer": "b"}, {}, id="today's key wins"),
        pytest.param({OLD + "issuer": "a", NEW + "cluster-issuer": "b"}, {}, id="today's key of the other kind wins"),
        pytest.param(
            {
                NEW + "issuer": "le",
                OLD + "acme-http01-ingress-class": "a",
                ACME + "http01-ingress-ingressclassname": "b",
            },
            {},
            id="today's class wins",
        ),
        pytest.param({OLD + "acme-http01-edit-in-place": "true"}, {}, id="nothing is asked for"),
    ],
)
def test_today_s_key_is_added(given: Annotations, added: Annotations) -> None:
    """The old one stays, so that the manifest is applied again without a difference."""
    assert without_mark(admitted(given)) == given | added


OURS = admitted({OLD + "issuer": "a"})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({OLD + "issuer": "b"}, {OLD + "issuer": "b", NEW + "issuer": "b"}, id="it follows"),
        pytest.param({NEW + "issuer": "b"}, {OLD + "issuer": "a", NEW + "issuer": "b"}, id="it was edited"),
        pytest.param(
            {OLD + "issuer": "b", NEW + "issuer": "c"},
            {OLD + "issuer": "b", NEW + "issuer": "c"},
            id="both were edited",
        ),
        pytest.param({FILLED: None, OLD + "issuer": "b"}, {OLD + "issuer": "b", NEW + "issuer": "a"}, id="no mark"),
        pytest.param(
            {OLD + "issuer": None, OLD + "cluster-issuer": "b"},
            {OLD + "cluster-issuer": "b", NEW + "cluster-issuer": "b"},
            id="another old key instead",
        ),
        pytest.param(
            {NEW + "cluster-issuer": "b"},
            {OLD + "issuer": "a", NEW + "cluster-issuer": "b"},
            id="today's key of the other kind, which ours would contradict",
        ),
        pytest.param(
            {OLD + "issuer": None, NEW + "cluster-issuer": "b"},
            {NEW + "cluster-issuer": "b"},
            id="and the old one gone",
        ),
        pytest.param({OLD + "issuer": None}, {NEW + "issuer": "a"}, id="gone, nobody knows why"),
    ],
)
def test_what_is_ours_follows(change: dict[str, str | None], expected: Annotations) -> None:
    changed = {key: value for key, value in {**OURS, **change}.items() if value is not None}

    after = admitted(changed)

    assert without_mark(after) == expected
    assert admitted(after) == after


def test_what_was_edited_is_never_ours_again() -> None:
    edited = admitted({**OURS, NEW + "issuer": "b"})

    assert without_mark(admitted({**edited, OLD + "issuer": "c"})) == {OLD + "issuer": "c", NEW + "issuer": "b"}


GONE = {key: value for key, value in OURS.items() if key != OLD + "issuer"}
BOTH, NEITHER, MOVED = {OLD + "issuer": "a"}, {"app": "shop"}, {NEW + "issuer": "a"}


@pytest.mark.parametrize(
    ("manifests", "stays"),
    [
        pytest.param(Manifests(raw(GONE, NEITHER), raw(OURS, BOTH)), False, id="apply without either"),
        pytest.param(Manifests(raw(GONE, MOVED), raw(OURS, BOTH)), True, id="apply with the new one"),
        pytest.param(Manifests(raw(GONE, BOTH), raw(OURS, BOTH)), True, id="edited, and a manifest of before"),
        pytest.param(Manifests(raw(GONE, NEITHER), raw(OURS, NEITHER)), True, id="a manifest that never had it"),
        pytest.param(Manifests(raw(GONE, flux=NEITHER), raw(OURS, flux=BOTH)), False, id="server-side apply"),
        pytest.param(Manifests(raw(GONE, flux=MOVED), raw(OURS, flux=BOTH)), True, id="server-side, with the new one"),
        pytest.param(
            Manifests(raw(GONE, flux=NEITHER, argo=MOVED), raw(OURS, flux=BOTH, argo=MOVED)),
            True,
            id="another's new one",
        ),
        pytest.param(Manifests(raw(GONE), raw(OURS)), True, id="Helm 3 and kubectl edit"),
        pytest.param(Manifests(msgspec.Raw(b"nonsense"), msgspec.Raw(b"")), True, id="nothing that can be read"),
    ],
)
def test_ours_goes_with_the_old_key_if_a_manifest_shows_it(
    manifests: Manifests,
    stays: bool,  # noqa: FBT001 - a table's column
) -> None:
    """To take it away from somebody who has written the new key in place of the old would be worse than to leave it."""
    completion = complete(ingress(GONE), SETTINGS, manifests)

    assert (NEW + "issuer" in completion.ingress.metadata.annotations) is stays
    assert bool(completion.ingress.spec.tls) is stays, "who asks for nothing any more is left alone"
    assert NEW + "issuer" not in completion.ingress.metadata.annotations.get(FILLED, "")


def test_what_cannot_be_known_is_told() -> None:
    assert complete(ingress(GONE), SETTINGS).warnings == (
        "cert-manager.io/issuer stays, though the old key is gone; remove it if it is not meant",
    )


def test_a_key_that_a_manifest_has_by_now_does_not_follow() -> None:
    """Today's keys win, and what a manifest writes is written by somebody."""
    changed = {**OURS, OLD + "issuer": "b"}

    after = admitted(changed, Manifests(raw(changed, {OLD + "issuer": "b", NEW + "issuer": "a"})))

    assert after[NEW + "issuer"] == "a"


def test_both_in_a_manifest_never_contradict_each_other() -> None:
    """The other old key says nothing where a manifest has one of today's."""
    changed = admitted({OLD + "issuer": "a"}) | {OLD + "cluster-issuer": "b"}

    after = admitted(changed, Manifests(raw(changed, {NEW + "issuer": "a", OLD + "cluster-issuer": "b"})))

    assert without_mark(after) == {OLD + "issuer": "a", OLD + "cluster-issuer": "b", NEW + "issuer": "a"}


def test_a_class_of_ours_goes_when_the_ingress_is_to_be_edited_in_place() -> None:
    """The two together have no Challenge solved."""
    given = {NEW + "issuer": "le", OLD + "acme-http01-ingress-class": "nginx"}
    ours = admitted(given)
    assert ours[ACME + "http01-ingress-class"] == "nginx"

    after = admitted(ours | {OLD + "acme-http01-edit-in-place": "true"})

    assert without_mark(after) == given | {
        OLD + "acme-http01-edit-in-place": "true",
        ACME + "http01-edit-in-place": "true",
    }
