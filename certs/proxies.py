"""What in an Ingress keeps the proxy from leading a CA's HTTP-01 request to the route of the challenge.

The route is an Ingress of its own (`shim.solvers.http01`) unless `http01-edit-in-place` is asked for.  So what a
proxy applies to the paths of the Ingress that it stands in is harmless: allow-lists, authentication, rewrites and
redirects of ingress-nginx, middlewares of Traefik, everything of both HAProxy controllers.  With the path of the
challenge in this Ingress it is not (`_SHARED`).  A forced redirect to HTTPS is harmless everywhere: a CA follows it,
and does not check the certificate there (RFC 8555 §8.3).
What counts is what reaches beyond: settings of the whole server, a host or an address that cannot be shared, a rank
above the route's, the route's own path given to somebody else.  Contour and APISIX have nothing of the kind: their
annotations, like Kong's, are for the paths of their Ingress.

The route has effects, too: with it a host has an Ingress, and ingress-nginx does some things only for hosts that have
none (`displaced`).

Each finding has its source beside it.  What only may block, since it depends on the proxy's own configuration, is not
told: so of AWS, where the class decides which Ingresses share a load balancer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from certs.annotations import EDIT_IN_PLACE
from certs.api.ingress import HTTPIngressPath, Ingress
from certs.hosts import is_covered_by, is_ip_address, is_wildcard
from certs.problems import Path, Problem, ProblemType
from certs.route import NAMED_LIKE, SERVICE
from certs.wanted import ANNOTATIONS

CHALLENGES: Final = "/.well-known/acme-challenge/"
_DIRECTORY: Final = CHALLENGES.removesuffix("/")
DNS_INSTEAD: Final = "prove the host with a dns01 solver"
OWN_PATH: Final = f'write {EDIT_IN_PLACE}: "true", or use dns01'
OWN_ROUTE: Final = f"leave out {EDIT_IN_PLACE}, so that the challenge has an Ingress of its own"

_COMMUNITY: Final = "nginx.ingress.kubernetes.io/"
_F5: Final = ("nginx.org/", "nginx.com/")
MERGEABLE: Final = "nginx.org/mergeable-ingress-type"
PRIORITY: Final = "traefik.ingress.kubernetes.io/router.priority"
FROM_TO_WWW: Final = "nginx.ingress.kubernetes.io/from-to-www-redirect"
SERVER_ALIAS: Final = "nginx.ingress.kubernetes.io/server-alias"
CLASS: Final = "kubernetes.io/ingress.class"
GKE_CLASSES: Final = frozenset(("gce", "gce-internal"))  # by annotation only: GKE reads no spec.ingressClassName
# Without any class GKE serves an Ingress, too; that it is GKE is seen by these.
_GKE: Final = frozenset(
    (
        "kubernetes.io/ingress.global-static-ip-name",
        "kubernetes.io/ingress.regional-static-ip-name",
        "networking.gke.io/managed-certificates",
        "networking.gke.io/v1beta1.FrontendConfig",
        "ingress.gcp.kubernetes.io/pre-shared-cert",
    )
)

# What a proxy applies to the paths of one Ingress, so to the challenge when its path is there.
_HAPROXY: Final = "haproxy.org/"
_HAPROXY_INGRESS: Final = "haproxy-ingress.github.io/"
_APISIX: Final = "k8s.apisix.apache.org/"
_LOGIN: Final = "asks for a login at"
_ADDRESSES: Final = "lets some addresses only to"
_REWRITES: Final = "rewrites the path of"
_BY_TLS: Final = "speaks TLS to who answers"
_ELSEWHERE: Final = "leads elsewhere from"
_SHARED: Final[Mapping[str, str]] = {
    f"{_COMMUNITY}auth-type": _LOGIN,
    f"{_COMMUNITY}auth-url": _LOGIN,
    f"{_COMMUNITY}whitelist-source-range": _ADDRESSES,
    f"{_COMMUNITY}allowlist-source-range": _ADDRESSES,
    f"{_COMMUNITY}rewrite-target": _REWRITES,
    f"{_COMMUNITY}backend-protocol": _BY_TLS,
    f"{_COMMUNITY}permanent-redirect": _ELSEWHERE,
    f"{_COMMUNITY}temporal-redirect": _ELSEWHERE,
    f"{_HAPROXY}auth-type": _LOGIN,
    f"{_HAPROXY}allow-list": _ADDRESSES,
    f"{_HAPROXY}whitelist": _ADDRESSES,
    f"{_HAPROXY}path-rewrite": _REWRITES,
    f"{_HAPROXY}server-ssl": _BY_TLS,
    f"{_HAPROXY_INGRESS}auth-url": _LOGIN,
    f"{_HAPROXY_INGRESS}auth-secret": _LOGIN,
    f"{_HAPROXY_INGRESS}allowlist-source-range": _ADDRESSES,
    f"{_HAPROXY_INGRESS}whitelist-source-range": _ADDRESSES,
    f"{_HAPROXY_INGRESS}rewrite-target": _REWRITES,
    f"{_HAPROXY_INGRESS}secure-backends": _BY_TLS,
    f"{_APISIX}auth-type": _LOGIN,
    f"{_APISIX}allowlist-source-range": _ADDRESSES,
    f"{_APISIX}http-redirect": _ELSEWHERE,
    "nginx.org/basic-auth-secret": _LOGIN,
    "nginx.org/rewrites": _REWRITES,
}

_WORD: Final = re.compile(r"[^\s;{}]+|[;{}]")
MAX_SNIPPET: Final = 20_000  # characters; the rest of a longer one is not looked at
_EVERYTHING: Final = frozenset(
    ("^", "^/", "/.*", ".*", "/(.*)", "(.*)", "^.*", "^.*$", "^(.*)", "^(.*)$", "^/.*", "^/.*$", "^/(.*)", "^/(.*)$")
)
_KONG: Final = "/~"
_DOT_FILES: Final = frozenset((r"/\.", r"^/\.", r"/\..*", r"^/\..*", r"/\.(.*)", r"(^|/)\.", r"(/|^)\."))
_SAME_HOST: Final = tuple(f"https://${name}$request_uri" for name in ("host", "http_host", "server_name"))
_AUTHENTICATIONS: Final = frozenset(("auth_basic", "auth_request", "auth_jwt"))

Found = tuple[str, str]  # what blocks, and the exception to write


def blockers(ingress: Ingress) -> Iterator[Problem]:
    """Yield what keeps a CA from the challenges of the hosts of an Ingress."""
    annotations = ingress.metadata.annotations
    is_f5 = False
    for key, value in annotations.items():
        if key in _CHECKS and (found := _CHECKS[key](value, ingress)) is not None:
            detail, remedy = found
            yield Problem(ANNOTATIONS @ key, ProblemType.INVALID, detail, value, remedy)
        is_f5 = is_f5 or key.startswith(_F5)
    if _is_edited(ingress):
        yield from _shared(annotations)
    else:
        if is_f5:
            yield from _unshared(annotations)
        key = _own_address(ingress)
        if key:
            detail = "has an address for each Ingress, another for the route"
            yield Problem(ANNOTATIONS @ key, ProblemType.INVALID, detail, annotations[key], OWN_PATH)
    yield from _taken_paths(ingress)


def _shared(annotations: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what reaches the challenge because its path stands in this Ingress."""
    for key, value in annotations.items():
        said = _SHARED.get(key)
        if said is not None and value.strip().lower() not in {"", "false", "off", "none", "http"}:
            yield Problem(ANNOTATIONS @ key, ProblemType.INVALID, f"{said} the challenge, too", value, OWN_ROUTE)


