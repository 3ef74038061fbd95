"""What an annotated Ingress gets filled in, as objects and as JSON Patch."""

from __future__ import annotations

from typing import Any

import jsonpatch
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.api.ingress import Ingress, IngressRule, IngressSpec, IngressTLS
from certs.api.meta import ObjectMeta, to_builtins
from certs.completion import complete
from certs.wanted import Settings

ISSUER = {"cert-manager.io/issuer": "le"}
SETTINGS = Settings()


def ingress(*tls: IngressTLS, hosts: tuple[str, ...] = ("a.example",), annotations: dict[str, str] = ISSUER) -> Ingress:
    rules = tuple(IngressRule(host=host) for host in hosts)
    return Ingress(metadata=ObjectMeta(name="shop", annotations=annotations), spec=IngressSpec(tls=tls, rules=rules))


@pytest.mark.parametrize(
    ("given", "tls"),
    [
        pytest.param(ingress(), [IngressTLS(("a.example",), "shop-tls")], id="only annotated"),
        pytest.param(
            ingress(hosts=("b.example", "", "a.example", "b.example")),
            [IngressTLS(("b.example", "a.example"), "shop-tls")],
            id="hosts of the rules, each once, in order",
        ),
        pytest.param(ingress(hosts=("",)), [], id="no host to fill in"),
        pytest.param(ingress(annotations={}), [], id="not asked for"),
        pytest.param(ingress(annotations={**ISSUER, "certshim.io/tls": "manual"}), [], id="hands off"),
        pytest.param(
            ingress(IngressTLS(("x.example",))), [IngressTLS(("x.example",), "shop-tls")], id="secret name missing"
        ),
        pytest.param(ingress(IngressTLS((), "x")), [IngressTLS(("a.example",), "x")], id="hosts missing"),
        pytest.param(
            ingress(IngressTLS(("a.example",), "x"), IngressTLS(), hosts=("a.example", "b.example")),
            [IngressTLS(("a.example",), "x"), IngressTLS(("b.example",), "shop-tls")],
            id="hosts that no other entry has",
        ),
        pytest.param(
            ingress(IngressTLS(("a.example",)), IngressTLS(("b.example",), "shop-tls"), IngressTLS(("c.example",))),
            [
                IngressTLS(("a.example",), "shop-tls-2"),
                IngressTLS(("b.example",), "shop-tls"),
                IngressTLS(("c.example",), "shop-tls-3"),
            ],
            id="names that no other entry has",
        ),
        pytest.param(
            ingress(IngressTLS(("q.example",), "q")), [IngressTLS(("q.example",), "q")], id="nothing that was written"
        ),
    ],
)
def test_completed(given: Ingress, tls: list[IngressTLS]) -> None:
    assert list(complete(given, SETTINGS).ingress.spec.tls) == tls


HOSTS = st.sampled_from(["", "a.example", "b.example", "c.example"])
ENTRIES = st.builds(
    IngressTLS,
    hosts=st.lists(HOSTS.filter(bool), max_size=2).map(tuple),
    secret_name=st.sampled_from(["", "x", "shop-tls"]),
)
INGRESSES = st.builds(
    lambda tls, hosts: ingress(*tls, hosts=tuple(hosts)), st.lists(ENTRIES, max_size=3), st.lists(HOSTS, max_size=3)
)


@given(INGRESSES)
def test_operations_lead_to_the_completed_object(given: Ingress) -> None:
    """The patch written by hand equals what `jsonpatch` makes of it."""
    completion = complete(given, SETTINGS)
    operations = msgspec.to_builtins(completion.operations)
    raw: dict[str, Any] = to_builtins(given)

    patched = jsonpatch.JsonPatch(operations).apply(raw) if operations else raw

    assert msgspec.convert(patched, Ingress) == completion.ingress


@given(INGRESSES)
def test_completing_twice_changes_nothing_more(given: Ingress) -> None:
    once = complete(given, SETTINGS).ingress

    assert complete(once, SETTINGS).operations == ()


@given(INGRESSES)
def test_nothing_that_was_written_is_changed(given: Ingress) -> None:
    completed = complete(given, SETTINGS).ingress

    for before, after in zip(given.spec.tls, completed.spec.tls, strict=False):
        assert before.hosts in ((), after.hosts)
        assert before.secret_name in ("", after.secret_name)
