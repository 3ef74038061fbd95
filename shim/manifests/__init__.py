"""Manifests as files: finding them, decoding them, splitting them into documents; what `check` and `convert` share."""
