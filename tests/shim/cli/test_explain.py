"""Which Ingresses `certshim explain` takes for those that ask for certificates."""

from __future__ import annotations

import pytest

from certs.api.ingress import Ingress
from certs.api.meta import ObjectMeta
from shim.cli.explain import asks


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"cert-manager.io/issuer": "le"}, True),
        ({"cert-manager.io/cluster-issuer": "le"}, True),
        ({"kubernetes.io/tls-acme": "true"}, True),
        ({"kubernetes.io/tls-acme": "false"}, False),
        ({"certmanager.k8s.io/issuer": "le"}, True),
        ({"example.com/note": "cert-manager.io/issuer"}, False),
        ({}, False),
    ],
)
def test_it_asks_by_whatever_the_shim_heeds(annotations: dict[str, str], *, expected: bool) -> None:
    assert asks(Ingress(metadata=ObjectMeta(name="shop", annotations=annotations))) is expected
