"""One conversion in a process of its own, to be killed: `python -m tests.crash.run_convert IN.dxf OUT.db [options]`.

Says on stdout, line by line, what it is doing: `ready`, `began N`, `read`, `committed N`, `index`, `publish`, `done`.
Chunks are small, so that a resumed run cuts the drawing elsewhere than the run before it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dxfd.convert import pipeline
from dxfd.convert.types import Advanced, Began, Committed, ConvertOptions, Event, ResumePolicy

CHUNK_BYTES = 48 << 10


def options(
    source: Path, output: Path, batch_size: int, *, vacuum: bool = False, resume: str = "auto"
) -> ConvertOptions:
    """Return the options of a conversion that counts faulty entities and goes on."""
    return ConvertOptions(
        source=source, output=output, batch_size=batch_size, max_errors=1_000_000, vacuum=vacuum,
        resume=ResumePolicy(resume),
    )  # fmt: skip


def use_small_chunks() -> None:
    """Make chunks so small that even a small drawing has many."""
    pipeline.CHUNK_BYTES = CHUNK_BYTES  # type: ignore[misc]  # a constant of the product, another one for this process


def say(line: str) -> None:
    """Write a line at once: what is buffered dies with the process."""
    os.write(1, line.encode() + b"\n")


def tell(event: Event) -> None:
    """Say what the conversion told."""
    match event:
        case Began():
            say(f"began {event.resumed_from_batch}")
        case Advanced():
            say(event.phase.value)
        case Committed():
            say(f"committed {event.batch}")
        case _:
            pass


def main() -> None:
    """Convert."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--batch-size", type=int, default=100)
    arguments = parser.parse_args()
    use_small_chunks()
    say("ready")
    chosen = options(arguments.source, arguments.output, arguments.batch_size)
    pipeline.convert(chosen, on_event=tell, should_leave=lambda: None)
    say("done")


if __name__ == "__main__":
    main()
