"""`python -m tests.demo [--once] [--cluster]`: see the package."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from shim.kube.errors import KubeError
from tests.cluster import APIFailure, Cluster, KubectlFailed, PartFailed
from tests.cluster.programs import BuildFailed
from tests.cluster.toolchain import NoToolchain
from tests.demo.existing import ExistingCluster, Options, Unsuitable
from tests.demo.place import Place, on_kit
from tests.demo.screen import Screen
from tests.demo.story import Failed, Story

TITLE: Final = "certshim: an annotated Ingress becomes a served certificate"
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells have it
# Everything that can go wrong outside of this program, all with a sentence; anything else is a mistake in it.
FAILURES: Final = (
    Failed,
    Unsuitable,
    PartFailed,
    KubectlFailed,
    APIFailure,
    BuildFailed,
    NoToolchain,
    KubeError,
    OSError,
    subprocess.TimeoutExpired,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the story; return 0 when it came to its end, 1 when something failed."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    screen = Screen(sys.stdout)
    screen.title(TITLE)
    began = time.monotonic()
    told = False
    try:
        with _place(options, screen) as place:
            story = Story(screen, place)
            story.tell()
            screen.say(f"That was the whole way, in {time.monotonic() - began:.0f} s.")
            told = True
            if not options.once:
                story.invite()
                signal.pause()
    except KeyboardInterrupt:
        screen.say("stopped")
        return 0 if told else _INTERRUPTED
    except FAILURES as error:
        screen.failed(str(error))
        return 1
    return 0


def _end(signum: int, _: FrameType | None) -> None:
    """End by an exception, as Ctrl-C does, so that everything is stopped and removed."""
    sys.exit(128 + signum)


@contextmanager
def _place(options: argparse.Namespace, screen: Screen) -> Iterator[Place]:
    if options.cluster:
        chosen = Options(options.ingress, options.ingress_class, options.own_address)
        with ExistingCluster(chosen, screen) as existing:
            yield existing.place
        return
    screen.scene("A control plane of its own, on loopback")
    with screen.step("etcd, kube-apiserver, kube-controller-manager; Pebble (ACME CA) and DNS; Caddy (proxy)"):
        cluster = Cluster().start()
    try:
        yield on_kit(cluster)
    finally:
        cluster.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=TITLE)
    parser.add_argument("--once", action="store_true", help="end by itself, with exit code 0 or 1")
    parser.add_argument("--cluster", action="store_true", help="use the cluster of KUBECONFIG")
    more = parser.add_argument_group("with --cluster")
    more.add_argument("--ingress", default="", help="where its ingress controller answers: HOST[:HTTP-PORT:HTTPS-PORT]")
    more.add_argument("--ingress-class", default="", help="its IngressClass, when there are several")
    more.add_argument("--own-address", default="", help="an address of this machine that the cluster can reach")
    return parser


if __name__ == "__main__":
    sys.exit(main())
