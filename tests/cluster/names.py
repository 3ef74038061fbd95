"""DNS as the CA sees it: challtestsrv answers every A query with the kit's address, unless a test says otherwise."""

from __future__ import annotations

import socket
from http import HTTPStatus
from pathlib import Path

import requests

from tests.cluster.ports import Ports
from tests.cluster.processes import Launcher, Process
from tests.cluster.site import HERE, Site

_TIMEOUT = 10.0


class Names:
    """The DNS server and its management API."""

    def __init__(self, program: Path, ports: Ports, launcher: Launcher, site: Site = HERE) -> None:
        self.port = site.dns_port or ports.free()
        self.address = f"{site.host}:{self.port}"
        self._host = site.host
        self.management_url = f"http://127.0.0.1:{ports.free()}"
        self._program = program
        self._launcher = launcher

    def start(self) -> Process:
        """Start it and wait until it answers."""
        flags = [
            f"-dnsserver={self.address}",
            f"-management={self.management_url.removeprefix('http://')}",
            f"-defaultIPv4={self._host}",
            # No AAAA: not every machine has IPv6, and the CA would try it first.
            "-defaultIPv6=",
            "-http01=",
            "-https01=",
            "-tlsalpn01=",
            "-doh=",
        ]
        process = self._launcher.start("challtestsrv", [self._program, *flags])
        process.wait_until(self._is_ready)
        return process

    def set(self, command: str, **arguments: object) -> None:
        """Give a management command, as `set("set-txt", host="_acme-challenge.a.test.", value="…")`.

        The commands are challtestsrv's own: add-a, clear-a, set-txt, clear-txt, set-cname, add-caa, set-servfail,
        clear-servfail, set-default-ipv4, …; hosts end with a dot.
        """
        url = f"{self.management_url}/{command}"
        requests.post(url, json=arguments, timeout=_TIMEOUT).raise_for_status()

    def _is_ready(self) -> bool:
        with socket.create_connection((self._host, self.port), timeout=1):
            return requests.get(f"{self.management_url}/", timeout=1).status_code == HTTPStatus.NOT_FOUND
