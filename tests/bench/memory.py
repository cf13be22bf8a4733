"""Jobs of mixed sizes under one memory budget, watched: `python -m tests.bench.memory [--jobs 50] [--budget 1G]`.

Samples the memory of daemon and workers (PSS: pages that processes share are counted once), prints the figures as JSON
and draws the curve, with the steps of the workers' ladder marked, to tests/bench/memory.svg.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from dxfd.config.units import parse_bytes
from dxfd.contract.messages import JobOptions
from dxfd.contract.states import FINAL
from dxfd.contract.times import seconds_of
from tests.bench.generate import write
from tests.crash.processes import children_of
from tests.support.daemon import Daemon, daemon

MB = 1 << 20
SIZES = (200, 2_000, 8_000, 30_000, 100_000)
LOOK_EVERY_S = 0.1
_LONGEST_S = 3600.0
OUT = Path(__file__).with_name("memory.svg")
NAMESPACE = "http://www.w3.org/2000/svg"
COLORS = {"shrink": "#c9a000", "trim": "#d2691e", "leave": "#b00020", "none": "#4a7d4a"}


def pss_bytes(pid: int) -> int:
    """Return the proportional set of a process; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


class Watch(threading.Thread):
    """Samples (seconds since the epoch, workers' PSS, how many workers, the daemon's PSS)."""

    def __init__(self, pid: int) -> None:
        super().__init__(name="watch")
        self.samples: list[tuple[float, int, int, int]] = []
        self._pid = pid
        self._end = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._end.wait(LOOK_EVERY_S):
            workers = [pss_bytes(who.pid) for who in children_of(self._pid)]
            self.samples.append((time.time(), sum(workers), len(workers), pss_bytes(self._pid)))

    def stop(self) -> None:
        """Look no more."""
        self._end.set()
        self.join()


def run(folder: Path, jobs: int, budget: int, limit: int, floor: int, workers: int, seed: int) -> dict[str, Any]:
    """Convert the jobs and return the figures; draws the curve."""
    rng = random.Random(seed)
    drawings = [write(folder / f"{size}.dxf", size) for size in SIZES]
    settings: dict[str, str | int] = {
        "memory_budget": str(budget), "memory_limit": str(limit), "memory_floor": str(floor), "max_workers": workers,
        "fsync": "normal", "tick_s": "100ms",
    }  # fmt: skip
    with daemon(start=True, **settings) as dxfd:
        watch = Watch(dxfd.pid)
        watch.start()
        began = time.time()
        picked = [rng.choice(drawings) for _ in range(jobs)]
        for number, source in enumerate(picked):
            dxfd.submit(source, dxfd.folder / f"{number}.db", options=JobOptions(max_errors=1_000_000))
        until = time.monotonic() + _LONGEST_S
        while any(job.state not in FINAL for job in dxfd.status(limit=500).jobs):
            assert time.monotonic() < until, "the jobs do not end"
            time.sleep(0.5)  # not oftener: each look is work for the daemon that is measured
        watch.stop()
        states = Counter(job.state.value for job in dxfd.status(limit=500).jobs)
        steps = _steps(dxfd)
        causes = Counter(line["cause"] for line in dxfd.log_lines("attempt_ended"))
        granted = [line["limit_bytes"] // MB for line in dxfd.log_lines("attempt_started")]
    peak = max(sample[1] for sample in watch.samples)
    OUT.write_text(draw(watch.samples, steps, budget, began))
    return {
        "jobs": jobs, "states": dict(states), "attempts": dict(causes), "seconds": round(time.time() - began, 1),
        "budget_mb": budget // MB, "peak_pss_of_workers_mb": peak // MB, "of_budget": round(peak / budget, 3),
        "peak_with_daemon_mb": max(s[1] + s[3] for s in watch.samples) // MB,
        "most_workers": max(s[2] for s in watch.samples), "grants_mb": sorted(set(granted)),
        "ladder": dict(Counter(step for _, step in steps)),
    }  # fmt: skip


def _steps(dxfd: Daemon) -> list[tuple[float, str]]:
    return [(seconds_of(line["ts"]), line["step"]) for line in dxfd.log_lines("worker_memory_step")]


def draw(samples: list[tuple[float, int, int, int]], steps: list[tuple[float, str]], budget: int, began: float) -> str:
    """Return an SVG: workers' memory over time, the budget, and the ladder's steps."""
    width, height, left, top = 960, 360, 60, 30
    end = max(samples[-1][0] - began, 1.0)
    most = max(budget * 1.1, *(s[1] * 1.1 for s in samples))

    def x(at: float) -> str:
        return f"{left + (at - began) / end * (width - left - 20):.1f}"

    def y(value: float) -> str:
        return f"{height - 40 - value / most * (height - 40 - top):.1f}"

    curve = " ".join(f"{x(at)},{y(used)}" for at, used, _, _ in samples)
    parts = [
        f'<svg xmlns="{NAMESPACE}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{left}" y="18">Memory of all workers (PSS, MB) under a budget of {budget // MB} MB</text>',
        f'<path d="M{left},{y(budget)} H{width - 20}" stroke="#b00020" stroke-dasharray="6 4"/>',
        f'<polyline points="{curve}" fill="none" stroke="#1f5a96" stroke-width="1.5"/>',
    ]
    for value in range(0, int(most), 256 * MB):
        parts.append(f'<text x="{left - 8}" y="{y(value)}" text-anchor="end">{value // MB}</text>')
        parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y(value)}" y2="{y(value)}" stroke="#e4e4e4"/>')
    for at, step in steps:
        near = min(samples, key=lambda sample, at=at: abs(sample[0] - at))  # type: ignore[misc]
        parts.append(
            f'<circle cx="{x(at)}" cy="{y(near[1])}" r="3.5" fill="{COLORS[step]}"><title>{step}</title></circle>'
        )
    for number, (step, color) in enumerate(COLORS.items()):
        place = left + 420 + 110 * number
        name = "relaxed" if step == "none" else step
        parts.append(f'<circle cx="{place}" cy="14" r="4" fill="{color}"/><text x="{place + 8}" y="18">{name}</text>')
    parts += [
        f'<text x="{x(began + second)}" y="{height - 20}" text-anchor="middle">{second} s</text>'
        for second in range(0, int(end) + 1, max(1, int(end) // 8))
    ]
    return "\n".join([*parts, "</svg>", ""])


def main() -> int:
    """Run and print the figures; 1 if the budget was passed by more than 5 % or a job did not succeed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--budget", type=parse_bytes, default="1G")
    parser.add_argument("--limit", type=parse_bytes, default="512M")
    parser.add_argument("--floor", type=parse_bytes, default="192M")
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dxfd-memory-") as name:
        found = run(Path(name), given.jobs, given.budget, given.limit, given.floor, given.workers, given.seed)
    print(json.dumps(found, indent=2))
    return int(found["of_budget"] > 1.05 or found["states"] != {"succeeded": given.jobs})


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    sys.exit(main())
