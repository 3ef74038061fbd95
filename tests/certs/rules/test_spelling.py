"""Which key was meant, and which keys are nobody's business."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.annotations import ELSEWHERE, KNOWN, LEGACY
from certs.rules.spelling import OUT_OF_PLACE, misspelled


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("cert-manager.io/cluster-isuer", "cert-manager.io/cluster-issuer"),
        ("cert-manager.io/clusterissuer", "cert-manager.io/cluster-issuer"),
        ("cert-manager.io/cluster_issuer", "cert-manager.io/cluster-issuer"),
        ("cert-manager.io/Issuer", "cert-manager.io/issuer"),
        ("cert-manger.io/issuer", "cert-manager.io/issuer"),
        ("certmanager.io/issuer", "cert-manager.io/issuer"),
        ("cert-manager/issuer", "cert-manager.io/issuer"),
        ("cert-manager.com/issuer", "cert-manager.io/issuer"),
        ("acme.cert-manager.io/issuer", "cert-manager.io/issuer"),
        ("cert-manager.io/http01-edit-in-place", "acme.cert-manager.io/http01-edit-in-place"),
        ("cert-manager.io/subject-organisation", "cert-manager.io/subject-organizations"),
        ("kubernetes.io/tls-acm", "kubernetes.io/tls-acme"),
        ("certshim.io/tsl", "certshim.io/tls"),
    ],
)
def test_near_miss_is_told_with_what_was_meant(key: str, meant: str) -> None:
    mistake = misspelled(key)

    assert mistake is not None
    assert mistake.remedy == f"did you mean {meant}?"


@pytest.mark.parametrize(("key", "remedy"), OUT_OF_PLACE.items())
def test_a_key_that_belongs_elsewhere_is_told_with_its_place(key: str, remedy: str) -> None:
    mistake = misspelled(key)

    assert mistake is not None
    assert mistake.remedy == remedy


def test_a_key_that_is_suggested_is_one_that_is_read() -> None:
    named = {word for remedy in OUT_OF_PLACE.values() for word in remedy.split() if "/" in word}

    assert named <= set(KNOWN)


@pytest.mark.parametrize(
    "key", ["cert-manager.io/what-ever-else", "acme.cert-manager.io/whatever", "certshim.io/anything"]
)
def test_unknown_key_under_our_prefixes_is_told(key: str) -> None:
    mistake = misspelled(key)

    assert mistake is not None
    assert mistake.remedy == "remove it, nothing reads it"


@pytest.mark.parametrize(
    "key",
    [
        *sorted(KNOWN),
        *sorted(ELSEWHERE),
        *sorted(LEGACY),  # translated, and told by a rule of its own
        "kubernetes.io/ingress.class",
        "kubernetes.io/tls",
        "nginx.ingress.kubernetes.io/rewrite-target",
        "traefik.ingress.kubernetes.io/router.tls",
        "venafi.cert-manager.io/custom-fields",
        "example.com/issuer",
        "issuer",
    ],
)
def test_other_keys_pass(key: str) -> None:
    assert misspelled(key) is None


@given(st.sampled_from(sorted(KNOWN)), st.data())
def test_two_letters_swapped_are_always_told(key: str, data: st.DataObject) -> None:
    """Whatever key, whatever two neighbours of its name."""
    prefix, _, name = key.partition("/")
    i = data.draw(st.integers(0, len(name) - 2))
    typo = f"{prefix}/{name[:i]}{name[i + 1]}{name[i]}{name[i + 2 :]}"

    assert typo == key or misspelled(typo) is not None
