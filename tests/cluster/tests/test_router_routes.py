"""Which Ingress is the router's, and which path of which host wins: tables."""

from __future__ import annotations

import re

import pytest

from tests.cluster.router import CONTROLLER_NAME
from tests.cluster.router.objects import (
    TLS,
    Backend,
    HTTPPath,
    HTTPRule,
    Ingress,
    IngressClass,
    IngressClassSpec,
    IngressSpec,
    Meta,
    Rule,
    ServiceBackend,
    World,
    by_age,
)
from tests.cluster.router.routes import ours, routes_by_host

_CLASSES = (
    IngressClass(Meta("nginx"), IngressClassSpec(CONTROLLER_NAME)),
    IngressClass(Meta("other"), IngressClassSpec("example.com/other")),
)
_LEGACY = "kubernetes.io/ingress.class"


@pytest.mark.parametrize(
    ("class_name", "annotation", "expected"),
    [
        pytest.param("nginx", "", True, id="our class"),
        pytest.param("other", "", False, id="another controller's class"),
        pytest.param("unknown", "", False, id="no such class"),
        pytest.param("", "nginx", True, id="our class by annotation"),
        pytest.param("", "other", False, id="another's by annotation"),
        pytest.param("other", "nginx", False, id="the field wins over the annotation"),
        pytest.param("", "", True, id="no class"),
    ],
)
def test_class_decides_whose_it_is(class_name: str, annotation: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """The class name, else the legacy annotation, else nothing: an Ingress without a class is ours."""
    annotations = {_LEGACY: annotation} if annotation else {}
    ingress = Ingress(Meta("web", annotations=annotations), IngressSpec(ingress_class_name=class_name))

    assert bool(ours(World(ingresses=(ingress,), classes=_CLASSES))) == expected


@pytest.mark.parametrize(
    ("kind", "path", "request_path", "expected"),
    [
        pytest.param("Exact", "/foo", "/foo", True, id="exact"),
        pytest.param("Exact", "/foo", "/foo/", False, id="exact minds a trailing slash"),
        pytest.param("Exact", "/foo.html", "/fooxhtml", False, id="a dot is a dot"),
        pytest.param("Prefix", "/", "/anything", True, id="prefix of everything"),
        pytest.param("Prefix", "/foo", "/foo", True, id="prefix itself"),
        pytest.param("Prefix", "/foo", "/foo/", True, id="prefix with slash"),
        pytest.param("Prefix", "/foo/", "/foo", True, id="trailing slash of the rule ignored"),
        pytest.param("Prefix", "/foo", "/foo/bar", True, id="prefix of elements"),
        pytest.param("Prefix", "/foo", "/foobar", False, id="not of characters"),
        pytest.param("Prefix", "/foo", "/FOO", False, id="case matters"),
        pytest.param("ImplementationSpecific", "/foo", "/foo/bar", True, id="implementation specific is prefix"),
    ],
)
def test_path_matches_as_the_api_says(kind: str, path: str, request_path: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """The table "Examples" of the Ingress documentation, in short."""
    (route,) = routes_by_host([_ingress("web", ("a.test", path, kind))])["a.test"]

    assert bool(re.search(route.pattern, request_path)) == expected


def test_hosts_are_tried_exact_then_wildcard_then_none() -> None:
    """An exact host comes before a wildcard, and rules without host come last."""
    ingress = _ingress("web", ("", "/", "Prefix"), ("*.test", "/", "Prefix"), ("z.test", "/", "Prefix"))

    assert list(routes_by_host([ingress])) == ["z.test", "*.test", ""]


def test_paths_are_tried_exact_then_longest_prefix() -> None:
    """An exact path comes before prefixes, a longer prefix before a shorter."""
    paths = [
        ("a.test", "/", "Prefix"),
        ("a.test", "/a/b", "Prefix"),
        ("a.test", "/a", "Exact"),
        ("a.test", "/a", "Prefix"),
    ]
    routes = routes_by_host([_ingress("web", *paths)])["a.test"]

    assert [(route.path, route.exact) for route in routes] == [
        ("/a", True),
        ("/a/b", False),
        ("/a", False),
        ("/", False),
    ]


def test_older_ingress_has_the_path() -> None:
    """Where two claim the same host and path, the older has it."""
    young = _ingress("young", ("a.test", "/", "Prefix"), created="2026-02-02T00:00:00Z")
    old = _ingress("old", ("a.test", "/", "Prefix"), created="2026-01-01T00:00:00Z")

    (route,) = routes_by_host(by_age([young, old]))["a.test"]
    assert route.backend == Backend(ServiceBackend("old"))


def test_default_backend_comes_last() -> None:
    """The default backend takes what no path of the host takes, and requests for no known host."""
    default = Backend(ServiceBackend("default"))
    spec = IngressSpec(default_backend=default, rules=(_rule("a.test", "/a", "Prefix", "web"),))

    hosts = routes_by_host([Ingress(Meta("web"), spec)])
    assert [route.path for route in hosts["a.test"]] == ["/a", "/"]
    assert hosts["a.test"][-1].backend == default
    assert hosts[""][0].backend == default


@pytest.mark.parametrize(
    ("annotation", "value", "hosts", "expected"),
    [
        pytest.param("ssl-redirect", "true", ("a.test",), True, id="asked for, with TLS"),
        pytest.param("ssl-redirect", "true", (), True, id="asked for, TLS entry for all hosts"),
        pytest.param("ssl-redirect", "true", ("b.test",), False, id="asked for, TLS for another host"),
        pytest.param("ssl-redirect", "false", ("a.test",), False, id="refused"),
        pytest.param("force-ssl-redirect", "true", ("b.test",), True, id="forced, without TLS"),
        pytest.param("other", "true", ("a.test",), False, id="not asked for"),
    ],
)
def test_redirect_only_when_asked_for(annotation: str, value: str, hosts: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001 - a table
    """Plain HTTP is redirected only when an annotation says so."""
    annotations = {f"nginx.ingress.kubernetes.io/{annotation}": value}
    spec = IngressSpec(rules=(_rule("a.test", "/", "Prefix", "web"),), tls=(TLS(hosts, "s"),))

    (route,) = routes_by_host([Ingress(Meta("web", annotations=annotations), spec)])["a.test"]
    assert route.to_https == expected


def _rule(host: str, path: str, kind: str, service: str) -> Rule:
    return Rule(host, HTTPRule((HTTPPath(Backend(ServiceBackend(service)), path, kind),)))


def _ingress(name: str, *paths: tuple[str, str, str], created: str = "") -> Ingress:
    rules = tuple(_rule(*path, name) for path in paths)
    return Ingress(Meta(name, creation_timestamp=created), IngressSpec(rules=rules))