def displaces(ingress: Ingress) -> bool:
    """May there be hosts that ingress-nginx serves as long as no Ingress has them?"""
    annotations = ingress.metadata.annotations
    return FROM_TO_WWW in annotations or SERVER_ALIAS in annotations or (_is_nginx(ingress) and any(_catching(ingress)))


def displaced(ingress: Ingress, hosts: Collection[str]) -> Iterator[Problem]:
    """Yield what ingress-nginx stops doing for one of the hosts when the route gives it an Ingress."""
    annotations = ingress.metadata.annotations
    own = {rule.host for rule in ingress.spec.rules}
    if annotations.get(FROM_TO_WWW, "").lower() == "true":
        for host in own:
            other = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
            if other in hosts and other not in own:
                detail = f"ends for {other} when its challenge has a route"
                remedy = f"give {other} an Ingress that redirects"
                yield Problem(ANNOTATIONS @ FROM_TO_WWW, ProblemType.INVALID, detail, "true", remedy)
    aliases = dict.fromkeys(alias.strip() for alias in annotations.get(SERVER_ALIAS, "").split(","))
    for alias in aliases:
        if alias in hosts and alias not in own:
            detail = f"ends for {alias} when its challenge has a route"
            yield Problem(ANNOTATIONS @ SERVER_ALIAS, ProblemType.INVALID, detail, alias, f"give {alias} a rule")
    if _is_nginx(ingress):
        yield from _uncaught(ingress, sorted(set(hosts) - own - aliases.keys()))


