"""Where a kit's parts are reached: on loopback by default, or at an address that others reach, too (tests/node)."""

from __future__ import annotations

from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Site:
    """An address, and the ports that must be the usual ones there; 0 stands for any free port."""

    host: str = LOOPBACK  # of the API server, the CA, the name server and the proxy
    dns_port: int = 0
    http_port: int = 0
    https_port: int = 0
    api_port: int = 0
    ca_host: str = ""  # of the CA alone, where its port is one that the proxy has at `host`
    ca_port: int = 0
    nodes: bool = False  # are there any? Then all controllers run, and the API server publishes its address

    @property
    def is_loopback(self) -> bool:
        """Is it reached from this network namespace alone?"""
        return self.host == LOOPBACK


HERE = Site()
