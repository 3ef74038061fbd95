"""`make test-node`: build what is missing, look at the image, and run the rest in namespaces of its own.

Arguments go to pytest.  Those that name files or folders are run on the nodes alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster.programs import ensure_built, ensure_netpol
from tests.lacking import must_run
from tests.node import isolation
from tests.node.image import IMAGE_VARIABLE, ensure_image
from tests.node.machine import CGROUP_VARIABLE
from tests.node.node import find_tools

_TESTS = Path("tests/node")
_OF_THE_IMAGE = _TESTS / "test_image.py"  # builds once more, and so needs the machine's network


def main() -> int:
    """Return pytest's code; where a node is not possible the reason on stderr, and 1 if it had to be."""
    if reason := isolation.missing(os.geteuid()):
        print(f"The tests on a real node are {'not possible' if must_run() else 'skipped'}: {reason}", file=sys.stderr)
        return 1 if must_run() else 0
    ensure_built()
    ensure_netpol()
    find_tools()
    environment = {IMAGE_VARIABLE: str(ensure_image())}
    given = sys.argv[1:]
    pytest = [sys.executable, "-m", "pytest", "-m", "node", *given]
    if any(Path(word.partition("::")[0]).exists() for word in given):
        return _on_nodes(pytest, environment)
    code = subprocess.run([*pytest, str(_OF_THE_IMAGE)], check=False, env={**os.environ, **environment}).returncode
    return _on_nodes([*pytest, str(_TESTS), f"--ignore={_OF_THE_IMAGE}"], environment) or code


def _on_nodes(pytest: list[str], environment: dict[str, str]) -> int:
    cgroup = f"certshim-{os.getpid()}"
    folder = tempfile.mkdtemp(prefix="certshim-node-")
    try:
        isolation.make_cgroups(cgroup)
        # In their order: each file takes the cluster as the one before has left it.
        return isolation.run([*pytest, "-p", "no:randomly"], {**environment, CGROUP_VARIABLE: cgroup, "TMPDIR": folder})
    finally:
        isolation.remove_cgroups(cgroup)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
