"""The switch and the way back where a release of cert-manager has names of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from shim.adopt.switching import Switch, Unfinished
from shim.kube.transport import connect
from tests.fakes.apiserver import FakeAPIServer

Tree = dict[str, Any]
WHERE: Final = "cert-manager"
DEPLOYMENTS: Final = ("apps/v1", "deployments")
ADMISSION: Final = "admissionregistration.k8s.io/v1"
PLURALS: Final = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
THEIRS: Final = "pki-cert-manager-webhook"
OURS: Final = "cert-manager-webhook"


def deployment(name: str, component: str, chart: str, replicas: int) -> Tree:
    """Return one whose release has a nameOverride: only the container is called as ever."""
    labels = {"app.kubernetes.io/name": "pki", "app.kubernetes.io/component": component}
    container = {"name": f"{chart}-{component}", "image": "registry.example.com/x"}
    metadata = {"name": name, "namespace": WHERE, "labels": labels}
    return {"metadata": metadata, "spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}}}


def configuration(name: str, client: Tree, **labels: str) -> Tree:
    return {
        "metadata": {"name": name, "labels": labels},
        "webhooks": [{"name": "webhook.cert-manager.io", "clientConfig": client}],
    }


def service(name: str) -> Tree:
    return {"service": {"name": name, "namespace": WHERE}}


@pytest.fixture
def server() -> Iterator[FakeAPIServer]:
    """Both are installed, with both configurations each; a policy engine looks at Certificates, too."""
    with FakeAPIServer() as started:
        create = started.history.create
        create(("v1", "namespaces"), {"metadata": {"name": WHERE}})
        for part in ("controller", "webhook", "cainjector"):
            create(DEPLOYMENTS, deployment(f"pki-{part}", part, "cert-manager", 2 if part == "controller" else 1))
        for part in ("shim", "webhook"):
            create(DEPLOYMENTS, deployment(f"certshim-{part}", part, "certshim", 0))
        for plural in PLURALS:
            create((ADMISSION, plural), configuration(THEIRS, service(THEIRS)))
            create((ADMISSION, plural), configuration(OURS, service("certshim-webhook")))
            other = configuration("policies", service("policies"))
            other["webhooks"][0]["name"] = "check.policies.example.com"
            create((ADMISSION, plural), other)
        yield started


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def switch(server: FakeAPIServer, said: list[str], tmp_path: Path) -> Switch:
    return Switch(connect(server.kubeconfig(tmp_path / "kubeconfig"), workers=1), WHERE, said.append, wait=5)


def names(server: FakeAPIServer) -> list[set[str]]:
    """Return which configurations there are, by kind."""
    return [{name for _, name in server.history.objects[ADMISSION, plural]} for plural in PLURALS]


def replicas(server: FakeAPIServer) -> dict[str, int]:
    return {name: one["spec"]["replicas"] for (_, name), one in server.history.objects[DEPLOYMENTS].items()}


def test_a_release_with_names_of_its_own_is_switched_over(
    server: FakeAPIServer, switch: Switch, said: list[str]
) -> None:
    """Its webhook would be asked, and not answer, for ever."""
    switch.over()

    assert replicas(server) == {
        "pki-controller": 0, "pki-webhook": 0, "pki-cainjector": 0, "certshim-shim": 2, "certshim-webhook": 2,
    }  # fmt: skip
    assert names(server) == [{OURS, "policies"}] * 2
    assert not any("apply" in line for line in said)


def test_and_back(server: FakeAPIServer, switch: Switch) -> None:
    """Ours, which lead to nobody then, go."""
    was = server.history.get((ADMISSION, PLURALS[0]), ("", THEIRS))["webhooks"]
    switch.over()

    switch.back()

    assert replicas(server) == {
        "pki-controller": 2, "pki-webhook": 1, "pki-cainjector": 1, "certshim-shim": 0, "certshim-webhook": 0,
    }  # fmt: skip
    assert names(server) == [{THEIRS, "policies"}] * 2
    assert server.history.get((ADMISSION, PLURALS[0]), ("", THEIRS))["webhooks"] == was
    assert server.history.objects["v1", "configmaps"] == {}


def test_a_second_switch_says_that_our_configurations_are_missing(
    server: FakeAPIServer, switch: Switch, said: list[str]
) -> None:
    """The way back has removed them, and nothing would check our kinds."""
    switch.over()
    switch.back()
    said.clear()

    switch.over()

    assert names(server) == [{"policies"}] * 2
    assert "nothing checks Certificates and issuers until" in said[-1]


def test_nothing_is_stopped_where_no_copy_can_be_kept(server: FakeAPIServer, switch: Switch) -> None:
    server.history.delete(("v1", "namespaces"), ("", WHERE), {})
    before = replicas(server)

    with pytest.raises(Unfinished, match="--install-namespace"):
        switch.over()

    assert replicas(server) == before
    assert names(server) == [{THEIRS, OURS, "policies"}] * 2


@pytest.mark.parametrize(
    ("labels", "goes"),
    [({"app.kubernetes.io/name": "webhook"}, True), ({"app.kubernetes.io/name": "certshim"}, False)],
    ids=["theirs", "ours"],
)
def test_a_configuration_that_names_a_url(
    server: FakeAPIServer,
    switch: Switch,
    labels: dict[str, str],
    goes: bool,  # noqa: FBT001
) -> None:
    """There is no Service to tell whose it is; the labels of our manifests are."""
    for plural in PLURALS:
        server.history.delete((ADMISSION, plural), ("", OURS), {})
        client = {"url": "https://webhook.example.com/x"}
        server.history.create((ADMISSION, plural), configuration(OURS, client, **labels))

    switch.over()

    assert names(server) == [{"policies"} if goes else {OURS, "policies"}] * 2
