"""What goes on while Prometheus looks: a few teams with certificates that are issued, renewed, refused and mistaken.

| what | certificates by | and then |
|---|---|---|
| `publish` | Pebble, HTTP-01, for an annotated Ingress | issued |
| `struggle` | the same, by way of a CA that refuses an order | issued at the next attempt |
| `sign` | an internal CA, for a Certificate; some with an RSA key | issued |
| `renew` | either, by hand as `cmctl renew` | renewed |
| `lose` | Pebble, for a name that does not resolve | waits |
| `covet` | Pebble, for a name that it issues nothing for | refused: rejectedIdentifier |
| `mistake` | nobody: the annotation is misspelled, or of before v0.11 | denied, or warned of |

Some Certificates of the internal CA renew themselves every ten seconds: their `renewBefore` is nearly their lifetime.
"""

from __future__ import annotations

import contextlib
import random
import secrets
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from bench.kit import INGRESSES, ingress
from tests.cluster import API, APIFailure, Cluster, PebbleSettings
from tests.cluster.interposer import Interposer, refuse
from tests.product import NAMESPACE, Product
from tests.soak.load import BRIEF, CERTIFICATES, GROUP, SECRETS, ask_renewal, persist

# Validations take up to two seconds, as they do at a CA that is not on the same machine.
PEBBLE: Final = PebbleSettings(blocked_domains=("bank.test",), sleep_seconds=2)
TEAMS: Final = ("billing", "search", "shop")
ACTS: Final = {"publish": 44, "struggle": 6, "sign": 20, "renew": 18, "mistake": 8, "lose": 2, "covet": 2}
DURATIONS: Final = ("24h", "72h", "168h", "720h")
LIMITS: Final = "orders=500/3h, domain=300/168h, set=5/168h, failures=5/1h"
MISSPELLED: Final = {"cert-manager.io/cluster-isuer": "pebble"}
OF_BEFORE: Final = {"certmanager.k8s.io/cluster-issuer": "pebble"}
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
STEADY: Final = 3  # Certificates that renew themselves
BURST: Final = 12
ROOT: Final = "internal-root"
BUSY: Final = "busy"  # the issuer whose CA refuses now and then
_REFUSALS: Final = (
    refuse("rateLimited", 429, "too many new orders recently", headers={"Retry-After": "15"}),
    refuse("serverInternal", 500, "the service is down for maintenance"),
)


