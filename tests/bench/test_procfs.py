"""Reading /proc."""

from __future__ import annotations

import os

from bench import procfs

STATUS = "Name:\tcertshim\nVmPeak:\t  900000 kB\nVmHWM:\t  100000 kB\nVmRSS:\t   90000 kB\n"


def test_a_program_s_name_may_hold_anything() -> None:
    """Fields are counted from the last parenthesis."""
    assert procfs.parse_cpu("12 (a ) S (b) R 1 2 3 0 -1 0 1 2 3 4 250 50 0 0 20 0 1 0 99\n") == 300


def test_sizes_are_told_in_millions_of_bytes() -> None:
    assert procfs.field_mb(STATUS, "VmHWM") == 102.4


def test_this_process_has_used_time_and_memory() -> None:
    assert procfs.cpu_seconds(os.getpid()) > 0
    assert 0 < procfs.pss_mb(os.getpid()) <= procfs.peak_mb(os.getpid())
    assert procfs.family(os.getpid())[0] == os.getpid()
