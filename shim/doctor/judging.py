"""What is made of what was seen of an installation: pure, one function for each part."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from certs.api.injectable import INJECTED
from certs.pki.x509 import InvalidCertificate, read_chain
from shim.doctor.hops import Hop, failed, ok, unknown, warning
from shim.doctor.looking import Reply, ServerTime, Tree

APPLY: Final = "apply manifests/install/certshim.yaml, or upgrade the release of the chart"
# As far as certificates care: a CA backdates by more, and a Lease compares no clocks.
SKEW: Final = timedelta(seconds=30)
SOON: Final = timedelta(days=7)
OLDEST: Final = (1, 32)
SERVING: Final = ("webhook.cert-manager.io", "ingress.certshim.io", "ready.certshim.io")


def api_server(version: Reply) -> Hop:
    """Is it reached, and new enough?"""
    if version.error:
        return failed("API server", version.error, "look at the kubeconfig and the context")
    said = str(version.tree.get("gitVersion", ""))
    numbers = [
        int("".join(c for c in str(version.tree.get(key, "0")) if c.isdigit()) or 0) for key in ("major", "minor")
    ]
    if tuple(numbers) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        return failed("API server", f"Kubernetes {said}", f"certshim needs Kubernetes {wanted} or newer: upgrade it")
    return ok("API server", f"Kubernetes {said}")


def clock(times: ServerTime | None) -> Hop:
    """Does the API server's clock agree with this machine's?  Its answer tells whole seconds."""
    if times is None:
        return unknown("clock", "the API server does not tell its time")
    if times.before - SKEW - timedelta(seconds=1) <= times.server <= times.after + SKEW:
        return ok("clock", "the API server's agrees with this machine's")
    off = abs(times.server - times.before).total_seconds()
    return failed(
        "clock",
        f"the API server's is {off:.0f} s off this machine's",
        "set the clocks of the nodes by NTP: certificates are valid from and until moments",
    )


def definitions(found: Mapping[str, Reply], wanted: Mapping[str, Tree]) -> Iterator[Hop]:
    """Are the CRDs there, established, and ours?"""
    missing = [name for name, reply in found.items() if reply.is_missing]
    if missing:
        yield failed("CRDs", f"not there: {', '.join(missing)}", APPLY)
    for name, reply in found.items():
        if reply.is_missing:
            continue
        if reply.error:
            yield unknown(f"CRD {name}", reply.error)
            continue
        conditions = {one["type"]: one for one in reply.tree.get("status", {}).get("conditions", ())}
        established = conditions.get("Established", {})
        stored = reply.tree.get("status", {}).get("storedVersions", [])
        if established.get("status") != "True":
            why = established.get("message") or "not established yet"
            yield failed(f"CRD {name}", why, "wait a few seconds, or mend what the API server says")
        elif [one for one in stored if one != "v1"]:
            yield warning(
                f"CRD {name}",
                f"objects may be stored as {', '.join(one for one in stored if one != 'v1')}",
                "certshim upgrade migrate-api-version",
            )
        elif not _is_like(reply.tree.get("spec", {}).get("versions"), wanted[name]["spec"]["versions"]):
            yield warning(f"CRD {name}", "its fields are not those of this version", APPLY)
    if not missing and all(not reply.error for reply in found.values()):
        yield ok("CRDs", f"{len(found)}, v1 is served")


def deployment(name: str, reply: Reply, version: str) -> Hop:
    """Are the pods of a Deployment there, and of this version?"""
    title = f"Deployment {name}"
    if reply.is_missing:
        return failed(title, "not there", APPLY)
    if reply.error:
        return unknown(title, reply.error)
    spec, status = reply.tree.get("spec", {}), reply.tree.get("status", {})
    wanted, ready = int(spec.get("replicas", 1)), int(status.get("readyReplicas", 0))
    image = next((one.get("image", "") for one in spec.get("template", {}).get("spec", {}).get("containers", ())), "")
    where = reply.tree.get("metadata", {}).get("namespace", "")
    if ready == 0:
        return failed(
            title,
            f"{ready} of {wanted} pods are ready ({image})",
            f"kubectl describe pods -n {where}; kubectl logs -n {where} deployment/{name}",
        )
    if ready < wanted:
        return warning(title, f"{ready} of {wanted} pods are ready ({image})", f"kubectl describe pods -n {where}")
    tag = image.rpartition(":")[2]
    if "@" not in image and tag not in {version, f"v{version}"}:
        return warning(
            title,
            f"{ready} of {wanted} pods are ready; the image is {image}, this program {version}",
            "use the program of the same version",
        )
    return ok(title, f"{ready} of {wanted} pods are ready ({image})")


def others(reply: Reply) -> Hop:
    """Does cert-manager itself run?"""
    if reply.error:
        return unknown("cert-manager", reply.error)
    running = [
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in reply.tree.get("items", ())
        if int(one.get("spec", {}).get("replicas", 1)) > 0
    ]
    if running:
        return failed(
            "cert-manager",
            f"it runs: {', '.join(running)}",
            "the two must not work at once: certshim adopt, or scale these to zero",
        )
    return ok("cert-manager", "none runs beside")


def configuration(kind: str, name: str, reply: Reply, authority: bytes | None) -> Hop:
    """Is the API server told to ask the webhook, and whom to trust?  `authority` is `ca.crt`, None when not known."""
    title = f"{kind} {name}"
    if reply.is_missing:
        return failed(title, "not there: nothing is asked of the webhook", APPLY)
    if reply.error:
        return unknown(title, reply.error)
    annotations = reply.tree.get("metadata", {}).get("annotations") or {}
    injected = [key for key in INJECTED if key in annotations]
    if injected:
        what = kind.lower()
        return failed(
            title,
            f"it has the annotation {injected[0]} of a cainjector, so the webhook leaves its caBundle alone",
            f"kubectl annotate {what} {name} {injected[0]}-",
        )
    bundles = [entry.get("clientConfig", {}).get("caBundle", "") for entry in reply.tree.get("webhooks", ())]
    if not all(bundles):
        return failed(
            title,
            "no caBundle: the API server trusts nobody there",
            "the webhook writes it when it runs: look at its logs",
        )
    if authority is not None and any(not _trusts(bundle, authority) for bundle in bundles):
        return failed(
            title,
            "its caBundle does not have the CA of the webhook",
            "the webhook writes it within seconds when it runs and is allowed to; look at its logs",
        )
    return ok(title, "asked, with a caBundle")


def authority(reply: Reply, now: datetime) -> Hop:
    """Is the webhook's own CA there, and good for a while?"""
    title = "webhook CA"
    if reply.is_missing:
        return failed(title, "its Secret is not there", "the webhook makes it when it runs: look at its logs")
    if reply.error:
        return unknown(title, reply.error)
    try:
        leaf = read_chain(base64.b64decode(reply.tree.get("data", {}).get("tls.crt", "")))[0]
    except (InvalidCertificate, binascii.Error, IndexError):
        return failed(title, "its Secret has no certificate that can be read", "delete it: the webhook makes a new one")
    if leaf.not_after <= now:
        return failed(
            title,
            f"expired at {leaf.not_after:%Y-%m-%d %H:%M} UTC",
            "the webhook renews it when it runs: look at its logs",
        )
    if leaf.not_after - now < SOON:
        return warning(
            title,
            f"valid until {leaf.not_after:%Y-%m-%d %H:%M} UTC",
            "the webhook should have renewed it: look at its logs",
        )
    return ok(title, f"valid until {leaf.not_after:%Y-%m-%d}")


