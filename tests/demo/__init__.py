"""The demo: an annotated Ingress becomes a served certificate, before the eyes of a newcomer.

    python -m tests.demo            on a control plane of its own, until Ctrl-C
    python -m tests.demo --once     the same, and ends by itself: exit code 0 or 1
    python -m tests.demo --cluster  on the cluster of KUBECONFIG

Everything in it is real but DNS and the router's control loop (`tests/cluster`); the product runs as it would be
installed (`tests/product.py`).  `story.py` has the scenes in their order, and reads as what is shown.
"""
