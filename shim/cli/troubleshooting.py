"""docs/troubleshooting.md: from what is seen to its cause, made of the rows that `explain` advises by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shim.chain.symptom import Place, Symptom
from shim.chain.symptoms import TABLE

HEAD: Final = """\
# Troubleshooting

<!-- Made by `certshim reference` from the tables in shim/chain; change those. -->

Begin with `certshim explain ingress NAME` ([commands](commands.md)): it follows the Ingress to what it led to
(Certificate, CertificateRequest, Order, Challenge), and says the rows below with your names. `kubectl describe` of each
has the same sentences, in its conditions and events. `certshim doctor` looks at the installation.

What is in `this type` is a sentence, whose names will differ; the rest is described. Words in capitals stand for yours.
"""
FOOT: Final = """\
To issue again: `certshim renew NAME`, or delete the Secret, or change the annotation to another issuer.

The processes tell more: `kubectl logs -n cert-manager deployment/certshim-shim`; with `--log-level=debug` every step
is a line. Metrics are on port 9402 under `/metrics`; `/livez` and `/readyz` say in words what is wrong.
"""


def page() -> str:
    """Return the page."""
    return "\n".join((HEAD, *_sections(), FOOT))


def _sections() -> Iterator[str]:
    for place in Place:
        yield f"## {place.value}\n"
        yield "| what you see | cause | what to do |"
        yield "|---|---|---|"
        yield from (_row(one) for one in TABLE if one.place is place)
        yield ""


def _row(one: Symptom) -> str:
    seen = one.example if one.pattern is None else f"`{one.example}`"
    mend = one.mend.format(host="HOST", namespace="NAMESPACE", ingress="INGRESS", request="REQUEST")
    mend = f"{mend}{'' if mend[-1] in '.?' else '.'}"
    see = f" See {one.see}." if one.see else ""
    cells = (f'<a id="{one.id}"></a>{seen}', one.cause, f"{mend}{see}")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
