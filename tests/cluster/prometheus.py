"""Prometheus: Debian's, scraping what it is told, asked through its HTTP API.

Labels of the metrics win over those of the target (`honor_labels`), as our rules and our dashboard need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests
import yaml

from tests.cluster.debian import Program, find
from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher, Process

_TIMEOUT: Final = 10.0


class NoAnswer(Exception):
    """A query was refused; the message has it and what Prometheus says of it."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """A page of metrics by its host and port, and the labels that its series get."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Series:
    """A series of an answer: its labels, and (seconds since 1970, value) in the order of time.

    One pair where it was asked about one moment.
    """

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


def find_prometheus() -> Program:
    """Return the program; NoPackage where it cannot be had."""
    return find("prometheus", "prometheus")


class Prometheus:
    """One server with a fresh store.  `interval` is in seconds, between two scrapes."""

    def __init__(
        self,
        name: str,
        *,
        program: Program,
        directory: Path,
        ports: Ports,
        launcher: Launcher,
        scraped: Iterable[Scraped],
        interval: int,
    ) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{ports.free()}"
        self._program = program
        self._launcher = launcher
        self._folder = directory / name
        self._folder.mkdir()
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(_configuration(scraped, interval)))

    def start(self) -> Process:
        """Start it and wait until it answers queries."""
        argv: list[str | Path] = [
            self._program.path,
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'store'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--log.level=warn",
        ]
        process = self._launcher.start(self.name, argv, env=self._program.environment)
        process.wait_until(lambda: requests.get(f"{self.url}/-/ready", timeout=_TIMEOUT).ok)
        return process

    def at(self, expr: str, when: float) -> tuple[Series, ...]:
        """Return what an expression is at a moment (seconds since 1970), in the order of the answer; NoAnswer."""
        result = self._ask("query", query=expr, time=when)
        if result["resultType"] != "vector":
            raise NoAnswer(f"{expr} is a {result['resultType']} and no vector")
        return tuple(_series(one["metric"], [one["value"]]) for one in result["result"])

    def between(self, expr: str, start: float, end: float, step: float) -> tuple[Series, ...]:
        """Return what an expression was from `start` to `end` (seconds since 1970), each `step` seconds; NoAnswer."""
        result = self._ask("query_range", query=expr, start=start, end=end, step=step)
        return tuple(_series(one["metric"], one["values"]) for one in result["result"])

    def _ask(self, what: str, **query: str | float) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/api/v1/{what}", params=query, timeout=_TIMEOUT).json()
        if answer["status"] != "success":
            raise NoAnswer(f"{query['query']}: {answer['error']}")
        found: dict[str, Any] = answer["data"]
        return found


def _configuration(scraped: Iterable[Scraped], interval: int) -> dict[str, object]:
    """Return the configuration; `job` is a label of the targets, as the operator's relabelling makes it one."""
    targets = [{"targets": [one.address], "labels": dict(one.labels)} for one in scraped]
    job = {"job_name": "product", "honor_labels": True, "static_configs": targets}
    timing = {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"}
    return {"global": timing, "scrape_configs": [job]}


def _series(labels: Mapping[str, str], values: Iterable[tuple[float, str]]) -> Series:
    return Series(dict(labels), tuple((float(at), float(value)) for at, value in values))
