"""The files of the old quick-start, word for word in their form; only the CAs are the kit's."""

from __future__ import annotations

import base64
from typing import Final

from tests.cluster import Pebble

HOST: Final = "example.example.com"
OTHER_HOST: Final = "lego.example.com"
NAMESPACE: Final = "default"

_ISSUER: Final = """\
apiVersion: certmanager.k8s.io/v1alpha1
kind: Issuer
metadata:
  name: {name}
spec:
  acme:
    # The ACME server URL
    server: {server}
    # Email address used for ACME registration
    email: user@example.com
    # Name of a secret used to store the ACME account private key
    privateKeySecretRef:
      name: {name}
    # Enable the HTTP-01 challenge provider
    solvers:
    - http01:
        ingress:
          class: nginx
    caBundle: {bundle}
"""

INGRESS: Final = f"""\
apiVersion: extensions/v1beta1
kind: Ingress
metadata:
  name: kuard
  annotations:
    kubernetes.io/ingress.class: "nginx"
    certmanager.k8s.io/issuer: "letsencrypt-staging" # production later
spec:
  tls:
  - hosts:
    - {HOST}
    secretName: quickstart-example-tls
  rules:
  - host: {HOST}
    http:
      paths:
      - path: /
        backend:
          serviceName: kuard
          servicePort: 80
"""

LEGO: Final = f"""\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: lego
  annotations:
    kubernetes.io/ingress.class: "nginx"
    kubernetes.io/tls-acme: "true"
spec:
  tls:
  - hosts:
    - {OTHER_HOST}
    secretName: lego-tls
  defaultBackend:
    service:
      name: kuard
      port:
        number: 80
"""


def issuer(name: str, ca: Pebble) -> str:
    """Return the Issuer of the tutorial for a CA."""
    bundle = base64.b64encode(ca.root_file.read_bytes()).decode()
    return _ISSUER.format(name=name, server=ca.directory_url, bundle=bundle)
