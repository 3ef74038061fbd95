"""The settings file: which rules deny, warn or are off; the webhook reads the same one."""

from __future__ import annotations

from pathlib import Path

import yaml


def read_settings(path: str) -> object:
    """Return the tree of the file; raises ValueError with a sentence when it cannot be read."""
    try:
        return yaml.safe_load(Path(path).read_bytes())
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"is no YAML: {' '.join(str(error).split())}") from error
