"""Build the kit's Go programs, if they are not there: `python -m tests.cluster.build`."""

from __future__ import annotations

import sys

from tests.cluster.programs import BuildFailed, ensure_built
from tests.cluster.toolchain import NoToolchain


def main() -> int:
    """Build, and say where the programs are."""
    try:
        programs = ensure_built()
    except (BuildFailed, NoToolchain) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"control plane: {programs.controlplane}\nPebble:        {programs.pebble}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
