"""The same options, forms, errors and exit codes at all commands, on a real cluster (docs/commands.md)."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from shim.cli.exits import Exit
from tests.cluster import Cluster
from tests.product import CERTSHIM, Product
from tests.system.commands import Run, everywhere, runner
from tests.system.shop import Shop, eventually

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]  # some run twenty programs, a second each
ISSUER = "cert-manager.io/issuer"

# Each command that is about one object, and what `kubectl get` lists the like of it by.
ABOUT_ONE = {
    "approve nobody": "certificaterequests.cert-manager.io",
    "deny nobody": "certificaterequests.cert-manager.io",
    "events certificate nobody": "certificates.cert-manager.io",
    "events ingress nobody": "ingresses.networking.k8s.io",
    "explain certificate nobody": "certificates.cert-manager.io",
    "explain ingress nobody": "ingresses.networking.k8s.io",
    "inspect secret nobody": "secrets",
    "probe certificate/nobody": "certificates.cert-manager.io",
    "probe secret/nobody": "secrets",
    "renew nobody": "certificates.cert-manager.io",
    "status certificate nobody": "certificates.cert-manager.io",
    "wait certificate nobody": "certificates.cert-manager.io",
}
ABOUT_MANY = (
    "events certificate",
    "events ingress",
    "explain certificate",
    "explain ingress",
    "renew --all",
    "status certificate",
    "wait certificate --all",
)
NOWHERE = "there-is-no-such-namespace"


def missing(words: str) -> Exit:
    """For monitoring what is not there is not known; for all others it is not well."""
    return Exit.UNKNOWN if words.startswith("probe") else Exit.NOT_WELL


@pytest.mark.parametrize("words", ABOUT_ONE)
def test_an_object_that_is_not_there(product: Product, run: Run, words: str) -> None:
    """One sentence on stderr (of a probe on stdout), which says how to see those that there are."""
    told = run(*words.split())

    said, silent = (told.stdout, told.stderr) if words.startswith("probe") else (told.stderr, told.stdout)
    assert told.returncode == missing(words)
    assert "/nobody: " in said
    assert f'{ABOUT_ONE[words]} "nobody" not found. Those that there are: kubectl get {ABOUT_ONE[words]} -n ' in said
    assert len(said.splitlines()) == 1
    assert not silent


@pytest.mark.parametrize("words", [*ABOUT_ONE, *ABOUT_MANY])
def test_a_namespace_that_is_not_there(product: Product, cluster: Cluster, words: str) -> None:
    """Told apart from one that is empty."""
    told = runner(cluster, NOWHERE)(*words.split())

    said = told.stdout if words.startswith("probe") else told.stderr
    assert told.returncode == missing(words)
    assert f"there is no namespace {NOWHERE}. Those that there are: kubectl get namespaces --kubeconfig=" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("words", ABOUT_MANY)
def test_a_namespace_in_which_there_is_nothing(product: Product, run: Run, words: str) -> None:
    """To look is no failure; to do something about nothing is one."""
    told = run(*words.split())

    kind = "Ingresses" if "ingress" in words else "Certificates"
    assert told.returncode == (Exit.NOT_WELL if "--all" in words else Exit.DONE)
    assert f"No {kind} found in test-" in told.stderr
    assert not told.stdout


@pytest.mark.parametrize("words", ["status certificate", "explain certificate", "explain ingress", "events ingress"])
def test_a_list_of_nothing_is_a_document(product: Product, run: Run, words: str) -> None:
    """Programs get what they can read."""
    assert json.loads(run(*words.split(), "-o", "json").stdout) == []
    assert yaml.safe_load(run(*words.split(), "-o", "yaml").stdout) == []


@pytest.mark.parametrize(
    "words", ["status certificate", "explain certificate", "events ingress", "renew", "wait certificate"]
)
@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("web -l a=b", "Name"),
        ("web -A", "Names are of one namespace: leave out --all-namespaces."),
        ("-l a=b -n x -A", "Give either --namespace or --all-namespaces."),
    ],
)
def test_what_contradicts_itself(words: str, more: str, says: str) -> None:
    """Exit code 2, before the cluster is asked."""
    done = subprocess.run([str(CERTSHIM), *words.split(), *more.split()], capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == Exit.WRONG_CALL
    assert f"Error: {says}" in done.stderr


def test_several_are_told_together(shop: Shop, run: Run, cluster: Cluster) -> None:
    """One that is well and one whose issuer is not there: a line each, a paragraph each, a list of two."""
    issuer, host = shop.issuer(), shop.host()
    shop.ingress("web", host, annotations={ISSUER: issuer})
    shop.ingress("late", shop.host(), annotations={ISSUER: "nobody"})
    shop.ingress("plain", shop.host(), annotations={})
    shop.issued("web-tls")
    eventually(lambda: shop.condition("Certificate", "late-tls", "Ready"), "it is looked at")

    table = run("status", "certificate").stdout.splitlines()
    assert table[0].split() == ["NAME", "READY", "EXPIRES", "RENEWAL", "ISSUER", "STATE"]
    assert [line.split()[:2] for line in table[1:]] == [["late-tls", "False"], ["web-tls", "True"]]
    assert table[2].endswith("ready")
    wide = run("status", "certificate", "-o", "wide").stdout.splitlines()
    assert wide[0].split() == [*table[0].split()[:-1], "SECRET", "REVISION", "NAMES", "STATE"]
    assert host in wide[2]
    of_all = everywhere(cluster, "status", "certificate", "-A").stdout.splitlines()
    assert of_all[0].startswith("NAMESPACE ")
    assert any(line.split()[:2] == [shop.namespace, "web-tls"] for line in of_all)

    told = run("explain", "certificate")
    assert told.returncode == Exit.NOT_WELL
    paragraphs = told.stdout.split("\n\n")
    assert paragraphs[0].startswith(f"✓ Certificate {shop.namespace}/web-tls is ready. ")
    assert paragraphs[1].startswith(f'✗ Certificate {shop.namespace}/late-tls is not ready: Issuer "nobody" does not')
    assert paragraphs[-1] == "2 certificates: 1 ready, 1 failing.\n"
    assert run("explain", "ingress").stdout.endswith("1 ready, 1 failing. 1 Ingress asks for none.\n")
    one_missing = run("explain", "certificate", "web-tls", "nobody")
    assert (one_missing.returncode, one_missing.stdout.count("is ready")) == (Exit.NOT_WELL, 1)
    assert "nobody" in one_missing.stderr
    assert run("explain", "certificate", "-o", "table").stdout.splitlines()[1].split()[:2] == ["late-tls", "failing"]
    assert run("renew", "web-tls", "nobody").returncode == Exit.NOT_WELL
    assert not shop.condition("Certificate", "web-tls", "Issuing"), "a name that is not there comes first"


MEMBERS: dict[str, set[str]] = {
    "status": {
        "namespace", "name", "createdAt", "ready", "conditions", "dnsNames", "ipAddresses", "notBefore", "notAfter",
        "renewalAt", "revision", "ingress", "issuer", "secret", "request", "order", "challenges", "events", "unread",
    },
    "conditions": {"type", "status", "reason", "message", "lastTransitionAt"},
    "issuer": {"group", "kind", "name", "conditions"},
    "secret": {"name", "certificate"},
    "leaf": {"names", "issuer", "serial", "notBefore", "notAfter", "usages", "isCA"},
    "request": {"name", "conditions"},
    "order": {"name", "state", "reason", "authorizations"},
    "events": {"at", "type", "namespace", "kind", "name", "reason", "message", "count"},
    "explained": {"namespace", "name", "state", "explanation", "advice", "seen"},
    "ingress": {"namespace", "name", "state", "explanation", "certificates"},
}  # fmt: skip


def test_programs_get_what_is_documented(shop: Shop, run: Run) -> None:
    """One object for one name, a list for several; JSON and YAML say the same; no member is missing or new."""
    issuer, host = shop.issuer(), shop.host()
    shop.ingress("web", host, annotations={ISSUER: issuer})
    leaf = shop.issued("web-tls").leaf

    def document(*words: str) -> Any:
        return json.loads(run(*words, "-o", "json").stdout)

    one = document("status", "certificate", "web-tls")
    assert yaml.safe_load(run("status", "certificate", "web-tls", "-o", "yaml").stdout) == one
    assert set(one) == MEMBERS["status"]
    assert one["ready"] is True
    assert (one["dnsNames"], one["revision"], one["ingress"]) == ([host], 1, "web")
    assert set(one["conditions"][0]) == MEMBERS["conditions"]
    assert set(one["issuer"]) == MEMBERS["issuer"]
    assert one["issuer"]["name"] == issuer
    assert set(one["secret"]) == MEMBERS["secret"]
    assert set(one["secret"]["certificate"]) == MEMBERS["leaf"]
    assert one["secret"]["certificate"]["serial"] == f"{leaf.serial:x}"
    assert one["notAfter"] == leaf.not_after.isoformat().replace("+00:00", "Z")
    assert set(one["request"]) == MEMBERS["request"]
    assert set(one["order"]) == MEMBERS["order"]
    assert set(one["events"][0]) == MEMBERS["events"]
    assert [each["name"] for each in document("status", "certificate")] == ["web-tls"]
    assert set(document("explain", "certificate", "web-tls")) == MEMBERS["explained"]
    assert set(document("explain", "certificate")[0]) == MEMBERS["explained"]
    ingress = document("explain", "ingress", "web")
    assert (set(ingress), ingress["state"]) == (MEMBERS["ingress"], "good")
    assert set(ingress["certificates"][0]) == MEMBERS["explained"]
    assert set(document("events", "ingress", "web")[0]) == MEMBERS["events"]
    assert document("inspect", "secret", "web-tls")["dnsNames"] == [host]


def test_what_must_not_be_read_is_named(shop: Shop, cluster: Cluster) -> None:
    """Who may look at Certificates alone is told about those, and that the rest is left out."""
    shop.ingress("web", shop.host(), annotations={ISSUER: shop.issuer()})
    shop.issued("web-tls")
    shop.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "looker"}})
    rule = {"apiGroups": ["cert-manager.io"], "resources": ["certificates"], "verbs": ["get", "list"]}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "look"}, "rules": [rule]}
    subject = {"kind": "ServiceAccount", "name": "looker", "namespace": shop.namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "look"}
    binding = {"apiVersion": role["apiVersion"], "kind": "RoleBinding", "metadata": {"name": "look"}}
    shop.apply(role)
    shop.apply(binding | {"roleRef": reference, "subjects": [subject]})
    kubeconfig = cluster.service_account_kubeconfig(shop.namespace, "looker")

    def look(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(CERTSHIM), *words, "--kubeconfig", str(kubeconfig), "-n", shop.namespace]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  our own

    told = look("status", "certificate", "web-tls", "-o", "json")
    assert told.returncode == Exit.DONE, told.stderr
    assert set(json.loads(told.stdout)["unread"]) == {"CertificateRequest", "Event", "Ingress", "Issuer", "Secret"}
    assert "(Secret is left out: cannot read Secret " in look("explain", "certificate", "web-tls").stdout
    refused = look("inspect", "secret", "web-tls")
    assert refused.returncode == Exit.NOT_WELL
    assert f"What you may do: kubectl auth can-i --list -n {shop.namespace} --kubeconfig={kubeconfig}" in refused.stderr