def admission(good: Reply, bad: Reply) -> Hop:
    """Does the webhook answer the API server?  A right Certificate is tried, and a wrong one, both as dry runs."""
    title = "admission"
    unreached = next((one.error for one in (good, bad) if "failed calling webhook" in one.error), "")
    if unreached:
        return failed(
            title,
            f"the API server cannot call the webhook: {unreached.partition('failed calling webhook')[2].strip()}",
            "look whether its pods are ready, whether a NetworkPolicy or firewall lets the API server reach them on "
            "their port (10250), and at caBundle above",
        )
    if good.error:
        if good.code == 403 and "denied the request" not in good.error:
            return unknown(title, f"Certificates may not be created by you: {good.error}")
        return failed(title, f"a correct Certificate is refused: {good.error}", "look at the webhook's logs")
    if not bad.error:
        return failed(title, "a wrong Certificate is accepted: the webhook is not asked", APPLY)
    if "denied the request" not in bad.error:
        return unknown(title, f"a wrong Certificate is refused by somebody else: {bad.error}")
    return ok(title, "a correct Certificate is accepted, a wrong one refused by the webhook")


def lease(namespace: str, reply: Reply, now: datetime) -> Hop:
    """Does a shim lead?  `now` is the API server's clock."""
    title = "leader"
    if reply.is_missing:
        return failed(
            title, f"no Lease cert-manager-controller in {namespace}", "no shim has ever led: look at its pods and logs"
        )
    if reply.error:
        return unknown(title, reply.error)
    spec = reply.tree.get("spec", {})
    holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime")
    if not holder:
        return failed(
            title, "nobody holds the Lease", "a standby takes it within seconds: look at the shim's pods and logs"
        )
    age = now - datetime.fromisoformat(renewed) if renewed else timedelta(days=1)
    if age > timedelta(seconds=int(spec.get("leaseDurationSeconds", 60))):
        return failed(
            title,
            f"{holder} has not renewed the Lease for {age.total_seconds():.0f} s",
            "look at the shim's pods and logs",
        )
    return ok(title, holder)


