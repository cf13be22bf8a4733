"""Crashes a conversion at every step it takes and looks at what is left: a process of its own, run by a test.

A step is a statement or an ingest on the output's connection, or an fsync, a renaming, a removal of a file. For n = 1,
2, 3, … a forked child converts and kills itself at step n; then another one goes on. Nothing is converted in this
process, so that it stays without threads and forking is safe; a fork takes a tenth of what starting Python would.

`python -m tests.crash.every_step FOLDER before|after [--most N] [--always N] [--seed N] [--vacuum] [--walls]` prints
JSON. With --walls it is a plan of rooms, and walls are made of pairs of lines.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from dxfd.convert import pipeline
from dxfd.convert.types import Began, Event, Walls
from dxfd.convert.write.database import Database
from tests.crash import run_convert
from tests.crash.compare import differences, health
from tests.crash.drawing import write_rich_drawing
from tests.crash.forked import in_child
from tests.support.walls import town

ENTITIES = 280
BATCH = 80


class Steps:
    """Counts the steps of this process and ends it at one of them."""

    def __init__(self, fatal: int, when: str) -> None:
        self.taken = 0
        self._fatal = fatal
        self._when = when
        self._lock = threading.Lock()

    def watch(self) -> None:
        """Count from now on."""
        for name in ("execute", "rows", "batches", "ingest"):
            setattr(Database, name, self._counted(getattr(Database, name)))
        os.fsync = self._counted(os.fsync)
        Path.rename = self._counted(Path.rename)  # type: ignore[method-assign]
        Path.unlink = self._counted(Path.unlink)  # type: ignore[method-assign]

    def _counted(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                self.taken += 1
                number = self.taken
            if number == self._fatal and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return step(*arguments, **named)
            finally:
                if number == self._fatal:
                    os.kill(os.getpid(), signal.SIGKILL)

        return counted


@dataclass
class Outcome:
    """What came of all the crashes."""

    steps: int = 0
    crashes: int = 0
    left: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Experiment:
    """One drawing, its undisturbed database, and crashes."""

    def __init__(self, folder: Path, when: str, *, vacuum: bool, walls: bool = False) -> None:
        self.source = town().saved(folder) if walls else write_rich_drawing(folder / "rich.dxf", ENTITIES)
        self.walls = Walls.PAIRS if walls else Walls.AUTO
        self.undisturbed = folder / "undisturbed.db"
        self.old = folder / "old.db"
        self.outputs = folder / "out"
        self.outputs.mkdir()
        self.output = self.outputs / "out.db"
        self.when = when
        self.vacuum = vacuum
        in_child(functools.partial(self._convert, output=self.undisturbed))
        other = write_rich_drawing(folder / "other.dxf", 20, seed=2)
        in_child(functools.partial(self._convert, source=other, output=self.old))

    def steps(self) -> int:
        """Return how many steps an undisturbed conversion takes."""
        self._clean()
        return int(in_child(functools.partial(self._convert, fatal=0)).told["steps"])

    def crash_at(self, step: int, outcome: Outcome) -> None:
        """Crash at a step, look, go on, look."""
        self._clean()
        if self.when == "after":  # a result of an earlier conversion stays until the new one is complete
            shutil.copy(self.old, self.output)
        first = in_child(functools.partial(self._convert, fatal=step))
        if not first.killed:
            return
        outcome.crashes += 1
        batch = self._look(step, outcome)
        published = self._published()
        second = in_child(self._convert)
        found = differences(self.undisturbed, self.output)
        names = sorted(p.name for p in self.outputs.iterdir())
        if second.killed or found or names != ["out.db"]:
            outcome.faults.append(f"{self.when} step {step}: files {names}, {found}")
        if not published and batch is not None and second.told["began"] != batch:
            began = second.told["began"]
            outcome.faults.append(f"{self.when} step {step}: batch {batch} was on disk, the next run began at {began}")

    def _published(self) -> bool:
        old = self.old.read_bytes() if self.when == "after" else None
        return self.output.exists() and self.output.read_bytes() != old

    def _look(self, step: int, outcome: Outcome) -> int | None:
        """Check what a crash left behind; return the last batch on disk, None if nothing of the run is there."""
        if self._published() and (found := differences(self.undisturbed, self.output)):
            outcome.faults.append(f"{self.when} step {step}: half a database was published: {found}")
        if self.when == "after" and not self.output.exists():
            outcome.faults.append(f"{self.when} step {step}: the earlier result is gone")
        parts = [p for p in self.outputs.iterdir() if ".partial" in p.name and not p.name.endswith(".lock")]
        look = self.outputs.with_name("look")  # SQLite repairs what it opens, and the next run is to do that
        shutil.rmtree(look, ignore_errors=True)
        look.mkdir()
        copies = {p.name: shutil.copy(p, look) for p in parts}
        if "out.db.partial" not in copies:
            outcome.left["published" if self._published() else "nothing"] += 1
            return None
        copy = Path(copies["out.db.partial"])
        outcome.faults += [f"{self.when} step {step}: {line}" for line in health(copy)]
        return _batch(copy, outcome)

    def _convert(
        self, tell: Callable[[str, Any], None], *, source: Path | None = None, output: Path | None = None,
        fatal: int | None = None,
    ) -> None:  # fmt: skip
        """Convert in this process, which is a child."""
        steps = Steps(fatal or 0, self.when)
        if fatal is not None:
            steps.watch()
        run_convert.use_small_chunks()
        chosen = run_convert.options(source or self.source, output or self.output, BATCH, vacuum=self.vacuum)
        chosen = msgspec.structs.replace(chosen, walls=self.walls)

        def on_event(event: Event) -> None:
            if isinstance(event, Began):
                tell("began", event.resumed_from_batch)

        pipeline.convert(chosen, on_event=on_event, should_leave=lambda: None)
        tell("steps", steps.taken)

    def _clean(self) -> None:
        for path in self.outputs.iterdir():
            path.unlink()


def _batch(copy: Path, outcome: Outcome) -> int | None:
    """Return the last batch of an interrupted database; None when it has not even its tables."""
    with closing(sqlite3.connect(copy)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        if "_conversion_progress" in tables:
            status, batch = connection.execute(
                "SELECT status, current_batch_number FROM _conversion_progress"
            ).fetchone()
            outcome.left[str(status)] += 1
            return int(batch)
        if "run_report" in tables:
            outcome.left["sealed"] += 1
            return int(connection.execute("SELECT value FROM run_report WHERE key = 'batches'").fetchone()[0])
    outcome.left["no tables"] += 1
    return None


def warm_up() -> None:
    """Load what every child would load anew."""
    for name in ("encodings.cp1252", "ezdxf.disassemble", "numpy.ma"):
        importlib.import_module(name)
    conversion: Any = pipeline
    conversion.load_rules = functools.cache(conversion.load_rules)
    conversion.load_rules(None)
    gc.freeze()


def chosen_steps(steps: int, most: int, always: int, rng: random.Random) -> list[int]:
    """Return the steps to crash at: all of them, or the first and last `always` and some in between."""
    if steps <= most:
        return list(range(1, steps + 2))  # one more, which must survive
    middle = range(always + 1, steps - always + 1)
    picked = rng.sample(middle, max(0, min(len(middle), most - 2 * always)))
    return sorted([*range(1, always + 1), *picked, *range(steps - always + 1, steps + 2)])


def main() -> None:
    """Crash, look, and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("when", choices=["before", "after"])
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--always", type=int, default=40, help="first and last steps that are never left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vacuum", action="store_true")
    parser.add_argument("--walls", action="store_true")
    arguments = parser.parse_args()
    warm_up()
    experiment = Experiment(arguments.folder, arguments.when, vacuum=arguments.vacuum, walls=arguments.walls)
    outcome = Outcome(steps=experiment.steps())
    for step in chosen_steps(outcome.steps, arguments.most, arguments.always, random.Random(arguments.seed)):
        experiment.crash_at(step, outcome)
    json.dump({**outcome.__dict__, "left": dict(outcome.left)}, sys.stdout)


if __name__ == "__main__":
    main()
