"""CertificateRequest, Order and Challenge: what the controller makes itself, found in exported manifests."""

from __future__ import annotations

from certs.legacy.words import PROVIDERS
from shim.convert.notes import Notes
from shim.convert.trees import Tree, line_of, mapping, remove, rename, text
from shim.convert.versions import Age


def convert_request(tree: Tree, _age: Age, _notes: Notes) -> None:
    """The signing request is called `request` since v1beta1."""
    spec = mapping(tree, "spec")
    if spec is not None:
        rename(spec, "csr", "request")


def convert_order(tree: Tree, _age: Age, notes: Notes) -> None:
    """As above; which solver proves a name is the issuer's business since v0.11."""
    spec = mapping(tree, "spec")
    if spec is None:
        return
    rename(spec, "csr", "request")
    if "config" in spec:
        notes.changed(line_of(tree, "spec", "config"), "config: removed; the solvers of the issuer decide")
        remove(spec, "config")


def convert_challenge(tree: Tree, _age: Age, notes: Notes) -> None:
    """Names of fields, types in capitals, and the solver instead of its configuration."""
    spec = mapping(tree, "spec")
    if spec is None:
        return
    rename(spec, "authzURL", "authorizationURL")
    if text(spec, "type") in {"http-01", "dns-01"}:
        spec["type"] = text(spec, "type").upper()
    if "config" in spec:
        _convert_config(tree, spec, notes)
    solver = mapping(spec, "solver", "dns01")
    for old, new in PROVIDERS.items():
        if solver is not None:
            rename(solver, old, new)


def _convert_config(tree: Tree, spec: Tree, notes: Notes) -> None:
    line = line_of(tree, "spec", "config")
    config = mapping(spec, "config")
    http01 = mapping(config, "http01")
    if http01 is not None and "solver" not in spec:
        rename(http01, "ingressClass", "class")
        rename(http01, "ingress", "name")
        wrapped = Tree()
        wrapped["ingress"] = http01
        spec["config"] = Tree()
        spec["config"]["http01"] = wrapped
        rename(spec, "config", "solver")
        return
    if "solver" not in spec:
        notes.lost(line, "config: names a provider of the issuer; write that solver of the issuer into spec.solver")
    remove(spec, "config")
