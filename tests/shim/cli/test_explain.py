"""What `certshim explain` reads and says, on an API server that has just what it is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from certs.annotations import TLS_MODE
from certs.api.core import Event, EventSource, Lease, LeaseSpec, ObjectReference
from certs.api.ingress import Ingress, IngressSpec, IngressTLS
from certs.api.meta import ObjectMeta, owner_reference
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


TLS = IngressTLS(hosts=("a.test",), secret_name="web-tls")
NAMELESS = IngressTLS(hosts=("b.test",))


def run(api: FakeAPIServer, tmp_path: Path, words: str) -> Result:
    config = api.kubeconfig(tmp_path / "kubeconfig")
    return CliRunner().invoke(main, [*words.split(), "-n", "web", "--kubeconfig", config, "--no-probe"])


def lease(renewed_ago: timedelta) -> Lease:
    spec = LeaseSpec("shim-1", 60, renew_time=datetime.now(UTC) - renewed_ago)
    return Lease(ObjectMeta(name="cert-manager-controller", namespace="kube-system"), spec)


def ingress(*tls: IngressTLS, **annotations: str) -> Ingress:
    keys = {f"cert-manager.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return Ingress(ObjectMeta(name="web", namespace="web", annotations=keys), IngressSpec(tls=tls))


def event(about: Ingress, message: str) -> Event:
    metadata = ObjectMeta(name="web.1", namespace="web")
    reference = ObjectReference(kind="Ingress", namespace="web", name="web", uid=about.metadata.uid)
    source = EventSource("cert-manager-ingress-shim")
    return Event(
        metadata, reference, "BadConfig", message, last_timestamp=datetime.now(UTC), type="Warning", source=source
    )


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


@pytest.mark.parametrize(
    ("wrong", "says", "advises"),
    [
        pytest.param(
            ingress(TLS, issuer="a", cluster_issuer="b"),
            "asks for certificates and has none: cannot ask for certificates: metadata.annotations[cert-manager.io/",
            "certshim check -",
            id="annotations that contradict each other",
        ),
        pytest.param(
            ingress(TLS, issuer="a", duration="soon"),
            "cannot ask for certificates: metadata.annotations[cert-manager.io/duration]: Invalid value",
            "certshim check -",
            id="one that cannot be read",
        ),
        pytest.param(ingress(TLS, issuer="a"), "it names no host", "kubectl describe ingress web -n web", id="not yet"),
    ],
)
def test_an_ingress_without_certificates_says_why(
    api: FakeAPIServer, tmp_path: Path, wrong: Ingress, says: str, advises: str
) -> None:
    api.put(wrong)

    done = run(api, tmp_path, "explain ingress web")

    assert done.exit_code == 1
    assert says in done.stderr
    assert advises in done.stderr


def test_what_the_shim_has_said_of_it_is_passed_on(api: FakeAPIServer, tmp_path: Path) -> None:
    """Where nothing is wrong with the Ingress itself."""
    about = msgspec.convert(api.put(ingress(TLS, issuer="a")), Ingress)
    api.put(event(about, 'Certificate "web-tls" exists and is not controlled by this Ingress, so it is left alone'))

    done = run(api, tmp_path, "explain ingress web")

    assert 'and has none: Certificate "web-tls" exists and is not controlled by this Ingress' in done.stderr


def test_part_of_an_ingress_may_be_left_out(api: FakeAPIServer, tmp_path: Path) -> None:
    """Its certificates may be well, and still it is not."""
    about = ingress(TLS, NAMELESS, issuer="letsencrypt")
    annotations = {**about.metadata.annotations, TLS_MODE: "manual"}
    about = Ingress(ObjectMeta(name="web", namespace="web", uid="uid-of-web", annotations=annotations), about.spec)
    about = msgspec.convert(api.put(about), Ingress)
    metadata = msgspec.structs.replace(certificate().metadata, owner_references=(owner_reference(about),))
    api.put(msgspec.structs.replace(certificate(), metadata=metadata))

    done = run(api, tmp_path, "explain ingress web")

    said = "Ingress web/web asks for certificates that it does not get: Skipped a TLS block: spec.tls[1].secretName"
    assert said in done.stderr
    assert done.exit_code == 1
