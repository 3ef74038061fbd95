"""The CRDs of certmanager.k8s.io/v1alpha1."""

from __future__ import annotations

from typing import Any

import pytest

from certs.legacy.definitions import definition
from certs.legacy.kinds import TWINS, AnyLegacy, LegacyCertificate, LegacyIssuer


def spec_of(kind: type[AnyLegacy]) -> dict[str, Any]:
    version = definition(kind)["spec"]["versions"][0]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    return found


@pytest.mark.parametrize("kind", TWINS, ids=lambda kind: kind.resource.kind)
def test_it_does_not_get_in_the_way_of_todays_kind(kind: type[AnyLegacy]) -> None:
    """No short name and no category, so kubectl goes on meaning today's; and whoever applies it is told."""
    made = definition(kind)

    assert made["spec"]["names"].keys() == {"kind", "listKind", "plural", "singular"}
    version = made["spec"]["versions"][0]
    assert version["deprecated"]
    assert len(version["deprecationWarning"]) <= 256  # what the API server takes
    assert "certshim convert" in version["deprecationWarning"]
    assert "api-approved.kubernetes.io" in made["metadata"]["annotations"]


def test_words_of_then() -> None:
    """Each field that was renamed has its old name, and only that."""
    certificate = spec_of(LegacyCertificate)
    assert {"organization", "keyAlgorithm", "keySize", "keyEncoding", "acme"} <= certificate.keys()
    assert not {"privateKey", "subject"} & certificate.keys()
    acme = spec_of(LegacyIssuer)["acme"]["properties"]
    assert {"http01", "dns01"} <= acme.keys()
    dns01 = acme["solvers"]["items"]["properties"]["dns01"]["properties"]
    assert {"clouddns", "azuredns", "acmedns"} <= dns01.keys()
    assert not {"cloudDNS", "azureDNS", "acmeDNS"} & dns01.keys()


def test_making_them_leaves_todays_alone() -> None:
    """The schemas are built anew each time."""
    assert definition(LegacyIssuer) == definition(LegacyIssuer)
