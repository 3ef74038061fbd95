"""What a command says to do when the API server says no."""

from __future__ import annotations

import pytest

from shim.cli.remedies import remedy
from shim.kube.errors import KubeError, NoCredentials, Unavailable, from_status

READ = "cannot read Certificate shop/web"
OPTIONS = " --kubeconfig=/k --context=c"


def status(code: int, message: str) -> KubeError:
    return from_status(READ, code, b'{"message": "%s"}' % message.encode())


@pytest.mark.parametrize(
    ("error", "says"),
    [
        pytest.param(NoCredentials("no"), "kubectl config get-contexts --kubeconfig=/k", id="no kubeconfig"),
        pytest.param(Unavailable("no"), f"kubectl cluster-info{OPTIONS}", id="nobody answers"),
        pytest.param(status(500, "failed calling webhook"), f"certshim doctor{OPTIONS}", id="its webhook fails"),
        pytest.param(status(429, "too many requests"), "Try again", id="too much"),
        pytest.param(status(401, "Unauthorized"), f"kubectl auth whoami{OPTIONS}", id="who is that?"),
        pytest.param(
            status(403, "User x cannot get resource y"), f"kubectl auth can-i --list -n shop{OPTIONS}", id="no right"
        ),
        pytest.param(status(404, "the server could not find the requested resource"), "certshim doctor", id="no CRD"),
        pytest.param(
            status(404, r"certificates.cert-manager.io \"web\" not found"),
            f"kubectl get certificates.cert-manager.io -n shop{OPTIONS}",
            id="no such object",
        ),
    ],
)
def test_each_refusal_has_its_remedy(error: KubeError, says: str) -> None:
    """The remedy names the command that shows more, for the same place."""
    assert says in remedy(error, "shop", OPTIONS)


def test_a_conflict_has_none() -> None:
    """What the error says is all there is to say."""
    assert not remedy(status(409, "the object has been modified"), "shop", OPTIONS)


def test_an_admission_webhook_speaks_for_itself() -> None:
    """What it says is what there is to do; no right is missing."""
    assert not remedy(from_status(READ, 403, rb'{"message": "admission webhook \"x\" denied the request"}'), "", "")


def test_the_namespace_of_the_context_needs_no_option() -> None:
    """Kubectl looks there, too."""
    error = status(404, r"secrets \"web\" not found")

    assert remedy(error, "", "") == "Those that there are: kubectl get secrets"
