"""ACME (RFC 8555): the only package that imports `acme` and `josepy`; one call is one HTTP exchange."""
