"""The whole suite on two cores: `python -m tests.lanes [OPTION …]` runs two pytests side by side.

Each lane is a plain serial run in a process of its own: a test shares nothing with those of the other lane, and those
that fork do it without threads. Any argument is for one plain pytest (`python -m tests.lanes tests/unit -x`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
FIRST: Final = ("integration", "unit")
"""Folders of the first lane: 190 s of 420 s of processor time, and of daemons the tests that wait longest."""


def lanes() -> tuple[list[str], list[str]]:
    """Return the paths of each lane; between them everything below this folder that holds tests."""
    paths = sorted({path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")})
    return [p for p in paths if p in FIRST], [p for p in paths if p not in FIRST]


def command(paths: list[str]) -> list[str]:
    """Return the command of a lane; two runs would write one cache of what failed last."""
    color = "yes" if sys.stdout.isatty() else "auto"
    here = [os.path.relpath(TESTS / path) for path in paths]
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--color={color}", *here]


def run() -> int:
    """Run both lanes, print the one as it goes and the other one behind it; return the worse exit status."""
    first, second = lanes()
    began = time.monotonic()
    with tempfile.TemporaryFile() as kept:
        beside = subprocess.Popen(command(second), stdout=kept, stderr=subprocess.STDOUT)
        with beside, subprocess.Popen(command(first)) as before:
            try:
                statuses = [before.wait(), beside.wait()]
            except KeyboardInterrupt:  # both have it too, and tell what they had done
                statuses = [before.wait(), beside.wait(), 130]
        kept.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(kept.read())
    print(f"both lanes: {time.monotonic() - began:.0f} s", flush=True)
    return max(statuses, key=abs)


def main() -> int:
    """Run the suite, or one pytest with the arguments given."""
    if sys.argv[1:] or (os.cpu_count() or 1) < 2:
        return subprocess.call([sys.executable, "-m", "pytest", *sys.argv[1:]])
    return run()


if __name__ == "__main__":
    sys.exit(main())
