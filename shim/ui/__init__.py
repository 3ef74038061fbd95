"""A read-only page about all certificates of a cluster: `certshim ui`."""
