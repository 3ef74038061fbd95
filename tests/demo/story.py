"""The scenes of the demo, in their order.  Each does real things and shows them; the first that fails ends it."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import requests
import yaml

from shim.kube.transport import connect
from tests.cluster import KubectlFailed, PartFailed, Process
from tests.demo.describing import excerpt
from tests.demo.objects import HOST, ISSUER, LATE, LATE_HOST, NAME, NAMESPACE, backend, ingress
from tests.demo.place import Place
from tests.demo.screen import Screen
from tests.demo.timeline import Timeline
from tests.demo.visit import Visit, visit_when_served
from tests.product import Product

ISSUED_WITHIN: Final = 60.0
SERVED_WITHIN: Final = 15.0
EXPLAINED_WITHIN: Final = 15.0
WEBHOOK_WITHIN: Final = 20.0
SECRET: Final = f"{NAME}-tls"


class Failed(Exception):
    """The demo cannot go on; the text says why, and the last lines of the process that is to blame."""


class Story:
    """One telling, at one place."""

    def __init__(self, screen: Screen, place: Place) -> None:
        self._screen = screen
        self._place = place
        self._product = Product(place.ground)
        self._files = place.directory / "demo"
        self._files.mkdir()
        self._root = self._files / "pebble-root.pem"
        self.webhook: Process | None = None

    def tell(self) -> None:
        """Show everything."""
        self.install()
        self.prepare()
        if self.webhook is not None:
            self.refuse()
        self.issue()
        self.fetch()
        self.look()
        self.hold_up()

    # -- the scenes --------------------------------------------------------------------------------------------

    def install(self) -> None:
        """Install the product and start its two processes."""
        self._screen.scene("certshim is installed")
        with self._screen.step("CRDs, namespace and RBAC from manifests/"):
            self._product.install()
        with (
            self._screen.step("certshim shim and certshim webhook, each running as its own service account"),
            ThreadPoolExecutor(thread_name_prefix="product") as pool,
        ):
            shim = pool.submit(self._start_shim)
            webhook = pool.submit(self._start_webhook)
            self._shim, self.webhook = shim.result(), webhook.result()
        if self.webhook is None:
            self._screen.say(
                f"The API server could not call the webhook at {self._place.webhook_host}, so the demo goes on without "
                "it: nothing is refused at apply time, and the shim fills in spec.tls."
            )

    def prepare(self) -> None:
        """Create what an Ingress needs: an issuer, and something to lead to."""
        self._screen.scene("An Issuer and a backend")
        objects = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            *backend(self._place.own_host, self._start_backend()),
            self._product.issuer(ISSUER, NAMESPACE),
        ]
        issuer = self._write("issuer.yaml", yaml.safe_dump_all(objects, sort_keys=False))
        self._screen.command(f"kubectl apply -f {issuer.name}")
        with self._blaming(self.webhook):
            self._screen.lines(self._kubectl("apply", "-f", issuer))
        with self._blaming(self._shim), self._screen.step(f"The issuer registers an account at the CA ({ISSUER})"):
            self._kubectl("wait", "--for=condition=Ready", f"issuer/{ISSUER}", "-n", NAMESPACE, "--timeout=30s")

    def refuse(self) -> None:
        """Show two mistakes, and what the API server says of them."""
        ingress_class = self._place.ground.ingress_class
        self._screen.scene("Two mistakes, refused when they are applied")
        self._screen.say("An annotation that is misspelled, cert-manager.io/isuer:")
        self._apply_wrong("typo.yaml", ingress(ingress_class, annotation="cert-manager.io/isuer"))
        self._screen.say("A host that the issuer cannot prove, *.example.test:")
        self._apply_wrong("wildcard.yaml", ingress(ingress_class, host="*.example.test"))

    def issue(self) -> None:
        """Apply the Ingress, and follow what becomes of it."""
        self._screen.scene("An Ingress with one annotation and its rules; there is no spec.tls in it")
        text = ingress(self._place.ground.ingress_class)
        path = self._write("ingress.yaml", text)
        self._screen.lines("\n".join(text.splitlines()[:10]) + "\n    …")
        self._screen.command(f"kubectl apply -f {path.name}", apart=True)
        transport = connect(str(self._place.kubeconfig))
        with Timeline(transport, NAMESPACE) as timeline, self._blaming(self._shim):
            self._kubectl("apply", "-f", path)
            seconds = timeline.tell(self._screen.moment, seconds=ISSUED_WITHIN)
        transport.close()
        self._screen.say(f"From the stored Ingress to the certificate in use: {seconds:.2f} s.")

    def fetch(self) -> None:
        """Visit the site through the proxy."""
        ground = self._place.ground
        self._screen.scene(f"https://{HOST}/ through the proxy, verified up to the CA's root")
        root = ground.ca.root()
        self._root.write_bytes(root)
        address = (self._place.edge_host, ground.caddy.https_port)
        try:
            seen = visit_when_served(HOST, address, root, seconds=SERVED_WITHIN)
        except OSError as error:
            problem = f"the proxy at {address[0]}:{address[1]} does not serve {HOST} properly: {error}"
            raise Failed(problem + _last_lines(self._place.proxy)) from error
        self._show_visit(seen)

    def look(self) -> None:
        """Show what kubectl says afterwards."""
        self._screen.scene("What kubectl shows")
        self._show("get", "ingress,issuer,certificate,certificaterequest,order")
        for kind, name in (("issuer", ISSUER), ("certificate", SECRET), ("order", "")):
            self._describe(kind, name)
        # A Challenge goes when its Order is done; its events stay.
        self._show("events")

    def hold_up(self) -> None:
        """Show what is said about a name that cannot be proven yet, and what happens once it can."""
        names, names_host = self._place.ground.names, f"{LATE_HOST}."
        self._screen.scene("A name that cannot be proven yet: its DNS does not answer")
        names.set("set-servfail", host=names_host)
        path = self._write("late.yaml", ingress(self._place.ground.ingress_class, name=LATE, host=LATE_HOST))
        self._screen.command(f"kubectl apply -f {path.name}")
        with self._blaming(self._shim):
            self._screen.lines(self._kubectl("apply", "-f", path))
            # Nobody is told within the first moments: most names need no more.
            message = "jsonpath={.status.conditions[?(@.type=='Issuing')].message}"
            why = self._until(
                lambda: self._kubectl("get", "certificate", f"{LATE}-tls", "-n", NAMESPACE, "-o", message)
            )
            self._screen.say("The Certificate says why, in the message of its condition Issuing:")
            self._screen.refused(why)
            self._explain(LATE)
            self._screen.say("Now its DNS answers:")
            names.set("clear-servfail", host=names_host)
            with self._screen.step(f"certificate/{LATE}-tls is ready, without anybody touching it"):
                ready = ("--for=condition=Ready", f"certificate/{LATE}-tls", "-n", NAMESPACE, "--timeout=30s")
                self._kubectl("wait", *ready)

    def _explain(self, name: str) -> None:
        """Show what our own command makes of it; this machine's resolver does not know the names."""
        words = ("explain", "ingress", name, "-n", NAMESPACE, "--nameserver", self._place.ground.names.address)
        self._screen.command(f"certshim {shlex.join(words)}", apart=True)
        program = Path(sys.executable).with_name("certshim")
        arguments = [str(program), *words, "--kubeconfig", str(self._place.kubeconfig)]
        told = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603  our own
        if told.returncode != 1:  # something is not ready
            raise Failed(f"certshim explain ended with {told.returncode}: {told.stdout}{told.stderr}")
        self._screen.paragraphs(told.stdout)

    def _until(self, look: Callable[[], str]) -> str:
        """Return what is said about the obstacle once it is."""
        deadline = time.monotonic() + EXPLAINED_WITHIN
        while time.monotonic() < deadline:
            with suppress(KubectlFailed):
                said = look()
                if "cannot be proven yet" in said:
                    return said
            time.sleep(0.2)
        raise Failed(f"nobody says why {LATE_HOST} cannot be proven{_last_lines(self._shim)}")

    def invite(self) -> None:
        """Say how to go on from here."""
        place, ground = self._place, self._place.ground
        port = ground.caddy.https_port
        self._screen.scene("It is all still running: look around (Ctrl-C ends it)")
        self._screen.lines(
            f"export KUBECONFIG={place.kubeconfig}\n"
            f"alias kubectl={place.kubectl}\n"
            f"cd {self._files}\n\n"
            f"kubectl get certificate,order,challenge,event -n {NAMESPACE}\n"
            f"kubectl delete secret {SECRET} -n {NAMESPACE}      # and it is issued again\n"
            "kubectl create --dry-run=server -f typo.yaml         # edit it, and try mistakes of your own\n"
            f"curl --cacert {self._root.name} --connect-to ::{place.edge_host}:{port} https://{HOST}/\n"
        )
        logs = [process.log for process in (self._shim, self.webhook) if process is not None]
        self._screen.pairs(
            ("ACME directory", ground.ca.directory_url),
            ("proxy", f"http://{place.edge_host}:{ground.caddy.http_port}  https://{place.edge_host}:{port}"),
            ("metrics", f"{self._product.shim_metrics}/metrics"),
            ("logs", "  ".join(map(str, logs))),
            apart=True,
        )

    # -- processes ---------------------------------------------------------------------------------------------

    def _start_shim(self) -> Process:
        host, port = self._place.own_host, self._product.responder_port
        shown = f"[{host}]" if ":" in host else host
        return self._product.start_shim(
            f"--acme-http01-responder-listen-address={self._place.listen_host}:{port}",
            f"--acme-http01-responder-address={shown}:{port}",
        )

    def _start_webhook(self) -> Process | None:
        """Start the webhook; None when it runs but cannot be called, which happens on other people's clusters."""
        try:
            return self._product.start_webhook(host=self._place.webhook_host, seconds=WEBHOOK_WITHIN)
        except PartFailed:
            self._product.withdraw_admission()
            if self._place.is_own:
                raise
            return None

    def _start_backend(self) -> int:
        """Start the web server, and return its port."""
        port = self._place.ground.ports.free()
        script = Path(__file__).with_name("backend.py")
        process = self._place.ground.run("backend", [sys.executable, script, self._place.listen_host, str(port)])
        process.wait_until(lambda: requests.get(f"http://127.0.0.1:{port}/", timeout=2).ok, seconds=10)
        return port

    @contextmanager
    def _blaming(self, process: Process | None) -> Iterator[None]:
        """Put the last lines of a process behind what fails because of it."""
        try:
            yield
        except (KubectlFailed, TimeoutError) as error:
            raise Failed(f"{error}{_last_lines(process)}") from error

    # -- kubectl -----------------------------------------------------------------------------------------------

    def _kubectl(self, *args: str | Path) -> str:
        return self._place.ground.kubectl(*map(str, args))

    def _write(self, name: str, text: str) -> Path:
        path = self._files / name
        path.write_text(text)
        return path

    def _apply_wrong(self, name: str, text: str) -> None:
        path = self._write(name, text)
        self._screen.command(f"kubectl apply -f {name}")
        try:
            self._kubectl("apply", "-f", path)
        except KubectlFailed as error:
            self._screen.refused(error.stderr.strip().replace(str(path), name))
        else:
            raise Failed(f"the API server took {name}, which it should have refused{_last_lines(self.webhook)}")

    def _show(self, *args: str) -> None:
        command = [*args, "-n", NAMESPACE]
        self._screen.command(shlex.join(["kubectl", *command]), apart=True)
        self._screen.lines(self._kubectl(*command))

    def _describe(self, kind: str, name: str) -> None:
        command = ["describe", kind, *([name] if name else []), "-n", NAMESPACE]
        self._screen.command(shlex.join(["kubectl", *command]), apart=True)
        self._screen.lines(excerpt(self._kubectl(*command)))

    def _show_visit(self, seen: Visit) -> None:
        self._screen.pairs(
            ("answer", f'{seen.status} "{seen.body}"'),
            ("protocol", seen.protocol),
            ("issuer", seen.issuer),
            ("names", ", ".join(seen.names)),
            ("valid", f"{seen.not_before}  to  {seen.not_after}"),
        )


def _last_lines(process: Process | None) -> str:
    if process is None:
        return ""
    ended = "" if process.running else " (it has ended)"
    return f"\nThe last lines of {process.name}{ended}:\n{process.tail(15) or '(none)'}"
