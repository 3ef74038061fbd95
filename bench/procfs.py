"""What `/proc` says of a process: CPU used, peak memory, and its share of the memory that processes have in common.

`VmHWM` is the peak of all pages in memory, shared ones included, so adding it up over a forking server's processes
counts those twice.  `Pss` (of now: there is no peak of it) divides each shared page by the number of its users.
"""

from __future__ import annotations

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process has used, user and system, in seconds."""
    return parse_cpu(Path(f"/proc/{pid}/stat").read_text()) / TICK


def peak_mb(pid: int) -> float:
    """Return the peak of its resident memory in MB (10⁶ bytes)."""
    return field_mb(Path(f"/proc/{pid}/status").read_text(), "VmHWM")


def pss_mb(pid: int) -> float:
    """Return its proportional share of memory now, in MB."""
    return field_mb(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss")


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def parse_cpu(stat: str) -> int:
    """Return user and system time, in ticks, from the text of `/proc/PID/stat`.

    The second field is the program's name, and may hold spaces and parentheses.

    >>> parse_cpu("7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 31 11 0 0 20 0 1 0 5 6 7")
    42
    """
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def field_mb(text: str, name: str) -> float:
    r"""Return a field of `status` or `smaps_rollup`, which count in KiB, in MB.

    >>> field_mb("Rss:  1 kB\nPss:  2000 kB\nPss_Dirty:  9 kB\n", "Pss")
    2.048
    """
    line = next(line for line in text.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / 1e6
