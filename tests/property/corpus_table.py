"""The real drawings, by kind, as a table: `python -m tests.property.corpus_table [KIND ...]` prints markdown.

Each drawing is converted in a process of its own with a rule set that wants every type, so that its time and peak of
memory (with the 100 MB of libraries) are its own. "exact" means that the ledger adds up; "as ezdxf" that as many
modelspace entities were read as ezdxf has, where it can read the drawing without repairing it and it is not too large.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import resource
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import ezdxf

from dxfd.convert.types import ResumePolicy
from dxfd.errors import DxfdError
from tests.support import convert as cv
from tests.support.corpus import CORPUS

COMPARED_BYTES: Final = 1_000_000
"""ezdxf takes 1.5 s a megabyte."""
DRAWINGS: Final = (".dxf", ".dxf.gz", ".dwg")


@dataclass(frozen=True)
class Outcome:
    """What became of one drawing."""

    name: str
    code: str
    """Empty if it was converted, else the error's code; ESCAPED for anything that is no error of ours."""
    entities: int = 0
    elements: int = 0
    exact: bool = True
    theirs: int = -1
    """Entities that ezdxf has; -1 if it was not asked or had to repair."""
    seconds: float = 0.0
    peak_mb: int = 0
    words: str = ""


@dataclass
class Kind:
    """The outcomes of one folder."""

    name: str
    outcomes: list[Outcome] = field(default_factory=list)

    def row(self) -> str:
        """Return the table's row."""
        done = [o for o in self.outcomes if not o.code]
        refused = collections.Counter(o.code for o in self.outcomes if o.code)
        asked = [o for o in done if o.theirs >= 0]
        same = sum(o.theirs == o.entities for o in asked)
        slowest = max(self.outcomes, key=lambda o: o.seconds)
        largest = max(self.outcomes, key=lambda o: o.peak_mb)
        cells = (
            self.name, len(self.outcomes), len(done), ", ".join(f"{c} {n}" for c, n in sorted(refused.items())) or "-",
            f"{sum(o.entities for o in done):,}", f"{sum(o.elements for o in done):,}",
            f"{sum(o.exact for o in done)} of {len(done)}", f"{same} of {len(asked)}",
            f"{slowest.seconds:.2f}", largest.peak_mb,
        )  # fmt: skip
        return "| " + " | ".join(str(cell) for cell in cells) + " |"


HEAD: Final = (
    "| kind | files | converted | refused | entities | elements | ledger exact | as ezdxf | worst s | worst MB |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def outcome(path: Path, folder: Path) -> Outcome:
    """Convert one drawing in a child process and return what became of it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.write(write, json.dumps(_converted(path, folder)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        found = pipe.read()
    _, status, _ = os.wait4(child, 0)
    if not found:
        return Outcome(path.name, "ESCAPED", words=f"the process ended with status {status}")
    return Outcome(path.name, theirs=_theirs(path), **json.loads(found))


def _converted(path: Path, folder: Path) -> dict[str, object]:
    began = time.perf_counter()
    found: dict[str, object]
    try:
        report = cv.convert(
            path, folder / "out.db", templates=folder / "all.toml", resume=ResumePolicy.RESTART, max_errors=1000
        ).report
        found = {
            "code": "", "entities": report.entities_read, "elements": report.elements_written,
            "exact": cv.adds_up(report),
        }  # fmt: skip
    except DxfdError as error:
        found = {"code": error.code, "words": error.message}
    except BaseException:  # noqa: BLE001  (what this table is there to find)
        found = {"code": "ESCAPED", "words": traceback.format_exc()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return {**found, "seconds": time.perf_counter() - began, "peak_mb": peak}


def _theirs(path: Path) -> int:
    if path.stat().st_size > COMPARED_BYTES or path.suffix.lower() != ".dxf":
        return -1
    try:
        model = ezdxf.readfile(path).modelspace()
        # Before R2018 each column of a text is an MTEXT of its own, with handle, place and words: such the drawing has,
        # and such are converted. ezdxf takes them out of the model and into the first column.
        columns = sum(len(t.columns.linked_columns) for t in model.query("MTEXT") if t.columns is not None)
        return len(model) + columns
    except Exception:  # noqa: BLE001  (a foreign reader on damaged drawings: not what is judged here)
        return -1


def kinds(names: list[str]) -> list[Path]:
    """Return the folders of the named kinds, or all."""
    folders = sorted(p for p in CORPUS.iterdir() if p.is_dir())
    return [p for p in folders if not names or p.name in names]


def main() -> int:
    """Print the table, and on stderr what escaped and whose ledger does not add up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kind", nargs="*")
    parser.add_argument("--each", action="store_true", help="a line for each drawing, on stderr")
    chosen = parser.parse_args()
    print(HEAD, flush=True)
    failed = 0
    with cv.fast_folder() as name:
        folder = Path(name)
        cv.rules(folder / "all.toml")
        for kind in kinds(chosen.kind):
            drawings = sorted(p for p in kind.rglob("*") if p.name.lower().endswith(DRAWINGS))
            if not drawings:
                continue
            row = Kind(kind.name, [outcome(path, folder) for path in drawings])
            print(row.row(), flush=True)
            for one in row.outcomes:
                bad = one.code == "ESCAPED" or not one.exact
                failed += bad
                if bad or chosen.each:
                    print(f"{kind.name}/{one}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
