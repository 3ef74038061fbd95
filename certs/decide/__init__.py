"""The next step for each kind, as pure functions."""
