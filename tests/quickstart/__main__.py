"""`python -m tests.quickstart`: walk, and write docs/quick-start.md."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from tests.product import on_its_own
from tests.quickstart.walk import walked

PAGE: Final = Path(__file__).parents[2] / "docs" / "quick-start.md"


def main() -> None:
    """Write the page of a run on a control plane of its own."""
    with on_its_own() as (cluster, product), tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(walked(cluster, product, Path(folder)))


if __name__ == "__main__":
    main()
