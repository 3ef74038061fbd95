"""The path of HTTP-01 in an Ingress: which type it has, and how somebody else's Ingress gets it and loses it again."""

from __future__ import annotations

from typing import Any

import jsonpatch
import msgspec
import pytest

from certs.api.ingress import Ingress, ManagedIngress
from certs.route import (
    PREFIX,
    SERVICE,
    PathType,
    challenge_path,
    disowning,
    has_path,
    insertion,
    obstacle,
    path_type_for,
    removal,
)

HOST = "a.example.org"
CONTROLLERS = {"nginx": "k8s.io/ingress-nginx", "edge": "k8s.io/ingress-nginx", "f5": "nginx.org/ingress-controller"}


@pytest.mark.parametrize(
    ("class_name", "chosen", "expected"),
    [
        pytest.param("nginx", {}, "ImplementationSpecific", id="ingress-nginx"),
        pytest.param("edge", {}, "ImplementationSpecific", id="ingress-nginx under another name"),
        pytest.param("f5", {}, "Prefix", id="another controller"),
        pytest.param("cilium", {}, "Prefix", id="a class that is not known"),
        pytest.param("", {}, "Prefix", id="no class"),
        pytest.param("nginx", {"nginx": "Prefix"}, "Prefix", id="said for the class"),
        pytest.param("f5", {"nginx": "ImplementationSpecific"}, "Prefix", id="said for another class"),
        pytest.param("f5", {"*": "ImplementationSpecific"}, "ImplementationSpecific", id="said for all"),
        pytest.param("nginx", {"*": "ImplementationSpecific", "nginx": "Prefix"}, "Prefix", id="the class before all"),
    ],
)
def test_path_type(class_name: str, chosen: dict[str, PathType], expected: str) -> None:
    assert path_type_for(class_name, CONTROLLERS, chosen) == expected


def test_without_a_class_the_default_one_counts() -> None:
    assert path_type_for("", CONTROLLERS, {}, "edge") == "ImplementationSpecific"


def test_a_class_that_cannot_be_read_is_known_by_its_usual_name() -> None:
    """An old annotation, or one namespace only; and an IngressClass of that name says what it really is."""
    assert path_type_for("nginx", {}, {}) == "ImplementationSpecific"
    assert path_type_for("nginx", {"nginx": "nginx.org/ingress-controller"}, {}) == "Prefix"


def path(text: str, service: str = "shop", kind: str = "Prefix") -> dict[str, Any]:
    return {"path": text, "pathType": kind, "backend": {"service": {"name": service, "port": {"number": 80}}}}


def rule(*paths: dict[str, Any], host: str = HOST) -> dict[str, Any]:
    return {"host": host, "http": {"paths": list(paths)}} if paths else {"host": host}


def whole(*rules: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "web", "resourceVersion": "7"},
        "spec": {**spec, **({"rules": list(rules)} if rules else {})},
    }


def read(obj: dict[str, Any]) -> Ingress:
    return msgspec.convert(obj, Ingress)


def patched(obj: dict[str, Any], operations: tuple[Any, ...]) -> dict[str, Any]:
    """Return the object as the API server makes it of the patch."""
    made: dict[str, Any] = jsonpatch.apply_patch(obj, msgspec.json.encode(operations))
    return made


OURS = msgspec.to_builtins(challenge_path(SERVICE, "Prefix"))
OTHER = rule(path("/"), host="b.example.org")
DEFAULT = {"defaultBackend": {"service": {"name": "shop", "port": {"number": 80}}}}
BEFORE_AND_DURING = [
    pytest.param(whole(OTHER, rule(path("/"))), whole(OTHER, rule(OURS, path("/"))), id="first in the host's rule"),
    pytest.param(whole(OTHER), whole(OTHER, rule(OURS)), id="a rule of its own"),
    pytest.param(whole(rule(), **DEFAULT), whole(rule(), rule(OURS), **DEFAULT), id="beside a rule without paths"),
    pytest.param(
        whole(rule(path("/")), rule(path("/x"))), whole(rule(OURS, path("/")), rule(path("/x"))), id="two of the host"
    ),
    pytest.param(
        whole(rule(path(f"{PREFIX}a-token", "theirs", "Exact"))),
        whole(rule(OURS, path(f"{PREFIX}a-token", "theirs", "Exact"))),
        id="before what somebody else has for one token",
    ),
]


