"""The benchmark: `make bench`, or `python -m tests.bench.run [--quick] [--count N] [--large] ...`.

Converts a generated drawing with dxfd, with ogr2ogr and reads it with ezdxf, in turns, each in a process of its own;
then looks into a conversion (stages, checkpoints, resuming) and at a daemon under load. Writes RESULTS.md.
Figures are medians; what counts is the ratios, which are of one run on one machine.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.measure import MB, Usage, measure, median, python
from tests.bench.results import write_results

QUICK, FULL, LARGE = 100_000, 1_000_000, 5_000_000
CURVES, BLOCKS = 100_000, 1_000


def _said(arguments: list[str]) -> list[str]:
    """Return the arguments that say what was measured: folders are this machine's."""
    out: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in {"--folder", "--output"}:
            next(rest, None)
        elif not argument.startswith(("--folder=", "--output=")):
            out.append(argument)
    return out


@dataclass
class Results:
    """Everything that was measured; what was left out says why."""

    command: str
    entities: int
    drawing_bytes: int = 0
    processes: dict[str, Usage] = field(default_factory=dict)
    runs: dict[str, list[Usage]] = field(default_factory=dict)
    large: dict[str, Usage] = field(default_factory=dict)
    large_runs: dict[str, list[Usage]] = field(default_factory=dict)
    large_entities: int = 0
    stages: dict[str, Any] = field(default_factory=dict)
    checkpoints: dict[str, float] = field(default_factory=dict)
    resume_s: list[float] = field(default_factory=list)
    curves: dict[str, Usage] = field(default_factory=dict)
    nested: Usage | None = None
    queue: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


class Bench:
    """One run of the benchmark in a folder."""

    def __init__(self, folder: Path, arguments: argparse.Namespace, count: int) -> None:
        self.folder = folder
        self.rounds: int = arguments.rounds
        self.ogr = shutil.which("ogr2ogr")
        said = " ".join(_said(sys.argv[1:]))
        self.results = Results(f"make bench ARGS='{said}'" if said else "make bench", count)
        if self.ogr is None:
            self.results.left_out.append("ogr2ogr: not installed (Debian: apt install gdal-bin)")

    def drawing(self, count: int) -> Path:
        """Return a drawing of so many entities; made once per folder."""
        path = self.folder / f"mixed-{count}.dxf"
        if not path.exists():
            say(f"writing a drawing of {count:,} entities")
            made = path.with_suffix(".part")
            subprocess.run([sys.executable, "-m", "tests.bench.generate", str(made), str(count)], check=True)
            made.rename(path)
        return path

    def compare(self, source: Path, rounds: int, *, with_ezdxf: bool, ogr_rounds: int = 99) -> dict[str, list[Usage]]:
        """Run the programs in turns and return each one's runs."""
        runs: dict[str, list[Usage]] = {}
        for number in range(rounds):
            self._one(runs, "dxfd convert", lambda: self._dxfd(source))
            if self.ogr is not None and number < ogr_rounds:
                self._one(runs, "ogr2ogr -f GPKG", lambda: self._ogr2ogr(source))
            if with_ezdxf and number == 0:  # it takes minutes and varies little
                self._one(runs, "ezdxf.readfile", lambda: self._ezdxf(source))
        return runs

    def _one(self, runs: dict[str, list[Usage]], name: str, run: Callable[[], Usage]) -> None:
        usage = run()
        runs.setdefault(name, []).append(usage)
        say(f"{name}: {usage.wall_s:.2f} s, CPU {usage.cpu_s:.2f} s, {usage.peak_rss_bytes / MB:.0f} MB")

    def _dxfd(self, source: Path, templates: Path | None = None) -> Usage:
        output = self._fresh("dxfd.db")
        argv = [sys.executable, "-m", "dxfd", "convert", str(source), str(output), "--quiet"]
        argv += ["--templates", str(templates)] if templates is not None else []
        return measure(argv, self.folder / "log")

    def _ogr2ogr(self, source: Path) -> Usage:
        return measure([str(self.ogr), "-f", "GPKG", str(self._fresh("ogr.gpkg")), str(source)], self.folder / "log")

    def _ezdxf(self, source: Path) -> Usage:
        code = "import sys, ezdxf; ezdxf.readfile(sys.argv[1])"
        return measure([sys.executable, "-c", code, str(source)], self.folder / "log")

    def _fresh(self, name: str) -> Path:
        output = self.folder / name
        for path in self.folder.glob(name + "*"):
            path.unlink()
        return output

    def other(self, kind: str, count: int) -> Path:
        """Return a drawing of curves or of nested blocks; made once per folder."""
        path = self.folder / f"{kind}-{count}.dxf"
        if not path.exists():
            say(f"writing the drawing {path.name}")
            made = path.with_suffix(".part")
            subprocess.run([sys.executable, "-m", "tests.bench.curves", kind, str(made), str(count)], check=True)
            made.rename(path)
        return path

    def curves(self) -> None:
        """Curves against ezdxf's own flattening loop, and the memory that nested blocks take."""
        templates = self.folder / "curves.toml"
        subprocess.run([sys.executable, "-m", "tests.bench.curves", "rules", str(templates)], check=True)
        drawing = self.other("curves", CURVES)
        runs: dict[str, list[Usage]] = {}
        for _ in range(self.rounds):
            self._one(runs, "dxfd convert", lambda: self._dxfd(drawing, templates))
        loop = [sys.executable, "-m", "tests.bench.curves", "flatten", str(drawing)]
        self._one(runs, "ezdxf, flattening", lambda: measure(loop, self.folder / "log"))
        self.results.curves = {name: median(found) for name, found in runs.items()}
        blocks = self.other("nested", BLOCKS)
        nested: dict[str, list[Usage]] = {}
        self._one(nested, "dxfd convert, nested blocks", lambda: self._dxfd(blocks, templates))
        self.results.nested = next(iter(nested.values()))[0]

    def look_inside(self, source: Path) -> None:
        """Stages, the price of checkpoints, resuming."""
        self.results.stages = python("tests.bench.probe", source, self._fresh("probe.db"), "stages")
        taken: dict[str, list[float]] = {"plain": [], "one-transaction": []}
        for _ in range(self.rounds):
            for mode, seconds in taken.items():
                seconds.append(python("tests.bench.probe", source, self._fresh("probe.db"), mode)["total_s"])
        self.results.checkpoints = {mode: min(seconds) for mode, seconds in taken.items()}
        say(f"with and without checkpoints: {taken}")
        for _ in range(self.rounds):
            output = self._fresh("probe.db")
            python("tests.bench.probe", source, output, "half")
            found = python("tests.bench.probe", source, output, "resume", time.monotonic())
            self.results.resume_s.append(found["seconds"])
        self._fresh("probe.db")


