"""The page of all rules, in Markdown: each with an example, and what the judge says about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import yaml

from certs.api.admission import AdmissionRequest, GroupVersionKind, GroupVersionResource
from certs.api.certificate import Certificate
from certs.api.challenge import Challenge
from certs.api.core import Namespace, Secret
from certs.api.ingress import Ingress
from certs.api.issuer import ClusterIssuer, Issuer
from certs.api.meta import KubeObject
from certs.api.order import Order
from certs.judge import Judge
from certs.known import FactsOf
from certs.lenient import lenient
from certs.problems import Problem
from certs.rules.catalogue import CATALOGUE, Entry, Sort
from certs.rules.examples import EXAMPLES

NAMESPACE: Final = "default"
KINDS: Final[dict[str, type[KubeObject]]] = {
    kind.resource.kind: kind for kind in (Certificate, Challenge, ClusterIssuer, Ingress, Issuer, Order)
}
FACTS: Final[dict[str, type[KubeObject]]] = {**KINDS, "Namespace": Namespace, "Secret": Secret}

HEAD: Final = """\
# Rules of admission

<!-- Made by `certshim rules` from certs/rules; change those. -->

What `kubectl apply` tells about an Ingress, a Certificate or an issuer, and what `certshim check` tells about files.
Each rule has an id: it stands in the audit log (`denied-by`, `warned-by`, `not-checked`), and settings name it.

**deny** refuses the object, **warn** lets it pass with a warning, **off** says nothing. An update is judged by what it
changes: an Ingress that broke a rule before can still get a label. A rule that asks for other objects is left out until
the webhook knows the cluster; nothing is refused for lack of knowledge.

## Who may change an action

The cluster's admin, with `--admission-settings FILE` of the webhook:

```yaml
rules:
  host-claimed: deny
  host-without-tls: off
locked: [host-claimed] # no namespace may change these
```

A namespace, for its own objects, with an annotation; it wins over the admin's settings unless the rule is locked:

```yaml
apiVersion: v1
kind: Namespace
metadata:
  name: shop
  annotations:
    certshim.io/admission: host-without-tls=off,tls-missing=deny
```

A mistake in the file ends the webhook at its start, with all mistakes told. A mistake in the annotation breaks nothing:
the annotation is ignored, and each review of the namespace says so in a warning and in the audit annotation
`policy-ignored`. Rules about Ingresses take any action. Lint of Certificates and issuers warns or is off: what is
refused of our own kinds is the API's decision, which is cert-manager's.
"""
SECTIONS: Final = {
    Sort.INGRESS: "Ingresses",
    Sort.LINT: "Lint of Certificates and issuers",
    Sort.API: "The API's own decisions",
}


def page() -> str:
    """Return the page."""
    return "\n".join(_parts())


def _parts() -> Iterator[str]:
    yield HEAD
    for sort, title in SECTIONS.items():
        entries = [entry for entry in CATALOGUE.values() if entry.sort is sort]
        if not entries:
            continue
        yield f"## {title}\n"
        yield "| rule | by default | finds |"
        yield "|---|---|---|"
        for entry in entries:
            yield f"| [{entry.id}](#{entry.id}) | {entry.action} | {entry.sentence} |"
        yield ""
        for entry in entries:
            yield from _about(entry)


def _about(entry: Entry) -> Iterator[str]:
    yield f"### {entry.id}\n"
    yield f"{entry.sentence} {_scope(entry)}\n"
    yield f"Why: {entry.why}\n"
    yield f"How to mend it: {entry.remedy}\n"
    example = EXAMPLES.get(entry.id)
    if example is not None:
        yield f"```yaml\n{example}```\n"
        yield "What is told:\n"
        yield "```text\n" + "\n".join(map(sentence, told(entry.id))) + "\n```\n"


def _scope(entry: Entry) -> str:
    asks = "; it asks for other objects" if entry.needs_facts else ""
    return f"By default: {entry.action}, of {', '.join(entry.kinds)}{asks}."


def sentence(problem: Problem) -> str:
    """Return a finding as the page shows it."""
    return f"{problem}; {problem.remedy}" if problem.remedy else str(problem)


def told(rule: str) -> list[Problem]:
    """Return what the judge says, by that rule, about its example."""
    first, *rest = (_placed(document) for document in yaml.safe_load_all(EXAMPLES[rule]))
    facts = FactsOf([msgspec.convert(document, lenient(FACTS[document["kind"]])) for document in rest])
    verdict = Judge(facts=facts).validate(_request(first))
    return [problem for problem in (*verdict.problems, *verdict.warned) if problem.rule == rule]


def _placed(document: dict[str, Any]) -> dict[str, Any]:
    if not FACTS[document["kind"]].resource.namespaced:
        return document
    return {**document, "metadata": {"namespace": NAMESPACE, **document["metadata"]}}


def _request(document: dict[str, Any]) -> AdmissionRequest:
    resource = KINDS[document["kind"]].resource
    return AdmissionRequest(
        uid="",
        kind=GroupVersionKind(resource.group, resource.version, resource.kind),
        resource=GroupVersionResource(resource.group, resource.version, resource.plural),
        operation="CREATE",
        name=document["metadata"]["name"],
        namespace=document["metadata"].get("namespace", ""),
        object=msgspec.Raw(msgspec.json.encode(document)),
    )
