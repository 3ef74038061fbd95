"""`certshim convert`: manifests for cert-manager before 1.0 and for Ingress before 1.19, as they are written today."""
