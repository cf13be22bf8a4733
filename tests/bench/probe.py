"""One conversion in a process of its own, watched from inside: `python -m tests.bench.probe IN.dxf OUT.db MODE`.

plain: as it is. stages: with two clocks in each stage, of time and of the thread's processor time (outside its inner
stages; the threads overlap, and on a machine with other work only processor time means something).
one-transaction: all batches in one transaction, no checkpoints. half: leaves at half of the entities. resume SPAWNED:
goes on until the next batch is committed, SPAWNED being the monotonic time at which the process was started.
Prints one JSON document. The product has no part in this: the clocks are put around its functions here.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dxfd.convert import pipeline
from dxfd.convert.types import Advanced, Committed, ConvertOptions, Event, Left, Report
from dxfd.convert.write.writer import Batch, Writer

STAGES = (
    ("skim", "dxfd.convert.pipeline", "skim"),
    ("rules", "dxfd.convert.pipeline", "load_rules"),
    ("read", "dxfd.convert.read.stream", "Stream._chunk"),
    ("read: slices", "dxfd.convert.read.stream", "_slices"),
    ("read: heads", "dxfd.convert.pipeline", "heads"),
    ("match", "dxfd.convert.choose", "Chooser.choose"),
    ("build", "dxfd.convert.build.model", "Builder.build"),
    ("build: account", "dxfd.convert.pipeline", "settle"),
    ("build: rows", "dxfd.convert.pipeline", "_Run._record"),
    ("build: properties", "dxfd.convert.pipeline", "properties"),
    ("index: packing the R-tree (a thread beside the other indexes)", "dxfd.convert.write.finish", "pack"),
    ("wait for the writer", "dxfd.convert.write.writer", "Writer.put"),
    ("write", "dxfd.convert.write.writer", "Writer._commit"),
    ("write: last batch", "dxfd.convert.write.writer", "Writer.drain"),
    ("seal", "dxfd.convert.pipeline", "seal"),
    ("publish", "dxfd.convert.pipeline", "publish"),
)


class Clock:
    """Exclusive time by stage, and the thread's processor time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)
        self.absent: list[str] = []
        self._local = threading.local()
        self._step = ("", 0.0, 0.0)

    def install(self) -> None:
        """Put a clock around every stage that there is."""
        for stage, module, path in STAGES:
            owner: Any = importlib.import_module(module)
            *outer, name = path.split(".")
            for part in outer:
                owner = getattr(owner, part, None)
            if not hasattr(owner, name):
                self.absent.append(stage)
                continue
            setattr(owner, name, self._around(stage, getattr(owner, name)))
        conversion: Any = pipeline
        finish = conversion.finish

        def steps(*arguments: Any, **named: Any) -> Any:
            def noted(step: Callable[[str], None]) -> Callable[[str], None]:
                def told(name: str) -> None:
                    self._next_step(name)
                    step(name)

                return told

            try:  # its callback, wherever it stands among the arguments, is told each step's name
                return finish(*(noted(a) if callable(a) else a for a in arguments), **named)
            finally:
                self._next_step("")

        conversion.finish = steps

    def _next_step(self, name: str) -> None:
        now, spent = time.monotonic(), time.thread_time()
        before, since, spent_then = self._step
        if before:
            self.seconds[f"finish: {before}"] += now - since
            self.cpu[f"finish: {before}"] += spent - spent_then
        self._step = (name, now, spent)

    def _around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            inner: list[tuple[float, float]] = self._local.__dict__.setdefault("inner", [])
            inner.append((0.0, 0.0))
            began = time.monotonic(), time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                spent = time.monotonic() - began[0], time.thread_time() - began[1]
                within = inner.pop()
                self.seconds[stage] += spent[0] - within[0]
                self.cpu[stage] += spent[1] - within[1]
                if inner:
                    inner[-1] = inner[-1][0] + spent[0], inner[-1][1] + spent[1]

        return timed


def in_one_transaction() -> None:
    """Let all batches join one transaction, without checkpoints."""
    begun: set[int] = set()
    drain = Writer.drain

    def commit(self: Writer, batch: Batch) -> None:
        if id(self) not in begun:
            begun.add(id(self))
            self._database.execute("BEGIN IMMEDIATE")
        for table, parts in batch.tables.items():
            for part in parts:
                self._database.ingest(table, part)
        batch.tables.clear()
        self._done.put(batch.checkpoint)

    def drain_and_commit(self: Writer) -> None:
        drain(self)
        if id(self) in begun:
            begun.discard(id(self))
            self._database.execute("COMMIT")

    Writer._commit = commit  # type: ignore[method-assign]
    Writer.drain = drain_and_commit  # type: ignore[method-assign]


def convert(
    source: Path, output: Path, on_event: Callable[[Event], None], should_leave: Callable[[], str | None]
) -> Report:
    """Convert; faulty entities are allowed."""
    chosen = ConvertOptions(source=source, output=output, max_errors=1_000_000_000)
    return pipeline.convert(chosen, on_event=on_event, should_leave=should_leave)


def half(source: Path, output: Path) -> dict[str, Any]:
    """Convert half of the drawing and leave."""
    far = [0.0]

    def on_event(event: Event) -> None:
        if isinstance(event, Advanced) and event.entities_total:
            far[0] = event.entities_read / event.entities_total

    try:
        convert(source, output, on_event, lambda: "half" if far[0] >= 0.5 else None)
    except Left as left:
        return {"entities": left.entities_read, "batch": left.batch}
    return {"entities": 0, "batch": 0}


def resume(source: Path, output: Path, spawned: float) -> None:
    """Go on to the next commit, tell how long that took since the process was started, and end at once."""

    def on_event(event: Event) -> None:
        if isinstance(event, Committed):
            print(json.dumps({"seconds": time.monotonic() - spawned}), flush=True)
            os._exit(0)

    convert(source, output, on_event, lambda: None)


def main() -> None:
    """Do what the mode says."""
    source, output, mode = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    clock = Clock()
    match mode:
        case "half":
            print(json.dumps(half(source, output)))
            return
        case "resume":
            resume(source, output, float(sys.argv[4]))
            raise SystemExit("nothing was left to commit")
        case "stages":
            clock.install()
        case "one-transaction":
            in_one_transaction()
    began, spent = time.monotonic(), time.process_time()
    report = convert(source, output, lambda _event: None, lambda: None)
    told = {
        "total_s": time.monotonic() - began,
        "total_cpu_s": time.process_time() - spent,
        "stages": clock.seconds,
        "cpu": clock.cpu,
        "absent": clock.absent,
        "entities": report.entities_read,
        "elements": report.elements_written,
        "batches": report.batches,
        "bytes": output.stat().st_size,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
