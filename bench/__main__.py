"""`python -m bench [--quick] [NAME…]`: see the package."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from bench import admission, ca, deadnames, dns01, issuance, memory, renewal, report, restart, throughput, webhook
from bench.kit import running
from bench.machine import ROOT, head
from bench.measurement import Measurement

# In the order in which they run: memory tells of all before it, admission fills the cluster.  The others have a kit
# each, with new processes, or (the webhook) none.
ON_THE_KIT: Final = ("issuance", "dns01", "renewal", "throughput", "memory", "deadnames", "admission")
NAMES: Final = (*ON_THE_KIT, "ca", "restart", "webhook")
MANY: Final = 200
MANY_QUICK: Final = 50
FEW: Final = (20, 100)  # at once, too: what people compare
KEPT: Final = 5000  # Certificates at a restart
KEPT_QUICK: Final = 500


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is named (everything unless something is), show it, and write it down."""
    options = parser().parse_args(arguments)
    wanted = frozenset(options.names or NAMES)
    console = Console(width=None if sys.stdout.isatty() else 110)
    notes: list[str] = []
    top = head(quick=options.quick, notes=notes)
    many = options.many or (MANY_QUICK if options.quick else MANY)
    measured = list(_measure(wanted, many, KEPT_QUICK if options.quick else KEPT, notes))
    report.show(top, measured, console)
    report.write(top, measured, options.output)
    console.print(f"written to {options.output}", highlight=False)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m bench", description="Measure certshim on a real control plane.")
    made.add_argument("names", nargs="*", metavar="NAME", choices=[*NAMES, []], help=f"of {', '.join(NAMES)}")
    made.add_argument("--quick", action="store_true", help=f"{MANY_QUICK} at once instead of {MANY}")
    made.add_argument("--many", type=int, metavar="N", help="so many Ingresses or Certificates at once")
    made.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json", help="where the records go")
    return made


def _measure(wanted: frozenset[str], many: int, kept: int, notes: list[str]) -> Iterator[Measurement]:
    if wanted.intersection(ON_THE_KIT):
        yield from _measure_on_kit(wanted, many, notes)
    if "ca" in wanted:
        _say("ca")
        with running(notes) as kit:
            yield from ca.measure(kit, many)
    if "restart" in wanted:
        _say("restart")
        yield from restart.measure(kept)
    if "webhook" in wanted:
        _say("webhook")
        yield from webhook.measure()


def _measure_on_kit(wanted: frozenset[str], many: int, notes: list[str]) -> Iterator[Measurement]:
    _say("the kit")
    with running(notes) as kit:
        issuer = kit.issuer("pebble", kit.cluster.ca)
        steps: dict[str, Callable[[], list[Measurement]]] = {
            "issuance": lambda: issuance.measure(kit, issuer),
            "dns01": lambda: dns01.measure(kit),
            "renewal": lambda: renewal.measure(kit),
            "throughput": lambda: [
                figure for number in sorted({*FEW, many}) for figure in throughput.measure(kit, issuer, number)
            ],
            "memory": lambda: memory.measure(kit),
            "deadnames": lambda: deadnames.measure(kit, issuer),
            "admission": lambda: admission.measure(kit),
        }
        for name, measure in steps.items():
            if name in wanted:
                _say(name)
                yield from measure()


def _say(name: str) -> None:
    """Tell how far it is, beside the table."""
    print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
