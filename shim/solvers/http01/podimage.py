"""Which image solver pods run: the admin's, or that of this process' own pod, which has the same program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from certs.api.pod import Pod
from certs.outcomes import Transient, WaitingForUser
from shim.kube.client import Client
from shim.kube.errors import KubeError

# What the manifests tell this process of its own pod, and what they call its container.
NAMESPACE: Final = "POD_NAMESPACE"
NAME: Final = "POD_NAME"
CONTAINER: Final = "shim"
_REMEDY: Final = "set --acme-http01-solver-image"


@dataclass(slots=True)
class PodImage:
    """The image, once it is known."""

    client: Client
    known: str
    environment: Mapping[str, str]

    def find(self) -> str:
        """Return it; asks the API server once.  Raises Transient or WaitingForUser that says what to set."""
        if not self.known:
            self.known = self._of_own_pod()
        return self.known

    def _of_own_pod(self) -> str:
        namespace, name = self.environment.get(NAMESPACE, ""), self.environment.get(NAME, "")
        if not namespace or not name:
            raise WaitingForUser(
                f"no image is known for solver pods: this process runs in no pod (no {NAME}, {NAMESPACE} in its "
                f"environment); {_REMEDY}",
                reason="PresentError",
            )
        try:
            containers = self.client.get(Pod, namespace, name).spec.containers
        except KubeError as error:
            raise Transient(f"no image is known for solver pods: {error}; {_REMEDY}", reason="PresentError") from error
        images = {one.name: one.image for one in containers}
        return images.get(CONTAINER) or next(iter(images.values()))