def _uncaught(ingress: Ingress, hosts: Collection[str]) -> Iterator[Problem]:
    """Yield the rules that catch these hosts, too: of all that match a name nginx takes the exact server alone."""
    for path, caught in _catching(ingress):
        for host in hosts:
            if not is_ip_address(host) and (not caught or is_covered_by(host, caught)):
                detail = f"ends for {host} when its challenge has a route"
                yield Problem(path, ProblemType.INVALID, detail, caught, f"give {host} a rule")


def _catching(ingress: Ingress) -> Iterator[tuple[Path, str]]:
    """Yield where many hosts are served, and which: a wildcard, or nothing for all."""
    for i, rule in enumerate(ingress.spec.rules):
        if rule.http is not None and rule.http.paths and (not rule.host or is_wildcard(rule.host)):
            yield Path("spec") / "rules" @ i / "host", rule.host
    if ingress.spec.default_backend is not None and not ingress.spec.rules:
        yield Path("spec") / "defaultBackend", ""


def _is_nginx(ingress: Ingress) -> bool:
    """Is it one of ingress-nginx's, as far as an Ingress shows?"""
    annotations = ingress.metadata.annotations
    if any(key.startswith(_F5) for key in annotations):
        return False
    name = ingress.spec.ingress_class_name or annotations.get(CLASS, "")
    return name in NAMED_LIKE or any(key.startswith(_COMMUNITY) for key in annotations)


def _own_address(ingress: Ingress) -> str:
    """Return the annotation by which GKE serves it, each with a load balancer (cert-manager/cert-manager#1079)."""
    annotations = ingress.metadata.annotations
    if annotations.get(CLASS) in GKE_CLASSES:
        return CLASS
    if _has_class(ingress) or _GKE.isdisjoint(annotations):
        return ""
    return next(key for key in annotations if key in _GKE)


def _is_edited(ingress: Ingress) -> bool:
    return ingress.metadata.annotations.get(EDIT_IN_PLACE) == "true"


def _has_class(ingress: Ingress) -> bool:
    return CLASS in ingress.metadata.annotations or ingress.spec.ingress_class_name is not None


def _match_cn(value: str, _ingress: Ingress) -> Found | None:
    """ingress-nginx asks for the name on the whole server, plain HTTP too (kubernetes/ingress-nginx#10185)."""
    return ("answers the CA with 403, too", DNS_INSTEAD) if value else None


def _snippet(value: str, _ingress: Ingress) -> Found | None:
    """A snippet stands before all locations of the server, the challenge's too."""
    if "acme-challenge" in value:  # somebody has thought of it
        return None
    blocking = next(_blocking(value[:MAX_SNIPPET]), "")
    if not blocking:
        return None
    return f"{blocking} on the whole server, so to the CA", f"except it: location ^~ {CHALLENGES}, or use dns01"


def _blocking(text: str) -> Iterator[str]:
    """Yield directives of an nginx server that reach every location of it; what stands under a condition is left out.

    >>> list(_blocking("if ($bad) { return 403; } location /x { return 404; } return 301 https://other.example;"))
    ['return 301 https://other.example']
    """
    depth, statement = 0, list[str]()
    lines = (line.partition("#")[0] for line in text.splitlines())
    for word in _WORD.findall("\n".join(lines)):
        if word not in {";", "{", "}"}:
            statement.append(word)
            continue
        if depth == 0 and statement and _reaches_all(statement, is_block=word == "{", whole=text):
            yield " ".join(statement)
        depth = max(depth + {"{": 1, "}": -1, ";": 0}[word], 0)
        statement.clear()


def _reaches_all(statement: list[str], *, is_block: bool, whole: str) -> bool:
    match statement:
        case ["location", "~" | "~*", pattern] if is_block:
            return pattern.strip("\"'") in _DOT_FILES and "well-known" not in whole
        case ["return", *answer]:
            return not any(target in _SAME_HOST for target in answer)
        case ["rewrite", pattern, target, *_]:
            return pattern in _EVERYTHING and not target.startswith(_SAME_HOST)
        case [directive, value, *_]:
            return directive in _AUTHENTICATIONS and value != "off"
    return False


