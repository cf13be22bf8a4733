"""The figures of a benchmark as a page of Markdown: machine, date, command, tables."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.measure import MB, Usage

if TYPE_CHECKING:
    from tests.bench.run import Results

PACKAGES = ("dxfd", "numpy", "pyarrow", "adbc-driver-sqlite", "ezdxf")


def write_results(results: Results) -> str:
    """Return the page."""
    parts = (_head, _processes, _inside, _curves, _queue, _left_out)
    return "\n".join(line for part in parts for line in part(results))


def _head(results: Results) -> Iterator[str]:
    yield "# Benchmark"
    yield ""
    yield f"`{results.command.strip()}`, {time.strftime('%Y-%m-%d')}"
    yield ""
    machine = f"{_cpu()}, {os.cpu_count()} cores, {_memory() / MB / 1024:.0f} GB"
    yield f"{machine}, {platform.system()} {platform.release()}; load of the last 15 minutes {os.getloadavg()[2]:.1f}  "
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    yield f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}"


def _processes(results: Results) -> Iterator[str]:
    size = f"{results.entities:,} mixed entities, {results.drawing_bytes / MB:.0f} MB"
    yield from ("", f"## Whole processes: {size}", "")
    yield "| program | wall s | runs | CPU s | peak RSS MB | dxfd is faster by |"
    yield "|---|---:|---|---:|---:|---:|"
    ours = results.processes["dxfd convert"]
    for name, usage in results.processes.items():
        runs = ", ".join(f"{run.wall_s:.2f}" for run in results.runs[name])
        yield f"| {name} | {usage.wall_s:.2f} | {runs} | {_cpu_and_memory(usage)} | {_ratio(ours, usage)} |"
    if results.large:
        yield from ("", f"## {results.large_entities:,} entities", "")
        yield "| program | wall s | runs | CPU s | peak RSS MB | dxfd is faster by |"
        yield "|---|---:|---|---:|---:|---:|"
        large = results.large["dxfd convert"]
        for name, usage in results.large.items():
            runs = ", ".join(f"{run.wall_s:.2f}" for run in results.large_runs[name])
            yield f"| {name} | {usage.wall_s:.2f} | {runs} | {_cpu_and_memory(usage)} | {_ratio(large, usage)} |"
        longer = large.wall_s / ours.wall_s
        growth = large.peak_rss_bytes / ours.peak_rss_bytes
        yield from ("", f"Against {results.entities:,} entities: time × {longer:.2f}, peak memory × {growth:.2f}")


def _cpu_and_memory(usage: Usage) -> str:
    return f"{usage.cpu_s:.2f} | {usage.peak_rss_bytes / MB:.0f}"


def _ratio(ours: Usage, other: Usage) -> str:
    return "" if other is ours else f"{other.wall_s / ours.wall_s:.1f} ×"


def _share(found: dict[str, Any], *stages: str) -> str:
    return f"{100 * sum(found['cpu'].get(stage, 0.0) for stage in stages) / found['total_cpu_s']:.0f} %"


def _inside(results: Results) -> Iterator[str]:
    found = results.stages
    yield from ("", "## Inside a conversion", "")
    size = f"{found['elements']:,} elements in {found['batches']} batches, a database of {found['bytes'] / MB:.0f} MB"
    cpu = found["cpu"]
    yield f"{found['total_s']:.2f} s in all, {found['total_cpu_s']:.2f} s of processor time, {size}."
    whole = _share(found, "match", "build", *(stage for stage in cpu if stage.startswith("build: ")))
    yield f"Matching and building take {_share(found, 'match', 'build')} of it; with rows and accounts {whole}."
    yield "Seconds of each stage outside its inner ones; reading, building and writing overlap."
    yield from ("", "| stage | s | of the thread's processor time |", "|---|---:|---:|")
    for stage, seconds in sorted(found["stages"].items(), key=lambda item: -item[1]):
        if seconds >= found["total_s"] / 1000:
            yield f"| {stage} | {seconds:.2f} | {cpu[stage]:.2f} |"
    if found["absent"]:
        yield from ("", f"No clock could be put around: {', '.join(found['absent'])}.")
    plain, single = results.checkpoints["plain"], results.checkpoints["one-transaction"]
    yield from ("", "| | |", "|---|---:|")
    yield f"| with checkpoints, against all batches in one transaction | {plain:.2f} s, {single:.2f} s |"
    yield f"| price of checkpoints | {100 * (plain / single - 1):+.1f} % |"
    resumed = ", ".join(f"{seconds:.2f}" for seconds in results.resume_s)
    yield f"| resume at half, process start to next commit | {resumed} s |"


def _curves(results: Results) -> Iterator[str]:
    if not results.curves:
        return
    yield from ("", "## 100,000 splines, hatches and texts", "")
    yield "| program | wall s | CPU s | peak RSS MB | dxfd is faster by |"
    yield "|---|---:|---:|---:|---:|"
    ours = results.curves["dxfd convert"]
    for name, usage in results.curves.items():
        yield f"| {name} | {usage.wall_s:.2f} | {_cpu_and_memory(usage)} | {_ratio(ours, usage)} |"
    if results.nested is not None:
        said = f"{results.nested.wall_s:.2f} s, {results.nested.peak_rss_bytes / MB:.0f} MB at the peak"
        yield from ("", f"1,000 blocks, nested up to 20 deep, with 1,000 references each: {said}.")


def _queue(results: Results) -> Iterator[str]:
    if not results.queue:
        return
    store, socket = results.queue["store"], results.queue["socket"]
    fresh, converting = results.queue["fresh"], results.queue["converting"]
    yield from ("", f"## Daemon, {store['jobs']:,} jobs in the queue", "")
    small, recovery = results.queue["small"], results.queue["recovery"]
    yield from (f"| ms | p50 | p99 | most | p99 at {small['jobs']:,} jobs |", "|---|---:|---:|---:|---:|")
    names = ("submit", "claim", "finish", "page", "page_of_a_state", "runnable", "due", "counts", "history", "stats")
    for name in names:
        words = name.replace("_", " ")
        yield f"{_spread(f'store: {words}', store[name])} {small[name]['p99_ms']:.2f} |"
    for name in ("ping", "submit", "status"):
        yield _spread(f"socket: {name}", socket[name]) + " |"
    yield _spread(f"socket: ping while all cores convert ({converting['pings']} pings)", converting) + " |"
    yield from ("", "| | empty queue | full queue |", "|---|---:|---:|")
    yield f"| start to first answer, s | {fresh['start_s']:.2f} | {socket['start_s']:.2f} |"
    yield f"| idle RSS, MB | {fresh['rss_bytes'] / MB:.0f} | {socket['rss_bytes'] / MB:.0f} |"
    yield f"| idle CPU, % | {max(0.0, fresh['cpu_percent']):.1f} | {max(0.0, socket['cpu_percent']):.1f} |"
    yield from ("", f"Recovery of {recovery['running']} running among {recovery['jobs']:,} queued jobs:")
    yield f"first answer after {recovery['start_s']:.2f} s, all put back after {recovery['recovered_s']:.2f} s."
    megabytes = store["backup_bytes"] / MB
    yield from ("", f"A copy of the queue, read as a whole: {store['backup_s']:.2f} s for {megabytes:.0f} MB.")
    yield from ("", f"Filled at {store['fill_per_s']:,.0f} jobs a second (without fsync).")


def _spread(name: str, found: dict[str, Any]) -> str:
    return f"| {name} | {found['p50_ms']:.2f} | {found['p99_ms']:.2f} | {found['max_ms']:.2f} |"


def _left_out(results: Results) -> Iterator[str]:
    if results.left_out:
        yield from ("", "## Left out", "")
        yield from (f"* {line}" for line in results.left_out)
    yield ""


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