@pytest.mark.parametrize(("before", "during"), BEFORE_AND_DURING)
def test_the_path_is_put_in_and_taken_out_again(before: dict[str, Any], during: dict[str, Any]) -> None:
    """Everything else stays as it is, at each step and to the end."""
    assert not has_path(read(before), HOST, SERVICE)

    there = patched(before, insertion(read(before), HOST, challenge_path(SERVICE, "Prefix")))

    assert there == during
    assert has_path(read(there), HOST, SERVICE)
    assert patched(there, removal(read(there), HOST, SERVICE)) == before


def test_the_only_rule_goes_where_a_default_backend_is_left() -> None:
    """An Ingress has rules or a default backend."""
    before = whole(**DEFAULT)
    there = patched(before, insertion(read(before), HOST, challenge_path(SERVICE, "Prefix")))

    assert there == whole(rule(OURS), **DEFAULT)
    assert patched(there, removal(read(there), HOST, SERVICE)) == before


def test_an_ingress_of_which_nothing_else_is_left_keeps_it() -> None:
    """The API server would refuse it without."""
    assert removal(read(whole(rule(OURS))), HOST, SERVICE) == ()


def test_an_address_has_the_rule_without_host() -> None:
    before = whole(rule(path("/"), host=""), OTHER)

    there = patched(before, insertion(read(before), "192.0.2.1", challenge_path(SERVICE, "Prefix")))

    assert there == whole(rule(OURS, path("/"), host=""), OTHER)


def test_what_others_do_at_the_same_time_is_noticed() -> None:
    """The version that was seen is part of each patch, so that the API server refuses it of any other."""
    before = read(whole(rule(path("/"))))
    during = read(whole(rule(OURS, path("/"))))

    for operations in (insertion(before, HOST, challenge_path(SERVICE, "Prefix")), removal(during, HOST, SERVICE)):
        assert (operations[0].path, operations[0].value) == ("/metadata/resourceVersion", "7")


@pytest.mark.parametrize(
    ("given", "who"),
    [
        pytest.param(whole(rule(path("/"))), "", id="nobody"),
        pytest.param(whole(rule(OURS)), "", id="we"),
        pytest.param(whole(rule(path(PREFIX))), 'Service "shop"', id="another Service"),
        pytest.param(whole(rule(path(PREFIX.rstrip("/")))), 'Service "shop"', id="without the last slash"),
        pytest.param(whole(rule(path(PREFIX), host="b.example.org")), "", id="of another host"),
        pytest.param(whole(rule(path(PREFIX, kind="Exact"))), "", id="that path alone"),
        pytest.param(
            whole(rule({"path": PREFIX, "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket"}}})),
            "another backend",
            id="no Service",
        ),
    ],
)
def test_who_else_has_the_path(given: dict[str, Any], who: str) -> None:
    assert obstacle(read(given), HOST, SERVICE) == who


WE = {"manager": "us", "operation": "Update"}
THEY = {"manager": "us", "operation": "Apply"}
OTHERS = {"manager": "kubectl", "operation": "Apply"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([OTHERS, WE], [OTHERS], id="beside others"),
        pytest.param([WE, OTHERS, WE], [OTHERS], id="twice"),
        pytest.param([THEY, OTHERS], [THEY, OTHERS], id="an apply is another's"),
        pytest.param([WE], [{}], id="alone: the API server's way to clear the list"),
    ],
)
def test_what_was_edited_does_not_become_ours(before: list[Any], after: list[Any]) -> None:
    obj = {"metadata": {"name": "web", "namespace": "web", "resourceVersion": "7", "managedFields": before}}

    assert patched(obj, disowning(msgspec.convert(obj, ManagedIngress), "us"))["metadata"]["managedFields"] == after