class Scenario:
    """A context with issuers and namespaces of its own, which go at its end.

    `act` does one thing, `burst` many at once.  Not safe to use from several threads.
    """

    def __init__(self, cluster: Cluster, product: Product, chance: random.Random) -> None:
        self._cluster = cluster
        self._product = product
        self._chance = chance
        self._api: API = cluster.apiserver.as_user(cluster.apiserver.admin)
        self._interposer = Interposer(cluster.ca, cluster.ports.free(), cluster.directory)
        self._made: list[str] = []  # paths of Certificates that can become ready
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._ends.callback(self._api.close)
        self._ends.callback(self._remove)
        self._ends.enter_context(self._interposer)
        for team in TEAMS:
            self._api.post("/api/v1/namespaces", {"metadata": {"name": team}})
        acme = self._product.acme("pebble", self._cluster.ca)
        busy = self._product.acme(BUSY, self._interposer)  # type: ignore[arg-type]  # URL and root
        self._issuer("pebble", {"acme": acme}, {"acme.certshim.io/rate-limits": LIMITS})
        self._issuer(BUSY, {"acme": busy})
        self._issuer("self-signed", {"selfSigned": {}})
        self._issuer("internal", {"ca": {"secretName": ROOT}})
        root = {"isCA": True, "commonName": "Internal", "duration": "87600h"}
        self._certificate(NAMESPACE, ROOT, issuer="self-signed", **root)
        for number in range(STEADY):
            self._certificate("search", f"node-{number}", dnsNames=[f"node-{number}.search.internal"], **BRIEF)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._ends.close()

    def act(self) -> None:
        """Do one of the things, at random."""
        (name,) = self._chance.choices(tuple(ACTS), weights=tuple(ACTS.values()))
        getattr(self, name)()

    def burst(self) -> None:
        """Have a team roll out many Ingresses at once."""
        for _ in range(BURST):
            self.publish()

    def publish(self) -> None:
        """Create an annotated Ingress."""
        self._made.append(self._ingress("pebble", f"web-{secrets.token_hex(3)}.{self._domain()}"))

    def struggle(self) -> None:
        """Create one for a CA that refuses the next order of all."""
        self._interposer.on("new-order", self._chance.choice(_REFUSALS))
        self._made.append(self._ingress(BUSY, f"web-{secrets.token_hex(3)}.{self._domain()}"))

    def sign(self) -> None:
        """Create a Certificate of the internal CA."""
        team = self._chance.choice(TEAMS)
        name = f"internal-{secrets.token_hex(3)}"
        key = {"algorithm": "RSA" if self._chance.random() < 0.1 else "ECDSA", "rotationPolicy": "Always"}
        duration = self._chance.choice(DURATIONS)
        self._certificate(team, name, dnsNames=[f"{name}.{team}.internal"], duration=duration, privateKey=key)
        self._made.append(CERTIFICATES.format(team, name))

    def renew(self) -> None:
        """Renew one that was made, if it is there yet."""
        if self._made:
            path = self._chance.choice(self._made)
            persist(lambda: ask_renewal(self._api, path), also=404)

    def lose(self) -> None:
        """Ask for a name that does not resolve."""
        host = f"old-{secrets.token_hex(3)}.{self._domain()}"
        self._cluster.names.set("set-servfail", host=f"{host}.")
        self._ingress("pebble", host)

    def covet(self) -> None:
        """Ask for a name that the CA issues nothing for."""
        self._ingress("pebble", f"pay-{secrets.token_hex(3)}.bank.test")

    def mistake(self) -> None:
        """Write an annotation wrong; a denial is what is wanted."""
        body = ingress(f"mistake-{secrets.token_hex(3)}", "pebble", self._cluster.ingress_class)
        body["metadata"]["annotations"] = self._chance.choice((MISSPELLED, OF_BEFORE))
        with contextlib.suppress(APIFailure):
            self._api.post(INGRESSES.format(self._chance.choice(TEAMS)), body)

    def _domain(self) -> str:
        return f"{self._chance.choice(TEAMS)}.example.test"

    def _ingress(self, issuer: str, host: str) -> str:
        """Create an Ingress and return the path that its Certificate will have."""
        team, name = self._chance.choice(TEAMS), host.partition(".")[0]
        body = ingress(name, issuer, self._cluster.ingress_class)
        body["spec"]["rules"][0]["host"] = host
        self._api.post(INGRESSES.format(team), body)
        return CERTIFICATES.format(team, f"{name}-tls")

    def _remove(self) -> None:
        """Delete all of it, in the background."""
        paths = [
            *(f"/api/v1/namespaces/{team}" for team in TEAMS),
            *(f"{GROUP}/clusterissuers/{name}" for name in ("pebble", BUSY, "self-signed", "internal")),
            CERTIFICATES.format(NAMESPACE, ROOT),
            SECRETS.format(NAMESPACE, ROOT),
        ]
        for path in paths:
            persist(lambda: self._api.delete(path), also=404)  # noqa: B023  at once

    def _issuer(self, name: str, spec: dict[str, Any], annotations: Mapping[str, str] = NOTHING) -> None:
        metadata = {"name": name, "annotations": dict(annotations)}
        body = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "metadata": metadata, "spec": spec}
        self._api.post(f"{GROUP}/clusterissuers", body)

    def _certificate(self, namespace: str, name: str, *, issuer: str = "internal", **spec: Any) -> None:
        reference = {"name": issuer, "kind": "ClusterIssuer"}
        body = {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"secretName": name, "issuerRef": reference, **spec},
        }
        self._api.post(CERTIFICATES.format(namespace, "").rstrip("/"), body)
