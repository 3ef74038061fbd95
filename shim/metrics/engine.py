"""The engine in numbers: the queue by lane, turns by controller, keys that take their time, who leads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from shim.engine.figures import WAITS, Ending, Timing
from shim.engine.lanes import LEVEL_NAMES
from shim.engine.queue import WorkQueue
from shim.engine.workers import Workers
from shim.keymill import KeyMill

CALLS: Final = "certmanager_controller_sync_call_count"
ERRORS: Final = "certmanager_controller_sync_error_count"
# What is counted from zero on: of a counter that appears with its first mistake, Prometheus sees no increase.
MISTAKES: Final = (Ending.CRASHED, Ending.CIRCLING)
FAILED: Final = (Ending.TRANSIENT, Ending.RATE_LIMITED, Ending.WAITING_FOR_USER, Ending.PERMANENT, Ending.CRASHED)


def histogram(
    name: str,
    meaning: str,
    labels: tuple[str, ...],
    bounds: tuple[float, ...],
    timings: Mapping[tuple[str, ...], Timing],
) -> HistogramMetricFamily:
    """Return what was timed as a histogram."""
    family = HistogramMetricFamily(name, meaning, labels=labels)
    marks = (*map(str, bounds), "+Inf")
    for values, timing in timings.items():
        family.add_metric(values, list(zip(marks, map(float, timing.at_most), strict=True)), timing.total)
    return family


class Keys(Collector):
    """Private keys that take their time."""

    def __init__(self, mill: KeyMill) -> None:
        self._mill = mill

    def collect(self) -> Iterator[Metric]:
        """Yield how many there are, and were."""
        figures = self._mill.figures()
        keys = GaugeMetricFamily("certshim_private_keys", "RSA keys that were ordered.", labels=("state",))
        keys.add_metric(("waiting",), float(figures.waiting))
        keys.add_metric(("running",), float(figures.running))
        keys.add_metric(("ready",), float(figures.ready))
        yield keys
        yield CounterMetricFamily("certshim_private_keys_made", "RSA keys that were made.", figures.made)


class Engine(Collector):
    """Queue and workers."""

    def __init__(self, queue: WorkQueue, workers: Workers) -> None:
        self._queue = queue
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        """Yield the depth of the queue, how long keys have waited, and how turns have ended."""
        depth, figures = self._queue.depth(), self._workers.figures()
        keys = GaugeMetricFamily("certshim_queue_keys", "Keys in the work queue.", labels=("state",))
        keys.add_metric(("ready",), float(sum(depth.ready)))
        keys.add_metric(("delayed",), float(depth.delayed))
        keys.add_metric(("running",), float(depth.running))
        keys.add_metric(("failing",), float(depth.failing))
        yield keys
        oldest = GaugeMetricFamily("certshim_queue_oldest_seconds", "How long the oldest ready key has waited.")
        oldest.add_metric((), depth.oldest)
        yield oldest
        lanes = GaugeMetricFamily(
            "certshim_queue_ready_keys",
            "Keys that may run now, by lane; those that keep failing one lane behind their own.",
            labels=("lane",),
        )
        for lane, size in zip(LEVEL_NAMES, depth.ready, strict=True):
            lanes.add_metric((lane,), float(size))
        yield lanes
        yield histogram(
            "certshim_queue_wait_seconds",
            "How long keys have waited from when they were due until a worker took them.",
            ("lane",),
            WAITS,
            figures.waits,
        )
        calls = CounterMetricFamily(CALLS, "Turns taken, by controller.", labels=("controller",))
        errors = CounterMetricFamily(ERRORS, "Turns that ended in a failure.", labels=("controller",))
        none_yet = {(controller, ending): 0 for controller in self._workers.controllers for ending in MISTAKES}
        turns = {**none_yet, **figures.turns}
        for controller in sorted({controller for controller, _ in turns}):
            counts = {ending: count for (name, ending), count in turns.items() if name == controller}
            calls.add_metric((controller,), float(sum(counts.values())))
            errors.add_metric((controller,), float(sum(counts.get(ending, 0) for ending in FAILED)))
        yield calls
        yield errors
        busy = CounterMetricFamily(
            "certshim_controller_busy_seconds", "How long turns have taken, in all.", labels=("controller",)
        )
        for controller, seconds in figures.busy_for.items():
            busy.add_metric((controller,), seconds)
        yield busy
        endings = CounterMetricFamily(
            "certshim_turns", "Turns taken, by how they ended.", labels=("controller", "ending")
        )
        for (controller, ending), count in turns.items():
            endings.add_metric((controller, ending.value), float(count))
        yield endings


class Leader(Collector):
    """Whether this replica does the work."""

    def __init__(self, is_leader: Callable[[], bool]) -> None:
        self._is_leader = is_leader

    def collect(self) -> Iterator[Metric]:
        """Yield one gauge."""
        yield GaugeMetricFamily(
            "certshim_leader", "1 on the replica that works, 0 on those that stand by.", float(self._is_leader())
        )
