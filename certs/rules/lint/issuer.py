"""Issuers that the API takes and that will not become Ready, or will not prove what they seem to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any, Final

import msgspec

from certs.api.issuer import ACMESolver, CAIssuer, ClusterIssuer, Issuer, VaultClientCertificate
from certs.api.meta import LocalObjectReference, SecretKeySelector
from certs.decide.solver import challenge_type
from certs.problems import Path, Problem, ProblemType
from certs.publicca import KNOWN, is_gone, lookalike, name_problem, public_ca
from certs.rules.lint.subject import SPEC, IssuerRule, IssuerSubject
from certs.rules.rule import Action, Rule
from certs.rules.terms import misnamed_profile
from certs.wanted import MAX_TOLD

ACME: Final = SPEC / "acme"
SERVER: Final = ACME / "server"
SOLVERS: Final = ACME / "solvers"
EXAMPLES: Final = frozenset(("example.com", "example.net", "example.org"))  # RFC 2606 §3
MADE_WHEN_MISSING: Final = "private_key_secret_ref"


def check_lookalike(subject: IssuerSubject) -> Iterable[Problem]:
    """Return that the server is nearly a known CA's, or was one once."""
    acme = subject.acme
    if acme is None or not acme.server:
        return ()
    meant = lookalike(acme.server)
    if meant is not None:
        ca = public_ca(meant)
        detail = f"is not the directory of {ca.name if ca is not None else meant}"
        return (_server_problem(acme.server, detail, f"did you mean {meant}?"),)
    if is_gone(acme.server):
        return (_server_problem(acme.server, "belongs to a CA that issues no more", f"write {KNOWN[0].directory}"),)
    return ()


def check_scheme(subject: IssuerSubject) -> Iterable[Problem]:
    """Return that the server is not asked over HTTPS (RFC 8555 §6.1); one that is nearly a known CA's is told there."""
    server = subject.acme.server if subject.acme is not None else ""
    if not server or server.startswith("https://") or lookalike(server) is not None:
        return ()
    host = server.partition("://")[2] or server
    return (_server_problem(server, "is no https URL, as ACME demands", f"write https://{host.strip()}"),)


def _server_problem(server: str, detail: str, remedy: str) -> Problem:
    return Problem(SERVER, ProblemType.INVALID, detail, server, remedy)


def check_email(subject: IssuerSubject) -> Iterable[Problem]:
    """Return an e-mail address that a public CA refuses as a contact; a private one may take any."""
    acme = subject.acme
    if acme is None or not acme.email or public_ca(acme.server) is None:
        return ()
    domain = acme.email.strip().rpartition("@")[2].lower()
    if not any(f".{domain}".endswith(f".{example}") for example in EXAMPLES) and name_problem(domain) is None:
        return ()
    detail = f"no mail reaches {domain}, so the CA refuses the account"
    return (Problem(ACME / "email", ProblemType.INVALID, detail, acme.email, "write your own address, or none"),)


def check_profile(subject: IssuerSubject) -> Iterable[Problem]:
    """Return a profile that is nearly one of the CA's; one that is quite unlike may be new."""
    acme = subject.acme
    ca = public_ca(acme.server) if acme is not None and acme.profile else None
    misnamed = misnamed_profile(acme.profile, ca) if acme is not None and ca is not None else None
    if acme is None or misnamed is None:
        return ()
    detail, remedy = misnamed
    return (Problem(ACME / "profile", ProblemType.INVALID, detail, acme.profile, remedy),)


def check_binding(subject: IssuerSubject) -> Iterable[Problem]:
    """Return that no account is bound where the CA registers no other; one that has its key is registered already."""
    acme = subject.acme
    ca = public_ca(acme.server) if acme is not None and acme.external_account_binding is None else None
    if acme is None or ca is None or not ca.needs_binding:
        return ()
    if subject.facts.secret_type(subject.secret_namespace, acme.private_key_secret_ref.name) is not None:
        return ()
    detail, remedy = f"{ca.name} registers nobody without", "write the keyID and key that it gave you"
    return (Problem(ACME / "externalAccountBinding", ProblemType.REQUIRED, detail, remedy=remedy),)


