"""What keeps a CA from the route of a challenge, and what only looks as if it did."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from certs.api.ingress import Ingress
from certs.lenient import lenient
from certs.proxies import blockers, displaced, displaces

NGINX = "nginx.ingress.kubernetes.io/"
SNIPPET = f"{NGINX}server-snippet"


def ingress(
    annotations: dict[str, str],
    path: str = "/",
    path_type: str = "Prefix",
    host: str = "a.example.org",
    class_name: str | None = None,
) -> Any:
    paths = [{"path": path, "pathType": path_type, "backend": {"service": {"name": "web", "port": {"number": 80}}}}]
    obj = {
        "metadata": {"name": "web", "annotations": annotations},
        "spec": {"ingressClassName": class_name, "rules": [{"host": host, "http": {"paths": paths}}]},
    }
    return msgspec.convert(obj, lenient(Ingress))


def told(obj: Ingress) -> list[str]:
    return [f"{problem.path}: {problem.detail}; {problem.remedy}" for problem in blockers(obj)]


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {f"{NGINX}ssl-redirect": "true", f"{NGINX}force-ssl-redirect": "true"},
        {f"{NGINX}whitelist-source-range": "10.0.0.0/8"},
        {f"{NGINX}auth-type": "basic", f"{NGINX}auth-secret": "users"},
        {f"{NGINX}auth-url": "https://login.example.org"},
        {f"{NGINX}auth-tls-secret": "team/ca", f"{NGINX}auth-tls-verify-client": "on"},
        {f"{NGINX}permanent-redirect": "https://other.example.org"},
        {f"{NGINX}app-root": "/app", f"{NGINX}rewrite-target": "/$1", f"{NGINX}use-regex": "true"},
        {f"{NGINX}configuration-snippet": "return 403;"},
        {"traefik.ingress.kubernetes.io/router.middlewares": "team-auth@kubernetescrd"},
        {"traefik.ingress.kubernetes.io/router.entrypoints": "websecure"},
        {"traefik.ingress.kubernetes.io/router.priority": "10"},
        {"traefik.ingress.kubernetes.io/router.priority": "high"},
        {"haproxy.org/allow-list": "10.0.0.0/8", "haproxy.org/ssl-redirect": "true"},
        {"haproxy-ingress.github.io/auth-url": "https://login.example.org"},
        {"kubernetes.io/ingress.allow-http": "true"},
        {"kubernetes.io/ingress.allow-http": "false", "kubernetes.io/ingress.class": "contour"},
        {"kubernetes.io/ingress.global-static-ip-name": "web", "kubernetes.io/ingress.class": "nginx"},
        {"ingress.kubernetes.io/force-ssl-redirect": "true", "projectcontour.io/response-timeout": "5s"},
        {"konghq.com/protocols": "https", "konghq.com/plugins": "key-auth"},
        {"k8s.apisix.apache.org/http-to-https": "true", "k8s.apisix.apache.org/allowlist-source-range": "10.0.0.0/8"},
        {"alb.ingress.kubernetes.io/group.name": "web", "alb.ingress.kubernetes.io/ssl-redirect": "443"},
        {"nginx.org/mergeable-ingress-type": "master", "nginx.org/redirect-to-https": "true"},
        {"nginx.org/mergeable-ingress-type": "minion", "nginx.org/basic-auth-secret": "users"},
        {"nginx.org/client-max-body-size": "8m", f"{NGINX}proxy-body-size": "8m"},
    ],
    ids=lambda annotations: ",".join(annotations) or "none",
)
def test_what_applies_to_its_own_paths_is_harmless(annotations: dict[str, str]) -> None:
    assert told(ingress(annotations)) == []


@pytest.mark.parametrize(
    ("annotations", "text"),
    [
        ({f"{NGINX}auth-tls-match-cn": "CN=partner"}, "answers the CA with 403"),
        ({"kubernetes.io/ingress.allow-http": "false"}, "closes port 80"),
        ({"kubernetes.io/ingress.class": "gce"}, "an address for each Ingress"),
        ({"kubernetes.io/ingress.class": "gce", "kubernetes.io/ingress.allow-http": "false"}, "an address for each"),
        ({"kubernetes.io/ingress.class": "gce"}, 'write acme.cert-manager.io/http01-edit-in-place: "true"'),
        ({"kubernetes.io/ingress.global-static-ip-name": "web"}, "an address for each Ingress"),
        ({"traefik.ingress.kubernetes.io/router.priority": "1000"}, "write less than 67"),
        ({"nginx.org/client-max-body-size": "8m"}, "make this the master"),
        (
            {"nginx.org/mergeable-ingress-type": "master", "nginx.org/basic-auth-secret": "users"},
            "move it into the minions",
        ),
        ({"nginx.org/mergeable-ingress-type": "master", "nginx.org/server-snippets": "return 403;"}, "return 403"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_applies_to_the_whole_host_is_told(annotations: dict[str, str], text: str) -> None:
    (line,) = told(ingress(annotations))

    assert text in line


EDITED = {"acme.cert-manager.io/http01-edit-in-place": "true"}


@pytest.mark.parametrize(
    ("annotations", "text"),
    [
        ({f"{NGINX}whitelist-source-range": "10.0.0.0/8"}, "lets some addresses only to the challenge, too"),
        ({f"{NGINX}auth-url": "https://login.example.org"}, "asks for a login"),
        ({f"{NGINX}rewrite-target": "/$1"}, "rewrites the path"),
        ({f"{NGINX}backend-protocol": "HTTPS"}, "speaks TLS"),
        ({"haproxy.org/allow-list": "10.0.0.0/8"}, "lets some addresses"),
        ({"haproxy-ingress.github.io/auth-url": "https://login.example.org"}, "asks for a login"),
        ({"k8s.apisix.apache.org/allowlist-source-range": "10.0.0.0/8"}, "lets some addresses"),
        ({"nginx.org/basic-auth-secret": "users"}, "asks for a login"),
        ({"kubernetes.io/ingress.allow-http": "false", "kubernetes.io/ingress.class": "gce"}, "closes port 80"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_with_the_challenge_in_the_ingress_what_applies_to_its_paths_is_told(
    annotations: dict[str, str], text: str
) -> None:
    (line,) = told(ingress(EDITED | annotations))

    assert text in line


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {f"{NGINX}force-ssl-redirect": "true"},
        {f"{NGINX}backend-protocol": "HTTP"},
        {f"{NGINX}auth-type": ""},
        {"kubernetes.io/ingress.class": "gce"},
        {"kubernetes.io/ingress.global-static-ip-name": "web"},
        {"nginx.org/client-max-body-size": "8m"},
    ],
    ids=lambda annotations: ",".join(annotations) or "none",
)
def test_with_the_challenge_in_the_ingress_a_host_and_an_address_need_not_be_shared(
    annotations: dict[str, str],
) -> None:
    assert told(ingress(EDITED | annotations)) == []


def test_the_path_that_the_controller_put_in_is_the_routes() -> None:
    """Somebody applies again what they have read."""
    obj = ingress({}, "/.well-known/acme-challenge/")
    ours = msgspec.to_builtins(obj)
    ours["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "certshim-acme-responder"

    assert told(msgspec.convert(ours, lenient(Ingress))) == []


@pytest.mark.parametrize(
    "snippet",
    [
        "",
        "more_set_headers 'X-Frame-Options: DENY';",
        "if ($bad_bot) { return 403; }",
        "return 301 https://$host$request_uri;",
        "rewrite ^/old$ /new;",
        "location /private { return 404; }",
        "location ~ /\\.ht { deny all; }",
        "location ~ /\\.(?!well-known) { deny all; }",
        "location ~ /\\. { deny all; } location ^~ /.well-known/ { allow all; }",
        "# return 403;",
        "auth_basic off;",
        "deny all;",  # the route allows everybody, and nginx takes the innermost list
        "if ($uri !~ ^/.well-known/acme-challenge/) { return 301 https://other.example.org; }",
        "} } {",
    ],
)
def test_snippets_that_leave_the_challenge_alone(snippet: str) -> None:
    assert told(ingress({SNIPPET: snippet})) == []


@pytest.mark.parametrize(
    ("snippet", "text"),
    [
        ("return 301 https://other.example.org$request_uri;", "return 301 https://other.example.org$request_uri"),
        ("more_clear_headers Server;\nreturn 410;", "return 410"),
        ("rewrite ^(.*)$ https://other.example.org$1 permanent;", "rewrite ^(.*)$"),
        ('auth_basic "Members";', "auth_basic"),
        ("auth_request /login;", "auth_request /login"),
        ("location ~ /\\. { deny all; }", "location ~ /\\."),
        ("location /x { return 404; }\nreturn 403;", "return 403"),
    ],
)
def test_snippets_that_reach_the_challenge(snippet: str, text: str) -> None:
    (line,) = told(ingress({SNIPPET: snippet}))

    assert text in line
    assert "except it: location ^~ /.well-known/acme-challenge/" in line


@pytest.mark.parametrize(
    ("path", "path_type", "is_told"),
    [
        ("/.well-known/acme-challenge/", "Prefix", True),
        ("/.well-known/acme-challenge", "ImplementationSpecific", True),
        ("/.well-known/acme-challenge/a-token", "Exact", False),
        ("/.well-known/", "Prefix", False),
        ("/~/(.*)", "ImplementationSpecific", True),
        ("/~/", "ImplementationSpecific", False),
        ("/~/api/(.*)", "ImplementationSpecific", False),
        ("/(.*)", "ImplementationSpecific", False),
        ("/", "Prefix", False),
    ],
)
def test_the_path_of_the_route_is_nobody_elses(path: str, path_type: str, *, is_told: bool) -> None:
    assert bool(told(ingress({}, path, path_type))) == is_told


@pytest.mark.parametrize(
    ("path", "path_type", "host"), [("/api", "Prefix", "a.b"), ("/", "Exact", "a.b"), ("/", "Prefix", "*.a.b")]
)
def test_a_rank_matters_only_where_the_route_would_be(path: str, path_type: str, host: str) -> None:
    ranked = {"traefik.ingress.kubernetes.io/router.priority": "1000"}

    assert told(ingress(ranked, path, path_type, host)) == []


def test_a_snippet_of_any_size_takes_little_time() -> None:
    """What lies behind the first so many characters is not looked at."""
    assert told(ingress({SNIPPET: "a " * 500_000 + "; return 403;"})) == []


def test_a_class_by_name_is_not_gke() -> None:
    """Which reads the annotation only."""
    annotations = {"kubernetes.io/ingress.allow-http": "false", "kubernetes.io/ingress.global-static-ip-name": "web"}

    assert told(ingress(annotations, class_name="nginx")) == []


def test_a_host_that_others_redirect_from_is_displaced_by_its_route() -> None:
    annotations = {f"{NGINX}from-to-www-redirect": "true"}

    (problem,) = displaced(ingress(annotations), ["a.example.org", "www.a.example.org"])

    assert str(problem.path).endswith("from-to-www-redirect]")
    assert "www.a.example.org an Ingress that redirects" in problem.remedy
    assert list(displaced(ingress(annotations, host="www.a.org"), ["a.org"]))


def test_an_alias_is_displaced_by_its_route() -> None:
    annotations = {f"{NGINX}server-alias": "b.example.org, c.example.org"}

    problems = list(displaced(ingress(annotations), ["a.example.org", "c.example.org"]))

    assert [problem.value for problem in problems] == ["c.example.org"]


@pytest.mark.parametrize(
    ("annotations", "hosts"),
    [
        ({}, ["www.a.example.org"]),
        ({"from-to-www-redirect": "false"}, ["www.a.example.org"]),
        ({"from-to-www-redirect": "true"}, ["a.example.org", "www.b.example.org"]),
        ({"server-alias": "b.example.org"}, ["a.example.org"]),
        ({"server-alias": "a.example.org"}, ["a.example.org"]),
        ({"server-alias": ""}, ["a.example.org"]),
    ],
)
def test_what_has_no_route_is_displaced_by_none(annotations: dict[str, str], hosts: list[str]) -> None:
    obj = ingress({NGINX + key: text for key, text in annotations.items()})

    assert list(displaced(obj, hosts)) == []


@pytest.mark.parametrize(
    ("host", "class_name", "annotations", "told"),
    [
        pytest.param("*.example.org", "nginx", {}, ["spec.rules[0].host"], id="wildcard"),
        pytest.param("", "nginx", {}, ["spec.rules[0].host"], id="all hosts"),
        pytest.param("*.example.org", None, {f"{NGINX}proxy-body-size": "1m"}, ["spec.rules[0].host"], id="annotation"),
        pytest.param(
            "*.example.org", None, {"kubernetes.io/ingress.class": "nginx"}, ["spec.rules[0].host"], id="class"
        ),
        pytest.param("*.example.com", "nginx", {}, [], id="another wildcard"),
        pytest.param("a.example.org", "nginx", {}, [], id="a rule of its own"),
        pytest.param("*.example.org", "traefik", {}, [], id="another proxy"),
    ],
)
def test_a_host_that_a_wildcard_catches_is_displaced_by_its_route(
    host: str, class_name: str | None, annotations: dict[str, str], told: list[str]
) -> None:
    """ingress-nginx makes a server of each host, and asks no other then."""
    obj = ingress(annotations, host=host, class_name=class_name)

    problems = list(displaced(obj, ["a.example.org", "192.0.2.1"]))

    assert [str(problem.path) for problem in problems] == told
    assert displaces(obj) or not told
    assert all(problem.remedy == "give a.example.org a rule" for problem in problems)


def test_a_host_of_the_default_backend_is_displaced_by_its_route() -> None:
    """Where the Ingress has nothing else."""
    obj = ingress({}, class_name="nginx")
    backend = obj.spec.rules[0].http.paths[0].backend
    alone = msgspec.structs.replace(obj, spec=msgspec.structs.replace(obj.spec, rules=(), default_backend=backend))
    beside = msgspec.structs.replace(obj, spec=msgspec.structs.replace(obj.spec, default_backend=backend))

    assert [str(problem.path) for problem in displaced(alone, ["b.example.org"])] == ["spec.defaultBackend"]
    assert not list(displaced(beside, ["b.example.org"]))
