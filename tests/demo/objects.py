"""What the demo applies, as files that people can apply again, change, and copy."""

from __future__ import annotations

from typing import Any, Final

from certs.hosts import is_ip_address

NAMESPACE: Final = "certshim-demo"
NAME: Final = "shop"
HOST: Final = "shop.example.test"
LATE: Final = "late"
LATE_HOST: Final = "late.example.test"
ISSUER: Final = "pebble"

_INGRESS: Final = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: {namespace}
  annotations:
    {annotation}: pebble
spec:
  ingressClassName: {ingress_class}
  rules:
    - host: {host}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: shop
                port:
                  number: 80
"""


def ingress(
    ingress_class: str, *, name: str = NAME, annotation: str = "cert-manager.io/issuer", host: str = HOST
) -> str:
    """Return the Ingress as YAML: one annotation and the rules, no `spec.tls`."""
    return _INGRESS.format(
        name=name,
        namespace=NAMESPACE,
        ingress_class=ingress_class,
        annotation=annotation,
        host=f'"{host}"' if "*" in host else host,
    )


def backend(host: str, port: int) -> list[dict[str, Any]]:
    """Return what leads Service `shop` to a program outside of the cluster.

    A name makes an ExternalName Service; an address a Service without selector, and its EndpointSlice.
    """
    metadata = {"name": NAME, "namespace": NAMESPACE}
    ports = [{"name": "http", "port": 80, "targetPort": port}]
    service: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}}
    if not is_ip_address(host):
        service["spec"] |= {"type": "ExternalName", "externalName": host}
        return [service]
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata | {"labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv6" if ":" in host else "IPv4",
        "endpoints": [{"addresses": [host]}],
        "ports": [{"name": "http", "port": port}],
    }
    return [service, endpoints]
