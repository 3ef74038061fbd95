"""Ingresses with old keys and with today's beside them: their Certificates are the same before and after."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.ingress import Ingress
from certs.wanted import Settings, Wanted, certificates
from shim.convert.converting import convert

OLD = "certmanager.k8s.io/"
NEW = "cert-manager.io/"
ACME = "acme.cert-manager.io/http01-"
OWN_CLASS = {"kubernetes.io/ingress.class": "own"}
CLASS = {f"{OLD}acme-http01-ingress-class": "old"}
IN_PLACE = {f"{OLD}acme-http01-edit-in-place": "true"}
HTTP01 = {f"{OLD}acme-challenge-type": "http01"}
DNS01 = {f"{OLD}acme-challenge-type": "dns01"}
OF_ISSUER = {f"{OLD}issuer": "le"}


def certificate(ingress: Any) -> tuple[Any, dict[str, str]]:
    wanted = certificates(msgspec.convert(ingress, Ingress), Settings(default_issuer_name="default"))
    assert isinstance(wanted, Wanted)
    (made,) = wanted.certificates
    return made.spec, dict(made.metadata.annotations)


@pytest.mark.parametrize(
    "annotations",
    [
        {f"{OLD}issuer": "a", f"{OLD}cluster-issuer": "b"},
        {f"{NEW}issuer": "a", f"{OLD}cluster-issuer": "b"},
        {f"{NEW}cluster-issuer": "a", f"{OLD}issuer": "b"},
        {**OF_ISSUER, **CLASS, **IN_PLACE},
        {**OF_ISSUER, **CLASS, f"{ACME}ingress-class": "new"},
        {**OF_ISSUER, **CLASS, f"{ACME}ingress-ingressclassname": "new"},
        {**OF_ISSUER, **CLASS, f"{ACME}edit-in-place": "true"},
        {**OF_ISSUER, **OWN_CLASS},
        {**OF_ISSUER, **OWN_CLASS, **HTTP01},
        {**OF_ISSUER, **OWN_CLASS, **HTTP01, **CLASS},
        {**OF_ISSUER, **OWN_CLASS, **HTTP01, **IN_PLACE},
        {**OF_ISSUER, **OWN_CLASS, **HTTP01, f"{ACME}ingress-ingressclassname": "new"},
        {**OF_ISSUER, **OWN_CLASS, **DNS01},
        {**OWN_CLASS, **HTTP01},
        {**OWN_CLASS, **DNS01},
        {**OWN_CLASS, **HTTP01, "kubernetes.io/tls-acme": "true"},
    ],
    ids=lambda annotations: " ".join(key.rpartition("/")[2] for key in annotations),
)
def test_the_certificate_is_the_same(annotations: dict[str, str]) -> None:
    """Of the same issuer, proven through the same class; nothing of before is left, and there is nothing more to do."""
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "shop", "namespace": "team", "uid": "7", "annotations": annotations},
        "spec": {"tls": [{"hosts": ["shop.example.com"], "secretName": "shop-tls"}]},
    }

    (result,) = convert([("x.json", msgspec.json.encode(ingress))])

    today = msgspec.json.decode(result.after)
    assert certificate(today) == certificate(ingress)
    assert not any(key.startswith(OLD) for key in today["metadata"]["annotations"])
    assert not any(note.is_lost for note in result.notes)
