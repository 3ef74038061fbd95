"""A picture of the Grafana dashboard for the docs: `python -m tests.dashboard`.

    manifests/monitoring/dashboard.json ──panels──┐
    the product at work ──scraped by Prometheus───┴─> drawing (HTML and SVG) ──Chromium──> docs/pictures/dashboard.png

Grafana is not used: no package that the tests could fetch has it ready to run.  What the JSON says of places, titles,
units, thresholds, legends and queries is drawn as it stands there; fonts and shades are the drawing's own.
"""
