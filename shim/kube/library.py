"""The parts of the `kubernetes` package that are used, without the rest of it.

Importing the package costs 18 MB and 0.3 s: its `__init__` brings every client, and `kubernetes.config` brings the
credentials of clouds for kubeconfig files.  A process in a pod needs three small modules.  So `import_parts` puts
packages into `sys.modules` that have the folders of the real ones and none of their `__init__`; modules are imported
from those as ever.  A kubeconfig file is read by the same package, and costs what it costs then.
Where the whole package has been imported already, it is used as it is.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Final

# `kubernetes.client` is imported whole: its `__init__` names what there is and loads nothing.
LEFT_OUT: Final = ("kubernetes", "kubernetes.config", "kubernetes.utils")


def import_parts() -> None:
    """Have `kubernetes.…` modules importable one by one; idempotent."""
    if "kubernetes" in sys.modules:
        return
    spec = importlib.util.find_spec("kubernetes")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("cannot find the package kubernetes: install certshim with its dependencies")
    root = Path(next(iter(spec.submodule_search_locations)))
    for name in LEFT_OUT:
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, package)
