"""Tests that this machine cannot run: passed over where a person works, failures where nobody would notice.

A skip is green.  On a machine without BIND all of DNS-01 would be untested for months, and every run would say so in a
line that nobody reads.  So with `CI` in the environment, as most services have it and `.ci/run` sets it, what
is lacking is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NoReturn

import pytest


def must_run(environment: Mapping[str, str] = os.environ) -> bool:
    """May nothing be passed over?  `CI` being set says so, unless to nothing, `0` or `false`."""
    return environment.get("CI", "").lower() not in {"", "0", "false"}


def pass_over(reason: str, environment: Mapping[str, str] = os.environ) -> NoReturn:
    """Skip the test that asks, or fail it where nothing may be passed over; `reason` says what is lacking."""
    if must_run(environment):
        pytest.fail(f"{reason} (CI is set, and so this may not be passed over)", pytrace=False)
    pytest.skip(reason)
