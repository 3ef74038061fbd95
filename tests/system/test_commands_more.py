"""`wait`, `events`, `create`, `check api`, `version`, `upgrade` and `completion`, run as a person runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from tests.cluster import Cluster, Process
from tests.product import CERTSHIM, Product
from tests.system.commands import Run, everywhere
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
ISSUER = "cert-manager.io/issuer"


@pytest.fixture(scope="module")
def webhook(product: Product, cluster: Cluster) -> Iterator[Process]:
    yield product.start_webhook()
    product.withdraw_admission()
    cluster.process("webhook").stop()  # a test may have started another


def test_waiting_ends_when_all_are_ready(shop: Shop, run: Run) -> None:
    """A pipe gets a line for each change, and nothing that moves the cursor."""
    issuer = shop.issuer()
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer})
    eventually(lambda: shop.get("Certificate", "web-tls"), "the Certificate is made")

    told = run("wait", "certificate", "web-tls", "--for=ready", "--timeout=30s")

    assert (told.returncode, told.stdout) == (0, "All are ready.\n"), told.stderr
    assert "\x1b" not in told.stderr
    assert run("wait", "certificate", "--all").returncode == 0
    nothing = run("wait", "certificate", "-l", "team=nobody")
    assert (nothing.returncode, nothing.stderr) == (1, f"Error: No Certificates found in {shop.namespace} namespace.\n")
    assert run("wait", "certificate").returncode == 2


def test_waiting_in_vain_says_why(shop: Shop, run: Run, cluster: Cluster) -> None:
    host = shop.host()
    cluster.names.set("set-servfail", host=f"{host}.")
    shop.ingress("web", host, annotations={ISSUER: shop.issuer()})
    eventually(lambda: "resolve" in str(shop.condition("Certificate", "web-tls", "Issuing")), "it is known")

    told = run("wait", "certificate", "web-tls", "--timeout=1s")

    assert told.returncode == 3
    assert told.stderr.splitlines()[0] == f"Waiting for 1: {shop.namespace}/web-tls"
    assert f"Not in time. Certificate {shop.namespace}/web-tls is not ready: Challenge web-tls-1-" in told.stderr


def test_events_of_the_chain_come_in_order(shop: Shop, run: Run) -> None:
    """From the Ingress to the Challenge, of all of them."""
    shop.ingress("web", shop.host(), annotations={ISSUER: shop.issuer()})
    shop.issued("web-tls")
    wanted = (
        "Ingress/web  CreateCertificate",
        "Certificate/web-tls  Issuing",
        "Order/web-tls-1-",
        "CertificateRequest/web-tls-1",
    )
    eventually(lambda: all(one in run("events", "ingress", "web").stdout for one in wanted), "they are written")

    lines = run("events", "ingress", "web").stdout.splitlines()

    assert [line[:8] for line in lines] == sorted(line[:8] for line in lines)
    assert set(run("events", "certificate", "web-tls").stdout.splitlines()) < set(lines)
    assert run("events", "certificate", "nobody").returncode == 1


def test_events_that_come_are_printed_once_until_it_is_ended(shop: Shop, cluster: Cluster, tmp_path: Path) -> None:
    """`--watch` begins with what there is, goes on with what comes, and ends by Ctrl-C without a traceback."""
    issuer = shop.issuer()
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer})
    shop.issued("web-tls")
    # In the background of a shell, tests have a Ctrl-C ignored, and hand that on.
    command = ["env", "--default-signal=INT", str(CERTSHIM), "events", "certificate", "web-tls", "-w"]
    command += ["--kubeconfig", str(cluster.admin)]
    with (tmp_path / "told").open("w") as file:
        watching = subprocess.Popen(  # noqa: S603  our own program
            [*command, "-n", shop.namespace], stdout=file, stderr=subprocess.STDOUT, text=True
        )

        def told() -> list[str]:
            return (tmp_path / "told").read_text().splitlines()

        try:
            eventually(lambda: any("successfully issued" in line for line in told()), "what there is")
            assert not any("web-tls-2" in line for line in told())
            shop.delete("Secret", "web-tls")
            eventually(lambda: any("CertificateRequest/web-tls-2" in line for line in told()), "what comes")
        finally:
            watching.send_signal(signal.SIGINT)
            code = watching.wait(10)

    assert code not in {0, None}
    assert not any("Traceback" in line for line in told())
    lines = [line for line in told() if "  " in line]
    assert len(set(lines)) == len(lines)


def test_a_request_is_made_from_a_manifest(shop: Shop, run: Run, tmp_path: Path) -> None:
    """Key and certificate are files that belong together; nobody else can read the key."""
    manifest, key, certificate = tmp_path / "certificate.yaml", tmp_path / "a.key", tmp_path / "a.crt"
    spec = {"secretName": "a", "dnsNames": ["a.example.test"], "issuerRef": {"name": "ss"}}
    spec["privateKey"] = {"algorithm": "ECDSA"}
    document = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "a"}, "spec": spec}
    manifest.write_text(yaml.safe_dump(document))
    shop.apply(issuer_of_requests(shop.namespace))

    told = run(
        "create", "cr", "asked", f"--from-certificate-file={manifest}", f"--output-key-file={key}",
        f"--output-certificate-file={certificate}", "--fetch-certificate", "--timeout=30s",
    )  # fmt: skip

    assert told.returncode == 1, told.stderr  # a self-signed certificate takes the key, which the cluster must not have
    assert f"Private key written to file {key}\n" in told.stderr
    assert f"CertificateRequest asked has been created in namespace {shop.namespace}\n" in told.stderr
    assert key.stat().st_mode & 0o077 == 0
    again = run("create", "cr", "asked", f"--from-certificate-file={manifest}", f"--output-key-file={key}")
    assert again.stderr == f"Error: {key} is there already: name another by --output-key-file\n"
    spec |= {"dnsNames": [shop.host()], "issuerRef": {"name": shop.issuer()}}
    manifest.write_text(yaml.safe_dump(document))

    signed = run(
        "create", "certificaterequest", "signed", f"--from-certificate-file={manifest}",
        f"--output-key-file={tmp_path / 'b.key'}", f"--output-certificate-file={certificate}",
        "--fetch-certificate", "--timeout=30s",
    )  # fmt: skip

    assert signed.returncode == 0, signed.stderr
    assert signed.stderr.splitlines()[2:] == [
        "CertificateRequest signed has not been signed yet. Wait until it is signed...",
        "CertificateRequest signed has been signed",
        f"Certificate written to file {certificate}",
    ]
    assert x509.load_pem_x509_certificates(certificate.read_bytes())


def issuer_of_requests(namespace: str) -> dict[str, object]:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "metadata": {"name": "ss", "namespace": namespace},
        "spec": {"selfSigned": {}},
    }


def test_the_api_is_ready_when_admission_answers(webhook: Process, cluster: Cluster, product: Product) -> None:
    told = everywhere(cluster, "check", "api")

    assert (told.returncode, told.stdout) == (0, "The cert-manager API is ready\n"), told.stderr
    webhook.stop()
    try:
        stopped = everywhere(cluster, "check", "api", "--wait=500ms", "--interval=200ms")
    finally:
        product.start_webhook()
    assert stopped.returncode == 1
    assert stopped.stderr.startswith("Not ready: the cert-manager webhook deployment is not ready yet (")


def test_versions_of_both_sides(cluster: Cluster, product: Product) -> None:
    """The CRDs say that they are ours; a Deployment would say which version."""
    assert everywhere(cluster, "version", "--client", "--short").stdout == "Client Version: 0.1.0\n"
    found = everywhere(cluster, "version", "-o", "json")

    assert json.loads(found.stdout)["clientVersion"] == {"product": "certshim", "version": "0.1.0"}
    assert found.returncode == 1
    assert "no webhook's Deployment says its version" in found.stderr


def test_all_objects_are_stored_as_v1(cluster: Cluster, product: Product) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/issuers.cert-manager.io"

    told = everywhere(cluster, "upgrade", "migrate-api-version", "--skip-stored-version-check")

    assert told.returncode == 0, told.stderr
    assert "certificates.cert-manager.io: " in told.stdout
    assert cluster.api.get(path)["status"]["storedVersions"] == ["v1"]
    assert everywhere(cluster, "upgrade", "migrate-api-version").stdout.count("stored as v1 already") == 6


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "kubectl"])
def test_a_script_for_each_shell(shell: str) -> None:
    done = subprocess.run([str(CERTSHIM), "completion", shell], capture_output=True, text=True, check=True)  # noqa: S603

    assert "certshim" in done.stdout


def test_bash_completes_commands_and_options() -> None:
    """As bash itself does it, and as kubectl asks a plug-in."""
    words = {"COMP_WORDS": "certshim exp", "COMP_CWORD": "1", "_CERTSHIM_COMPLETE": "bash_complete"}
    done = subprocess.run([str(CERTSHIM)], capture_output=True, text=True, check=False, env=os.environ | words)  # noqa: S603
    asked = [str(CERTSHIM), "completion", "candidates", "--", "renew", "--sel"]
    candidates = subprocess.run(asked, capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stdout == "plain,explain\n"
    assert candidates.stdout == "--selector\n"
