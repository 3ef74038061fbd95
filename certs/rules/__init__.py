"""Admission rules, one module per kind: (object, old, facts) -> Problems."""
