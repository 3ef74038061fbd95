"""Which path type the routes of an IngressClass get: what the admin said, else what its controller takes."""

from __future__ import annotations

from collections.abc import Mapping

from certs.api.ingress import IngressClass
from certs.route import PathType, path_type_for
from shim.kube.store import Store

DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"


class PathTypes:
    """The path type by the name of a class; see `certs.route.path_type_for`."""

    def __init__(self, classes: Store[IngressClass], chosen: Mapping[str, PathType]) -> None:
        self._classes = classes
        self._chosen = chosen

    def __call__(self, class_name: str) -> PathType:
        """Return it; an empty name is the default class of the cluster."""
        classes = self._classes.values()
        controllers = {one.metadata.name: one.spec.controller for one in classes}
        default = next((one.metadata.name for one in classes if _is_default(one)), "")
        return path_type_for(class_name, controllers, self._chosen, default)


def _is_default(one: IngressClass) -> bool:
    return one.metadata.annotations.get(DEFAULT_CLASS) == "true"
