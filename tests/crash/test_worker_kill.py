"""kill -9 of a converting process at random moments: what comes out in the end is what an undisturbed run gives."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.crash.compare import assert_same
from tests.crash.drawing import write_rich_drawing
from tests.crash.seeds import seeded

ENTITIES = 3_000
BATCH = 100
KILLS = 20
"""So many kills of a conversion that has begun; those before do not count."""
LATE_KILLS = 4
"""So many of them while indexing, sealing or publishing."""
MOST_LIVES = 150


@dataclass
class Life:
    """One process from its start to its end."""

    lines: list[str] = field(default_factory=list)
    killed: bool = False

    @property
    def began(self) -> int:
        return next((int(line.split()[1]) for line in self.lines if line.startswith("began")), -1)

    @property
    def committed(self) -> int:
        return max((int(line.split()[1]) for line in self.lines if line.startswith("committed")), default=0)

    @property
    def late(self) -> bool:
        return any(line in {"index", "publish"} for line in self.lines)


@dataclass(frozen=True)
class Moment:
    """When to kill: `delay_s` after the `count`-th line of this kind (any: every line)."""

    kind: str
    count: int
    delay_s: float

    @staticmethod
    def draw(rng: random.Random) -> Moment:
        how = rng.random()
        if how < 0.55:
            return Moment("any", rng.randint(1, 25), rng.random() * 0.015)
        if how < 0.75:
            return Moment("ready", 1, rng.random() * 0.5)
        if how < 0.92:
            return Moment("index", rng.randint(1, 8), rng.random() * 0.006)
        return Moment("publish", 1, rng.random() * 0.003)


def live(source: Path, output: Path, moment: Moment | None, batch: int = BATCH) -> Life:
    """Run a conversion, and kill it at its moment if it lives so long."""
    life, seen = Life(), 0
    command = [sys.executable, "-m", "tests.crash.run_convert", str(source), str(output), "--batch-size", str(batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        for line in child.stdout:
            life.lines.append(line.strip())
            if moment is not None and (moment.kind == "any" or moment.kind == life.lines[-1]):
                seen += 1
                if seen == moment.count:
                    time.sleep(moment.delay_s)  # not to wait for anything: it is the moment
                    child.kill()
        status = child.wait()
        errors = child.stderr.read()
    life.killed = status == -9
    assert status in {0, -9}, errors
    return life


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rich_drawing(tmp_path_factory.mktemp("in") / "rich.dxf", ENTITIES)


@pytest.fixture(scope="module")
def undisturbed(source: Path) -> Path:
    output = source.with_name("undisturbed.db")
    assert not live(source, output, None).killed
    return output


def test_killed_at_random_moments_the_conversion_ends_with_the_same_database(
    source: Path, undisturbed: Path, tmp_path: Path
) -> None:
    rng = seeded("worker kills")
    kills: Counter[str] = Counter()
    for number in range(MOST_LIVES):
        if kills["begun"] >= KILLS and kills["late"] >= LATE_KILLS:
            break
        output, committed = tmp_path / f"{number}.db", 0
        while (life := live(source, output, Moment.draw(rng))).killed:
            kills.update(["begun" if life.began >= 0 else "early", *(["late"] if life.late else [])])
            if life.began >= 0:
                assert life.began >= committed, f"batches {life.began + 1} to {committed} were committed and are gone"
            committed = 0 if output.exists() else max(committed, life.committed)  # published: it would begin anew
        assert_same(undisturbed, output)
        assert [p.name for p in tmp_path.iterdir() if p.name.startswith(output.name)] == [output.name]
    print(f"kills: {dict(kills)}")
    assert kills["begun"] >= KILLS
    assert kills["late"] >= LATE_KILLS


def test_where_chunks_and_batches_are_cut_does_not_change_the_database(
    source: Path, undisturbed: Path, tmp_path: Path
) -> None:
    for batch in (37, 1_000, 1_000_000):
        output = tmp_path / f"{batch}.db"
        live(source, output, None, batch)
        assert_same(undisturbed, output)
