"""A crash at every step of a conversion and at every SQL statement of the queue leaves nothing that is not legal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.seeds import seeded
from tests.support.convert import fast_folder

MOST_AFTER = 60
"""Steps tried a second time, with the crash behind the step: it differs little from one before the next."""

DEADLINE_S = 380


def _start(module: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.crash.{module}", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _result(process: subprocess.Popen[str]) -> dict[str, Any]:
    with process:
        try:
            out, errors = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    result: dict[str, Any] = json.loads(out)
    return result


@pytest.mark.timeout(400)
def test_a_crash_at_any_step_of_a_conversion_loses_no_batch_and_publishes_no_half(tmp_path: Path) -> None:
    folders = [tmp_path / when for when in ("before", "after")]
    for folder in folders:
        folder.mkdir()
    seed = seeded("every step").randrange(1_000_000)
    before = _start("every_step", folders[0], "before")
    after = _start("every_step", folders[1], "after", "--vacuum", "--most", MOST_AFTER, "--always", 10, "--seed", seed)
    for result in (_result(before), _result(after)):
        assert not result["faults"], "\n".join(result["faults"][:20])
        print(f"{result['crashes']} crashes in {result['steps']} steps; left: {result['left']}")
        assert result["crashes"] >= min(result["steps"], MOST_AFTER)
        assert {"no tables", "in_progress", "indexing", "sealed", "published"} <= set(result["left"])


@pytest.mark.timeout(400)
def test_a_crash_while_walls_are_made_of_pairs_leaves_none_of_them_or_all(tmp_path: Path) -> None:
    seed = seeded("walls").randrange(1_000_000)
    result = _result(_start("every_step", tmp_path, "before", "--walls", "--most", 30, "--always", 2, "--seed", seed))
    print(f"{result['crashes']} crashes in {result['steps']} steps; left: {result['left']}")
    assert not result["faults"], "\n".join(result["faults"][:20])
    assert result["left"]["indexing"] > 5


def test_a_crash_at_any_statement_of_the_queue_leaves_the_queue_before_or_after_the_change() -> None:
    with fast_folder() as folder:
        result = _result(_start("every_change", folder))
    print(f"{result['crashes']} crashes in {result['changes']} changes")
    assert not result["faults"], "\n".join(result["faults"][:20])
    assert result["crashes"] > 5 * result["changes"]
