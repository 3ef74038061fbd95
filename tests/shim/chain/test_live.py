"""What is asked from where the command runs, and how it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from certs.api.issuer import ACMESolver
from certs.api.order import ACMEState
from certs.decide.findings import Finding, Layer, Outlook
from certs.decide.http01mode import MODE
from shim.chain.links import Chain
from shim.chain.live import MOST_NAMES, Eyes, look, questions, told
from shim.preflight.survey import Question
from tests.certs.decide.objects import challenge
from tests.shim.ui.people import certificate

HOST = "shop.example.com"


def chain(*challenges: Any) -> Chain:
    return replace(Chain(certificate("web")), challenges=challenges)


def pending(name: str = HOST, *, presented: bool = True, state: ACMEState = ACMEState.PENDING, **spec: Any) -> Any:
    made = challenge()
    status = msgspec.structs.replace(made.status, state=state, presented=presented)
    return msgspec.structs.replace(made, spec=msgspec.structs.replace(made.spec, dns_name=name, **spec), status=status)


def test_what_is_asked() -> None:
    """Of what is not won; a route only where one should stand, and lead to us."""
    annotated = pending("pod.example.com")
    annotated = msgspec.structs.replace(
        annotated, metadata=msgspec.structs.replace(annotated.metadata, annotations={MODE: "pod"})
    )
    given = chain(
        pending("a.example.com"),
        pending("b.example.com", presented=False),
        pending("c.example.com", state=ACMEState.VALID),
        pending("failed.example.com", presented=False, state=ACMEState.INVALID),
        pending("d.example.com", type="DNS-01", wildcard=True, solver=ACMESolver()),
        annotated,
    )

    assert list(questions(given)) == [
        Question("a.example.com", "HTTP-01", routed=True),
        Question("b.example.com", "HTTP-01", routed=False),
        Question("failed.example.com", "HTTP-01", routed=True),
        Question("*.d.example.com", "DNS-01", routed=False),
        Question("pod.example.com", "HTTP-01", routed=False),
    ]
    assert len(list(questions(chain(*[pending(f"{one}.example.com") for one in range(100)])))) == MOST_NAMES


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ([], [Layer.DNS, Layer.CAA], [(f'DNS of "{HOST}"', True)]),
        ([Layer.SILENCE], [Layer.DNS, Layer.ROUTE], [(f'route of "{HOST}"', False), (f'DNS of "{HOST}"', True)]),
        ([Layer.CAA], [Layer.DNS], [(f'CAA of "{HOST}"', False), (f'DNS of "{HOST}"', True)]),
        ([], [Layer.ROUTE, Layer.SILENCE], [(f'route of "{HOST}"', True)]),
        ([], [], []),
    ],
)
def test_how_it_is_told(wrong: list[Layer], right: list[Layer], expected: list[tuple[str, bool]]) -> None:
    """What is wrong comes first, and is never also well; silence of a name and its route are one thing."""
    findings = tuple(Finding(HOST, layer, sure=False, sentence="so") for layer in wrong)

    seen = list(told(Outlook(findings, frozenset((HOST, layer) for layer in right))))

    assert [(one.what, one.well) for one in seen] == expected
    assert all(bool(one.sentence) is not one.well for one in seen)


def test_of_an_issuer_that_cannot_be_read_nothing_is_asked() -> None:
    assert look(chain(pending()), Eyes()) == ()
