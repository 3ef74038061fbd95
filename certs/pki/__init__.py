"""Keys, requests, certificates, chains: bytes in, bytes out."""
