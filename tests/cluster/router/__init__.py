"""The kit's ingress controller: what a real one does, in the parts that certificates depend on.

It stands in for ingress-nginx and knows nothing of the product under test: it sees only Ingress, IngressClass,
Service, EndpointSlice, Secret and HTTPRoute, as a user of its own.  `config.py` turns those into a configuration of
Caddy, purely; `watch.py` keeps them current; `__main__.py` loads the configuration whenever it really changed.

    objects ──watch──> World ──caddy_config──> JSON ──POST /load──> Caddy that routes
                         └───certificates_by_host──> at each handshake ──> Caddy at the edge (see `edge.py`)

It writes no status, and proxies plain HTTP only.
"""

CONTROLLER_NAME = "certshim.dev/kit-router"
GATEWAY = "kit"  # HTTPRoutes that name it as their parent are served; there need not be an object of that name
