"""`certshim convert`: manifests of cert-manager 0.9 to 0.16 and of Ingress before Kubernetes 1.19, as they are today."""
