from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.issuer import HTTP01GatewayHTTPRoute, HTTP01Ingress, HTTP01Solver, Issuer, PodTemplate, TemplateMeta
from certs.api.meta import ObjectMeta
from certs.decide.http01mode import MODE, Mode, mode_of
from tests.certs.decide.objects import issuer


def template(said: str | None) -> dict[str, Any]:
    if said is None:
        return {}
    return {"pod_template": PodTemplate(metadata=TemplateMeta(annotations={MODE: said}))}


def by_ingress(said: str | None = None) -> HTTP01Solver:
    return HTTP01Solver(ingress=HTTP01Ingress(**template(said)))


def by_gateway(said: str) -> HTTP01Solver:
    return HTTP01Solver(gateway_http_route=HTTP01GatewayHTTPRoute(**template(said)))


def of(said: str | None) -> Issuer:
    annotations = {MODE: said} if said is not None else {}
    return msgspec.structs.replace(issuer(), metadata=ObjectMeta(name="letsencrypt", annotations=annotations))


@pytest.mark.parametrize(
    ("solver", "said", "default", "expected"),
    [
        pytest.param(by_ingress(), None, Mode.RESPONDER, Mode.RESPONDER, id="the flag"),
        pytest.param(by_ingress(), None, Mode.POD, Mode.POD, id="the flag: pods"),
        pytest.param(by_ingress(), "pod", Mode.RESPONDER, Mode.POD, id="the issuer before the flag"),
        pytest.param(by_ingress(), "responder", Mode.POD, Mode.RESPONDER, id="the issuer before the flag: responder"),
        pytest.param(by_ingress("responder"), "pod", Mode.POD, Mode.RESPONDER, id="the solver before the issuer"),
        pytest.param(by_gateway("pod"), None, Mode.RESPONDER, Mode.POD, id="the solver of a Gateway"),
        pytest.param(HTTP01Solver(), "pod", Mode.RESPONDER, Mode.POD, id="a solver without a type"),
    ],
)
def test_what_stands_nearest_decides(solver: HTTP01Solver, said: str | None, default: Mode, expected: Mode) -> None:
    """Solver, issuer, flag."""
    assert mode_of(solver, of(said), default) is expected


def test_an_issuer_that_is_not_there_says_nothing() -> None:
    """The flag decides."""
    assert mode_of(by_ingress(), None, Mode.POD) is Mode.POD


@pytest.mark.parametrize(
    ("solver", "said", "sentence"),
    [
        pytest.param(
            by_ingress(),
            "Pod",
            f'the annotation {MODE} of Issuer "letsencrypt" is "Pod"; write responder or pod',
            id="issuer",
        ),
        pytest.param(
            by_ingress(""),
            "pod",
            f'the annotation {MODE} of the solver\'s podTemplate is ""; write responder or pod',
            id="solver",
        ),
    ],
)
def test_another_word_is_told(solver: HTTP01Solver, said: str, sentence: str) -> None:
    """With where it stands."""
    with pytest.raises(ValueError) as raised:
        mode_of(solver, of(said), Mode.RESPONDER)

    assert str(raised.value) == sentence
