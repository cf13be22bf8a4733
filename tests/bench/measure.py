"""What a whole process costs: wall clock, CPU, peak resident memory. Imports nothing large.

The kernel counts the memory of the process that starts another one into that one's peak (it is taken over at exec), so
who calls measure() must be small itself.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MB = 1024**2


@dataclass(frozen=True)
class Usage:
    """One process from start to end."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int


def measure(argv: list[str], log: Path) -> Usage:
    """Run a command to its end; raises with its last words when it fails.

    What others have written goes to the disk before: gigabytes of the run before are not waited for within this one.
    """
    os.sync()
    began = time.monotonic()
    with log.open("wb") as out:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{argv} ended with {child.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
    return Usage(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def python(module: str, *arguments: object) -> Any:
    """Run one of our modules in a process of its own and return the JSON document it prints."""
    argv = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def median(values: list[Usage]) -> Usage:
    """Return the medians of several runs, each figure by itself."""
    return Usage(
        statistics.median(v.wall_s for v in values),
        statistics.median(v.cpu_s for v in values),
        int(statistics.median(v.peak_rss_bytes for v in values)),
    )


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