def _closed_port(value: str, ingress: Ingress) -> Found | None:
    """GKE's load balancer then has no port 80, where a CA asks (RFC 8555 §8.3).

    Contour reads it of the paths of this Ingress only; all others do not read it.
    """
    is_told = bool(_own_address(ingress)) and not _is_edited(ingress)
    is_gke = bool(_own_address(ingress)) or not _has_class(ingress)
    if value.lower() != "false" or is_told or not is_gke:
        return None
    return "closes port 80, where the CA asks", 'write "true" and redirect to HTTPS, or use dns01'


def _priority(value: str, ingress: Ingress) -> Found | None:
    """Traefik ranks routers by the length of their rule unless told otherwise, so the route's would win by itself."""
    try:
        priority = int(value)
    except ValueError:
        return None
    for rule in ingress.spec.rules:
        paths = rule.http.paths if rule.http is not None else ()
        own = len(f"Host(`{rule.host}`) && PathPrefix(`{CHALLENGES}`)")
        if rule.host and not is_wildcard(rule.host) and priority > own and any(map(_covers_challenges, paths)):
            detail = "ranks this Ingress above the route of the challenge"
            return detail, f"write less than {own}, or a higher one into the solver's ingressTemplate"
    return None


def _covers_challenges(path: HTTPIngressPath) -> bool:
    return path.path_type != "Exact" and CHALLENGES.startswith(f"{path.path.rstrip('/')}/")


def _unshared(annotations: Mapping[str, str]) -> Iterator[Problem]:
    """Yield why F5's controller drops the route: a host is one Ingress's alone, unless that merges others into it.

    Where annotations of ingress-nginx stand beside it, nobody can tell which of the two reads them.
    """
    if any(key.startswith(_COMMUNITY) for key in annotations):
        return
    kind = annotations.get(MERGEABLE)
    if kind is None:
        detail = "F5's controller gives a host to one Ingress alone, so it ignores the route of the challenge"
        remedy = "make this the master, its paths and the solver's ingressTemplate a minion; or use dns01"
        yield Problem(ANNOTATIONS @ MERGEABLE, ProblemType.REQUIRED, detail, remedy=remedy)
        return
    for key in ("nginx.org/basic-auth-secret", "nginx.com/jwt-key"):
        if kind == "master" and key in annotations:  # nginx/kubernetes-ingress#9600
            detail = "asks for a password on the whole host, so from the CA"
            yield Problem(ANNOTATIONS @ key, ProblemType.INVALID, detail, annotations[key], "move it into the minions")


def _taken_paths(ingress: Ingress) -> Iterator[Problem]:
    """Yield paths that are the route's: of two alike the older one is served, and Kong asks expressions first.

    What Kong takes for an expression begins with `/~` (Kong/kubernetes-ingress-controller#3394).
    """
    for i, rule in enumerate(ingress.spec.rules):
        for j, path in enumerate(rule.http.paths if rule.http is not None else ()):
            remedy = ""
            if _is_the_route(path):
                continue
            if path.path.startswith(_DIRECTORY) and path.path.rstrip("/") == _DIRECTORY and path.path_type != "Exact":
                remedy = "remove it; the route is made for you"
            elif path.path.startswith(_KONG) and path.path[len(_KONG) :] in _EVERYTHING:
                remedy = 'write "/" with pathType: Prefix'
            if remedy:
                where = Path("spec") / "rules" @ i / "http" / "paths" @ j / "path"
                detail = "takes the challenges away from the route that answers them"
                yield Problem(where, ProblemType.INVALID, detail, path.path, remedy)


def _is_the_route(path: HTTPIngressPath) -> bool:
    """Is it the path that the controller puts in for `http01-edit-in-place`, and somebody has applied again?"""
    return path.backend.service is not None and path.backend.service.name == SERVICE


_CHECKS: Final[Mapping[str, Callable[[str, Ingress], Found | None]]] = {
    "nginx.ingress.kubernetes.io/auth-tls-match-cn": _match_cn,
    "nginx.ingress.kubernetes.io/server-snippet": _snippet,
    "nginx.org/server-snippets": _snippet,
    "kubernetes.io/ingress.allow-http": _closed_port,
    PRIORITY: _priority,
}
