"""When something arrived: Secrets with a certificate, Certificates ready at a revision.  Watched, not polled.

It uses the product's own informers, as the admin, with a connection for each kind.  The moment is taken when the
watch's event has been decoded, so what is measured includes the way to an ordinary client.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from threading import Condition
from types import TracebackType
from typing import NamedTuple, Self

from certs.api.certificate import Certificate
from certs.api.challenge import Challenge
from certs.api.core import Secret
from certs.api.issuer import ClusterIssuer
from certs.api.meta import KubeObject, is_true
from certs.decide.certificatesteps import NEXT_KEY_LABEL
from shim.kube.cluster import Cluster
from shim.kube.transport import connect

SYNC_WITHIN = 20.0


class Arrival(NamedTuple):
    """`revision` 0 is the Secret with a certificate in it, n is the Certificate ready at revision n."""

    namespace: str
    name: str
    revision: int = 0


class Arrivals:
    """A context in which arrivals are noted."""

    def __init__(self, kubeconfig: Path) -> None:
        self._cluster = Cluster(connect(str(kubeconfig)))
        self._secrets = self._cluster.follow(Secret)
        self._challenges = self._cluster.follow(Challenge)
        self._issuers = self._cluster.follow(ClusterIssuer)
        self._certificates = self._cluster.follow(Certificate)
        self._at: dict[Arrival, float] = {}
        self._changed = Condition()
        for store in (self._secrets, self._challenges, self._issuers, self._certificates):
            store.subscribe(self._note)

    def __enter__(self) -> Self:
        self._cluster.start()
        if not self._cluster.wait_synced(SYNC_WITHIN):
            self._cluster.stop()
            raise TimeoutError(f"cannot watch {', '.join(self._cluster.unsynced)}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._cluster.stop()

    def wait(self, wanted: Iterable[Arrival], *, seconds: float) -> list[float]:
        """Block until all have arrived; return the moments (monotonic).  TimeoutError names one that has not."""
        listed = list(wanted)
        with self._changed:
            if self._changed.wait_for(lambda: all(one in self._at for one in listed), seconds):
                return [self._at[one] for one in listed]
            missing = [one for one in listed if one not in self._at]
        raise TimeoutError(f"{len(missing)} of {len(listed)} are not there after {seconds:g} s, as {missing[0]}")

    def told(self, namespace: str, number: int, *, seconds: float) -> None:
        """Block until so many Challenges in a namespace say what they wait for."""

        def all_say() -> bool:
            in_it = (one for one in self._challenges.values() if one.metadata.namespace == namespace)
            return sum(bool(one.status.reason) for one in in_it) >= number

        with self._changed:
            if not self._changed.wait_for(all_say, seconds):
                raise TimeoutError(f"not {number} Challenges in {namespace} say what they wait for after {seconds:g} s")

    def settle(self, *, seconds: float) -> None:
        """Block until nothing is left to tidy up: no Challenge, no next private key."""
        with self._changed:
            if not self._changed.wait_for(self._is_tidy, seconds):
                raise TimeoutError(f"Challenges or next private keys are left after {seconds:g} s")

    def issuer_ready(self, name: str, *, seconds: float) -> None:
        """Block until a ClusterIssuer is ready."""

        def is_ready() -> bool:
            issuer = self._issuers.get("", name)
            return issuer is not None and is_true(issuer.status.conditions, "Ready")

        with self._changed:
            if not self._changed.wait_for(is_ready, seconds):
                raise TimeoutError(f"ClusterIssuer {name} is not ready after {seconds:g} s")

    def _is_tidy(self) -> bool:
        keys = (secret for secret in self._secrets.values() if NEXT_KEY_LABEL in secret.metadata.labels)
        return not len(self._challenges) and not any(keys)

    def _note(self, _: KubeObject | None, new: KubeObject | None) -> None:
        now = time.monotonic()
        arrival = arrival_of(new)
        with self._changed:
            if arrival is not None:
                self._at.setdefault(arrival, now)
            self._changed.notify_all()


def arrival_of(new: KubeObject | None) -> Arrival | None:
    """Return what has arrived with an object as it is now."""
    match new:
        case Secret() if new.data.get("tls.crt"):
            return Arrival(new.metadata.namespace, new.metadata.name)
        case Certificate() if is_true(new.status.conditions, "Ready"):
            return Arrival(new.metadata.namespace, new.metadata.name, new.status.revision or 0)
        case _:
            return None
