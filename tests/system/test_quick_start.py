"""The old quick-start, walked on the real control plane with two CAs; and the page tells what was seen."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.cluster import Cluster
from tests.product import Product
from tests.quickstart.transcript import differing
from tests.quickstart.walk import walked

pytestmark = pytest.mark.system

PAGE: Final = Path(__file__).parents[2] / "docs" / "quick-start.md"


def test_the_walk_and_its_page(cluster: Cluster, product: Product, tmp_path: Path) -> None:
    """Every step of the tutorial works as it was written, and docs/quick-start.md is the record of such a run.

    When a change is meant: `make quickstart`, and look at the difference.
    """
    page = walked(cluster, product, tmp_path)

    print(page)  # noqa: T201  the transcript
    assert differing(PAGE.read_text(), page) == []
