"""Certificates of several sorts, what people do to them meanwhile, and whether all is as they want it in the end.

| sort | issuer | renewed |
|---|---|---|
| `ca` | a CA ClusterIssuer, whose own Certificate is self-signed | by hand (Issuing=True, as cmctl does) |
| `self` | a self-signed ClusterIssuer | likewise |
| `brief` | the CA | by itself, some ten seconds after each issuance: `renewBefore` is nearly all of its hour |
| `acme` | Pebble, HTTP-01 | by hand |

Everything is done as the admin, and repeated while the API server does not answer.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from tests.cluster import API, APIFailure
from tests.product import NAMESPACE
from tests.soak.wanted import lacking

T = TypeVar("T")
GROUP: Final = "/apis/cert-manager.io/v1"
CERTIFICATES: Final = GROUP + "/namespaces/{}/certificates/{}"
SECRETS: Final = "/api/v1/namespaces/{}/secrets/{}"
TLS: Final = {"fieldSelector": "type=kubernetes.io/tls"}
NEXT_KEYS: Final = {"labelSelector": "cert-manager.io/next-private-key=true"}
ISSUERS: Final = {"ca": "soak-ca", "brief": "soak-ca", "self": "soak-self-signed", "acme": "soak-acme"}
ROOT: Final = "soak-root"
# The shortest duration that the API takes, and nearly all of it before: due ten seconds after each issuance.
BRIEF: Final = {"duration": "1h", "renewBefore": "59m50s"}
PERSISTENCE: Final = 60.0  # seconds in which an API server is back


@dataclass(frozen=True, slots=True)
class Place:
    """A Certificate of the load; its Secret has its name."""

    sort: str
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Its URL path."""
        return CERTIFICATES.format(self.namespace, self.name)

    @property
    def secret(self) -> str:
        """The URL path of its Secret."""
        return SECRETS.format(self.namespace, self.name)


