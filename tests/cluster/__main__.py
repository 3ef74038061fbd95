"""Run the kit until Ctrl-C: `python -m tests.cluster`."""

from __future__ import annotations

import signal
import sys
import time

from tests.cluster import Cluster, PartFailed
from tests.cluster.programs import BuildFailed
from tests.cluster.toolchain import NoToolchain


def main() -> int:
    """Start, say how to reach it, wait, stop."""
    began = time.monotonic()
    try:
        cluster = Cluster()
        with cluster:
            print(_description(cluster, time.monotonic() - began), flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("\nstopped")
    except (BuildFailed, NoToolchain, PartFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _description(cluster: Cluster, seconds: float) -> str:
    timings = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in cluster.timings.items())
    return f"""\
ready after {seconds:.1f} s ({timings})

  export KUBECONFIG={cluster.admin}
  API server     {cluster.url}
  ACME directory {cluster.ca.directory_url}   (its listener's root: {cluster.ca.root_file})
  issuing root   {cluster.ca.management_url}/roots/0
  proxy          http://127.0.0.1:{cluster.caddy.http_port}   https://127.0.0.1:{cluster.caddy.https_port}
  DNS            {cluster.names.address}   (management: {cluster.names.management_url})
  audit log      {cluster.apiserver.audit_log}
  logs           {cluster.directory / "logs"}

Ctrl-C stops it."""


if __name__ == "__main__":
    sys.exit(main())
