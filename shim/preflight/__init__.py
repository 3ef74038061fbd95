"""Finds out about names what a CA would find out: asks the DNS, and for the responder, in the background.

What it comes to is decided in `certs.decide.findings`, `preflight` and `repair`.
"""
