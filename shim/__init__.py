"""The companion controller: turns accepted Ingresses into Certificates and Certificates into Secrets."""

VERSION = "0.1.0"
