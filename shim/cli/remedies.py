"""What to do when the API server says no, by what it says: the second sentence of a command's error."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from shim.kube.errors import Forbidden, KubeError, NoCredentials, NotFound, Unavailable

# How the API server says that there is no object, and that there is no such kind at all.
OBJECT: Final = re.compile(r'([a-z0-9.-]+) "[^"]*" not found$')
NO_KIND: Final = "could not find the requested resource"
UNAUTHORIZED: Final = 401
# Of whom a 403 is, other than of RBAC: what they say is what there is to do.
OTHERS: Final = ("admission webhook", "denied request", "exceeded quota")

# The first that is true of an error says what to do.  `{within}` and `{options}` are those of kubectl for the same
# place, `{file}` the kubeconfig alone, `{resource}` what was looked for.
REMEDIES: Final[tuple[tuple[Callable[[KubeError], bool], str], ...]] = (
    (
        lambda error: isinstance(error, NoCredentials),
        "Name a file with credentials by --kubeconfig or KUBECONFIG; its contexts: kubectl config get-contexts{file}",
    ),
    (
        lambda error: isinstance(error, Unavailable) and not error.code,
        "Is the API server there, and this its address? kubectl cluster-info{options}",
    ),
    (lambda error: isinstance(error, Unavailable), "Try again; what is wrong is said by: certshim doctor{options}"),
    (
        lambda error: isinstance(error, Forbidden) and error.code == UNAUTHORIZED,
        "The API server does not take these credentials; who you are to it: kubectl auth whoami{options}",
    ),
    (
        lambda error: isinstance(error, Forbidden) and not any(one in str(error) for one in OTHERS),
        "What you may do: kubectl auth can-i --list{within}{options}",
    ),
    (
        lambda error: isinstance(error, NotFound) and NO_KIND in str(error),
        "What is installed: certshim doctor{options}",
    ),
    (
        lambda error: isinstance(error, NotFound) and OBJECT.search(str(error)) is not None,
        "Those that there are: kubectl get {resource}{within}{options}",
    ),
)


def remedy(error: KubeError, namespace: str, options: str) -> str:
    """Return what to do, a sentence, empty when nothing helps but what the error says.

    `namespace` is empty where it is that of the context; `options` are those by which kubectl looks at the same
    cluster, with a space before each.
    """
    found = OBJECT.search(str(error))
    values = {
        "within": f" -n {namespace}" if namespace else "",
        "options": options,
        "file": re.sub(r" --context=\S+", "", options),  # the context may be what is wrong
        "resource": found[1] if found is not None else "",
    }
    return next((says.format(**values) for is_of, says in REMEDIES if is_of(error)), "")
