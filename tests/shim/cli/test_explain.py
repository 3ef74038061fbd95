"""What `certshim explain` reads and says, on an API server that has just what it is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certs.api.core import Lease, LeaseSpec
from certs.api.ingress import Ingress
from certs.api.meta import ObjectMeta
from shim.cli import main
from shim.cli.explain import asks
from tests.certs.decide.objects import certificate, issuer
from tests.fakes.apiserver import FakeAPIServer, Status


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"cert-manager.io/issuer": "le"}, True),
        ({"cert-manager.io/cluster-issuer": "le"}, True),
        ({"kubernetes.io/tls-acme": "true"}, True),
        ({"kubernetes.io/tls-acme": "false"}, False),
        ({"certmanager.k8s.io/issuer": "le"}, True),
        ({"example.com/note": "cert-manager.io/issuer"}, False),
        ({}, False),
    ],
)
def test_it_asks_by_whatever_the_shim_heeds(annotations: dict[str, str], *, expected: bool) -> None:
    assert asks(Ingress(metadata=ObjectMeta(name="shop", annotations=annotations))) is expected


def run(api: FakeAPIServer, tmp_path: Path, words: str) -> Result:
    config = api.kubeconfig(tmp_path / "kubeconfig")
    return CliRunner().invoke(main, [*words.split(), "-n", "web", "--kubeconfig", config, "--no-probe"])


def lease(renewed_ago: timedelta) -> Lease:
    spec = LeaseSpec("shim-1", 60, renew_time=datetime.now(UTC) - renewed_ago)
    return Lease(ObjectMeta(name="cert-manager-controller", namespace="kube-system"), spec)


@pytest.mark.parametrize(
    ("renewed_ago", "idle"), [(timedelta(hours=3), True), (timedelta(seconds=5), False)], ids=["long ago", "just now"]
)
def test_that_no_shim_works_is_seen_by_its_lease(
    api: FakeAPIServer, tmp_path: Path, renewed_ago: timedelta, *, idle: bool
) -> None:
    for one in (certificate(), issuer(), lease(renewed_ago)):
        api.put(one)

    done = run(api, tmp_path, "explain certificate shop")

    assert ("no shim is at work" in done.stdout) is idle
    assert done.exit_code == 1


def test_without_a_lease_that_may_be_read_nothing_is_said_of_it(api: FakeAPIServer, tmp_path: Path) -> None:
    """It may be in another namespace, and developers may not read those of kube-system."""
    for one in (certificate(), issuer(ready=False), lease(timedelta(hours=3))):
        api.put(one)
    asked_before = ["certificates", "issuers", "secrets"]
    api.script("get", *(None for _ in asked_before), Status(403, "Forbidden", "no"))

    done = run(api, tmp_path, "explain certificate shop")

    assert "leases" in [one.path.split("/")[-2] for one in api.seen]
    assert "no shim" not in done.output
    assert "the account is not registered" in done.stdout