class Load:
    """One load in a few namespaces; `api` is for it alone.  Not safe to use from several threads."""

    def __init__(self, api: API, chance: random.Random, *, namespaces: int = 4) -> None:
        self._api = api
        self._chance = chance
        self.run = secrets.token_hex(3)
        self.namespaces = tuple(f"soak-{self.run}-{number}" for number in range(namespaces))
        self.places: list[Place] = []
        self.done: dict[str, int] = {}  # what was done how often
        self._revisions: dict[Place, int] = {}  # the least that a renewal by hand must have brought

    def prepare(self, acme: dict[str, Any] | None = None) -> None:
        """Make namespaces and issuers; with `acme` (the spec) one for that, too."""
        for name in self.namespaces:
            self._create("/api/v1/namespaces", {"metadata": {"name": name}})
        specs: dict[str, dict[str, Any]] = {"self": {"selfSigned": {}}, "ca": {"ca": {"secretName": ROOT}}}
        for sort, spec in {**specs, **({"acme": {"acme": acme}} if acme else {})}.items():
            metadata = {"name": ISSUERS[sort]}
            issuer = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": metadata, "spec": spec}
            self._create(f"{GROUP}/clusterissuers", issuer)
        self._make(Place("self", NAMESPACE, ROOT), isCA=True, commonName="Soak")

    def create(self, sort: str) -> Place:
        """Create one more Certificate."""
        number = len(self.places)
        place = Place(sort, self.namespaces[number % len(self.namespaces)], f"{sort}-{number}")
        self._make(place, dnsNames=[_host()], **(BRIEF if sort == "brief" else {}))
        self.places.append(place)
        return place

    def disturb(self) -> None:
        """Do one of the things that people do, to one Certificate."""
        act = self._chance.choice((self.edit, self.rob, self.renew))
        act(self._chance.choice(self.places))
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1

    def edit(self, place: Place) -> None:
        """Have other names in the spec."""
        persist(lambda: self._api.merge(place.path, {"spec": {"dnsNames": [_host(), _host()]}}))

    def rob(self, place: Place) -> None:
        """Delete the Secret."""
        persist(lambda: self._api.delete(place.secret), also=404)

    def renew(self, place: Place) -> None:
        """Have it renewed now, by the condition that `cmctl renew` writes."""

        def mark() -> None:
            written = ask_renewal(self._api, place.path)
            self._revisions[place] = written["status"].get("revision", 0) + 1

        persist(mark)

    def unfinished(self) -> list[str]:
        """Return what is not as it is wanted, a sentence each; OSError or APIFailure when nobody can tell."""
        certificates = _by_place(self._api.get(f"{GROUP}/certificates"))
        tls = _by_place(self._api.get("/api/v1/secrets", **TLS))
        sentences = []
        for place in self.places:
            where, revision = (place.namespace, place.name), self._revisions.get(place, 1)
            certificate, secret = certificates.get(where, {}), tls.get(where, {})
            if problem := lacking(certificate, secret, revision=revision, never_rests=place.sort == "brief"):
                sentences.append(f"{place.namespace}/{place.name}: {problem}")
        return sentences

    def leftovers(self) -> list[str]:
        """Return next private keys that nobody needs any more; those of a renewal under way come and go."""
        steady = {(place.namespace, place.name) for place in self.places if place.sort != "brief"}
        keys = self._api.get("/api/v1/secrets", **NEXT_KEYS)["items"]
        owners = [(key["metadata"]["namespace"], key["metadata"]["ownerReferences"][0]["name"]) for key in keys]
        return [f"{namespace}/{name} has a next key left" for namespace, name in owners if (namespace, name) in steady]

    def remove(self) -> None:
        """Delete all of it, in the background."""
        for namespace in self.namespaces:
            persist(lambda: self._api.delete(f"/api/v1/namespaces/{namespace}"), also=404)  # noqa: B023  at once
        for path in (f"{GROUP}/clusterissuers/{name}" for name in sorted(set(ISSUERS.values()))):
            persist(lambda: self._api.delete(path), also=404)  # noqa: B023  at once
        persist(lambda: self._api.delete(CERTIFICATES.format(NAMESPACE, ROOT)), also=404)
        persist(lambda: self._api.delete(SECRETS.format(NAMESPACE, ROOT)), also=404)

    def _make(self, place: Place, **spec: Any) -> None:
        self._create(
            CERTIFICATES.format(place.namespace, "").rstrip("/"),
            {
                "apiVersion": "cert-manager.io/v1",
                "kind": "Certificate",
                "metadata": {"name": place.name, "namespace": place.namespace},
                "spec": {
                    "secretName": place.name,
                    "issuerRef": {"name": ISSUERS[place.sort], "kind": "ClusterIssuer"},
                    "privateKey": {"algorithm": "ECDSA", "rotationPolicy": "Always"},
                    **spec,
                },
            },
        )

    def _create(self, path: str, body: dict[str, Any]) -> None:
        """Create; that it is there already is what an answer that was lost looks like."""
        persist(lambda: self._api.post(path, body), also=409)


class Going:
    """Has something done again and again in a thread, at so many times a second, until the context ends.

    What it raises ends it, and is raised at the end of the context.
    """

    def __init__(self, act: Callable[[], object], *, rate: float) -> None:
        self._act = act
        self._pause = 1 / rate
        self._stopping = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="going", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(PERSISTENCE)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._pause):
                self._act()
        except Exception as error:  # noqa: BLE001  raised again where somebody sees it
            self._error = error


def ask_renewal(api: API, path: str) -> dict[str, Any]:
    """Write the condition that `cmctl renew` writes on the Certificate at a path; return it as written."""
    certificate: dict[str, Any] = api.get(path)
    status = certificate.setdefault("status", {})
    others = [one for one in status.get("conditions", ()) if one["type"] != "Issuing"]
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    manual = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "lastTransitionTime": at}
    manual |= {"message": "Renewed by hand", "observedGeneration": certificate["metadata"]["generation"]}
    status["conditions"] = [*others, manual]
    written: dict[str, Any] = api.put(f"{path}/status", certificate)
    return written


def persist(act: Callable[[], T], *, also: int = 0, seconds: float = PERSISTENCE) -> T | None:
    """Repeat an act until the API server takes it; a conflict and its faults are no reason to give up.

    A refusal with the code `also` is fine, too.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except APIFailure as error:
            if error.code == also:
                return None
            if error.code not in {409, 429} and error.code < 500:
                raise
            last: Exception = error
        except OSError as error:
            last = error
        if time.monotonic() > deadline:
            raise last
        time.sleep(0.1)


def _by_place(answer: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    items: Sequence[dict[str, Any]] = answer["items"]
    return {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in items}


def _host() -> str:
    return f"{secrets.token_hex(4)}.example.test"
