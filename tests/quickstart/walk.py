"""The walk: what the tutorial has one do, with its files and words, and what must be seen at each step."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.cluster import Cluster, KubectlFailed, Pebble, PebbleSettings
from tests.demo.describing import excerpt
from tests.product import Product
from tests.quickstart.manifests import HOST, INGRESS, LEGO, OTHER_HOST, issuer
from tests.quickstart.transcript import Transcript

TITLE: Final = "The old quick-start"
INTRODUCTION: Final = """\
The tutorial of cert-manager v0.9 to v0.12, as it was written, on certshim with the
[add-on for old manifests](legacy.md). If you are new, start with [today's form](install.md).

This page is the record of a run: a test walks it again, and fails when what is answered is not what stands here. Times,
ages, random words and numbers are written `<so>`. The two CAs are test CAs, called `staging.example` and
`production.example` here; the proxy's address is `$PROXY`, the resolver's `$DNS`. Of `kubectl describe` only name,
status and events are shown, except for the Secret.

Shim and webhook run with `--default-issuer-name=letsencrypt-production`, the shim with `--legacy-output=true`, too."""
STEP_WITHIN: Final = 30.0
REISSUED_WITHIN: Final = 15.0
FLAGS: Final = ("--default-issuer-name=letsencrypt-production", "--default-issuer-kind=Issuer")
SHIM_FLAGS: Final = (*FLAGS, "--legacy-output=true", "--leader-elect=false")
OLD_ISSUER: Final = "issuer.certmanager.k8s.io"
DESCRIBED: Final = "kubectl describe"


def walked(cluster: Cluster, product: Product, folder: Path) -> str:
    """Install the add-on, run shim and webhook, go the whole way, clean up; return the page."""
    product.install_legacy()
    shim = product.start_shim(*SHIM_FLAGS)
    webhook = product.start_webhook(*FLAGS)
    walk = Walk(cluster, product, folder)
    try:
        page = walk.walk()
        walk.clean()
    finally:
        webhook.stop()
        product.withdraw_admission()
        shim.stop()
        product.uninstall_legacy()
    return page


class Walk:
    """One walk on a cluster, in its namespace `default`; the files go into a folder."""

    def __init__(self, cluster: Cluster, product: Product, folder: Path) -> None:
        self._cluster = cluster
        self._product = product
        self._folder = folder
        self._staging = cluster.pebble("staging", PebbleSettings())
        self._production = cluster.pebble("production", PebbleSettings())
        self._proxy = f"127.0.0.1:{cluster.caddy.https_port}"
        names = {
            urlsplit(self._staging.directory_url).netloc: "staging.example",
            urlsplit(self._production.directory_url).netloc: "production.example",
            self._proxy: "$PROXY",
            cluster.names.address: "$DNS",
            f"{folder}/": "",
        }
        self.transcript = Transcript(names)

    def walk(self) -> str:
        """Go the whole way; return the page.  AssertionError with what was not seen."""
        self._issuers()
        self._ingress()
        self._look_meanwhile()
        self._issued()
        self._switch()
        self._watch()
        self._lego()
        return self.transcript.page(TITLE, INTRODUCTION)

    def clean(self) -> None:
        """Take away what was created."""
        self._cluster.names.set("clear-servfail", host=f"{HOST}.")
        issuers = ("letsencrypt-staging", "letsencrypt-production")
        created = {
            "ingress.networking.k8s.io": ("kuard", "lego"),
            "certificate": ("quickstart-example-tls", "lego-tls"),
            OLD_ISSUER: issuers,
            "secret": ("quickstart-example-tls", "lego-tls", *issuers),
        }
        for kind, names in created.items():
            self._cluster.kubectl("delete", kind, *names, "--ignore-not-found")

    # -- the steps ---------------------------------------------------------------------------------------------

    def _issuers(self) -> None:
        page = self.transcript
        page.heading("Two issuers")
        self._write("staging-issuer.yaml", issuer("letsencrypt-staging", self._staging), shown=True)
        page.say("`production-issuer.yaml` is the same with `letsencrypt-production` and the other CA.")
        self._write("production-issuer.yaml", issuer("letsencrypt-production", self._production))
        self._kubectl("create", "-f", "staging-issuer.yaml")
        self._kubectl("create", "-f", "production-issuer.yaml")
        page.say(
            "Both register an account. `issuer` alone is today's kind, so the group stands in the command; of today's "
            "kind there is a twin of each, which does the work."
        )
        issuers = ("letsencrypt-staging", "letsencrypt-production")
        self._until(lambda: all("ACMEAccountRegistered" in self._describe(OLD_ISSUER, name) for name in issuers))
        told = self._shown(OLD_ISSUER, "letsencrypt-staging")
        assert "The ACME account was registered with the ACME server" in told
        assert "Uri:" in told
        self._kubectl("get", "issuers.cert-manager.io", "-o", "name")

    def _ingress(self) -> None:
        page = self.transcript
        page.heading("The Ingress")
        self._write("kuard-ingress.yaml", INGRESS, shown=True)
        page.say(
            "No API server since Kubernetes 1.22 takes `extensions/v1beta1`. `certshim convert` writes today's form, "
            "and keeps comments."
        )
        self._certshim("convert", "-f", "kuard-ingress.yaml", "-o", "kuard-ingress-v1.yaml")
        text = (self._folder / "kuard-ingress-v1.yaml").read_text()
        assert "# production later" in text
        assert "apiVersion: networking.k8s.io/v1" in text
        page.file("kuard-ingress-v1.yaml", text)
        page.say(
            "It translates the annotation, too. The old one works as well: for this walk it is put back, and the "
            "webhook writes today's beside it."
        )
        self._shell("sed -i s,cert-manager.io/issuer,certmanager.k8s.io/issuer, kuard-ingress-v1.yaml")
        self._cluster.names.set("set-servfail", host=f"{HOST}.")
        self._kubectl("create", "-f", "kuard-ingress-v1.yaml")
        told = self._kubectl("get", "ingress", "kuard", "-o", "jsonpath={.metadata.annotations}")
        assert '"cert-manager.io/issuer":"letsencrypt-staging"' in told

    def _look_meanwhile(self) -> None:
        page = self.transcript
        page.say(
            f"The DNS of {HOST} does not answer yet, so there is time to look: at the Certificate, which belongs to "
            "the Ingress, at its Order, and at the Challenge, which says what it waits for."
        )
        self._until(lambda: "Waiting for HTTP-01 challenge propagation" in self._describe("challenge"))
        owner = "jsonpath={range .metadata.ownerReferences[*]}{.apiVersion} {.kind} {.name} {.controller} "
        owner += "{.blockOwnerDeletion}{end}"
        told = self._kubectl("get", "certificate", "quickstart-example-tls", "-o", owner)
        assert told == "networking.k8s.io/v1 Ingress kuard true true"
        self._kubectl("get", "certificate,order,challenge", "-o", "name")
        told = self._kubectl("get", "challenge", "-o", "jsonpath={.items[0].status}", shown=False)
        assert '"processing":true' in told
        assert '"state":"pending"' in told
        self._shown("challenge")
        self._certshim("explain", "ingress", "kuard", "--nameserver", self._cluster.names.address, succeeds=False)

    def _issued(self) -> None:
        page = self.transcript
        page.say("Now it does:")
        self._cluster.names.set("clear-servfail", host=f"{HOST}.")
        self._kubectl("wait", "--for=condition=Ready", "certificate/quickstart-example-tls", "--timeout=60s")
        events = ("Generated new private key", "OrderCreated", "OrderComplete", "CertIssued")
        self._until(lambda: all(one in self._describe("certificate", "quickstart-example-tls") for one in events))
        told = self._shown("certificate", "quickstart-example-tls")
        assert "Certificate is up to date and has not expired" in told
        assert "Not After:" in told
        self._until(lambda: "OrderValid" in self._describe("order"))
        told = self._shown("order")
        assert "Created Challenge resource" in told
        assert "Order completed successfully" in told
        self._until(lambda: "No resources" in self._kubectl("get", "challenge", shown=False, errors=True))
        page.say("Challenges go when they are done; what happened to them stays in their events.")
        columns = "custom-columns=REASON:.reason,MESSAGE:.message"
        about = "--field-selector=involvedObject.kind=Challenge"
        self._until(lambda: "DomainVerified" in self._kubectl("get", "events", about, "-o", columns, shown=False))
        told = self._kubectl("get", "events", about, "--sort-by=.lastTimestamp", "-o", columns)
        for reason in ("Started", "Presented", "DomainVerified"):
            assert reason in told, reason
        told = self._kubectl("describe", "secret", "quickstart-example-tls")
        assert "certmanager.k8s.io/certificate-name=quickstart-example-tls" in told
        assert "certmanager.k8s.io/issuer-name: letsencrypt-staging" in told
        self._served(self._staging)

    def _switch(self) -> None:
        page = self.transcript
        page.heading("Production")
        page.say(
            "Another issuer in the annotation, and the Secret deleted, as the tutorial has it; the first is enough."
        )
        self._shell("sed -i s,letsencrypt-staging,letsencrypt-production, kuard-ingress-v1.yaml")
        self._kubectl("apply", "-f", "kuard-ingress-v1.yaml")
        self._kubectl("delete", "secret", "quickstart-example-tls")
        began = time.monotonic()
        name = "jsonpath={.metadata.annotations.cert-manager\\.io/issuer-name}"

        def is_there() -> bool:
            asked = ("get", "secret", "quickstart-example-tls", "-o", name)
            return self._kubectl(*asked, shown=False, errors=True) == "letsencrypt-production"

        self._until(is_there, REISSUED_WITHIN)
        assert time.monotonic() - began < REISSUED_WITHIN
        self._kubectl("get", "secret", "quickstart-example-tls", "-o", name)
        self._served(self._production)

    def _watch(self) -> None:
        self.transcript.heading("Watching the expiry")
        root = ("--ca-file", "production-root.pem", "--server-name", HOST)
        told = self._certshim("probe", self._proxy, *root)
        assert "OK" in told

    def _lego(self) -> None:
        page = self.transcript
        page.heading("kube-lego's annotation")
        page.say('`kubernetes.io/tls-acme: "true"` asks the default issuer, here `letsencrypt-production`.')
        self._write("lego.yaml", LEGO, shown=True)
        self._kubectl("create", "-f", "lego.yaml")
        self._until(lambda: "lego-tls" in self._kubectl("get", "certificate", "-o", "name", shown=False))
        self._kubectl("wait", "--for=condition=Ready", "certificate/lego-tls", "--timeout=60s")
        told = self._kubectl("get", "certificate", "lego-tls", "-o", "jsonpath={.spec.issuerRef.name} {.spec.dnsNames}")
        assert told == f'letsencrypt-production ["{OTHER_HOST}"]'

    # -- means -------------------------------------------------------------------------------------------------

    def _served(self, ca: Pebble) -> None:
        """Look with openssl whether the proxy serves a certificate of that CA."""
        root = self._folder / f"{ca.name}-root.pem"
        root.write_bytes(ca.root())
        connect = f"openssl s_client -connect {self._proxy} -servername {HOST} -CAfile {root.name} -verify_return_error"
        command = f"{connect} </dev/null 2>/dev/null | openssl x509 -noout -issuer -startdate -enddate"

        self._until(lambda: "notAfter" in self._shell(command, shown=False))
        self._shell(command)

    def _shell(self, command: str, *, shown: bool = True) -> str:
        """Run it in the folder of the files, and return what it printed."""
        shell = ["/bin/sh", "-c", command]
        done = subprocess.run(shell, capture_output=True, text=True, timeout=20, check=False, cwd=self._folder)  # noqa: S603  ours
        if shown:
            self.transcript.did(command, done.stdout)
        return done.stdout

    def _until(self, look: Callable[[], bool], seconds: float = STEP_WITHIN) -> None:
        deadline = time.monotonic() + seconds
        while not look():
            assert time.monotonic() < deadline, (
                f"not seen within {seconds:g} s; so far:\n{self.transcript.page('', '')}"
            )
            time.sleep(0.2)

    def _write(self, name: str, text: str, *, shown: bool = False) -> None:
        (self._folder / name).write_text(text)
        if shown:
            self.transcript.file(name, text)

    def _kubectl(self, *args: str, shown: bool = True, errors: bool = False) -> str:
        placed = [str(self._folder / arg) if arg.endswith(".yaml") else arg for arg in args]
        try:
            answer = self._cluster.kubectl(*placed)
        except KubectlFailed:
            if not errors:
                raise
            answer = ""
        if errors and not answer:
            answer = "No resources"
        if shown:
            self.transcript.did(shlex.join(["kubectl", *args]), answer)
        return answer

    def _describe(self, kind: str, name: str = "") -> str:
        return self._kubectl("describe", kind, *([name] if name else []), shown=False, errors=True)

    def _shown(self, kind: str, name: str = "") -> str:
        told = self._describe(kind, name)
        self.transcript.did(f"{DESCRIBED} {kind} {name}".rstrip(), excerpt(told))
        return told

    def _certshim(self, *args: str, succeeds: bool = True) -> str:
        program = Path(sys.executable).with_name("certshim")
        env = {**os.environ, "KUBECONFIG": str(self._cluster.admin), "NO_COLOR": "1"}
        done = subprocess.run(  # noqa: S603  our own
            [str(program), *args], capture_output=True, text=True, timeout=60, check=False, cwd=self._folder, env=env
        )
        answer = done.stdout + done.stderr
        assert (done.returncode == 0) == succeeds, answer
        self.transcript.did(shlex.join(["certshim", *args]), answer)
        return answer
