"""Metrics for Prometheus, by cert-manager's names where it has them, `certshim_` for ours.

Nothing is counted twice: a gauge about an object is computed from it at the scrape.  Only what leaves no trace is
counted as it happens: exchanges with CAs and the API server, turns, and how long certificates took.  No label
takes values without bound from outside, apart from the names of objects: of those there is a series for each object.
"""

from shim.metrics.registry import CONTENT_TYPE, Metrics

__all__ = ["CONTENT_TYPE", "Metrics"]
