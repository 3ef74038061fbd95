"""Issuer and ClusterIssuer: solvers instead of means that Certificates chose from, and the names of providers.

An issuer of before v0.11 listed its means (`http01`, `dns01.providers`), and each Certificate said by which of them
its names are proven.  A solver says itself for which names it is.  So with the uses that the files show:

    HTTP-01 in one way                     one solver without selector: for names of other files, too
    HTTP-01 in several ways                a solver for each, with the names
    a provider that is used                a solver with the names
    a provider that nobody in sight uses   a solver without selector, and a note
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ruamel.yaml.comments import CommentedSeq

from certs.legacy.words import PROVIDERS, SERVERS
from shim.convert.notes import Notes
from shim.convert.trees import (
    Tree,
    above,
    line_of,
    listed,
    mapping,
    mappings,
    node,
    put,
    quoted,
    remove,
    rename,
    replace,
    say_above,
    sequence,
    text,
)
from shim.convert.uses import Method, Use
from shim.convert.versions import Age

ANY: Final = Method()
PREPARED: Final = ("tokenSecretRef", "appRole")  # of Vault: values then, so empty where they were not used


def is_old(tree: Tree) -> bool:
    """Does the issuer list means for Certificates to choose from?"""
    acme = mapping(tree, "spec", "acme")
    return acme is not None and ("http01" in acme or "dns01" in acme)


def convert_issuer(tree: Tree, age: Age, uses: Sequence[Use], notes: Notes) -> None:
    """Convert the spec, with what Certificates and Ingresses of all files expect of the issuer."""
    acme = mapping(tree, "spec", "acme")
    if acme is not None:
        _convert_server(tree, acme, notes)
        if is_old(tree):
            _convert_means(tree, acme, uses, notes)
        for solver in mappings(acme, "solvers"):
            _rename_providers(mapping(solver, "dns01"))
    if age is Age.V1ALPHA1:
        _drop_empty_auth(mapping(tree, "spec", "vault", "auth"))


def _convert_server(tree: Tree, acme: Tree, notes: Notes) -> None:
    server = text(acme, "server")
    for old, new in SERVERS.items():
        if f"//{old}/" in server:
            put(acme, "server", server.replace(old, new))
            line = line_of(tree, "spec", "acme", "server")
            notes.changed(line, f"server: {new}, as {old} is gone; a new account is registered there")


def _rename_providers(dns01: Tree | None) -> None:
    for old, new in PROVIDERS.items():
        if dns01 is not None:
            rename(dns01, old, new)


def _drop_empty_auth(auth: Tree | None) -> None:
    for key in PREPARED:
        if auth is not None and key in auth and _is_empty(auth[key]):
            remove(auth, key)


def _is_empty(value: Any) -> bool:
    if isinstance(value, Tree):
        return all(_is_empty(member) for member in value.values())
    return value in (None, "", "null", "~")


# --- Means to solvers ------------------------------------------------------------------------


def _convert_means(tree: Tree, acme: Tree, uses: Sequence[Use], notes: Notes) -> None:
    line = line_of(tree, "spec", "acme", "http01" if "http01" in acme else "dns01")
    has_http01, http01 = "http01" in acme, mapping(acme, "http01")
    listed_providers = sequence(acme, "dns01", "providers")
    providers = {text(one, "name"): one for one in mappings(listed_providers)}
    lines = {name: line_of(one) for name, one in providers.items()}
    said = above(mapping(acme, "dns01")) + above(listed_providers)
    today = list(sequence(acme, "solvers"))

    def solvers() -> CommentedSeq:
        made = CommentedSeq()
        if has_http01:
            made.extend(_http01_solvers(http01, [use for use in uses if not use.method.provider], line, notes))
        first = len(made)
        made.extend(_dns01_solvers(providers, uses, lines, notes, alone=not has_http01 and len(providers) == 1))
        made.extend(today)
        say_above(made, first, said)
        return made

    replace(acme, ("http01", "dns01", "solvers"), "solvers", solvers)
    for use in uses:
        if use.method.provider and use.method.provider not in providers:
            use.notes.lost(use.line, f"{use.issuer} has no provider {use.method.provider}; add a solver to it")


def _http01_solvers(means: Tree | None, uses: Sequence[Use], line: int, notes: Notes) -> list[Tree]:
    methods = list(dict.fromkeys(use.method for use in uses if use.method != ANY))
    if not methods and not uses:
        notes.lost(line, "http01: nothing here shows through which Ingress class; write it into the solver")
    if len(methods) == 1:
        return [_http01(means, methods[0])]
    solvers = [_selecting(_http01(means, method), _names(uses, method)) for method in methods]
    return [*solvers, _http01(means, ANY)] if not methods or any(use.method == ANY for use in uses) else solvers


def _http01(means: Tree | None, method: Method) -> Tree:
    ingress = node(**{"class": method.ingress_class, "name": method.ingress_name})
    if means is not None and text(means, "serviceType"):
        ingress["serviceType"] = text(means, "serviceType")
    if not ingress:
        ingress.fa.set_flow_style()
    return node(http01=node(ingress=ingress))


def _dns01_solvers(
    providers: dict[str, Tree], uses: Sequence[Use], lines: dict[str, int], notes: Notes, *, alone: bool
) -> list[Tree]:
    solvers = []
    for name, provider in providers.items():
        names = _names(uses, Method(provider=name))
        remove(provider, "name")
        _rename_providers(provider)
        solver = node(dns01=provider)
        if not names and not alone:
            notes.lost(lines[name], f"provider {name}: nothing here shows for which names; write selector.dnsZones")
        solvers.append(solver if alone else _selecting(solver, names))
    return solvers


def _names(uses: Sequence[Use], method: Method) -> list[str]:
    return list(dict.fromkeys(name for use in uses if use.method == method for name in use.names))


def _selecting(solver: Tree, names: Iterable[str]) -> Tree:
    # YAML would take a bare star for an alias.
    chosen = [quoted(name) if name.startswith("*") else name for name in names]
    return node(selector=node(dnsNames=listed(chosen)), **solver) if chosen else solver
