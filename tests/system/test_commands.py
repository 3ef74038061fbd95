"""The commands that look at a cluster, run as a person runs them."""

from __future__ import annotations

import json

import pytest

from tests.cluster import Cluster
from tests.system.commands import Run
from tests.system.shop import Shop, eventually

pytestmark = pytest.mark.system
ISSUER = "cert-manager.io/issuer"


def test_a_certificate_is_renewed_by_hand(shop: Shop, run: Run) -> None:
    issuer = shop.issuer()
    shop.ingress("web", shop.host(), annotations={ISSUER: issuer})
    before = shop.issued("web-tls").leaf.serial

    told = run("renew", "web-tls")

    assert told.stdout == f"Manually triggered issuance of Certificate {shop.namespace}/web-tls\n"
    assert eventually(lambda: shop.issued("web-tls").leaf.serial != before, "another certificate")
    assert run("renew", "nobody").stderr.startswith(f"Error: cannot read Certificate {shop.namespace}/nobody")
    nothing = run("renew", "--selector", "team=nobody")
    assert (nothing.returncode, nothing.stderr) == (1, f"Error: No Certificates found in {shop.namespace} namespace.\n")
    assert run("renew").returncode == 2


def test_what_is_well_is_said_to_be(shop: Shop, run: Run) -> None:
    issuer, host = shop.issuer(), shop.host()
    shop.ingress("web", host, annotations={ISSUER: issuer})
    shop.issued("web-tls")

    told = run("explain", "ingress", "web")

    assert told.returncode == 0, told.stderr
    assert (
        f"Certificate {shop.namespace}/web-tls is ready. The Secret has a certificate for {host} by Pebble"
        in told.stdout
    )
    assert "It is renewed at" in told.stdout
    status = run("status", "certificate", "web-tls").stdout
    assert f"  Issued for: {host}\n  Issued by: Pebble" in status
    assert "  Ready: True, Reason: Ready, Message: Certificate is up to date and has not expired\n" in status
    inspected = run("inspect", "secret", "web-tls").stdout
    assert f"Valid for:\n  DNS Names:\n  - {host}\n" in inspected
    assert "  Private key: fits the certificate\n" in inspected
    assert "  Trusted by this computer: no: " in inspected
    probed = run("probe", "certificate/web-tls", "-w", "0", "-c", "0")
    assert (probed.returncode, f"OK: certificate/web-tls: the certificate for {host} by Pebble" in probed.stdout) == (
        0,
        True,
    )
    assert run("probe", "secret/nobody").returncode == 3
    assert "Ingress web\n└─ Certificate web-tls: Ready=True (Ready)" in told.stdout


def test_what_is_wrong_is_said_with_what_to_do(shop: Shop, run: Run, cluster: Cluster) -> None:
    """The name does not resolve: the Challenge knows, and the paragraph says it."""
    issuer, host = shop.issuer(), shop.host()
    cluster.names.set("set-servfail", host=f"{host}.")
    shop.ingress("web", host, annotations={ISSUER: issuer})
    eventually(lambda: "resolve" in str(shop.condition("Certificate", "web-tls", "Issuing")), "it is known")

    told = run("explain", "ing", "web")

    assert told.returncode == 1
    assert "Challenge web-tls-1-" in told.stdout
    assert f"cannot resolve {host}" in told.stdout
    assert "its nameservers answer SERVFAIL" in told.stdout
    assert f"dig {host}" in told.stdout
    status = run("status", "certificate", "web-tls").stdout
    assert "Challenges:\n- Name: web-tls-1-" in status
    assert f"  State: pending, Reason: Waiting for HTTP-01 challenge propagation: cannot resolve {host}" in status
    assert "Secret:\n  Name: web-tls\n  No Secret found\n" in status
    record = json.loads(run("explain", "certificate", "web-tls", "-o", "json").stdout)
    assert record["state"] == "failing"
    assert record["advice"].startswith("The nameservers of its zone fail")


def test_an_issuer_that_is_not_there_is_told_with_what_to_do(shop: Shop, run: Run) -> None:
    shop.ingress("web", shop.host(), annotations={ISSUER: "nobody"})
    eventually(lambda: shop.condition("Certificate", "web-tls", "Ready"), "the Certificate is there")

    told = eventually(
        lambda: done if "Issuer" in (done := run("explain", "ing", "web")).stdout else None, "it is explained"
    )

    assert told.returncode == 1
    assert '"nobody" does not exist' in told.stdout
    assert f"kubectl get issuers,clusterissuers -n {shop.namespace}" in told.stdout


def test_an_ingress_that_asks_for_nothing_is_told_how_to(shop: Shop, run: Run) -> None:
    shop.ingress("web", shop.host(), annotations={})

    told = run("explain", "ingress", "web")

    assert told.returncode == 1
    assert "annotate it, for example with cert-manager.io/cluster-issuer: letsencrypt" in told.stderr


def test_what_is_seen_from_here_is_told_beside(shop: Shop, run: Run, cluster: Cluster) -> None:
    """The CA answers, the name leads to where nobody does: each is asked, and said of."""
    issuer, host = shop.issuer(), shop.host()
    eyes = ("--nameserver", cluster.names.address, "--http-port", str(cluster.caddy.http_port), "--loopback")
    cluster.names.set("add-a", host=f"{host}.", addresses=["127.0.0.99"])
    shop.ingress("web", host, annotations={ISSUER: issuer})
    eventually(lambda: any(one.get("status", {}).get("presented") for one in shop.all("Challenge")), "it is presented")

    told = run("explain", "ingress", "web", *eyes)

    seen = told.stdout.split("Seen from this machine:\n")[1].split("\n\n")[0].splitlines()
    ca = cluster.ca.directory_url.split("/")[2]
    assert seen[0] == f"  ✓ CA {ca}", told.stdout
    assert seen[1].startswith(f'  ✗ route of "{host}": "{host}" does not lead to the responder: ')
    assert f'  ✓ DNS of "{host}"' in seen
    record = json.loads(run("explain", "ingress", "web", "-o", "json", *eyes).stdout)
    assert {one["what"]: one["well"] for one in record["certificates"][0]["seen"]}[f'DNS of "{host}"'] is True
    assert "Seen from" not in run("explain", "ingress", "web", "--no-probe").stdout
    cluster.names.set("clear-a", host=f"{host}.")
    shop.issued("web-tls", 90)
    assert "Seen from" not in run("explain", "ingress", "web", *eyes).stdout