def check_dates(subject: IssuerSubject) -> Iterable[Problem]:
    """Return that orders would name a date, and the CA refuses those."""
    acme = subject.acme
    ca = public_ca(acme.server) if acme is not None and acme.enable_duration_feature else None
    if ca is None or not ca.runs_boulder:
        return ()
    detail, remedy = f"{ca.name} refuses orders that name a date", "remove it"
    return (Problem(ACME / "enableDurationFeature", ProblemType.INVALID, detail, value=True, remedy=remedy),)


def check_secrets(subject: IssuerSubject) -> Iterator[Problem]:
    """Yield Secrets that the issuer needs and that do not exist; the account key is made when it is missing."""
    namespace, told = subject.secret_namespace, set()
    for path, name in _secrets(subject.issuer.spec, SPEC):
        if name in told or subject.facts.secret_type(namespace, name) is not None:
            continue
        if subject.facts.certificates_of_secret(namespace, name):  # which is how one's own CA begins
            continue
        told.add(name)
        detail = f"there is no Secret {name} in {namespace}"
        yield Problem(path, ProblemType.INVALID, detail, name, "create it there")


def _secrets(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the names of all Secrets that a part of the spec refers to, with their places."""
    match value:
        case SecretKeySelector() | LocalObjectReference():
            if value.name:
                yield path / "name", value.name
        case msgspec.Struct():
            if isinstance(value, CAIssuer | VaultClientCertificate) and value.secret_name:
                yield path / "secretName", value.secret_name
            for field, wire in _fields(type(value)):
                yield from _secrets(getattr(value, field), path / wire)
        case tuple():
            for i, member in enumerate(value):
                yield from _secrets(member, path @ i)
        case _:
            return


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    fields = msgspec.structs.fields(kind)
    return tuple((field.name, field.encode_name) for field in fields if field.name != MADE_WHEN_MISSING)


def check_solvers(subject: IssuerSubject) -> Iterable[Problem]:
    """Return that nothing can be proven."""
    if subject.acme is None or subject.acme.solvers:
        return ()
    detail = "nothing can be proven without a solver"
    return (Problem(SOLVERS, ProblemType.REQUIRED, detail, remedy="add one, for example http01: {ingress: {}}"),)


def check_shadows(subject: IssuerSubject) -> Iterator[Problem]:
    """Yield solvers that are never chosen, since an earlier one of the same type has the same selector."""
    solvers = subject.acme.solvers if subject.acme is not None else ()
    first: dict[object, int] = {}
    for i, solver in enumerate(solvers[:MAX_TOLD]):
        j = first.setdefault((challenge_type(solver), *_selected(solver)), i)
        if j != i:
            what = "the same selector" if solver.selector is not None else "no selector, either"
            detail = f"is never chosen: solvers[{j}] has {what}"
            yield Problem(SOLVERS @ i, ProblemType.FORBIDDEN, detail, remedy="give it a selector, or remove it")


def _selected(solver: ACMESolver) -> tuple[frozenset[object], ...]:
    selector = solver.selector
    if selector is None:
        return (frozenset(), frozenset(), frozenset())
    return frozenset(selector.dns_names), frozenset(selector.dns_zones), frozenset(selector.match_labels.items())


def check_zones(subject: IssuerSubject) -> Iterator[Problem]:
    """Yield zones and names of selectors that no name can match as they are written."""
    solvers = subject.acme.solvers if subject.acme is not None else ()
    yield from islice(_unmatched(solvers), MAX_TOLD)


def _unmatched(solvers: tuple[ACMESolver, ...]) -> Iterator[Problem]:
    for i, solver in enumerate(solvers):
        selector = solver.selector
        if selector is None:
            continue
        fields = (("dnsZones", selector.dns_zones, True), ("dnsNames", selector.dns_names, False))
        for field, values, is_zone in fields:
            for j, value in enumerate(values):
                meant = _plain(value, is_zone=is_zone)
                if meant != value:
                    what = "its zone and all below" if is_zone else "it"
                    path = SOLVERS @ i / "selector" / field @ j
                    yield Problem(
                        path, ProblemType.INVALID, "matches no name", value, f"write {meant}, which matches {what}"
                    )


def _plain(value: str, *, is_zone: bool) -> str:
    """Return the zone or name as names are compared with it."""
    plain = value.strip().lower().rstrip(".")
    return plain.removeprefix("*").removeprefix(".") if is_zone else plain


KINDS: Final = (Issuer.resource.kind, ClusterIssuer.resource.kind)
RULES: Final[tuple[IssuerRule, ...]] = (
    Rule(
        "issuer-server-lookalike",
        "An ACME server that is nearly a known CA's, or that has ended.",
        check_lookalike,
        action=Action.WARN,
        remedy="Write the directory URL that is suggested.",
        why="No account can be registered there, so the issuer never becomes Ready.",
        kinds=KINDS,
    ),
    Rule(
        "issuer-server-scheme",
        "An ACME server that is not named by an https URL.",
        check_scheme,
        action=Action.WARN,
        remedy="Write the URL of the CA's directory with https.",
        why="ACME demands HTTPS (RFC 8555 §6.1), and clients send nothing without it.",
        kinds=KINDS,
    ),
    Rule(
        "issuer-email-reserved",
        "An e-mail address at a domain that has no mail, with a public CA.",
        check_email,
        action=Action.WARN,
        remedy="Write an address that is read, or leave it out.",
        why="The CA refuses to register the account (invalidContact). Let's Encrypt sends no mail any more, so none is"
        " needed there.",
        kinds=KINDS,
    ),
    Rule(
        "issuer-profile-unknown",
        "A profile that is nearly one of the CA's.",
        check_profile,
        action=Action.WARN,
        remedy="Write the profile that is suggested.",
        why="The CA refuses every order with a profile that it does not have.",
        kinds=KINDS,
    ),
    Rule(
        "issuer-account-unbound",
        "No external account, of a CA that registers nobody without.",
        check_binding,
        action=Action.WARN,
        remedy="Write externalAccountBinding with the keyID, and a Secret with the key, that the CA gave you.",
        why="The CA answers externalAccountRequired, so the issuer never becomes Ready.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "issuer-dates-refused",
        "Orders that name a date, of a CA that refuses those.",
        check_dates,
        action=Action.WARN,
        remedy="Remove enableDurationFeature.",
        why="Let's Encrypt answers that NotBefore and NotAfter are not supported, to every order.",
        kinds=KINDS,
    ),
    Rule(
        "issuer-secret-missing",
        "A Secret with credentials that does not exist.",
        check_secrets,
        action=Action.WARN,
        remedy="Create it in the issuer's namespace; for a ClusterIssuer in that of the controller.",
        why="The issuer cannot register, sign or write DNS records until it is there. The Secret of the ACME account is"
        " made by itself.",
        needs_facts=True,
        kinds=KINDS,
    ),
    Rule(
        "issuer-without-solver",
        "An ACME issuer without solvers.",
        check_solvers,
        action=Action.WARN,
        remedy="Add a solver: http01, or dns01 for wildcards.",
        why="Orders stay pending, unless the CA takes the names as proven already.",
        kinds=KINDS,
    ),
    Rule(
        "issuer-solver-shadowed",
        "A solver that is never chosen, since an earlier one has the same selector.",
        check_shadows,
        action=Action.WARN,
        remedy="Give each solver a selector of its own, or remove the later one.",
        why="Of solvers that fit equally well the first is taken, so the later one has no effect.",
        kinds=KINDS,
    ),
    Rule(
        "issuer-zone-form",
        "A zone or name in a selector that matches nothing as it is written.",
        check_zones,
        action=Action.WARN,
        remedy="Write the zone in small letters, without a star and without the final dot.",
        why="Names are compared as text. A zone stands for itself and everything below without any star.",
        kinds=KINDS,
    ),
)
