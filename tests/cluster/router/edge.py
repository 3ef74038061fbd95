"""The configuration of the Caddy at the edge, which is loaded once and stays.

When Caddy loads a configuration, its old server closes connections that it has accepted and whose request it has not
read yet (measured: 31 of 6554 requests lost in 200 loads; through the edge none), and a lost HTTP-01 validation is a
failed order.  So the Caddy that listens to the outside is never reloaded.  It passes everything on to
the one that routes, and asks it again when a connection breaks; certificates it gets at each handshake from the router
(`certificate_server.py`), so a new one is served without a reload too.
"""

from __future__ import annotations

from tests.cluster.router.config import JSON


def edge_config(
    *,
    admin: str,
    ports: tuple[int, int],
    inner_ports: tuple[int, int],
    certificates_url: str,
    host: str = "127.0.0.1",
    more_hosts: tuple[str, ...] = (),
) -> JSON:
    """Return the JSON configuration; both pairs of ports are plain HTTP and HTTPS.

    Plain HTTP is also served on IPv6, where the machine has it: a CA that validates an address asks there.
    """
    https = {**_server(ports[1], inner_ports[1], host), "protocols": ["h1", "h2"], "tls_connection_policies": [{}]}
    return {
        "admin": {"listen": admin, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": {
            "http": {"servers": {"http": _server(ports[0], inner_ports[0], host, *more_hosts), "https": https}},
            "tls": {"automation": {"policies": [{"get_certificate": [{"via": "http", "url": certificates_url}]}]}},
        },
    }


def _server(port: int, inner_port: int, *hosts: str) -> JSON:
    proxy: JSON = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"127.0.0.1:{inner_port}"}],
        # A broken connection is tried again for GET requests, a refused one for all.
        "load_balancing": {"try_duration": "3s", "try_interval": "5ms"},
        # The inner Caddy closes idle connections at each load: a new one costs 0.1 ms on loopback.
        "transport": {"protocol": "http", "keep_alive": {"enabled": False}},
    }
    return {
        "listen": [f"{host}:{port}" for host in hosts],
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "routes": [{"handle": [proxy]}],
    }
