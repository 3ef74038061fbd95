"""From a developer's Ingress to the Secret: all objects of one certificate, read once, for people to look at."""