def say(line: str) -> None:
    """Tell a person who waits."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace, folder: Path) -> Results:
    """Measure everything that was asked for."""
    count: int = arguments.count or (QUICK if arguments.quick else FULL)
    bench = Bench(folder, arguments, count)
    results = bench.results
    source = bench.drawing(count)
    results.drawing_bytes = source.stat().st_size
    results.runs = bench.compare(source, arguments.rounds, with_ezdxf=not arguments.no_ezdxf)
    results.processes = {name: median(runs) for name, runs in results.runs.items()}
    bench.look_inside(source)
    if arguments.large:
        results.large_entities = LARGE
        large = bench.drawing(LARGE)
        results.large_runs = bench.compare(large, arguments.rounds, with_ezdxf=False, ogr_rounds=1)
        results.large = {name: median(runs) for name, runs in results.large_runs.items()}
    if arguments.curves:
        bench.curves()
    if arguments.no_queue:
        results.left_out.append("the daemon under load: --no-queue")
    else:
        jobs = arguments.jobs or (20_000 if arguments.quick else 100_000)
        say(f"a queue of {jobs:,} jobs")
        results.queue = python("tests.bench.queue", jobs, source)
    return results


def main() -> int:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 entities instead of a million, 20,000 jobs")
    parser.add_argument("--count", type=int, default=0, help="entities of the drawing")
    parser.add_argument("--large", action="store_true", help="a drawing of 5,000,000 too")
    parser.add_argument("--curves", action="store_true", help="100,000 splines, hatches and texts; nested blocks")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each program (default 3)")
    parser.add_argument("--jobs", type=int, default=0, help="jobs in the queue (default 100,000)")
    parser.add_argument("--no-ezdxf", action="store_true", help="leave ezdxf out: it takes minutes")
    parser.add_argument("--no-queue", action="store_true", help="leave the daemon out")
    parser.add_argument("--folder", type=Path, help="keep drawings here and use them again")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dxfd-bench-") as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        text = write_results(run(arguments, folder))
    arguments.output.write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
