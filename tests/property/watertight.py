"""How many bodies are closed, outward and without slivers, by recipe: `python -m tests.property.watertight [KIND ...]`.

Converts the generated drawings and the real ones (kinds are folders of the corpus) with the rules that ship with dxfd,
and the smaller ones again with each recipe for everything, and prints a markdown table. `--json` prints it as JSON.
"""

from __future__ import annotations

import argparse
import collections
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from dxfd.convert.build.ragged import Floats, Ints, offsets
from dxfd.convert.match.load import load_rules
from dxfd.convert.match.rules import Recipe
from dxfd.convert.types import ResumePolicy
from dxfd.errors import DxfdError
from tests.bench import generate
from tests.demo.terminal import Terminal
from tests.support import convert as cv
from tests.support.corpus import CORPUS

LEAST_M2: Final = 1e-6
"""A triangle with less is degenerate: readers of the federation schema refuse it."""
LEAST_M3: Final = 1e-9
"""A cubic millimetre. A ring that crosses itself can go about as much area one way as the other: rounding decides."""
FORCED: Final = (Recipe.WALL, Recipe.SLAB, Recipe.PIPE, Recipe.DUCT)
"""One for each way of making a body: upright, raised, round, about its axis."""
LARGEST_FORCED: Final = 400_000
LARGEST: Final = 8_000_000
_BOX_BYTES: Final = 96
RAISED: Final = frozenset({"wall", "column", "extrude", "slab", "beam", "duct"})
"""Recipes that make a body of an area; other areas are faces in a plane."""
AREAS: Final = frozenset({"HATCH", "MPOLYGON", "MLINE", "WIPEOUT", "IMAGE"})


@dataclass(frozen=True)
class Bodies:
    """Bodies in flat arrays, with what each is called."""

    names: list[str]
    vertex_offset: Ints
    vertices: Floats
    face_offset: Ints
    faces: Ints


@dataclass
class Tally:
    """What was counted of one kind of body.

    Attributes:
        bodies: all; equal ones count once.
        open: an edge is not run through as often one way as the other.
        touching: closed, but an edge belongs to more than two triangles.
        inward: a part that hangs together has a negative volume, of more than LEAST_M3.
        slivers: a triangle has less than LEAST_M2.
        wrong: names of some that are open or inward.
    """

    bodies: int = 0
    open: int = 0
    touching: int = 0
    inward: int = 0
    slivers: int = 0
    wrong: list[str] = field(default_factory=list)

    def row(self, name: str) -> str:
        """Return the table's row."""
        cells = (name, *(f"{v:,}" for v in (self.bodies, self.open, self.touching, self.inward, self.slivers)))
        return "| " + " | ".join(cells) + " |"


HEAD: Final = (
    "| body | bodies | open | touching itself | inward | with a triangle < 1 mm² |\n|---|---:|---:|---:|---:|---:|"
)