class Answer(NamedTuple):
    """May a process do something, said in words?  None: it cannot be asked; `serves`: what alone needs it."""

    what: str
    may: bool | None
    serves: str = ""


def rights(user: str, answers: Iterable[Answer]) -> Hop:
    """May a process do what it does?"""
    title, known = f"rights of {user.rpartition(':')[2]}", list(answers)
    if any(one.may is None for one in known):
        return unknown(title, "you may not ask for the rights of others (create subjectaccessreviews)")
    needed = [one.what for one in known if not one.may and not one.serves]
    if needed:
        return failed(title, f"it may not {_listed(needed)}", APPLY)
    left_out = [one for one in known if not one.may]
    if left_out:
        served = " and ".join(dict.fromkeys(one.serves for one in left_out))
        said = f"it may not {_listed([one.what for one in left_out])}, so {served} cannot work"
        return warning(title, said, f"nothing, where that is meant; else {APPLY}")
    return ok(title, f"{len(known)} looked at")


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:3])}{f' and {len(words) - 3} more' if len(words) > 3 else ''}"


def issuers(replies: Iterable[Reply]) -> Iterator[Hop]:
    """Are the issuers ready?"""
    count, sick, is_known = 0, [], True
    for reply in replies:
        if reply.error:
            yield unknown("issuers", reply.error)
            is_known = False
            continue
        for one in reply.tree.get("items", ()):
            count += 1
            ready: Tree = next((c for c in one.get("status", {}).get("conditions", ()) if c.get("type") == "Ready"), {})
            if ready.get("status") != "True":
                sick.append((_called(one), ready.get("message") or "no controller has looked at it yet"))
    for name, why in sick:
        yield failed(f"issuer {name}", why, "mend what it says; it is tried again by itself")
    if count and not sick:
        yield ok("issuers", f"{count}, all ready")
    if not count and is_known:
        yield ok("issuers", "none yet")


def ingress_classes(found: Iterable[Tree], classes: Reply) -> Iterator[Hop]:
    """Does each class exist that an HTTP-01 solver of an issuer names?"""
    wanted = dict(_classes(found))
    if classes.error:
        yield unknown("ingress classes", classes.error)
        return
    there = {one["metadata"]["name"] for one in classes.tree.get("items", ())}
    for name, issuer in wanted.items():
        if name not in there:
            known = f"there are: {', '.join(sorted(there))}" if there else "there is none"
            yield failed(
                f"IngressClass {name}",
                f"named by issuer {issuer}, and does not exist ({known})",
                "correct the solver, or install the controller",
            )
    if wanted and all(name in there for name in wanted):
        yield ok("ingress classes", ", ".join(sorted(wanted)))


def _classes(found: Iterable[Tree]) -> Iterator[tuple[str, str]]:
    for issuer in found:
        for solver in (issuer.get("spec", {}).get("acme") or {}).get("solvers") or ():
            ingress = (solver.get("http01") or {}).get("ingress") or {}
            if name := ingress.get("ingressClassName"):
                yield str(name), _called(issuer)


def _called(obj: Tree) -> str:
    metadata = obj["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])


def _trusts(bundle: str, wanted: bytes) -> bool:
    """Is the current CA, the first of `ca.crt`, in the bundle?"""
    try:
        trusted = read_chain(base64.b64decode(bundle))
        return read_chain(wanted)[0].serial in {one.serial for one in trusted}
    except (InvalidCertificate, binascii.Error, IndexError):
        return False


def _is_like(found: Any, wanted: Any) -> bool:
    """Is everything wanted there?  The API server adds defaults."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_is_like(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_is_like, found, wanted))
    return bool(found == wanted)


def now_of(times: ServerTime | None) -> datetime:
    """Return the API server's clock, or ours when it does not tell."""
    return times.server if times is not None else datetime.now(UTC)
