"""The demo as people start it, on a control plane of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(110)
def test_demo_comes_to_its_end() -> None:
    """Without a terminal it shows every scene, uses no colours, and ends with exit code 0."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.demo", "--once"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    assert "did you mean cert-manager.io/issuer?" in result.stdout
    assert "ready: the certificate is in use" in result.stdout
    assert '200 "Hello from the shop' in result.stdout
    assert "The nameservers of its zone fail. Mend the zone" in result.stdout
    assert "\x1b" not in result.stdout