def judged(found: Bodies) -> dict[str, np.ndarray]:
    """Return (n,) for each body whether it is open, touching, inward, has slivers."""
    n = len(found.names)
    counts = np.diff(found.face_offset)
    body = np.repeat(np.arange(n), counts)
    faces = found.faces + found.vertex_offset[body][:, None]
    first, second = (np.concatenate([faces[:, k] for k in order]) for order in ((0, 1, 2), (1, 2, 0)))
    owner = np.tile(body, 3)
    total = len(found.vertices)
    low, high = np.minimum(first, second), np.maximum(first, second)
    edge, inverse, times = np.unique(low * total + high, return_inverse=True, return_counts=True)
    balance = np.bincount(inverse, np.where(first < second, 1, -1), minlength=len(edge))
    a, b, c = (found.vertices[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    part = _parts(faces, total)
    middle = found.vertices[found.vertex_offset[:-1][body] + found.faces[found.face_offset[:-1][body], 0]]
    six = np.einsum("ij,ij->i", a - middle, np.cross(b - middle, c - middle))
    volume = np.bincount(part[faces[:, 0]], six, minlength=total)
    return {
        "open": _any(owner[np.isin(inverse, np.flatnonzero(balance != 0))], n),
        "touching": _any(owner[(times > 2)[inverse]], n),
        "inward": _any(body[volume[part[faces[:, 0]]] < -6 * LEAST_M3], n),
        "slivers": _any(body[area < LEAST_M2], n),
    }


def _any(rows: Ints, n: int) -> np.ndarray:
    out = np.zeros(n, dtype=np.bool_)
    out[rows] = True
    return out


def _parts(faces: Ints, total: int) -> Ints:
    """Return (total,) the least vertex that hangs together with each by faces."""
    label = np.arange(total)
    while len(faces):
        least = label[faces].min(axis=1)
        before = label.copy()
        for k in range(3):
            np.minimum.at(label, faces[:, k], least)
        label = label[label]
        if (label == before).all():
            break
    return label


def bodies_of(database: Path, recipes: dict[str, str], prefix: str = "") -> Iterator[Bodies]:
    """Yield the bodies with faces of a database, some thousands at a time."""
    rows = cv.query(
        database,
        "SELECT m.dxf_type, m.rule_id, t.length IS NULL, m.geometry_hash IS NOT NULL, m.dxf_handle, g.vertices, g.faces"
        " FROM elements_meta m JOIN element_transforms t ON t.id = m.id"
        " JOIN base_geometries g ON g.geometry_hash = COALESCE(m.geometry_hash, m.guid) WHERE g.face_count > 0"
        " GROUP BY g.id ORDER BY g.id",
    )
    for start in range(0, len(rows), 5000):
        some = rows[start : start + 5000]
        vertices = [cv.vertices(row[5]) for row in some]
        faces = [cv.faces(row[6]) for row in some]
        yield Bodies(
            [f"{prefix}{_called(row, recipes)}\t{database.stem} {row[4]}" for row in some],
            offsets(np.array([len(v) for v in vertices])), np.concatenate(vertices),
            offsets(np.array([len(f) for f in faces])), np.concatenate(faces),
        )  # fmt: skip


def _called(row: tuple[Any, ...], recipes: dict[str, str]) -> str:
    kind, rule, no_length, shared = row[:4]
    if kind == "INSERT" and shared:
        return "block's box" if len(row[5]) == _BOX_BYTES else "faces of blocks"
    if no_length:
        return f"area of {kind}" if kind in AREAS and recipes.get(rule) in RAISED else f"faces of {kind}"
    return recipes.get(rule, rule)


def count(found: Iterable[Bodies], table: dict[str, Tally]) -> None:
    """Count bodies into a table."""
    for some in found:
        verdict = judged(some)
        for k, text in enumerate(some.names):
            name, handle = text.split("\t")
            tally = table.setdefault(name, Tally())
            tally.bodies += 1
            for what, rows in verdict.items():
                setattr(tally, what, getattr(tally, what) + int(rows[k]))
            if (verdict["open"][k] or verdict["inward"][k] or verdict["slivers"][k]) and len(tally.wrong) < 20:
                tally.wrong.append(handle)


def made(folder: Path) -> list[Path]:
    """Return the generated drawings."""
    sample = folder / "terminal.dxf"
    Terminal(1).drawing.write(str(sample))
    return [generate.write(folder / "mixed.dxf", 40_000), sample]


def real(kinds: Iterable[str]) -> list[Path]:
    """Return the real drawings of the given kinds, all if there are none."""
    wanted = set(kinds)
    found = sorted(p for p in CORPUS.rglob("*.dxf") if p.stat().st_size <= LARGEST)
    return [p for p in found if not wanted or p.parent.name in wanted]


def survey(
    drawings: Iterable[Path], folder: Path, table: dict[str, Tally], *, recipe: Recipe | None, **more: Any
) -> int:
    """Convert drawings and count their bodies; returns how many could not be converted."""
    refused = 0
    templates = None if recipe is None else cv.rules(folder / "all.toml", recipe.value)
    recipes = _recipes() if recipe is None else {"all": recipe.value}
    for path in drawings:
        try:
            run = cv.convert(
                path, folder / f"{path.stem}.db", templates=templates, max_errors=10**9, resume=ResumePolicy.RESTART,
                **more,
            )  # fmt: skip
        except DxfdError:
            refused += 1
            continue
        count(bodies_of(run.output, recipes, "" if recipe is None else "all: "), table)
        run.output.unlink()
    return refused


def _recipes() -> dict[str, str]:
    return {rule.rule_id: rule.element.recipe.value for rule in load_rules(None).rules if rule.element is not None}


def main() -> int:
    """Print the table; the result is 1 if a body of a recipe is open or inward."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--wrong", action="store_true", help="name some of the wrong ones")
    given = parser.parse_args()
    table: dict[str, Tally] = collections.defaultdict(Tally)
    with cv.fast_folder() as name, np.errstate(all="ignore"):
        folder = Path(name)
        drawings = [*made(folder), *real(given.kinds)]
        survey(drawings, folder, table, recipe=None)
        small = [p for p in drawings if p.stat().st_size <= LARGEST_FORCED]
        for recipe in FORCED:
            survey(small, folder, table, recipe=recipe)
    if given.json:
        print(json.dumps({name: vars(tally) for name, tally in sorted(table.items())}))
    else:
        print(HEAD)
        for kind, tally in sorted(table.items()):
            print(tally.row(kind))
            if given.wrong and tally.wrong:
                print("   ", "; ".join(tally.wrong), file=sys.stderr)
    of_recipes = [tally for name, tally in table.items() if "faces of" not in name]
    return int(any(tally.open or tally.inward for tally in of_recipes))


if __name__ == "__main__":
    raise SystemExit(main())
