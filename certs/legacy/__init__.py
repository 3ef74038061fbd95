"""The kinds and words of cert-manager before v0.11, and what becomes of them today."""
